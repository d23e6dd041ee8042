#include "tenants/template.h"

static const dm_pg_stmt find = {"template_find",
        "SELECT template_id, owner_project_no, public, alias, build_id, image, vcpus, mem_mib, disk_mib, default_user,"
        " workdir, env, tagged FROM dm.find_template($1::int, $2::text, $3::text, $4::text)",
        DM_PG_MAYBE};

static dm_str maybe(const dm_pg_rows *r, size_t i, unsigned col)
{
    return dm_pg_is_null(r, i, col) ? (dm_str){NULL, 0} : dm_pg_str(r, i, col);
}

int dm_template_find(dm_pg *c, int64_t project_no, const dm_template_name *name, dm_template *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(project_no), name->space[0] != '\0' ? dm_pa_c(name->space) : dm_pa_null(),
            dm_pa_c(name->alias), dm_pa_c(name->tag)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    dm_template_done(out);
    if (dm_pg_count(rows) == 0)
        return DM_TEMPLATE_NONE;
    *out = (dm_template){.template_id = dm_pg_str(rows, 0, 0),
            .owner_project_no = dm_pg_i64(rows, 0, 1),
            .public = dm_pg_bool(rows, 0, 2),
            .alias = maybe(rows, 0, 3),
            .build_id = maybe(rows, 0, 4),
            .image = maybe(rows, 0, 5),
            .vcpus = dm_pg_i64(rows, 0, 6),
            .mem_mib = dm_pg_i64(rows, 0, 7),
            .disk_mib = dm_pg_i64(rows, 0, 8),
            .user = dm_pg_str(rows, 0, 9),
            .workdir = dm_pg_str(rows, 0, 10),
            .env = dm_pg_str(rows, 0, 11),
            .tagged = dm_pg_bool(rows, 0, 12)};
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

int dm_template_list(dm_pg *c, int64_t account_no, int64_t project_no, dm_str template_id, int64_t before_us,
        dm_str before_id, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(project_no), dm_pa_text(template_id),
            before_us != 0 ? dm_pa_i64(before_us) : dm_pa_null(), dm_pa_text(before_id), dm_pa_i64(limit)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

void dm_template_row_read(const dm_pg_rows *r, size_t i, dm_template_row *out)
{
    *out = (dm_template_row){.template_id = dm_pg_str(r, i, 0),
            .public = dm_pg_bool(r, i, 1),
            .aliases = dm_pg_str(r, i, 2),
            .names = dm_pg_str(r, i, 3),
            .created_us = dm_pg_i64(r, i, 4),
            .updated_us = dm_pg_i64(r, i, 5),
            .last_spawned_us = dm_pg_i64(r, i, 6),
            .spawn_count = dm_pg_i64(r, i, 7),
            .build_id = dm_pg_str(r, i, 8),
            .status = dm_pg_str(r, i, 9),
            .vcpus = dm_pg_i64(r, i, 10),
            .mem_mib = dm_pg_i64(r, i, 11),
            .disk_mib = dm_pg_i64(r, i, 12),
            .build_count = dm_pg_i64(r, i, 13)};
}

static const dm_pg_stmt made_of = {
        "build_find", "SELECT image, default_user, workdir, env FROM dm.find_build($1::uuid)", DM_PG_MAYBE};

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
    *out = (dm_build_made_of){.image = dm_pg_str(rows, 0, 0),
            .user = dm_pg_str(rows, 0, 1),
            .workdir = dm_pg_str(rows, 0, 2),
            .env = dm_pg_str(rows, 0, 3)};
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

int dm_build_list(dm_pg *c, int64_t account_no, int64_t project_no, dm_str template_id, int64_t before_us,
        dm_str before_id, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(project_no), dm_pa_text(template_id),
            before_us != 0 ? dm_pa_i64(before_us) : dm_pa_null(), dm_pa_text(before_id), dm_pa_i64(limit)};
    return dm_pg_exec(c, &builds, args, DM_LEN(args), rows, NULL, err);
}

void dm_build_row_read(const dm_pg_rows *r, size_t i, dm_build_row *out)
{
    *out = (dm_build_row){.build_id = dm_pg_str(r, i, 0),
            .status = dm_pg_str(r, i, 1),
            .created_us = dm_pg_i64(r, i, 2),
            .updated_us = dm_pg_i64(r, i, 3),
            .finished_us = dm_pg_i64(r, i, 4),
            .vcpus = dm_pg_i64(r, i, 5),
            .mem_mib = dm_pg_i64(r, i, 6),
            .disk_mib = dm_pg_i64(r, i, 7)};
}
