#include "api/dm/live_read.h"

#include "api/dm/alert.h"
#include "api/dm/denial.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/answer.h"

enum { PART_MAX = 1 << 20 };

typedef struct work {
    const dm_live_asked *asked;
    dm_live_told *t;
} work;

static void for_all(dm_live_told *t, void (*fn)(dm_buf *b))
{
    fn(&t->counts_json);
    fn(&t->cost);
    fn(&t->spend);
    fn(&t->newest);
    fn(&t->refused);
    fn(&t->warned);
    for (size_t i = 0; i < DM_LIVE_ROWS_MAX; i++) {
        fn(&t->lines[i]);
        fn(&t->denials[i]);
        fn(&t->alerts[i]);
    }
}

static void init(dm_buf *b)
{
    dm_buf_init(b, PART_MAX);
}

dm_live_told *dm_live_told_new(dm_err *err)
{
    dm_live_told *t = calloc(1, sizeof *t);
    if (t == NULL)
        (void)dm_fail(err, DM_E_NOMEM, "what is told of a project");
    else
        for_all(t, init);
    return t;
}

void dm_live_told_free(dm_live_told *t)
{
    if (t == NULL)
        return;
    for_all(t, dm_buf_done);
    free(t);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static void write_counts(int64_t now_us, dm_live_told *t)
{
    const dm_counts *k = &t->counts;
    bool least = k->running == DM_COUNTS_MAX || k->asleep == DM_COUNTS_MAX || k->changing == DM_COUNTS_MAX ||
                 k->created_1m == DM_COUNTS_MAX;
    dm_jw w;
    dm_jw_init(&w, &t->counts_json);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "running", k->running);
    dm_jw_ki64(&w, "asleep", k->asleep);
    dm_jw_ki64(&w, "changing", k->changing);
    dm_jw_ki64(&w, "created_1m", k->created_1m);
    dm_jw_kbool(&w, "at_least", least);
    dm_jw_ktime(&w, "as_of", now_us);
    dm_jw_end(&w);
}

static int read_cost(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    dm_read_cost k;
    dm_jw w;
    int r = dm_read_cost_of(c, a->owner, &k, err);
    if (r < 0)
        return r;
    dm_jw_init(&w, &t->cost);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "hour", k.has_hour ? k.hour : NULL);
    dm_jw_kc(&w, "month", k.has_month ? k.month : NULL);
    dm_jw_kc(&w, "currency", k.currency[0] != '\0' ? k.currency : NULL);
    dm_write_second(&w, "as_of", k.closed_through);
    dm_jw_end(&w);
    return 0;
}

int dm_live_spend(dm_buf *out, const dm_read_spend *s, dm_err *err)
{
    dm_jw w;
    dm_jw_init(&w, out);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "amount", s != NULL ? s->amount : "0");
    dm_jw_kc(&w, "per_second", s != NULL ? s->per_second : "0");
    dm_jw_kc(&w, "currency", s != NULL ? s->currency : NULL);
    dm_jw_ki64(&w, "running", s != NULL ? s->running : 0);
    dm_jw_ki64(&w, "running_seconds", s != NULL ? s->running_s : 0);
    dm_jw_ktime(&w, "as_of", s != NULL ? s->through_us : 0);
    dm_jw_end(&w);
    return dm_buf_ok(out, err);
}

static int read_spend(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    dm_read_spend s;
    size_t n = 0;
    int r = dm_read_spends_of(c, &a->owner.project, 1, &s, &n, err);
    return r == 0 ? dm_live_spend(&t->spend, n > 0 ? &s : NULL, err) : r;
}

static int read_newest(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    const dm_line_filter newest = {.limit = DM_LIVE_NEWEST};
    dm_lines lines = {.rows = NULL};
    dm_sandbox_line l;
    dm_jw w;
    int r = dm_lines_find(c, a->owner, &newest, &lines, err);
    size_t n = lines.rows != NULL ? dm_pg_count(lines.rows) : 0;
    dm_jw_init(&w, &t->newest);
    dm_jw_arr(&w);
    for (size_t i = 0; r == 0 && i < n && i < DM_LIVE_NEWEST; i++) {
        r = dm_line_read(lines.rows, i, &l, err);
        if (r == 0)
            dm_write_line(&w, &l, NULL);
    }
    dm_jw_arr_end(&w);
    dm_lines_done(&lines);
    return r;
}

static int read_refused(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    const dm_denials_window newest = {.limit = DM_LIVE_NEWEST};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_denied d;
    dm_jw w;
    int r = dm_denials_list(c, a->owner, &newest, &rows, NULL, err);
    if (r < 0)
        return r;
    dm_jw_init(&w, &t->refused);
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_denial_row(rows, i, &d);
        dm_write_denied(&w, &d);
    }
    dm_jw_arr_end(&w);
    return 0;
}

static int read_lines(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_sandbox_line l;
    dm_jw w;
    int r = dm_lines_of(c, a->owner, a->ids, a->nids, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at = 0;
        r = dm_line_read(rows, i, &l, err);
        while (r == 0 && at < a->nids && !dm_sandbox_id_eq(&a->ids[at], &l.id))
            at++;
        if (r < 0 || at == a->nids)
            continue;
        dm_jw_init(&w, &t->lines[at]);
        dm_write_line(&w, &l, NULL);
    }
    return r;
}

static int read_denials(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_denied d;
    dm_jw w;
    int r = dm_denials_of(c, a->owner, a->denials, a->ndenials, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at = 0;
        dm_denial_row(rows, i, &d);
        while (at < a->ndenials && a->denials[at] != d.no)
            at++;
        if (at == a->ndenials)
            continue;
        dm_jw_init(&w, &t->denials[at]);
        dm_write_denied(&w, &d);
    }
    return r;
}

static int read_warned(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_alert k;
    dm_jw w;
    int r = dm_alerts_list(c, a->owner, INT64_MAX, DM_LIVE_NEWEST, &rows, NULL, err);
    if (r < 0)
        return r;
    dm_jw_init(&w, &t->warned);
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_alert_read(rows, i, &k);
        dm_write_alert(&w, &k);
    }
    dm_jw_arr_end(&w);
    return 0;
}

static int read_alerts(dm_pg *c, const dm_live_asked *a, dm_live_told *t, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_alert k;
    dm_jw w;
    int r = dm_alerts_of(c, a->owner, a->alerts, a->nalerts, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at = 0;
        dm_alert_read(rows, i, &k);
        while (at < a->nalerts && a->alerts[at] != k.no)
            at++;
        if (at == a->nalerts)
            continue;
        dm_jw_init(&w, &t->alerts[at]);
        dm_write_alert(&w, &k);
    }
    return r;
}

static int read_all(dm_pg *c, void *arg, dm_err *err)
{
    const work *k = arg;
    const dm_live_asked *a = k->asked;
    dm_live_told *t = k->t;
    for_all(t, dm_buf_reset);
    int64_t now_us = a->now_us;
    int r = now_us == 0 ? dm_changed_clock(c, &now_us, err) : 0;
    if (r == 0)
        r = dm_counts_read(c, a->owner, now_us, &t->counts, err);
    if (r == 0)
        write_counts(now_us, t);
    if (r == 0 && a->cost)
        r = read_cost(c, a, t, err);
    if (r == 0 && a->cost)
        r = read_spend(c, a, t, err);
    if (r == 0 && a->whole)
        r = read_newest(c, a, t, err);
    if (r == 0 && a->whole)
        r = read_refused(c, a, t, err);
    if (r == 0 && a->whole)
        r = read_warned(c, a, t, err);
    if (r == 0 && a->nids > 0)
        r = read_lines(c, a, t, err);
    if (r == 0 && a->ndenials > 0)
        r = read_denials(c, a, t, err);
    if (r == 0 && a->nalerts > 0)
        r = read_alerts(c, a, t, err);
    return r;
}

int dm_live_read(dm_api *api, const dm_live_asked *asked, dm_live_told *t, dm_err *err)
{
    work k = {.asked = asked, .t = t};
    const dm_caller of = {.owner = asked->owner};
    return dm_api_tx(api, &of, read_all, &k, err);
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static void part(dm_jw *w, const char *name, const dm_buf *json, bool may)
{
    if (may && json->len == 0)
        return;
    dm_jw_key(w, name);
    if (may)
        dm_jw_raw(w, dm_buf_view(json));
    else
        dm_jw_null(w);
}

void dm_live_snapshot(dm_jw *w, const dm_live_told *t, dm_rights rights)
{
    part(w, "counts", &t->counts_json, true);
    part(w, "cost", &t->cost, dm_may(rights, DM_RIGHT_USAGE_READ));
    part(w, "spend", &t->spend, dm_may(rights, DM_RIGHT_USAGE_READ));
    part(w, "sandboxes", &t->newest, true);
    part(w, "denials", &t->refused, dm_may(rights, DM_RIGHT_LIMIT_READ));
    part(w, "alerts", &t->warned, dm_may(rights, DM_RIGHT_USAGE_READ));
}

int dm_live_event(dm_buf *out, const char *name, int64_t id, dm_str json)
{
    (void)dm_buf_fmt(out, "event: %s\nid: %lld\ndata: ", name, (long long)id);
    (void)dm_buf_str(out, json);
    return dm_buf_c(out, "\n\n");
}
