/* api/door/scoped.h: a page's access to the agent of one sandbox: a token that POST .../access signed (api/dm), which
 * stands in for the agent's own at the door, so that no page ever holds that. */
#ifndef DM_API_DOOR_SCOPED_H
#define DM_API_DOOR_SCOPED_H

#include "api/door/verdict.h"

/* Whether a request claims to have such a token. The agent's own are hexadecimal. */
bool dm_scoped_claimed(const dm_door_ask *ask);

/* PASS: it is good now for this sandbox; BAD_PAGE or LATE_PAGE: it is not. What was asked of the database is kept and
 * forgotten as the gate's own (session.h, member.h). */
int dm_scoped_judge(dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out,
        dm_err *err) DM_NODISCARD;

#endif
