#include "tenants/who/key.h"

#include <stdio.h>

#include "base/parse.h"

enum { BYTES_MAX = 64 };
static const dm_str prefix = {"e2b_", 4};

dm_key dm_key_of_bytes(const uint8_t bytes[DM_KEY_BYTES])
{
    dm_key key;
    memcpy(key.s, prefix.p, prefix.n);
    dm_hex(bytes, DM_KEY_BYTES, key.s + prefix.n);
    return key;
}

int dm_key_random(dm_key *out, dm_err *err)
{
    uint8_t raw[DM_KEY_BYTES];
    int r = dm_random(raw, sizeof raw, err);
    if (r < 0)
        return dm_wrap(err, "make a key");
    *out = dm_key_of_bytes(raw);
    explicit_bzero(raw, sizeof raw);
    return 0;
}

int dm_key_hash(dm_str text, dm_digest *out, dm_err *err)
{
    uint8_t raw[BYTES_MAX];
    if (!dm_str_starts(text, prefix))
        return dm_fail(err, DM_E_INVALID, "an API key begins with e2b_");
    dm_str hex = {text.p + prefix.n, text.n - prefix.n};
    if (hex.n == 0 || hex.n % 2 != 0 || hex.n / 2 > sizeof raw)
        return dm_fail(err, DM_E_INVALID, "an API key has an even number of hex digits, at most %d", 2 * BYTES_MAX);
    int r = dm_parse_hex(hex, raw, hex.n / 2, err);
    if (r < 0)
        return dm_fail(err, r, "an API key has hex digits after e2b_");
    return dm_sha256((dm_str){(const char *)raw, hex.n / 2}, out, err);
}

dm_key_mask dm_key_mask_of(const dm_key *key)
{
    dm_key_mask m;
    const char *value = key->s + prefix.n;
    (void)snprintf(m.s, sizeof m.s, "e2b_%.2s...%s", value, value + 2 * DM_KEY_BYTES - 4);
    return m;
}
