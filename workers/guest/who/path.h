/* workers/guest/who/path.h: what a path in a request means. An absolute path is taken as it stands and not cleaned; "~"
 * and
 * "~/x" and every other relative path start at the user's home; only an empty one means the default directory. */
#ifndef DM_WORKERS_GUEST_WHO_PATH_H
#define DM_WORKERS_GUEST_WHO_PATH_H

#include "workers/guest/limits.h"
#include "workers/guest/who/user.h"

typedef struct dm_guest_path {
    char s[DM_GUEST_PATH_MAX];
} dm_guest_path;

/* workdir "" means: none. DM_E_INVALID for "~other", DM_E_LIMIT for a result that is too long. */
int dm_path_resolve(
        const char *path, const dm_user *user, const char *workdir, dm_guest_path *out, dm_err *err) DM_NODISCARD;

/* "/a/b/../c/" -> "/a/c", as text: links are not looked at. */
void dm_path_clean(char *path);

/* What stands behind the last slash, trailing slashes left out; "/" for the root. Points into path or to a constant;
 * *len is its length. */
const char *dm_path_base(const char *path, size_t *len);

/* Makes the directories above path that are missing, mode 0755, owned by the user. */
int dm_path_make_parents(const char *path, const dm_user *user, dm_err *err) DM_NODISCARD;
/* path itself as well */
int dm_path_make_all(const char *path, const dm_user *user, dm_err *err) DM_NODISCARD;

#endif
