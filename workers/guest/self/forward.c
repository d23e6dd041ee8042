/* A pair is two sockets. What is read from one is written to the other at once, out of memory that all share; only what
 * does not fit is kept, and then its source is not read until it is gone. The end of one direction is passed on when
 * all before it has been, and the pair is done when both have ended; a break of either side breaks the other. A server
 * that stops reading may still have its answer to say: the rest of the request is dropped then, as its own kernel
 * would.
 *
 * A watch without events still wakes us for a hang-up, again and again: a side that we want nothing of has none. */
#include "workers/guest/self/forward.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

/* Second ports lie above those the kernel gives out, and where no well-known server is. */
enum { SECOND_PORTS = 64512, TRIES = 16 };
enum { ROUNDS = 8, SCRATCH = 64 * 1024, ACCEPT_MAX = 64, BACKLOG = 128 };

typedef struct pair pair;

typedef struct side {
    pair *p;
    int fd;
    dm_watch *watch;
    dm_buf held; /* to be written to fd */
    bool ended;  /* nothing more comes from it */
    bool told;   /* that nothing more comes to it */
} side;

struct pair {
    dm_forwards *f;
    pair *prev, *next;
    side of[2]; /* the door's, the server's */
    bool connecting;
};

typedef struct forward {
    dm_forwards *f;
    dm_listening to;
    int fd; /* -1: free */
    uint16_t port;
    dm_watch *watch;
    uint64_t asked; /* when, in calls of dm_forwards_open */
} forward;

struct dm_forwards {
    dm_loop *loop;
    bool loopback_only;
    forward of[DM_FORWARDS_MAX];
    uint64_t asked;
    pair *pairs;
    unsigned npairs;
    char scratch[SCRATCH];
};

/* --- pairs -------------------------------------------------------------------------------------------------- */

static void side_close(side *s, bool broken)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    dm_watch_free(s->watch);
    s->watch = NULL;
    if (s->fd >= 0 && broken)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    dm_buf_done(&s->held);
}

static void pair_free(pair *p, bool broken)
{
    dm_forwards *f = p->f;
    side_close(&p->of[0], broken);
    side_close(&p->of[1], broken);
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        f->pairs = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    assert(f->npairs > 0);
    f->npairs--;
    free(p);
}

/* How many of n bytes went out; -1 when the connection is broken. */
static ssize_t put(const side *s, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = send(s->fd, p + done, n - done, MSG_NOSIGNAL);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return errno == EAGAIN ? (ssize_t)done : -1;
        done += (size_t)w;
    }
    return (ssize_t)done;
}

static int flush(side *s)
{
    ssize_t n = put(s, s->held.p, s->held.len);
    if (n < 0)
        return -1;
    dm_buf_eat(&s->held, (size_t)n);
    if (s->held.len == 0)
        dm_buf_done(&s->held); /* keeps its cap */
    return 0;
}

/* to takes nothing more. */
static int refused(side *from, side *to)
{
    if (to == &to->p->of[0])
        return -1;
    from->ended = to->told = true;
    dm_buf_done(&to->held);
    return 0;
}

/* A few rounds at most: others wait, too. */
static int move(dm_forwards *f, side *from, side *to)
{
    if (to->held.len > 0 && flush(to) < 0)
        return refused(from, to);
    for (int i = 0; i < ROUNDS && to->held.len == 0 && !from->ended; i++) {
        ssize_t n = recv(from->fd, f->scratch, sizeof(f->scratch), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        from->ended = n == 0;
        ssize_t w = put(to, f->scratch, (size_t)n);
        if (w < 0)
            return refused(from, to);
        if (w < n && dm_buf_add(&to->held, f->scratch + w, (size_t)(n - w)) < 0)
            return -1;
    }
    return 0;
}

static int tell_end(const side *from, side *to)
{
    if (!from->ended || to->told || to->held.len > 0)
        return 0;
    to->told = true;
    return shutdown(to->fd, SHUT_WR);
}

static void on_side(void *arg, uint32_t events);

static int want(side *s, const side *other, bool connecting)
{
    uint32_t events = 0;
    if (connecting)
        events = s == &s->p->of[1] ? EPOLLOUT : 0;
    else
        events = (!s->ended && other->held.len == 0 ? (uint32_t)EPOLLIN : 0) |
                 (s->held.len > 0 ? (uint32_t)EPOLLOUT : 0);
    if (events == 0) {
        dm_watch_free(s->watch);
        s->watch = NULL;
        return 0;
    }
    return s->watch != NULL ? dm_watch_set(s->watch, events, NULL)
                            : dm_loop_watch(s->p->f->loop, s->fd, events, on_side, s, &s->watch, NULL);
}

static bool connected(const side *s)
{
    int e = 0;
    socklen_t size = sizeof(e);
    return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &size) == 0 && e == 0;
}

static void on_side(void *arg, uint32_t events)
{
    side *s = arg;
    pair *p = s->p;
    side *door = &p->of[0], *server = &p->of[1];
    int r = p->connecting && !connected(server) ? -1 : 0;
    p->connecting = false;
    if (r == 0)
        r = move(p->f, server, door);
    if (r == 0)
        r = move(p->f, door, server);
    /* A broken side is read to its end, which then says so; unless nobody takes it. */
    if (r == 0 && (events & EPOLLERR) != 0 && p->of[s == door].held.len > 0)
        r = -1;
    if (r == 0)
        r = tell_end(door, server);
    if (r == 0)
        r = tell_end(server, door);
    if (r == 0 && door->told && server->told) {
        pair_free(p, false);
        return;
    }
    if (r == 0)
        r = want(door, server, false);
    if (r == 0)
        r = want(server, door, false);
    if (r != 0)
        pair_free(p, true);
}

static int dial(pair *p, const dm_listening *to)
{
    socklen_t size = to->at.sa.sa_family == AF_INET ? sizeof(to->at.in) : sizeof(to->at.in6);
    side *server = &p->of[1];
    server->fd = socket(to->at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0 || (connect(server->fd, &to->at.sa, size) < 0 && errno != EINPROGRESS))
        return -1;
    p->connecting = true;
    return want(server, &p->of[0], true);
}

/* fd becomes the pair's. */
static void pair_new(dm_forwards *f, const dm_listening *to, int fd)
{
    pair *p = f->npairs < DM_FORWARD_PAIRS_MAX ? calloc(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        side none = {.fd = fd};
        side_close(&none, true);
        return;
    }
    p->f = f;
    p->next = f->pairs;
    if (p->next != NULL)
        p->next->prev = p;
    f->pairs = p;
    f->npairs++;
    for (int i = 0; i < 2; i++) {
        p->of[i] = (side){.p = p, .fd = i == 0 ? fd : -1};
        dm_buf_init(&p->of[i].held, DM_FORWARD_HELD);
    }
    if (dial(p, to) < 0)
        pair_free(p, true);
}

/* --- second ports ------------------------------------------------------------------------------------------- */

static void on_accept(void *arg, uint32_t events)
{
    forward *w = arg;
    (void)events;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        pair_new(w->f, &w->to, fd);
    }
}

static void forward_close(forward *w)
{
    dm_watch_free(w->watch);
    w->watch = NULL;
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
}

static int forward_listen(forward *w, dm_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int r = -1;
    at.sin_addr.s_addr = htonl(w->f->loopback_only ? INADDR_LOOPBACK : INADDR_ANY);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return dm_fail_sys(err, errno, "a second port");
    for (unsigned i = 0; r < 0 && i < TRIES; i++) {
        w->port = (uint16_t)(SECOND_PORTS + (unsigned)(w - w->f->of) + i * DM_FORWARDS_MAX);
        at.sin_port = htons(w->port);
        r = bind(w->fd, (const struct sockaddr *)&at, sizeof(at));
    }
    if (r < 0 || listen(w->fd, BACKLOG) < 0)
        return dm_fail_sys(err, errno, "a second port");
    return dm_loop_watch(w->f->loop, w->fd, EPOLLIN, on_accept, w, &w->watch, err);
}

static uint16_t port_of(const dm_listening *at)
{
    return ntohs(at->at.sa.sa_family == AF_INET ? at->at.in.sin_port : at->at.in6.sin6_port);
}

/* Of that port, else a free one, else the one longest unasked. */
static forward *choose(dm_forwards *f, uint16_t port)
{
    forward *best = &f->of[0];
    for (size_t i = 0; i < DM_FORWARDS_MAX; i++) {
        forward *w = &f->of[i];
        if (w->fd >= 0 && port_of(&w->to) == port)
            return w;
        if (best->fd >= 0 && (w->fd < 0 || w->asked < best->asked))
            best = w;
    }
    return best;
}

int dm_forwards_open(dm_forwards *f, const dm_listening *at, uint16_t *out, dm_err *err)
{
    forward *w = choose(f, port_of(at));
    if (w->fd >= 0 && port_of(&w->to) != port_of(at))
        forward_close(w);
    w->to = *at;
    w->asked = ++f->asked;
    int r = w->fd >= 0 ? 0 : forward_listen(w, err);
    if (r < 0)
        forward_close(w);
    else
        *out = w->port;
    return r;
}

/* --- made and unmade ---------------------------------------------------------------------------------------- */

int dm_forwards_new(dm_loop *loop, bool loopback_only, dm_forwards **out, dm_err *err)
{
    dm_forwards *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "forwards");
    f->loop = loop;
    f->loopback_only = loopback_only;
    for (size_t i = 0; i < DM_FORWARDS_MAX; i++) {
        f->of[i].f = f;
        f->of[i].fd = -1;
    }
    *out = f;
    return 0;
}

void dm_forwards_drop(dm_forwards *f)
{
    while (f->pairs != NULL)
        pair_free(f->pairs, true);
    assert(f->npairs == 0);
}

unsigned dm_forwards_pairs(const dm_forwards *f)
{
    return f->npairs;
}

void dm_forwards_free(dm_forwards *f)
{
    if (f == NULL)
        return;
    dm_forwards_drop(f);
    for (size_t i = 0; i < DM_FORWARDS_MAX; i++)
        forward_close(&f->of[i]);
    free(f);
}
