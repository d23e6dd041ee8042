#include "base/parse.h"

#include <stdio.h>

/* --- numbers ------------------------------------------------------------------------------------------------ */

/* Digits only, at least one, no overflow. */
static bool digits(dm_str s, uint64_t *out)
{
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

int dm_parse_u64(dm_str s, uint64_t min, uint64_t max, uint64_t *out, dm_err *err)
{
    uint64_t v;
    if (!digits(s, &v) || v < min || v > max)
        return dm_fail(err, DM_E_INVALID, "not a whole number from %llu to %llu", (unsigned long long)min,
                (unsigned long long)max);
    *out = v;
    return 0;
}

int dm_parse_i64(dm_str s, int64_t min, int64_t max, int64_t *out, dm_err *err)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    uint64_t u = 0;
    bool ok = digits(minus ? (dm_str){s.p + 1, s.n - 1} : s, &u);
    /* The negative side reaches one further than the positive. */
    ok = ok && u <= (uint64_t)INT64_MAX + (minus ? 1 : 0);
    int64_t v = !ok ? 0 : !minus ? (int64_t)u : u == 0 ? 0 : -(int64_t)(u - 1) - 1;
    if (!ok || v < min || v > max)
        return dm_fail(err, DM_E_INVALID, "not a whole number from %lld to %lld", (long long)min, (long long)max);
    *out = v;
    return 0;
}

int dm_parse_bool(dm_str s, bool *out, dm_err *err)
{
    bool yes = dm_str_eq_c(s, "true");
    if (!yes && !dm_str_eq_c(s, "false"))
        return dm_fail(err, DM_E_INVALID, "neither true nor false");
    *out = yes;
    return 0;
}

/* --- hex, base64, URL --------------------------------------------------------------------------------------- */

int dm_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int dm_parse_hex(dm_str s, uint8_t *out, size_t out_len, dm_err *err)
{
    if (s.n % 2 != 0 || s.n / 2 != out_len)
        return dm_fail(err, DM_E_INVALID, "%zu characters where %zu hex digits are due", s.n, out_len * 2);
    for (size_t i = 0; i < s.n; i++)
        if (dm_hex_digit(s.p[i]) < 0)
            return dm_fail(err, DM_E_INVALID, "not a hex digit at %zu", i);
    for (size_t i = 0; i < out_len; i++)
        out[i] = (uint8_t)(dm_hex_digit(s.p[2 * i]) << 4 | dm_hex_digit(s.p[2 * i + 1]));
    return 0;
}

static const char lower_hex[] = "0123456789abcdef";

void dm_hex(const void *p, size_t n, char *out)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = lower_hex[b[i] >> 4];
        out[2 * i + 1] = lower_hex[b[i] & 15];
    }
    out[2 * n] = '\0';
}

int dm_base64_encode(dm_buf *b, const void *p, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = p;
    /* Past half the address space the product below could wrap; no cap is that large, so it is refused as one. */
    size_t quads = n / 3 + (n % 3 != 0);
    char *out = dm_buf_want(b, quads > SIZE_MAX / 8 ? SIZE_MAX : quads * 4);
    if (out == NULL)
        return b->why;
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16;
        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)in[i + 2] : 0;
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        *o++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
        *o++ = left > 2 ? alphabet[v & 63] : '=';
    }
    dm_buf_grew(b, (size_t)(o - out));
    return 0;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

int dm_base64_decode(dm_buf *b, dm_str s, dm_err *err)
{
    if (s.n >= 4 && s.n % 4 == 0 && s.p[s.n - 1] == '=')
        s.n -= s.p[s.n - 2] == '=' ? 2 : 1;
    if (s.n % 4 == 1)
        return dm_fail(err, DM_E_INVALID, "not base64: cut short");
    char *out = dm_buf_want(b, s.n / 4 * 3 + (s.n % 4 != 0 ? s.n % 4 - 1 : 0));
    if (out == NULL)
        return dm_buf_ok(b, err);
    char *o = out;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        int d = base64_digit(s.p[i]);
        if (d < 0)
            return dm_fail(err, DM_E_INVALID, "not base64 at %zu", i);
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (char)(uint8_t)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    /* Two spellings of the same bytes would be two names for one thing. */
    if (v != 0)
        return dm_fail(err, DM_E_INVALID, "not base64: loose bits at the end");
    dm_buf_grew(b, (size_t)(o - out));
    return 0;
}

int dm_url_decode(dm_buf *b, dm_str s, bool plus, dm_err *err)
{
    char *out = dm_buf_want(b, s.n);
    if (out == NULL)
        return dm_buf_ok(b, err);
    char *o = out;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int hi = s.n - i > 2 ? dm_hex_digit(s.p[i + 1]) : -1;
            int lo = s.n - i > 2 ? dm_hex_digit(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return dm_fail(err, DM_E_INVALID, "a bad %% escape at %zu", i);
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return dm_fail(err, DM_E_INVALID, "a NUL byte at %zu", i);
        *o++ = c;
    }
    dm_buf_grew(b, (size_t)(o - out));
    return 0;
}

static bool url_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int dm_url_encode(dm_buf *b, dm_str s)
{
    static const char upper_hex[] = "0123456789ABCDEF";
    size_t size = 0;
    for (size_t i = 0; i < s.n; i++)
        size += url_plain(s.p[i]) ? 1 : 3;
    char *o = dm_buf_want(b, size);
    if (o == NULL)
        return b->why;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (url_plain(s.p[i])) {
            *o++ = s.p[i];
            continue;
        }
        *o++ = '%';
        *o++ = upper_hex[c >> 4];
        *o++ = upper_hex[c & 15];
    }
    dm_buf_grew(b, size);
    return 0;
}

/* --- time --------------------------------------------------------------------------------------------------- */

enum { DAY_S = 86400, SECOND_US = 1000000 };

static const int64_t last_us = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */

/* Days since 1970-01-01 of a Gregorian date. Years are counted from March, so that the leap day is a year's last and
 * the days before a month follow one line: (153 m + 2) / 5. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* n digits at s[at]; -1 when they are not. */
static int64_t number_at(dm_str s, size_t at, size_t n)
{
    uint64_t v;
    if (at + n > s.n || !digits((dm_str){s.p + at, n}, &v))
        return -1;
    return (int64_t)v;
}

/* The digits behind the point at *at, as microseconds; -1 when there is none or the seventh and later say something,
 * which we would have to round. */
static int64_t fraction_at(dm_str s, size_t *at)
{
    size_t first = *at;
    int64_t us = 0;
    size_t i = first;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        if (i - first < 6)
            us = us * 10 + (s.p[i] - '0');
        else if (s.p[i] != '0')
            return -1;
    }
    if (i == first)
        return -1;
    for (size_t n = i - first; n < 6; n++)
        us *= 10;
    *at = i;
    return us;
}

int dm_parse_rfc3339(dm_str s, int64_t *out_us, dm_err *err)
{
    static const int8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char words[] = "not a UTC time such as 2026-01-31T23:59:59.000000Z";
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || (s.p[10] != 'T' && s.p[10] != 't') || s.p[13] != ':' ||
            s.p[16] != ':')
        return dm_fail(err, DM_E_INVALID, "%s", words);
    int64_t year = number_at(s, 0, 4), month = number_at(s, 5, 2), day = number_at(s, 8, 2);
    int64_t hour = number_at(s, 11, 2), minute = number_at(s, 14, 2), second = number_at(s, 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days[month - 1] ||
            (month == 2 && day == 29 && !is_leap(year)))
        return dm_fail(err, DM_E_INVALID, "%s", words);
    /* Second 60 is refused: the epoch count has no place for it. */
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return dm_fail(err, DM_E_INVALID, "%s", words);
    size_t at = 19;
    int64_t us = 0;
    if (s.p[at] == '.') {
        at++;
        us = fraction_at(s, &at);
        if (us < 0)
            return dm_fail(err, DM_E_INVALID, "%s", words);
    }
    dm_str zone = {s.p + at, s.n - at};
    if (!dm_str_ieq_c(zone, "z") && !dm_str_eq_c(zone, "+00:00") && !dm_str_eq_c(zone, "-00:00"))
        return dm_fail(err, DM_E_INVALID, "%s", words);
    int64_t seconds = days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    *out_us = seconds * SECOND_US + us;
    return 0;
}

static char *put_digits(char *o, int64_t v, size_t n)
{
    for (size_t i = n; i-- > 0; v /= 10)
        o[i] = (char)('0' + v % 10);
    return o + n;
}

void dm_rfc3339(int64_t us, char out[32])
{
    us = us < 0 ? 0 : us > last_us ? last_us : us;
    int64_t seconds = us / SECOND_US;
    int64_t in_day = seconds % DAY_S;
    /* days_of backwards: 400-year cycles of 146097 days, years and months from March. */
    int64_t days = seconds / DAY_S + 719468;
    int64_t cycle = days / 146097;
    int64_t in_cycle = days % 146097;
    int64_t y = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int64_t in_year = in_cycle - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153;
    int64_t day = in_year - (153 * m + 2) / 5 + 1;
    int64_t month = m < 10 ? m + 3 : m - 9;
    int64_t year = cycle * 400 + y + (month <= 2 ? 1 : 0);

    char *o = put_digits(out, year, 4);
    *o++ = '-';
    o = put_digits(o, month, 2);
    *o++ = '-';
    o = put_digits(o, day, 2);
    *o++ = 'T';
    o = put_digits(o, in_day / 3600, 2);
    *o++ = ':';
    o = put_digits(o, in_day / 60 % 60, 2);
    *o++ = ':';
    o = put_digits(o, in_day % 60, 2);
    *o++ = '.';
    o = put_digits(o, us % SECOND_US, 6);
    *o++ = 'Z';
    *o = '\0';
}

/* --- characters --------------------------------------------------------------------------------------------- */

size_t dm_utf8_step(dm_str s)
{
    if (s.n == 0)
        return 0;
    const uint8_t *p = (const uint8_t *)s.p;
    if (p[0] < 0x80)
        return p[0] != 0 ? 1 : 0;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
        return 0;
    /* The second byte's range keeps out what has a shorter form, surrogates, and all above U+10FFFF. */
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool dm_utf8_ok(dm_str s)
{
    while (s.n > 0) {
        size_t n = dm_utf8_step(s);
        if (n == 0)
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

bool dm_str_only(dm_str s, const char *set)
{
    size_t n = strlen(set);
    for (size_t i = 0; i < s.n; i++)
        if (memchr(set, s.p[i], n) == NULL)
            return false;
    return true;
}
