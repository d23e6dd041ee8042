#include "api/ops/draft.h"

#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/ops/act.h"
#include "tenants/plan/audit.h"

typedef struct work {
    const dm_ops_draft_kind *kind;
    const char *what, *who, *reason;
    const void *draft; /* NULL: there is a row */
    int64_t no;
    dm_pg_rows *rows;
} work;

static int act(dm_pg *c, work *w, dm_err *err)
{
    const dm_ops_draft_kind *k = w->kind;
    if (w->draft != NULL)
        return k->draft(c, w->who, w->reason, w->draft, &w->no, err);
    return (w->what == k->approve ? dm_draft_approve : dm_draft_withdraw)(c, k->ask, w->who, w->reason, w->no, err);
}

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char object[40];
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = act(c, w, err);
    if (r != 0)
        return r;
    (void)snprintf(object, sizeof object, "%s:%lld", w->kind->name, (long long)w->no);
    const dm_audit line = {.who = w->who, .verb = w->what, .object = object, .reason = w->reason};
    r = dm_audit_add(c, &line, err);
    return r < 0 ? r : w->kind->find(c, w->no, &w->rows, err);
}

static int answer(dm_req *req, dm_api *api, int status, work *w, dm_err *err)
{
    int r = w->draft == NULL ? dm_parse_i64(req->params[0], 1, INT32_MAX, &w->no, NULL) : 0;
    w->who = dm_ops_who(req);
    r = r < 0 ? DM_DRAFT_NONE : dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, status);
        w->kind->write(&j, w->rows);
    } else if (r > 0) {
        r = w->kind->refuse(req, r, w->what);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

int dm_ops_draft_add(
        dm_req *req, dm_api *api, const dm_ops_draft_kind *kind, const char *reason, const void *draft, dm_err *err)
{
    work w = {.kind = kind, .what = kind->add, .reason = reason, .draft = draft};
    int r = dm_ops_reason(req, w.what, reason);
    return r == 0 ? answer(req, api, 201, &w, err) : r;
}

static int second(dm_req *req, void *ctx, const dm_ops_draft_kind *kind, const char *what, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.kind = kind, .what = what, .reason = why.reason};
    return answer(req, ctx, 200, &w, err);
}

int dm_ops_draft_approve(dm_req *req, void *ctx, const dm_ops_draft_kind *kind, dm_err *err)
{
    return second(req, ctx, kind, kind->approve, err);
}

int dm_ops_draft_withdraw(dm_req *req, void *ctx, const dm_ops_draft_kind *kind, dm_err *err)
{
    return second(req, ctx, kind, kind->withdraw, err);
}
