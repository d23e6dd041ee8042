#include "metering/export/data/sql_rows.h"

int dm_sql_rows_prepare(dm_pg *c, dm_err *err)
{
    static const dm_pg_stmt st = {"rows_prepare",
            "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), "
            "set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true)",
            DM_PG_ONE};
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

int dm_sql_rows_entity(dm_pg *c, int64_t entity_no, dm_err *err)
{
    static const dm_pg_stmt st = {
            "rows_entity", "SELECT set_config('dm.entity_no', $1::bigint::text, true)", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(entity_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_rows_all(dm_pg *c, const dm_pg_stmt *st, const dm_data_range *range, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(range->no), dm_pa_i64(range->from), dm_pa_i64(range->to)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_rows_count(dm_pg *c, const dm_pg_stmt *count, const dm_data_range *range, int64_t *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_rows_all(c, count, range, &rows, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_rows_open(dm_pg *c, const dm_data_source *from, const dm_data_range *range, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(range->no), dm_pa_i64(range->from), dm_pa_i64(range->to)};
    return dm_pg_exec(c, &from->open, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_rows_fetch(dm_pg *c, const dm_data_source *from, dm_pg_rows **out, dm_err *err)
{
    return dm_pg_exec(c, &from->fetch, NULL, 0, out, NULL, err);
}

int dm_sql_rows_close(dm_pg *c, const dm_data_source *from, dm_err *err)
{
    return dm_pg_exec(c, &from->close, NULL, 0, NULL, NULL, err);
}
