/* The way out of a connection: its queue, and how it comes to its next turn. */
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "workers/guest/http/conn_parts.h"

enum {
    FLUSH_MAX = 4 * 1024 * 1024, /* bytes for one connection in one turn */
    SENDFILE_MAX = 1024 * 1024,
};

/* --- the next turn ------------------------------------------------------------------------------------------ */

void dm_conn_post(dm_conn *c)
{
    if (c->posted)
        return;
    c->posted = true;
    dm_loop_post(c->s->loop, &c->call);
}

void dm_conn_later(dm_conn *c)
{
    if (!c->in_turn)
        dm_conn_post(c);
}

void dm_conn_break(dm_conn *c)
{
    c->broken = c->reset = true;
    dm_conn_later(c);
}

void dm_conn_update_events(dm_conn *c)
{
    if (c->state == ST_DEAD)
        return;
    uint32_t want = c->fin ? 0 : EPOLLRDHUP;
    bool reading =
            c->state == ST_HEAD || c->state == ST_DRAIN || c->state == ST_LINGER || (c->state == ST_BODY && !c->x.held);
    if (reading && !c->eof)
        want |= EPOLLIN;
    if (c->first != NULL)
        want |= EPOLLOUT;
    if (want == c->events)
        return;
    if (dm_watch_set(c->watch, want, NULL) == 0)
        c->events = want;
    else
        c->broken = true;
}

/* --- the queue ---------------------------------------------------------------------------------------------- */

static void seg_free(dm_conn *c, dm_seg *g)
{
    size_t left = g->fd < 0 ? g->b.len - g->at : 0;
    assert(g->at <= g->b.len && left <= c->queued);
    c->queued -= left;
    dm_buf_done(&g->b);
    free(g);
}

void dm_conn_drop_queue(dm_conn *c)
{
    while (c->first != NULL) {
        dm_seg *g = c->first;
        c->first = g->next;
        seg_free(c, g);
    }
    c->last = NULL;
    assert(c->queued == 0);
}

static dm_seg *seg_add(dm_conn *c)
{
    dm_seg *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        dm_conn_break(c);
        return NULL;
    }
    g->fd = -1;
    dm_buf_init(&g->b, DM_X_BODY_MAX + DM_X_HIGH);
    if (c->last != NULL)
        c->last->next = g;
    else
        c->first = g;
    c->last = g;
    return g;
}

void dm_conn_put(dm_conn *c, dm_str bytes)
{
    if (c->broken || bytes.n == 0)
        return;
    dm_seg *g = c->last != NULL && c->last->fd < 0 ? c->last : seg_add(c);
    if (g == NULL)
        return;
    if (dm_buf_str(&g->b, bytes) != 0) {
        dm_conn_break(c);
        return;
    }
    c->queued += bytes.n;
}

void dm_conn_put_take(dm_conn *c, dm_buf *bytes)
{
    dm_seg *g = seg_add(c);
    if (g == NULL)
        return;
    c->queued += bytes->len;
    g->b = *bytes;
    dm_buf_init(bytes, bytes->cap);
}

void dm_conn_put_file(dm_conn *c, int fd, off_t from, uint64_t length)
{
    if (length == 0 || c->broken)
        return;
    dm_seg *g = seg_add(c);
    if (g == NULL)
        return;
    g->fd = fd;
    g->from = from;
    g->left = length;
}

/* 1: all of it is out, 0: more later, -1: broken. */
static int seg_send(dm_conn *c, dm_seg *g, size_t *sent)
{
    if (g->fd >= 0) {
        size_t want = g->left < SENDFILE_MAX ? (size_t)g->left : SENDFILE_MAX;
        ssize_t n = want == 0 ? 0 : sendfile(c->fd, g->fd, &g->from, want);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (n == 0 && g->left > 0)
            return -1; /* the file has shrunk: what was promised cannot come */
        g->left -= (uint64_t)n;
        *sent += (size_t)n;
        return g->left == 0;
    }
    size_t want = g->b.len - g->at;
    ssize_t n = send(c->fd, g->b.p + g->at, want, MSG_NOSIGNAL | (g->next != NULL ? MSG_MORE : 0));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    g->at += (size_t)n;
    c->queued -= (size_t)n;
    *sent += (size_t)n;
    return (size_t)n == want;
}

void dm_conn_flush(dm_conn *c)
{
    size_t sent = 0;
    while (c->first != NULL && !c->broken && sent < FLUSH_MAX) {
        dm_seg *g = c->first;
        size_t before = sent;
        int r = seg_send(c, g, &sent);
        if (r < 0) {
            dm_conn_break(c);
            return;
        }
        if (r == 0) {
            if (sent == before)
                break;
            continue;
        }
        c->first = g->next;
        if (c->first == NULL)
            c->last = NULL;
        seg_free(c, g);
    }
    if (c->in_turn)
        return;
    dm_conn_update_events(c);
    if (c->x.want_room && c->queued <= DM_X_HIGH / 2)
        dm_conn_later(c);
}
