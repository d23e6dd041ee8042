/* tenants/admin/writeoff.h: a host that never comes back. Its worker is written off, and then, some at a time, each of
 * its sandboxes ends as host_lost, those that slept too, and their quota is given back. Each transaction is whole for
 * itself: what is left between two of them, by whatever ends this, the sweep of the API ends (api/life/sweep.h), and so
 * does the same act once more. */
#ifndef DM_TENANTS_ADMIN_WRITEOFF_H
#define DM_TENANTS_ADMIN_WRITEOFF_H

#include "base/clock.h"
#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_WRITE_OFF_NONE = 1 };

typedef struct dm_written_off {
    dm_worker_no worker;
    uint64_t ended; /* sandboxes, this time */
} dm_written_off;

/* Transactions of its own (role dm_ops). By its name, or where that is NULL by its number. 0, or DM_WRITE_OFF_NONE: no
 * such worker. On an error out says how far it came. */
int dm_write_off(dm_pg *c, const dm_clock *clock, const char *who, const char *name, dm_worker_no no,
        dm_written_off *out, dm_err *err) DM_NODISCARD;

#endif
