#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { FIRST_ROOM = 64 };

void dm_buf_init(dm_buf *b, size_t cap)
{
    /* Objects above PTRDIFF_MAX do not exist; clamping here spares every sum below its overflow check. */
    *b = (dm_buf){.cap = cap < PTRDIFF_MAX - 1 ? cap : PTRDIFF_MAX - 1};
}

void dm_buf_done(dm_buf *b)
{
    free(b->p);
    *b = (dm_buf){.cap = b->cap};
}

void dm_buf_reset(dm_buf *b)
{
    b->len = 0;
    b->failed = false;
    b->why = 0;
    if (b->p != NULL)
        b->p[0] = '\0';
}

void dm_buf_fail(dm_buf *b, int code)
{
    if (b->failed)
        return;
    b->failed = true;
    b->why = code;
}

static int mark(dm_buf *b, int why)
{
    dm_buf_fail(b, why);
    return b->why;
}

/* Makes room for n more bytes and the NUL. */
static int reserve(dm_buf *b, size_t n)
{
    if (b->failed)
        return b->why;
    if (b->len > b->cap || n > b->cap - b->len)
        return mark(b, DM_E_LIMIT);
    size_t need = b->len + n + 1;
    if (need <= b->room)
        return 0;
    size_t room = b->room > 0 ? b->room : FIRST_ROOM;
    while (room < need && room <= b->cap / 2)
        room *= 2;
    if (room < need || room > b->cap)
        room = b->cap + 1;
    char *p = realloc(b->p, room);
    if (p == NULL)
        return mark(b, DM_E_NOMEM);
    b->p = p;
    b->room = room;
    return 0;
}

int dm_buf_add(dm_buf *b, const void *p, size_t n)
{
    int r = reserve(b, n);
    if (r < 0 || n == 0)
        return r;
    memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
    return 0;
}

int dm_buf_str(dm_buf *b, dm_str s)
{
    return dm_buf_add(b, s.p, s.n);
}

int dm_buf_c(dm_buf *b, const char *z)
{
    return dm_buf_str(b, dm_str_c(z));
}

int dm_buf_ch(dm_buf *b, char c)
{
    return dm_buf_add(b, &c, 1);
}

int dm_buf_fmt(dm_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return mark(b, DM_E_LIMIT);
    int r = reserve(b, (size_t)n);
    if (r < 0)
        return r;
    va_start(ap, fmt);
    (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

char *dm_buf_want(dm_buf *b, size_t n)
{
    return reserve(b, n) < 0 ? NULL : b->p + b->len;
}

void dm_buf_grew(dm_buf *b, size_t n)
{
    if (n == 0)
        return;
    assert(b->len + n < b->room);
    b->len += n;
    b->p[b->len] = '\0';
}

void dm_buf_eat(dm_buf *b, size_t n)
{
    if (n == 0)
        return;
    assert(n <= b->len);
    b->len -= n;
    memmove(b->p, b->p + n, b->len);
    b->p[b->len] = '\0';
}

int dm_buf_ok(const dm_buf *b, dm_err *err)
{
    if (!b->failed)
        return 0;
    if (b->why == DM_E_NOMEM)
        return dm_fail(err, DM_E_NOMEM, "no memory for a buffer of %zu bytes", b->len);
    return dm_fail(err, DM_E_LIMIT, "more than %zu bytes", b->cap);
}

char *dm_buf_take(dm_buf *b)
{
    char *p = dm_steal(&b->p);
    bool some = b->len > 0;
    *b = (dm_buf){.cap = b->cap};
    if (some)
        return p;
    free(p);
    return NULL;
}

/* --- little-endian words ------------------------------------------------------------------------------------ */

static int put(dm_buf *b, uint64_t v, size_t n)
{
    uint8_t w[8];
    for (size_t i = 0; i < n; i++)
        w[i] = (uint8_t)(v >> (8 * i));
    return dm_buf_add(b, w, n);
}

int dm_buf_u8(dm_buf *b, uint8_t v)
{
    return put(b, v, 1);
}

int dm_buf_le16(dm_buf *b, uint16_t v)
{
    return put(b, v, 2);
}

int dm_buf_le32(dm_buf *b, uint32_t v)
{
    return put(b, v, 4);
}

int dm_buf_le64(dm_buf *b, uint64_t v)
{
    return put(b, v, 8);
}

static int take(dm_str *in, size_t n, uint64_t *out)
{
    if (in->n < n)
        return DM_E_PROTO;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(uint8_t)in->p[i] << (8 * i);
    in->p += n;
    in->n -= n;
    *out = v;
    return 0;
}

int dm_take_u8(dm_str *in, uint8_t *out)
{
    uint64_t v;
    int r = take(in, 1, &v);
    if (r == 0)
        *out = (uint8_t)v;
    return r;
}

int dm_take_le16(dm_str *in, uint16_t *out)
{
    uint64_t v;
    int r = take(in, 2, &v);
    if (r == 0)
        *out = (uint16_t)v;
    return r;
}

int dm_take_le32(dm_str *in, uint32_t *out)
{
    uint64_t v;
    int r = take(in, 4, &v);
    if (r == 0)
        *out = (uint32_t)v;
    return r;
}

int dm_take_le64(dm_str *in, uint64_t *out)
{
    return take(in, 8, out);
}

int dm_take_bytes(dm_str *in, void *out, size_t n)
{
    if (in->n < n)
        return DM_E_PROTO;
    if (n == 0)
        return 0;
    memcpy(out, in->p, n);
    in->p += n;
    in->n -= n;
    return 0;
}
