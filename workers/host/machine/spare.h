/* workers/host/machine/spare.h: a machine that is nobody's yet, on its way from nothing to warm. Belongs to the loop.
 *
 *     spawning -> bare -> loading -> loaded -> answering -> ready -> warming -> warm
 *
 * Bare: a VMM without a guest. It serves a wake as well as a start, and saves both the time a VMM needs to come up.
 * Ready: the guest's agent has answered once, and will answer again within milliseconds. Warm: it has run the path of a
 * command. Under an emulated processor each process translates its guest's code anew: that of the first takes 0.1 s of
 * processor time, that of the second 0.3 s. A VMM that needs no warming has its machines warm as soon as they are
 * loaded. */
#ifndef DM_WORKERS_HOST_MACHINE_SPARE_H
#define DM_WORKERS_HOST_MACHINE_SPARE_H

#include "workers/host/machine/machine.h"

typedef enum dm_spare_stage {
    DM_SPARE_SPAWNING,
    DM_SPARE_BARE,
    DM_SPARE_LOADING,
    DM_SPARE_LOADED,
    DM_SPARE_ANSWERING,
    DM_SPARE_READY,
    DM_SPARE_WARMING,
    DM_SPARE_WARM,
} dm_spare_stage;

typedef struct dm_spare dm_spare;

/* It has come to rest in the next stage (r == 0); what was asked of it failed, or its VMM died while it rested (r < 0):
 * it is only good for dm_spare_free. */
typedef void (*dm_spare_moved_fn)(void *arg, dm_spare *k, int r, const dm_err *err);

/* Begins to spawn. DM_E_LIMIT when no slot is free. */
int dm_spare_new(dm_host *h, const dm_machine_config *config, dm_spare_moved_fn moved, void *arg, dm_spare **out,
        dm_err *err) DM_NODISCARD;
void dm_spare_free(dm_spare *k); /* at any moment; the machine goes with it */

/* Somebody waits for one that rests. */
void dm_spare_hurry(dm_spare *k);

/* The next step, for one that rests in the stage before. */
int dm_spare_load(dm_spare *k, const char *sleeper_dir, const dm_slot_policy *policy, dm_err *err) DM_NODISCARD;
int dm_spare_answer(dm_spare *k, dm_err *err) DM_NODISCARD;
int dm_spare_warm(dm_spare *k, dm_err *err) DM_NODISCARD;

dm_spare_stage dm_spare_at(const dm_spare *k);
bool dm_spare_rests(const dm_spare *k);
bool dm_spare_is_made(const dm_spare *k); /* it is being made: spawning, loading or answering */
bool dm_spare_is_from(const dm_spare *k, const char *template_dir);
/* The machine is the caller's, the spare is gone. */
dm_machine *dm_spare_give(dm_spare *k);

#endif
