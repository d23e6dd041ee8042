/* api/life/snapshot.h: images of one moment of a sandbox that runs, kept under a name: made, let go, and brought to
 * rest where whoever made them died. Blocks, as start.h says.
 *
 * The row comes first, then the worker's image, then the row says that it is its owner's; a name that had another image
 * changes hands in that last transaction. It ends the other way round: the row says that it is to go, its worker lets
 * go of it, the row goes. So an image without a row never is, and a row without an image is one that says so. What
 * nobody carries out any more is the sweep's (dm_snapshots_sweep), which asks its worker again: that is idempotent. */
#ifndef DM_API_LIFE_SNAPSHOT_H
#define DM_API_LIFE_SNAPSHOT_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/sandbox/snapshot.h"

/* Beside 0. Of a making: all but IN_USE and UNKNOWN; of an end: UNKNOWN, IN_USE, OFFERED and the worker's. */
enum {
    DM_SNAPSHOT_NO_SANDBOX = 1,
    DM_SNAPSHOT_ASLEEP = 2,  /* it sleeps, or is about to */
    DM_SNAPSHOT_BUSY = 3,    /* it starts or wakes: it may be asked again in a moment */
    DM_SNAPSHOT_FULL = 4,    /* over */
    DM_SNAPSHOT_OFFERED = 5, /* what is called so is a template */
    DM_SNAPSHOT_UNKNOWN = 6,
    DM_SNAPSHOT_IN_USE = 7,
    DM_SNAPSHOT_REFUSED = 8, /* by its worker: no */
    DM_SNAPSHOT_AWAY = 9,    /* its worker cannot be reached: nothing was done */
    DM_SNAPSHOT_SLOW = 10,   /* its worker did not answer in time: a making is undone, an end is carried out */
};

typedef struct dm_snapshot_act {
    dm_sandbox_one source;
    dm_snapshot_one row; /* of an end */
    char checkpoint[DM_SNAPSHOT_CHECKPOINT];
    dm_template_id id;
    dm_snapshot_over over;
    dm_dispatch_no no;
} dm_snapshot_act;

/* name NULL: it is called by an id. The mouth has looked that the namespace is the caller's. out: zeroed by the caller,
 * and dm_snapshot_act_done afterwards, whatever this returned; on 0 out->id is its id. */
int dm_snapshot_make(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, const dm_template_name *name,
        dm_snapshot_act *out, dm_err *err) DM_NODISCARD;
/* Refused while sandboxes of it run or sleep. */
int dm_snapshot_end(dm_api *api, const dm_caller *caller, const dm_template_name *name, dm_snapshot_act *out,
        dm_err *err) DM_NODISCARD;
void dm_snapshot_act_done(dm_snapshot_act *s);
#define DM_AUTO_SNAPSHOT_ACT __attribute__((cleanup(dm_snapshot_act_done), unused)) dm_snapshot_act

/* What is left in the middle is brought to rest; *done: of how many. A worker that is away is asked in another round.
 */
int dm_snapshots_sweep(dm_api *api, dm_dispatch *dispatch, unsigned *done, dm_err *err) DM_NODISCARD;

#endif
