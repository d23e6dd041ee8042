#include "tenants/admin/writeoff.h"

#include "tenants/fleet/fleet.h"
#include "tenants/sandbox/sandbox.h"

enum { AT_ONCE = 32 };

typedef struct work {
    const dm_clock *clock;
    const char *who, *name;
    dm_worker_no no, worker;
    size_t found;   /* in this transaction */
    uint64_t ended; /* in this transaction */
} work;

static const dm_pg_scope everybody = {.read_only = false};

static int write_worker_off(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_fleet_write_off(c, w->who, w->name, w->no, &w->worker, err);
    return r == DM_FLEET_NONE ? DM_WRITE_OFF_NONE : r;
}

static int end_some(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    w->ended = w->found = 0;
    int r = dm_sandbox_lost(c, w->worker, AT_ONCE, &rows, err);
    w->found = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t i = 0; r >= 0 && i < w->found; i++) {
        dm_sandbox_id id;
        r = dm_pg_bytes(rows, i, 0, id.b, sizeof id.b, err);
        if (r == 0)
            r = dm_sandbox_end_lost(c, &id, w->worker, w->who, dm_wall_us(w->clock), err);
        w->ended += r == 0;
    }
    return r < 0 ? r : 0;
}

int dm_write_off(dm_pg *c, const dm_clock *clock, const char *who, const char *name, dm_worker_no no,
        dm_written_off *out, dm_err *err)
{
    work w = {.clock = clock, .who = who, .name = name, .no = no};
    *out = (dm_written_off){{0}, 0};
    int r = dm_pg_tx_on(c, &everybody, write_worker_off, &w, err);
    if (r != 0)
        return r;
    out->worker = w.worker;
    do {
        r = dm_pg_tx_on(c, &everybody, end_some, &w, err);
        out->ended += r == 0 ? w.ended : 0;
    } while (r == 0 && w.found > 0);
    return r;
}
