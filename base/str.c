#include "base/str.h"

bool dm_str_eq(dm_str a, dm_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool dm_str_eq_secret(dm_str a, dm_str b)
{
    if (a.n != b.n)
        return false;
    unsigned differ = 0;
    for (size_t i = 0; i < a.n; i++)
        differ |= (unsigned char)(a.p[i] ^ b.p[i]);
    __asm__("" : "+r"(differ)); /* whoever knew what is asked below might stop at the first difference */
    return differ == 0;
}

bool dm_str_eq_c(dm_str a, const char *z)
{
    return dm_str_eq(a, dm_str_c(z));
}

/* The locale's tolower would make header names depend on the environment. */
static unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool dm_str_ieq_c(dm_str a, const char *z)
{
    dm_str b = dm_str_c(z);
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    return true;
}

bool dm_str_starts(dm_str a, dm_str prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

dm_str dm_str_trim(dm_str a)
{
    while (a.n > 0 && is_blank(a.p[0])) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && is_blank(a.p[a.n - 1]))
        a.n--;
    return a;
}

/* "a," must give a last empty word, and a caller's own "" must give none, though both are a dm_str of length 0. The
 * one a separator left behind points here, at that separator's place; a split by another separator sees a plain "". */
static const char ends[256];

bool dm_str_split(dm_str *rest, char sep, dm_str *out)
{
    const char *end = &ends[(unsigned char)sep];
    if (rest->n == 0) {
        if (rest->p != end)
            return false;
        *out = (dm_str){"", 0};
        *rest = (dm_str){"", 0};
        return true;
    }
    const char *at = memchr(rest->p, sep, rest->n);
    if (at == NULL) {
        *out = *rest;
        *rest = (dm_str){"", 0};
        return true;
    }
    size_t n = (size_t)(at - rest->p);
    *out = (dm_str){rest->p, n};
    *rest = n + 1 < rest->n ? (dm_str){at + 1, rest->n - n - 1} : (dm_str){end, 0};
    return true;
}

int dm_str_to_array(dm_str a, char *out, size_t cap, dm_err *err)
{
    if (cap > 0)
        out[0] = '\0';
    if (a.n >= cap)
        return dm_fail(err, DM_E_LIMIT, "%zu bytes where at most %zu fit", a.n, cap > 0 ? cap - 1 : 0);
    if (a.n == 0)
        return 0;
    if (memchr(a.p, '\0', a.n) != NULL)
        return dm_fail(err, DM_E_INVALID, "a NUL byte inside");
    memcpy(out, a.p, a.n);
    out[a.n] = '\0';
    return 0;
}

char *dm_str_dup(dm_str a)
{
    size_t size;
    if (__builtin_add_overflow(a.n, 1, &size))
        return NULL;
    char *z = malloc(size);
    if (z == NULL)
        return NULL;
    if (a.n > 0)
        memcpy(z, a.p, a.n);
    z[a.n] = '\0';
    return z;
}

size_t dm_str_hash(dm_str a)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < a.n; i++)
        h = (h ^ (unsigned char)a.p[i]) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}
