#include "metering/invoice/sql_order.h"

int dm_sql_order_take(dm_pg *c, int64_t after, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_order_take",
            "SELECT order_no, account_no, kind, invoice_no, dm.us(month::timestamp AT TIME ZONE 'UTC') / 1000000, "
            "dm.us((month + interval '1 month') AT TIME ZONE 'UTC') / 1000000, amount, detail, who, why, idem_key "
            "FROM dm.invoice_order WHERE state = 'ordered' AND order_no > $1::bigint ORDER BY order_no LIMIT 1 "
            "FOR UPDATE SKIP LOCKED",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(after)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_order_put(dm_pg *c, int64_t order_no, const char *state, dm_str outcome, int64_t now_s, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_order_put",
            "UPDATE dm.invoice_order SET state = $2, outcome = $3::jsonb, done_at = dm.ts($4::bigint * 1000000) "
            "WHERE order_no = $1::bigint AND state = 'ordered'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(order_no), dm_pa_c(state), dm_pa_text(outcome), dm_pa_i64(now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
