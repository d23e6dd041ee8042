/* tenants/sandbox/snapshot.h: rows of snapshots: images of one moment of a sandbox that stay after it, and begin others
 * by name. A row is written before its worker hears of the image, and goes after the image has gone: what a crash left
 * in between is met by the sweep (dm_snapshots_due). Whoever calls has opened the transaction and set its scope.
 *
 *     making --keep--> kept --drop--> dropping --> (none)
 *        |               ^---in use------+
 *        +--give up--> going <--- another took its name; its project is gone     going --> (none) */
#ifndef DM_TENANTS_SANDBOX_SNAPSHOT_H
#define DM_TENANTS_SANDBOX_SNAPSHOT_H

#include "tenants/plan/limits.h"
#include "tenants/sandbox/row.h"
#include "tenants/sandbox/template.h"

enum { DM_SNAPSHOT_NONE = 1, DM_SNAPSHOT_OVER = 2 };
enum { DM_SNAPSHOT_CHECKPOINT = 36 /* with its NUL */, DM_SNAPSHOTS_DUE_MAX = 100 };

typedef enum dm_snapshot_state {
    DM_SNAPSHOT_MAKING,
    DM_SNAPSHOT_KEPT,
    DM_SNAPSHOT_DROPPING,
    DM_SNAPSHOT_GOING,
    DM_SNAPSHOT_STATES
} dm_snapshot_state;

/* Strings are borrowed of the rows. */
typedef struct dm_snapshot_row {
    dm_owner owner;
    dm_snapshot_state state;
    dm_str checkpoint, snapshot_id, alias /* .p NULL: none */, tag;
    dm_sandbox_id sandbox; /* of which it is */
    dm_worker_no worker;
    dm_str template_id, template_name /* .p NULL: none */, build_id;
    int64_t vcpus, mem_mib, disk_mib, image_mib, made_us;
} dm_snapshot_row;

/* One row and what its strings point into. Zero it first. */
typedef struct dm_snapshot_one {
    dm_snapshot_row s;
    dm_pg_rows *rows;
} dm_snapshot_one;
void dm_snapshot_one_done(dm_snapshot_one *o);
#define DM_AUTO_SNAPSHOT __attribute__((cleanup(dm_snapshot_one_done), unused)) dm_snapshot_one

/* What was met, and by which of the two limits. */
typedef struct dm_snapshot_over {
    bool mib; /* what they take, else how many there are */
    int64_t limit, current;
} dm_snapshot_over;

typedef struct dm_snapshot_add_args {
    const char *checkpoint, *snapshot_id;
    const dm_template_name *name; /* NULL: none was given */
    int64_t by;                   /* the instance that carries it out */
} dm_snapshot_add_args;

/* A row of one that is about to be made of s. 0; DM_SNAPSHOT_OVER: there are as many as there may be, or they take all
 * that they may. */
int dm_snapshot_add(dm_pg *c, const dm_sandbox *s, const dm_snapshot_add_args *args, const dm_limits *limits,
        dm_snapshot_over *over, dm_err *err) DM_NODISCARD;
/* It is made and takes so much: from the commit on it is its owner's, and what had its name before is going. 0;
 * DM_SNAPSHOT_NONE: it was given up meanwhile; DM_SNAPSHOT_OVER: it would take more than there may be, and is going
 * (the caller commits that). */
int dm_snapshot_keep(dm_pg *c, dm_owner owner, const char *checkpoint, int64_t image_mib, const dm_limits *limits,
        dm_snapshot_over *over, dm_err *err) DM_NODISCARD;
/* It does not come to be. nothing: its worker has none of it for sure; else it is going, later_s from now. */
int dm_snapshot_give_up(
        dm_pg *c, dm_owner owner, const char *checkpoint, bool nothing, int64_t later_s, dm_err *err) DM_NODISCARD;

/* One that is kept, by "[slug/]alias[:tag]" or by its id. 0 or DM_SNAPSHOT_NONE. */
int dm_snapshot_find(dm_pg *c, dm_owner owner, const char *slug, const dm_template_name *name, dm_snapshot_one *o,
        dm_err *err) DM_NODISCARD;
/* The same, which is dropping from the commit on. */
int dm_snapshot_drop(dm_pg *c, dm_owner owner, const char *slug, const dm_template_name *name, int64_t by,
        dm_snapshot_one *o, dm_err *err) DM_NODISCARD;
/* What came of it: it has gone, or it stays, because sandboxes stand on it or nobody could be asked. One that stays and
 * whose name another has by now is going. Of one that is none of these any more: nothing. Role dm_api or dm_ops. */
int dm_snapshot_gone(dm_pg *c, dm_owner owner, dm_str checkpoint, dm_err *err) DM_NODISCARD;
int dm_snapshot_stays(dm_pg *c, dm_owner owner, dm_str checkpoint, dm_err *err) DM_NODISCARD;

typedef struct dm_snapshot_filter {
    const dm_sandbox_id *sandbox; /* NULL: of any */
    const dm_template_name *name; /* NULL: of any; its tag counts where it was given */
    int64_t before_us;            /* only what comes after (before_us, before_id); 0: from the newest on */
    dm_str before_id;
    int64_t limit;
} dm_snapshot_filter;
/* Those that are kept, newest first. The caller frees rows; dm_snapshot_read takes one row each. */
int dm_snapshot_list(
        dm_pg *c, dm_owner owner, const dm_snapshot_filter *f, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_snapshot_read(const dm_pg_rows *rows, size_t i, dm_snapshot_row *out, dm_err *err) DM_NODISCARD;

/* --- the sweep (role dm_ops) -------------------------------------------------------------------------------- */

/* What nobody carries out any more becomes what is to be done about it: one that was being made is going, later_s from
 * now; what was of a host that was written off has gone. own, stuck_s: as dm_sandbox_orphans. */
int dm_snapshots_mend(dm_pg *c, int64_t own, int64_t stuck_s, int64_t later_s, dm_err *err) DM_NODISCARD;
/* Those whose worker is to be told: going, or dropping and nobody's. At most DM_SNAPSHOTS_DUE_MAX, and none of them is
 * due again for a while. */
int dm_snapshots_due(dm_pg *c, int64_t own, int64_t stuck_s, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
