#include "metering/bill/by_sandbox.h"

#include "metering/bill/sql_by_sandbox.h"

typedef struct work {
    const dm_chore_config *c;
    bool added;
} work;

static int add_tx(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->added = false;
    int r = dm_chore_may(w->c, c, err);
    return r != 0 ? r : dm_sql_by_sandbox_add(c, &w->added, err);
}

int dm_by_sandbox(const dm_chore_config *c, dm_err *err)
{
    work w = {.c = c, .added = true};
    int r = 0;
    for (unsigned i = 0; r == 0 && w.added && i < DM_BY_SANDBOX_TURN; i++)
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){0}, add_tx, &w, err);
    return r;
}
