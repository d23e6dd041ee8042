#include "metering/export/data/thrift.h"

#include <assert.h>

enum { TRUE_ = 1, I16 = 4, I32 = 5, I64 = 6, BINARY = 8, LIST = 9, STRUCT = 12, SHORT = 15 };

void dm_thrift_varint(dm_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        (void)dm_buf_u8(b, (uint8_t)(v | 0x80));
    (void)dm_buf_u8(b, (uint8_t)v);
}

/* Small numbers of either sign are short: 0, -1, 1, -2, ... */
static void zigzag(dm_buf *b, int64_t v)
{
    dm_thrift_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static void head(dm_thrift *t, unsigned field, unsigned type)
{
    unsigned *last = &t->last[t->depth - 1], step = field - *last;
    if (step <= SHORT) {
        (void)dm_buf_u8(t->b, (uint8_t)(step << 4 | type));
    } else {
        (void)dm_buf_u8(t->b, (uint8_t)type);
        zigzag(t->b, field);
    }
    *last = field;
}

void dm_thrift_begin(dm_thrift *t)
{
    assert(t->depth < DM_THRIFT_DEPTH);
    t->last[t->depth++] = 0;
}

void dm_thrift_end(dm_thrift *t)
{
    assert(t->depth > 0);
    t->depth--;
    (void)dm_buf_u8(t->b, 0);
}

void dm_thrift_struct(dm_thrift *t, unsigned field)
{
    head(t, field, STRUCT);
    dm_thrift_begin(t);
}

void dm_thrift_true(dm_thrift *t, unsigned field)
{
    head(t, field, TRUE_);
}

void dm_thrift_i16(dm_thrift *t, unsigned field, int64_t v)
{
    head(t, field, I16);
    zigzag(t->b, v);
}

void dm_thrift_i32(dm_thrift *t, unsigned field, int64_t v)
{
    head(t, field, I32);
    zigzag(t->b, v);
}

void dm_thrift_i64(dm_thrift *t, unsigned field, int64_t v)
{
    head(t, field, I64);
    zigzag(t->b, v);
}

void dm_thrift_text(dm_thrift *t, unsigned field, dm_str v)
{
    head(t, field, BINARY);
    dm_thrift_put_text(t, v);
}

void dm_thrift_list(dm_thrift *t, unsigned field, dm_thrift_element of, size_t n)
{
    head(t, field, LIST);
    (void)dm_buf_u8(t->b, (uint8_t)((n < SHORT ? (unsigned)n : SHORT) << 4 | of));
    if (n >= SHORT)
        dm_thrift_varint(t->b, n);
}

void dm_thrift_put_i32(dm_thrift *t, int64_t v)
{
    zigzag(t->b, v);
}

void dm_thrift_put_text(dm_thrift *t, dm_str v)
{
    dm_thrift_varint(t->b, v.n);
    (void)dm_buf_str(t->b, v);
}
