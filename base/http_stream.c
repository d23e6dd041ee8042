#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/http_call.h"

/* libmicrohttpd asks for the next piece when the one before has left. Where there is none its connection is suspended
 * within that question, under the server's lock: whoever adds one takes the same lock, finds the connection asleep and
 * wakes it. So a stream that waits costs neither thread nor timer, and none of its words waits for another's. */

/* libmicrohttpd's own buffer for a piece, which it keeps and, where it chunks, does not use; and the most that is put
 * at once into the memory of a connection, which stays its own: what a large piece touched would be held for hours. */
enum { BLOCK = 64, PIECE = 2048 };

static http_call *call_of(dm_stream *s)
{
    void *p = (char *)s - offsetof(http_call, stream);

    return p;
}

/* With the lock. */
static bool is_there(const http_call *c)
{
    return (c->held & HELD_BY_CONN) != 0 && !c->stream.cut;
}

static void wake(http_call *c)
{
    struct MHD_Connection *conn = c->conn;

    c->conn = NULL;
    if (conn != NULL)
        MHD_resume_connection(conn);
}

static void emptied(dm_stream *s)
{
    dm_buf_done(&s->out); /* its memory too: most streams have nothing to say most of the time */
    dm_buf_init(&s->out, s->max);
    s->at = 0;
}

/* What is given for a piece is all that is left of its connection's memory, 64 KiB less a head, and libmicrohttpd has
 * written zeros over the half of it that it read the head into: 32 KiB which a stream would hold for hours. So its
 * whole pages go back to the kernel, once; those that are written to come again. */
static void give_back(char *to, size_t room)
{
    long page = sysconf(_SC_PAGESIZE);
    if (page <= 0)
        return;
    size_t size = (size_t)page, skip = (size - (uintptr_t)to % size) % size;
    if (room >= skip + size)
        (void)madvise(to + skip, (room - skip) / size * size, MADV_DONTNEED);
}

/* On the connection's thread. */
static ssize_t next_piece(void *arg, uint64_t pos, char *to, size_t room)
{
    http_call *c = arg;
    dm_stream *s = &c->stream;
    ssize_t got;

    if (pos == 0)
        give_back(to, room);
    (void)pthread_mutex_lock(&c->h->lock);
    size_t n = s->out.len - s->at;
    if (s->cut) {
        got = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n > 0) {
        n = n < PIECE ? n : PIECE;
        n = n < room ? n : room;
        memcpy(to, s->out.p + s->at, n);
        s->at += n;
        if (s->at == s->out.len)
            emptied(s);
        got = (ssize_t)n;
    } else if (s->ending || c->h->draining) {
        got = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        c->conn = s->conn;
        MHD_suspend_connection(s->conn);
        got = 0;
    }
    (void)pthread_mutex_unlock(&c->h->lock);
    return got;
}

struct MHD_Response *dm_http_stream_response(http_call *c, struct MHD_Connection *conn)
{
    (void)pthread_mutex_lock(&c->h->lock);
    c->stream.conn = conn;
    (void)pthread_mutex_unlock(&c->h->lock);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, next_piece, c, NULL);
}

int dm_http_stream(dm_exchange *x, size_t max, dm_stream **out, dm_err *err)
{
    http_call *c = (http_call *)x;
    dm_stream *s = &c->stream;
    dm_buf *said = &x->req.reply.body;

    dm_buf_init(&s->out, max);
    int r = dm_buf_str(&s->out, dm_buf_view(said));
    if (r < 0)
        return dm_fail(err, r, "a stream does not begin: its first bytes find no room");
    s->max = max;
    dm_exchange_answer(x, 0, NULL);
    (void)pthread_mutex_lock(&c->h->lock);
    s->on = true;
    if (c->conn != NULL) {
        c->phase = ANSWERED;
        wake(c);
    }
    (void)pthread_mutex_unlock(&c->h->lock);
    *out = s;
    return 0;
}

int dm_stream_add(dm_stream *s, dm_str bytes)
{
    http_call *c = call_of(s);
    int r = DM_STREAM_GONE;

    (void)pthread_mutex_lock(&c->h->lock);
    if (is_there(c) && !c->h->draining) {
        if (s->at > 0)
            dm_buf_eat(&s->out, s->at);
        s->at = 0;
        r = bytes.n > s->max - s->out.len || dm_buf_str(&s->out, bytes) < 0 ? DM_STREAM_FULL : 0;
        if (r == 0)
            wake(c);
    }
    (void)pthread_mutex_unlock(&c->h->lock);
    return r;
}

bool dm_stream_gone(dm_stream *s)
{
    http_call *c = call_of(s);

    (void)pthread_mutex_lock(&c->h->lock);
    bool gone =
            !is_there(c) || dm_req_gone(&c->x.req); /* its socket is open as long as its connection holds the call */
    (void)pthread_mutex_unlock(&c->h->lock);
    return gone;
}

/* Who does not read is not waited for: with its socket shut, libmicrohttpd lets it go. */
void dm_stream_end(dm_stream *s, bool now)
{
    if (s == NULL)
        return;
    http_call *c = call_of(s);
    (void)pthread_mutex_lock(&c->h->lock);
    s->ending = true;
    if (now && is_there(c)) {
        s->cut = true;
        (void)shutdown(c->x.fd, SHUT_RDWR);
    }
    wake(c);
    (void)pthread_mutex_unlock(&c->h->lock);
    dm_http_leave(c, HELD_BY_WORK);
}

void dm_http_end_streams(dm_http *h)
{
    for (http_call *c = h->calls; c != NULL; c = c->next)
        if (c->stream.on)
            wake(c);
}
