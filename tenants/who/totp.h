/* tenants/who/totp.h: the second factor: codes of six digits by time (RFC 6238, HMAC-SHA-1, 30 s), as every app makes
 * them, and codes on paper. Pure. */
#ifndef DM_TENANTS_WHO_TOTP_H
#define DM_TENANTS_WHO_TOTP_H

#include "base/crypto.h"

enum {
    DM_TOTP_SECRET = 20,
    DM_TOTP_SECRET_TEXT = 33,
    DM_TOTP_STEP_S = 30,
    DM_RECOVERY_TEXT = 20,
    DM_RECOVERY_CODES = 10,
    DM_TOTP_CODE = 7
};

enum { DM_TOTP_WRONG = 1 };

/* A code is good in its step and one before and after it, and never again, nor an older one: *step is the last one
 * used, and becomes this one. 0 or DM_TOTP_WRONG. */
int dm_totp_check(
        const uint8_t secret[DM_TOTP_SECRET], dm_str code, int64_t now_s, int64_t *step, dm_err *err) DM_NODISCARD;
/* What an app shows in a step (of 30 s since 1970). */
int dm_totp_code(const uint8_t secret[DM_TOTP_SECRET], int64_t step, char out[DM_TOTP_CODE], dm_err *err) DM_NODISCARD;
/* As apps want it: base 32. */
void dm_totp_text(const uint8_t secret[DM_TOTP_SECRET], char out[DM_TOTP_SECRET_TEXT]);

/* "ABCD-EFGH-IJKL-MNOP", 80 bits. */
int dm_recovery_new(char out[DM_RECOVERY_TEXT], dm_err *err) DM_NODISCARD;
/* What is stored of it; blanks, hyphens and lower case are as good. */
int dm_recovery_hash(dm_str text, dm_digest *out, dm_err *err) DM_NODISCARD;

#endif
