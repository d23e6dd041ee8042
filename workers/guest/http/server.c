#include "workers/guest/http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "workers/guest/http/conn_parts.h"

enum { ACCEPT_MAX = 64 };

/* At the bound, an idle kept-alive connection makes way; its client will open another. */
static bool evict_idle(dm_server *s)
{
    dm_conn *oldest = NULL;
    for (dm_conn *c = s->conns; c != NULL; c = c->next) /* newest first */
        if (c->state == ST_HEAD && c->in.len == 0)
            oldest = c;
    if (oldest == NULL)
        return false;
    dm_conn_close(oldest);
    return true;
}

static void on_accept(void *arg, uint32_t events)
{
    dm_server *s = arg;
    (void)events;
    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        if (s->count >= DM_CONNS_MAX && !evict_idle(s)) {
            s->paused = dm_watch_set(s->watch, 0, NULL) == 0;
            return;
        }
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && s->count > 0 && !evict_idle(s))
            s->paused = dm_watch_set(s->watch, 0, NULL) == 0;
        if (fd < 0)
            return;
        if (dm_conn_new(s, fd) != 0)
            (void)close(fd);
    }
}

/* There is room again. */
static void accept_again(dm_server *s)
{
    if (s->paused && dm_watch_set(s->watch, EPOLLIN, NULL) == 0)
        s->paused = false;
}

static int listen_on(const dm_server_conf *conf, dm_err *err)
{
    DM_AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return dm_fail_sys(err, errno, "socket");
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(conf->port)};
    to.sin_addr.s_addr = htonl(conf->loopback_only ? INADDR_LOOPBACK : INADDR_ANY);
    if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        return dm_fail_sys(err, errno, "bind port %u", conf->port);
    if (listen(fd, 1024) != 0)
        return dm_fail_sys(err, errno, "listen on port %u", conf->port);
    return dm_steal_fd(&fd);
}

int dm_server_new(const dm_server_conf *conf, dm_server **out, dm_err *err)
{
    DM_AUTO(dm_server) s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "server");
    s->loop = conf->loop;
    s->budget = conf->budget;
    s->route = conf->route;
    s->route_arg = conf->arg;
    s->left = accept_again;
    s->fd = -1;
    s->scratch = malloc(DM_CONN_SCRATCH);
    if (s->scratch == NULL)
        return dm_fail(err, DM_E_NOMEM, "server");
    s->fd = listen_on(conf, err);
    if (s->fd < 0)
        return s->fd;
    int r = dm_loop_watch(conf->loop, s->fd, EPOLLIN, on_accept, s, &s->watch, err);
    if (r < 0)
        return r;
    *out = dm_steal(&s);
    return 0;
}

void dm_server_free(dm_server *s)
{
    if (s == NULL)
        return;
    while (s->conns != NULL)
        dm_conn_close(s->conns);
    assert(s->count == 0 && s->held_bytes == 0);
    dm_watch_free(s->watch);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->scratch);
    free(s);
}

/* --- the outside -------------------------------------------------------------------------------------------- */

static void drop(dm_server *s, int64_t below)
{
    dm_conn *next;
    for (dm_conn *c = s->conns; c != NULL; c = next) {
        next = c->next;
        if (c->generation >= below)
            continue;
        dm_conn_break(c);
    }
}

void dm_server_drop_older(dm_server *s, int64_t generation)
{
    s->generation = generation;
    drop(s, generation);
}

void dm_server_drop_all(dm_server *s)
{
    drop(s, INT64_MAX);
}

uint16_t dm_server_port(const dm_server *s)
{
    struct sockaddr_in at = {.sin_port = 0};
    socklen_t size = sizeof(at);
    return getsockname(s->fd, (struct sockaddr *)&at, &size) == 0 ? ntohs(at.sin_port) : 0;
}

unsigned dm_server_count(const dm_server *s)
{
    return s->count;
}

int64_t dm_server_active_us(const dm_server *s)
{
    return s->active_us;
}
