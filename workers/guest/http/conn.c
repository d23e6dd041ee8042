/* A connection is a small machine that is fed bytes. What it reads goes through its states as far as it can be used;
 * what cannot be used yet (half a head, a body its handler holds back, the next request while this one is answered) is
 * kept, and charged to the budget of all. An idle connection keeps nothing: there may be a thousand, in a small guest.
 * Reading stops where nothing could be done with the bytes, so that the peer is slowed by its own window.
 *
 * Turns. All that follows from something having happened is worked off in turn(). A handler writes from anywhere, also
 * in the middle of a walk over a process's listeners, so nothing that it calls may run another handler or take a
 * connection away: it queues, notes what is broken, and asks for a turn. For the same reason a closed connection is
 * only marked dead. It is freed in a last turn of its own, when nobody up the stack can hold it any more.
 *
 * The answer may be complete before the request is: a refused upload, a full disk. The rest of the body is then in the
 * way of the next request. Up to DRAIN_MAX of it is read and dropped, and the connection lives; else it is closed, and
 * the head of the answer has said so.
 *
 * Closing. Bytes that stand unread in a socket when it is closed make the kernel send a reset, which can overtake the
 * answer on its way and take it from the client. So our side is shut first, and what still comes is read for a while
 * (LINGER) before the descriptor goes. An answer that cannot be completed is broken off by a reset on purpose: a client
 * that waits for the connection's end must not take half a file for a whole one.
 *
 * Patience: a head takes HEAD_S at most, an idle connection lives IDLE_S, which is longer than the proxies in front
 * keep theirs, so that they close first and never send a request into our closing. A body has no limit: uploads are
 * slow. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/parse.h"

#include "workers/guest/http/conn_parts.h"

enum {
    DRAIN_MAX = DM_CONN_DRAIN_MAX,
    LINGER_MAX = 16 * 1024 * 1024, /* a closing peer's bytes we still take, so that no reset overtakes the answer */
    IN_MAX = DM_HEAD_MAX + 2 * DM_CONN_SCRATCH,
    HEAD_S = 60,
    IDLE_S = 650, /* proxies in front keep theirs for 610 to 640 s */
    LINGER_S = 5,
    SECOND_US = 1000000,
};

static void turn(dm_conn *c);

/* --- the budget --------------------------------------------------------------------------------------------- */

static bool charge(dm_server *s, size_t bytes)
{
    assert(s->held_bytes <= s->budget);
    if (bytes > s->budget - s->held_bytes)
        return false;
    s->held_bytes += bytes;
    return true;
}

bool dm_x_charge(dm_x *x, size_t bytes)
{
    if (!charge(dm_conn_of(x)->s, bytes))
        return false;
    x->charged += bytes;
    return true;
}

/* What an exchange or an input buffer held goes back to the budget. */
static void uncharge(dm_server *s, size_t bytes)
{
    assert(bytes <= s->held_bytes);
    s->held_bytes -= bytes;
}

void dm_x_uncharge(dm_x *x)
{
    uncharge(dm_conn_of(x)->s, x->charged);
    x->charged = 0;
}

/* --- life --------------------------------------------------------------------------------------------------- */

static void run_posted(void *arg)
{
    dm_conn *c = arg;
    c->posted = false;
    if (c->state != ST_DEAD) {
        turn(c);
        return;
    }
    assert(c->first == NULL && c->queued == 0 && c->x.charged == 0 && c->x.block == NULL && c->x.handler == NULL);
    free(c);
}

/* The end of an exchange, answered or not. */
static void exchange_over(dm_conn *c)
{
    dm_x *x = &c->x;
    if (x->handler != NULL && x->handler->gone != NULL) {
        const dm_handler *handler = x->handler;
        x->handler = NULL;
        handler->gone(x->h);
    }
    dm_conn_drop_queue(c);
    dm_head_done(&x->head);
    dm_buf_done(&x->fields);
    free(x->block);
    if (x->kept_fd >= 0)
        (void)close(x->kept_fd);
    uncharge(c->s, x->charged);
    *x = (dm_x){.kept_fd = -1};
    dm_buf_init(&x->fields, DM_CONN_FIELDS_MAX);
}

void dm_conn_close(dm_conn *c)
{
    if (c->state == ST_DEAD)
        return;
    if (c->reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    dm_watch_free(c->watch);
    dm_timer_free(c->timer);
    (void)close(c->fd);
    c->state = ST_DEAD;
    exchange_over(c);
    dm_buf_done(&c->in);
    dm_buf_done(&c->x.fields);
    uncharge(c->s, c->in_charged);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        c->s->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    assert(c->s->count > 0 && (c->s->count > 1 || c->s->conns == NULL));
    c->s->count--;
    c->s->left(c->s);
    dm_conn_post(c); /* frees it when nobody up the stack holds it any more */
}

static void set_timer(dm_conn *c, int64_t seconds)
{
    dm_timer_in(c->timer, seconds * SECOND_US);
}

static void on_timer(void *arg)
{
    dm_conn_close(arg);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

const dm_head *dm_x_head(const dm_x *x)
{
    return &x->head;
}

const char *dm_x_path(const dm_x *x)
{
    return x->path;
}

void dm_x_handle(dm_x *x, const dm_handler *handler, void *h)
{
    x->handler = handler;
    x->h = h;
}

void dm_x_hold(dm_x *x)
{
    x->held = true;
}

void dm_x_release(dm_x *x)
{
    if (!x->held)
        return;
    x->held = false;
    dm_conn_later(dm_conn_of(x));
}

/* A refusal before there is a request: plain text, and the end of the connection. */
static void refuse(dm_conn *c, int status, const char *why)
{
    char body[160];
    c->state = ST_ANSWER;
    c->x.body_over = true;
    c->x.close_after = true;
    int n = snprintf(body, sizeof(body), "%d %s: %s\n", status, dm_conn_reason(status), why);
    dm_x_field(&c->x, "Content-Type", "text/plain; charset=utf-8");
    if (status == 405)
        dm_x_field(&c->x, "Allow", "GET, POST");
    dm_x_reply(&c->x, status, (dm_str){body, (size_t)n});
}

static void decode_path(dm_x *x)
{
    dm_buf b;
    dm_buf_init(&b, DM_CONN_PATH_MAX - 1);
    if (dm_url_decode(&b, x->head.path, false, NULL) != 0 ||
            dm_str_to_array(dm_buf_view(&b), x->path, sizeof(x->path), NULL) != 0)
        x->path[0] = '\0';
    dm_buf_done(&b);
}

/* A whole head stands at the front of in. */
static void start_exchange(dm_conn *c, dm_str block)
{
    dm_x *x = &c->x;
    const char *why = "out of memory";
    dm_timer_clear(c->timer);
    c->head_seen = 0;
    x->body_over = true;
    x->block = dm_str_dup(block);
    int status = 500;
    if (x->block != NULL && dm_x_charge(x, block.n))
        status = dm_head_parse((dm_str){x->block, block.n}, &x->head, &why);
    c->state = ST_ANSWER;
    if (status != 0) {
        refuse(c, status, why);
        return;
    }
    if (x->head.body != DM_BODY_NONE) {
        x->body_over = false;
        x->body_left = x->head.length;
        c->state = ST_BODY;
    }
    decode_path(x);
    c->s->route(c->s->route_arg, x);
    if (x->head.expect && !x->begun) {
        dm_conn_put(c, DM_STR("HTTP/1.1 100 Continue\r\n\r\n"));
        x->head.expect = false; /* the rest of the body will come */
    }
    if (x->body_over && x->handler != NULL && x->handler->end != NULL)
        x->handler->end(x->h);
}

/* Uses a head off the front of *in; false when more bytes are needed or the connection is refused. */
static bool take_head(dm_conn *c, dm_str *in)
{
    while (in->n > 0 && c->head_seen == 0 && (in->p[0] == '\r' || in->p[0] == '\n'))
        *in = (dm_str){in->p + 1, in->n - 1}; /* blank lines before a request are customary */
    if (in->n == 0)
        return false;
    size_t len = dm_head_end(*in, &c->head_seen);
    if (len == 0 && in->n <= DM_HEAD_MAX)
        return false;
    if (len == 0 || len > DM_HEAD_MAX) {
        refuse(c, 431, "the header block is too large");
        *in = (dm_str){in->p + in->n, 0};
        return false;
    }
    dm_str block = {in->p, len};
    *in = (dm_str){in->p + len, in->n - len};
    start_exchange(c, block);
    return true;
}

static void body_complete(dm_conn *c)
{
    dm_x *x = &c->x;
    x->body_over = true;
    if (c->state == ST_BODY) {
        c->state = ST_ANSWER;
        if (x->handler != NULL && x->handler->end != NULL && !x->done)
            x->handler->end(x->h);
    }
}

/* Uses body bytes; false when it can go no further for now. */
static bool take_body(dm_conn *c, dm_str *in)
{
    dm_x *x = &c->x;
    dm_str piece = {NULL, 0};
    if (x->head.body == DM_BODY_CHUNKED) {
        int r = dm_chunked_next(&x->chunked_in, in, &piece);
        if (r < 0) {
            /* Where this request ends is now anyone's guess. */
            if (!x->begun)
                refuse(c, 400, "malformed chunked encoding");
            else
                c->broken = true;
            return false;
        }
        if (r == DM_CHUNKED_MORE)
            return false;
        if (r == DM_CHUNKED_END) {
            body_complete(c);
            return true;
        }
    } else {
        if (in->n == 0)
            return false;
        size_t n = in->n < x->body_left ? in->n : (size_t)x->body_left;
        piece = (dm_str){in->p, n};
        *in = (dm_str){in->p + n, in->n - n};
        x->body_left -= n;
    }
    if (c->state == ST_DRAIN || x->done)
        c->dropped += piece.n;
    else if (x->handler != NULL && x->handler->body != NULL)
        x->handler->body(x->h, piece);
    if (x->head.body == DM_BODY_LENGTH && x->body_left == 0)
        body_complete(c);
    return true;
}

/* Answer queued and out, body read: the connection starts over. */
static void next_exchange(dm_conn *c)
{
    exchange_over(c);
    c->state = ST_HEAD;
    c->dropped = 0;
    set_timer(c, c->in.len > 0 ? HEAD_S : IDLE_S);
}

/* What follows from an answer that is complete and out. True when the state changed. */
static bool settle(dm_conn *c)
{
    dm_x *x = &c->x;
    if ((c->state != ST_BODY && c->state != ST_ANSWER && c->state != ST_DRAIN) || !x->done || c->first != NULL)
        return false;
    if (x->close_after) {
        bool whole = x->body_over && c->in.len == 0;
        exchange_over(c);
        if (shutdown(c->fd, SHUT_WR) != 0 || c->eof) {
            dm_conn_close(c);
            return true;
        }
        /* Unread bytes in the socket would turn our close into a reset that may overtake the answer. */
        c->state = ST_LINGER;
        c->dropped = 0;
        set_timer(c, whole ? 1 : LINGER_S);
        return true;
    }
    if (x->body_over) {
        next_exchange(c);
        return true;
    }
    if (c->state != ST_DRAIN) {
        c->state = ST_DRAIN;
        set_timer(c, LINGER_S);
        return true;
    }
    return false;
}

/* Feeds bytes through the states as far as they go; what is left stays in *in. */
static void feed(dm_conn *c, dm_str *in)
{
    for (unsigned guard = 0; guard < 1u << 20 && !c->broken; guard++) {
        bool more;
        switch (c->state) {
        case ST_HEAD:
            more = take_head(c, in);
            break;
        case ST_BODY:
            more = !c->x.held && take_body(c, in);
            break;
        case ST_DRAIN:
            more = take_body(c, in);
            if (c->dropped > DRAIN_MAX)
                c->broken = true;
            break;
        case ST_LINGER:
            c->dropped += in->n;
            *in = (dm_str){in->p + in->n, 0};
            c->broken = c->dropped > LINGER_MAX;
            return;
        case ST_ANSWER:
        case ST_DEAD:
        default:
            more = false;
            break;
        }
        dm_conn_flush(c);
        if (settle(c))
            more = c->state != ST_DEAD && c->state != ST_LINGER;
        if (!more)
            return;
    }
}

/* Keeps what could not be used yet. */
static void keep_rest(dm_conn *c, dm_str rest)
{
    if (rest.n == 0 || c->broken || c->state == ST_DEAD)
        return;
    if (!charge(c->s, rest.n)) {
        if (c->state == ST_HEAD)
            refuse(c, 503, "too much is being held in memory");
        c->broken = c->state != ST_HEAD;
        return;
    }
    c->in_charged += rest.n;
    if (dm_buf_str(&c->in, rest) != 0)
        c->broken = true;
}

static void feed_kept(dm_conn *c)
{
    if (c->in.len == 0)
        return;
    dm_str rest = dm_buf_view(&c->in);
    feed(c, &rest);
    if (c->state == ST_DEAD)
        return;
    assert(rest.n <= c->in.len && c->in.len <= c->in_charged);
    size_t used = c->in.len - rest.n;
    dm_buf_eat(&c->in, used);
    uncharge(c->s, used);
    c->in_charged -= used;
    if (c->in.len == 0)
        dm_buf_done(&c->in); /* an idle connection holds nothing */
}

static bool wants_input(const dm_conn *c)
{
    return !c->broken && !c->eof && c->state != ST_ANSWER && c->state != ST_DEAD && !(c->state == ST_BODY && c->x.held);
}

static void read_some(dm_conn *c)
{
    for (unsigned i = 0; i < 4 && wants_input(c); i++) {
        ssize_t n = recv(c->fd, c->s->scratch, DM_CONN_SCRATCH, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            c->broken = true;
            return;
        }
        if (n == 0) {
            c->eof = c->fin = true;
            return;
        }
        c->s->active_us = dm_mono_us(dm_loop_clock(c->s->loop));
        dm_str fresh = {c->s->scratch, (size_t)n};
        bool idle = c->state == ST_HEAD && c->in.len == 0;
        if (c->in.len > 0) {
            keep_rest(c, fresh);
            feed_kept(c);
        } else {
            feed(c, &fresh);
            keep_rest(c, fresh);
        }
        if (idle && c->state == ST_HEAD && c->in.len > 0)
            set_timer(c, HEAD_S);
        if ((size_t)n < DM_CONN_SCRATCH)
            return;
    }
}

/* A peer that has shut its side. A stream has nobody to speak to any more; a plain answer may still be awaited. */
static void handle_fin(dm_conn *c)
{
    bool answering = c->state == ST_ANSWER;
    if (answering ? c->x.streaming || !c->x.begun : c->eof)
        c->broken = true;
}

static void turn(dm_conn *c)
{
    c->in_turn = true;
    feed_kept(c);
    if (c->state != ST_DEAD)
        dm_conn_flush(c);
    while (c->state != ST_DEAD && settle(c))
        feed_kept(c);
    if (c->state != ST_DEAD && c->fin)
        handle_fin(c);
    if (c->state != ST_DEAD && !c->broken && c->x.want_room && c->queued <= DM_X_HIGH / 2) {
        c->x.want_room = false;
        if (c->x.handler != NULL && c->x.handler->room != NULL && !c->x.done)
            c->x.handler->room(c->x.h);
    }
    c->in_turn = false;
    dm_conn_update_events(c);
    if (c->broken)
        dm_conn_close(c);
}

static void on_ready(void *arg, uint32_t events)
{
    dm_conn *c = arg;
    c->in_turn = true;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        c->broken = true;
    if ((events & EPOLLIN) != 0)
        read_some(c);
    if ((events & EPOLLRDHUP) != 0)
        c->fin = true;
    turn(c);
}

/* --- a new one ---------------------------------------------------------------------------------------------- */

int dm_conn_new(dm_server *s, int fd)
{
    dm_conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -1;
    c->s = s;
    c->fd = fd;
    c->generation = s->generation;
    c->x.kept_fd = -1;
    c->call = (dm_call){.fn = run_posted, .arg = c};
    c->events = EPOLLIN | EPOLLRDHUP;
    dm_buf_init(&c->in, IN_MAX);
    dm_buf_init(&c->x.fields, DM_CONN_FIELDS_MAX);
    if (dm_loop_timer(s->loop, on_timer, c, &c->timer, NULL) != 0 ||
            dm_loop_watch(s->loop, fd, c->events, on_ready, c, &c->watch, NULL) != 0) {
        dm_timer_free(c->timer);
        free(c);
        return -1;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    c->next = s->conns;
    if (s->conns != NULL)
        s->conns->prev = c;
    s->conns = c;
    s->count++;
    set_timer(c, HEAD_S);
    on_ready(c, EPOLLIN); /* the request is usually there already */
    return 0;
}
