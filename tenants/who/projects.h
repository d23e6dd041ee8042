/* tenants/who/projects.h: an account's projects as its own people list, make and rename them. As dm_api; what operators
 * do is in project.h. A slug is never changed: it stands in paths, before the names of templates, and whoever took it
 * afterwards would be taken for its first bearer. */
#ifndef DM_TENANTS_WHO_PROJECTS_H
#define DM_TENANTS_WHO_PROJECTS_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"
#include "tenants/who/name.h"

/* Strings are borrowed from the rows. */
typedef struct dm_projects_row {
    int64_t no;
    dm_str id, slug, name, region, account_id, account, tier;
    dm_str roles; /* what who asks is in it, of his roles in the account, too; with commas between */
    int64_t running, asleep_mib, members, created_us;
    int64_t removal_us,
            removal_ends_us; /* since when it is being removed, and until when that can be taken back; 0: not */
    dm_str removal_by;
} dm_projects_row;

/* By number, those above after; in the scope of the whole account. */
int dm_projects_list(
        dm_pg *c, const dm_caller *by, dm_project_no after, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_projects_total(dm_pg *c, dm_owner owner, dm_pg_total *out, dm_err *err) DM_NODISCARD;
/* By's own, in its scope; the caller frees rows. */
int dm_projects_one(dm_pg *c, const dm_caller *by, dm_pg_rows **rows, dm_projects_row *out, dm_err *err) DM_NODISCARD;
void dm_projects_row_read(const dm_pg_rows *rows, size_t i, dm_projects_row *out);

enum {
    DM_PROJECTS_TAKEN = 1,     /* somebody has that slug */
    DM_PROJECTS_FULL = 2,      /* the account has as many as it may: limit, current */
    DM_PROJECTS_NO_PRICES = 3, /* its plan has no prices in that region */
};

typedef struct dm_projects_new {
    dm_str name, slug;       /* slug .n 0: one is made of the name */
    const char *region;      /* one that there is */
    char made[DM_SLUG_TEXT]; /* its slug */
    int64_t limit, current;
} dm_projects_new;

/* In the scope of the whole account; what name and slug may be was checked. Writes a line of the audit of the project.
 */
int dm_projects_add(dm_pg *c, const dm_caller *by, dm_projects_new *want, dm_err *err) DM_NODISCARD;
/* By's own, in its scope; with its line of the audit. */
int dm_projects_rename(dm_pg *c, const dm_caller *by, dm_str name, dm_err *err) DM_NODISCARD;

#endif
