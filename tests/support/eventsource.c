#include "tests/support/eventsource.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "event source: %s\n", what);
    abort();
}

/* More of it; false: nothing in time, or its end. */
static bool more(dm_eventsource *e, int64_t until_ms)
{
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    int64_t left = until_ms - dm_mono_ms(&dm_clock_real);
    char *room = dm_buf_want(&e->heard, 4096);
    must(room != NULL, "too much at once");
    if (poll(&p, 1, left > 0 ? (int)left : 0) != 1)
        return false;
    ssize_t n = recv(e->fd, room, 4096, 0);
    if (n > 0)
        dm_buf_grew(&e->heard, (size_t)n);
    return n > 0;
}

void dm_eventsource_open(dm_eventsource *e, const char *socket_path, const char *target, const char *header)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char request[4096];
    const char *end;
    *e = (dm_eventsource){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    dm_buf_init(&e->heard, 8 << 20);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    must(e->fd >= 0 && connect(e->fd, (const struct sockaddr *)&at, sizeof at) == 0, "connect");
    /* 1.0: the body comes as it is, without chunks, until the connection ends */
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: api\r\n%s\r\n", target, header);
    must(send(e->fd, request, (size_t)n, MSG_NOSIGNAL) == n, "send");
    while (e->heard.len == 0 || (end = strstr(e->heard.p, "\r\n\r\n")) == NULL)
        must(more(e, dm_mono_ms(&dm_clock_real) + 20000), "no answer");
    must(strncmp(e->heard.p, "HTTP/1.", 7) == 0, "no HTTP");
    e->status = (int)strtol(e->heard.p + 9, NULL, 10);
    dm_buf_eat(&e->heard, (size_t)(end + 4 - e->heard.p));
}

void dm_eventsource_close(dm_eventsource *e)
{
    if (e->fd >= 0)
        (void)close(e->fd);
    e->fd = -1;
    json_decref(e->data);
    e->data = NULL;
    dm_buf_done(&e->heard);
}

/* A field of the block, "" when it has none. */
static dm_str field(dm_str block, const char *name)
{
    dm_str line;
    size_t n = strlen(name);
    while (dm_str_split(&block, '\n', &line))
        if (line.n > n + 1 && memcmp(line.p, name, n) == 0 && line.p[n] == ':')
            return dm_str_trim((dm_str){line.p + n + 1, line.n - n - 1});
    return (dm_str){"", 0};
}

bool dm_eventsource_next(dm_eventsource *e, int wait_ms)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;
    for (;;) {
        const char *end = e->heard.len > 0 ? strstr(e->heard.p, "\n\n") : NULL;
        if (end == NULL) {
            if (!more(e, until))
                return false;
            continue;
        }
        dm_str block = {e->heard.p, (size_t)(end - e->heard.p)}, data = field(block, "data"), id = field(block, "id");
        if (data.n > 0) {
            json_decref(e->data);
            e->data = NULL;
            must(dm_json_load(data, 8 << 20, &e->data, NULL) == 0, "data that is no JSON");
            (void)snprintf(e->name, sizeof e->name, "%.*s", (int)field(block, "event").n, field(block, "event").p);
            (void)snprintf(e->last, sizeof e->last, "%.*s", (int)id.n, id.p);
        }
        dm_buf_eat(&e->heard, (size_t)(end + 2 - e->heard.p));
        if (data.n > 0)
            return true;
    }
}

bool dm_eventsource_until(dm_eventsource *e, const char *name, int wait_ms)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;
    for (;;) {
        int64_t left = until - dm_mono_ms(&dm_clock_real);
        if (!dm_eventsource_next(e, left > 0 ? (int)left : 0))
            return false;
        if (strcmp(e->name, name) == 0)
            return true;
    }
}

bool dm_eventsource_ends(dm_eventsource *e, int wait_ms)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    while (dm_mono_ms(&dm_clock_real) < until) {
        if (more(e, until))
            continue;
        char byte;
        return poll(&p, 1, 0) == 1 && recv(e->fd, &byte, 1, MSG_PEEK) <= 0;
    }
    return false;
}
