#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/spec.h"

#include "workers/host/parts.h"

/* --- its parts ---------------------------------------------------------------------------------------------- */

const dm_worker_mark *dm_worker_at(const dm_worker *w)
{
    return &w->at;
}

const dm_worker_config *dm_worker_told(const dm_worker *w)
{
    return w->conf;
}

dm_host *dm_worker_host(const dm_worker *w)
{
    return w->h;
}

dm_boxes *dm_worker_boxes(const dm_worker *w)
{
    return w->boxes;
}

dm_events *dm_worker_events(const dm_worker *w)
{
    return w->events;
}

dm_journal *dm_worker_journal(const dm_worker *w)
{
    return w->journal;
}

dm_pools *dm_worker_pools(const dm_worker *w)
{
    return w->pools;
}

dm_store *dm_worker_store(const dm_worker *w)
{
    return w->store;
}

const dm_sign_key *dm_worker_key(const dm_worker *w)
{
    return w->key;
}

void dm_worker_durable(dm_worker *w, uint64_t boot, uint64_t frame)
{
    if (boot < w->at.durable_boot || (boot == w->at.durable_boot && frame <= w->at.durable_frame))
        return;
    w->at.durable_boot = boot;
    w->at.durable_frame = frame;
}

int64_t dm_worker_now_us(const dm_worker *w)
{
    return dm_usage_clock_now(&w->time);
}

void dm_worker_is(dm_worker *w, const dm_wk_enrolled *e)
{
    w->at.enrolled = true;
    w->at.no = (dm_worker_no){(uint64_t)e->worker_no};
    w->at.region_no = e->region_no;
    w->at.period_s = (uint32_t)e->period_s;
}

/* --- the journal -------------------------------------------------------------------------------------------- */

void dm_worker_journal_box(dm_worker *w, dm_box *b, dm_call *call)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, DM_RECORD_BYTES_MAX);
    dm_jw jw;
    dm_jw_init(&jw, &text);
    dm_box_write(b, &jw);
    dm_journal_add_buf(w->journal, DM_RECORD_BOX, &text, call);
}

void dm_worker_journal_claim(dm_worker *w, const dm_box *b, dm_call *call)
{
    dm_journal_add(w->journal, DM_RECORD_CLAIM, dm_str_c(b->name.s), call);
}

static void add_json(dm_worker *w, dm_record type, void (*write)(dm_worker *w, dm_jw *jw))
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 16);
    dm_jw jw;
    dm_jw_init(&jw, &text);
    write(w, &jw);
    dm_journal_add_buf(w->journal, type, &text, NULL);
}

static void write_boot(dm_worker *w, dm_jw *jw)
{
    dm_jw_obj(jw);
    dm_jw_ku64(jw, "boot", w->at.boot);
    dm_jw_ku64(jw, "prev_boot_last_frame", w->at.prev_boot_last_frame);
    dm_jw_ku64(jw, "frame_no", w->at.frame_no);
    dm_jw_ki64(jw, "last_second", w->at.last_second);
    dm_jw_ku64(jw, "event_seq", dm_events_seq(w->events));
    dm_jw_kc(jw, "kernel_boot", w->kernel_boot);
    if (dm_usage_clock_sure(&w->time)) {
        dm_jw_ki64(jw, "usage_us", dm_worker_now_us(w));
        dm_jw_ki64(jw, "mono_us", dm_mono_us(w->h->clock));
    }
    dm_jw_end(jw);
}

static void write_enrolled(dm_worker *w, dm_jw *jw)
{
    const dm_wk_enrolled me = {
            .worker_no = (int64_t)w->at.no.v, .region_no = w->at.region_no, .period_s = w->at.period_s};
    dm_wk_enrolled_write(jw, &me);
}

static void add_two(dm_worker *w, dm_record type, uint64_t a, uint64_t b, bool both)
{
    DM_AUTO_BUF bytes;
    dm_buf_init(&bytes, 16);
    (void)dm_buf_le64(&bytes, a);
    if (both)
        (void)dm_buf_le64(&bytes, b);
    dm_journal_add_buf(w->journal, type, &bytes, NULL);
}

/* All that recovery needs, at the head of each segment. */
void dm_worker_snapshot(void *arg, dm_journal *j)
{
    dm_worker *w = arg;
    w->journal = j; /* the first snapshot comes before dm_worker_new has it */
    add_json(w, DM_RECORD_BOOT, write_boot);
    if (w->at.enrolled)
        add_json(w, DM_RECORD_ENROLLED, write_enrolled);
    add_two(w, DM_RECORD_ACKED, dm_events_taken(w->events), 0, false);
    add_two(w, DM_RECORD_DURABLE, w->at.durable_boot, w->at.durable_frame, true);
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        if (b->state != DM_BOX_STARTING)
            dm_worker_journal_box(w, b, NULL);
    }
    dm_events_journal(w->events, j);
}

void dm_worker_journal_broken(void *arg, const dm_err *err)
{
    dm_worker *w = arg;
    dm_log_err(w->h->log, DM_ERROR, "journal.broken", err);
    abort(); /* nobody knows what is on the disk: replay tells */
}

/* --- refusing ----------------------------------------------------------------------------------------------- */

bool dm_worker_refusing(const dm_worker *w, const char **why)
{
    *why = NULL;
    if (!w->at.enrolled)
        *why = "the API has not enrolled it yet";
    else if (w->written_off)
        *why = "it was written off";
    else if (w->draining || w->stopping)
        *why = "it is being drained";
    else if (dm_journal_full(w->journal))
        *why = "there is no room for evidence";
    else if (dm_host_short_of_memory(w->h))
        *why = "its memory is needed as a reserve";
    else if (dm_host_short_of_disk(w->h))
        *why = "its disk is needed as a reserve";
    return *why != NULL;
}

uint64_t dm_worker_mem_free_mib(const dm_worker *w)
{
    uint64_t most = dm_host_mem_to_give_mib(w->h), given = dm_boxes_mem_mib(w->boxes);
    return most > given ? most - given : 0;
}

void dm_worker_journal_enrolled(dm_worker *w)
{
    add_json(w, DM_RECORD_ENROLLED, write_enrolled);
    add_json(w, DM_RECORD_BOOT, write_boot); /* since when seconds are owed */
}

void dm_worker_flush(dm_worker *w)
{
    dm_err err = {0};
    w->stopping = true;
    if (w->tick != NULL) /* else it was never enrolled */
        dm_timer_clear(w->tick);
    for (int i = 0; i < 100 && !dm_journal_quiet(w->journal); i++) {
        if (dm_loop_once(w->h->loop, 100 * 1000, &err) < 0)
            return;
    }
}
