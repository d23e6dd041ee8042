/* api/life/dispatch.h: orders to workers, as base/wire/worker.h says. A worker that cannot be reached is tried again
 * for a while, since nothing can have reached it and its daemon may just be coming back. Orders are idempotent by
 * sandbox, epoch and verb. Blocks: for the orders' threads alone. Thread-safe. */
#ifndef DM_API_LIFE_DISPATCH_H
#define DM_API_LIFE_DISPATCH_H

#include "base/clock.h"
#include "base/wire/cause.h"
#include "base/wire/id.h"
#include "base/wire/number.h"
#include "base/wire/worker.h"

#include "api/limits.h"

enum { DM_DISPATCH_REFUSED = 1 };

typedef struct dm_dispatch dm_dispatch;

typedef struct dm_dispatch_config {
    const char *socket;   /* of the worker; with {no} in it, of each worker its own */
    unsigned connections; /* to one of them */
    unsigned timeout_ms;  /* of one order */
    unsigned wait_ms;     /* of a worker that is away */
    const dm_clock *clock;
} dm_dispatch_config;

/* What the worker said when it said no. */
typedef struct dm_dispatch_no {
    int status;
    char message[256];
    dm_cause cause;    /* DM_CAUSE_NONE: none given */
    char denial[1024]; /* its object as text; "" : none */
} dm_dispatch_no;

/* What a failed order means for whoever gave it, and for what his client is told: true, the worker never heard of it
 * (503, `worker.away`); false, it may have been carried out (504, `worker.slow`), whether no answer came or nonsense.
 */
static inline bool dm_dispatch_unheard(int r)
{
    return r == DM_E_UNAVAILABLE;
}

int dm_dispatch_new(const dm_dispatch_config *config, dm_dispatch **out, dm_err *err) DM_NODISCARD;
void dm_dispatch_free(dm_dispatch *w);
DM_DEFINE_FREEP(dm_dispatch)

/* Each: 0 and *out (the caller's to _done); DM_DISPATCH_REFUSED and *no; DM_E_UNAVAILABLE: it never heard of it;
 * DM_E_TIMEOUT: nobody knows; other failures: it answered nonsense, so nobody knows either. */
int dm_dispatch_admit(dm_dispatch *w, dm_worker_no to, const dm_wk_admit *m, bool resume, dm_wk_started *out,
        dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
/* room_mib as in dm_wk_stop; 0: whatever it takes. */
int dm_dispatch_pause(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t epoch, dm_cause cause,
        int64_t room_mib, dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
int dm_dispatch_copy(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, const dm_wk_copy *m, dm_wk_copied *out,
        dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
/* A checkpoint that is kept is let go; unused: only if nothing stands on it. It may be asked for again. */
int dm_dispatch_release(dm_dispatch *w, dm_worker_no to, const char *checkpoint, bool unused, dm_wk_released *out,
        dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
int dm_dispatch_kill(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t epoch, dm_cause cause,
        dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
int dm_dispatch_deadline(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, const dm_wk_deadline *m,
        dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
/* What it is now; and an order to wake it in the epoch over, or an older one, that has not reached it yet never does.
 */
int dm_dispatch_look(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t over, dm_wk_seen *out,
        dm_dispatch_no *no, dm_err *err) DM_NODISCARD;
/* Somebody has been given these sandboxes (epoch 1, as all that are new); at most DM_WK_CLAIMS_MAX. One that is not
 * there any more is none of a refusal. */
int dm_dispatch_claim(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *ids, size_t n, dm_dispatch_no *no,
        dm_err *err) DM_NODISCARD;
int dm_dispatch_usage(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, dm_wk_usage *out, dm_dispatch_no *no,
        dm_err *err) DM_NODISCARD;

#endif
