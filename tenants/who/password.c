#include "tenants/who/password.h"

#include <argon2.h>
#include <stdio.h>

#include "base/crypto.h"

enum { SALT = 16, HASH = 32 };

static int failed(int code, dm_err *err)
{
    int r = code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL ? DM_E_NOMEM : DM_E_INTERNAL;
    return dm_fail(err, r, "Argon2id: %s", argon2_error_message(code));
}

int dm_password_hash(const dm_password_cost *cost, dm_str password, char out[DM_PASSWORD_TEXT], dm_err *err)
{
    uint8_t salt[SALT];
    char text[DM_PASSWORD_TEXT];
    int r = dm_random(salt, sizeof salt, err);
    if (r < 0)
        return r;
    int code = argon2id_hash_encoded(cost->passes, cost->mem_kib, cost->lanes, password.p, password.n, salt,
            sizeof salt, HASH, text, sizeof text);
    if (code != ARGON2_OK)
        return failed(code, err);
    memcpy(out, text, sizeof text);
    return 0;
}

int dm_password_check(const char *encoded, dm_str password, dm_err *err)
{
    int code = argon2id_verify(encoded, password.p, password.n);
    if (code == ARGON2_VERIFY_MISMATCH)
        return DM_PASSWORD_WRONG;
    return code == ARGON2_OK ? 0 : failed(code, err);
}

bool dm_password_stale(const char *encoded, const dm_password_cost *cost)
{
    char want[64];
    int n = snprintf(want, sizeof want, "$argon2id$v=%d$m=%u,t=%u,p=%u$", (int)ARGON2_VERSION_NUMBER, cost->mem_kib,
            cost->passes, cost->lanes);
    return strncmp(encoded, want, (size_t)n) != 0;
}
