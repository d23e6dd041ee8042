/* api/kit/answer.h: how this API says yes and no. A no is E2B's {code, message, error_code?} with our denial beside it
 * (base/wire/denial.h); a yes about a sandbox has one of two shapes. */
#ifndef DM_API_ANSWER_H
#define DM_API_ANSWER_H

#include "base/wire/denial.h"

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"

/* Answers with a refusal and returns 0, as a handler does. error_code may be NULL. A denial without retry_after_s tells
 * clients not to repeat the request by themselves. */
int dm_deny(dm_req *req, int status, const char *error_code, const dm_denial *d, const char *fmt, ...)
        DM_PRINTF(5, 6) DM_NODISCARD;

/* The same for what a worker refused: its own denial when it sent one. what is the refused act. */
int dm_deny_worker(
        dm_req *req, int status, const char *error_code, const char *what, const dm_dispatch_no *no) DM_NODISCARD;
/* Nobody could be asked, or nobody knows. */
int dm_deny_away(dm_req *req, const char *what, int r, const dm_err *why) DM_NODISCARD;

/* A header that helps and whose lack harms nobody: when it does not fit, it is left out. */
void dm_hint(dm_reply *reply, const char *name, dm_str value);

/* Refusals that several routes share. */
int dm_deny_no_sandbox(dm_req *req, const char *what, const dm_sandbox_id *id) DM_NODISCARD;
int dm_deny_quota(dm_req *req, const char *what, const dm_quota_over *over) DM_NODISCARD;
/* 0, or 1 after it has answered 400: the limit on a timeout. */
int dm_deny_timeout(dm_req *req, const char *what, int64_t timeout_s, int64_t least) DM_NODISCARD;

/* {id} of the path: id or id-client. DM_E_INVALID for what cannot be one; what can but is not ours is as good as
 * unknown: DM_E_NOTFOUND. */
int dm_sandbox_param(dm_str text, dm_sandbox_id *out, dm_err *err) DM_NODISCARD;

/* The body of a request into a struct by a table of fields; an empty body is an empty object. DM_E_INVALID. */
int dm_body_read(const dm_req *req, const dm_json_field *fields, size_t n, void *out, dm_err *err) DM_NODISCARD;

/* `Sandbox`: what create, connect and resume answer. */
int dm_answer_sandbox(dm_api *api, dm_req *req, int status, const dm_sandbox *s, dm_err *err) DM_NODISCARD;
/* `ListedSandbox`'s members, into an object that is open. */
void dm_write_listed(dm_jw *w, const dm_sandbox *s);
/* The agent's access token in clear; "" when not secured. The caller wipes it. */
int dm_sandbox_token(dm_api *api, const dm_sandbox_id *id, dm_str sealed, dm_buf *out, dm_err *err) DM_NODISCARD;
/* allowPublicTraffic of the stored network object. */
bool dm_network_public(dm_str network);
/* Whether it denies everything. */
bool dm_network_cut(dm_str network);

void dm_write_time(dm_jw *w, const char *name, int64_t us); /* null for 0 */

#endif
