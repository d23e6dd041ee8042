/* Requests without a socket: matching, decoding, gate, error bodies. */
#include <stdio.h>

#include "base/http_route.h"

#include "tests/unit/test.h"

typedef struct world {
    unsigned gated, ungated;
    char seen[256];
    dm_req *later;
} world;

static int echo(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;
    size_t at = 0;

    (void)err;
    at += (size_t)snprintf(w->seen, sizeof w->seen, "%s", req->route->path);
    for (size_t i = 0; i < DM_HTTP_PARAMS_MAX && req->params[i].p != NULL; i++)
        at += (size_t)snprintf(w->seen + at, sizeof w->seen - at, "|%.*s", (int)req->params[i].n, req->params[i].p);
    for (size_t i = 0; i < req->nquery; i++)
        at += (size_t)snprintf(w->seen + at, sizeof w->seen - at, "&%.*s=%.*s", (int)req->query[i].name.n,
                req->query[i].name.p, (int)req->query[i].value.n, req->query[i].value.p);
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_c(&j, "ok");
    return 0;
}

static int fails(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    dm_str code = dm_req_query(req, "code");
    assert_int_equal(dm_reply_header(&req->reply, "RateLimit-Limit", DM_STR("7"), err), 0);
    if (dm_req_query(req, "status").p != NULL)
        req->reply.status = 401;
    return dm_fail(err, -(int)strtol(code.p, NULL, 10), "because of %.*s", (int)code.n, code.p);
}

static int forgets_status(dm_req *req, void *ctx, dm_err *err)
{
    (void)req;
    (void)ctx;
    (void)err;
    return 0;
}

static int too_much(dm_req *req, void *ctx, dm_err *err)
{
    static char page[1 << 20];

    (void)ctx;
    (void)err;
    dm_reply_text(&req->reply, 200, "text/plain", DM_STR(""));
    for (int i = 0; i < 33; i++)
        (void)dm_buf_add(&req->reply.body, page, sizeof page);
    return 0;
}

static int later(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    (void)err;
    w->later = req;
    return DM_HTTP_LATER;
}

static const dm_route routes[] = {
        {"GET", "/", 0, 0, echo},
        {"GET", "/sandboxes", 0, 0, echo},
        {"POST", "/sandboxes", 0, 16, echo},
        {"GET", "/sandboxes/{id}", 0, 0, echo},
        {"DELETE", "/sandboxes/{id}", 0, 0, echo},
        {"GET", "/sandboxes/metrics", 0, 0, echo},
        {"GET", "/{a}/metrics", 0, 0, echo},
        {"POST", "/sandboxes/{id}/connect", 0, 16, echo},
        {"GET", "/{a}/{b}/{c}/{d}", 0, 0, echo},
        {"GET", "/fails", 0, 0, fails},
        {"GET", "/forgets", 0, 0, forgets_status},
        {"GET", "/too-much", 0, 0, too_much},
        {"GET", "/later", 0, 0, later},
};

static int gate(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    if (dm_str_eq_c(dm_req_header(req, "x-api-key"), "wrong")) {
        req->reply.status = 401;
        return dm_fail(err, DM_E_DENIED, "who are you");
    }
    w->gated++;
    return 0;
}

static void ungate(dm_req *req, void *ctx)
{
    world *w = ctx;

    (void)req;
    w->ungated++;
}

static void finish(const dm_req *req, dm_reply *reply, void *ctx)
{
    (void)req;
    (void)ctx;
    assert_int_equal(dm_reply_header(reply, "Access-Control-Allow-Origin", DM_STR("*"), NULL), 0);
}

static const char *reply_header(const dm_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->nheaders; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

static dm_http_config config_of(world *w)
{
    return (dm_http_config){
            .routes = routes, .nroutes = DM_LEN(routes), .gate = gate, .ungate = ungate, .finish = finish, .ctx = w};
}

static dm_req *call_with(
        world *w, const char *method, const char *target, const dm_pair *headers, size_t n, dm_str body)
{
    dm_http_config config = config_of(w);
    dm_req *req = NULL;
    dm_err err = {0};

    memset(w, 0, sizeof *w);
    assert_int_equal(dm_http_call(&config, method, target, headers, n, body, &req, &err), 0);
    assert_int_equal(w->gated, w->ungated);
    assert_non_null(reply_header(&req->reply, "Access-Control-Allow-Origin"));
    return req;
}

static dm_req *call(world *w, const char *method, const char *target)
{
    return call_with(w, method, target, NULL, 0, (dm_str){NULL, 0});
}

static void expect_seen(const char *method, const char *target, const char *seen)
{
    world w;
    DM_AUTO(dm_req) req = call(&w, method, target);

    assert_int_equal(req->reply.status, 200);
    assert_string_equal(w.seen, seen);
    assert_int_equal(w.gated, 1);
}

static void expect_status(const char *method, const char *target, int status)
{
    world w;
    DM_AUTO(dm_req) req = call(&w, method, target);

    assert_int_equal(req->reply.status, status);
    assert_string_equal(w.seen, "");
}

static void test_match(void **state)
{
    (void)state;
    expect_seen("GET", "/", "/");
    expect_seen("GET", "/sandboxes", "/sandboxes");
    expect_seen("GET", "/sandboxes?", "/sandboxes");
    expect_seen("GET", "/sandboxes/i1", "/sandboxes/{id}|i1");
    expect_seen("GET", "/sandboxes/metrics", "/sandboxes/metrics"); /* the literal wins */
    expect_seen("GET", "/other/metrics", "/{a}/metrics|other");
    expect_seen("DELETE", "/sandboxes/metrics", "/sandboxes/{id}|metrics"); /* the only one with this method */
    expect_seen("POST", "/sandboxes/i1/connect", "/sandboxes/{id}/connect|i1");
    expect_seen("GET", "/1/2/3/4", "/{a}/{b}/{c}/{d}|1|2|3|4");
    expect_seen("HEAD", "/sandboxes/i1", "/sandboxes/{id}|i1");
}

static void test_no_match(void **state)
{
    (void)state;
    expect_status("GET", "/sandboxes//connect", 404); /* no parameter is empty */
    expect_status("GET", "//sandboxes", 404);
    expect_status("GET", "/Sandboxes", 404);
    expect_status("GET", "/sandboxe", 404);
    expect_status("GET", "/sand%62oxes", 404); /* raw: an escaped literal is another path */
    expect_status("GET", "/1/2/3/4/5", 404);
    expect_status("GET", "", 400);
    expect_status("GET", "*", 400);
    expect_status("GET", "http://host/sandboxes", 400);
    expect_status("HEAD", "/sandboxes/i1/connect", 405);
    expect_status("get", "/sandboxes", 405);
}

static void test_allow(void **state)
{
    world w;
    DM_AUTO(dm_req) req = call(&w, "PUT", "/sandboxes");
    DM_AUTO(dm_req) other = call(&w, "PATCH", "/sandboxes/metrics");

    (void)state;
    assert_int_equal(req->reply.status, 405);
    assert_string_equal(reply_header(&req->reply, "Allow"), "GET, HEAD, POST");
    assert_null(req->route);
    assert_int_equal(other->reply.status, 405);
    assert_string_equal(reply_header(&other->reply, "Allow"), "GET, HEAD, DELETE");
    assert_int_equal(w.gated, 0);
}

static void test_params(void **state)
{
    (void)state;
    expect_seen("GET", "/sandboxes/team%2Fname%3Atag", "/sandboxes/{id}|team/name:tag");
    expect_seen("GET", "/sandboxes/a+b", "/sandboxes/{id}|a+b"); /* a plus is a plus in a path */
    expect_seen("GET", "/sandboxes/%2e%2e", "/sandboxes/{id}|..");
    expect_seen("GET", "/sandboxes/%C3%A4", "/sandboxes/{id}|\xc3\xa4");
    expect_status("GET", "/sandboxes/%", 400);
    expect_status("GET", "/sandboxes/%4", 400);
    expect_status("GET", "/sandboxes/%zz", 400);
    expect_status("GET", "/sandboxes/%00", 400);
    expect_status("GET", "/sandboxes/%ff", 400); /* not UTF-8 */
    expect_status("GET", "/sandboxes/\xc3", 400);
}

static void test_query(void **state)
{
    world w;
    char target[400];
    size_t at;

    (void)state;
    expect_seen("GET", "/sandboxes?a=1&b=2", "/sandboxes&a=1&b=2");
    expect_seen("GET", "/sandboxes?a=x%26y%3Dz&c+d=e+f", "/sandboxes&a=x&y=z&c d=e f");
    expect_seen("GET", "/sandboxes?a&b=&=c&&d=e=f?g", "/sandboxes&a=&b=&=c&d=e=f?g");
    expect_status("GET", "/sandboxes?a=%zz", 400);
    expect_status("GET", "/sandboxes?%=1", 400);
    expect_status("GET", "/sandboxes?a=%00", 400);
    expect_status("GET", "/sandboxes?a=%c3%28", 400);

    at = (size_t)snprintf(target, sizeof target, "/sandboxes?");
    for (int i = 0; i < DM_HTTP_QUERY_MAX; i++)
        at += (size_t)snprintf(target + at, sizeof target - at, "p%d=%d&", i, i);
    DM_AUTO(dm_req) full = call(&w, "GET", target);
    assert_int_equal(full->reply.status, 200);
    assert_int_equal(full->nquery, DM_HTTP_QUERY_MAX);
    assert_true(dm_str_eq_c(dm_req_query(full, "p31"), "31"));
    assert_null(dm_req_query(full, "p32").p);
    (void)snprintf(target + at, sizeof target - at, "one=more");
    expect_status("GET", target, 400);
}

static void test_limits(void **state)
{
    static char target[DM_TARGET_MAX + 2];
    dm_pair headers[DM_HTTP_HEADERS_MAX + 1];
    world w;

    (void)state;
    memset(target, 'a', DM_TARGET_MAX + 1);
    target[0] = '/';
    expect_status("GET", target, 414);
    target[DM_TARGET_MAX] = '\0';
    expect_status("GET", target, 404);

    for (size_t i = 0; i < DM_LEN(headers); i++)
        headers[i] = (dm_pair){DM_STR("X-A"), DM_STR("b")};
    DM_AUTO(dm_req) most = call_with(&w, "GET", "/", headers, DM_HTTP_HEADERS_MAX, (dm_str){NULL, 0});
    assert_int_equal(most->reply.status, 200);
    DM_AUTO(dm_req) more = call_with(&w, "GET", "/", headers, DM_HTTP_HEADERS_MAX + 1, (dm_str){NULL, 0});
    assert_int_equal(more->reply.status, 431);
    assert_string_equal(w.seen, "");

    DM_AUTO(dm_req) fits = call_with(&w, "POST", "/sandboxes", NULL, 0, DM_STR("0123456789abcdef"));
    assert_int_equal(fits->reply.status, 200);
    DM_AUTO(dm_req) large = call_with(&w, "POST", "/sandboxes", NULL, 0, DM_STR("0123456789abcdefg"));
    assert_int_equal(large->reply.status, 413);
    assert_int_equal(w.gated, 0);
    DM_AUTO(dm_req) got = call_with(&w, "GET", "/", NULL, 0, DM_STR("{\"of\":\"no use\"}"));
    assert_int_equal(got->reply.status, 200);
    assert_int_equal(got->body.n, 0);
}

static void test_slashes_at_the_end(void **state)
{
    world w;

    (void)state;
    DM_AUTO(dm_req) one = call_with(&w, "POST", "/sandboxes/?a=b%2F&c", NULL, 0, (dm_str){NULL, 0});
    assert_int_equal(one->reply.status, 308);
    assert_string_equal(one->reply.headers[0].name, "Location");
    assert_string_equal(one->reply.headers[0].value, "/sandboxes?a=b%2F&c");
    DM_AUTO(dm_req) more = call_with(&w, "GET", "/sandboxes/a%2Fb///", NULL, 0, (dm_str){NULL, 0});
    assert_int_equal(more->reply.status, 308);
    assert_string_equal(more->reply.headers[0].value, "/sandboxes/a%2Fb");
    assert_int_equal(w.gated, 0);
    expect_status("GET", "/nowhere/", 404);
    expect_status("GET", "//sandboxes/", 404);
    expect_status("OPTIONS", "/sandboxes/", 404);
    expect_status("PUT", "/sandboxes/", 308);
}

static void test_headers(void **state)
{
    const dm_pair headers[] = {{DM_STR("X-API-Key"), DM_STR("k")}, {DM_STR("x-api-key"), DM_STR("second")}};
    world w;
    DM_AUTO(dm_req) req = call_with(&w, "GET", "/", headers, 2, (dm_str){NULL, 0});

    (void)state;
    assert_true(dm_str_eq_c(dm_req_header(req, "x-api-KEY"), "k"));
    assert_null(dm_req_header(req, "x-api").p);
}

static void test_gate(void **state)
{
    const dm_pair headers[] = {{DM_STR("X-API-Key"), DM_STR("wrong")}};
    world w;
    DM_AUTO(dm_req) req = call_with(&w, "GET", "/", headers, 1, (dm_str){NULL, 0});

    (void)state;
    assert_int_equal(req->reply.status, 401);
    assert_string_equal(req->reply.body.p, "{\"code\":401,\"message\":\"who are you\"}");
    assert_int_equal(w.ungated, 0); /* what has not passed is not released */
    assert_string_equal(w.seen, "");
}

static void expect_failure(int code, int status)
{
    char target[64];
    world w;

    (void)snprintf(target, sizeof target, "/fails?code=%d", -code);
    DM_AUTO(dm_req) req = call(&w, "GET", target);
    assert_int_equal(req->reply.status, status);
    assert_string_equal(req->reply.content_type, "application/json");
    assert_string_equal(reply_header(&req->reply, "RateLimit-Limit"), "7");
    if (status == 500)
        assert_string_equal(req->reply.body.p, "{\"code\":500,\"message\":\"internal error\"}");
    else
        assert_non_null(strstr(req->reply.body.p, "because of"));
}

static void test_failures(void **state)
{
    world w;

    (void)state;
    expect_failure(DM_E_INVALID, 400);
    expect_failure(DM_E_DENIED, 403);
    expect_failure(DM_E_NOTFOUND, 404);
    expect_failure(DM_E_CONFLICT, 409);
    expect_failure(DM_E_EXISTS, 409);
    expect_failure(DM_E_LIMIT, 429);
    expect_failure(DM_E_UNAVAILABLE, 503);
    expect_failure(DM_E_TIMEOUT, 504);
    expect_failure(DM_E_NOMEM, 500);
    expect_failure(DM_E_IO, 500);
    expect_failure(DM_E_PROTO, 500);
    expect_failure(DM_E_CORRUPT, 500);
    expect_failure(DM_E_INTERNAL, 500);
    DM_AUTO(dm_req) chosen = call(&w, "GET", "/fails?code=12&status=1");
    assert_int_equal(chosen->reply.status, 401);
    expect_status("GET", "/forgets", 500);
    expect_status("GET", "/too-much", 500);
}

static void own_error_body(const dm_req *req, dm_reply *reply, const dm_err *err, void *ctx)
{
    char text[300];

    (void)req;
    (void)ctx;
    (void)snprintf(text, sizeof text, "%d %s", reply->status, err->msg);
    dm_reply_text(reply, 418, "text/plain", dm_str_c(text));
}

static void test_error_body(void **state)
{
    world w = {0};
    dm_http_config config = config_of(&w);
    DM_AUTO(dm_req) req = NULL;
    dm_err err = {0};

    (void)state;
    config.error_body = own_error_body;
    assert_int_equal(dm_http_call(&config, "GET", "/nowhere", NULL, 0, (dm_str){NULL, 0}, &req, &err), 0);
    assert_int_equal(req->reply.status, 418);
    assert_string_equal(req->reply.body.p, "404 no such path");
}

static void test_later(void **state)
{
    world w = {0};
    dm_http_config config = config_of(&w);
    DM_AUTO(dm_req) req = NULL;
    dm_err err = {0};

    (void)state;
    assert_int_equal(dm_http_call(&config, "GET", "/later", NULL, 0, (dm_str){NULL, 0}, &req, &err), DM_HTTP_LATER);
    assert_ptr_equal(req, w.later);
    assert_int_equal(req->reply.status, 0);
    assert_int_equal(w.ungated, 0);
    (void)dm_fail(&err, DM_E_NOTFOUND, "gone");
    dm_req_done(req, DM_E_NOTFOUND, &err);
    assert_int_equal(req->reply.status, 404);
    assert_string_equal(req->reply.body.p, "{\"code\":404,\"message\":\"gone\"}");
    assert_int_equal(w.ungated, 1);
}

static void test_reply_header(void **state)
{
    dm_reply reply = {0};
    dm_err err = {0};

    (void)state;
    assert_int_equal(dm_reply_header(&reply, "X", DM_STR("a\r\nSet-Cookie: b"), &err), DM_E_INVALID);
    assert_int_equal(dm_reply_header(&reply, "X", DM_STR("a\x7f"), &err), DM_E_INVALID);
    for (size_t i = 0; i < DM_REPLY_HEADERS_MAX; i++)
        assert_int_equal(dm_reply_header(&reply, "X", DM_STR("v\xc3\xa4"), &err), 0);
    assert_int_equal(dm_reply_header(&reply, "X", DM_STR("v"), &err), DM_E_LIMIT);
    dm_jw w = dm_reply_json(&reply, 201); /* also works on a reply that nobody has prepared */
    dm_jw_bool(&w, true);
    assert_string_equal(reply.body.p, "true");
    dm_reply_empty(&reply, 204);
    assert_int_equal(reply.body.len, 0);
    for (size_t i = 0; i < reply.nheaders; i++)
        free(reply.headers[i].value);
    dm_buf_done(&reply.body);
}

static void test_table(void **state)
{
    static const dm_route bad[][2] = {
            {{"GET", "/a/{x}", 0, 0, echo}, {"GET", "/a/{y}", 0, 0, echo}}, /* the same to a matcher */
            {{"GET", "/a", 0, 0, echo}, {"GET", "/{1}/{2}/{3}/{4}/{5}", 0, 0, echo}},
            {{"GET", "/a", 0, 0, echo}, {"GET", "b", 0, 0, echo}},
            {{"GET", "/a", 0, 0, echo}, {"GET", "/b", 0, 0, NULL}},
            {{"GET", "/a", 0, 0, echo}, {"", "/b", 0, 0, echo}},
            {{"GET", "/a", 0, 0, echo}, {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", 0, 0, echo}},
    };
    dm_err err;

    (void)state;
    assert_int_equal(dm_routes_check(routes, DM_LEN(routes), &err), 0);
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_routes_check(bad[i], 2, &err), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_match),
            cmocka_unit_test(test_no_match),
            cmocka_unit_test(test_allow),
            cmocka_unit_test(test_params),
            cmocka_unit_test(test_query),
            cmocka_unit_test(test_limits),
            cmocka_unit_test(test_slashes_at_the_end),
            cmocka_unit_test(test_headers),
            cmocka_unit_test(test_gate),
            cmocka_unit_test(test_failures),
            cmocka_unit_test(test_error_body),
            cmocka_unit_test(test_later),
            cmocka_unit_test(test_reply_header),
            cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
