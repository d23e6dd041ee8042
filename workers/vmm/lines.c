#include "workers/vmm/lines.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/buf.h"

enum { READ_STEP = 16 * 1024, WINDOW_US = 100000 };

struct dm_lines {
    dm_lines_config config;
    dm_loop *loop;
    int fd;
    dm_watch *watch; /* NULL while there is nothing to wait for: a hung-up socket would wake us for ever */
    dm_timer *timer; /* ends a window: the burst may be had again */
    unsigned left;   /* lines that may still come in this window */
    size_t room;     /* and bytes */
    bool window;     /* the timer is set */
    bool skipping;   /* within a line that is too long */
    bool ended;
    bool *gone; /* of the callback we are in: set when we are freed */
    dm_buf in, out;
};

static void on_ready(void *arg, uint32_t events);

static size_t whole_room(const dm_lines *l)
{
    return l->config.burst_bytes != 0 ? l->config.burst_bytes : SIZE_MAX;
}

/* Calls on_end, which may free l. */
static void end(dm_lines *l, const dm_err *why)
{
    if (l->ended)
        return;
    l->ended = true;
    dm_watch_free(l->watch);
    l->watch = NULL;
    dm_timer_clear(l->timer);
    l->config.on_end(l->config.arg, why);
}

static int watch_for(dm_lines *l, uint32_t events, dm_err *err)
{
    if (events == 0) {
        dm_watch_free(l->watch);
        l->watch = NULL;
        return 0;
    }
    if (l->watch == NULL)
        return dm_loop_watch(l->loop, l->fd, events, on_ready, l, &l->watch, err);
    return dm_watch_set(l->watch, events, err);
}

static bool may_read(const dm_lines *l)
{
    return l->left > 0 && l->room > 0;
}

static int rearm(dm_lines *l, dm_err *err)
{
    return watch_for(l, (may_read(l) ? EPOLLIN : 0U) | (l->out.len > 0 ? EPOLLOUT : 0U), err);
}

/* False when l was freed or ended by the callback. */
static bool deliver(dm_lines *l, dm_str line)
{
    bool gone = false;
    l->gone = &gone;
    l->config.on_line(l->config.arg, line);
    if (gone)
        return false;
    l->gone = NULL;
    return !l->ended;
}

static void open_window(dm_lines *l)
{
    if (!l->window) {
        l->window = true;
        dm_timer_in(l->timer, WINDOW_US);
    }
}

static void spend(dm_lines *l)
{
    assert(l->left > 0);
    l->left--;
    open_window(l);
}

static void spend_bytes(dm_lines *l, size_t n)
{
    if (l->config.burst_bytes == 0)
        return;
    l->room -= n < l->room ? n : l->room;
    open_window(l);
}

/* What is left is the front of a line: it must not outgrow its bound. */
static bool check_front(dm_lines *l)
{
    if (l->in.len <= l->config.line_max || memchr(l->in.p, '\n', l->in.len) != NULL)
        return true;
    if (l->config.skip_long) {
        l->skipping = true;
        dm_buf_reset(&l->in);
        return true;
    }
    dm_err why;
    (void)dm_fail(&why, DM_E_PROTO, "a line of more than %zu bytes", l->config.line_max);
    end(l, &why);
    return false;
}

/* Hands out the whole lines of l->in, as far as the burst goes. False when l is gone or has ended. */
static bool hand_out(dm_lines *l)
{
    size_t at = 0;
    while (l->left > 0 && at < l->in.len) {
        const char *start = l->in.p + at, *newline = memchr(start, '\n', l->in.len - at);
        if (newline == NULL)
            break;
        dm_str line = {start, (size_t)(newline - start)};
        at += line.n + 1;
        spend(l);
        if (l->skipping) {
            l->skipping = false;
            continue;
        }
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (!deliver(l, line))
            return false;
    }
    dm_buf_eat(&l->in, at);
    return check_front(l);
}

static void go_on(dm_lines *l)
{
    dm_err why;
    if (hand_out(l) && rearm(l, &why) < 0)
        end(l, &why);
}

static void on_readable(dm_lines *l)
{
    dm_err why;
    assert(l->in.len <= l->config.line_max); /* hand_out left no whole line, and check_front none that is too long */
    size_t room = l->config.line_max + 1 - l->in.len;
    size_t want = room < READ_STEP ? room : READ_STEP;
    char *p = dm_buf_want(&l->in, want);
    if (p == NULL) {
        (void)dm_fail(&why, DM_E_NOMEM, "no memory for a line");
        end(l, &why);
        return;
    }
    ssize_t n = recv(l->fd, p, want, MSG_DONTWAIT);
    if (n > 0) {
        spend_bytes(l, (size_t)n);
        dm_buf_grew(&l->in, (size_t)n);
        go_on(l);
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 0 || errno == ECONNRESET)
        (void)dm_fail(&why, DM_E_UNAVAILABLE, "the peer closed the stream");
    else
        (void)dm_fail_sys(&why, errno, "read from the stream");
    end(l, &why);
}

/* Sends what the socket takes now. */
static int flush(dm_lines *l, dm_err *err)
{
    while (l->out.len > 0) {
        ssize_t n = send(l->fd, l->out.p, l->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return dm_fail(err, DM_E_UNAVAILABLE, "the peer closed the stream");
        if (n < 0)
            return dm_fail_sys(err, errno, "write to the stream");
        dm_buf_eat(&l->out, (size_t)n);
    }
    return 0;
}

static void on_ready(void *arg, uint32_t events)
{
    dm_lines *l = arg;
    dm_err why;
    /* A peer that is gone may have said something before: that is read first. */
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && may_read(l)) {
        on_readable(l);
        return;
    }
    if (flush(l, &why) < 0 || rearm(l, &why) < 0)
        end(l, &why);
}

static void on_window(void *arg)
{
    dm_lines *l = arg;
    l->window = false;
    l->left = l->config.burst;
    l->room = whole_room(l);
    go_on(l);
}

/* The first bytes, with a descriptor beside them. Sets *sent. */
static int send_with_fd(dm_lines *l, dm_str bytes, int pass_fd, size_t *sent, dm_err *err)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
    ssize_t n = sendmsg(l->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return dm_fail_sys(err, errno, "pass a descriptor");
    *sent = (size_t)n;
    return 0;
}

int dm_lines_send(dm_lines *l, dm_str bytes, int pass_fd, dm_err *err)
{
    if (l->ended)
        return dm_fail(err, DM_E_UNAVAILABLE, "the stream has ended");
    size_t sent = 0;
    if (pass_fd >= 0) {
        if (l->out.len > 0)
            return dm_fail(err, DM_E_CONFLICT, "a descriptor cannot overtake what waits to be sent");
        int r = send_with_fd(l, bytes, pass_fd, &sent, err);
        if (r < 0)
            return r;
    }
    if (dm_buf_add(&l->out, bytes.p + sent, bytes.n - sent) < 0) {
        /* An append fails whole, so the queue still ends at a line's end; only part of a passed line breaks that. */
        int code = l->out.why;
        l->out.failed = false;
        return dm_fail(err, code, "more than %zu bytes wait to be sent", l->config.send_max);
    }
    int r = flush(l, err);
    return r < 0 ? r : rearm(l, err);
}

int dm_lines_new(dm_loop *loop, int fd, const dm_lines_config *config, dm_lines **out, dm_err *err)
{
    DM_AUTO(dm_lines) l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a stream");
    l->fd = -1;
    l->config = *config;
    l->loop = loop;
    l->left = config->burst;
    l->room = whole_room(l);
    dm_buf_init(&l->in, config->line_max + 1);
    dm_buf_init(&l->out, config->send_max);
    int r = dm_loop_timer(loop, on_window, l, &l->timer, err);
    if (r == 0)
        r = dm_loop_watch(loop, fd, EPOLLIN, on_ready, l, &l->watch, err);
    if (r < 0)
        return r;
    l->fd = fd;
    *out = dm_steal(&l);
    return 0;
}

void dm_lines_keep_fd(dm_lines *l)
{
    l->ended = true;
    dm_watch_free(l->watch);
    l->watch = NULL;
    dm_timer_clear(l->timer);
    l->fd = -1;
}

void dm_lines_free(dm_lines *l)
{
    if (l == NULL)
        return;
    if (l->gone != NULL)
        *l->gone = true;
    assert(l->left <= l->config.burst && (!l->ended || l->watch == NULL));
    dm_watch_free(l->watch);
    dm_timer_free(l->timer);
    dm_buf_done(&l->in);
    dm_buf_done(&l->out);
    if (l->fd >= 0)
        (void)close(l->fd);
    free(l);
}
