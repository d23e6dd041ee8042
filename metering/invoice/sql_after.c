#include "metering/invoice/sql_after.h"

int dm_sql_credited_lines(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_credited_lines",
            "SELECT l.of_line, sum(l.net) FROM dm.invoice i JOIN dm.invoice_line l USING (account_no, invoice_no) "
            "WHERE i.refers_to = $1::bigint GROUP BY l.of_line ORDER BY l.of_line",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(invoice_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_credited_taxes(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_credited_taxes",
            "SELECT t.tax_no, sum(t.base), sum(t.amount) FROM dm.invoice i JOIN dm.invoice_tax t "
            "USING (account_no, invoice_no) WHERE i.refers_to = $1::bigint GROUP BY t.tax_no ORDER BY t.tax_no",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(invoice_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_invoice_burnt(dm_pg *c, const dm_invoice_facts *f, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_burnt",
            "SELECT EXISTS (SELECT FROM dm.invoice_statement x JOIN dm.wallet_burn b ON b.account_no = x.account_no "
            "AND b.statement_no = x.number WHERE x.account_no = $1::bigint AND x.invoice_no = $2::bigint)",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_sql_payment(
        dm_pg *c, const dm_invoice_facts *f, const dm_paid *p, dm_money to_wallet, int64_t now_s, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_payment",
            "INSERT INTO dm.invoice_payment (account_no, invoice_no, currency, amount, to_wallet, received_on, how, "
            "reference, idem_key, at) VALUES ($1::bigint, $2::bigint, $3, $4::numeric, $5::numeric, "
            "(dm.ts($6::bigint * 1000000) AT TIME ZONE 'UTC')::date, $7, $8, $9, dm.ts($10::bigint * 1000000))",
            DM_PG_NONE};
    char amount[DM_MONEY_TEXT], rest[DM_MONEY_TEXT];
    dm_money_print(p->amount, amount);
    dm_money_print(to_wallet, rest);
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no), dm_pa_c(f->currency),
            dm_pa_c(amount), dm_pa_c(rest), dm_pa_i64(p->received_s), dm_pa_c(p->how), dm_pa_c(p->reference),
            dm_pa_c(p->idem_key), dm_pa_i64(now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
