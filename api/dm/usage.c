/* GET /v1/accounts/{id}/usage: what an account came to by statements, over days of UTC, grouped. */
#include <string.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/days.h"

enum { USUAL_DAYS = 31, DAY_S = 86400 };

typedef struct work {
    const dm_caller *by;
    dm_days_asked asked;
    dm_pg_rows *rows, *currency;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    dm_pg_rows_free(w->currency);
    w->rows = w->currency = NULL;
    int r = dm_read_days(c, w->by->owner.account, &w->asked, &w->rows, err);
    return r < 0 ? r : dm_read_currency(c, w->by->owner.account, &w->currency, err);
}

/* --- what is asked for -------------------------------------------------------------------------------------- */

static int read_by(const dm_req *req, dm_days_by *out, dm_err *err)
{
    static const char *const names[] = {[DM_DAYS_BY_DAY] = "day",
            [DM_DAYS_BY_PROJECT] = "project",
            [DM_DAYS_BY_TEMPLATE] = "template",
            [DM_DAYS_BY_KEY] = "key",
            [DM_DAYS_BY_SKU] = "sku"};
    dm_str by = dm_req_query(req, "group");
    *out = DM_DAYS_BY_DAY;
    for (size_t i = 0; i < DM_LEN(names); i++) {
        if (dm_str_eq_c(by, names[i])) {
            *out = (dm_days_by)i;
            return 0;
        }
    }
    return by.p == NULL ? 0 : dm_fail(err, DM_E_INVALID, "group must be day, project, template, key or sku");
}

/* Whole seconds of UTC. */
static int read_second(const dm_req *req, const char *name, int64_t *out, dm_err *err)
{
    dm_str text = dm_req_query(req, name);
    if (text.p == NULL)
        return 0;
    return dm_parse_i64(text, 0, (int64_t)1 << 40, out, NULL) < 0
                   ? dm_fail(err, DM_E_INVALID, "%s must be a second of UTC", name)
                   : 0;
}

static int read_request(const dm_req *req, const dm_api *api, dm_days_asked *out, dm_err *err)
{
    out->to = dm_second_of(dm_wall_us(api->clock)) + 1;
    out->from = -1;
    out->project = dm_req_query(req, "project");
    int r = read_by(req, &out->by, err);
    if (r == 0)
        r = read_second(req, "to", &out->to, err);
    if (r == 0)
        r = read_second(req, "from", &out->from, err);
    if (out->from < 0)
        out->from = out->to > (int64_t)USUAL_DAYS * DAY_S ? out->to - (int64_t)USUAL_DAYS * DAY_S : 0;
    if (r == 0 && (out->from >= out->to || out->to - out->from > (int64_t)DM_DAYS_MAX * DAY_S))
        r = dm_fail(err, DM_E_INVALID, "from must lie before to, by %d days at most", DM_DAYS_MAX);
    return r;
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static dm_str id_of(const void *of, size_t i)
{
    const work *w = of;
    return dm_read_days_row(w->rows, i).key;
}

static void write_row(dm_jw *j, const void *of, size_t i)
{
    const work *w = of;
    dm_days_row row = dm_read_days_row(w->rows, i);
    dm_jw_kmaybe(j, "key", row.key.n > 0 ? row.key : (dm_str){NULL, 0});
    dm_jw_key(j, "running_s");
    if (row.timed)
        dm_jw_i64(j, row.running_s);
    else
        dm_jw_null(j);
    dm_jw_key(j, "hibernated_s");
    if (row.timed)
        dm_jw_i64(j, row.hibernated_s);
    else
        dm_jw_null(j);
    dm_jw_kstr(j, "amount", row.amount);
    dm_jw_kbool(j, "split", row.split);
}

static void write_head(dm_jw *j, const void *of)
{
    const work *w = of;
    dm_jw_kstr(j, "currency", dm_pg_str(w->currency, 0, 0));
}

int dm_route_usage_list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = read_request(req, ctx, &w.asked, err);
    if (r == 0)
        r = dm_api_tx(ctx, w.by, query, &w, err);
    if (r == 0) {
        const dm_rows_all all = {.order = 'u',
                .of = &w,
                .n = dm_pg_count(w.rows) < DM_DAYS_ROWS_MAX ? dm_pg_count(w.rows) : DM_DAYS_ROWS_MAX,
                .most = dm_pg_count(w.rows) > DM_DAYS_ROWS_MAX ? DM_DAYS_ROWS_MAX : 0,
                .id = id_of,
                .write = write_row,
                .head = write_head};
        r = dm_rows_answer(req, &all, err);
    }
    dm_pg_rows_free(w.rows);
    dm_pg_rows_free(w.currency);
    return r;
}
