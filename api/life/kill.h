/* api/life/kill.h: ending a sandbox by call. Blocks until the worker has answered: on a thread of the orders' pool
 * (later.h). */
#ifndef DM_API_LIFE_KILL_H
#define DM_API_LIFE_KILL_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"

enum {
    DM_KILL_NONE = 1, /* it is not there, or ended; then nothing of it runs or is billed any more */
    DM_KILL_REFUSED,  /* by the worker */
    DM_KILL_AWAY,     /* the worker was never reached */
    DM_KILL_SLOW,     /* nobody knows */
};

/* Its first transaction does not wait for the disk (as in start.h): a kill that a crash of the database takes away was
 * answered to nobody, and what its worker ended all the same, its event says. */
/* 0: it has ended. From its first transaction on the row says that it is ending, and no door opens to it; when the
 * worker does not answer, the sweep tells it again until it does; so does the next kill. *no: what the worker said to
 * REFUSED; err says why of AWAY and SLOW. */
int dm_kill_one(
        dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_dispatch_no *no, dm_err *err) DM_NODISCARD;

/* The same of anybody's, by an operator: it ends as operator_killed, and who and why are in its project's audit. */
int dm_kill_by_operator(dm_api *api, const char *who, const char *reason, const dm_sandbox_id *id, dm_dispatch_no *no,
        dm_err *err) DM_NODISCARD;

#endif
