/* workers/host/worker.h: the worker: every sandbox of this host, and the rules by which one starts, sleeps, wakes and
 * ends. One thread, the loop's, owns all of it; what may be asked of one sandbox is in life.h.
 *
 * What may be told to anybody is durable first: a transition is journalled, then the door's live file is made or
 * removed, then the one who waits is answered. Evidence follows transitions: usage.h makes a frame of each second that
 * has ended, which is journalled and then published. */
#ifndef DM_WORKERS_HOST_WORKER_H
#define DM_WORKERS_HOST_WORKER_H

#include "base/wire/number.h"

#include "workers/host/boxes.h"
#include "workers/host/config.h"
#include "workers/host/events.h"

typedef struct dm_worker dm_worker;

/* Who this worker is, and how far its evidence has come. */
typedef struct dm_worker_mark {
    bool enrolled; /* ever: then the next three are known, also without the API */
    dm_worker_no no;
    int64_t region_no;
    uint32_t period_s; /* accounting period */
    uint64_t boot, prev_boot_last_frame;
    uint64_t frame_no;                    /* the last one made in this boot */
    int64_t last_second;                  /* framed; 0 before the first */
    uint64_t frame_key;                   /* dm_frame_key_print of what frames are sealed with; 0: no key yet */
    uint64_t durable_boot, durable_frame; /* the ledger has all frames up to this one */
} dm_worker_mark;

/* Replays the journal, begins a new boot, begins to adopt what lives and to end what does not. conf and h outlive the
 * worker. */
int dm_worker_new(const dm_worker_config *conf, dm_host *h, dm_worker **out, dm_err *err) DM_NODISCARD;
/* What was added to the journal is on the disk when it returns. The worker is not used afterwards; its VMs stay, and
 * the next worker adopts them. */
void dm_worker_flush(dm_worker *w);

/* False while machines of a dead worker are being adopted: orders wait for the end of that. */
bool dm_worker_took_stock(const dm_worker *w);
/* The API knows us: usage may begin (the first time), pools are filled. Its time is so far off by now, at most. */
void dm_worker_enrolled(dm_worker *w, const dm_wk_enrolled *e, int64_t within_us);
/* The ledger has frames up to here: older evidence may go. */
void dm_worker_durable(dm_worker *w, uint64_t boot, uint64_t frame);

/* Puts every running sandbox to sleep. */
void dm_worker_sleep_all(dm_worker *w, dm_cause cause);
/* The same with the cause operator_drained, lets the pools go, and takes nobody in. dm_worker_idle says when done. Who
 * was about to run meanwhile is met by the next time: it may be told again and again. */
void dm_worker_drain(dm_worker *w);
/* It takes sandboxes again, and pools fill: unless it leaves, or was written off. */
void dm_worker_undrain(dm_worker *w);
bool dm_worker_draining(const dm_worker *w);
/* Drains it for good: its host is about to stop. */
void dm_worker_leave(dm_worker *w);
bool dm_worker_idle(const dm_worker *w);
/* An operator wrote it off: what it had has ended, and nobody is billed for any of it any more. It puts all of it down,
 * frames no second more and takes nobody in. dm_worker_idle says when done. A second time is nothing. */
void dm_worker_put_down(dm_worker *w);
bool dm_worker_written_off(const dm_worker *w);
/* It takes no sandboxes now; *why says so in words, or is NULL. */
bool dm_worker_refusing(const dm_worker *w, const char **why);
/* The sum of sizes that it still takes. */
uint64_t dm_worker_mem_free_mib(const dm_worker *w);

/* Its parts: the worker's, and as long-lived as it. */
const dm_worker_mark *dm_worker_at(const dm_worker *w);
const dm_worker_config *dm_worker_told(const dm_worker *w);
dm_host *dm_worker_host(const dm_worker *w);
dm_boxes *dm_worker_boxes(const dm_worker *w);
dm_events *dm_worker_events(const dm_worker *w);
dm_journal *dm_worker_journal(const dm_worker *w);
dm_pools *dm_worker_pools(const dm_worker *w);
struct dm_store *dm_worker_store(const dm_worker *w);
const dm_sign_key *dm_worker_key(const dm_worker *w); /* attests */

#endif
