#include "base/wire/id.h"

#include <stdio.h>

__extension__ typedef unsigned __int128 u128;

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* 36^20, which needs 104 bits. */
static u128 sandbox_id_end(void)
{
    u128 v = 1;
    for (int i = 0; i < 20; i++)
        v *= 36;
    return v;
}

static u128 load_be(const uint8_t b[16])
{
    u128 v = 0;
    for (int i = 0; i < 16; i++)
        v = (v << 8) | b[i];
    return v;
}

static void store_be(u128 v, uint8_t b[16])
{
    for (int i = 15; i >= 0; i--) {
        b[i] = (uint8_t)(v & 0xff);
        v >>= 8;
    }
}

static void print36(u128 v, char out[20])
{
    for (int i = 19; i >= 0; i--) {
        out[i] = digits[(unsigned)(v % 36)];
        v /= 36;
    }
}

dm_sandbox_id dm_sandbox_id_of_random(const uint8_t random[16])
{
    dm_sandbox_id id;
    store_be(load_be(random) % sandbox_id_end(), id.b);
    return id;
}

dm_sandbox_name dm_sandbox_name_of(const dm_sandbox_id *id)
{
    dm_sandbox_name name;
    name.s[0] = 'i';
    print36(load_be(id->b), name.s + 1);
    name.s[21] = '\0';
    return name;
}

int dm_sandbox_id_parse(dm_str s, dm_sandbox_id *out, dm_err *err)
{
    if (s.n != DM_SANDBOX_ID_TEXT - 1 || s.p[0] != 'i')
        return dm_fail(err, DM_E_INVALID, "a sandbox id is 'i' and 20 characters of a-z and 0-9");
    u128 v = 0;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        unsigned d;
        if (c >= '0' && c <= '9')
            d = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'z')
            d = (unsigned)(c - 'a') + 10;
        else
            return dm_fail(err, DM_E_INVALID, "a sandbox id is 'i' and 20 characters of a-z and 0-9");
        v = v * 36 + d;
    }
    store_be(v, out->b);
    return 0;
}

bool dm_sandbox_id_eq(const dm_sandbox_id *a, const dm_sandbox_id *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int dm_sandbox_id_cmp(const dm_sandbox_id *a, const dm_sandbox_id *b)
{
    return memcmp(a->b, b->b, sizeof(a->b));
}

dm_template_id dm_template_id_of_random(const uint8_t random[16])
{
    dm_template_id id;
    print36(load_be(random) % sandbox_id_end(), id.s);
    id.s[20] = '\0';
    return id;
}

dm_uuid dm_uuid_of_random(const uint8_t random[16])
{
    uint8_t b[16];
    memcpy(b, random, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    dm_uuid u;
    char *p = u.s;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[b[i] >> 4];
        *p++ = digits[b[i] & 15];
    }
    *p = '\0';
    return u;
}

bool dm_uuid_ok(dm_str s)
{
    if (s.n != DM_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-')
                return false;
        } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}
