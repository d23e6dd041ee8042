/* tenants/sandbox/removal.h: a project's removal, in steps that each are one transaction and may be done again:
 *
 *     (active) --asked--> removing --notice over--> ending --nothing left--> removed
 *        ^                   |
 *        +------undone-------+
 *
 * removing: nothing of it is created or woken, and what runs is put to sleep (hold.h). ending: its sandboxes are ended,
 * some at a time. removed: its keys, members and invitations are gone, and it is found no more; its row, its slug, and
 * all that was used, stated and audited stay. The state is what the row's times say: nobody has to move it on. */
#ifndef DM_TENANTS_SANDBOX_REMOVAL_H
#define DM_TENANTS_SANDBOX_REMOVAL_H

#include "tenants/limits.h"
#include "tenants/sandbox/row.h"
#include "tenants/who/caller.h"

enum {
    DM_REMOVAL_NONE = 1, /* nothing of the kind is under way, or nothing is left to do */
    DM_REMOVAL_OVER = 2, /* the notice is over: it cannot be taken back any more */
    DM_REMOVAL_WORD = 3, /* what was typed is neither its slug nor its name */
};

/* Acts as dm_api, in the scope of by's project. Asked for: with its line of the audit, and a letter to each owner and
 * admin, which names the day. Asked again, it is as it was asked first. */
int dm_removal_ask(dm_pg *c, const dm_caller *by, dm_str typed, int64_t notice_s, dm_err *err) DM_NODISCARD;
/* Taken back: what sleeps is not woken by it. DM_REMOVAL_NONE: it is not being removed. */
int dm_removal_undo(dm_pg *c, const dm_caller *by, dm_err *err) DM_NODISCARD;

/* --- carried out (role dm_ops), by whoever, by many at once ------------------------------------------------- */

typedef struct dm_removal_due {
    dm_owner owner;
    bool has_sandbox; /* one that is to be ended; else the project is to be closed */
    dm_sandbox_id sandbox;
} dm_removal_due;

/* Of projects whose notice is over; at most DM_REMOVALS_MAX. */
int dm_removals_due(dm_pg *c, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_removal_due_read(const dm_pg_rows *rows, size_t i, dm_removal_due *out, dm_err *err) DM_NODISCARD;
/* That one is ending from the commit on, as retention_expired; the sweep has its worker end it. 0 or DM_REMOVAL_NONE.
 */
int dm_removal_end_one(dm_pg *c, const dm_removal_due *due, int64_t now_us, dm_err *err) DM_NODISCARD;
/* The last step. DM_REMOVAL_NONE: something of it is left, or another has closed it. */
int dm_removal_close(dm_pg *c, dm_owner owner, dm_err *err) DM_NODISCARD;

#endif
