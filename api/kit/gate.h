/* api/kit/gate.h: what happens before and after every handler: who may, what a refusal looks like, what each answer
 * carries. The server's hooks; ctx is the dm_api. Called on its threads, as base/http.h says of each. */
#ifndef DM_API_KIT_GATE_H
#define DM_API_KIT_GATE_H

#include "base/http.h"

#include "api/kit/api.h"

/* Whose a request is before it is looked at, for dm_http_config.party: with a key that came lately, of its project;
 * else of the address that it comes from, and a question about traffic of the sandbox that it names. So one project's
 * flood stands behind itself, wherever it comes from. 0: nobody's in particular. */
int64_t dm_api_party(const dm_req *req, void *ctx);

/* Puts a dm_session into req->auth. */
int dm_api_gate(dm_req *req, void *ctx, dm_err *err) DM_NODISCARD;
/* What it asks of a caller it knows: whether he may do what a route of that scope (api.h) does. Pure. 0, or DM_E_DENIED
 * and the words for him. */
int dm_gate_judge(const dm_caller *caller, unsigned scope, dm_err *err) DM_NODISCARD;
/* Whose access token a text is that came in a body: as in a header, a wrong one counts for the address that it comes
 * from. 0, or a failure with the reply's status: 401 where it is nobody's. */
int dm_gate_token(dm_req *req, dm_api *api, dm_str token, dm_session *out, dm_err *err) DM_NODISCARD;
void dm_api_ungate(dm_req *req, void *ctx);
void dm_api_error_body(const dm_req *req, dm_reply *reply, const dm_err *err, void *ctx);
void dm_api_finish(const dm_req *req, dm_reply *reply, void *ctx);

#endif
