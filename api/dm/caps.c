/* /v1/accounts/{id}/caps: what a month may run, or cost, where it stands, and how much could still be run past a cap:
 * the leases that are out (tenants/plan/budget.h). */
#include "tenants/plan/caps.h"

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "metering/rules/money.h"

enum { CHANGES = 2 };

typedef struct work {
    const dm_caller *by;
    dm_cap_change want[CHANGES];
    size_t n;
    dm_pg_rows *rows;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->n; i++)
        r = dm_cap_set(c, &w->want[i], err);
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return r != 0 ? r : dm_caps_read(c, w->by->owner.account, &w->rows, err);
}

static void write_row(dm_jw *j, const dm_caps *k)
{
    dm_jw_obj(j);
    dm_jw_kmaybe(j, "project", k->slug);
    dm_jw_kmaybe(j, "seconds", k->seconds);
    dm_jw_kmaybe(j, "money", k->money);
    dm_jw_kmaybe(j, "seconds_bound", k->seconds_bound);
    dm_jw_kmaybe(j, "money_bound", k->money_bound);
    dm_jw_kstr(j, "seconds_used", k->seconds_used);
    dm_jw_kstr(j, "money_used", k->money_used);
    dm_jw_kstr(j, "seconds_open", k->seconds_open);
    dm_jw_kstr(j, "money_open", k->money_open);
    dm_jw_end(j);
}

static int answer(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    int r = dm_api_tx(api, w->by, query, w, err);
    if (r == DM_CAPS_NO_PROJECT)
        r = dm_fail(err, DM_E_NOTFOUND, "the account has no such project");
    else if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        for (size_t i = 0; i < dm_pg_count(w->rows); i++) {
            dm_caps k;
            dm_caps_of of;
            dm_caps_row_read(w->rows, i, &k, &of);
            if (i == 0) {
                dm_jw_kstr(&j, "currency", of.currency);
                dm_jw_kmaybe(&j, "wallet_left", of.wallet);
                dm_jw_ki64(&j, "unheard_seconds", (int64_t)api->config->lease_cap_s);
                dm_jw_key(&j, "rows");
                dm_jw_arr(&j);
            }
            write_row(&j, &k);
        }
        dm_jw_arr_end(&j);
        dm_jw_end(&j);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

int dm_route_caps_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    return answer(req, ctx, &w, err);
}

/* Millionths, of which a currency's last coin is many. */
static int read_micros(dm_str text, int64_t *out, dm_err *err)
{
    static const dm_i128 micro = 1000000000000;
    dm_money m;
    int r = dm_money_parse(text, &m, err);
    if (r < 0 || m.v < 0 || m.v % micro != 0 || m.v / micro > INT64_MAX)
        return dm_fail(err, DM_E_INVALID, "\"money\" must be a decimal of at most six places, not below 0");
    *out = (int64_t)(m.v / micro);
    return 0;
}

static int read_change(const json_t *obj, const char *name, work *w, dm_err *err)
{
    dm_cap_change *k = &w->want[w->n];
    const json_t *value = json_object_get(obj, name);
    dm_str text;
    if (value == NULL)
        return 0;
    *k = (dm_cap_change){.who = w->by->who,
            .account = w->by->owner.account,
            .slug = dm_json_c(obj, "project"),
            .seconds = strcmp(name, "seconds") == 0,
            .none = json_is_null(value)};
    w->n++;
    if (k->none)
        return 0;
    int r = dm_json_str(obj, name, &text, err);
    if (r != 0)
        return r;
    if (!k->seconds)
        return read_micros(text, &k->value, err);
    r = dm_parse_i64(text, 0, INT64_MAX / 1000000, &k->value, err);
    return r < 0 ? dm_wrap(err, "\"seconds\"") : 0;
}

int dm_route_caps_put(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    DM_AUTO(json_t) obj = NULL;
    dm_str slug;
    int r = dm_json_load(req->body, 4096, &obj, err);
    if (r == 0)
        r = dm_json_str(obj, "project", &slug, err);
    if (r >= 0)
        r = read_change(obj, "seconds", &w, err);
    if (r == 0)
        r = read_change(obj, "money", &w, err);
    if (r == 0 && w.n == 0)
        r = dm_fail(err, DM_E_INVALID, "nothing to change: seconds, or money");
    return r < 0 ? r : answer(req, ctx, &w, err);
}
