#include <stdio.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/parse.h"

#include "tenants/plan/audit.h"
#include "tenants/who/projects.h"

/* --- shown -------------------------------------------------------------------------------------------------- */

/* Of who asks ($2) also what he is in all of the account. */
#define PROJECT                                                                                                        \
    "SELECT p.project_no::bigint, p.id, p.slug, p.name, r.name, a.id, coalesce(a.name, a.legal_name), a.tier,"         \
    " coalesce((SELECT string_agg(DISTINCT m.role, ',' ORDER BY m.role) FROM dm.member m"                              \
    "  WHERE m.account_no = $1 AND m.project_no IN (0, p.project_no) AND m.person_no = $2), ''),"                      \
    " coalesce(q.running, 0)::bigint, coalesce(q.asleep_mib, 0),"                                                      \
    " (SELECT count(DISTINCT m.person_no) FROM dm.member m WHERE m.account_no = $1"                                    \
    "  AND m.project_no IN (0, p.project_no)), dm.us(p.created_at),"                                                   \
    " dm.us(p.removal_at), dm.us(p.removal_ends), p.removal_by"                                                        \
    " FROM dm.project p JOIN dm.account a USING (account_no) JOIN dm.region r USING (region_no)"                       \
    " LEFT JOIN dm.quota_use q USING (account_no, project_no)"

static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_projects_row, no)},
        {DM_COL_STR, offsetof(dm_projects_row, id)}, {DM_COL_STR, offsetof(dm_projects_row, slug)},
        {DM_COL_STR, offsetof(dm_projects_row, name)}, {DM_COL_STR, offsetof(dm_projects_row, region)},
        {DM_COL_STR, offsetof(dm_projects_row, account_id)}, {DM_COL_STR, offsetof(dm_projects_row, account)},
        {DM_COL_STR, offsetof(dm_projects_row, tier)}, {DM_COL_STR, offsetof(dm_projects_row, roles)},
        {DM_COL_I64, offsetof(dm_projects_row, running)}, {DM_COL_I64, offsetof(dm_projects_row, asleep_mib)},
        {DM_COL_I64, offsetof(dm_projects_row, members)}, {DM_COL_I64, offsetof(dm_projects_row, created_us)},
        {DM_COL_I64, offsetof(dm_projects_row, removal_us)}, {DM_COL_I64, offsetof(dm_projects_row, removal_ends_us)},
        {DM_COL_STR, offsetof(dm_projects_row, removal_by)}};

static const dm_pg_stmt list = {"projects_list",
        PROJECT
        " WHERE p.account_no = $1 AND p.project_no > $3 AND p.removed_at IS NULL ORDER BY p.project_no LIMIT $4",
        DM_PG_ROWS};
static const dm_pg_stmt one = {"projects_one", PROJECT " WHERE p.account_no = $1 AND p.project_no = $3", DM_PG_ONE};
static const dm_pg_stmt total = {
        "projects_total", DM_PG_COUNT("FROM dm.project p WHERE p.account_no = $1 AND p.removed_at IS NULL"), DM_PG_ONE};

int dm_projects_list(dm_pg *c, const dm_caller *by, dm_project_no after, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(by->owner.account.v), dm_pa_i64(by->person.v), dm_pa_i64(after.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

int dm_projects_total(dm_pg *c, dm_owner owner, dm_pg_total *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(owner.account.v);
    return dm_pg_count_of(c, &total, &arg, 1, out, err);
}

int dm_projects_one(dm_pg *c, const dm_caller *by, dm_pg_rows **rows, dm_projects_row *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->person.v), dm_pa_i64(by->owner.project.v)};
    int r = dm_pg_exec(c, &one, args, DM_LEN(args), rows, NULL, err);
    if (r == 0)
        dm_projects_row_read(*rows, 0, out);
    return r;
}

void dm_projects_row_read(const dm_pg_rows *rows, size_t i, dm_projects_row *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

/* --- made and renamed --------------------------------------------------------------------------------------- */

/* The account's row is locked, so that of two at once the second counts the first. */
static const dm_pg_stmt room = {"projects_room",
        "SELECT coalesce((dm.account_limits($1) ->> 'projects_max')::bigint, 0) FROM dm.account WHERE account_no = $1"
        " FOR NO KEY UPDATE",
        DM_PG_ONE};
static const dm_pg_stmt count = {"projects_count", "SELECT dm.projects_in($1)", DM_PG_ONE};
static const dm_pg_stmt add = {"projects_add",
        "INSERT INTO dm.project (account_no, slug, name, region_no)"
        " SELECT $1, $2, $3, r.region_no FROM dm.region r WHERE r.name = $4"
        " ON CONFLICT (slug) DO NOTHING RETURNING project_no::bigint",
        DM_PG_MAYBE};
static const dm_pg_stmt priced = {"projects_priced",
        "SELECT EXISTS (SELECT FROM dm.account a, dm.priced_groups(a.tier, a.currency) b"
        " JOIN dm.region r ON r.price_group = b WHERE a.account_no = $1 AND r.name = $2)",
        DM_PG_ONE};
static const dm_pg_stmt rename_one = {"projects_rename",
        "WITH was AS (SELECT name FROM dm.project WHERE account_no = $1 AND project_no = $2)"
        " UPDATE dm.project p SET name = $3 FROM was WHERE p.account_no = $1 AND p.project_no = $2 RETURNING was.name",
        DM_PG_ONE};

static int audit(dm_pg *c, const dm_caller *by, dm_project_no project, const char *verb, const char *slug,
        dm_str detail, dm_err *err)
{
    char object[80];
    (void)snprintf(object, sizeof object, "project:%.64s", slug);
    const dm_audit line = {
            .owner = {by->owner.account, project}, .who = by->who, .verb = verb, .object = object, .detail = detail};
    return dm_audit_add(c, &line, err);
}

/* There must be room, and prices. */
static int may_be_added(dm_pg *c, const dm_caller *by, dm_projects_new *want, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_c(want->region)};
    DM_AUTO(dm_pg_rows) most = NULL;
    DM_AUTO(dm_pg_rows) has = NULL;
    DM_AUTO(dm_pg_rows) has_prices = NULL;
    int r = dm_pg_exec(c, &room, args, 1, &most, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &count, args, 1, &has, NULL, err);
    if (r < 0)
        return r;
    want->limit = dm_pg_i64(most, 0, 0);
    want->current = dm_pg_i64(has, 0, 0);
    if (want->current >= want->limit)
        return DM_PROJECTS_FULL;
    r = dm_pg_exec(c, &priced, args, DM_LEN(args), &has_prices, NULL, err);
    return r < 0 || dm_pg_bool(has_prices, 0, 0) ? r : DM_PROJECTS_NO_PRICES;
}

static int insert(dm_pg *c, const dm_caller *by, const dm_projects_new *want, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(by->owner.account.v), dm_pa_c(want->made), dm_pa_text(want->name), dm_pa_c(want->region)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_PROJECTS_TAKEN;
    const dm_project_no no = {dm_pg_i64(rows, 0, 0)};
    return audit(c, by, no, "project.add", want->made, (dm_str){NULL, 0}, err);
}

/* One of its own: the name's, and where somebody has that, with a mark behind it. */
static int insert_named(dm_pg *c, const dm_caller *by, dm_projects_new *want, dm_err *err)
{
    uint8_t mark[4];
    char stem[DM_SLUG_TEXT], hex[2 * sizeof mark + 1];
    dm_slug_of(want->name, stem);
    memcpy(want->made, stem, sizeof want->made);
    int r = insert(c, by, want, err);
    if (r != DM_PROJECTS_TAKEN)
        return r;
    r = dm_random(mark, sizeof mark, err);
    if (r < 0)
        return r;
    dm_hex(mark, sizeof mark, hex);
    (void)snprintf(want->made, sizeof want->made, "%.40s-%s", stem, hex);
    return insert(c, by, want, err);
}

int dm_projects_add(dm_pg *c, const dm_caller *by, dm_projects_new *want, dm_err *err)
{
    int r = may_be_added(c, by, want, err);
    if (r != 0)
        return r;
    if (want->slug.n == 0)
        return insert_named(c, by, want, err);
    r = dm_str_to_array(want->slug, want->made, sizeof want->made, err);
    return r < 0 ? r : insert(c, by, want, err);
}

int dm_projects_rename(dm_pg *c, const dm_caller *by, dm_str name, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_text(name)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    DM_AUTO_BUF detail;
    dm_jw j;
    int r = dm_pg_exec(c, &rename_one, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    dm_buf_init(&detail, 4096);
    dm_jw_init(&j, &detail);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "was", dm_pg_str(rows, 0, 0));
    dm_jw_kstr(&j, "is", name);
    dm_jw_end(&j);
    r = dm_buf_ok(&detail, err);
    return r < 0 ? r : audit(c, by, by->owner.project, "project.change", by->slug, dm_buf_view(&detail), err);
}
