/* workers/host/box.h: one sandbox as its worker holds it: what was admitted, which state it is in, since when, and what
 * it stands on. A box is a value with a written form (the journal's BOX record); the state machine is a table, and
 * dm_box_next is the only way to a new state.
 *
 *     starting --handed_out--> running --pause--> pausing --slept--> asleep --wake--> waking --handed_out--> running
 *         |                     |  ^                 |                 ^                 |
 *         +-----kill, died------+  +--pause_failed---+                 +---wake_failed, unanswered
 *                               v
 *                             ended
 *
 * One that wakes is at first only loaded. That it will run is journalled before it does (woken_us); from the moment it
 * runs it is roused: its seconds are RUN, of the new epoch, whether or not its guest ever answers.
 *
 * A new one is nobody's while it runs and is not claimed (base/wire/worker.h): no second of it counts. One that is to
 * sleep is claimed first, so that what sleeps, and what wakes, is somebody's.
 */
#ifndef DM_WORKERS_HOST_BOX_H
#define DM_WORKERS_HOST_BOX_H

#include "base/crypto.h"
#include "base/wire/cause.h"
#include "base/wire/id.h"
#include "base/wire/worker.h"

#include "workers/host/evidence/usage.h"
#include "workers/host/machine/machine.h"
#include "workers/host/machine/pool.h"
#include "workers/host/said.h"

typedef enum dm_box_state {
    DM_BOX_STARTING,
    DM_BOX_RUNNING,
    DM_BOX_PAUSING,
    DM_BOX_ASLEEP,
    DM_BOX_WAKING,
    DM_BOX_ENDED,
    DM_BOX_STATES
} dm_box_state;

typedef enum dm_box_event {
    DM_BOX_HANDED_OUT,
    DM_BOX_PAUSE,
    DM_BOX_SLEPT,
    DM_BOX_PAUSE_FAILED,
    DM_BOX_WAKE,
    DM_BOX_WAKE_FAILED,
    DM_BOX_UNANSWERED,
    DM_BOX_END, /* by call, by timeout, by the VMM's death, by a failed start: the cause says */
    DM_BOX_EVENTS
} dm_box_event;

typedef struct dm_box_row {
    dm_box_state from;
    dm_box_event event;
    dm_box_state to;
    const char *why;
} dm_box_row;

extern const dm_box_row dm_box_table[];
extern const size_t dm_box_rows;

const char *dm_box_state_name(dm_box_state s);
/* NULL: that event cannot happen in that state. */
const dm_box_row *dm_box_next(dm_box_state from, dm_box_event event);

struct dm_worker;
typedef struct dm_box dm_box;
typedef struct dm_copy dm_copy; /* copy.c */

/* Somebody who waits for the end of what is under way on a box. */
typedef struct dm_box_waiter {
    struct dm_box_waiter *next;
    void (*fn)(struct dm_box_waiter *w, dm_box *b, int r, const dm_err *err);
} dm_box_waiter;

/* What is shown of one that runs; shown.h. Times are usage time, 0: never. */
typedef struct dm_shown {
    int64_t second; /* measured; 0: none */
    int64_t cpu_used_us, mem_private_mib;
    int64_t looked_us; /* somebody did */
    int64_t asked_us, told_us;
    bool asking;
    int64_t mem_used_mib, mem_total_mib, mem_cache_mib, disk_used_mib, disk_total_mib; /* as its guest told */
} dm_shown;

struct dm_box {
    struct dm_worker *w;
    dm_sandbox_id id;
    dm_sandbox_name name;
    dm_box_state state;
    dm_wk_admit admit; /* of the newest epoch it was admitted with */
    int64_t epoch;     /* that may run; the journalled one */
    int64_t over; /* it begins none of these epochs any more (dm_worker_look). Not journalled: an order that was on its
                     way to this process ends with it */
    int64_t started_us; /* last hand-out */
    int64_t woken_us;   /* of one that wakes: it is told to run from this moment on; 0: not yet */
    int64_t slept_us, ended_us;
    int64_t slept_epoch; /* in which it last fell asleep, and slept on; 0: never */
    int64_t end_us;      /* when its time is up */
    int64_t late_us;     /* its time was up while its worker was away: what is being put to sleep counts as asleep since
                            this moment; 0: as it is */
    bool pause_on_timeout;
    bool pooled;
    bool claimed;      /* somebody has been given it */
    int64_t counted_s; /* the last second that was counted of its project's lease (lease.h) */
    int64_t net_base;  /* of one that is nobody's: bytes that had ever reached its slot when it was handed out; or -1 */
    uint32_t noting;   /* transitions on their way to the disk: nobody is told of the newest before it is there */
    dm_cause cause;    /* why it sleeps or ended */
    char detail[128];
    int32_t slot;        /* of its machine, or -1 */
    char base[96];       /* folder name of the template snapshot, or checkpoint, its memory stands on; boxes.h */
    dm_digest previous;  /* hash of its last attestation */
    int64_t image_epoch; /* the epoch whose image is kept; 0: none */
    int64_t image_mib;

    dm_machine *machine;
    dm_pool_ticket *ticket;
    dm_stretch *stretch;
    dm_timer *deadline;
    struct { /* of one that is roused: what a wake that fails comes back to */
        int64_t epoch, started_us;
        uint32_t disk_16mib;
    } before;
    dm_guest_resume resume; /* borrowed from admit while a hand-out is under way */
    dm_cause pause_cause;
    dm_copy *copies; /* that are made of it; the first is under way */
    struct {         /* it is to sleep when they are done */
        bool wanted;
        dm_cause cause;
        int64_t room_mib;
    } sleep;
    dm_box_waiter *waiting;                          /* for the hand-out, the sleep or the end that is under way */
    uint64_t cpu_us_seen, net_in_seen, net_out_seen; /* for the difference a second makes */
    uint32_t disk_16mib;                             /* as last measured; a sleeper's does not change */
    struct {                                         /* idle.h */
        int64_t since_s; /* the last second in which it had something to do; 0: not known yet */
        dm_box *next;    /* in the line of those that are to sleep when this second is framed */
    } idle;
    dm_said said;
    dm_shown shown;
    dm_box *next_unclaimed, **link_unclaimed; /* boxes.h has the list */
};

/* Why it ended, or is about to, and what happened. What is nobody's could not be started for anybody, whatever happened
 * to it. */
void dm_box_ends_for(dm_box *b, dm_cause cause, const char *detail);
/* When it ends or sleeps unless something comes before: when its time is up, or nobody's has waited for long enough. */
int64_t dm_box_due_us(const dm_box *b);

/* It runs, and no second of it counts. */
static inline bool dm_box_nobodys(const dm_box *b)
{
    return b->state == DM_BOX_RUNNING && !b->claimed;
}

/* It wakes, its VM runs, and its guest has not answered yet. */
static inline bool dm_box_roused(const dm_box *b)
{
    return b->state == DM_BOX_WAKING && b->epoch == b->admit.epoch;
}

/* STARTING, without a slot; NULL without memory. */
dm_box *dm_box_new(struct dm_worker *w, dm_err *err);
void dm_box_free(dm_box *b); /* whoever had its machine, ticket and stretch has let them go */

/* The written form. It has neither token nor env of the admission. */
void dm_box_write(const dm_box *b, dm_jw *w);
/* Fills the values of a fresh box; admit is its own. Live parts stay NULL. */
int dm_box_read(const json_t *obj, dm_box *b, dm_err *err) DM_NODISCARD;

#endif
