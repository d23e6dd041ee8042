#include "tenants/plan/budget.h"

enum { ASKS_MAX = 2 << 20 }; /* as text: within DM_WK_BODY_MAX when they came */

static const dm_pg_stmt take = {"budget_take",
        "SELECT cause, left_s FROM dm.budget_take($1::bigint, $2::int, $3::smallint, $4::smallint, $5::smallint,"
        " $6::bigint, $7::bigint)",
        DM_PG_ONE};

int dm_budget_take(dm_pg *c, dm_owner owner, const dm_budget_size *size, dm_budget_short *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(size->region_no),
            dm_pa_i64(size->spec_table), dm_pa_i64(size->spec), dm_pa_i64(size->disk_mib), dm_pa_i64(DM_LEASE_FIRST_S)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &take, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_is_null(rows, 0, 0))
        return r;
    out->left_s = dm_pg_i64(rows, 0, 1);
    r = dm_cause_parse(dm_pg_str(rows, 0, 0), &out->cause, err);
    return r < 0 ? r : DM_BUDGET_SHORT;
}

static const dm_pg_stmt give_back = {
        "budget_give_back", "SELECT dm.budget_unpromise($1::bigint, $2::int, $3::bigint)", DM_PG_ONE};

int dm_budget_give_back(dm_pg *c, dm_owner owner, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_LEASE_FIRST_S)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    return dm_pg_exec(c, &give_back, args, DM_LEN(args), &rows, NULL, err);
}

/* --- workers ------------------------------------------------------------------------------------------------ */

static const dm_pg_stmt grant = {"budget_grant",
        "SELECT g.project_no, g.state, g.left_s, g.cause, g.account_no,"
        " g.state IN ('last', 'refused') AND coalesce(g.was, '') NOT IN ('last', 'refused'),"
        " g.state <> 'free' AND a.running > 0 AND g.left_s <= a.need_s + a.running"
        " FROM dm.budget_grant($1, $2, $3, $4::jsonb, $5::jsonb, $6) g JOIN jsonb_to_recordset($4::jsonb)"
        "  AS a (project_no int, need_s bigint, running bigint) ON a.project_no = g.project_no",
        DM_PG_ROWS};

static int text_of(const json_t *list, dm_buf *out, dm_err *err)
{
    dm_jw w;
    dm_buf_init(out, ASKS_MAX);
    dm_jw_init(&w, out);
    dm_jw_node(&w, list);
    return dm_buf_ok(out, err);
}

int dm_budget_grant(
        dm_pg *c, dm_worker_no worker, const dm_lease_asks *m, int64_t cap_s, dm_pg_rows **rows, dm_err *err)
{
    DM_AUTO_BUF asks, ran;
    dm_buf_init(&ran, ASKS_MAX);
    int r = text_of(m->asks, &asks, err);
    if (r == 0)
        r = text_of(m->ran, &ran, err);
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(m->boot), dm_pa_i64(m->seq),
            dm_pa_text(dm_buf_view(&asks)), dm_pa_text(dm_buf_view(&ran)), dm_pa_i64(cap_s)};
    return r < 0 ? r : dm_pg_exec(c, &grant, args, DM_LEN(args), rows, NULL, err);
}

void dm_budget_granted_read(const dm_pg_rows *rows, size_t row, dm_budget_granted *out)
{
    *out = (dm_budget_granted){.project_no = dm_pg_i64(rows, row, 0),
            .state = dm_pg_str(rows, row, 1),
            .left_s = dm_pg_i64(rows, row, 2),
            .cause = dm_pg_is_null(rows, row, 3) ? (dm_str){NULL, 0} : dm_pg_str(rows, row, 3),
            .owner = {{dm_pg_i64(rows, row, 4)}, {dm_pg_i64(rows, row, 0)}},
            .last = dm_pg_bool(rows, row, 5),
            .soon = dm_pg_bool(rows, row, 6)};
}
