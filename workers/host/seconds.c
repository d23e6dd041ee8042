/* The life of a second. When it has ended, its samples become a frame, the frame a journal record, and later a message
 * (publish.c). When it was the last of a period, every (sandbox, epoch) of the period is attested. Seconds follow each
 * other without a gap, also over a crash: what the dead worker did not frame is framed by the next one from the
 * transitions it finds.
 *
 * A new sandbox has no seconds before it is claimed. The claim comes right behind the answer to its start, and the
 * second may end in between: then its frame waits for the claim, a second at most after the sandbox was handed out. The
 * record of a claim stands in the journal before the first frame that it makes a difference to. */
#include <limits.h>
#include <stdio.h>

#include "base/point.h"
#include "base/wire/frame.h"
#include "base/wire/period.h"

#include "workers/host/idle.h"
#include "workers/host/parts.h"
#include "workers/host/shown.h"

/* A frame is made this long after its second ended, so that what happened in it has been noted. */
static const int64_t settle_us = 20 * 1000;
static const int64_t claim_wait_us = 1000 * 1000, claim_pace_us = 20 * 1000;
enum {
    CATCH_UP_MAX = 600, /* seconds framed in one go, so that the loop is not held up for long */
    /* Bytes: a host that asks for a slot's address and is asked for its own has sent 84, a connection is more. Guests
     * say nothing on the network before somebody has told them to, and their agent hears of us by another way. */
    CONVERSATION = 128
};

static uint32_t clamp32(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t more(uint64_t now, uint64_t seen)
{
    return now > seen ? now - seen : 0;
}

static void measure(void *arg, void *owner, dm_sample *out)
{
    dm_box *b = owner;
    dm_worker *w = arg;
    dm_machine_stats s;
    out->disk_16mib = b->disk_16mib;
    if (b->machine == NULL || (b->state == DM_BOX_WAKING && !dm_box_roused(b)) ||
            dm_machine_stats_now(b->machine, &s, NULL) < 0)
        return;
    out->disk_16mib = b->disk_16mib = s.disk_16mib;
    out->cpu_used_us = s.cpu_us > b->cpu_us_seen ? clamp32(s.cpu_us - b->cpu_us_seen) : 0;
    out->mem_private_mib = clamp32(s.private_kib / 1024);
    out->mem_shared_mib = clamp32(s.shared_kib / 1024);
    const uint64_t in = more(s.net_in, b->net_in_seen), sent = more(s.net_out, b->net_out_seen);
    out->net_in_kib = clamp32(in / 1024);
    out->net_out_kib = clamp32(sent / 1024);
    b->cpu_us_seen = s.cpu_us;
    b->net_in_seen = s.net_in;
    b->net_out_seen = s.net_out;
    dm_shown_second(b, out, w->at.last_second + 1);
    dm_idle_second(b, out, in + sent, w->at.last_second + 1);
}

static void previous(void *arg, const dm_sandbox_id *sandbox, dm_digest *out)
{
    const dm_worker *w = arg;
    const dm_box *b = dm_boxes_find(w->boxes, sandbox);
    *out = b != NULL ? b->previous : (dm_digest){0};
}

int dm_seconds_usage(dm_worker *w, dm_err *err)
{
    dm_usage_config c = {.period_s = w->at.period_s, .measure = measure, .previous = previous, .arg = w};
    return dm_usage_new(&c, &w->usage, err);
}

void dm_seconds_begin(dm_worker *w, dm_box *b, dm_sample_state state, int64_t at_us)
{
    dm_usage_who who = {
            .sandbox = b->id,
            .epoch = (uint32_t)b->epoch,
            .project = {b->admit.project_no},
            .spec_table = (uint16_t)b->admit.spec_table,
            .spec = (uint16_t)b->admit.spec,
            .region_no = (uint16_t)b->admit.region_no,
    };
    b->cpu_us_seen = b->net_in_seen = b->net_out_seen = 0;
    b->stretch = dm_usage_begin(w->usage, &who, state, at_us, b);
    if (b->stretch == NULL)
        abort(); /* without memory for evidence nothing may run: the supervisor starts us again, VMs live on */
}

int64_t dm_seconds_proven_us(const dm_worker *w, const dm_box *b)
{
    int64_t at = (w->at.last_second + 1) * 1000000 - 1;
    return at > b->started_us ? at : b->started_us + 1;
}

/* --- claims ------------------------------------------------------------------------------------------------- */

void dm_seconds_watch(dm_box *b)
{
    dm_machine_stats s;
    b->net_base = dm_machine_stats_now(b->machine, &s, NULL) == 0 ? (int64_t)s.net_in : -1;
}

void dm_worker_claim(dm_worker *w, dm_box *b, dm_call *call)
{
    if (dm_box_nobodys(b)) {
        int64_t open_us = (w->at.last_second + 1) * 1000000;
        dm_boxes_claim(w->boxes, b);
        dm_seconds_begin(w, b, DM_SAMPLE_RUN, open_us > b->started_us ? open_us : b->started_us);
        dm_worker_journal_claim(w, b, call);
    } else if (call != NULL) {
        dm_worker_journal_claim(w, b, call);
    }
}

bool dm_seconds_reached(dm_worker *w, dm_box *b)
{
    dm_machine_stats s;
    if (b->machine == NULL || dm_machine_stats_now(b->machine, &s, NULL) < 0)
        return false;
    if (b->net_base < 0)
        b->net_base = (int64_t)s.net_in;
    if ((int64_t)s.net_in - b->net_base <= CONVERSATION)
        return false;
    dm_worker_claim(w, b, NULL);
    return true;
}

static void claim_what_is_reached(dm_worker *w)
{
    for (dm_box *b = dm_boxes_unclaimed(w->boxes), *next; b != NULL; b = next) {
        next = b->next_unclaimed;
        (void)dm_seconds_reached(w, b);
    }
}

/* The claim of one that ran in the next second to be framed may be on its way. */
static bool awaits_claim(const dm_worker *w)
{
    int64_t now = dm_worker_now_us(w), second = w->at.last_second + 1;
    for (const dm_box *b = dm_boxes_unclaimed(w->boxes); b != NULL; b = b->next_unclaimed) {
        if (dm_second_of(b->started_us) <= second && now - b->started_us < claim_wait_us)
            return true;
    }
    return false;
}

/* --- attesting ---------------------------------------------------------------------------------------------- */

static int emit(void *arg, const dm_attest *a, dm_str message, const dm_digest *hash, dm_err *err)
{
    dm_worker *w = arg;
    (void)err;
    dm_journal_add(w->journal, DM_RECORD_ATTEST, message, NULL);
    DM_POINT(OATH_ADDED);
    if (a != NULL) {
        dm_box *b = dm_boxes_find(w->boxes, &a->sandbox);
        if (b != NULL)
            b->previous = *hash;
    }
    return 0;
}

/* An ended box is kept until its last second is attested and whoever waits for its end is told; then nothing is owed to
 * it. */
static void forget_ended(dm_worker *w, int64_t period_end)
{
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        if (b->state == DM_BOX_ENDED && b->noting == 0 && dm_second_of(b->ended_us - 1) < period_end) {
            dm_journal_add(w->journal, DM_RECORD_GONE, dm_str_c(b->name.s), NULL);
            dm_boxes_drop(w->boxes, b);
        }
    }
}

int dm_seconds_attest(dm_worker *w, int64_t start, dm_err *err)
{
    int r = dm_usage_attest(w->usage, start, w->at.no, w->at.boot, w->key, emit, w, err);
    if (r < 0)
        return r;
    forget_ended(w, start + w->at.period_s);
    return 0;
}

/* --- frames ------------------------------------------------------------------------------------------------- */

static int journal_frame(
        dm_worker *w, int64_t second, const dm_sample *samples, uint32_t n, int64_t complete_through, dm_err *err)
{
    uint32_t parts = n == 0 ? 1 : (n + DM_FRAME_SAMPLES - 1) / DM_FRAME_SAMPLES;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    for (uint32_t part = 0; part < parts; part++) {
        uint32_t from = part * DM_FRAME_SAMPLES;
        dm_frame_head head = {
                .key_no = dm_frame_key_no(w->at.frame_key),
                .worker_no = w->at.no.v,
                .worker_boot = w->at.boot,
                .frame_no = w->at.frame_no,
                .prev_boot_last_frame = w->at.prev_boot_last_frame,
                .second = second,
                .complete_through = complete_through,
                .part = (uint16_t)part,
                .parts = (uint16_t)parts,
                .clock_err_us = w->time.err_us,
                .n = n - from > DM_FRAME_SAMPLES ? DM_FRAME_SAMPLES : n - from,
        };
        dm_buf_reset(&b);
        int r = dm_frame_write(&b, &head, samples != NULL ? samples + from : NULL, w->seal, err);
        if (r < 0)
            return r;
        dm_journal_add_buf(w->journal, DM_RECORD_FRAME, &b, NULL);
        DM_POINT(FRAME_ADDED);
    }
    return 0;
}

static int frame_second(dm_worker *w, int64_t second, dm_err *err)
{
    const dm_sample *samples;
    uint32_t n;
    int64_t complete_through;
    w->asked = 0;
    w->idle = NULL; /* of a second that could not be framed: who was in its line may be gone */
    int r = dm_usage_second(w->usage, second, w->at.frame_no + 1, &samples, &n, &complete_through, err);
    if (r < 0)
        return r;
    w->at.frame_no++;
    r = journal_frame(w, second, samples, n, complete_through, err);
    if (r < 0)
        return r;
    w->at.last_second = second;
    dm_leases_count(w, second, samples, n);
    w->copy_ends->idle(w);
    DM_POINT(FRAME_COUNTED);
    if (dm_period_begins(second + 1, w->at.period_s))
        r = dm_seconds_attest(w, second + 1 - w->at.period_s, err);
    return r;
}

static void arm(dm_worker *w)
{
    int64_t now = dm_worker_now_us(w);
    int64_t next = (dm_second_of(now - settle_us) + 1) * 1000000 + settle_us;
    w->tick_due = next;
    dm_timer_in(w->tick, next - now);
}

/* What holds up the loop shows here. */
static void note_late(dm_worker *w)
{
    static const dm_metric late = {"dm_worker_tick_late_seconds", DM_HISTOGRAM, NULL,
            "how late a second's evidence was begun, after the moment it was due"};
    int64_t by = dm_worker_now_us(w) - w->tick_due;
    if (w->tick_due > 0)
        dm_metric_time(w->h->metrics, &late, NULL, by > 0 ? by : 0);
    w->tick_due = 0;
}

/* The last one that can be framed. */
static int64_t ended_second(const dm_worker *w)
{
    return dm_second_of(dm_worker_now_us(w) - settle_us) - 1;
}

/* Without a key to seal with, which a worker has that was ever given one, every second waits; and so it does until
 * there is a clock to date it by. */
static bool held(const dm_worker *w)
{
    return !dm_usage_clock_sure(&w->time) ||
           (w->at.last_second < ended_second(w) && (w->seal == NULL || awaits_claim(w)));
}

static void tick(void *arg)
{
    dm_worker *w = arg;
    dm_err err = {0};
    note_late(w);
    if (held(w)) {
        dm_leases_tick(w);
        dm_timer_in(w->tick, claim_pace_us);
        return;
    }
    dm_usage_clock_lean(&w->time, w->h->log);
    claim_what_is_reached(w);
    for (int i = 0; !held(w) && w->at.last_second < ended_second(w) && i < CATCH_UP_MAX; i++) {
        if (frame_second(w, w->at.last_second + 1, &err) < 0) {
            /* Without evidence nothing may run. The journal has what is true; VMs live on and are adopted. */
            dm_log_err(w->h->log, DM_ERROR, "worker.no_evidence", &err);
            abort();
        }
    }
    dm_leases_tick(w);
    if (w->at.last_second < ended_second(w))
        dm_timer_in(w->tick, held(w) ? claim_pace_us : 1000);
    else
        arm(w);
}

int dm_seconds_start(dm_worker *w, dm_err *err)
{
    if (w->tick == NULL) {
        int r = dm_loop_timer(w->h->loop, tick, w, &w->tick, err);
        if (r < 0)
            return r;
    }
    if (w->at.last_second == 0)
        w->at.last_second = dm_second_of(dm_worker_now_us(w)) - 1;
    dm_timer_in(w->tick, 1000);
    return 0;
}
