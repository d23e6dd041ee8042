/* /v1/ops/accounts: who pays, found and looked at; his plan; whether he may create. */
#include "tenants/who/account.h"

#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/sandbox/hold.h"
#include "tenants/who/accounts.h"

enum { QUERY_MAX = 200 };

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_accounts_filter f;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->f.after.v = l->db.page.from ? l->db.page.us : 0;
    l->f.limit = l->db.page.limit + 1;
    return dm_accounts_list(c, &l->f, &l->db.rows, &l->db.total, err);
}

static int read_filter(const dm_req *req, listing *l, dm_err *err)
{
    dm_str blocked = dm_req_query(req, "blocked"), q = dm_str_trim(dm_req_query(req, "q"));
    bool is = false;
    l->f.tier = dm_req_query(req, "tier");
    l->f.q = q.n > 0 ? q : (dm_str){NULL, 0};
    l->f.blocked = -1;
    if (q.n > QUERY_MAX)
        return dm_fail(err, DM_E_INVALID, "q: at most %d bytes", QUERY_MAX);
    if (blocked.p != NULL && dm_parse_bool(blocked, &is, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "blocked must be true or false");
    if (blocked.p != NULL)
        l->f.blocked = is;
    return 0;
}

static int write_account(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_accounts_row a;
    (void)err;
    dm_accounts_read(l->db.rows, i, &a);
    dm_accounts_write(w, &a);
    at->us = a.no.v;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'A', .id = "account", .query = query, .write = write_account};
    listing l = {.f = {.blocked = -1}};
    int r = read_filter(req, &l, err);
    return r < 0 ? r : dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_account_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

enum { TOO_OFTEN = 16 }; /* beside the outcomes of the acts */

typedef struct work {
    char id[DM_UUID_TEXT];
    const char *who, *reason, *tier;
    int (*act)(dm_pg *c, struct work *w, dm_err *err); /* NULL: it is only looked at */
    dm_accounts_one one;
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = w->act != NULL ? w->act(c, w, err) : 0;
    if (r != 0)
        return r;
    r = dm_accounts_find(c, w->id, &w->one, err);
    return r == DM_ACCOUNTS_NONE ? DM_ACCOUNT_NONE : r;
}

static int no_account(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_OPS_NO_ACCOUNT, what, "no such account");
}

/* Does it, if it is an act, and answers with the account as it then is. */
static int answer(dm_req *req, dm_api *api, const char *what, work *w, dm_err *err)
{
    int r = DM_ACCOUNT_NONE;
    w->who = dm_ops_who(req);
    if (dm_uuid_ok(req->params[0]) && dm_str_to_array(req->params[0], w->id, sizeof w->id, NULL) == 0)
        r = dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_accounts_one_write(&j, &w->one);
    }
    dm_accounts_one_done(&w->one);
    switch (r) {
    case DM_ACCOUNT_NONE:
        return no_account(req, what);
    case DM_ACCOUNT_NO_TIER:
        return dm_deny(req, DM_NO_TIER_UNKNOWN, what, "no tier is called so");
    case DM_ACCOUNT_NO_PRICES:
        return dm_deny(req, DM_NO_TIER_PRICES, what,
                "the tier has no prices in the account's currency and in the regions of its projects");
    case TOO_OFTEN:
        return dm_deny(req, DM_NO_TIER_OFTEN, what, "the account has changed its plan 8 times within an hour");
    default:
        return r;
    }
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.act = NULL};
    return answer(req, ctx, "account.get", &w, err);
}

int dm_route_ops_account_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

static int block(dm_pg *c, work *w, dm_err *err)
{
    return dm_account_block(c, w->who, w->reason, w->id, err);
}

static int unblock(dm_pg *c, work *w, dm_err *err)
{
    return dm_account_unblock(c, w->who, w->reason, w->id, err);
}

static int with_reason(
        dm_req *req, dm_api *api, const char *what, int (*act)(dm_pg *c, work *w, dm_err *err), dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.reason = why.reason, .act = act};
    return answer(req, api, what, &w, err);
}

int dm_route_ops_account_block(dm_req *req, void *ctx, dm_err *err)
{
    return with_reason(req, ctx, "account.block", block, err);
}

int dm_route_ops_account_unblock(dm_req *req, void *ctx, dm_err *err)
{
    return with_reason(req, ctx, "account.unblock", unblock, err);
}

/* What runs is put to sleep by the instances of the API, which look each second (api/life/hold.h). */
static int suspend(dm_pg *c, work *w, dm_err *err)
{
    int64_t running;
    int r = dm_suspend(c, w->who, w->id, w->reason, &running, err);
    return r == DM_HOLD_NOBODY ? DM_ACCOUNT_NONE : r;
}

/* One that is not suspended stays as it is, as one that is not blocked does. */
static int unsuspend(dm_pg *c, work *w, dm_err *err)
{
    int r = dm_unsuspend(c, w->who, w->id, w->reason, err);
    return r == DM_HOLD_NONE ? 0 : r;
}

int dm_route_ops_account_suspend(dm_req *req, void *ctx, dm_err *err)
{
    return with_reason(req, ctx, "account.suspend", suspend, err);
}

int dm_route_ops_account_unsuspend(dm_req *req, void *ctx, dm_err *err)
{
    return with_reason(req, ctx, "account.unsuspend", unsuspend, err);
}

/* --- its tier ----------------------------------------------------------------------------------------------- */

typedef struct tier_body {
    char *tier, *reason;
} tier_body;

static const dm_json_field tier_fields[] = {
        {"tier", DM_JSON_STR, offsetof(tier_body, tier), DM_JSON_NEED, 1, 64},
        {"reason", DM_JSON_STR, offsetof(tier_body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

static int set_tier(dm_pg *c, work *w, dm_err *err)
{
    int64_t from_us;
    int r = dm_account_set_tier(c, w->who, w->reason, w->id, w->tier, &from_us, err);
    return r == DM_E_INVALID ? TOO_OFTEN : r; /* the database counts them */
}

int dm_route_ops_account_tier(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "account.tier";
    tier_body b = {NULL, NULL};
    int r = dm_body_read(req, tier_fields, DM_LEN(tier_fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, what, b.reason);
    if (r == 0) {
        work w = {.reason = b.reason, .tier = b.tier, .act = set_tier};
        r = answer(req, ctx, what, &w, err);
    }
    dm_json_done(tier_fields, DM_LEN(tier_fields), &b);
    return r < 0 ? r : 0;
}
