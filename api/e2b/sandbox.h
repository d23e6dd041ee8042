/* api/e2b/sandbox.h: the two shapes in which E2B's routes speak of a sandbox. */
#ifndef DM_API_E2B_SANDBOX_H
#define DM_API_E2B_SANDBOX_H

#include "api/kit/api.h"
#include "tenants/sandbox/row.h"

/* `Sandbox`: what create, connect and resume answer. */
int dm_answer_sandbox(dm_api *api, dm_req *req, int status, const dm_sandbox *s, dm_err *err) DM_NODISCARD;
/* The same as an object in another. */
int dm_write_sandbox(dm_api *api, dm_jw *w, const dm_sandbox *s, dm_err *err) DM_NODISCARD;
/* `ListedSandbox`'s members, into an object that is open. */
void dm_write_listed(dm_jw *w, const dm_sandbox *s);

#endif
