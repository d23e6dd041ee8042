#include "api/door/scoped.h"

#include "base/wire/guest.h"

#include "api/kit/gate.h"

bool dm_scoped_claimed(const dm_door_ask *ask)
{
    return ask->port == DM_GUEST_PORT && ask->access_token.n > 0 &&
           memchr(ask->access_token.p, '.', ask->access_token.n) != NULL;
}

/* The session goes on, and its person may reach what is in that project still. */
static int still(dm_api *api, const dm_token_claims *claims, const dm_sandbox_at_door *s, bool *out, dm_err *err)
{
    dm_signed_in in;
    dm_caller caller;
    dm_err no = {0};
    *out = false;
    int r = dm_sessions_find(api->sessions, claims->session, &in, err);
    if (r != 0 || in.person.v == 0)
        return r < 0 ? r : 0;
    r = dm_members_of_project(api->members, in.person, dm_str_c(claims->project), &caller, err);
    if (r != 0)
        return r < 0 ? r : 0;
    *out = caller.owner.project.v == s->owner.project.v &&
           dm_gate_judge(&caller, DM_SCOPE(DM_RIGHT_SANDBOX_REACH, DM_STANDING_GOOD), &no) == 0;
    return 0;
}

int dm_scoped_judge(dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out, dm_err *err)
{
    dm_token_claims claims;
    bool good = false;
    int r = dm_signing_read(api->signing, ask->access_token, DM_TOKEN_SANDBOX, &claims, err);
    if (r < 0)
        return r;
    if (r == DM_TOKEN_BAD || (r == 0 && strcmp(claims.sandbox, dm_sandbox_name_of(&ask->id).s) != 0)) {
        *out = DM_DOOR_BAD_PAGE;
        return 0;
    }
    if (r == 0)
        r = still(api, &claims, s, &good, err);
    *out = good ? DM_DOOR_PASS : DM_DOOR_LATE_PAGE;
    return r < 0 ? r : 0;
}
