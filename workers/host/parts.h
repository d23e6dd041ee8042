/* workers/host/parts.h: what the files of a worker share: worker.c, start.c, life.c, drain.c, seconds.c and recover.c.
 * Nobody else includes it, but for tests that look inside. */
#ifndef DM_WORKERS_HOST_PARTS_H
#define DM_WORKERS_HOST_PARTS_H

#include <limits.h>

#include "workers/host/clock.h"
#include "workers/host/lease.h"
#include "workers/host/life.h"
#include "workers/store/store.h"

/* What comes of copies (copy.h) and of seconds, for whoever stands above them: life.c. */
typedef struct dm_copy_ends {
    void (*lost)(dm_worker *w, dm_box *b, const dm_vm_event *how); /* its VM, in one */
    void (*over)(dm_worker *w, dm_box *b);                         /* none is made any more */
    void (*idle)(dm_worker *w); /* a second is framed: who is in line sleeps (idle.h) */
} dm_copy_ends;
extern const dm_copy_ends dm_life_copy_ends;

struct dm_worker {
    const dm_worker_config *conf;
    dm_host *h;
    dm_worker_mark at;
    dm_usage_clock time;
    dm_boxes *boxes;
    dm_leases *leases; /* outlives the boxes, which are counted in it */
    dm_events *events; /* the API has not acknowledged them */
    dm_journal *journal;
    dm_usage *usage; /* NULL before it was ever enrolled */
    dm_pools *pools;
    dm_store *store; /* checkpoints */
    const dm_copy_ends *copy_ends;
    dm_sign_key *key;
    dm_mac *seal; /* frames are sealed with it; NULL: the API has given no key yet, and none is made */
    uint8_t frame_key[DM_KEY];
    dm_timer *tick;       /* each second, */
    int64_t tick_due;     /* at this moment of usage time; 0: as soon as can be */
    char kernel_boot[40]; /* the host's own boot id: a VM does not outlive it */
    dm_box *idle;         /* those that are to sleep when this second is framed; idle.h */
    uint32_t asked;       /* guests, in this second, for what is shown of them */
    bool draining, leaving, stopping, written_off;
    uint32_t adopting; /* answers outstanding: seconds stand still until all are in */
};

int64_t dm_worker_now_us(const dm_worker *w); /* usage time */

/* worker.c: enrolled, as that says. */
void dm_worker_is(dm_worker *w, const dm_wk_enrolled *e);
/* The journal. call may be NULL; else it runs when the record is durable. */
void dm_worker_journal_box(dm_worker *w, dm_box *b, dm_call *call);
void dm_worker_journal_claim(dm_worker *w, const dm_box *b, dm_call *call); /* that alone: the rest of b was told */
void dm_worker_journal_enrolled(dm_worker *w);
void dm_worker_snapshot(void *arg, dm_journal *j);           /* dm_journal_config.snapshot */
void dm_worker_journal_broken(void *arg, const dm_err *err); /* dm_journal_config.broken */

/* seconds.c: evidence. */
int dm_seconds_usage(dm_worker *w, dm_err *err) DM_NODISCARD; /* makes w->usage, once the period is known */
int dm_seconds_start(dm_worker *w, dm_err *err) DM_NODISCARD; /* the first second is this one, if there was none */
int dm_seconds_attest(dm_worker *w, int64_t period_start, dm_err *err) DM_NODISCARD;
/* A stretch of b's begins. It does so, or the worker ends. */
void dm_seconds_begin(dm_worker *w, dm_box *b, dm_sample_state state, int64_t at_us);
/* The last moment b is proven to have been there, in the last second there is a frame of: that was told, so that
 * nothing ends before it. */
int64_t dm_seconds_proven_us(const dm_worker *w, const dm_box *b);
/* b is about to be handed out, and will be nobody's: what reaches its slot from here on is traffic. */
void dm_seconds_watch(dm_box *b);
/* b is nobody's. Whether somebody has reached it by its network: whoever does has been given it, and it is claimed. */
bool dm_seconds_reached(dm_worker *w, dm_box *b);

/* life.c: for boxes of a dead worker. */
int dm_life_adopt(dm_box *b, dm_machine_done_fn done, dm_err *err) DM_NODISCARD; /* done's arg is b */
/* Its machine runs: the door finds it, and its time runs out. */
void dm_life_goes_on(dm_box *b);
void dm_life_end(dm_worker *w, dm_box *b, dm_cause cause, const char *detail, int64_t at_us);
/* A roused box sleeps again, in the image it was woken from, since this moment; what it ran before that is billed. */
void dm_life_woke_not(dm_worker *w, dm_box *b, dm_cause cause, int64_t at_us);
/* A box that is written down as running fell asleep at this moment: its image is whole. */
void dm_life_slept_before(dm_worker *w, dm_box *b, int64_t at_us);

/* recover.c: replays the journal, and takes stock of what is left of the dead worker. */
int dm_worker_recover(dm_worker *w, dm_err *err) DM_NODISCARD;

#endif
