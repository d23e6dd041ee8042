#include "api/kit/cookie.h"
#include "tests/unit/test.h"

static void found_by_its_whole_name(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value; /* NULL: none */
    } cases[] = {
            {"a=1", "1"},
            {"b=2; a=1", "1"},
            {"b=2;a=1;c=3", "1"},
            {"  a=1  ; b=2", "1"},
            {"a=x=y", "x=y"},
            {"a=", ""},
            {"a", NULL},
            {"", NULL},
            {"aa=1; ba=1; A=1", NULL},
            {"b=a=1", NULL},
            {";;;", NULL},
            {"a=1; a=1", NULL}, /* somebody has set one beside ours */
            {"a=1; b=2; a=2", NULL},
            {"a=1; =a; a", "1"},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_str v = dm_cookie_find(dm_str_c(cases[i].header), "a");
        if ((v.p != NULL) != (cases[i].value != NULL) || (v.p != NULL && !dm_str_eq_c(v, cases[i].value)))
            fail_msg("\"%s\" gives \"%.*s\"", cases[i].header, (int)v.n, v.p != NULL ? v.p : "");
    }
}

/* --- what a request says ------------------------------------------------------------------------------------ */

static dm_req asked(const dm_pair *headers, size_t n)
{
    dm_req req = {.method = DM_STR("POST"), .nheaders = n};
    memcpy(req.headers, headers, n * sizeof *headers);
    return req;
}

static void tls_is_the_fronts_word(void **state)
{
    (void)state;
    const dm_pair https[] = {{DM_STR("X-Forwarded-Proto"), DM_STR("https")}},
                  http[] = {{DM_STR("X-Forwarded-Proto"), DM_STR("http")}};
    dm_req a = asked(https, 1), b = asked(http, 1), c = asked(NULL, 0);
    assert_true(dm_req_over_tls(&a));
    assert_false(dm_req_over_tls(&b));
    assert_false(dm_req_over_tls(&c));
}

/* Over TLS what any page of plain HTTP could have set is nothing. */
static void each_transport_has_its_names(void **state)
{
    (void)state;
    const dm_pair both[] = {{DM_STR("Cookie"), DM_STR("dormouse_session=plain; __Host-dormouse_session=safe")}},
                  plain[] = {{DM_STR("cookie"), DM_STR("dormouse_session=plain")}};
    dm_req a = asked(both, 1), b = asked(plain, 1);
    assert_str(dm_cookie_of(&a, true, DM_COOKIE_SESSION), "safe");
    assert_str(dm_cookie_of(&a, false, DM_COOKIE_SESSION), "plain");
    assert_null(dm_cookie_of(&b, true, DM_COOKIE_SESSION).p);
    assert_null(dm_cookie_of(&b, false, DM_COOKIE_OPS_SESSION).p);
    /* ops/nginx drops by this beginning what travels to a sandbox. */
    for (unsigned i = 0; i < DM_COOKIES; i++) {
        assert_ptr_equal(strstr(dm_cookie_name(false, (dm_cookie)i), "dormouse_"), dm_cookie_name(false, (dm_cookie)i));
        assert_non_null(strstr(dm_cookie_name(true, (dm_cookie)i), dm_cookie_name(false, (dm_cookie)i)));
    }
}

static const char *set(dm_req *req, bool tls, dm_cookie which, const char *value, int64_t age)
{
    assert_int_equal(dm_cookie_set(req, tls, which, value, age, NULL), 0);
    return req->reply.headers[req->reply.nheaders - 1].value;
}

static void what_is_set(void **state)
{
    (void)state;
    dm_req *req = NULL;
    const dm_http_config none = {.nroutes = 0};
    assert_int_equal(dm_http_call(&none, "GET", "/", NULL, 0, DM_STR(""), &req, NULL), 0);
    assert_string_equal(set(req, true, DM_COOKIE_SESSION, "t", 300),
            "__Host-dormouse_session=t; Path=/; Max-Age=300; HttpOnly; SameSite=Strict; Secure");
    assert_string_equal(set(req, false, DM_COOKIE_SESSION, "t", 300),
            "dormouse_session=t; Path=/; Max-Age=300; HttpOnly; SameSite=Strict");
    assert_string_equal(set(req, true, DM_COOKIE_REFRESH, "t", 9),
            "__Secure-dormouse_refresh=t; Path=/v1/auth; Max-Age=9; HttpOnly; SameSite=Strict; Secure");
    assert_string_equal(set(req, true, DM_COOKIE_OPS_REFRESH, "", 0),
            "__Secure-dormouse_ops_refresh=; Path=/v1/ops/auth; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
    dm_req_free(req);
}

static void only_the_pages_own_requests_change(void **state)
{
    (void)state;
    const dm_pair csrf = {DM_STR("Dormouse-Csrf"), DM_STR("1")}, host = {DM_STR("Host"), DM_STR("c.test:3000")};
    static const struct {
        const char *site, *origin;
        bool tls, own;
    } cases[] = {
            {"same-origin", NULL, false, true},
            {"same-origin", "http://evil.test", false, true}, /* the browser's own word, which no page can send */
            {"same-site", NULL, false, false},
            {"same-site", "http://c.test:3000", false, false}, /* a sandbox's page beside us */
            {"cross-site", "http://c.test:3000", false, false},
            {"none", NULL, false, false},
            {"Same-Origin", NULL, false, false},
            {NULL, NULL, false, false},
            {NULL, "http://c.test:3000", false, true},
            {NULL, "https://c.test:3000", false, false},
            {NULL, "https://c.test:3000", true, true},
            {NULL, "http://c.test:3002", false, false},
            {NULL, "http://c.test:30000", false, false},
            {NULL, "http://c.test:3000.evil.test", false, false},
            {NULL, "null", false, false},
            {NULL, "http://", false, false},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_pair headers[4] = {csrf, host};
        size_t n = 2;
        if (cases[i].site != NULL)
            headers[n++] = (dm_pair){DM_STR("Sec-Fetch-Site"), dm_str_c(cases[i].site)};
        if (cases[i].origin != NULL)
            headers[n++] = (dm_pair){DM_STR("Origin"), dm_str_c(cases[i].origin)};
        dm_req req = asked(headers, n), without = asked(headers + 1, n - 1);
        if (dm_req_is_own(&req, cases[i].tls) != cases[i].own)
            fail_msg("case %zu", i);
        assert_false(dm_req_is_own(&without, cases[i].tls));
    }
    /* No Host and an Origin of nothing are not equal. */
    const dm_pair bare[] = {csrf, {DM_STR("Origin"), DM_STR("http://")}};
    dm_req req = asked(bare, 2);
    assert_false(dm_req_is_own(&req, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_by_its_whole_name),
            cmocka_unit_test(tls_is_the_fronts_word), cmocka_unit_test(each_transport_has_its_names),
            cmocka_unit_test(what_is_set), cmocka_unit_test(only_the_pages_own_requests_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
