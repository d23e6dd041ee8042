#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/project.h"

static const dm_pg_stmt find = {"project_of_slug",
        "SELECT p.account_no, p.project_no, p.id, a.id FROM dm.project p JOIN dm.account a USING (account_no)"
        " WHERE p.slug = $1",
        DM_PG_MAYBE};
static const dm_pg_stmt find_either = {"project_of_slug_or_id",
        "SELECT p.account_no, p.project_no, p.id, a.id FROM dm.project p JOIN dm.account a USING (account_no)"
        " WHERE p.slug = $1 OR p.id::text = $1",
        DM_PG_MAYBE};
static const dm_pg_stmt add = {"project_add",
        "INSERT INTO dm.project (account_no, slug, name, region_no)"
        " SELECT a.account_no, $2, $3, r.region_no FROM dm.account a, dm.region r"
        " WHERE a.id = $1::uuid AND r.name = $4 RETURNING account_no, project_no, id, $1::uuid",
        DM_PG_MAYBE};

static int read_project(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_project *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, n, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_PROJECT_NONE;
    dm_project p = {.owner = {{dm_pg_i64(rows, 0, 0)}, {dm_pg_i64(rows, 0, 1)}}};
    r = dm_str_to_array(dm_pg_str(rows, 0, 2), p.id, sizeof p.id, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 3), p.account_id, sizeof p.account_id, err);
    if (r == 0)
        *out = p;
    return r;
}

int dm_project_find(dm_pg *c, const char *slug, dm_project *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(slug)};
    return read_project(c, &find, args, DM_LEN(args), out, err);
}

int dm_project_find_either(dm_pg *c, dm_str which, dm_project *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_text(which)};
    return read_project(c, &find_either, args, DM_LEN(args), out, err);
}

int dm_project_add(dm_pg *c, const char *who, const char *account_id, const char *slug, const char *name,
        const char *region, dm_project *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(account_id), dm_pa_c(slug), dm_pa_c(name), dm_pa_c(region)};
    char object[128];
    int r = read_project(c, &add, args, DM_LEN(args), out, err);
    if (r != 0)
        return r;
    (void)snprintf(object, sizeof object, "project:%s", slug);
    const dm_audit line = {.owner = out->owner, .who = who, .verb = "project.add", .object = object};
    return dm_audit_add(c, &line, err);
}
