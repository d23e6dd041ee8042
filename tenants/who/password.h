/* tenants/who/password.h: passwords at rest: Argon2id. What a hash costs is said in its encoded text, so that settings
 * can change: a password that is right and whose hash cost something else is hashed anew. Each of the two calls takes
 * the cost's memory and time on the caller's thread: who bounds how many run at once is above (the API's line for
 * them). Only password.c includes the library. */
#ifndef DM_TENANTS_WHO_PASSWORD_H
#define DM_TENANTS_WHO_PASSWORD_H

#include "base/str.h"

enum { DM_PASSWORD_MIN = 10, DM_PASSWORD_MAX = 256, DM_PASSWORD_TEXT = 128 };

typedef struct dm_password_cost {
    uint32_t mem_kib, passes, lanes;
} dm_password_cost;

enum { DM_PASSWORD_WRONG = 1 };

int dm_password_hash(
        const dm_password_cost *cost, dm_str password, char out[DM_PASSWORD_TEXT], dm_err *err) DM_NODISCARD;
/* 0 or DM_PASSWORD_WRONG. encoded is ours, from the database. */
int dm_password_check(const char *encoded, dm_str password, dm_err *err) DM_NODISCARD;
/* Whether it cost something else, or cannot be read. */
bool dm_password_stale(const char *encoded, const dm_password_cost *cost);

#endif
