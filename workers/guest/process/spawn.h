/* workers/guest/process/spawn.h: starts a program as a user. The child shares our memory until its exec (a vfork by
 * clone), so that starting costs the same however much memory the agent holds, and so that it can say what failed
 * without a pipe. What it does between is raw system calls only.
 *
 * A missing or unfit program is not a failure here: as under a shell, the child says so on its stderr and exits with
 * 127 or 126. */
#ifndef DM_WORKERS_GUEST_PROCESS_SPAWN_H
#define DM_WORKERS_GUEST_PROCESS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

typedef struct dm_spawn {
    const char *cmd;
    char *const *argv; /* argv[0] is cmd */
    char *const *envp;
    const char *path; /* of the environment: where a cmd without slash is looked up */
    const char *cwd;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t groups_n;
    int fd[3]; /* become 0, 1, 2 */
    bool tty;  /* fd[0] is a terminal: the child leads a session of its own with it */
} dm_spawn;

enum {
    DM_SPAWN_CWD = 1,      /* the directory is missing, no directory, or closed to the user */
    DM_SPAWN_TOO_LONG = 2, /* arguments and environment */
};

typedef struct dm_spawner dm_spawner;

int dm_spawner_new(dm_spawner **out, dm_err *err) DM_NODISCARD;
void dm_spawner_free(dm_spawner *s);
DM_DEFINE_FREEP(dm_spawner)

/* argv[-1] must exist: a script whose first line names no interpreter is run as "/bin/sh script args...", for which the
 * slots before and at argv[0] are written to. */
int dm_spawn_run(dm_spawner *s, const dm_spawn *what, pid_t *out, dm_err *err) DM_NODISCARD;

#endif
