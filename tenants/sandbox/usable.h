/* tenants/sandbox/usable.h: the templates that a project may use, its own and everybody's, as its people look at them:
 * what they are made of, and how the project uses them. Only reads, in a transaction of the project's scope. */
#ifndef DM_TENANTS_SANDBOX_USABLE_H
#define DM_TENANTS_SANDBOX_USABLE_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_USABLE_COUNTED = 10000 }; /* sandboxes that are counted of a template, and no more */

/* Strings are borrowed of the rows; JSON arrays are text as the database made it. */
typedef struct dm_usable {
    dm_str template_id;
    bool own, public;
    dm_str aliases, names; /* the latter with its project's slug in front */
    int64_t created_us, updated_us;
    dm_str build_id, status; /* of the tag default, of one's own else the newest; .p NULL: none */
    int64_t vcpus, mem_mib, disk_mib;
    int64_t builds; /* of another's, those that a tag names */
    int64_t total;  /* how many the project may use */
    /* What this project does with it; started stops at DM_USABLE_COUNTED + 1. */
    int64_t started, running, used_us;
} dm_usable;

/* Newest first; only what comes after (before_us, before_id) when before_us is not 0. one.p NULL: all. The caller frees
 * rows. */
int dm_usable_list(dm_pg *c, dm_owner owner, dm_str one, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_usable_read(const dm_pg_rows *rows, size_t i, dm_usable *out);

typedef struct dm_usable_build {
    dm_str build_id, status, tags; /* tags: a JSON array */
    int64_t vcpus, mem_mib, disk_mib, created_us, finished_us;
} dm_usable_build;

int dm_usable_builds(dm_pg *c, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_usable_build_read(const dm_pg_rows *rows, size_t i, dm_usable_build *out);

#endif
