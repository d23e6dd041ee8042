#include "tests/unit/test.h"
#include "workers/guest/http/multipart.h"

static int begin(void *arg, const dm_part *p, dm_err *err)
{
    (void)err;
    return dm_buf_fmt(arg, "<%.*s%s%.*s>", (int)p->name.n, p->name.p, p->has_filename ? "=" : "", (int)p->filename.n,
            p->filename.p);
}

static int data(void *arg, dm_str bytes, dm_err *err)
{
    (void)err;
    assert_true(bytes.n > 0);
    return dm_buf_str(arg, bytes);
}

static int end(void *arg, dm_err *err)
{
    (void)err;
    return dm_buf_c(arg, "</>");
}

static const dm_multipart_calls calls = {begin, data, end};

/* What a body amounts to; a "?" behind it when it is not whole, "!" when it is refused. */
static const char *parse(const char *body, size_t step, dm_buf *out)
{
    dm_multipart m;
    dm_str all = dm_str_c(body);
    int r = 0;
    dm_buf_reset(out);
    assert_int_equal(dm_multipart_init(&m, DM_STR("XX"), &calls, out, NULL), 0);
    while (all.n > 0 && r == 0) {
        size_t n = all.n < step ? all.n : step;
        r = dm_multipart_feed(&m, (dm_str){all.p, n}, NULL);
        all = (dm_str){all.p + n, all.n - n};
    }
    if (r == 0 && !dm_multipart_whole(&m))
        (void)dm_buf_ch(out, '?');
    dm_multipart_done(&m);
    return r < 0 ? "!" : out->p != NULL ? out->p : "";
}

#define CD "Content-Disposition: form-data; "

static const struct {
    const char *body, *expected;
} cases[] = {
        {"--XX\r\n" CD "name=\"file\"; filename=\"/a b\"\r\nContent-Type: t\r\n\r\nhello\r\n--XX--\r\n",
                "<file=/a b>hello</>"},
        {"preamble\r\n--XX\r\n" CD "name=file\r\n\r\n\r\n--XX\r\n" CD "name=\"b\"\r\n\r\n2\r\n--XX--epilogue",
                "<file></><b>2</>"},
        /* an empty part, whose separator follows the head at once */
        {"--XX\r\n" CD "name=\"file\"\r\n\r\n--XX--", "<file></>"},
        /* near misses of the separator are data */
        {"--XX\r\n" CD "name=\"f\"\r\n\r\n\r\r\n-\r\n--X\r\n--Xx\r\n--XX--", "<f>\r\r\n-\r\n--X\r\n--Xx</>"},
        {"--XX\r\n" CD "name=\"f\"\r\n\r\n--X--XX\r\n\r\n--XX--", "<f>--X--XX\r\n</>"},
        /* names: only filename* is percent-decoded, a backslash escapes what could need it, paths stay as they are */
        {"--XX\r\n" CD "name=\"file\"; filename=\"%41%22.txt\"\r\n\r\n1\r\n--XX--", "<file=%41%22.txt>1</>"},
        {"--XX\r\n" CD "filename*=utf-8''%c3%bc%20x; name=\"file\"; filename=\"u\"\r\n\r\n1\r\n--XX--",
                "<file=\xc3\xbc x>1</>"},
        {"--XX\r\n" CD "name=\"file\"; filename=\"C:\\dir\\\"q\\\"\"\r\n\r\n1\r\n--XX--", "<file=C:\\dir\"q\">1</>"},
        {"--XX\r\n" CD "name=\"file\"; filename=\"\xc3\xbc;=,\"\r\n\r\n1\r\n--XX--", "<file=\xc3\xbc;=,>1</>"},
        {"--XX \t\r\n\r\nx\r\n--XX--", "<>x</>"},
        {"--XX\r\n" CD "name=\"f\"\r\n\r\nabc", "<f>abc?"},
        {"", "?"},
        {"nothing", "?"},
        {"--XXY\r\n\r\n", "!"},
        {"--XX-Y", "!"},
};

static void parses(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    for (size_t i = 0; i < DM_LEN(cases); i++)
        for (size_t step = 1; step < 100; step++)
            assert_string_equal(parse(cases[i].body, step, &b), cases[i].expected);
}

static void bounds_a_head(void **state)
{
    (void)state;
    dm_multipart m;
    DM_AUTO_BUF b, out;
    dm_buf_init(&b, 1 << 20);
    dm_buf_init(&out, 100);
    (void)dm_buf_c(&b, "--XX\r\n");
    for (unsigned i = 0; i < DM_PART_HEAD_MAX; i++)
        (void)dm_buf_ch(&b, 'a');
    (void)dm_buf_c(&b, "a");
    assert_int_equal(dm_multipart_init(&m, DM_STR("XX"), &calls, &out, NULL), 0);
    assert_int_equal(dm_multipart_feed(&m, dm_buf_view(&b), NULL), DM_E_LIMIT);
    dm_multipart_done(&m);
}

static const char *boundary_of(const char *type, char out[DM_BOUNDARY_MAX + 1])
{
    return dm_multipart_boundary(dm_str_c(type), out) ? out : "none";
}

static void finds_the_boundary(void **state)
{
    (void)state;
    char b[DM_BOUNDARY_MAX + 1];
    assert_string_equal(boundary_of("multipart/form-data; boundary=abc", b), "abc");
    assert_string_equal(boundary_of("Multipart/Mixed;charset=x; Boundary=\"a b\"", b), "a b");
    assert_string_equal(boundary_of("multipart/form-data", b), "none");
    assert_string_equal(boundary_of("multipart/form-data; bound=x", b), "none");
    assert_string_equal(boundary_of("text/plain; boundary=x", b), "none");
    dm_multipart m;
    dm_buf out;
    dm_buf_init(&out, 1);
    assert_int_equal(dm_multipart_init(&m, DM_STR(""), &calls, &out, NULL), DM_E_INVALID);
    assert_int_equal(dm_multipart_init(&m, DM_STR("a\rb"), &calls, &out, NULL), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(parses), cmocka_unit_test(bounds_a_head), cmocka_unit_test(finds_the_boundary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
