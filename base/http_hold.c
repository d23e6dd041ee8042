/* How long a request and its server are there: who lets go last frees. */
#include <assert.h>

#include "base/http_call.h"

/* The last reference is gone, and each call had one: none is left in a list or a queue. */
static void destroy(dm_http *h)
{
    assert(h->refs == 0 && h->calls == NULL && h->first == NULL);
    assert(h->mhd == NULL && h->line == NULL && h->watch == NULL && !h->accepting);
    assert(atomic_load(&h->body_bytes) == 0);
    dm_fd_closep(&h->wake_fd);
    dm_fd_closep(&h->stop_fd);
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_cond_destroy(&h->idle);
    free(h);
}

void dm_http_unref(dm_http *h)
{
    (void)pthread_mutex_lock(&h->lock);
    bool last = --h->refs == 0;
    (void)pthread_mutex_unlock(&h->lock);
    if (last)
        destroy(h);
}

void dm_http_leave(http_call *c, unsigned holder)
{
    dm_http *h = c->h;
    bool last_ref = false;

    (void)pthread_mutex_lock(&h->lock);
    c->held &= ~holder;
    bool last = c->held == 0;
    if (holder == HELD_BY_CONN) {
        c->conn = NULL;
        if (c->prev != NULL)
            c->prev->next = c->next;
        else
            h->calls = c->next;
        if (c->next != NULL)
            c->next->prev = c->prev;
        if (h->calls == NULL)
            (void)pthread_cond_broadcast(&h->idle);
    }
    if (last) {
        (void)atomic_fetch_sub(&h->body_bytes, c->body.len);
        last_ref = --h->refs == 0; /* unless it is ours to destroy, h may be gone after the unlock */
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (!last)
        return;
    dm_buf_done(&c->body);
    dm_buf_done(&c->stream.out);
    if (c->opened)
        dm_exchange_close(&c->x);
    free(c->target);
    free(c);
    if (last_ref)
        destroy(h);
}
