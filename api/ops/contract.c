/* /v1/ops/contracts: what accounts agree on, as two people make it, and end it early. */
#include "metering/ask/contract.h"

#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "metering/read/contract.h"
#include "metering/rules/money.h"
#include "tenants/plan/audit.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_contract_find find;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->find.before = dm_rows_below(&l->db.page);
    l->find.limit = l->db.page.limit + 1;
    return dm_read_contracts(c, &l->find, &l->db.rows, &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_contract_row row;
    (void)err;
    dm_contract_row_read(l->db.rows, i, &row);
    dm_contract_row_write(w, &row, true);
    at->us = row.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'k', .id = "contract", .query = query, .write = write_one};
    listing l = {.find = {.account = dm_req_query(req, "account"), .status = dm_req_query(req, "status")}};
    int r = l.find.status.n > 0 ? dm_ops_status_ok(l.find.status, err) : 0;
    return r < 0 ? r : dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_contract_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one, and what is done with it -------------------------------------------------------------------------- */

typedef struct work {
    char id[DM_UUID_TEXT];
    const char *verb, *who, *reason;
    const dm_ask_contract *draft; /* NULL: it is there */
    bool look;                    /* it is only looked at */
    dm_ask_contract_what what;
    int64_t ends_s;
    dm_account_no account_no;
    dm_pg_rows *rows;
} work;

static int audit(dm_pg *c, const work *w, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "contract:%s", w->id);
    const dm_audit line = {
            .owner = {.account = w->account_no}, .who = w->who, .verb = w->verb, .object = object, .reason = w->reason};
    return dm_audit_add(c, &line, err);
}

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_total total;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = w->look ? 0
            : w->draft != NULL
                    ? dm_ask_contract_draft(c, w->who, w->reason, w->draft, w->id, &w->account_no, err)
                    : dm_ask_contract_act(c, w->what, w->id, w->who, w->reason, w->ends_s, &w->account_no, err);
    if (r == 0 && !w->look)
        r = audit(c, w, err);
    const dm_contract_find one = {.id = dm_str_c(w->id), .before = INT64_MAX, .limit = 1};
    if (r == 0)
        r = dm_read_contracts(c, &one, &w->rows, &total, err);
    return r == 0 && dm_pg_count(w->rows) == 0 ? DM_ASK_CONTRACT_NONE : r;
}

static int refuse(dm_req *req, int r, const char *what)
{
    switch (r) {
    case DM_ASK_CONTRACT_NONE:
        return dm_deny(req, DM_NO_CONTRACT_UNKNOWN, what, "no such contract");
    case DM_ASK_CONTRACT_STATE:
        return dm_deny(req, DM_NO_CONTRACT_STAYS, what, "this contract is past that: what was approved stays as it is");
    case DM_ASK_CONTRACT_OWN:
        return dm_deny(req, DM_NO_CONTRACT_SECOND, what, "who drafts a contract or orders its end does not approve it");
    case DM_ASK_CONTRACT_LATE:
        return dm_deny(
                req, DM_NO_CONTRACT_LATE, what, "a contract begins, and ends early, with a month of UTC to come");
    case DM_ASK_CONTRACT_WRONG:
        return dm_deny(req, DM_NO_CONTRACT_WRONG, what,
                "no such account, another currency, not whole months, another contract then, or an account that pays "
                "by "
                "the hour");
    default:
        return r;
    }
}

/* Does it, and answers with the contract as it then is. */
static int answer(dm_req *req, dm_api *api, int status, work *w, dm_err *err)
{
    w->who = dm_ops_who(req);
    int r = w->draft != NULL ? 0 : dm_str_to_array(req->params[0], w->id, sizeof w->id, NULL);
    r = r < 0 ? DM_ASK_CONTRACT_NONE : dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_contract_row row;
        dm_jw j = dm_reply_json(&req->reply, status);
        dm_contract_row_read(w->rows, 0, &row);
        dm_contract_row_write(&j, &row, true);
    } else if (r > 0) {
        r = refuse(req, r, w->verb);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.verb = "contract.get", .look = true};
    return answer(req, ctx, 200, &w, err);
}

int dm_route_ops_contract_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

/* --- drafts ------------------------------------------------------------------------------------------------- */

typedef struct draft_body {
    char *account, *name, *currency, *valid_from, *valid_to, *least_monthly, *reference, *reason;
} draft_body;

enum { NAME_BYTES_MAX = 800, MONEY_BYTES_MAX = 41 };
#define TEXT(name, has, least, most)                                                                                   \
    {                                                                                                                  \
#name, DM_JSON_STR, offsetof(draft_body, name), has, least, most                                               \
    }
static const dm_json_field draft_fields[] = {
        TEXT(account, DM_JSON_NEED, 36, 36),
        TEXT(name, DM_JSON_NEED, 1, NAME_BYTES_MAX),
        TEXT(currency, DM_JSON_NEED, 3, 3),
        TEXT(valid_from, DM_JSON_NEED, 1, 64),
        TEXT(valid_to, DM_JSON_OPT, 0, 64),
        TEXT(least_monthly, DM_JSON_OPT, 0, MONEY_BYTES_MAX),
        TEXT(reference, DM_JSON_OPT, 0, NAME_BYTES_MAX),
        TEXT(reason, DM_JSON_OPT, 0, DM_REASON_BYTES_MAX),
};

static int second(const char *text, const char *name, int64_t *out, dm_err *err)
{
    int64_t us;
    int r = dm_parse_rfc3339(dm_str_c(text), &us, NULL);
    if (r < 0 || us % 1000000 != 0 || us <= 0)
        return dm_fail(err, DM_E_INVALID, "\"%s\" must be the first second of a month of UTC", name);
    *out = us / 1000000;
    return 0;
}

static int read_draft(const draft_body *b, dm_ask_contract *k, char least[DM_MONEY_TEXT], dm_err *err)
{
    dm_money m = {0};
    *k = (dm_ask_contract){
            .account = b->account, .name = b->name, .currency = b->currency, .least = least, .reference = b->reference};
    int r = second(b->valid_from, "valid_from", &k->from_s, err);
    if (r == 0 && b->valid_to != NULL && b->valid_to[0] != '\0')
        r = second(b->valid_to, "valid_to", &k->to_s, err);
    if (r == 0 && b->least_monthly != NULL && b->least_monthly[0] != '\0' &&
            (dm_money_parse(dm_str_c(b->least_monthly), &m, NULL) < 0 || m.v < 0))
        r = dm_fail(err, DM_E_INVALID, "\"least_monthly\" must be an amount, and not below nothing");
    dm_money_print(m, least);
    return r;
}

int dm_route_ops_contract_add(dm_req *req, void *ctx, dm_err *err)
{
    draft_body b = {NULL};
    dm_ask_contract k;
    char least[DM_MONEY_TEXT];
    int r = dm_body_read(req, draft_fields, DM_LEN(draft_fields), &b, err);
    if (r == 0)
        r = read_draft(&b, &k, least, err);
    if (r == 0)
        r = dm_ops_reason(req, "contract.draft", b.reason);
    if (r == 0) {
        work w = {.verb = "contract.draft", .reason = b.reason, .draft = &k};
        r = answer(req, ctx, 201, &w, err);
    }
    dm_json_done(draft_fields, DM_LEN(draft_fields), &b);
    return r < 0 ? r : 0;
}

/* --- the second person, and an early end -------------------------------------------------------------------- */

static int act(dm_req *req, void *ctx, const char *verb, dm_ask_contract_what what, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, verb, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.verb = verb, .reason = why.reason, .what = what};
    return answer(req, ctx, 200, &w, err);
}

int dm_route_ops_contract_approve(dm_req *req, void *ctx, dm_err *err)
{
    return act(req, ctx, "contract.approve", DM_CONTRACT_APPROVE, err);
}

int dm_route_ops_contract_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    return act(req, ctx, "contract.withdraw", DM_CONTRACT_WITHDRAW, err);
}

int dm_route_ops_contract_end_approve(dm_req *req, void *ctx, dm_err *err)
{
    return act(req, ctx, "contract.end_approve", DM_CONTRACT_END_APPROVE, err);
}

int dm_route_ops_contract_end_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    return act(req, ctx, "contract.end_withdraw", DM_CONTRACT_END_WITHDRAW, err);
}

typedef struct end_body {
    char *ends_at, *reason;
} end_body;

static const dm_json_field end_fields[] = {
        {"ends_at", DM_JSON_STR, offsetof(end_body, ends_at), DM_JSON_NEED, 1, 64},
        {"reason", DM_JSON_STR, offsetof(end_body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

int dm_route_ops_contract_end(dm_req *req, void *ctx, dm_err *err)
{
    end_body b = {NULL, NULL};
    work w = {.verb = "contract.end", .what = DM_CONTRACT_END};
    int r = dm_body_read(req, end_fields, DM_LEN(end_fields), &b, err);
    if (r == 0)
        r = second(b.ends_at, "ends_at", &w.ends_s, err);
    if (r == 0)
        r = dm_ops_reason(req, w.verb, b.reason);
    if (r == 0) {
        w.reason = b.reason;
        r = answer(req, ctx, 200, &w, err);
    }
    dm_json_done(end_fields, DM_LEN(end_fields), &b);
    return r < 0 ? r : 0;
}
