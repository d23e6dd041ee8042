#include "tests/unit/test.h"
#include "workers/guest/http/negotiate.h"

static dm_head with(dm_head_field *f, size_t n)
{
    return (dm_head){.fields = f, .n = n};
}

static enum dm_coding coding(const char *accept)
{
    dm_head_field f = {DM_STR("accept-encoding"), dm_str_c(accept)};
    dm_head h = with(&f, accept != NULL ? 1 : 0);
    return dm_negotiate_coding(&h);
}

static void picks_a_coding(void **state)
{
    (void)state;
    assert_int_equal(coding(NULL), DM_CODING_IDENTITY);
    assert_int_equal(coding("gzip, deflate"), DM_CODING_IDENTITY);
    assert_int_equal(coding("identity;q=0, gzip"), DM_CODING_GZIP);
    assert_int_equal(coding("*;q=0"), DM_CODING_NONE);
    assert_int_equal(coding("*;q=0, gzip;q=0.001"), DM_CODING_GZIP);
    assert_int_equal(coding("*;q=0.0, identity;q=0.5"), DM_CODING_IDENTITY);
    assert_int_equal(coding("identity;q=0.000, br"), DM_CODING_NONE);
    dm_head_field f[] = {
            {DM_STR("Accept-Encoding"), DM_STR("gzip, identity;q=0")}, {DM_STR("Range"), DM_STR("bytes=0-")}};
    dm_head h = with(f, 2);
    assert_int_equal(dm_negotiate_coding(&h), DM_CODING_NONE);
}

static const char *ranges(const char *header, uint64_t size, dm_buf *b)
{
    dm_range r[DM_RANGES_MAX];
    size_t n;
    dm_buf_reset(b);
    (void)dm_buf_fmt(b, "%d", (int)dm_negotiate_range(dm_str_c(header), size, r, &n));
    for (size_t i = 0; i < n && b->p[0] == '0' + DM_RANGE_PARTS; i++)
        (void)dm_buf_fmt(b, " %llu+%llu", (unsigned long long)r[i].from, (unsigned long long)r[i].length);
    return b->p;
}

static void reads_ranges(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    assert_string_equal(ranges("", 10, &b), "0");
    assert_string_equal(ranges("bytes=0-4", 10, &b), "1 0+5");
    assert_string_equal(ranges("bytes=5-", 10, &b), "1 5+5");
    assert_string_equal(ranges("bytes=-3", 10, &b), "1 7+3");
    assert_string_equal(ranges("bytes=-30", 10, &b), "1 0+10");
    assert_string_equal(ranges("bytes=8-100", 10, &b), "1 8+2");
    assert_string_equal(ranges("bytes=0-0, 5-5,-1", 10, &b), "1 0+1 5+1 9+1");
    assert_string_equal(ranges("bytes=10-", 10, &b), "2");
    assert_string_equal(ranges("bytes=-0", 10, &b), "2");
    assert_string_equal(ranges("bytes=20-30, 1-2", 10, &b), "1 1+2");
    assert_string_equal(ranges("bytes=0-9, 0-9", 10, &b), "0"); /* more than there is */
    assert_string_equal(ranges("bytes=5-4", 10, &b), "3");
    assert_string_equal(ranges("bytes=a-", 10, &b), "3");
    assert_string_equal(ranges("lines=1-2", 10, &b), "3");
    assert_string_equal(ranges("bytes=99999999999999999999-", 10, &b), "3");
    assert_string_equal(ranges("bytes=0-", 0, &b), "0");
}

static int condition(const char *name, const char *value, bool *use_ranges)
{
    dm_head_field f = {dm_str_c(name), dm_str_c(value)};
    dm_head h = with(&f, 1);
    return dm_negotiate_conditions(&h, 1000000000, use_ranges); /* Sun, 09 Sep 2001 01:46:40 GMT */
}

static void judges_conditions(void **state)
{
    (void)state;
    bool use;
    assert_int_equal(condition("If-None-Match", "*", &use), 304);
    assert_int_equal(condition("If-None-Match", "\"a\"", &use), 0);
    assert_int_equal(condition("If-Match", "\"a\"", &use), 412);
    assert_int_equal(condition("If-Match", "*", &use), 0);
    assert_int_equal(condition("If-Modified-Since", "Sun, 09 Sep 2001 01:46:40 GMT", &use), 304);
    assert_int_equal(condition("If-Modified-Since", "Sun, 09 Sep 2001 01:46:39 GMT", &use), 0);
    assert_int_equal(condition("If-Modified-Since", "yesterday", &use), 0);
    assert_int_equal(condition("If-Unmodified-Since", "Sun, 09 Sep 2001 01:46:39 GMT", &use), 412);
    assert_int_equal(condition("If-Range", "Sun, 09 Sep 2001 01:46:40 GMT", &use), 0);
    assert_true(use);
    assert_int_equal(condition("If-Range", "\"tag\"", &use), 0);
    assert_false(use);
    char date[40];
    dm_http_date(1000000000, date);
    assert_string_equal(date, "Sun, 09 Sep 2001 01:46:40 GMT");
}

static const char *disposition(const char *name, dm_buf *b)
{
    dm_buf_reset(b);
    dm_content_disposition(b, dm_str_c(name));
    return b->p;
}

static void describes_files(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    assert_string_equal(disposition("a.txt", &b), "inline; filename=a.txt");
    assert_string_equal(disposition("a b.txt", &b), "inline; filename=\"a b.txt\"");
    assert_string_equal(disposition("a\"b", &b), "inline; filename=\"a\\\"b\"");
    assert_string_equal(disposition("\xc3\xbc.txt", &b), "inline; filename*=utf-8''%C3%BC.txt");
    assert_string_equal(dm_content_type(DM_STR("a.JSON"), DM_STR("")), "application/json");
    assert_string_equal(dm_content_type(DM_STR("noext"), DM_STR("plain words\n")), "text/plain; charset=utf-8");
    assert_string_equal(dm_content_type(DM_STR("noext"), DM_STR("\x89PNG\r\n\x1a\n....")), "image/png");
    assert_string_equal(dm_content_type(DM_STR("noext"), DM_STR("a\0b")), "application/octet-stream");
    assert_string_equal(dm_content_type(DM_STR("x"), DM_STR("  <!doctype html>")), "text/html; charset=utf-8");
    assert_string_equal(dm_content_type_by_name(DM_STR("noext")), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(picks_a_coding), cmocka_unit_test(reads_ranges),
            cmocka_unit_test(judges_conditions), cmocka_unit_test(describes_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
