#include "workers/host/publish.h"

#include <assert.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/kafka.h"
#include "base/point.h"
#include "base/wire/frame.h"
#include "base/wire/period.h"
#include "base/wire/topic.h"

#include "workers/host/dead.h"

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

static const uint64_t note_tag = UINT64_MAX; /* of a line for the dead letters' topic */

static const dm_metric dead_letters = {"dm_worker_dead_letters_total", DM_COUNTER, "topic",
        "records that the broker refused for good; they are files of the data folder"};
static const dm_metric stands_still = {"dm_worker_publish_stands_still", DM_GAUGE, NULL,
        "1 while a topic takes nothing of ours, or there is no room for dead letters"};

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
    uint64_t under_way;                       /* produced and not reported, of any era */
    uint64_t alone_until;                     /* up to this number messages go one by one */
    dm_dead *dead;                            /* being written, or NULL; then nothing is produced */
    dm_journal_pos dead_at, dead_next;        /* where it stands, and what follows it */
    const char *dead_topic;
    char dead_why[160];
    bool still; /* said in the log: nothing goes on, for what is not the broker's absence */
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

static const char *topic_of(dm_record type)
{
    return type == DM_RECORD_FRAME ? DM_TOPIC_USAGE : DM_TOPIC_ATTEST;
}

/* Whatever is not confirmed is produced again, from the journal. */
static void rewind_to(dm_publish *p, dm_journal_pos at)
{
    p->next = at;
    p->sent = p->confirmed;
    memset(p->done, 0, sizeof(p->done));
    p->era = (p->era + 1) & 0xffffffu;
}

static void stand_still(dm_publish *p, const char *event, const char *topic, const char *why)
{
    if (!p->still)
        DM_LOG(dm_worker_host(p->w)->log, DM_ERROR, event, dm_fs("topic", topic), dm_fs("why", why));
    p->still = true;
    dm_metric_set(dm_worker_host(p->w)->metrics, &stands_still, NULL, 1);
}

static void goes_on(dm_publish *p)
{
    if (p->still)
        dm_metric_set(dm_worker_host(p->w)->metrics, &stands_still, NULL, 0);
    p->still = false;
}

/* --- dead letters ------------------------------------------------------------------------------------------- */

/* For whoever watches the topic. If the broker does not take it either, the file is there all the same. */
static void tell_topic(dm_publish *p, const char *file, const char *why)
{
    DM_AUTO_BUF text;
    dm_jw jw;
    dm_buf_init(&text, 4096);
    dm_jw_init(&jw, &text);
    dm_jw_obj(&jw);
    dm_jw_kc(&jw, "detail", why);
    dm_jw_kc(&jw, "file", file);
    dm_jw_kc(&jw, "reason", "refused_by_broker");
    dm_jw_kc(&jw, "topic", p->dead_topic);
    dm_jw_ku64(&jw, "worker_no", dm_worker_at(p->w)->no.v);
    dm_jw_end(&jw);
    dm_err err = {0};
    int r = dm_buf_ok(&text, &err);
    if (r == 0)
        r = dm_produce(p->producer, DM_TOPIC_DLQ, dm_str_c(p->key), dm_buf_view(&text), note_tag, &err);
    if (r < 0)
        dm_log_err(dm_worker_host(p->w)->log, DM_WARN, "publish.dead_letter_untold", &err);
}

/* The file is durable, or could not be made: then the record is tried again, since nothing may be skipped that is not
 * kept. */
static void buried(void *arg, int r, const char *name, const dm_err *err)
{
    dm_publish *p = arg;
    const dm_host *h = dm_worker_host(p->w);
    p->dead = NULL;
    if (r < 0) {
        stand_still(p, "publish.no_dead_letter", p->dead_topic, err->msg);
        rewind_to(p, p->dead_at);
        dm_timer_in(p->look, back_off_us);
        return;
    }
    goes_on(p);
    DM_LOG(h->log, DM_ERROR, "publish.dead_letter", dm_fs("topic", p->dead_topic), dm_fs("file", name),
            dm_fs("why", p->dead_why));
    dm_metric_add(h->metrics, &dead_letters, p->dead_topic, 1);
    tell_topic(p, name, p->dead_why);
    p->confirmed = p->sent;
    rewind_to(p, p->dead_next);
    dm_timer_in(p->look, 0);
}

/* The record at this place is refused for good; what stands before it is confirmed. */
static void bury(dm_publish *p, dm_journal_pos at, const char *why)
{
    dm_record type;
    dm_err err = {0};
    assert(p->dead == NULL);
    p->dead_at = p->dead_next = at;
    (void)snprintf(p->dead_why, sizeof(p->dead_why), "%s", why);
    int r = dm_journal_read(dm_worker_journal(p->w), &p->dead_next, &type, &p->record, &err);
    if (r == 0) {
        p->dead_topic = topic_of(type);
        r = dm_dead_write(
                dm_worker_host(p->w), p->dead_next.segment, type, dm_buf_view(&p->record), buried, p, &p->dead, &err);
    }
    if (r == 0)
        return;
    if (r < 0)
        dm_log_err(dm_worker_host(p->w)->log, DM_ERROR, "publish.failed", &err);
    rewind_to(p, at);
    dm_timer_in(p->look, back_off_us);
}

/* --- what the broker says ----------------------------------------------------------------------------------- */

static void confirm(dm_publish *p, uint64_t tag)
{
    uint64_t number = (p->confirmed & ~(uint64_t)0xffffffffff) | (tag & 0xffffffffff);
    p->done[number % DM_PUBLISHING_MAX] = true; /* two topics: answers of one may overtake the other's */
    while (p->confirmed < p->sent && p->done[p->confirmed % DM_PUBLISHING_MAX])
        p->done[p->confirmed++ % DM_PUBLISHING_MAX] = false;
    goes_on(p);
    if (p->confirmed < p->alone_until)
        dm_timer_in(p->look, 0);
    DM_POINT(PUBLISH_CONFIRMED);
}

static void delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    dm_publish *p = arg;
    if (tag == note_tag)
        return;
    assert(p->under_way > 0);
    p->under_way--;
    if (tag >> 40 != (p->era & 0xffffffu))
        return;
    if (ok) {
        confirm(p, tag);
        return;
    }
    const char *why = dm_producer_why(p->producer);
    dm_journal_pos at = p->starts[p->confirmed % DM_PUBLISHING_MAX];
    if (offset == DM_KAFKA_REFUSED && p->confirmed < p->alone_until) { /* it was alone: it is meant */
        bury(p, at, why);
        return;
    }
    if (offset == DM_KAFKA_CLOSED)
        stand_still(p, "publish.topic_closed", "", why);
    else
        DM_LOG(dm_worker_host(p->w)->log, DM_WARN, "publish.again", dm_fu("segment", at.segment), dm_fs("why", why));
    /* A request is refused as one, whichever of its messages was meant: each is asked about by itself. */
    if (offset == DM_KAFKA_REFUSED)
        p->alone_until = p->sent;
    rewind_to(p, at);
    DM_POINT(PUBLISH_REWOUND);
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

/* Of the record in p->record: 0, DM_KAFKA_FULL, DM_E_LIMIT or DM_E_PROTO for what no broker could ever take or no
 * meter read, or an error that ends this round. */
static int produce(dm_publish *p, dm_record type, dm_err *err)
{
    dm_frame_head head;
    const uint8_t *samples;
    if (type == DM_RECORD_FRAME) {
        if (dm_frame_open(dm_buf_view(&p->record), &head, &samples, err) < 0)
            return DM_E_PROTO;
        p->boot = head.worker_boot;
        p->frame = head.frame_no;
        p->second = head.second;
    }
    return dm_produce(p->producer, topic_of(type), dm_str_c(p->key), dm_buf_view(&p->record), tag_of(p, p->sent), err);
}

/* One record further; false: not now. */
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
    if (r == 0 && type != DM_RECORD_FRAME && type != DM_RECORD_ATTEST)
        return true;
    bool whole = r == 0;
    if (whole)
        r = produce(p, type, &err);
    if (r == 0) {
        assert(p->sent - p->confirmed < DM_PUBLISHING_MAX && !p->done[p->sent % DM_PUBLISHING_MAX]);
        p->starts[p->sent % DM_PUBLISHING_MAX] = before;
        p->sent++;
        p->under_way++;
        DM_POINT(PUBLISH_PRODUCED);
        return true;
    }
    p->next = before;
    if (whole && (r == DM_E_LIMIT || r == DM_E_PROTO)) {
        if (p->sent == p->confirmed) /* else when what stands before it is there */
            bury(p, before, err.msg);
    } else if (whole && (r == DM_E_DENIED || r == DM_E_NOTFOUND)) {
        stand_still(p, "publish.topic_closed", topic_of(type), err.msg);
        dm_timer_in(p->look, back_off_us);
    } else if (r < 0) {
        dm_log_err(dm_worker_host(p->w)->log, DM_ERROR, "publish.failed", &err);
        dm_timer_in(p->look, back_off_us);
    }
    return false;
}

/* How many messages may be on their way. Who is to be alone waits until nothing else is, of an older era either. */
static uint64_t window(const dm_publish *p)
{
    if (p->dead != NULL)
        return 0;
    if (p->confirmed >= p->alone_until)
        return DM_PUBLISHING_MAX;
    return p->under_way > 0 ? 0 : 1;
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
    while (p->sent - p->confirmed < window(p) && step(p))
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
    const dm_worker_config *told = dm_worker_told(w);
    dm_producer_config c = {
            .brokers = told->brokers,
            .client_id = told->name,
            .login = {told->kafka_user, told->kafka_password_file, told->kafka_ca_file},
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
    dm_dead_forget(p->dead);
    dm_watch_free(p->watch);
    dm_producer_free(p->producer); /* says what it could not do, which sets the timer */
    dm_timer_free(p->look);
    dm_buf_done(&p->record);
    free(p);
}
