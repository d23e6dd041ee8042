#include "metering/bill/by_sandbox.h"

#include "metering/bill/sql_by_sandbox.h"

typedef struct work {
    const dm_chore_config *c;
    int (*step)(dm_pg *c, bool *done, dm_err *err);
    bool done;
} work;

static int step_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->done = false;
    int r = dm_chore_may(w->c, c, err);
    return r != 0 ? r : w->step(c, &w->done, err);
}

int dm_by_sandbox(const dm_chore_config *c, dm_err *err)
{
    work add = {.c = c, .step = dm_sql_by_sandbox_add, .done = true};
    work settle = {.c = c, .step = dm_sql_by_sandbox_settle, .done = true};
    int r = 0;
    for (unsigned i = 0; r == 0 && add.done && i < DM_BY_SANDBOX_TURN; i++)
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){0}, step_tx, &add, err);
    int64_t until = dm_mono_ms(c->clock) + DM_BY_SANDBOX_TURN_MS;
    for (unsigned i = 0; r == 0 && settle.done && i < DM_BY_SANDBOX_TURN && dm_mono_ms(c->clock) < until; i++)
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){0}, step_tx, &settle, err);
    return r;
}
