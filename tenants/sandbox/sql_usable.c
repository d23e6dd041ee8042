#include <stddef.h>

#include "tenants/sandbox/usable.h"

/* Another's use of a template is not this project's to read: what it started itself is counted, by the labels of its
 * sandboxes, and what runs by their states. */
static const dm_pg_stmt list = {"usable_list",
        "WITH r AS (SELECT template_id, count(*) AS n FROM dm.sandbox WHERE account_no = $1 AND project_no = $2"
        "  AND state = 'running' GROUP BY template_id)"
        " SELECT u.template_id, u.own, u.public, u.aliases, u.names, dm.us(u.created_at), dm.us(u.updated_at), "
        "u.build_id,"
        " u.status, u.vcpus, u.mem_mib, u.disk_mib, u.builds, u.total,"
        " (SELECT count(*) FROM (SELECT FROM dm.sandbox_label l WHERE l.account_no = $1 AND l.project_no = $2"
        "   AND l.label = dm.label('template', '', u.template_id) LIMIT $7::bigint) n),"
        " coalesce(r.n, 0),"
        " (SELECT dm.us(l.created_at) FROM dm.sandbox_label l WHERE l.account_no = $1 AND l.project_no = $2"
        "   AND l.label = dm.label('template', '', u.template_id) ORDER BY l.created_at DESC LIMIT 1)"
        " FROM dm.usable_templates($3, dm.ts($4::bigint), $5, $6) u LEFT JOIN r USING (template_id)"
        " ORDER BY u.created_at DESC, u.template_id",
        DM_PG_ROWS};

static const dm_pg_field fields[] = {
        {DM_COL_STR, offsetof(dm_usable, template_id)},
        {DM_COL_BOOL, offsetof(dm_usable, own)},
        {DM_COL_BOOL, offsetof(dm_usable, public)},
        {DM_COL_STR, offsetof(dm_usable, aliases)},
        {DM_COL_STR, offsetof(dm_usable, names)},
        {DM_COL_I64, offsetof(dm_usable, created_us)},
        {DM_COL_I64, offsetof(dm_usable, updated_us)},
        {DM_COL_MAYBE, offsetof(dm_usable, build_id)},
        {DM_COL_MAYBE, offsetof(dm_usable, status)},
        {DM_COL_I64, offsetof(dm_usable, vcpus)},
        {DM_COL_I64, offsetof(dm_usable, mem_mib)},
        {DM_COL_I64, offsetof(dm_usable, disk_mib)},
        {DM_COL_I64, offsetof(dm_usable, builds)},
        {DM_COL_I64, offsetof(dm_usable, total)},
        {DM_COL_I64, offsetof(dm_usable, started)},
        {DM_COL_I64, offsetof(dm_usable, running)},
        {DM_COL_I64, offsetof(dm_usable, used_us)},
};

static dm_pg_arg time_or_null(int64_t us)
{
    return us != 0 ? dm_pa_i64(us) : dm_pa_null();
}

int dm_usable_list(dm_pg *c, dm_owner owner, dm_str one, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(one),
            time_or_null(before_us), dm_pa_text(before_id), dm_pa_i64(limit), dm_pa_i64(DM_USABLE_COUNTED + 1)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

void dm_usable_read(const dm_pg_rows *rows, size_t i, dm_usable *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

static const dm_pg_stmt builds = {"usable_builds",
        "SELECT build_id, status, tags, vcpus, mem_mib, disk_mib, dm.us(created_at), dm.us(finished_at)"
        " FROM dm.usable_builds($1, dm.ts($2::bigint), $3::uuid, $4) ORDER BY created_at DESC, build_id",
        DM_PG_ROWS};

static const dm_pg_field build_fields[] = {
        {DM_COL_STR, offsetof(dm_usable_build, build_id)},
        {DM_COL_STR, offsetof(dm_usable_build, status)},
        {DM_COL_STR, offsetof(dm_usable_build, tags)},
        {DM_COL_I64, offsetof(dm_usable_build, vcpus)},
        {DM_COL_I64, offsetof(dm_usable_build, mem_mib)},
        {DM_COL_I64, offsetof(dm_usable_build, disk_mib)},
        {DM_COL_I64, offsetof(dm_usable_build, created_us)},
        {DM_COL_I64, offsetof(dm_usable_build, finished_us)},
};

int dm_usable_builds(dm_pg *c, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_text(template_id), time_or_null(before_us), dm_pa_text(before_id), dm_pa_i64(limit)};
    return dm_pg_exec(c, &builds, args, DM_LEN(args), rows, NULL, err);
}

void dm_usable_build_read(const dm_pg_rows *rows, size_t i, dm_usable_build *out)
{
    dm_pg_read(rows, i, 0, build_fields, DM_LEN(build_fields), out);
}
