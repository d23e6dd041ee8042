/* api_load: asks one API for the same thing again and again, over connections that stay open, and prints a line of
 * JSON.
 *
 *   api_load create|get PORT KEYS IDS CONNECTIONS SECONDS RATE
 *
 * KEYS has an API key a line, taken in turn. `create` makes sandboxes and appends "KEY_LINE ID" of each to IDS; `get`
 * asks for those of IDS in turn. RATE 0: each connection asks again as soon as it is answered (closed); else so many
 * begin each second whatever becomes of them (open), and each is timed from when it was due, so that what a stall holds
 * up counts as what it waited. What is due and finds no free connection waits for one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/parse.h"
#include "base/str.h"

enum { CONNECTIONS_MAX = 2048, ANSWER_MAX = 65536, REQUEST_MAX = 1024, STATUSES = 600, EVENTS = 256, KEY_MAX = 64 };
enum { TIMES_MAX = 1 << 26, KEYS_MAX = 1 << 16, TARGETS_MAX = 1 << 24 };

typedef struct conn {
    int fd;
    bool busy;
    size_t key;
    int64_t due_us;
    size_t have;
    char answer[ANSWER_MAX];
} conn;

typedef struct target {
    size_t key;
    char id[32];
} target;

typedef struct load {
    bool create;
    uint16_t port;
    char (*keys)[KEY_MAX];
    target *targets;
    size_t nkeys, ntargets, next;
    FILE *made;
    conn *conns;
    size_t nconns;
    size_t *idle, nidle;
    int epoll;
    int64_t begin_us, end_us, every_us, due_us; /* every_us 0: closed */
    uint64_t done, ok, lost, statuses[STATUSES];
    uint32_t *took; /* microseconds of those that were ok */
    size_t ntook, took_room;
} load;

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "api_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    return dm_mono_us(&dm_clock_real);
}

/* --- connections -------------------------------------------------------------------------------------------- */

static void connect_one(load *l, size_t i)
{
    conn *c = &l->conns[i];
    struct sockaddr_in to = {
            .sin_family = AF_INET, .sin_port = htons(l->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll");
    c->have = 0;
    c->busy = false;
}

static void ask(load *l, size_t i, int64_t due_us)
{
    static const char body[] = "{\"templateID\":\"base\",\"timeout\":3600}";
    conn *c = &l->conns[i];
    char text[REQUEST_MAX];
    int n;
    size_t at = l->next++;
    if (l->create) {
        c->key = at % l->nkeys;
        n = snprintf(text, sizeof text,
                "POST /v2/sandboxes HTTP/1.1\r\nHost: api\r\nX-API-KEY: %s\r\nContent-Type: application/json\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                l->keys[c->key], sizeof body - 1, body);
    } else {
        const target *t = &l->targets[at % l->ntargets];
        n = snprintf(text, sizeof text, "GET /sandboxes/%s HTTP/1.1\r\nHost: api\r\nX-API-KEY: %s\r\n\r\n", t->id,
                l->keys[t->key]);
    }
    c->due_us = due_us;
    c->busy = true;
    c->have = 0;
    if (write(c->fd, text, (size_t)n) != n)
        die("write");
}

/* --- answers ------------------------------------------------------------------------------------------------ */

/* Its length, or 0 while it is not whole. Ours all say how long they are. */
static size_t whole(const conn *c)
{
    dm_str all = {c->answer, c->have};
    const char *end = memmem(all.p, all.n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - all.p) + 4;
    const char *length = memmem(all.p, head, "\r\nContent-Length: ", 18);
    size_t n = head + (length != NULL ? strtoul(length + 18, NULL, 10) : 0);
    return c->have >= n ? n : 0;
}

static void keep_id(load *l, const conn *c)
{
    static const char name[] = "\"sandboxID\":\"";
    const char *at = memmem(c->answer, c->have, name, sizeof name - 1);
    if (at != NULL)
        (void)fprintf(l->made, "%zu %.21s\n", c->key, at + sizeof name - 1);
}

static void took(load *l, int64_t us)
{
    if (dm_grow(&l->took, &l->took_room, l->ntook, TIMES_MAX, "times", NULL) < 0)
        die("memory");
    l->took[l->ntook++] = (uint32_t)us;
}

static void answered(load *l, conn *c)
{
    unsigned long status = c->have > 12 ? strtoul(c->answer + 9, NULL, 10) : 0;
    int64_t now = now_us();
    c->answer[c->have < ANSWER_MAX ? c->have : ANSWER_MAX - 1] = '\0';
    l->done++;
    if (status / 100 != 2 && l->done - l->ok == 1)
        (void)fprintf(stderr, "api_load: the first that failed: %.1000s\n", c->answer);
    l->statuses[status < STATUSES ? status : 0]++;
    if (status / 100 == 2) {
        l->ok++;
        took(l, now - c->due_us);
        if (l->create)
            keep_id(l, c);
    }
}

static void readable(load *l, size_t i)
{
    conn *c = &l->conns[i];
    ssize_t n = read(c->fd, c->answer + c->have, ANSWER_MAX - 1 - c->have);
    if (n <= 0) {
        l->lost += c->busy;
        bool was_busy = c->busy;
        (void)close(c->fd);
        connect_one(l, i);
        if (was_busy)
            l->idle[l->nidle++] = i;
        return;
    }
    c->have += (size_t)n;
    if (whole(c) == 0)
        return;
    answered(l, c);
    c->busy = false;
    l->idle[l->nidle++] = i;
}

/* --- the pace ----------------------------------------------------------------------------------------------- */

/* Begins what is due; returns how many milliseconds nothing is. */
static int begin_due(load *l)
{
    int64_t now = now_us();
    while (l->nidle > 0 && now < l->end_us) {
        if (l->every_us == 0) {
            ask(l, l->idle[--l->nidle], now);
            continue;
        }
        if (l->due_us > now)
            return (int)((l->due_us - now) / 1000);
        ask(l, l->idle[--l->nidle], l->due_us);
        l->due_us += l->every_us;
    }
    return 1;
}

static void run(load *l)
{
    struct epoll_event events[EVENTS];
    static const int64_t patience_us = 70 * 1000000LL;
    l->begin_us = l->due_us = now_us();
    while (now_us() < l->end_us || (l->nidle < l->nconns && now_us() < l->end_us + patience_us)) {
        int n = epoll_wait(l->epoll, events, EVENTS, begin_due(l));
        for (int i = 0; i < n; i++)
            readable(l, events[i].data.u64);
    }
    l->lost += l->nconns - l->nidle;
}

/* --- what it found ------------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double at_percent(const load *l, unsigned percent)
{
    size_t i = (l->ntook * percent + 99) / 100;
    return l->ntook == 0 ? 0 : l->took[i > 0 ? i - 1 : 0] / 1000.0;
}

static void tell(load *l)
{
    double seconds = (double)(l->end_us - l->begin_us) / 1e6;
    qsort(l->took, l->ntook, sizeof *l->took, by_size);
    (void)printf("{\"done\":%llu,\"ok\":%llu,\"lost\":%llu,\"ok_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
                 "\"max_ms\":%.3f,\"statuses\":{",
            (unsigned long long)l->done, (unsigned long long)l->ok, (unsigned long long)l->lost,
            (double)l->ok / seconds, at_percent(l, 50), at_percent(l, 99), at_percent(l, 100));
    const char *comma = "";
    for (unsigned i = 0; i < STATUSES; i++) {
        if (l->statuses[i] > 0) {
            (void)printf("%s\"%u\":%llu", comma, i, (unsigned long long)l->statuses[i]);
            comma = ",";
        }
    }
    (void)printf("}}\n");
}

/* --- the program -------------------------------------------------------------------------------------------- */

static void read_keys(load *l, const char *path)
{
    char line[KEY_MAX];
    size_t room = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        die(path);
    while (fgets(line, sizeof line, f) != NULL) {
        if (dm_grow(&l->keys, &room, l->nkeys, KEYS_MAX, "keys", NULL) < 0)
            die("memory");
        line[strcspn(line, "\n")] = '\0';
        memcpy(l->keys[l->nkeys++], line, sizeof line);
    }
    (void)fclose(f);
}

static void read_targets(load *l, const char *path)
{
    target t;
    size_t room = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        die(path);
    while (fscanf(f, "%zu %31s", &t.key, t.id) == 2) {
        if (dm_grow(&l->targets, &room, l->ntargets, TARGETS_MAX, "targets", NULL) < 0)
            die("memory");
        l->targets[l->ntargets++] = t;
    }
    (void)fclose(f);
}

static uint64_t number(const char *text, uint64_t max)
{
    uint64_t n;
    dm_err err;
    if (dm_parse_u64(dm_str_c(text), 0, max, &n, &err) < 0) {
        (void)fprintf(stderr, "api_load: %s\n", err.msg);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    static load l;
    if (argc != 8) {
        (void)fprintf(stderr, "usage: api_load create|get PORT KEYS IDS CONNECTIONS SECONDS RATE\n");
        return 2;
    }
    l.create = strcmp(argv[1], "create") == 0;
    l.port = (uint16_t)number(argv[2], 65535);
    read_keys(&l, argv[3]);
    if (l.create && (l.made = fopen(argv[4], "ae")) == NULL)
        die(argv[4]);
    if (!l.create)
        read_targets(&l, argv[4]);
    l.nconns = number(argv[5], CONNECTIONS_MAX);
    int64_t seconds = (int64_t)number(argv[6], 3600);
    uint64_t rate = number(argv[7], 1000000);
    l.every_us = rate > 0 ? (int64_t)(1000000 / rate) : 0;
    if (l.nkeys == 0 || (!l.create && l.ntargets == 0) || l.nconns == 0) {
        (void)fprintf(stderr, "api_load: nothing to ask, or nobody to ask as\n");
        return 2;
    }
    l.conns = calloc(l.nconns, sizeof *l.conns);
    l.idle = calloc(l.nconns, sizeof *l.idle);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l.conns == NULL || l.idle == NULL || l.epoll < 0)
        die("begin");
    for (size_t i = 0; i < l.nconns; i++) {
        connect_one(&l, i);
        l.idle[l.nidle++] = i;
    }
    l.end_us = now_us() + seconds * 1000000;
    run(&l);
    tell(&l);
    return 0;
}
