/* tenants/fleet/fleet.h: workers, as the database knows them (sql_fleet.c). Role dm_ops, but dm_fleet_place, which any
 * may ask. A worker that has not been heard of for its lease is stale: it gets no new sandboxes, and nothing of it is
 * ended for that reason alone. */
#ifndef DM_TENANTS_FLEET_FLEET_H
#define DM_TENANTS_FLEET_FLEET_H

#include "base/pg.h"
#include "base/wire/number.h"
#include "base/wire/worker.h"

#include "tenants/limits.h"

enum { DM_FLEET_NONE = 1, DM_FLEET_OLD_BOOT = 2, DM_FLEET_WRITTEN_OFF = 3 };

/* The number of a region by its name. One that is not there is our own mistake: DM_E_INTERNAL. */
int dm_fleet_region(dm_pg *c, const char *name, int64_t *out, dm_err *err) DM_NODISCARD;

/* At each start of a worker's daemon: the name says which it is, and a new one gets the next number. From the first
 * start on that seals its frames none without a seal is taken from it any more. DM_FLEET_OLD_BOOT:
 * a later start is known already, so this is a copy of its journal, or an old one. DM_FLEET_WRITTEN_OFF: what it had
 * was ended, and its periods were closed without it: it does not come back under this name. */
int dm_fleet_enrol(dm_pg *c, const dm_wk_enrol *m, int64_t region_no, dm_worker_no *out, dm_err *err) DM_NODISCARD;

/* DM_FLEET_NONE: no such worker, not this boot of it, or it was written off. So is it with its events. */
int dm_fleet_beat(dm_pg *c, dm_worker_no worker, const dm_wk_beat *m, dm_err *err) DM_NODISCARD;

/* The number of the last event taken from it, its row locked; DM_FLEET_NONE. */
int dm_fleet_event_seq(dm_pg *c, dm_worker_no worker, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_fleet_event_taken(dm_pg *c, dm_worker_no worker, int64_t seq, dm_err *err) DM_NODISCARD;

/* An operator's act, which writes its own line of the audit: this host is gone for good. No period waits for it any
 * longer, nothing is placed on it, and nobody enrols under its name. By its name, or where that is NULL by its number.
 * DM_FLEET_NONE: there is none; a second time changes nothing. What becomes of its sandboxes: tenants/admin/writeoff.h.
 */
int dm_fleet_write_off(
        dm_pg *c, const char *who, const char *name, dm_worker_no no, dm_worker_no *out, dm_err *err) DM_NODISCARD;

/* All, by number, at most limit: worker_no, name, region, state, boot, running, asleep, free_slots, refusing, seconds
 * since its last beat. */
int dm_fleet_list(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* Where a new sandbox of that region and memory can go, the emptiest first. Room is what the workers' last beats said:
 * they have the last word. */
int dm_fleet_place(dm_pg *c, int64_t region_no, int64_t lease_s, int64_t mem_mib,
        dm_worker_no workers[DM_FLEET_PLACES_MAX], size_t *n, dm_err *err) DM_NODISCARD;

#endif
