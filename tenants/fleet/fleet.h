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

/* *drain: an operator wants it empty. DM_FLEET_NONE: no such worker, not this boot of it, or it was written off. So is
 * it with its events. */
int dm_fleet_beat(dm_pg *c, dm_worker_no worker, const dm_wk_beat *m, dm_wk_beat_answer *out, dm_err *err) DM_NODISCARD;

/* The number of the last event taken from it, its row locked; DM_FLEET_NONE. */
int dm_fleet_event_seq(dm_pg *c, dm_worker_no worker, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_fleet_event_taken(dm_pg *c, dm_worker_no worker, int64_t seq, dm_err *err) DM_NODISCARD;

/* An operator's act, which writes its own line of the audit: this host is gone for good. No period waits for it any
 * longer, nothing is placed on it, and nobody enrols under its name. By its name, or where that is NULL by its number.
 * DM_FLEET_NONE: there is none; a second time changes nothing. What becomes of its sandboxes: tenants/admin/writeoff.h.
 */
int dm_fleet_write_off(
        dm_pg *c, const char *who, const char *name, dm_worker_no no, dm_worker_no *out, dm_err *err) DM_NODISCARD;

/* An operator's act, which writes its own line of the audit, and one for each project that has something awake there.
 * A worker that is drained gets no new sandboxes, and hears of it in the answer to its next beat: what runs there is
 * put to sleep, and sleeps until the drain is taken back. 0, also when it was so already, which writes nothing;
 * DM_FLEET_NONE, DM_FLEET_WRITTEN_OFF. */
int dm_fleet_drain(
        dm_pg *c, const char *who, const char *reason, dm_worker_no worker, bool drain, dm_err *err) DM_NODISCARD;

/* A worker as its last beat left it. Strings are borrowed of the rows. */
typedef struct dm_fleet_worker {
    dm_worker_no no;
    dm_str name, region, state, accel;
    dm_str why, version; /* .p NULL: it does not refuse; it has not said */
    int64_t boot, slots, mem_mib, running, asleep, pooled, free_slots;
    int64_t mem_free_mib; /* -1: it has not said */
    bool refusing;
    int64_t beat_age_ms, enrolled_us;
} dm_fleet_worker;

/* By number, those after it, at most limit. The caller frees rows; dm_fleet_read takes one row each. total: of all;
 * NULL: it is not counted. */
int dm_fleet_list(
        dm_pg *c, dm_worker_no after, int64_t limit, dm_pg_rows **rows, dm_pg_total *total, dm_err *err) DM_NODISCARD;
/* One: 0 or DM_FLEET_NONE. */
int dm_fleet_find(dm_pg *c, dm_worker_no worker, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_fleet_read(const dm_pg_rows *rows, size_t i, dm_fleet_worker *out);
/* As operators are shown it; one not heard of for lease_s is late. */
void dm_fleet_write(dm_jw *w, const dm_fleet_worker *f, int64_t lease_s);

/* Where a new sandbox of that region and memory can go, the emptiest first. Room is what the workers' last beats said:
 * they have the last word. */
int dm_fleet_place(dm_pg *c, int64_t region_no, int64_t lease_s, int64_t mem_mib,
        dm_worker_no workers[DM_FLEET_PLACES_MAX], size_t *n, dm_err *err) DM_NODISCARD;

#endif
