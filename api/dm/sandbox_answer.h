/* api/dm/sandbox_answer.h: a request about one sandbox of a project: its id from the path, and its line as the answer.
 */
#ifndef DM_API_DM_SANDBOX_ANSWER_H
#define DM_API_DM_SANDBOX_ANSWER_H

#include "api/kit/api.h"

/* The {id} below /v1/projects/{slug}/sandboxes. As dm_sandbox_param. */
int dm_own_id(const dm_req *req, dm_sandbox_id *out, dm_err *err) DM_NODISCARD;
/* The sandbox as it is now, with all that GET says of it; what: the act, for the refusal of one that is not there. */
int dm_own_answer(
        dm_api *api, dm_req *req, int status, const char *what, const dm_sandbox_id *id, dm_err *err) DM_NODISCARD;

#endif
