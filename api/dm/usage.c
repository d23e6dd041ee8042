/* GET /v1/accounts/{id}/usage: what an account came to by statements, over days of UTC, grouped. A place in the list is
 * the row's cost and its key, or the key alone: rows that come or change meanwhile move none of the others. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/days.h"

enum { USUAL_DAYS = 31, DAY_S = 86400, TAG_MAX = 256 };

typedef struct work {
    const dm_caller *by;
    dm_page page;
    dm_days_asked asked;
    char cost[DM_DAYS_AT_MAX];
    dm_days days;
    bool not_yet;
    dm_days_far far;
    dm_pg_rows *currency;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->currency);
    w->currency = NULL;
    int r = dm_read_days(c, w->by->owner.account, &w->asked, &w->days, err);
    w->not_yet = r == DM_DAYS_NOT_YET;
    if (w->not_yet) /* and this stays */
        return dm_ask_for_days(c, &w->asked, &w->far, err);
    return r != 0 ? r : dm_read_currency(c, w->by->owner.account, &w->currency, err);
}

/* --- what is asked for -------------------------------------------------------------------------------------- */

static const char *const names[] = {[DM_DAYS_BY_DAY] = "day",
        [DM_DAYS_BY_PROJECT] = "project",
        [DM_DAYS_BY_TEMPLATE] = "template",
        [DM_DAYS_BY_KEY] = "key",
        [DM_DAYS_BY_SKU] = "sku",
        [DM_DAYS_BY_SANDBOX] = "sandbox"};

static int read_by(const dm_req *req, dm_days_asked *out, dm_err *err)
{
    static const dm_str tag = {"tag:", 4};
    dm_str by = dm_req_query(req, "group");
    out->by = DM_DAYS_BY_DAY;
    for (size_t i = 0; i < DM_LEN(names); i++) {
        if (dm_str_eq_c(by, names[i])) {
            out->by = (dm_days_by)i;
            return 0;
        }
    }
    if (by.p != NULL && dm_str_starts(by, tag)) {
        out->by = DM_DAYS_BY_TAG;
        out->tag = (dm_str){by.p + tag.n, by.n - tag.n};
        return out->tag.n > 0 && out->tag.n <= TAG_MAX
                       ? 0
                       : dm_fail(err, DM_E_INVALID, "a tag's name has 1 to %d bytes", TAG_MAX);
    }
    return by.p == NULL ? 0
                        : dm_fail(err, DM_E_INVALID,
                                  "group must be day, project, template, key, sku, sandbox, or tag: and a name in "
                                  "metadata");
}

static int read_sort(const dm_req *req, dm_days_asked *out, dm_err *err)
{
    dm_str sort = dm_req_query(req, "sort");
    out->by_cost =
            sort.p == NULL ? out->by == DM_DAYS_BY_SANDBOX || out->by == DM_DAYS_BY_TAG : dm_str_eq_c(sort, "cost");
    if (sort.p != NULL && !out->by_cost && !dm_str_eq_c(sort, "key"))
        return dm_fail(err, DM_E_INVALID, "sort must be cost or key");
    return out->by_cost || out->by != DM_DAYS_BY_TAG ? 0 : dm_fail(err, DM_E_INVALID, "tags are sorted by cost");
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

/* Of a sandbox its id's bytes, of what is nobody's none. */
static bool is_ord(dm_days_by by, dm_str ord)
{
    return by != DM_DAYS_BY_SANDBOX || ord.n == 0 ||
           (ord.n == 2 * DM_SANDBOX_ID_BYTES && dm_str_only(ord, "0123456789abcdef"));
}

/* A place is "COST-KEY", n before the cost for a minus. */
static int read_place(work *w, dm_err *err)
{
    dm_str rest = dm_str_c(w->page.id), cost;
    bool minus = w->page.id[0] == 'n';
    if (!w->page.from)
        return 0;
    if (minus)
        rest = (dm_str){rest.p + 1, rest.n - 1};
    bool good = dm_str_split(&rest, '-', &cost) && rest.p != NULL && is_ord(w->asked.by, rest) && cost.n > 0 &&
                dm_str_only(cost, "0123456789") && cost.n + 2 <= sizeof w->cost;
    if (!good)
        return dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
    (void)snprintf(w->cost, sizeof w->cost, "%s%.*s", minus ? "-" : "", (int)cost.n, cost.p);
    w->asked.cost = dm_str_c(w->cost);
    w->asked.ord = rest;
    return 0;
}

/* A letter of each grouping's and order's own. */
static char order_of(const dm_days_asked *asked)
{
    return (char)((asked->by_cost ? 'A' : 'a') + (int)asked->by);
}

static int read_request(const dm_req *req, const dm_api *api, work *w, dm_err *err)
{
    dm_days_asked *out = &w->asked;
    out->to = dm_second_of(dm_wall_us(api->clock)) + 1;
    out->from = -1;
    out->project = dm_req_query(req, "project");
    int r = read_by(req, out, err);
    if (r == 0)
        r = read_sort(req, out, err);
    if (r == 0)
        r = read_second(req, "to", &out->to, err);
    if (r == 0)
        r = read_second(req, "from", &out->from, err);
    if (out->from < 0)
        out->from = out->to > (int64_t)USUAL_DAYS * DAY_S ? out->to - (int64_t)USUAL_DAYS * DAY_S : 0;
    if (r == 0 && (out->from >= out->to || out->to - out->from > (int64_t)DM_DAYS_MAX * DAY_S))
        r = dm_fail(err, DM_E_INVALID, "from must lie before to, by %d days at most", DM_DAYS_MAX);
    if (r == 0)
        r = dm_rows_read(req, order_of(out), &w->page, err);
    out->limit = w->page.limit + 1;
    return r == 0 ? read_place(w, err) : r;
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static int write_sandbox(dm_jw *j, const char *name, dm_str hex, dm_err *err)
{
    dm_sandbox_id id;
    int r = hex.n > 0 ? dm_parse_hex(hex, id.b, sizeof id.b, err) : 0;
    if (r == 0)
        dm_jw_kc(j, name, hex.n > 0 ? dm_sandbox_name_of(&id).s : NULL);
    return r;
}

/* Of what nothing is known of, or is nobody's, null. */
static int write_key(dm_jw *j, dm_days_by by, dm_str key, dm_err *err)
{
    if (by == DM_DAYS_BY_SANDBOX)
        return write_sandbox(j, "key", key, err);
    if (key.n > 0 && by == DM_DAYS_BY_TAG)
        dm_jw_kstr(j, "key", (dm_str){key.p + 1, key.n - 1});
    else
        dm_jw_kmaybe(j, "key", key.n > 0 ? key : (dm_str){NULL, 0});
    return 0;
}

static void write_seconds(dm_jw *j, const char *name, bool known, int64_t seconds)
{
    dm_jw_key(j, name);
    if (known)
        dm_jw_i64(j, seconds);
    else
        dm_jw_null(j);
}

static int write_row(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_days_row row = dm_days_row_of(&w->days, i);
    bool minus = row.cost.n > 0 && row.cost.p[0] == '-';
    dm_jw_obj(j);
    int r = write_key(j, w->asked.by, row.key, err);
    write_seconds(j, "running_s", row.timed, row.running_s);
    write_seconds(j, "hibernated_s", row.timed, row.hibernated_s);
    dm_jw_kstr(j, "amount", row.amount);
    dm_jw_kbool(j, "split", row.split);
    if (r == 0 && w->asked.by == DM_DAYS_BY_SANDBOX)
        r = write_sandbox(j, "parent", row.parent, err);
    dm_jw_end(j);
    return r < 0 ? r
                 : dm_rows_at(at, err, "%s%.*s-%.*s", minus ? "n" : "", (int)row.cost.n - minus, row.cost.p + minus,
                           (int)row.ord.n, row.ord.p);
}

static void write_head(dm_jw *j, const void *list)
{
    const work *w = list;
    dm_jw_kstr(j, "currency", dm_pg_str(w->currency, 0, 0));
    dm_jw_kstr(j, "amount", w->days.amount);
}

static int answer(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    const dm_rows_kind kind = {.order = order_of(&w->asked), .write = write_row, .head = write_head};
    int r = dm_api_tx(api, w->by, query, w, err);
    if (r == 0 && w->not_yet) {
        const dm_bound days = {.limit = w->far.stated, .current = w->far.settled};
        return dm_deny_bound(req, DM_NO_USAGE_NOT_YET, "usage.list", &days,
                "what sandboxes came to is still being added up: %" PRId64 " of %" PRId64
                " days of this range are done",
                w->far.settled, w->far.stated);
    }
    return r < 0 ? r : dm_rows_write(req, &kind, w, w->days.n, w->page.limit, (dm_pg_total){.n = w->days.total}, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = read_request(req, ctx, &w, err);
    if (r == 0)
        r = answer(req, ctx, &w, err);
    dm_days_done(&w.days);
    dm_pg_rows_free(w.currency);
    return r;
}

int dm_route_usage_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
