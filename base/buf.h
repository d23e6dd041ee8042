/* base/buf.h: a byte buffer that grows up to the cap it was born with, and then fails. A failed append leaves
 * the bytes as they were and marks the buffer, which takes nothing more until it is reset: a row of appends may be
 * checked once, with dm_buf_ok, and never has a hole. Contents are kept NUL-terminated one past len, so that .p is also
 * a C string once something was added. */
#ifndef DM_BASE_BUF_H
#define DM_BASE_BUF_H

#include "base/str.h"

typedef struct dm_buf {
    char *p;
    size_t len;
    size_t room; /* allocated */
    size_t cap;  /* never more than this many bytes of content */
    bool failed;
    int why; /* DM_E_LIMIT or DM_E_NOMEM once failed */
} dm_buf;

/* The caller's storage; allocates nothing yet. */
void dm_buf_init(dm_buf *b, size_t cap);
void dm_buf_done(dm_buf *b);
void dm_buf_reset(dm_buf *b); /* empty, not failed; keeps its room */

int dm_buf_add(dm_buf *b, const void *p, size_t n);
int dm_buf_str(dm_buf *b, dm_str s);
int dm_buf_c(dm_buf *b, const char *z);
int dm_buf_ch(dm_buf *b, char c);
int dm_buf_fmt(dm_buf *b, const char *fmt, ...) DM_PRINTF(2, 3);

/* Room for n more bytes at the end; NULL past the cap, which marks the buffer as any failed append. dm_buf_grew says
 * how many were filled. */
char *dm_buf_want(dm_buf *b, size_t n);
void dm_buf_grew(dm_buf *b, size_t n);

/* Drops n bytes at the front. */
void dm_buf_eat(dm_buf *b, size_t n);

/* Marks the buffer as a failed append does, for one who failed on its behalf. The first mark stays. */
void dm_buf_fail(dm_buf *b, int code);

/* 0, or DM_E_LIMIT/DM_E_NOMEM when any append failed since the last reset. */
int dm_buf_ok(const dm_buf *b, dm_err *err) DM_NODISCARD;

static inline DM_UNUSED dm_str dm_buf_view(const dm_buf *b)
{
    return (dm_str){b->p != NULL ? b->p : "", b->len};
}

/* The bytes leave with the caller, who frees them; the buffer is as after dm_buf_init. NULL when nothing was added. */
char *dm_buf_take(dm_buf *b);

#define DM_AUTO_BUF __attribute__((cleanup(dm_buf_done), unused)) dm_buf

/* Little-endian words, for wire layouts. */
int dm_buf_u8(dm_buf *b, uint8_t v);
int dm_buf_le16(dm_buf *b, uint16_t v);
int dm_buf_le32(dm_buf *b, uint32_t v);
int dm_buf_le64(dm_buf *b, uint64_t v);

/* The reading side: each takes its bytes off the front of *in, or fails with DM_E_PROTO and takes nothing. */
int dm_take_u8(dm_str *in, uint8_t *out);
int dm_take_le16(dm_str *in, uint16_t *out);
int dm_take_le32(dm_str *in, uint32_t *out);
int dm_take_le64(dm_str *in, uint64_t *out);
int dm_take_bytes(dm_str *in, void *out, size_t n);

#endif
