#include <stddef.h>

#include "tenants/sandbox/template.h"

static const dm_pg_stmt find = {"template_find",
        "SELECT template_id, owner_project_no, public, alias, build_id, image, vcpus, mem_mib, disk_mib, default_user,"
        " workdir, env, tagged FROM dm.find_template($1::int, $2::text, $3::text, $4::text)",
        DM_PG_MAYBE};

static const dm_pg_field template_fields[] = {
        {DM_COL_STR, offsetof(dm_template, template_id)},
        {DM_COL_I64, offsetof(dm_template, owner.v)},
        {DM_COL_BOOL, offsetof(dm_template, public)},
        {DM_COL_MAYBE, offsetof(dm_template, alias)},
        {DM_COL_MAYBE, offsetof(dm_template, build_id)},
        {DM_COL_MAYBE, offsetof(dm_template, image)},
        {DM_COL_I64, offsetof(dm_template, vcpus)},
        {DM_COL_I64, offsetof(dm_template, mem_mib)},
        {DM_COL_I64, offsetof(dm_template, disk_mib)},
        {DM_COL_STR, offsetof(dm_template, user)},
        {DM_COL_STR, offsetof(dm_template, workdir)},
        {DM_COL_STR, offsetof(dm_template, env)},
        {DM_COL_BOOL, offsetof(dm_template, tagged)},
};

int dm_template_find(dm_pg *c, dm_project_no project, const dm_template_name *name, dm_template *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(project.v), name->space[0] != '\0' ? dm_pa_c(name->space) : dm_pa_null(),
            dm_pa_c(name->alias), dm_pa_c(name->tag)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    dm_template_done(out);
    if (dm_pg_count(rows) == 0)
        return DM_TEMPLATE_NONE;
    dm_pg_read(rows, 0, 0, template_fields, DM_LEN(template_fields), out);
    out->rows = dm_steal(&rows);
    return 0;
}

static const dm_pg_stmt list = {"template_list",
        "SELECT t.template_id, t.public, coalesce(a.aliases, '[]'), coalesce(a.names, '[]'), dm.us(t.created_at),"
        " dm.us(t.updated_at), dm.us(t.last_spawned_at), t.spawn_count, b.build_id, b.status, b.vcpus, b.mem_mib,"
        " b.disk_mib, (SELECT count(*) FROM dm.template_build n WHERE n.template_id = t.template_id)"
        " FROM dm.template t"
        " LEFT JOIN LATERAL (SELECT jsonb_agg(x.alias ORDER BY x.alias) AS aliases,"
        "   jsonb_agg(p.slug || '/' || x.alias ORDER BY x.alias) AS names"
        "   FROM dm.template_alias x JOIN dm.project p USING (account_no, project_no)"
        "   WHERE x.template_id = t.template_id) a ON true"
        " LEFT JOIN LATERAL (SELECT n.* FROM dm.template_build n WHERE n.template_id = t.template_id"
        "   ORDER BY n.created_at DESC, n.build_id LIMIT 1) b ON true"
        " WHERE t.account_no = $1 AND t.project_no = $2 AND ($3::text IS NULL OR t.template_id = $3::text)"
        " AND ($4::bigint IS NULL OR t.created_at < dm.ts($4::bigint)"
        "      OR (t.created_at = dm.ts($4::bigint) AND t.template_id > $5::text))"
        " ORDER BY t.created_at DESC, t.template_id LIMIT $6",
        DM_PG_ROWS};

static const dm_pg_field row_fields[] = {
        {DM_COL_STR, offsetof(dm_template_row, template_id)},
        {DM_COL_BOOL, offsetof(dm_template_row, public)},
        {DM_COL_STR, offsetof(dm_template_row, aliases)},
        {DM_COL_STR, offsetof(dm_template_row, names)},
        {DM_COL_I64, offsetof(dm_template_row, created_us)},
        {DM_COL_I64, offsetof(dm_template_row, updated_us)},
        {DM_COL_I64, offsetof(dm_template_row, last_spawned_us)},
        {DM_COL_I64, offsetof(dm_template_row, spawn_count)},
        {DM_COL_STR, offsetof(dm_template_row, build_id)},
        {DM_COL_STR, offsetof(dm_template_row, status)},
        {DM_COL_I64, offsetof(dm_template_row, vcpus)},
        {DM_COL_I64, offsetof(dm_template_row, mem_mib)},
        {DM_COL_I64, offsetof(dm_template_row, disk_mib)},
        {DM_COL_I64, offsetof(dm_template_row, build_count)},
};

/* Both lists take the same: whose, of which template, after what, how many. */
static int page(dm_pg *c, const dm_pg_stmt *st, dm_owner owner, dm_str template_id, int64_t before_us, dm_str before_id,
        int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(template_id),
            before_us != 0 ? dm_pa_i64(before_us) : dm_pa_null(), dm_pa_text(before_id), dm_pa_i64(limit)};
    return dm_pg_exec(c, st, args, DM_LEN(args), rows, NULL, err);
}

int dm_template_list(dm_pg *c, dm_owner owner, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err)
{
    return page(c, &list, owner, template_id, before_us, before_id, limit, rows, err);
}

void dm_template_row_read(const dm_pg_rows *rows, size_t i, dm_template_row *out)
{
    dm_pg_read(rows, i, 0, row_fields, DM_LEN(row_fields), out);
}

static const dm_pg_stmt made_of = {
        "build_find", "SELECT image, default_user, workdir, env FROM dm.find_build($1::uuid)", DM_PG_MAYBE};

static const dm_pg_field made_of_fields[] = {
        {DM_COL_STR, offsetof(dm_build_made_of, image)},
        {DM_COL_STR, offsetof(dm_build_made_of, user)},
        {DM_COL_STR, offsetof(dm_build_made_of, workdir)},
        {DM_COL_STR, offsetof(dm_build_made_of, env)},
};

int dm_build_find(dm_pg *c, dm_str build_id, dm_build_made_of *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_text(build_id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &made_of, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_TEMPLATE_NONE;
    dm_pg_rows_free(out->rows);
    dm_pg_read(rows, 0, 0, made_of_fields, DM_LEN(made_of_fields), out);
    out->rows = dm_steal(&rows);
    return 0;
}

static const dm_pg_stmt builds = {"build_list",
        "SELECT build_id, status, dm.us(created_at), dm.us(updated_at), dm.us(finished_at), vcpus, mem_mib, disk_mib"
        " FROM dm.template_build WHERE account_no = $1 AND project_no = $2 AND template_id = $3"
        " AND ($4::bigint IS NULL OR created_at < dm.ts($4::bigint)"
        "      OR (created_at = dm.ts($4::bigint) AND build_id > $5::uuid))"
        " ORDER BY created_at DESC, build_id LIMIT $6",
        DM_PG_ROWS};

static const dm_pg_field build_fields[] = {
        {DM_COL_STR, offsetof(dm_build_row, build_id)},
        {DM_COL_STR, offsetof(dm_build_row, status)},
        {DM_COL_I64, offsetof(dm_build_row, created_us)},
        {DM_COL_I64, offsetof(dm_build_row, updated_us)},
        {DM_COL_I64, offsetof(dm_build_row, finished_us)},
        {DM_COL_I64, offsetof(dm_build_row, vcpus)},
        {DM_COL_I64, offsetof(dm_build_row, mem_mib)},
        {DM_COL_I64, offsetof(dm_build_row, disk_mib)},
};

int dm_build_list(dm_pg *c, dm_owner owner, dm_str template_id, int64_t before_us, dm_str before_id, int64_t limit,
        dm_pg_rows **rows, dm_err *err)
{
    return page(c, &builds, owner, template_id, before_us, before_id, limit, rows, err);
}

void dm_build_row_read(const dm_pg_rows *rows, size_t i, dm_build_row *out)
{
    dm_pg_read(rows, i, 0, build_fields, DM_LEN(build_fields), out);
}

static const dm_pg_stmt spawned = {"template_spawned",
        "UPDATE dm.template SET spawn_count = spawn_count + $2,"
        " last_spawned_at = greatest(last_spawned_at, dm.ts($3)) WHERE template_id = $1",
        DM_PG_NONE};

int dm_template_spawned(dm_pg *c, const char *template_id, int64_t count, int64_t last_us, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(template_id), dm_pa_i64(count), dm_pa_i64(last_us)};
    return dm_pg_batch_add(c, &spawned, args, DM_LEN(args), err);
}
