/* tenants/sandbox/hold.h: what keeps an account, or a project, from running: nothing of it is created or woken, and
 * what runs is put to sleep (api/life/hold.h). An operator suspends; a budget that is used up holds until its month
 * ends or its bound is raised, and is judged in the database with whatever is written of it; a project that is being
 * removed (removal.h) is held with the cause paused, in the transaction that asks for it. */
#ifndef DM_TENANTS_SANDBOX_HOLD_H
#define DM_TENANTS_SANDBOX_HOLD_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_HOLD_NOBODY = 1, DM_HOLD_NONE = 2 };

/* Operator's acts (role dm_ops, in his transaction); each writes its own line of the audit. *running: how many will
 * sleep. DM_HOLD_NOBODY: there is no such account. To suspend it again changes the reason. */
int dm_suspend(dm_pg *c, const char *who, const char *account_id, const char *reason, int64_t *running,
        dm_err *err) DM_NODISCARD;
/* What sleeps is not woken by it. DM_HOLD_NONE: it was not suspended. */
int dm_unsuspend(dm_pg *c, const char *who, const char *account_id, const char *reason, dm_err *err) DM_NODISCARD;

typedef struct dm_budget_used {
    dm_owner owner;       /* project 0: of all the account */
    int64_t at_us;        /* any moment of the month, which is UTC's */
    int64_t seconds;      /* that ran in it, */
    int64_t spent_micros; /* and what they cost, in millionths of the account's currency */
} dm_budget_used;

/* How much it is by now (role dm_meter): never less than was said before. */
int dm_budget_use(dm_pg *c, const dm_budget_used *used, dm_err *err) DM_NODISCARD;

/* What runs and should not (role dm_ops): account, project, id in bytes, name of the cause; at most limit. */
int dm_held_running(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
