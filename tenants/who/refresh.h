/* tenants/who/refresh.h: the long token that a session is refreshed with: "SESSION.TURN.MAC". The MAC is under a key
 * derived from the deployment's master, so that an older token of ours is told from what somebody made up: the first
 * says that it, or the newest, was stolen, and ends the session; the second says nothing at all. Pure. */
#ifndef DM_TENANTS_WHO_REFRESH_H
#define DM_TENANTS_WHO_REFRESH_H

#include "tenants/who/secret.h"

enum { DM_REFRESH_TEXT = DM_UUID_TEXT + 11 + 2 * DM_SHA256 + 1 };

enum { DM_REFRESH_FORGED = 1 };

int dm_refresh_make(
        const dm_master *m, const char *session, int64_t turn, char out[DM_REFRESH_TEXT], dm_err *err) DM_NODISCARD;
/* 0 or DM_REFRESH_FORGED. */
int dm_refresh_read(
        const dm_master *m, dm_str text, char session[DM_UUID_TEXT], int64_t *turn, dm_err *err) DM_NODISCARD;

#endif
