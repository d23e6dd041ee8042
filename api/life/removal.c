#include "api/life/removal.h"

#include "tenants/sandbox/removal.h"

typedef struct step {
    dm_removal_due due;
    int64_t now_us;
} step;

static int list(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_removals_due(c, rows, err);
}

static int end_one(dm_pg *c, void *arg, dm_err *err)
{
    const step *s = arg;
    return dm_removal_end_one(c, &s->due, s->now_us, err);
}

static int close_one(dm_pg *c, void *arg, dm_err *err)
{
    const step *s = arg;
    return dm_removal_close(c, s->due.owner, err);
}

/* A sandbox that cannot be ended now is met again in the next round, and holds up no other. */
static void take(dm_api *api, step *s, unsigned *ended, unsigned *closed)
{
    dm_err err = {0};
    int r = dm_api_tx_ops(api, s->due.has_sandbox ? end_one : close_one, s, &err);
    if (r == 0 && s->due.has_sandbox)
        dm_later_wake(api->later, &s->due.sandbox);
    if (r == 0)
        ++*(s->due.has_sandbox ? ended : closed);
    if (r < 0)
        dm_log_err(api->log, DM_WARN, "removal.failed", &err);
    else if (r == 0 && !s->due.has_sandbox)
        DM_LOG(api->log, DM_INFO, "project.removed", dm_fu("project", (uint64_t)s->due.owner.project.v));
}

int dm_removal_carry_out(dm_api *api, unsigned *ended, unsigned *closed, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_api_tx_ops(api, list, &rows, err);
    *ended = *closed = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        step s = {.now_us = dm_wall_us(api->clock)};
        r = dm_removal_due_read(rows, i, &s.due, err);
        if (r == 0)
            take(api, &s, ended, closed);
    }
    return r;
}
