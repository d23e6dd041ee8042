/* Each word parser either refuses, or what it understood is written again and read back as the same. */
#include <stdio.h>

#include "base/parse.h"

#include "tests/fuzz/fuzz.h"

enum { MAX = 1 << 16 };

static void numbers(dm_str s)
{
    char text[32];
    uint64_t u;
    int64_t i;
    if (dm_parse_u64(s, 10, 1000000, &u, NULL) == 0)
        HOLDS(u >= 10 && u <= 1000000);
    if (dm_parse_i64(s, INT64_MIN, INT64_MAX, &i, NULL) == 0) {
        int64_t back;
        int n = snprintf(text, sizeof(text), "%lld", (long long)i);
        HOLDS(dm_parse_i64((dm_str){text, (size_t)n}, INT64_MIN, INT64_MAX, &back, NULL) == 0 && back == i);
    }
}

static void times(dm_str s)
{
    int64_t us;
    int64_t back;
    char text[32];
    if (dm_parse_rfc3339(s, &us, NULL) < 0)
        return;
    dm_rfc3339(us, text);
    HOLDS(dm_parse_rfc3339(dm_str_c(text), &back, NULL) == 0 && back == us);
    HOLDS(s.n < 19 || memcmp(text, s.p, 10) == 0);
}

static void codes(dm_str s)
{
    DM_AUTO_BUF plain;
    DM_AUTO_BUF coded;
    dm_buf_init(&plain, MAX);
    dm_buf_init(&coded, 4 * MAX);
    HOLDS(dm_url_encode(&coded, s) == 0);
    int r = dm_url_decode(&plain, dm_buf_view(&coded), true, NULL);
    HOLDS(r == 0 ? dm_str_eq(dm_buf_view(&plain), s) : memchr(s.p, '\0', s.n) != NULL);
    dm_buf_reset(&plain);
    (void)!dm_url_decode(&plain, s, false, NULL);
    HOLDS(plain.len <= s.n);

    dm_buf_reset(&plain);
    dm_buf_reset(&coded);
    HOLDS(dm_base64_encode(&coded, s.p, s.n) == 0);
    HOLDS(dm_base64_decode(&plain, dm_buf_view(&coded), NULL) == 0);
    HOLDS(dm_str_eq(dm_buf_view(&plain), s));
    dm_buf_reset(&plain);
    dm_buf_reset(&coded);
    /* What decodes at all has one spelling per alphabet and padding: its length says how it was padded. */
    if (dm_base64_decode(&plain, s, NULL) == 0) {
        HOLDS(dm_base64_encode(&coded, plain.p, plain.len) == 0);
        HOLDS(coded.len >= s.n && coded.len - s.n <= 2);
    }
}

static void characters(dm_str s)
{
    bool ok = true;
    for (dm_str rest = s; rest.n > 0;) {
        size_t n = dm_utf8_step(rest);
        HOLDS(n <= rest.n && n <= 4);
        ok = ok && n > 0;
        n = n > 0 ? n : 1;
        rest = (dm_str){rest.p + n, rest.n - n};
    }
    HOLDS(ok == dm_utf8_ok(s));
}

static void splits(dm_str s)
{
    size_t words = 0;
    size_t bytes = 0;
    dm_str word;
    for (dm_str rest = s; dm_str_split(&rest, ',', &word); words++)
        bytes += word.n;
    HOLDS(s.n == 0 ? words == 0 : bytes + words - 1 == s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX)
        return 0;
    dm_str s = {size > 0 ? (const char *)data : "", size};
    uint8_t bytes[8];
    bool b;
    numbers(s);
    times(s);
    codes(s);
    characters(s);
    splits(s);
    (void)!dm_parse_hex(s, bytes, sizeof(bytes), NULL);
    (void)!dm_parse_bool(s, &b, NULL);
    return 0;
}
