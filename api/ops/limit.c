/* POST /v1/ops/accounts/{id}/limits: an override, of the account or of one of its projects. */
#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/plan/limits.h"
#include "tenants/who/accounts.h"
#include "tenants/who/project.h"

static const char what[] = "account.limit";

typedef struct limit_body {
    char *name, *project, *until, *reason;
    int64_t limit;
} limit_body;

static const dm_json_field fields[] = {
        {"name", DM_JSON_STR, offsetof(limit_body, name), DM_JSON_NEED, 1, 64},
        {"limit", DM_JSON_I64, offsetof(limit_body, limit), DM_JSON_NEED, 0, INT64_MAX},
        {"project", DM_JSON_STR, offsetof(limit_body, project), DM_JSON_OPT, 1, 64},
        {"until", DM_JSON_STR, offsetof(limit_body, until), DM_JSON_OPT, 1, 40},
        {"reason", DM_JSON_STR, offsetof(limit_body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

enum { NO_PROJECT = 16 }; /* beside the outcomes of dm_limit_set */

typedef struct work {
    char account[DM_UUID_TEXT];
    dm_limit_new fresh;
    dm_accounts_one one;
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_project p;
    int r = w->fresh.of == DM_LIMIT_OF_PROJECT ? dm_project_find(c, w->fresh.which, &p, err) : 0;
    if (r < 0)
        return r;
    if (r == DM_PROJECT_NONE || (w->fresh.of == DM_LIMIT_OF_PROJECT && strcmp(p.account_id, w->account) != 0))
        return NO_PROJECT;
    r = dm_limit_set(c, &w->fresh, err);
    if (r != 0)
        return r;
    r = dm_accounts_find(c, w->account, &w->one, err);
    return r == DM_ACCOUNTS_NONE ? DM_LIMIT_OF_NOBODY : r;
}

static int answer(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    int r = DM_LIMIT_OF_NOBODY;
    if (dm_uuid_ok(req->params[0]) && dm_str_to_array(req->params[0], w->account, sizeof w->account, NULL) == 0)
        r = dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_accounts_one_write(&j, &w->one);
    }
    dm_accounts_one_done(&w->one);
    switch (r) {
    case DM_LIMIT_OF_NOBODY:
        return dm_deny(req, DM_NO_OPS_NO_ACCOUNT, what, "no such account");
    case NO_PROJECT:
        return dm_deny(req, DM_NO_OPS_NO_PROJECT, what, "the account has no such project");
    case DM_LIMIT_UNKNOWN:
        return dm_deny(req, DM_NO_LIMIT_UNKNOWN, what, "no limit is called '%s'", w->fresh.name);
    case DM_LIMIT_NO_UNTIL:
        return dm_deny(req, DM_NO_LIMIT_UNTIL, what, "'%s' holds until it is set again", w->fresh.name);
    default:
        return r;
    }
}

int dm_route_ops_limit_set(dm_req *req, void *ctx, dm_err *err)
{
    limit_body b = {NULL, NULL, NULL, NULL, 0};
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, what, b.reason);
    const dm_limit_row *row = r == 0 ? dm_limit_named(dm_str_c(b.name)) : NULL;
    if (row != NULL && row->money)
        r = dm_ops_proven(req, ctx, what);
    work w = {.fresh = {.who = dm_ops_who(req),
                      .of = b.project != NULL ? DM_LIMIT_OF_PROJECT : DM_LIMIT_OF_ACCOUNT,
                      .which = b.project != NULL ? b.project : w.account,
                      .name = b.name,
                      .value = b.limit,
                      .reason = b.reason}};
    if (r == 0 && b.until != NULL && dm_parse_rfc3339(dm_str_c(b.until), &w.fresh.until_us, err) < 0)
        r = dm_wrap(err, "until");
    if (r == 0)
        r = answer(req, ctx, &w, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r < 0 ? r : 0;
}
