/* base/parse.h: words into values. Each takes the whole word or fails with DM_E_INVALID; none skips blanks,
 * accepts a sign it does not name, or rounds. */
#ifndef DM_BASE_PARSE_H
#define DM_BASE_PARSE_H

#include "base/buf.h"

int dm_parse_u64(dm_str s, uint64_t min, uint64_t max, uint64_t *out, dm_err *err) DM_NODISCARD;
int dm_parse_i64(dm_str s, int64_t min, int64_t max, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_parse_bool(dm_str s, bool *out, dm_err *err) DM_NODISCARD; /* true, false */

int dm_hex_digit(char c); /* 0 to 15, or -1; lower or upper case */
/* Lower or upper case; writes exactly s.n / 2 bytes. */
int dm_parse_hex(dm_str s, uint8_t *out, size_t out_len, dm_err *err) DM_NODISCARD;
void dm_hex(const void *p, size_t n, char *out); /* 2n digits and NUL */

/* Standard alphabet. decode takes padded or not, and the URL alphabet too. */
int dm_base64_encode(dm_buf *b, const void *p, size_t n);
int dm_base64_decode(dm_buf *b, dm_str s, dm_err *err) DM_NODISCARD;

/* Percent-decodes one component into b. A bad escape or an encoded NUL is DM_E_INVALID. plus turns '+' into ' '. */
int dm_url_decode(dm_buf *b, dm_str s, bool plus, dm_err *err) DM_NODISCARD;
int dm_url_encode(dm_buf *b, dm_str s); /* everything but A-Z a-z 0-9 - . _ ~ */

/* RFC 3339 in UTC ("Z" or "+00:00"), microseconds since the epoch; years 1970 to 9999, and a time written outside of
 * them is written as the nearest inside. The written form always has six fractional digits and 'Z'. */
int dm_parse_rfc3339(dm_str s, int64_t *out_us, dm_err *err) DM_NODISCARD;
void dm_rfc3339(int64_t us, char out[32]);

/* Well-formed UTF-8 without NUL. */
bool dm_utf8_ok(dm_str s);
/* How many bytes the character at the front has, 1 to 4; 0 when there is no well-formed one, or it is NUL. */
size_t dm_utf8_step(dm_str s);

/* Every byte is one of set (a C string of allowed bytes). */
bool dm_str_only(dm_str s, const char *set);

#endif
