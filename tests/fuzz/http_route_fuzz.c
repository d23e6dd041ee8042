/* A request's head as a stranger may send it: "METHOD TARGET\n", headers "name: value\n", an empty line, the body. What
 * is checked is what handlers build on: each request is answered, and what a handler sees is decoded, whole and
 * bounded. */
#include "base/http_route.h"
#include "base/parse.h"

#include "tests/fuzz/fuzz.h"

/* Touches every byte, so that one outside its memory is noticed. */
static void check_text(dm_str s)
{
    HOLDS(s.p != NULL && dm_utf8_ok(s));
    for (size_t i = 0; i < s.n; i++)
        HOLDS(s.p[i] != '\0');
}

static int see(dm_req *req, void *ctx, dm_err *err)
{
    unsigned *handled = ctx;
    size_t params = 0;

    (void)err;
    ++*handled;
    HOLDS(req->route != NULL && req->body.n <= req->route->body_max);
    for (const char *p = req->route->path; *p != '\0'; p++)
        params += *p == '{';
    for (size_t i = 0; i < DM_HTTP_PARAMS_MAX; i++) {
        if (i < params)
            check_text(req->params[i]);
        else
            HOLDS(req->params[i].p == NULL);
    }
    HOLDS(req->nquery <= DM_HTTP_QUERY_MAX && req->nheaders <= DM_HTTP_HEADERS_MAX);
    for (size_t i = 0; i < req->nquery; i++) {
        check_text(req->query[i].name);
        check_text(req->query[i].value);
        HOLDS(dm_req_query(req, "a").n <= DM_TARGET_MAX);
    }
    dm_str accept = dm_req_header(req, "accept");
    if (accept.p != NULL && dm_reply_header(&req->reply, "X-Accept", accept, err) < 0)
        return err->code;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_str(&w, req->path);
    return 0;
}

static const dm_route routes[] = {
        {"GET", "/", 0, 0, see},
        {"GET", "/a", 0, 0, see},
        {"POST", "/a", 0, 64, see},
        {"GET", "/a/{x}", 0, 0, see},
        {"DELETE", "/a/{x}", 0, 0, see},
        {"GET", "/a/b", 0, 0, see},
        {"POST", "/a/{x}/c", 0, 8, see},
        {"GET", "/{p}/{q}/{r}/{s}", 0, 0, see},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned handled = 0;
    dm_http_config config = {.routes = routes, .nroutes = DM_LEN(routes), .ctx = &handled};
    dm_str rest = {(const char *)data, size}, line, method = {"", 0}, target = {"", 0};
    dm_pair headers[DM_HTTP_HEADERS_MAX + 8];
    dm_exchange x;
    dm_err err = {0};
    size_t n = 0;

    if (dm_str_split(&rest, '\n', &line)) {
        (void)dm_str_split(&line, ' ', &method);
        target = line;
    }
    while (dm_str_split(&rest, '\n', &line) && line.n > 0 && n < DM_LEN(headers)) {
        headers[n] = (dm_pair){line, {"", 0}};
        const char *colon = memchr(line.p, ':', line.n);
        if (colon != NULL) {
            headers[n].name.n = (size_t)(colon - line.p);
            headers[n].value = dm_str_trim((dm_str){colon + 1, line.n - headers[n].name.n - 1});
        }
        n++;
    }
    HOLDS(dm_exchange_open(&x, &config, 1, method, target, headers, n, &err) == 0);
    x.req.body = rest;
    if (x.refused == 0 && rest.n > x.req.route->body_max)
        dm_exchange_refuse(&x, 413, DM_E_INVALID, "too large");
    int r = x.refused == 0 ? dm_exchange_run(&x, &err) : 0;
    dm_exchange_answer(&x, r, &err);
    HOLDS(handled == (x.refused == 0 ? 1 : 0));
    HOLDS(x.req.reply.status == 200 || (x.req.reply.status >= 400 && x.req.reply.status <= 500) ||
            (x.req.reply.status == 308 && x.refused == 308 && x.location.n > 0));
    HOLDS(x.refused != 405 || x.allow[0] != '\0');
    dm_exchange_close(&x);
    return 0;
}
