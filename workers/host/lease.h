/* workers/host/lease.h: how long the projects of this worker may run (base/wire/lease.h has the words and the machine).
 * Each second that was framed takes one second of its project's lease for each sandbox that ran in it, as the meter
 * counts it; what is left is asked for again when it is half over. At the end of a lease that was refused its sandboxes
 * sleep: exactly so many of them go on in a second as seconds are left. What is not refused runs on.
 *
 *   UNKNOWN  never asked, or to be asked anew: it runs on until the answer is there
 *   FREE     nothing bounds it; asked again when the API says that some bound has changed, and now and then
 *   HELD     a lease is counted down
 *   OVER     the same, and nothing is behind it: asked each second, in case there is more by then
 *
 * After a restart all are UNKNOWN, and what has run in the open period is counted from the replayed frames. One thread,
 * the loop's. Time is usage time. */
#ifndef DM_WORKERS_HOST_LEASE_H
#define DM_WORKERS_HOST_LEASE_H

#include "base/wire/frame.h"
#include "base/wire/lease.h"

#include "workers/host/worker.h"

typedef struct dm_leases dm_leases;

/* What puts a sandbox to sleep: dm_worker_pause, given here because it begins what leases are told of. */
typedef int (*dm_leases_pause_fn)(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, int64_t room_mib, dm_box_waiter *waiter, dm_err *err);
int dm_leases_new(dm_leases_pause_fn pause, dm_leases **out, dm_err *err) DM_NODISCARD;
void dm_leases_free(dm_leases *l); /* NULL is fine */
DM_DEFINE_FREEP(dm_leases)

/* One more (by 1) or less (by -1) of the project runs; for dm_boxes_watch. */
void dm_leases_run(void *leases, int64_t project, int by);
/* A sandbox of the project was handed out, and brought so many seconds with it; 0: nothing bound it then. */
void dm_leases_brought(dm_worker *w, int64_t project, int64_t seconds);
/* A second's samples were framed. */
void dm_leases_count(dm_worker *w, int64_t second, const dm_sample *samples, uint32_t n);
/* What had run in the open period before the restart. */
void dm_leases_recount(dm_worker *w);
/* Each second, behind its frames: what is to be asked, and who sleeps. */
void dm_leases_tick(dm_worker *w);
/* Whether another sandbox of the project may run: not, where it has run on without an answer for longer than the cap.
 */
bool dm_leases_take(const dm_worker *w, int64_t project);

/* For the uplink. Something is to be asked, and nothing was for a second. */
bool dm_leases_want(const dm_worker *w);
void dm_leases_ask(dm_worker *w, dm_jw *jw);
int dm_leases_heard(dm_worker *w, const json_t *answer, dm_err *err) DM_NODISCARD;
void dm_leases_unheard(dm_worker *w);
/* Bounds have changed so often, says the answer to a beat. */
void dm_leases_changed(dm_worker *w, int64_t bounds);

/* How many projects run on without an answer, for longer than the cap. */
uint32_t dm_leases_beyond(const dm_worker *w);

#endif
