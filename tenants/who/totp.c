#include "tenants/who/totp.h"

#include <stdio.h>

enum { CODE_BYTES = 10, CODE_DIGITS = 16 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int dm_totp_code(const uint8_t secret[DM_TOTP_SECRET], int64_t step, char out[DM_TOTP_CODE], dm_err *err)
{
    uint8_t counter[8], mac[DM_SHA1];
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    int r = dm_hmac_sha1(
            (dm_str){(const char *)secret, DM_TOTP_SECRET}, (dm_str){(const char *)counter, sizeof counter}, mac, err);
    if (r < 0)
        return r;
    unsigned at = mac[DM_SHA1 - 1] & 15u;
    uint32_t n =
            (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    (void)snprintf(out, DM_TOTP_CODE, "%06u", n % 1000000u);
    return 0;
}

int dm_totp_check(const uint8_t secret[DM_TOTP_SECRET], dm_str code, int64_t now_s, int64_t *step, dm_err *err)
{
    char want[DM_TOTP_CODE];
    int64_t now = now_s / DM_TOTP_STEP_S, found = 0;
    for (int64_t s = now - 1; s <= now + 1; s++) {
        int r = dm_totp_code(secret, s, want, err);
        if (r < 0)
            return r;
        if (dm_str_eq_secret(code, dm_str_c(want)) && s > *step)
            found = s;
    }
    if (found == 0)
        return DM_TOTP_WRONG;
    *step = found;
    return 0;
}

/* n a multiple of 5: no padding. */
static void base32(const uint8_t *p, size_t n, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = alphabet[bits >> (have - 5) & 31];
    }
    *out = '\0';
}

void dm_totp_text(const uint8_t secret[DM_TOTP_SECRET], char out[DM_TOTP_SECRET_TEXT])
{
    base32(secret, DM_TOTP_SECRET, out);
}

int dm_recovery_new(char out[DM_RECOVERY_TEXT], dm_err *err)
{
    uint8_t raw[CODE_BYTES];
    char text[CODE_DIGITS + 1];
    int r = dm_random(raw, sizeof raw, err);
    if (r < 0)
        return r;
    base32(raw, sizeof raw, text);
    (void)snprintf(out, DM_RECOVERY_TEXT, "%.4s-%.4s-%.4s-%.4s", text, text + 4, text + 8, text + 12);
    return 0;
}

int dm_recovery_hash(dm_str text, dm_digest *out, dm_err *err)
{
    char plain[CODE_DIGITS + 1];
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '-' || c == ' ')
            continue;
        if (n == CODE_DIGITS)
            return dm_sha256(DM_STR(""), out, err); /* nobody's */
        plain[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return dm_sha256((dm_str){plain, n}, out, err);
}
