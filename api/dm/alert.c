/* /v1/accounts/{id}/alerts: what an account's people are told of a month's bounds, what they want to be told, and
 * whether by mail (tenants/plan/alerts.h). */
#include "api/dm/alert.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"

typedef struct work {
    dm_rows_db db;
    const dm_caller *by;
    const dm_alert_change *want; /* NULL: nothing is changed */
    dm_pg_rows *settings;
} work;

static void done(work *w)
{
    dm_pg_rows_free(w->settings);
    dm_pg_rows_free(w->db.rows);
    w->settings = w->db.rows = NULL;
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    done(w);
    int r = w->want != NULL ? dm_alert_set(c, w->want, err) : 0;
    if (r == 0)
        r = dm_alert_settings(c, w->by->owner.account, &w->settings, err);
    return r != 0 ? r
                  : dm_alerts_list(c, w->by->owner, dm_rows_below(&w->db.page), w->db.page.limit + 1, &w->db.rows,
                            &w->db.total, err);
}

static void write_times(dm_jw *j, int64_t times)
{
    dm_jw_key(j, "times");
    if (times == 0)
        dm_jw_null(j);
    else
        dm_jw_i64(j, times);
}

static void write_settings(dm_jw *j, const void *list)
{
    const work *w = list;
    dm_jw_key(j, "settings");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->settings); i++) {
        dm_alert_setting s;
        dm_alert_setting_read(w->settings, i, &s);
        dm_jw_obj(j);
        dm_jw_kmaybe(j, "project", s.slug);
        dm_jw_key(j, "percents");
        dm_jw_raw(j, s.percents);
        dm_jw_kbool(j, "ends", s.ends);
        write_times(j, s.times);
        dm_jw_kbool(j, "muted", s.muted);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

void dm_write_alert(dm_jw *j, const dm_alert *a)
{
    dm_jw_obj(j);
    dm_jw_ki64(j, "no", a->no);
    dm_jw_ktime(j, "at", a->at_us);
    dm_jw_kmaybe(j, "project", a->slug);
    dm_jw_kstr(j, "budget", a->budget);
    dm_jw_kstr(j, "kind", a->kind);
    dm_jw_ki64(j, "mark", a->mark);
    dm_jw_kstr(j, "used", a->used);
    dm_jw_kstr(j, "bound", a->bound);
    dm_jw_kstr(j, "unit", dm_alert_unit(a));
    dm_jw_end(j);
}

static int write_row(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_alert a;
    (void)err;
    dm_alert_read(w->db.rows, i, &a);
    dm_write_alert(j, &a);
    at->us = a.no;
    return 0;
}

static const dm_rows_kind kind = {
        .order = 'L', .id = "alert", .query = query, .head = write_settings, .write = write_row};

static int list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_rows_own(req, ctx, w.by, &kind, &w, err);
    done(&w);
    return r;
}

int dm_route_alert_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- settings ----------------------------------------------------------------------------------------------- */

static int bad_percents(dm_err *err)
{
    return dm_fail(
            err, DM_E_INVALID, "\"percents\" must be at most %d different numbers from 1 to 100", DM_ALERT_PERCENTS);
}

/* As PostgreSQL writes an array, the lowest first. */
static int read_percents(const json_t *obj, dm_buf *out, dm_str *text, dm_err *err)
{
    const json_t *all = json_object_get(obj, "percents");
    bool wanted[101] = {false};
    size_t n = json_array_size(all);
    if (all == NULL)
        return 0;
    if (!json_is_array(all) || n > DM_ALERT_PERCENTS)
        return bad_percents(err);
    for (size_t i = 0; i < n; i++) {
        json_int_t v = json_integer_value(json_array_get(all, i)); /* 0 for what is none */
        if (v < 1 || v > 100 || wanted[v])
            return bad_percents(err);
        wanted[v] = true;
    }
    for (int v = 1; v <= 100; v++)
        if (wanted[v])
            (void)dm_buf_fmt(out, "%s%d", out->len > 0 ? "," : "{", v);
    (void)dm_buf_c(out, out->len > 0 ? "}" : "{}");
    *text = dm_buf_view(out);
    return dm_buf_ok(out, err);
}

static int read_flag(const json_t *obj, const char *name, bool *set, bool *value, dm_err *err)
{
    const json_t *v = json_object_get(obj, name);
    *set = v != NULL;
    *value = json_is_true(v);
    return v == NULL || json_is_boolean(v) ? 0 : dm_fail(err, DM_E_INVALID, "\"%s\" must be true or false", name);
}

static int read_times(const json_t *obj, dm_alert_change *k, dm_err *err)
{
    const json_t *v = json_object_get(obj, "times");
    k->sets_times = v != NULL;
    if (v == NULL || json_is_null(v))
        return 0;
    return dm_json_i64(obj, "times", DM_ALERT_TIMES_MIN, DM_ALERT_TIMES_MAX, &k->times, err);
}

static int put(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *by = &dm_session_of(req)->caller;
    dm_alert_change k = {.who = by->who, .account = by->owner.account};
    work w = {.db.page.limit = DM_ROWS_USUAL, .by = by, .want = &k};
    DM_AUTO(json_t) obj = NULL;
    DM_AUTO_BUF percents;
    dm_str slug;
    dm_buf_init(&percents, 128);
    int r = dm_json_load(req->body, 4096, &obj, err);
    if (r == 0)
        r = dm_json_str(obj, "project", &slug, err);
    if (r >= 0)
        r = read_percents(obj, &percents, &k.percents, err);
    if (r == 0)
        r = read_flag(obj, "ends", &k.sets_ends, &k.ends, err);
    if (r == 0)
        r = read_flag(obj, "muted", &k.sets_muted, &k.muted, err);
    if (r == 0)
        r = read_times(obj, &k, err);
    if (r == 0 && k.percents.p == NULL && !k.sets_ends && !k.sets_times && !k.sets_muted)
        r = dm_fail(err, DM_E_INVALID, "nothing to change: percents, ends, times, or muted");
    k.slug = dm_json_c(obj, "project");
    if (r < 0)
        return r;
    r = dm_api_tx(ctx, by, query, &w, err);
    if (r == DM_ALERTS_NO_PROJECT)
        r = dm_fail(err, DM_E_NOTFOUND, "the account has no such project");
    else if (r == 0)
        r = dm_rows_write(req, &kind, &w, dm_pg_count(w.db.rows), w.db.page.limit, w.db.total, err);
    done(&w);
    return r;
}

int dm_route_alert_set(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, put, err);
}
