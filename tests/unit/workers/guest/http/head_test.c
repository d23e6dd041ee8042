#include "base/buf.h"

#include "tests/unit/test.h"
#include "workers/guest/http/head.h"

#define OK "GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n"

static int status_of(const char *text, dm_head *out)
{
    const char *why = NULL;
    int r = dm_head_parse(dm_str_c(text), out, &why);
    if (r != 0)
        assert_non_null(why);
    return r;
}

static int only_status(const char *text)
{
    dm_head h;
    int r = status_of(text, &h);
    dm_head_done(&h);
    return r;
}

/* The end is found however the bytes were cut. */
static void finds_the_end(void **state)
{
    (void)state;
    static const char text[] = OK "A: b\r\n\r\nbody";
    for (size_t cut = 0; cut <= sizeof(text) - 1; cut++) {
        size_t seen = 0, whole = sizeof(OK "A: b\r\n\r\n") - 1;
        size_t first = dm_head_end((dm_str){text, cut}, &seen);
        assert_int_equal(first, cut >= whole ? whole : 0);
        assert_int_equal(first != 0 ? first : dm_head_end((dm_str){text, sizeof(text) - 1}, &seen), whole);
    }
    size_t seen = 0;
    assert_int_equal(dm_head_end(DM_STR("GET / HTTP/1.1\nHost: x\n\nX"), &seen), 24);
}

static void reads_a_request(void **state)
{
    (void)state;
    dm_head h;
    assert_int_equal(status_of(OK "Content-Length: 5\r\nX-Y:  z \r\nConnection: keep-alive, Close\r\n\r\n", &h), 0);
    assert_str(h.method, "GET");
    assert_str(h.path, "/a%20b");
    assert_str(h.query, "x=1");
    assert_int_equal(h.n, 4);
    assert_str(dm_head_value(&h, "x-y"), "z");
    assert_null(dm_head_get(&h, "absent"));
    assert_int_equal(h.body, DM_BODY_LENGTH);
    assert_int_equal(h.length, 5);
    assert_false(h.keep);
    dm_head_done(&h);
    assert_int_equal(status_of("GET http://h/p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &h), 0);
    assert_str(h.path, "/p");
    assert_true(h.keep);
    dm_head_done(&h);
    assert_int_equal(status_of(OK "Transfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n", &h), 0);
    assert_int_equal(h.body, DM_BODY_CHUNKED);
    assert_true(h.expect && h.keep);
    dm_head_done(&h);
}

/* Wherever two readers could differ about where a request ends, there is none. */
static void refuses_what_is_ambiguous(void **state)
{
    (void)state;
    assert_int_equal(only_status("GET /\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(only_status("GET / HTTP/1.1\r\n\r\n"), 400); /* no Host */
    assert_int_equal(only_status("GET / HTTP/2.1\r\nHost: h\r\n\r\n"), 505);
    assert_int_equal(only_status("PRI * HTTP/2.0\r\n\r\n"), 405);
    assert_int_equal(only_status("GET nope HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Host: other\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Content-Length: +5\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    assert_int_equal(only_status(OK "A : b\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "A: b\r\n folded\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "A: \x01\r\n\r\n"), 400);
    assert_int_equal(only_status(OK "Expect: tea\r\n\r\n"), 417);
}

static void bounds_the_fields(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    (void)dm_buf_c(&b, OK);
    for (unsigned i = 0; i < DM_HEAD_FIELDS_MAX; i++)
        (void)dm_buf_c(&b, "a: b\r\n");
    (void)dm_buf_c(&b, "\r\n");
    assert_int_equal(only_status(b.p), 431);
}

/* What a chunked text decodes to, fed in pieces of a size; "!" when it is refused, "?" when more is wanted. */
static const char *dechunk(const char *text, size_t step, dm_buf *out)
{
    dm_chunked c = {.state = 0};
    dm_str all = dm_str_c(text);
    dm_buf_reset(out);
    while (all.n > 0) {
        dm_str in = {all.p, all.n < step ? all.n : step}, piece;
        size_t given = in.n;
        int r;
        while ((r = dm_chunked_next(&c, &in, &piece)) == DM_CHUNKED_PIECE)
            (void)dm_buf_str(out, piece);
        if (r < 0)
            return "!";
        all = (dm_str){all.p + given - in.n, all.n - given + in.n};
        if (r == DM_CHUNKED_END) {
            (void)dm_buf_fmt(out, "|%zu", all.n);
            return out->p;
        }
    }
    return "?";
}

static void reads_chunks(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    for (size_t step = 1; step < 60; step++) {
        assert_string_equal(dechunk("5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: v\r\n\r\nNEXT", step, &b), "hello!|4");
        assert_string_equal(dechunk("A\n0123456789\n0\n\n", step, &b), "0123456789|0");
        assert_string_equal(dechunk("5\r\nhelloX", step, &b), "!");
        assert_string_equal(dechunk("\r\n", step, &b), "!");
        assert_string_equal(dechunk("5x\r\n", step, &b), "!");
        assert_string_equal(dechunk("fffffffffffffffff\r\n", step, &b), "!");
        assert_string_equal(dechunk("5\r\nhel", step, &b), "?");
    }
}

static void reads_the_query(void **state)
{
    (void)state;
    DM_AUTO_MEM char *v = NULL;
    dm_str q = DM_STR("path=%2Fa+b%2B&empty=&bad=%zz&twice=1&twice=2&semi=a;b&flag");
    assert_int_equal(dm_query_get(q, "path", &v, NULL), 0);
    assert_string_equal(v, "/a b+");
    dm_mem_freep(&v);
    assert_int_equal(dm_query_get(q, "empty", &v, NULL), 0);
    assert_string_equal(v, "");
    dm_mem_freep(&v);
    assert_int_equal(dm_query_get(q, "flag", &v, NULL), 0);
    dm_mem_freep(&v);
    assert_int_equal(dm_query_get(q, "bad", &v, NULL), DM_QUERY_ABSENT);
    assert_int_equal(dm_query_get(q, "semi", &v, NULL), DM_QUERY_ABSENT);
    assert_int_equal(dm_query_get(q, "twice", &v, NULL), DM_QUERY_DOUBLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_end), cmocka_unit_test(reads_a_request),
            cmocka_unit_test(refuses_what_is_ambiguous), cmocka_unit_test(bounds_the_fields),
            cmocka_unit_test(reads_chunks), cmocka_unit_test(reads_the_query)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
