#include <stdio.h>

#include "base/crypto.h"

#include "tenants/plan/audit.h"
#include "tenants/sandbox/template.h"

static const dm_pg_stmt find = {"offer_find",
        "SELECT template_id FROM dm.template_alias WHERE account_no = $1 AND project_no = $2 AND alias = $3",
        DM_PG_MAYBE};
static const dm_pg_stmt add = {"offer_add",
        "INSERT INTO dm.template (account_no, project_no, template_id, public) VALUES ($1, $2, $3, true)", DM_PG_NONE};
static const dm_pg_stmt add_alias = {"offer_add_alias",
        "INSERT INTO dm.template_alias (account_no, project_no, template_id, alias) VALUES ($1, $2, $3, $4)",
        DM_PG_NONE};
static const dm_pg_stmt find_build = {"offer_find_build",
        "SELECT b.build_id FROM dm.template_tag g JOIN dm.template_build b USING (build_id)"
        " WHERE g.template_id = $1 AND g.tag = 'default' AND b.image = $2 AND b.vcpus = $3 AND b.mem_mib = $4"
        " AND b.disk_mib = $5 AND b.status = 'ready'",
        DM_PG_MAYBE};
static const dm_pg_stmt add_build = {"offer_add_build",
        "INSERT INTO dm.template_build (account_no, project_no, template_id, status, image, vcpus, mem_mib, disk_mib,"
        " finished_at) VALUES ($1, $2, $3, 'ready', $4, $5, $6, $7, now()) RETURNING build_id",
        DM_PG_ONE};
static const dm_pg_stmt set_tag = {"offer_set_tag",
        "INSERT INTO dm.template_tag (account_no, project_no, template_id, tag, build_id)"
        " VALUES ($1, $2, $3, 'default', $4::uuid)"
        " ON CONFLICT (account_no, project_no, template_id, tag) DO UPDATE SET build_id = excluded.build_id",
        DM_PG_NONE};

static int template_of(dm_pg *c, dm_owner owner, const char *alias, dm_template_id *out, dm_err *err)
{
    uint8_t random[16];
    DM_AUTO(dm_pg_rows) rows = NULL;
    const dm_pg_arg by_alias[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(alias)};
    int r = dm_pg_exec(c, &find, by_alias, DM_LEN(by_alias), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 1)
        return dm_str_to_array(dm_pg_str(rows, 0, 0), out->s, sizeof out->s, err);
    r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    *out = dm_template_id_of_random(random);
    const dm_pg_arg args[] = {by_alias[0], by_alias[1], dm_pa_c(out->s), dm_pa_c(alias)};
    r = dm_pg_exec(c, &add, args, 3, NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &add_alias, args, DM_LEN(args), NULL, NULL, err);
}

int dm_template_offer(dm_pg *c, const char *who, dm_owner owner, const char *alias, const dm_build_spec *build,
        bool *changed, dm_err *err)
{
    dm_template_id id;
    char object[32];
    DM_AUTO(dm_pg_rows) there = NULL;
    DM_AUTO(dm_pg_rows) made = NULL;
    int r = template_of(c, owner, alias, &id, err);
    if (r < 0)
        return r;
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(id.s),
            dm_pa_c(build->image), dm_pa_i64(build->vcpus), dm_pa_i64(build->mem_mib), dm_pa_i64(build->disk_mib)};
    r = dm_pg_exec(c, &find_build, args + 2, 5, &there, NULL, err);
    if (r < 0)
        return r;
    *changed = dm_pg_count(there) == 0; /* a template that is new has no build either */
    if (!*changed)
        return 0;
    r = dm_pg_exec(c, &add_build, args, DM_LEN(args), &made, NULL, err);
    if (r < 0)
        return r;
    const dm_pg_arg tag_args[] = {args[0], args[1], args[2], dm_pa_text(dm_pg_str(made, 0, 0))};
    r = dm_pg_exec(c, &set_tag, tag_args, DM_LEN(tag_args), NULL, NULL, err);
    if (r < 0)
        return r;
    (void)snprintf(object, sizeof object, "template:%s", id.s);
    const dm_audit line = {.owner = owner, .who = who, .verb = "template.offer", .object = object};
    return dm_audit_add(c, &line, err);
}
