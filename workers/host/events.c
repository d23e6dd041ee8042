#include "workers/host/events.h"

#include <assert.h>

/* Any event that can be read can be written again: 1024 bytes of words are six times as many where each is escaped. */
enum { EVENT_BYTES_MAX = 16 << 10 };

typedef struct held {
    dm_wk_event e; /* first, so that one leads to the other */
    struct held *next;
} held;

struct dm_events {
    held *first, **last;
    uint32_t n;
    uint64_t seq, taken;
    int64_t replayed; /* seq of the last one that replay met */
};

static void hold(dm_events *e, held *h)
{
    *e->last = h;
    e->last = &h->next;
    e->n++;
}

static void held_free(held *h)
{
    dm_wk_event_done(&h->e);
    free(h);
}

static void drop_first(dm_events *e)
{
    held *h = e->first;
    assert(h != NULL && e->n > 0);
    e->first = h->next;
    if (e->first == NULL)
        e->last = &e->first;
    e->n--;
    held_free(h);
}

/* They are held in order of seq. */
static void forget_taken(dm_events *e)
{
    while (e->first != NULL && (uint64_t)e->first->e.seq <= e->taken)
        drop_first(e);
}

int dm_events_new(dm_events **out, dm_err *err)
{
    dm_events *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for events");
    e->last = &e->first;
    *out = e;
    return 0;
}

void dm_events_free(dm_events *e)
{
    if (e == NULL)
        return;
    while (e->first != NULL)
        drop_first(e);
    assert(e->n == 0 && e->last == &e->first);
    free(e);
}

static void journal_one(const held *h, dm_journal *j)
{
    DM_AUTO_BUF text;
    dm_jw jw;
    dm_buf_init(&text, EVENT_BYTES_MAX);
    dm_jw_init(&jw, &text);
    dm_wk_event_write(&jw, &h->e);
    dm_journal_add_buf(j, DM_RECORD_EVENT, &text, NULL);
}

static int made_of(const dm_box *b, uint64_t seq, int64_t at_us, held **out, dm_err *err)
{
    held *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an event");
    h->e = (dm_wk_event){
            .seq = (int64_t)seq,
            .sandbox = dm_str_dup(dm_str_c(b->name.s)),
            .epoch = b->epoch,
            .state = dm_str_dup(b->state == DM_BOX_ASLEEP ? DM_STR("asleep") : DM_STR("ended")),
            .cause = dm_str_dup(dm_str_c(dm_cause_get(b->cause)->name)),
            .detail = dm_str_dup(dm_str_c(b->detail)),
            .at_us = at_us,
            .image_mib = b->state == DM_BOX_ASLEEP ? b->image_mib : 0,
    };
    if (h->e.sandbox == NULL || h->e.state == NULL || h->e.cause == NULL || h->e.detail == NULL) {
        held_free(h);
        return dm_fail(err, DM_E_NOMEM, "no memory for an event's words");
    }
    *out = h;
    return 0;
}

void dm_events_add(dm_events *e, dm_journal *j, const dm_box *b, int64_t at_us)
{
    held *h = NULL;
    dm_err err = {0};
    assert(b->state == DM_BOX_ASLEEP || b->state == DM_BOX_ENDED);
    if (made_of(b, e->seq + 1, at_us, &h, &err) < 0) {
        dm_journal_cannot(j, &err);
        return;
    }
    e->seq++;
    journal_one(h, j);
    hold(e, h);
}

void dm_events_acked(dm_events *e, dm_journal *j, uint64_t seq)
{
    if (seq <= e->taken || seq > e->seq)
        return;
    e->taken = seq;
    forget_taken(e);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 8);
    (void)dm_buf_le64(&b, seq);
    dm_journal_add_buf(j, DM_RECORD_ACKED, &b, NULL);
}

const dm_wk_event *dm_events_after(const dm_events *e, const dm_wk_event *at)
{
    const held *h = at != NULL ? ((const held *)at)->next : e->first;
    return h != NULL ? &h->e : NULL;
}

uint32_t dm_events_held(const dm_events *e)
{
    return e->n;
}

uint64_t dm_events_seq(const dm_events *e)
{
    return e->seq;
}

uint64_t dm_events_taken(const dm_events *e)
{
    return e->taken;
}

void dm_events_journal(const dm_events *e, dm_journal *j)
{
    for (const held *h = e->first; h != NULL; h = h->next)
        journal_one(h, j);
}

/* --- replay ------------------------------------------------------------------------------------------------- */

int dm_events_replay(dm_events *e, const json_t *obj, dm_err *err)
{
    held *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an event");
    int r = dm_wk_event_read(obj, &h->e, err);
    if (r < 0) {
        free(h);
        return r;
    }
    if (h->e.seq <= e->replayed) { /* a snapshot tells again what stands before it or behind it */
        held_free(h);
        return 0;
    }
    e->replayed = h->e.seq;
    dm_events_replay_seq(e, (uint64_t)h->e.seq);
    hold(e, h);
    return 0;
}

void dm_events_replay_seq(dm_events *e, uint64_t seq)
{
    e->seq = seq > e->seq ? seq : e->seq;
}

void dm_events_replay_acked(dm_events *e, uint64_t seq)
{
    e->taken = seq;
}

void dm_events_replayed(dm_events *e)
{
    forget_taken(e);
}
