#include "workers/host/publish.h"

#include <assert.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/kafka.h"
#include "base/wire/frame.h"
#include "base/wire/period.h"
#include "base/wire/topic.h"

enum { DURABLE_MARGIN = 120 }; /* frames, or seconds */

static const int64_t look_us = 50 * 1000, back_off_us = 1000 * 1000;
/* A full journal refuses new sandboxes at once; what runs gets this long for room to come, and is then put to sleep:
 * nothing runs without evidence. */
static const int64_t full_us = 30 * 1000 * 1000;

/* The newest frame in a segment that was read to its end. */
typedef struct passed {
    uint64_t segment, boot, frame;
    int64_t second;
} passed;

struct dm_publish {
    dm_worker *w;
    dm_producer *producer;
    dm_watch *watch;
    dm_timer *look;
    dm_journal_pos next;                      /* the first record not produced */
    dm_journal_pos starts[DM_PUBLISHING_MAX]; /* where message tag % DM_PUBLISHING_MAX stands */
    bool done[DM_PUBLISHING_MAX];             /* confirmed, while an older one is not */
    uint64_t sent, confirmed;                 /* running numbers: produced; confirmed without a gap */
    uint32_t era;                             /* counts rewinds: answers of an older era mean nothing */
    dm_buf record;
    char key[24];
    passed passed[DM_PUBLISHED_MAX];
    size_t npassed;
    int64_t full_since;   /* 0: there is room */
    uint64_t boot, frame; /* of the last frame read */
    int64_t second;
};

/* tag = era in the upper, running number in the lower 40 bits */
static uint64_t tag_of(const dm_publish *p, uint64_t number)
{
    return ((uint64_t)p->era << 40) | (number & 0xffffffffff);
}

static void delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    dm_publish *p = arg;
    (void)offset;
    if (tag >> 40 != (p->era & 0xffffffu))
        return;
    if (ok) { /* two topics: answers of one may overtake the other's */
        uint64_t number = (p->confirmed & ~(uint64_t)0xffffffffff) | (tag & 0xffffffffff);
        p->done[number % DM_PUBLISHING_MAX] = true;
        while (p->confirmed < p->sent && p->done[p->confirmed % DM_PUBLISHING_MAX])
            p->done[p->confirmed++ % DM_PUBLISHING_MAX] = false;
        return;
    }
    DM_LOG(dm_worker_host(p->w)->log, DM_WARN, "publish.refused", dm_fu("segment", p->next.segment));
    p->next = p->starts[p->confirmed % DM_PUBLISHING_MAX];
    p->sent = p->confirmed;
    memset(p->done, 0, sizeof(p->done));
    p->era = (p->era + 1) & 0xffffffu;
    dm_timer_in(p->look, back_off_us);
}

static void note_segment(dm_publish *p, uint64_t segment)
{
    if (p->npassed > 0 && p->passed[p->npassed - 1].segment >= segment)
        return; /* what is behind it is being tried again */
    if (p->npassed == DM_PUBLISHED_MAX) {
        memmove(p->passed, p->passed + 1, (DM_PUBLISHED_MAX - 1) * sizeof(passed));
        p->npassed--;
    }
    assert(p->npassed < DM_PUBLISHED_MAX);
    p->passed[p->npassed++] = (passed){segment, p->boot, p->frame, p->second};
}

bool dm_publish_done_with(const dm_worker_mark *at, uint64_t boot, uint64_t frame, int64_t second)
{
    bool in = at->durable_boot > boot ? second + DURABLE_MARGIN <= at->last_second
                                      : at->durable_boot == boot && at->durable_frame >= frame + DURABLE_MARGIN;
    return in && (!at->enrolled || second < dm_period_start(at->last_second + 1, at->period_s));
}

static void trim(dm_publish *p)
{
    const dm_worker_mark *at = dm_worker_at(p->w);
    size_t n = 0;
    while (n < p->npassed && dm_publish_done_with(at, p->passed[n].boot, p->passed[n].frame, p->passed[n].second))
        n++;
    if (n == 0)
        return;
    dm_journal_drop_before(dm_worker_journal(p->w), p->passed[n - 1].segment + 1);
    memmove(p->passed, p->passed + n, (p->npassed - n) * sizeof(passed));
    p->npassed -= n;
}

/* 0, DM_KAFKA_FULL, or an error that ends this round. */
static int produce(dm_publish *p, dm_record type, dm_err *err)
{
    const char *topic = type == DM_RECORD_FRAME ? DM_TOPIC_USAGE : DM_TOPIC_ATTEST;
    return dm_produce(p->producer, topic, dm_str_c(p->key), dm_buf_view(&p->record), tag_of(p, p->sent), err);
}

static bool step(dm_publish *p)
{
    dm_journal_pos before = p->next;
    dm_record type;
    dm_err err = {0};
    int r = dm_journal_read(dm_worker_journal(p->w), &p->next, &type, &p->record, &err);
    if (p->next.segment != before.segment && before.segment != 0)
        note_segment(p, before.segment);
    if (r == DM_JOURNAL_END)
        return false;
    dm_frame_head head;
    const uint8_t *samples;
    if (r == 0 && type == DM_RECORD_FRAME) {
        r = dm_frame_open(dm_buf_view(&p->record), &head, &samples, &err);
        if (r == 0) {
            p->boot = head.worker_boot;
            p->frame = head.frame_no;
            p->second = head.second;
        }
    }
    if (r == 0 && (type == DM_RECORD_FRAME || type == DM_RECORD_ATTEST))
        r = produce(p, type, &err);
    else if (r == 0)
        return true;
    if (r == 0) {
        assert(p->sent - p->confirmed < DM_PUBLISHING_MAX && !p->done[p->sent % DM_PUBLISHING_MAX]);
        p->starts[p->sent % DM_PUBLISHING_MAX] = before;
        p->sent++;
        return true;
    }
    p->next = before;
    if (r < 0) {
        dm_log_err(dm_worker_host(p->w)->log, DM_ERROR, "publish.failed", &err);
        dm_timer_in(p->look, back_off_us);
    }
    return false;
}

static void guard_room(dm_publish *p)
{
    dm_worker *w = p->w;
    int64_t now = dm_mono_us(dm_worker_host(w)->clock);
    if (!dm_journal_full(dm_worker_journal(w))) {
        p->full_since = 0;
        return;
    }
    if (p->full_since == 0)
        p->full_since = now;
    if (now - p->full_since < full_us || dm_boxes_running(dm_worker_boxes(w)) == 0)
        return;
    DM_LOG(dm_worker_host(w)->log, DM_ERROR, "worker.no_room_for_evidence",
            dm_fu("running", dm_boxes_running(dm_worker_boxes(w))));
    dm_worker_sleep_all(w, DM_CAUSE_OPERATOR_DRAINED);
    p->full_since = now;
}

static void look(void *arg)
{
    dm_publish *p = arg;
    dm_timer_in(p->look, look_us);
    guard_room(p);
    dm_producer_poll(p->producer);
    if (p->key[0] == '\0' && dm_worker_at(p->w)->enrolled)
        (void)snprintf(p->key, sizeof(p->key), "%llu", (unsigned long long)dm_worker_at(p->w)->no.v);
    if (p->key[0] == '\0')
        return;
    while (p->sent - p->confirmed < DM_PUBLISHING_MAX && step(p))
        ;
    trim(p);
}

static void readable(void *arg, uint32_t events)
{
    dm_publish *p = arg;
    (void)events;
    dm_producer_poll(p->producer);
}

int dm_publish_new(dm_worker *w, dm_publish **out, dm_err *err)
{
    DM_AUTO(dm_publish) p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to publish");
    p->w = w;
    dm_buf_init(&p->record, DM_RECORD_BYTES_MAX + 1);
    dm_producer_config c = {
            .brokers = dm_worker_told(w)->brokers,
            .client_id = dm_worker_told(w)->name,
            .linger_ms = 20,
            .queue_max_bytes = 64 << 20,
            .log = dm_worker_host(w)->log,
            .delivered = delivered,
            .arg = p,
    };
    int r = dm_producer_new(&c, &p->producer, err);
    if (r == 0)
        r = dm_loop_watch(dm_worker_host(w)->loop, dm_producer_fd(p->producer), EPOLLIN, readable, p, &p->watch, err);
    if (r == 0)
        r = dm_loop_timer(dm_worker_host(w)->loop, look, p, &p->look, err);
    if (r < 0)
        return r;
    dm_timer_in(p->look, look_us);
    *out = dm_steal(&p);
    return 0;
}

void dm_publish_free(dm_publish *p)
{
    if (p == NULL)
        return;
    dm_timer_free(p->look);
    dm_watch_free(p->watch);
    dm_producer_free(p->producer);
    dm_buf_done(&p->record);
    free(p);
}
