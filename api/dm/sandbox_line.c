#include "api/dm/sandbox_line.h"

#include "base/parse.h"
#include "base/wire/spec.h"

#include "api/kit/answer.h"

int dm_read_second(const dm_req *req, const char *name, int64_t *second, dm_err *err)
{
    dm_str text = dm_req_query(req, name);
    int64_t us;
    if (text.p == NULL)
        return 0;
    int r = dm_parse_rfc3339(text, &us, err);
    if (r < 0)
        return dm_wrap(err, "%s", name);
    *second = us / 1000000;
    return 0;
}

void dm_write_second(dm_jw *w, const char *name, int64_t second)
{
    dm_write_time(w, name, second * 1000000);
}

void dm_write_cause(dm_jw *w, dm_cause cause)
{
    const dm_cause_row *row = dm_cause_get(cause);
    dm_jw_kc(w, "cause", cause != DM_CAUSE_NONE ? row->name : NULL);
    dm_jw_kc(w, "whose", cause != DM_CAUSE_NONE ? dm_cause_whose_name(row->whose) : NULL);
}

static void maybe(dm_jw *w, const char *name, dm_str s)
{
    if (s.p != NULL)
        dm_jw_kstr(w, name, s);
    else
        dm_jw_kc(w, name, NULL);
}

static void write_size(dm_jw *w, const dm_sandbox_line *l)
{
    const dm_spec *spec = dm_spec_get((uint16_t)l->spec_table, (uint16_t)l->spec);
    dm_jw_key(w, "spec");
    dm_jw_obj(w);
    dm_jw_ki64(w, "table", l->spec_table);
    dm_jw_ki64(w, "no", l->spec);
    dm_jw_ki64(w, "vcpus", spec != NULL ? spec->vcpus : l->asked_vcpus);
    dm_jw_ki64(w, "memory_mib", spec != NULL ? spec->mem_mib : l->asked_mem_mib);
    dm_jw_ki64(w, "disk_mib", l->disk_mib);
    dm_jw_end(w);
    dm_jw_key(w, "asked");
    dm_jw_obj(w);
    dm_jw_ki64(w, "vcpus", l->asked_vcpus);
    dm_jw_ki64(w, "memory_mib", l->asked_mem_mib);
    dm_jw_end(w);
}

static void write_key(dm_jw *w, const dm_sandbox_line *l)
{
    dm_jw_key(w, "key");
    if (l->key_id.p == NULL) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", l->key_id);
    maybe(w, "name", l->key_name);
    dm_jw_end(w);
}

void dm_write_runs(dm_jw *w, const dm_usage *u)
{
    static const char *const names[] = {
            [DM_SPENT_OFF] = "off", [DM_SPENT_RUN] = "run", [DM_SPENT_HIB] = "hib", [DM_SPENT_GAP] = "gap"};
    int64_t n = u->closed_through - u->from;
    dm_jw_arr(w);
    for (int64_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && u->seconds[k] == u->seconds[i]; k++)
            continue;
        dm_jw_arr(w);
        dm_jw_c(w, names[u->seconds[i]]);
        dm_jw_i64(w, k - i);
        dm_jw_arr_end(w);
    }
    dm_jw_arr_end(w);
}

static void write_last_hour(dm_jw *w, const dm_usage *u)
{
    dm_jw_key(w, "runs_1h");
    if (u == NULL) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_write_second(w, "from", u->from);
    dm_write_second(w, "closed_through", u->closed_through > u->from ? u->closed_through : 0);
    dm_jw_key(w, "runs");
    dm_write_runs(w, u);
    dm_jw_end(w);
}

/* Of a month of which nothing has closed yet nothing is known, which is not the same as nothing. */
static void write_month(dm_jw *w, const dm_line_spent *s)
{
    const dm_read_month *m = s->month;
    dm_jw_key(w, "month");
    if (m == NULL || s->closed_through == 0) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_ku64(w, "run_s", m->run_s);
    dm_jw_ku64(w, "hib_s", m->hib_s);
    dm_jw_kc(w, "amount", m->charged ? m->amount : NULL);
    dm_jw_kc(w, "currency", m->charged ? m->currency : NULL);
    dm_write_second(w, "closed_through", s->closed_through);
    dm_jw_end(w);
}

void dm_write_line_members(dm_jw *w, const dm_sandbox_line *l, const dm_line_spent *spent)
{
    static const dm_line_spent nothing = {.last_hour = NULL};
    if (spent == NULL)
        spent = &nothing;
    dm_jw_kc(w, "id", dm_sandbox_name_of(&l->id).s);
    dm_jw_kc(w, "state", dm_sandbox_state_name(l->state));
    dm_write_cause(w, l->cause);
    dm_jw_kstr(w, "template", l->template_id);
    maybe(w, "alias", l->alias);
    dm_jw_kstr(w, "build", l->build_id);
    write_size(w, l);
    write_key(w, l);
    dm_jw_kstr(w, "region", l->region);
    dm_jw_ki64(w, "epoch", l->epoch);
    dm_write_time(w, "created_at", l->created_us);
    dm_write_time(w, "started_at", l->started_us);
    dm_write_time(w, "end_at", l->end_us);
    dm_write_time(w, "paused_at", l->paused_us);
    dm_write_time(w, "ended_at", l->ended_us);
    dm_write_time(w, "expires_at", l->expires_us);
    dm_jw_key(w, "metadata");
    dm_jw_raw(w, l->metadata);
    dm_jw_kc(w, "parent", l->forked ? dm_sandbox_name_of(&l->parent).s : NULL);
    write_last_hour(w, spent->last_hour);
    write_month(w, spent);
}

void dm_write_line(dm_jw *w, const dm_sandbox_line *l, const dm_line_spent *spent)
{
    dm_jw_obj(w);
    dm_write_line_members(w, l, spent);
    dm_jw_end(w);
}
