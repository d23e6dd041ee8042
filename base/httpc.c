#include "base/httpc.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/pool.h"

/* Whether a call that failed can have reached its peer decides whether the caller may try it somewhere else, and
 * libcurl tells neither that nor that it has quietly sent a request a second time because a kept connection died under
 * it. Its pre-request callback does: it runs when a connection stands and before a byte of the request is written.
 * After the first time the peer may have seen the request; and a second time is allowed only for GET and HEAD. */

enum { URL_MAX = 8 << 10 };

struct dm_httpc {
    CURL *curl;
    struct curl_slist *headers;
    char *base;
    dm_buf *answer;
    bool answer_full;
    bool repeatable;
    unsigned sent; /* how often this call's request was begun */
};

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    dm_httpc *c = arg;

    if (dm_buf_add(c->answer, p, size * n) == 0)
        return size * n;
    c->answer_full = true;
    return 0;
}

static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    dm_httpc *c = arg;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    return ++c->sent > 1 && !c->repeatable ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

#define SET(option, value) (bad |= curl_easy_setopt(c->curl, (option), (value)) != CURLE_OK)

static bool set_options(dm_httpc *c, const dm_httpc_config *config)
{
    static const char *const lines[] = {"Content-Type: application/json", "Accept: application/json", "Expect:"};
    bool bad = false;

    for (size_t i = 0; i < DM_LEN(lines); i++) {
        struct curl_slist *more = curl_slist_append(c->headers, lines[i]);
        if (more == NULL)
            return false;
        c->headers = more;
    }
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_USERAGENT, "dormouse");
    SET(CURLOPT_HTTPHEADER, c->headers);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(config->connect_ms > 0 ? config->connect_ms : 1000));
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, (void *)c);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, (void *)c);
    if (config->unix_path != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, config->unix_path);
    return !bad;
}

int dm_httpc_new(const dm_httpc_config *config, dm_httpc **out, dm_err *err)
{
    DM_AUTO(dm_httpc) c = calloc(1, sizeof *c);

    if (config->base == NULL)
        return dm_fail(err, DM_E_INVALID, "http client: no base URL");
    if (c == NULL || (c->base = strdup(config->base)) == NULL || (c->curl = curl_easy_init()) == NULL)
        return dm_fail(err, DM_E_NOMEM, "http client: no memory");
    if (!set_options(c, config))
        return dm_fail(err, DM_E_INTERNAL, "http client: libcurl lacks an option");
    *out = dm_steal(&c);
    return 0;
}

void dm_httpc_free(dm_httpc *c)
{
    if (c == NULL)
        return;
    assert(c->answer == NULL); /* no call is under way */
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    free(c->base);
    free(c);
}

/* What could end the request line early, or make it another request. */
static bool line_safe(const char *z)
{
    for (; *z != '\0'; z++)
        if ((unsigned char)*z <= 0x20 || *z == 0x7f)
            return false;
    return true;
}

static bool set_request(dm_httpc *c, const char *method, const char *url, dm_str body, unsigned timeout_ms)
{
    bool bad = false;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_NOBODY, 0L);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    if (body.p != NULL) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        SET(CURLOPT_POSTFIELDS, body.p);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_CUSTOMREQUEST, method);
    return !bad;
}

int dm_httpc_call(dm_httpc *c, const char *method, const char *path, dm_str body, unsigned timeout_ms, int *status,
        dm_buf *answer, dm_err *err)
{
    DM_AUTO_BUF url;
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;

    dm_buf_init(&url, URL_MAX);
    if (path[0] != '/' || !line_safe(path) || !line_safe(method))
        return dm_fail(err, DM_E_INVALID, "http client: bad method or path");
    (void)dm_buf_c(&url, c->base);
    (void)dm_buf_c(&url, path);
    int r = dm_buf_ok(&url, err);
    if (r < 0)
        return dm_wrap(err, "%s: URL", method);
    dm_buf_reset(answer);
    c->answer = answer;
    c->answer_full = false;
    c->sent = 0;
    c->repeatable = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!set_request(c, method, url.p, body, timeout_ms > 0 ? timeout_ms : 1) ||
            curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, why) != CURLE_OK)
        return dm_fail(err, DM_E_INTERNAL, "http client: libcurl refused %s %s", method, path);
    CURLcode rc = curl_easy_perform(c->curl);
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    c->answer = NULL;

    const char *words = why[0] != '\0' ? why : curl_easy_strerror(rc);
    if (c->answer_full)
        return dm_fail(err, DM_E_LIMIT, "%s %s: the answer has more than %zu bytes", method, path, answer->cap);
    if (rc == CURLE_OUT_OF_MEMORY && c->sent == 0)
        return dm_fail(err, DM_E_NOMEM, "%s %s: no memory", method, path);
    if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
        return dm_fail(err, DM_E_INVALID, "%s %s: %s", method, path, words);
    if (rc != CURLE_OK)
        return dm_fail(err, c->sent > 0 ? DM_E_TIMEOUT : DM_E_UNAVAILABLE, "%s %s: %s", method, path, words);
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK || code < 100)
        return dm_fail(err, DM_E_PROTO, "%s %s: an answer without a status", method, path);
    *status = (int)code;
    return 0;
}

/* --- pool --------------------------------------------------------------------------------------------------- */

struct dm_httpc_pool {
    dm_httpc_config config;
    char *base, *unix_path;
    dm_pool *clients;
};

static void free_one(void *handle)
{
    dm_httpc_free(handle);
}

int dm_httpc_pool_new(const dm_httpc_config *config, unsigned max, dm_httpc_pool **out, dm_err *err)
{
    DM_AUTO(dm_httpc_pool) p = NULL;
    char what[128];

    if (config->base == NULL)
        return dm_fail(err, DM_E_INVALID, "http client pool: no base URL");
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "http client pool: no memory");
    p->config = *config;
    p->config.base = p->base = strdup(config->base);
    p->config.unix_path = p->unix_path = config->unix_path != NULL ? strdup(config->unix_path) : NULL;
    if (p->base == NULL || (config->unix_path != NULL && p->unix_path == NULL))
        return dm_fail(err, DM_E_NOMEM, "http client pool: no memory");
    (void)snprintf(what, sizeof what, "connections to %s", p->base);
    int r = dm_pool_new(max, what, free_one, &p->clients, err);
    if (r < 0)
        return r;
    *out = dm_steal(&p);
    return 0;
}

void dm_httpc_pool_free(dm_httpc_pool *p)
{
    if (p == NULL)
        return;
    dm_pool_free(p->clients);
    free(p->base);
    free(p->unix_path);
    free(p);
}

int dm_httpc_pool_call(dm_httpc_pool *p, const char *method, const char *path, dm_str body, unsigned timeout_ms,
        int *status, dm_buf *answer, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + timeout_ms;
    void *handle = NULL;
    int r = dm_pool_take(p->clients, 0, timeout_ms, &handle, err);

    if (r < 0)
        return r;
    dm_httpc *c = handle;
    if (c == NULL)
        r = dm_httpc_new(&p->config, &c, err);
    if (r == 0) {
        int64_t left = until - dm_mono_ms(&dm_clock_real);
        r = dm_httpc_call(c, method, path, body, left > 0 ? (unsigned)left : 1, status, answer, err);
    }
    dm_pool_give(p->clients, 0, c);
    return r;
}
