/* api/life/settle.h: what came of an order is written, when the row still waits for it. */
#ifndef DM_API_LIFE_SETTLE_H
#define DM_API_LIFE_SETTLE_H

#include "base/wire/worker.h"

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"

/* The row has moved on, or is gone: nothing was written. */
enum { DM_SETTLE_STALE = 1 };

/* The one way in which an order's outcome, or an event, moves a row: when it is about the row's epoch and means
 * something in its state. s was found with its lock in this transaction. 0 or DM_SETTLE_STALE. */
int dm_settle_row(dm_pg *c, dm_sandbox *s, int64_t epoch, const dm_sandbox_move_args *move, dm_err *err) DM_NODISCARD;

/* Finds the row with its lock, and moves it when the event means something in its state and epoch is its epoch. caller
 * NULL: anybody's row, as dm_ops. Wakes whoever waits for the sandbox. out (may be NULL) is the row afterwards. */
int dm_settle(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t epoch,
        const dm_sandbox_move_args *move, dm_sandbox_one *out, dm_err *err) DM_NODISCARD;

/* Whoever carried out an order does not know what became of it: the sweep takes it up at once. What fails here is found
 * by its age. */
void dm_settle_give_up(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t epoch);

/* What a worker's answer to a stop means, as a move: asleep or ended, and why. */
int dm_settle_move_of(
        const dm_wk_stopped *stopped, const char *who, dm_sandbox_move_args *out, dm_err *err) DM_NODISCARD;

/* The same for "asleep"/"ended" by name, as events have it. */
int dm_settle_event_of(dm_str state, dm_str cause, dm_sandbox_move_args *out, dm_err *err) DM_NODISCARD;

#endif
