#include "base/bucket.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/parse.h"

enum { URL_MAX = 2048, ANSWER_MAX = 8 << 10, CONNECT_MS = 10000, CODE_MAX = 60 };

/* A put has so long, and a second more for each so many bytes: who takes slower holds up others. */
enum { LEAST_S = 60, PER_S = 1 << 20 };

/* --- names -------------------------------------------------------------------------------------------------- */

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"

bool dm_bucket_region_ok(dm_str region)
{
    return region.n > 0 && region.n <= 40 && dm_str_only(region, LOWER "-");
}

bool dm_bucket_name_ok(dm_str name)
{
    return name.n >= 3 && name.n <= 63 && dm_str_only(name, LOWER ".-") && name.p[0] != '.' && name.p[0] != '-';
}

/* No part of a path is empty or leads up, and none has to be escaped. */
bool dm_bucket_object_ok(dm_str name)
{
    dm_str rest = name, part;
    if (name.n == 0 || name.n > 500 || !dm_str_only(name, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-/"))
        return false;
    while (dm_str_split(&rest, '/', &part))
        if (part.n == 0 || part.p[0] == '.')
            return false;
    return true;
}

static bool part_is(CURLU *u, CURLUPart part, const char *want)
{
    char *is = NULL;
    CURLUcode code = curl_url_get(u, part, &is, 0);
    bool same = code == CURLUE_OK ? strcmp(is, want) == 0 : want[0] == '\0';
    curl_free(is);
    return same;
}

int dm_bucket_endpoint_ok(const char *endpoint, bool loopback, dm_err *err)
{
    CURLU *u = curl_url();
    if (u == NULL)
        return dm_fail(err, DM_E_NOMEM, "an endpoint");
    bool good = strlen(endpoint) < 300 && curl_url_set(u, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
                (part_is(u, CURLUPART_SCHEME, "https") || (loopback && part_is(u, CURLUPART_SCHEME, "http"))) &&
                part_is(u, CURLUPART_USER, "") && part_is(u, CURLUPART_PASSWORD, "") &&
                part_is(u, CURLUPART_PATH, "/") && part_is(u, CURLUPART_QUERY, "") &&
                part_is(u, CURLUPART_FRAGMENT, "");
    curl_url_cleanup(u);
    return good ? 0
                : dm_fail(err, DM_E_INVALID,
                          "an endpoint is https and a host, as https://s3.eu-central-1.amazonaws.com");
}

/* --- addresses ---------------------------------------------------------------------------------------------- */

typedef struct network {
    uint8_t bits;
    uint8_t b[16];
} network;

/* What is no address of the public internet (IANA's registries of special addresses). */
static const network never4[] = {{8, {0}}, {8, {10}}, {10, {100, 64}}, {8, {127}}, {16, {169, 254}}, {12, {172, 16}},
        {24, {192, 0, 0}}, {24, {192, 0, 2}}, {24, {192, 88, 99}}, {16, {192, 168}}, {15, {198, 18}},
        {24, {198, 51, 100}}, {24, {203, 0, 113}}, {4, {224}}, {4, {240}}};
/* Of version 6 what is outside of 2000::/3 is none, and of that these: they lead to others, or nowhere. */
static const network public6 = {3, {0x20}};
static const network never6[] = {
        {23, {0x20, 0x01}}, {32, {0x20, 0x01, 0x0d, 0xb8}}, {16, {0x20, 0x02}}, {20, {0x3f, 0xff}}};
static const network mapped = {96, {[10] = 0xff, [11] = 0xff}}, nat64 = {96, {0, 0x64, 0xff, 0x9b}};
static const network loop4 = {8, {127}}, loop6 = {128, {[15] = 1}};

static bool within(const uint8_t *address, const network *of)
{
    unsigned whole = of->bits / 8, rest = of->bits % 8;
    return memcmp(address, of->b, whole) == 0 && (rest == 0 || (address[whole] ^ of->b[whole]) >> (8 - rest) == 0);
}

static bool any_of(const uint8_t *address, const network *of, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (within(address, &of[i]))
            return true;
    return false;
}

static bool same(const struct sockaddr *a, const struct sockaddr *b)
{
    if (b == NULL || a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)(const void *)a)->sin_addr,
                       &((const struct sockaddr_in *)(const void *)b)->sin_addr, sizeof(struct in_addr)) == 0;
    return a->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                   &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* Where it cannot be told, it is. */
static bool is_own(const struct sockaddr *address)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        return true;
    bool own = false;
    for (const struct ifaddrs *i = all; i != NULL && !own; i = i->ifa_next)
        own = same(address, i->ifa_addr);
    freeifaddrs(all);
    return own;
}

static bool is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return !any_of((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr, never4,
                DM_LEN(never4));
    if (address->sa_family != AF_INET6)
        return false;
    const uint8_t *b = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    if (within(b, &mapped) || within(b, &nat64))
        return false; /* a name may lead there of itself */
    return within(b, &public6) && !any_of(b, never6, DM_LEN(never6));
}

static bool is_loop(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return within((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr, &loop4);
    return address->sa_family == AF_INET6 &&
           within(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr, &loop6);
}

bool dm_bucket_address_ok(const struct sockaddr *address, bool loopback)
{
    return (loopback && is_loop(address)) || (is_public(address) && !is_own(address));
}

/* --- a put -------------------------------------------------------------------------------------------------- */

typedef struct putting {
    const dm_bucket *bucket;
    const dm_bucket_object *object;
    uint64_t at;
    bool refused, stopped; /* the address; by beat */
    dm_buf answer;
    struct curl_slist *headers;
} putting;

/* What connects is what was looked at: a name that resolves anew resolves to nothing else. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    putting *p = arg;
    (void)purpose;
    if (!dm_bucket_address_ok(&a->addr, p->bucket->loopback)) {
        p->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    putting *p = arg;
    const dm_bucket_object *o = p->object;
    uint64_t left = o->bytes - p->at;
    size_t want = size * n < left ? size * n : (size_t)left;
    ssize_t got = (ssize_t)want;
    if (o->fd < 0)
        memcpy(to, o->text.p + p->at, want);
    else
        got = pread(o->fd, to, want, (off_t)p->at);
    if (got < 0)
        return CURL_READFUNC_ABORT;
    p->at += (uint64_t)got;
    return (size_t)got;
}

static int on_seek(void *arg, curl_off_t to, int origin)
{
    putting *p = arg;
    if (origin != SEEK_SET || to < 0 || (uint64_t)to > p->object->bytes)
        return CURL_SEEKFUNC_FAIL;
    p->at = (uint64_t)to;
    return CURL_SEEKFUNC_OK;
}

/* Of an answer its beginning: a larger one is read and forgotten. */
static size_t on_answer(char *from, size_t size, size_t n, void *arg)
{
    putting *p = arg;
    (void)dm_buf_add(&p->answer, from, size * n < ANSWER_MAX - p->answer.len ? size * n : ANSWER_MAX - p->answer.len);
    return size * n;
}

static int on_progress(void *arg, curl_off_t all, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    putting *p = arg;
    (void)all;
    (void)got;
    (void)to_send;
    (void)sent;
    p->stopped = p->stopped || (p->object->beat != NULL && p->object->beat(p->object->arg) != 0);
    return p->stopped;
}

static bool add_header(putting *p, const char *name, const char *value)
{
    char line[200];
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(p->headers, line);
    if (more != NULL)
        p->headers = more;
    return more != NULL;
}

#define SET(option, value) (bad |= curl_easy_setopt(curl, (option), (value)) != CURLE_OK)

static bool set_options(CURL *curl, putting *p, const char *url, char *why)
{
    const dm_bucket *b = p->bucket;
    char sign[80];
    bool bad = !add_header(p, "x-amz-content-sha256", p->object->sha256) ||
               !add_header(p, "Content-Type", p->object->media);
    (void)snprintf(sign, sizeof sign, "aws:amz:%s:s3", b->region);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, b->loopback ? "http,https" : "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_USERAGENT, "dormouse");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT, (long)(LEAST_S + p->object->bytes / PER_S));
    SET(CURLOPT_AWS_SIGV4, sign);
    SET(CURLOPT_USERNAME, b->key_id);
    SET(CURLOPT_PASSWORD, b->secret);
    SET(CURLOPT_HTTPHEADER, p->headers);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)p->object->bytes);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, (void *)p);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, (void *)p);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, (void *)p);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, (void *)p);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)p);
    SET(CURLOPT_ERRORBUFFER, why);
    return !bad;
}

/* S3's own word for what is wrong, of an answer that anybody may have written: letters, and few. */
static const char *code_of(const putting *p, char out[CODE_MAX])
{
    const char *at = p->answer.len > 0 ? strstr(p->answer.p, "<Code>") : NULL;
    size_t n = 0;
    if (at != NULL)
        for (at += strlen("<Code>"); n + 1 < CODE_MAX && ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z'); at++)
            out[n++] = *at;
    out[n] = '\0';
    return n > 0 ? out : "no reason that S3 knows";
}

static int told(CURL *curl, CURLcode code, const putting *p, const char *why, dm_err *err)
{
    long status = 0;
    char word[CODE_MAX];
    if (p->stopped)
        return DM_BUCKET_STOPPED;
    if (p->refused)
        return dm_fail(err, DM_E_DENIED, "the endpoint's name leads to no address of the public internet");
    if (code != CURLE_OK)
        return dm_fail(err, DM_E_UNAVAILABLE, "the endpoint cannot be reached: %s",
                why[0] != '\0' ? why : curl_easy_strerror(code));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return 0;
    return dm_fail(err, status >= 400 && status < 500 ? DM_E_DENIED : DM_E_UNAVAILABLE, "the bucket answers %ld: %s",
            status, code_of(p, word));
}

int dm_bucket_put(const dm_bucket *b, const dm_bucket_object *o, dm_err *err)
{
    char url[URL_MAX], why[CURL_ERROR_SIZE] = "";
    putting p = {.bucket = b, .object = o};
    size_t n = strlen(b->endpoint);
    int r = dm_bucket_endpoint_ok(b->endpoint, b->loopback, err);
    if (r == 0 && (!dm_bucket_region_ok(dm_str_c(b->region)) || !dm_bucket_name_ok(dm_str_c(b->name)) ||
                          !dm_bucket_object_ok(dm_str_c(o->name))))
        r = dm_fail(err, DM_E_INVALID, "no region, bucket or object of such a name");
    if (r == 0 && o->bytes > (uint64_t)DM_BUCKET_PUT_MAX_MIB << 20)
        r = dm_fail(err, DM_E_LIMIT, "a bucket takes %d MiB at once: order fewer months", DM_BUCKET_PUT_MAX_MIB);
    if (r < 0)
        return r;
    (void)snprintf(
            url, sizeof url, "%.*s/%s/%s", (int)(b->endpoint[n - 1] == '/' ? n - 1 : n), b->endpoint, b->name, o->name);
    CURL *curl = curl_easy_init();
    dm_buf_init(&p.answer, ANSWER_MAX + 1);
    if (curl == NULL || !set_options(curl, &p, url, why))
        r = dm_fail(err, DM_E_INTERNAL, "libcurl lacks an option, or memory");
    else
        r = told(curl, curl_easy_perform(curl), &p, why, err);
    curl_easy_cleanup(curl);
    curl_slist_free_all(p.headers);
    dm_buf_done(&p.answer);
    return r;
}
