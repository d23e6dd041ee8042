/* workers/guest/process/env.h: an environment being put together. A later value replaces an earlier one of the same
 * name. */
#ifndef DM_WORKERS_GUEST_PROCESS_ENV_H
#define DM_WORKERS_GUEST_PROCESS_ENV_H

#include "base/str.h"

#include "workers/guest/limits.h"

typedef struct dm_env {
    char **v; /* "NAME=value", ended by NULL: what execve takes */
    size_t n, room;
} dm_env;

void dm_env_done(dm_env *e);
int dm_env_set(dm_env *e, const char *name, const char *value, dm_err *err) DM_NODISCARD;
/* NULL when it is not there; borrowed until the next set. */
const char *dm_env_get(const dm_env *e, const char *name);

#define DM_AUTO_ENV __attribute__((cleanup(dm_env_done), unused)) dm_env

#endif
