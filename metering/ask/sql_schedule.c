#include <stddef.h>

#include "metering/ask/schedule.h"

int dm_schedule_add(dm_pg *c, dm_account_no account, const char *dataset, const char *format, const char *who,
        char id[DM_UUID_TEXT], dm_err *err)
{
    static const dm_pg_stmt add = {"schedule_add",
            "INSERT INTO dm.export_schedule (account_no, dataset, format, who) VALUES ($1::bigint, $2, $3, $4) ON "
            "CONFLICT (account_no, dataset, format) DO NOTHING RETURNING id",
            DM_PG_MAYBE};
    static const dm_pg_stmt is = {"schedule_is",
            "SELECT id FROM dm.export_schedule WHERE account_no = $1::bigint AND dataset = $2 AND format = $3",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_c(dataset), dm_pa_c(format), dm_pa_c(who)};
    DM_AUTO(dm_pg_rows) made = NULL;
    DM_AUTO(dm_pg_rows) there = NULL;
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), &made, NULL, err);
    bool again = r == 0 && dm_pg_count(made) == 0;
    if (again)
        r = dm_pg_exec(c, &is, args, 3, &there, NULL, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(again ? there : made, 0, 0), id, DM_UUID_TEXT, err);
    return r == 0 && again ? DM_SCHEDULE_AGAIN : r;
}

int dm_schedule_end(dm_pg *c, dm_account_no account, dm_str id, dm_err *err)
{
    static const dm_pg_stmt st = {"schedule_end",
            "DELETE FROM dm.export_schedule WHERE account_no = $1::bigint AND id = $2::uuid", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_text(id)};
    int64_t changed = 0;
    int r = dm_uuid_ok(id) ? dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err) : 0;
    return r < 0 ? r : changed == 1 ? 0 : DM_SCHEDULE_NONE;
}

int dm_schedule_list(dm_pg *c, dm_account_no account, dm_str id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"schedule_list",
            "SELECT schedule_no, dm.us(made_at), id, dataset, format, CASE WHEN who LIKE 'operator:%' THEN 'operator' "
            "ELSE who END, CASE WHEN isfinite(through) THEN to_char(through, 'YYYY-MM') END FROM dm.export_schedule "
            "WHERE account_no = $1::bigint AND ($2::uuid IS NULL OR id = $2::uuid) ORDER BY schedule_no",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_text(id)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_schedule_read(const dm_pg_rows *rows, size_t i, dm_schedule *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_schedule, no)},
            {DM_COL_I64, offsetof(dm_schedule, made_us)}, {DM_COL_STR, offsetof(dm_schedule, id)},
            {DM_COL_STR, offsetof(dm_schedule, dataset)}, {DM_COL_STR, offsetof(dm_schedule, format)},
            {DM_COL_STR, offsetof(dm_schedule, who)}, {DM_COL_MAYBE, offsetof(dm_schedule, through)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
