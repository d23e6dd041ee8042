/* workers/host/worker.h: the worker: every sandbox of this host, and the rules by which one starts, sleeps, wakes and
 * ends. One thread, the loop's, owns all of it.
 *
 * What may be told to anybody is durable first: a transition is journalled, then the door's live file is made or
 * removed, then the one who waits is answered. Evidence follows transitions: usage.h makes a frame of each second that
 * has ended, which is journalled and then published. */
#ifndef DM_WORKERS_HOST_WORKER_H
#define DM_WORKERS_HOST_WORKER_H

#include "workers/host/boxes.h"
#include "workers/host/clock.h"
#include "workers/host/config.h"
#include "workers/host/events.h"

typedef struct dm_worker {
    const dm_worker_config *conf;
    dm_host *h;
    dm_boxes *boxes;
    dm_events *events; /* the API has not acknowledged them */
    dm_journal *journal;
    dm_usage *usage;
    dm_pools *pools;
    struct dm_dials *dials;
    dm_sign_key *key;
    char kernel_boot[40]; /* the host's own boot id: a VM does not outlive it */

    bool enrolled; /* ever: then the rest is known, also without the API */
    dm_wk_enrolled me;
    uint64_t boot, prev_boot_last_frame, frame_no;
    int64_t last_second; /* framed; 0 before the first */
    dm_usage_clock time;
    dm_timer *tick;
    bool draining, stopping;
    uint32_t adopting; /* answers outstanding: seconds stand still until all are in */

    uint64_t durable_boot, durable_frame;
} dm_worker;

/* Replays the journal, begins a new boot, begins to adopt what lives and to end what does not. conf and h outlive the
 * worker. */
int dm_worker_new(const dm_worker_config *conf, dm_host *h, dm_worker **out, dm_err *err) DM_NODISCARD;
/* What was added to the journal is on the disk when it returns. The worker is not used afterwards; its VMs stay, and
 * the next worker adopts them. */
void dm_worker_flush(dm_worker *w);

/* False while machines of a dead worker are being adopted: orders wait for the end of that. */
bool dm_worker_took_stock(const dm_worker *w);

/* The API knows us: usage may begin (the first time), pools are filled. */
void dm_worker_enrolled(dm_worker *w, const dm_wk_enrolled *e);

/* --- orders (the loop's thread; waiter->fn runs when it is done and durable, also at once) ------------------ */

/* Both take over *admit (it is empty afterwards). Positive outcomes: */
enum { DM_ORDER_STALE = 1 }; /* an epoch older than what is here */
int dm_worker_start(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_resume(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_pause(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_kill(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_deadline(dm_worker *w, dm_box *b, const dm_wk_deadline *d, dm_err *err) DM_NODISCARD;

dm_box *dm_worker_find(dm_worker *w, const dm_sandbox_id *id);
/* Puts every running sandbox to sleep. */
void dm_worker_sleep_all(dm_worker *w, dm_cause cause);
/* The same for good (cause operator_drained) and lets the pools go. dm_worker_idle says when done. */
void dm_worker_drain(dm_worker *w);
bool dm_worker_idle(const dm_worker *w);
bool dm_worker_refusing(const dm_worker *w, const char **why);

/* Usage time. */
int64_t dm_worker_now_us(const dm_worker *w);

/* The ledger has frames up to here: older evidence may go. */
void dm_worker_durable(dm_worker *w, uint64_t boot, uint64_t frame);

/* --- between the files of the worker ------------------------------------------------------------------------ */

void dm_worker_journal_enrolled(dm_worker *w);
void dm_worker_journal_box(dm_worker *w, dm_box *b, dm_call *call);
void dm_box_run_stretch(dm_worker *w, dm_box *b, dm_sample_state state, int64_t at_us);
int dm_parse_previous(const char *hex, dm_digest *out, dm_err *err) DM_NODISCARD; /* "" : zero */
int dm_box_machine_config(dm_worker *w, const dm_box *b, dm_machine_config *out, char *template_dir,
        dm_err *err) DM_NODISCARD; /* template_dir of PATH_MAX */
void dm_box_own_machine(dm_box *b);
int dm_box_live_file(const dm_box *b, bool make, dm_err *err) DM_NODISCARD;
void dm_box_arm(dm_box *b); /* its deadline's timer */
int dm_worker_recover(dm_worker *w, dm_err *err) DM_NODISCARD;
int dm_worker_attest_period(dm_worker *w, int64_t start, dm_err *err) DM_NODISCARD;
int dm_worker_seconds_start(dm_worker *w, dm_err *err) DM_NODISCARD;
void dm_worker_end_box(dm_worker *w, dm_box *b, dm_cause cause, const char *detail, int64_t at_us);
/* A box that is written down as running fell asleep at this moment: its image is whole. */
void dm_worker_slept_before(dm_worker *w, dm_box *b, int64_t at_us);
int dm_usage_of_worker(dm_worker *w, dm_err *err) DM_NODISCARD;
void dm_worker_snapshot(void *arg, dm_journal *j);           /* dm_journal_config.snapshot */
void dm_worker_journal_broken(void *arg, const dm_err *err); /* dm_journal_config.broken */

#endif
