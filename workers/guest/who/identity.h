/* workers/guest/who/identity.h: who this sandbox is: what a resume message last said. Templates are booted without one
 * (the default user is then root and nothing is secured); a clone becomes itself by it. */
#ifndef DM_WORKERS_GUEST_WHO_IDENTITY_H
#define DM_WORKERS_GUEST_WHO_IDENTITY_H

#include "base/wire/guest.h"

typedef struct dm_identity {
    int64_t generation;
    char *sandbox; /* its written id; "": nobody's yet */
    char *token;   /* "": not secured */
    char *user;    /* default user */
    bool user_set; /* by a resume; decides how an unknown one is reported */
    char *workdir; /* "": none */
    json_t *env;   /* default environment, system keys included */
} dm_identity;

int dm_identity_init(dm_identity *id, dm_err *err) DM_NODISCARD;
void dm_identity_done(dm_identity *id);

/* All of it, or nothing on failure. */
int dm_identity_take(dm_identity *id, const dm_guest_resume *m, dm_err *err) DM_NODISCARD;

/* For a native run. */
int dm_identity_set(
        dm_identity *id, const char *token, const char *user, const char *workdir, dm_err *err) DM_NODISCARD;

#endif
