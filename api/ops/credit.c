/* /v1/ops/accounts/{id}/credits: credits, and money that came. What is ordered here the meter books within seconds
 * (metering/ask/credit.h); above a threshold a second operator approves it first. */
#include "metering/ask/credit.h"

#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/plan/audit.h"
#include "tenants/sandbox/idem.h"

typedef struct work {
    char account[DM_UUID_TEXT], id[DM_UUID_TEXT];
    const char *what, *who, *reason;
    dm_credit_new fresh;
    int (*act)(dm_pg *c, struct work *w, dm_err *err);
    bool made; /* it is new */
    dm_pg_rows *rows;
} work;

/* --- shown -------------------------------------------------------------------------------------------------- */

static int deny(dm_req *req, const work *w, int r)
{
    switch (r) {
    case DM_CREDIT_NO_ACCOUNT:
        return dm_deny(req, DM_NO_OPS_NO_ACCOUNT, w->what, "no such account");
    case DM_CREDIT_CURRENCY:
        return dm_deny(req, DM_NO_CREDIT_CURRENCY, w->what, "the account is billed in another currency");
    case DM_CREDIT_OTHER:
        return dm_deny(req, DM_NO_IDEM_MISMATCH, w->what, "this Idempotency-Key came with another request before");
    case DM_CREDIT_NONE:
        return dm_deny(req, DM_NO_CREDIT_UNKNOWN, w->what, "the account has no such credit");
    case DM_CREDIT_SAME:
        return dm_deny(req, DM_NO_CREDIT_SECOND, w->what, "whoever ordered a credit does not approve it");
    case DM_CREDIT_DECIDED:
        return dm_deny(req, DM_NO_CREDIT_DECIDED, w->what, "it is booked, refused or withdrawn");
    default:
        return r;
    }
}

/* --- acts --------------------------------------------------------------------------------------------------- */

static int audit(dm_pg *c, const work *w, const dm_credit *k, dm_err *err)
{
    char object[64];
    DM_AUTO_BUF detail;
    dm_buf_init(&detail, 1024);
    dm_jw j;
    dm_jw_init(&j, &detail);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "kind", k->kind);
    dm_jw_kstr(&j, "currency", k->currency);
    dm_jw_kstr(&j, "amount", k->amount);
    dm_jw_end(&j);
    (void)snprintf(object, sizeof object, "credit:%s", w->id);
    const dm_audit line = {.owner = {.account = {k->account_no}},
            .who = w->who,
            .verb = w->what,
            .object = object,
            .detail = dm_buf_view(&detail),
            .reason = w->reason};
    int r = dm_buf_ok(&detail, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

/* What was done before is shown as it is, and is no line of the audit. */
static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_credit k;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int done = w->act(c, w, err);
    if (done != 0 && done != DM_CREDIT_AGAIN)
        return done;
    w->made = done == 0;
    int r = dm_credit_find(c, w->account, w->id, &w->rows, err);
    if (r == 0)
        dm_credit_read(w->rows, 0, &k);
    return r == 0 && done == 0 ? audit(c, w, &k, err) : r;
}

static int answer(dm_req *req, dm_api *api, work *w, int status, dm_err *err)
{
    dm_credit k;
    w->who = dm_ops_who(req);
    int r = DM_CREDIT_NO_ACCOUNT;
    if (dm_uuid_ok(req->params[0]) && dm_str_to_array(req->params[0], w->account, sizeof w->account, NULL) == 0)
        r = dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_credit_read(w->rows, 0, &k);
        dm_jw j = dm_reply_json(&req->reply, w->made ? status : 200);
        dm_credit_write(&j, &k);
    }
    dm_pg_rows_free(w->rows);
    return deny(req, w, r);
}

static int approve(dm_pg *c, work *w, dm_err *err)
{
    return dm_credit_approve(c, w->account, w->id, w->who, err);
}

static int withdraw(dm_pg *c, work *w, dm_err *err)
{
    return dm_credit_withdraw(c, w->account, w->id, w->who, err);
}

static int step(dm_req *req, dm_api *api, const char *what, int (*act)(dm_pg *c, work *w, dm_err *err), dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.what = what, .reason = why.reason, .act = act};
    if (!dm_uuid_ok(req->params[1]) || dm_str_to_array(req->params[1], w.id, sizeof w.id, NULL) < 0)
        return deny(req, &w, DM_CREDIT_NONE);
    return answer(req, api, &w, 200, err);
}

int dm_route_ops_credit_approve(dm_req *req, void *ctx, dm_err *err)
{
    return step(req, ctx, "credit.approve", approve, err);
}

int dm_route_ops_credit_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    return step(req, ctx, "credit.withdraw", withdraw, err);
}

/* --- ordered ------------------------------------------------------------------------------------------------ */

typedef struct body {
    char *amount, *currency, *kind, *expires_at, *reference, *reason;
} body;

static const dm_json_field fields[] = {
        {"amount", DM_JSON_STR, offsetof(body, amount), DM_JSON_NEED, 1, DM_MONEY_TEXT},
        {"currency", DM_JSON_STR, offsetof(body, currency), DM_JSON_NEED, 3, 3},
        {"kind", DM_JSON_STR, offsetof(body, kind), DM_JSON_NEED, 1, 16},
        {"expires_at", DM_JSON_STR, offsetof(body, expires_at), DM_JSON_OPT, 1, 40},
        {"reference", DM_JSON_STR, offsetof(body, reference), DM_JSON_OPT, 0, 200},
        {"reason", DM_JSON_STR, offsetof(body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

static int read_kind(const body *b, dm_err *err)
{
    static const char *const kinds[] = {"paid", "promo", "operator"};
    bool known = false;
    for (size_t i = 0; i < DM_LEN(kinds); i++)
        known = known || strcmp(b->kind, kinds[i]) == 0;
    if (!known)
        return dm_fail(err, DM_E_INVALID, "kind must be paid, promo or operator");
    if (strcmp(b->kind, "paid") != 0)
        return 0;
    if (dm_str_trim(dm_str_c(b->reference)).n == 0)
        return dm_fail(err, DM_E_INVALID, "money that came has a reference: the bank's word for it");
    return b->expires_at == NULL ? 0 : dm_fail(err, DM_E_INVALID, "money that came does not expire");
}

static int read_order(const dm_req *req, const dm_api *api, const body *b, dm_credit_new *out, dm_err *err)
{
    out->key = dm_req_header(req, "Idempotency-Key");
    if (out->key.p != NULL && !dm_idem_key_ok(out->key))
        return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to 255 of a-z, 0-9 and -");
    int r = dm_money_parse(dm_str_c(b->amount), &out->amount, err);
    if (r < 0 || out->amount.v <= 0)
        return dm_fail(err, DM_E_INVALID, "amount must be a decimal number above 0, as a string");
    r = read_kind(b, err);
    if (r < 0 || b->expires_at == NULL)
        return r;
    if (dm_parse_rfc3339(dm_str_c(b->expires_at), &out->expires_us, NULL) < 0 || out->expires_us % 1000000 != 0 ||
            out->expires_us <= dm_wall_us(api->clock))
        return dm_fail(err, DM_E_INVALID, "expires_at must be a time to come, on a whole second");
    return 0;
}

static int order(dm_pg *c, work *w, dm_err *err)
{
    w->fresh.account_id = w->account;
    w->fresh.who = w->who;
    return dm_credit_order(c, &w->fresh, w->id, err);
}

int dm_route_ops_credit_add(dm_req *req, void *ctx, dm_err *err)
{
    body b = {NULL, NULL, NULL, NULL, NULL, NULL};
    work w = {.what = "credit.order", .act = order};
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, w.what, b.reason);
    if (r == 0) {
        w.reason = b.reason;
        w.fresh = (dm_credit_new){.kind = b.kind, .currency = b.currency, .reference = b.reference, .reason = b.reason};
        r = read_order(req, ctx, &b, &w.fresh, err);
        if (r == 0)
            r = answer(req, ctx, &w, 201, err);
    }
    dm_json_done(fields, DM_LEN(fields), &b);
    return r < 0 ? r : 0;
}

/* --- listed ------------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    char account[DM_UUID_TEXT];
    dm_str state;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_credit_list(
            c, l->account, l->state, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_credit(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_credit k;
    (void)err;
    dm_credit_read(l->db.rows, i, &k);
    dm_credit_write(w, &k);
    at->us = k.no;
    return 0;
}

static bool is_state(dm_str s)
{
    static const char *const all[] = {"waiting", "approved", "booked", "refused", "withdrawn"};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        if (dm_str_eq_c(s, all[i]))
            return true;
    }
    return s.n == 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'C', .id = "credit", .query = query, .write = write_credit};
    listing l = {.state = dm_req_query(req, "state")};
    const work w = {.what = "credit.list"};
    if (!dm_uuid_ok(req->params[0]) || dm_str_to_array(req->params[0], l.account, sizeof l.account, NULL) < 0)
        return deny(req, &w, DM_CREDIT_NO_ACCOUNT);
    if (!is_state(l.state))
        return dm_fail(err, DM_E_INVALID, "state must be waiting, approved, booked, refused or withdrawn");
    int r = dm_rows_ops(req, ctx, &kind, &l, err);
    return deny(req, &w, r);
}

int dm_route_ops_credit_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
