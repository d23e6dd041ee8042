/* workers/guest/who/user.h: the users of the sandbox's root, read from its /etc/passwd and /etc/group by ourselves: a
 * static program cannot load NSS modules. Parsed again when a file has changed. Bounded: what lies past 1 MiB of a file
 * or 65,536 entries does not exist for us. */
#ifndef DM_WORKERS_GUEST_WHO_USER_H
#define DM_WORKERS_GUEST_WHO_USER_H

#include <sys/types.h>

#include "base/str.h"

#include "workers/guest/limits.h"

typedef struct dm_user {
    char name[DM_USER_NAME];
    char home[DM_USER_HOME];
    uid_t uid;
    gid_t gid;
} dm_user;

typedef struct dm_users dm_users;

int dm_users_new(dm_users **out, dm_err *err) DM_NODISCARD;
void dm_users_free(dm_users *u);
DM_DEFINE_FREEP(dm_users)

/* DM_E_NOTFOUND when there is no such user. */
int dm_users_find(dm_users *u, dm_str name, dm_user *out, dm_err *err) DM_NODISCARD;

/* The user's own group and the supplementary ones, at most DM_USER_GROUPS; the count. */
size_t dm_users_groups(dm_users *u, const dm_user *user, gid_t out[DM_USER_GROUPS]);

/* Names for numbers, NULL when there is none. Borrowed until the next call of anything here. */
const char *dm_users_name_of(dm_users *u, uid_t uid);
const char *dm_users_group_of(dm_users *u, gid_t gid);

/* Looks at the files' times once; name_of and group_of then trust it until the next call. */
void dm_users_refresh(dm_users *u);

#endif
