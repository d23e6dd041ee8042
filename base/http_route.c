#include "base/http_route.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"

/* A request's head is copied into one buffer whose room is taken before anything is put in, so that it never moves and
 * strings can point into it at once. Decoding only shortens: raw bytes, once for the copy and once for what is decoded
 * from them, bound the sum. */

enum { SUBJECT_MAX = 64 };

static const dm_metric requests = {"dm_http_requests_total", DM_COUNTER, "status", "Answers given, by status."};
static const dm_metric seconds = {
        "dm_http_request_seconds", DM_HISTOGRAM, "route", "From the whole head to the whole answer, by route."};
static const dm_metric rejected = {
        "dm_http_rejected_total", DM_COUNTER, "status", "Answers given without asking a handler, by status."};

/* --- the table ---------------------------------------------------------------------------------------------- */

static bool is_param(dm_str segment)
{
    return segment.n >= 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* "/a/b" to "a/b"; false for what is not a path. */
static bool path_body(dm_str path, dm_str *out)
{
    if (path.n == 0 || path.p[0] != '/')
        return false;
    *out = (dm_str){path.p + 1, path.n - 1};
    return true;
}

/* 0: does not match. Else a rank: a bit for each literal segment, the leftmost in the highest bit, and bit 0. */
static unsigned rank_of(const char *pattern, dm_str path, dm_str raw[DM_HTTP_PARAMS_MAX], size_t *nraw)
{
    dm_str want, have, w, h;
    unsigned rank = 1, bit = 1u << DM_ROUTE_SEGMENTS_MAX;

    *nraw = 0;
    if (!path_body(dm_str_c(pattern), &want) || !path_body(path, &have))
        return 0;
    /* Most routes are another's already by their first byte. */
    if (want.n > 0 && have.n > 0 && want.p[0] != '{' && want.p[0] != have.p[0])
        return 0;
    while (dm_str_split(&want, '/', &w)) {
        if (!dm_str_split(&have, '/', &h))
            return 0;
        if (is_param(w)) {
            if (h.n == 0 || *nraw == DM_HTTP_PARAMS_MAX)
                return 0;
            raw[(*nraw)++] = h;
        } else if (!dm_str_eq(w, h)) {
            return 0;
        } else {
            rank |= bit;
        }
        bit >>= 1;
    }
    return dm_str_split(&have, '/', &h) ? 0 : rank;
}

/* Appends ", GET"; a method that is there already, or for which there is no room, is left out. */
static void allow_add(char allow[DM_ALLOW_MAX], const char *method)
{
    dm_str rest = dm_str_c(allow), one;
    size_t n = strlen(allow);

    while (dm_str_split(&rest, ',', &one))
        if (dm_str_eq_c(dm_str_trim(one), method))
            return;
    if (n + 2 + strlen(method) < DM_ALLOW_MAX)
        (void)snprintf(allow + n, DM_ALLOW_MAX - n, "%s%s", n > 0 ? ", " : "", method);
}

enum { ROUTE_NONE = 1, ROUTE_METHOD = 2 };

/* The best route for method and raw path; a literal segment wins over {}, from left to right. raw gets what stood at
 * each {}. ROUTE_NONE; ROUTE_METHOD when only other methods match: allow then lists them. */
static int route_find(const dm_route *routes, size_t n, dm_str method, dm_str path, const dm_route **out,
        dm_str raw[DM_HTTP_PARAMS_MAX], size_t *nraw, char allow[DM_ALLOW_MAX])
{
    const dm_route *best = NULL;
    unsigned best_rank = 0;
    bool head = dm_str_eq_c(method, "HEAD"), best_exact = false;

    allow[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        dm_str params[DM_HTTP_PARAMS_MAX];
        size_t nparams;
        unsigned rank = rank_of(routes[i].path, path, params, &nparams);
        if (rank == 0)
            continue;
        allow_add(allow, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            allow_add(allow, "HEAD");
        bool exact = dm_str_eq_c(method, routes[i].method);
        if (!exact && !(head && strcmp(routes[i].method, "GET") == 0))
            continue;
        if (rank < best_rank || (rank == best_rank && best_exact))
            continue;
        best = &routes[i];
        best_rank = rank;
        best_exact = exact;
        *nraw = nparams;
        if (nparams > 0)
            memcpy(raw, params, nparams * sizeof params[0]);
    }
    if (best != NULL) {
        *out = best;
        return 0;
    }
    return allow[0] != '\0' ? ROUTE_METHOD : ROUTE_NONE;
}

static int route_check(const dm_route *r, dm_err *err)
{
    dm_str rest, segment;
    size_t segments = 0, params = 0;

    if (r->method == NULL || r->method[0] == '\0' || r->handle == NULL || r->path == NULL)
        return dm_fail(err, DM_E_INVALID, "a route lacks its method, path or handler");
    if (!path_body(dm_str_c(r->path), &rest))
        return dm_fail(err, DM_E_INVALID, "route %s: the path does not begin with /", r->path);
    while (dm_str_split(&rest, '/', &segment)) {
        segments++;
        params += is_param(segment) ? 1 : 0;
    }
    if (segments > DM_ROUTE_SEGMENTS_MAX || params > DM_HTTP_PARAMS_MAX)
        return dm_fail(err, DM_E_INVALID, "route %s: too many segments or parameters", r->path);
    return 0;
}

/* {id} and {name} are the same to the matcher. */
static bool same_pattern(const char *a, const char *b)
{
    dm_str ra = dm_str_c(a), rb = dm_str_c(b), sa, sb;

    while (dm_str_split(&ra, '/', &sa)) {
        if (!dm_str_split(&rb, '/', &sb))
            return false;
        if (!(is_param(sa) && is_param(sb)) && !dm_str_eq(sa, sb))
            return false;
    }
    return !dm_str_split(&rb, '/', &sb);
}

int dm_routes_check(const dm_route *routes, size_t n, dm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int r = route_check(&routes[i], err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (strcmp(routes[i].method, routes[k].method) == 0 && same_pattern(routes[i].path, routes[k].path))
                return dm_fail(err, DM_E_INVALID, "route %s %s stands twice", routes[i].method, routes[i].path);
    }
    return 0;
}

/* --- a request ---------------------------------------------------------------------------------------------- */

void dm_exchange_refuse(dm_exchange *x, int status, int code, const char *fmt, ...)
{
    va_list ap;

    x->refused = status;
    x->why = (dm_err){.code = code};
    va_start(ap, fmt);
    (void)vsnprintf(x->why.msg, sizeof x->why.msg, fmt, ap);
    va_end(ap);
}

static int64_t now_of(const dm_http_config *config)
{
    return dm_mono_us(config->clock != NULL ? config->clock : &dm_clock_real);
}

/* The room was taken beforehand: a failure here is a wrong sum. */
static dm_str keep(dm_buf *text, dm_str s)
{
    size_t at = text->len;

    if (dm_buf_str(text, s) < 0)
        return (dm_str){"", 0};
    return (dm_str){text->p + at, s.n};
}

static int decode(dm_buf *text, dm_str raw, bool plus, dm_str *out, dm_err *err)
{
    size_t at = text->len;
    int r = dm_url_decode(text, raw, plus, err);

    if (r < 0)
        return r;
    *out = (dm_str){text->p + at, text->len - at};
    /* What is not text can be no name of ours, and neither JSON nor the database would take it. */
    if (!dm_utf8_ok(*out))
        return dm_fail(err, DM_E_INVALID, "not UTF-8");
    return 0;
}

static int open_query(dm_exchange *x, dm_str query, dm_err *err)
{
    dm_req *req = &x->req;
    dm_str piece;

    while (dm_str_split(&query, '&', &piece)) {
        dm_str name, value = {piece.p + piece.n, 0};
        if (piece.n == 0)
            continue;
        if (req->nquery == DM_HTTP_QUERY_MAX)
            return dm_fail(err, DM_E_INVALID, "more than %d query parameters", DM_HTTP_QUERY_MAX);
        const char *eq = memchr(piece.p, '=', piece.n);
        name = piece;
        if (eq != NULL) {
            name.n = (size_t)(eq - piece.p);
            value = (dm_str){eq + 1, piece.n - name.n - 1};
        }
        dm_pair *pair = &req->query[req->nquery];
        if (decode(&x->text, name, true, &pair->name, err) < 0 || decode(&x->text, value, true, &pair->value, err) < 0)
            return dm_wrap(err, "query parameter %zu", req->nquery + 1);
        req->nquery++;
    }
    return 0;
}

/* A path that is a route's but for slashes at its end: there is one name for each thing, and this is the way to it. Not
 * for a preflight, which no browser lets be led elsewhere. There is room for as much again as the target has. */
static bool lead_on(dm_exchange *x, dm_str query)
{
    const dm_route *route;
    dm_str raw[DM_HTTP_PARAMS_MAX], path = x->req.path;
    char allow[DM_ALLOW_MAX];
    size_t nraw;

    if (path.p[path.n - 1] != '/' || dm_str_eq_c(x->req.method, "OPTIONS"))
        return false;
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (route_find(x->config->routes, x->config->nroutes, x->req.method, path, &route, raw, &nraw, allow) == ROUTE_NONE)
        return false;
    size_t at = x->text.len;
    (void)keep(&x->text, path);
    if (query.n > 0) {
        (void)keep(&x->text, DM_STR("?"));
        (void)keep(&x->text, query);
    }
    x->location = (dm_str){x->text.p + at, x->text.len - at};
    dm_exchange_refuse(x, 308, DM_E_NOTFOUND, "no path has a slash at its end: ask %.*s", (int)path.n, path.p);
    return true;
}

static void open_route(dm_exchange *x, dm_str target)
{
    dm_req *req = &x->req;
    dm_str raw[DM_HTTP_PARAMS_MAX], query = {target.p + target.n, 0};
    size_t nraw = 0;
    dm_err why = {0};
    const char *q = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;

    req->path = target;
    if (q != NULL) {
        req->path.n = (size_t)(q - target.p);
        query = (dm_str){q + 1, target.n - req->path.n - 1};
    }
    if (req->path.n == 0 || req->path.p[0] != '/') {
        dm_exchange_refuse(x, 400, DM_E_INVALID, "the request target is not a path");
        return;
    }
    switch (route_find(
            x->config->routes, x->config->nroutes, req->method, req->path, &req->route, raw, &nraw, x->allow)) {
    case ROUTE_NONE:
        if (!lead_on(x, query))
            dm_exchange_refuse(x, 404, DM_E_NOTFOUND, "no such path");
        return;
    case ROUTE_METHOD:
        dm_exchange_refuse(x, 405, DM_E_INVALID, "this path allows %s", x->allow);
        return;
    default:
        break;
    }
    for (size_t i = 0; i < nraw; i++) {
        if (decode(&x->text, raw[i], false, &req->params[i], &why) < 0) {
            dm_exchange_refuse(x, 400, DM_E_INVALID, "path: %s", why.msg);
            return;
        }
    }
    if (open_query(x, query, &why) < 0)
        dm_exchange_refuse(x, 400, DM_E_INVALID, "%s", why.msg);
}

int dm_exchange_open(dm_exchange *x, const dm_http_config *config, uint64_t id, dm_str method, dm_str target,
        const dm_pair *headers, size_t n, dm_err *err)
{
    size_t kept = n < DM_HTTP_HEADERS_MAX ? n : DM_HTTP_HEADERS_MAX;
    bool long_target = target.n > DM_TARGET_MAX;
    size_t room = method.n + 1;

    memset(x, 0, sizeof *x);
    x->config = config;
    x->fd = -1;
    x->req.id = id;
    x->req.arrived_mono_us = now_of(config);
    dm_buf_init(&x->req.reply.body, DM_REPLY_MAX);
    if (long_target)
        target.n = 0;
    room += 2 * target.n;
    for (size_t i = 0; i < kept; i++)
        room += headers[i].name.n + headers[i].value.n;
    dm_buf_init(&x->text, room);
    if (dm_buf_want(&x->text, room) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a request's head");

    x->req.method = keep(&x->text, method);
    for (size_t i = 0; i < kept; i++)
        x->req.headers[i] = (dm_pair){keep(&x->text, headers[i].name), keep(&x->text, headers[i].value)};
    x->req.nheaders = kept;
    if (long_target)
        dm_exchange_refuse(x, 414, DM_E_INVALID, "the request target has more than %d bytes", DM_TARGET_MAX);
    else
        open_route(x, keep(&x->text, target));
    if (n > kept)
        dm_exchange_refuse(x, 431, DM_E_INVALID, "more than %d headers", DM_HTTP_HEADERS_MAX);
    return 0;
}

bool dm_exchange_no_body(const dm_exchange *x)
{
    return dm_str_eq_c(x->req.method, "GET") || dm_str_eq_c(x->req.method, "HEAD");
}

static void file_done(dm_reply *reply)
{
    if (reply->file.on)
        (void)close(reply->file.fd);
    reply->file.on = false;
}

static void reply_done(dm_reply *reply)
{
    file_done(reply);
    dm_buf_done(&reply->body);
    for (size_t i = 0; i < reply->nheaders; i++)
        free(reply->headers[i].value);
    reply->nheaders = 0;
}

void dm_exchange_close(dm_exchange *x)
{
    reply_done(&x->req.reply);
    dm_buf_done(&x->text);
}

dm_str dm_req_header(const dm_req *req, const char *name)
{
    for (size_t i = 0; i < req->nheaders; i++)
        if (dm_str_ieq_c(req->headers[i].name, name))
            return req->headers[i].value;
    return (dm_str){NULL, 0};
}

dm_str dm_req_query(const dm_req *req, const char *name)
{
    for (size_t i = 0; i < req->nquery; i++)
        if (dm_str_eq_c(req->query[i].name, name))
            return req->query[i].value;
    return (dm_str){NULL, 0};
}

/* --- an answer ---------------------------------------------------------------------------------------------- */

static void body_new(dm_reply *reply, int status, const char *content_type)
{
    file_done(reply);
    reply->status = status;
    reply->content_type = content_type;
    if (reply->body.cap == 0) /* a reply of the caller's own, all zero */
        dm_buf_init(&reply->body, DM_REPLY_MAX);
    dm_buf_reset(&reply->body);
}

dm_jw dm_reply_json(dm_reply *reply, int status)
{
    dm_jw w;

    body_new(reply, status, "application/json");
    dm_jw_init(&w, &reply->body);
    return w;
}

void dm_reply_empty(dm_reply *reply, int status)
{
    body_new(reply, status, NULL);
}

void dm_reply_text(dm_reply *reply, int status, const char *content_type, dm_str body)
{
    body_new(reply, status, content_type);
    (void)dm_buf_str(&reply->body, body); /* a failure sticks to the buffer and becomes a 500 */
}

void dm_reply_file(dm_reply *reply, int status, const char *content_type, int fd, uint64_t at, uint64_t n)
{
    body_new(reply, status, content_type);
    reply->file.on = true;
    reply->file.fd = fd;
    reply->file.at = at;
    reply->file.n = n;
}

int dm_reply_header(dm_reply *reply, const char *name, dm_str value, dm_err *err)
{
    if (value.n == 0) /* libmicrohttpd knows no empty value: a header that says nothing is left out */
        return 0;
    if (reply->nheaders == DM_REPLY_HEADERS_MAX)
        return dm_fail(err, DM_E_LIMIT, "an answer has at most %d headers", DM_REPLY_HEADERS_MAX);
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return dm_fail(err, DM_E_INVALID, "header %s: control byte", name);
    char *copy = dm_str_dup(value);
    if (copy == NULL)
        return dm_fail(err, DM_E_NOMEM, "header %s: no memory", name);
    reply->headers[reply->nheaders].name = name;
    reply->headers[reply->nheaders++].value = copy;
    return 0;
}

static int status_of(int code)
{
    switch (code) {
    case DM_E_INVALID:
        return 400;
    case DM_E_DENIED:
        return 403;
    case DM_E_NOTFOUND:
        return 404;
    case DM_E_CONFLICT:
    case DM_E_EXISTS:
        return 409;
    case DM_E_LIMIT:
        return 429;
    case DM_E_UNAVAILABLE:
        return 503;
    case DM_E_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

/* What a 500 says stays with us: it may name a table or a path. */
static void default_error_body(dm_reply *reply, const dm_err *err)
{
    dm_jw w = dm_reply_json(reply, reply->status);

    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", reply->status);
    dm_jw_kc(&w, "message", reply->status == 500 ? "internal error" : err->msg);
    dm_jw_end(&w);
}

static void answer_error(dm_exchange *x, const dm_err *err)
{
    dm_reply *reply = &x->req.reply;
    /* A gate that says 401, for which there is no code, has set the status before it failed. */
    int status = x->refused;

    if (status == 0)
        status = reply->status >= 400 && reply->status <= 599 ? reply->status : status_of(err->code);
    dm_reply_empty(reply, status);
    if ((x->refused == 405 && dm_reply_header(reply, "Allow", dm_str_c(x->allow), NULL) < 0) ||
            (x->refused == 503 && dm_reply_header(reply, "Retry-After", DM_STR("1"), NULL) < 0) ||
            (x->refused == 308 && dm_reply_header(reply, "Location", x->location, NULL) < 0))
        reply->status = 500; /* out of memory: half an answer would be a wrong one */
    if (x->config->error_body != NULL && x->refused != 308)
        x->config->error_body(&x->req, reply, err, x->config->ctx);
    else
        default_error_body(reply, err);
}

/* A refusal of ours in the handler's own words: the client was not told why, so the log is. subject is what stood at
 * the path's first parameter. */
static void record_refusal(const dm_exchange *x, enum dm_log_level level, const char *route, int64_t took)
{
    const dm_req *req = &x->req;
    const dm_err *why = &req->reply.why;
    dm_str subject = req->params[0];
    if (subject.n > SUBJECT_MAX)
        subject.n = SUBJECT_MAX;
    DM_LOG(x->config->log, level, "http.refused", dm_fu("request", req->id), dm_fv("method", req->method),
            dm_fs("route", route), dm_fv("subject", subject), dm_fi("status", req->reply.status),
            dm_fs("rule", req->reply.refused_by), dm_fi("us", took),
            dm_fs("error", why->code != 0 ? dm_code_name(why->code) : ""), dm_fs("message", why->msg));
}

static void answer_record(const dm_exchange *x, const dm_err *err)
{
    const dm_http_config *c = x->config;
    const dm_req *req = &x->req;
    const char *route = req->route != NULL ? req->route->path : "none";
    int64_t took = now_of(c) - req->arrived_mono_us;
    int status = req->reply.status;
    char word[16];

    (void)snprintf(word, sizeof word, "%d", status);
    dm_metric_add(c->metrics, &requests, word, 1);
    dm_metric_time(c->metrics, &seconds, route, took);
    if (x->refused != 0)
        dm_metric_add(c->metrics, &rejected, word, 1);
    enum dm_log_level ours = status == 500 ? DM_ERROR : DM_WARN;
    if (err == NULL && req->reply.refused_by != NULL && status >= 500) {
        record_refusal(x, ours, route, took);
        return;
    }
    enum dm_log_level level = err == NULL ? DM_DEBUG : status < 500 ? DM_INFO : ours;
    DM_LOG(c->log, level, err == NULL ? "http.answered" : "http.failed", dm_fu("request", req->id),
            dm_fv("method", req->method), dm_fs("route", route), dm_fi("status", status), dm_fi("us", took),
            dm_fs("error", err != NULL ? dm_code_name(err->code) : ""), dm_fs("message", err != NULL ? err->msg : ""));
}

void dm_exchange_drop(dm_exchange *x)
{
    if (x->gated && x->config->ungate != NULL)
        x->config->ungate(&x->req, x->config->ctx);
    x->gated = false;
}

void dm_exchange_answer(dm_exchange *x, int r, const dm_err *err)
{
    dm_reply *reply = &x->req.reply;
    dm_err why = {0};
    bool failed = false;

    if (x->refused != 0) {
        why = x->why;
        failed = true;
    } else if (r < 0) {
        if (err != NULL && err->code == r)
            why = *err;
        else
            (void)dm_fail(&why, r, "%s", dm_code_name(r));
        failed = true;
    } else if (r > 0 || reply->status < 200 || reply->status > 599) {
        (void)dm_fail(&why, DM_E_INTERNAL, "the handler returned %d with status %d", r, reply->status);
        failed = true;
    } else if (dm_buf_ok(&reply->body, &why) < 0) {
        failed = true;
        why.code = DM_E_INTERNAL; /* our answer is too large: no fault of the client's quota */
    }
    if (failed)
        answer_error(x, &why);
    if (x->config->finish != NULL)
        x->config->finish(&x->req, reply, x->config->ctx);
    if (dm_buf_ok(&reply->body, NULL) < 0)
        dm_reply_empty(reply, 500);
    dm_exchange_drop(x);
    answer_record(x, failed ? &why : NULL);
}

int dm_exchange_run(dm_exchange *x, dm_err *err)
{
    const dm_http_config *c = x->config;

    if (c->gate != NULL) {
        int r = c->gate(&x->req, c->ctx, err);
        if (r < 0)
            return r;
        x->gated = true;
    }
    return x->req.route->handle(&x->req, c->ctx, err);
}

bool dm_req_gone(const dm_req *req)
{
    const dm_exchange *x = (const dm_exchange *)req;
    char byte;

    if (x->fd < 0)
        return false;
    ssize_t n = recv(x->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void dm_req_on_sent(dm_req *req, void (*fn)(void *arg, bool sent), void *arg)
{
    dm_exchange *x = (dm_exchange *)req;

    assert(x->sent == NULL);
    x->sent = fn;
    x->sent_arg = arg;
}

void dm_exchange_sent(dm_exchange *x, bool sent)
{
    void (*fn)(void *arg, bool sent) = x->sent;

    x->sent = NULL;
    if (fn != NULL)
        fn(x->sent_arg, sent);
}

void dm_req_done(dm_req *req, int r, const dm_err *err)
{
    dm_exchange *x = (dm_exchange *)req;

    x->done(x, r, err);
}

int dm_req_stream(dm_req *req, size_t max, dm_stream **out, dm_err *err)
{
    dm_exchange *x = (dm_exchange *)req;

    if (x->stream == NULL)
        return dm_fail(err, DM_E_INVALID, "there is no connection to go on with");
    return x->stream(x, max, out, err);
}

/* --- without a socket --------------------------------------------------------------------------------------- */

/* Whoever called has the answer as soon as it is made. */
static void answer_alone(dm_exchange *x, int r, const dm_err *err)
{
    dm_exchange_answer(x, r, err);
    dm_exchange_sent(x, true);
}

int dm_http_call(const dm_http_config *config, const char *method, const char *target, const dm_pair *headers, size_t n,
        dm_str body, dm_req **out, dm_err *err)
{
    DM_AUTO(dm_req) req = NULL;
    dm_err why = {0};
    dm_exchange *x = calloc(1, sizeof *x);

    if (x == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a request");
    req = &x->req;
    int r = dm_exchange_open(x, config, 1, dm_str_c(method), dm_str_c(target), headers, n, err);
    if (r < 0)
        return r;
    x->done = answer_alone;
    x->req.body = body;
    if (x->refused == 0 && dm_exchange_no_body(x))
        x->req.body.n = 0;
    else if (x->refused == 0 && body.n > x->req.route->body_max)
        dm_exchange_refuse(x, 413, DM_E_INVALID, "the body has more than %zu bytes", x->req.route->body_max);
    r = x->refused == 0 ? dm_exchange_run(x, &why) : 0;
    *out = dm_steal(&req); /* before a late handler's answer could be waited for: it is the caller's from here */
    if (r == DM_HTTP_LATER)
        return DM_HTTP_LATER;
    answer_alone(x, r, &why);
    return 0;
}

void dm_req_free(dm_req *req)
{
    if (req == NULL)
        return;
    dm_exchange_close((dm_exchange *)req);
    free(req);
}
