/* api/ops/act.h: what the operator's routes share. An act of an operator says why: its reason stands in the audit of
 * the tenant it concerns. */
#ifndef DM_API_OPS_ACT_H
#define DM_API_OPS_ACT_H

#include "base/http.h"

#include "api/kit/api.h"

enum { DM_REASON_MAX = 500, DM_REASON_BYTES_MAX = 4 * DM_REASON_MAX };

/* A body whose one member is the reason. */
typedef struct dm_ops_why {
    char *reason;
} dm_ops_why;
void dm_ops_why_done(dm_ops_why *w);
#define DM_AUTO_OPS_WHY __attribute__((cleanup(dm_ops_why_done), unused)) dm_ops_why

/* 0; or 1 after it has answered 400: no reason of 1 to 500 characters is there. what is the act. */
int dm_ops_why_read(dm_req *req, const char *what, dm_ops_why *out, dm_err *err) DM_NODISCARD;
/* The same of a reason that stands in a larger body; NULL: it is not there. */
int dm_ops_reason(dm_req *req, const char *what, const char *reason) DM_NODISCARD;

/* Of a list of what two people make: 0, or DM_E_INVALID where status is none of draft, approved and withdrawn. .p NULL:
 * none is asked for. */
int dm_ops_status_ok(dm_str status, dm_err *err) DM_NODISCARD;

#define DM_OPS_TOKEN "operator:token"
/* 0: the request has the deployment's token, which nobody in particular bears. 1 after it has answered: there is none,
 * or it is another. */
int dm_ops_token(dm_req *req, const dm_api *api, const char *what) DM_NODISCARD;

/* 0: he has shown his second factor lately. 1 after it has answered: this act on money, which its route alone does not
 * tell, asks for it. */
int dm_ops_proven(dm_req *req, const dm_api *api, const char *what) DM_NODISCARD;

/* 202, open for what else there is to say: the order that was written, under this name, and its state. */
dm_jw dm_ops_ordered(dm_req *req, const char *name, int64_t no, const char *state);

/* Who does it, as the audit has him. */
const char *dm_ops_who(const dm_req *req);

#endif
