/* api/ops/draft.h: the routes of what one operator drafts and another approves (metering/ask/draft.h): rules of tax,
 * sellers. Each act has a reason and its line in the audit, and answers with the row as it then is. */
#ifndef DM_API_OPS_DRAFT_H
#define DM_API_OPS_DRAFT_H

#include "base/http.h"
#include "base/json.h"

#include "api/kit/api.h"
#include "metering/ask/draft.h"

typedef struct dm_ops_draft_kind {
    const char *name;                     /* of the audit's objects */
    const char *add, *approve, *withdraw; /* its verbs */
    const dm_draft_kind *ask;
    /* draft is what dm_ops_draft_add was given. 0, or an outcome of the kind's. */
    int (*draft)(dm_pg *c, const char *who, const char *why, const void *draft, int64_t *no, dm_err *err);
    int (*find)(dm_pg *c, int64_t no, dm_pg_rows **rows, dm_err *err);
    void (*write)(dm_jw *j, const dm_pg_rows *rows); /* the one of find */
    int (*refuse)(dm_req *req, int outcome, const char *what);
} dm_ops_draft_kind;

int dm_ops_draft_add(dm_req *req, dm_api *api, const dm_ops_draft_kind *kind, const char *reason, const void *draft,
        dm_err *err) DM_NODISCARD;
/* The second person's routes: .../{no}/approve and .../{no}/withdraw, with a reason. */
int dm_ops_draft_approve(dm_req *req, void *ctx, const dm_ops_draft_kind *kind, dm_err *err) DM_NODISCARD;
int dm_ops_draft_withdraw(dm_req *req, void *ctx, const dm_ops_draft_kind *kind, dm_err *err) DM_NODISCARD;

#endif
