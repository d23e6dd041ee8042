#include "metering/invoice/sql_bank.h"

int dm_sql_bank_file(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bank_file",
            "SELECT file_no, body, who FROM dm.bank_file WHERE state = 'ordered' ORDER BY file_no LIMIT 1",
            DM_PG_MAYBE};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_bank_file_put(dm_pg *c, int64_t file_no, const char *state, const char *outcome, int64_t now_s, dm_err *err)
{
    static const dm_pg_stmt st = {"bank_file_put",
            "UPDATE dm.bank_file SET state = $2, outcome = $3, done_at = dm.ts($4::bigint * 1000000) "
            "WHERE file_no = $1::bigint AND state = 'ordered'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(file_no), dm_pa_c(state), dm_pa_c(outcome), dm_pa_i64(now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_bank_seen(dm_pg *c, const dm_camt_entry *e, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"bank_seen",
            "SELECT EXISTS (SELECT FROM dm.bank_entry WHERE bank_account = $1 AND reference = $2)", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_c(e->account), dm_pa_c(e->reference)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_sql_bank_entry(dm_pg *c, int64_t file_no, const dm_camt_entry *e, const char *number, const char *outcome,
        const char *why, bool *added, dm_err *err)
{
    static const dm_pg_stmt st = {"bank_entry",
            "INSERT INTO dm.bank_entry (bank_account, reference, file_no, booked_on, currency, amount, words, "
            "invoice_number, outcome, why) VALUES ($1, $2, $3::bigint, $4::date, $5, $6::numeric, $7, $8, $9, $10) "
            "ON CONFLICT (bank_account, reference) DO NOTHING",
            DM_PG_NONE};
    char amount[DM_MONEY_TEXT];
    int64_t changed = 0;
    dm_money_print(e->amount, amount);
    const dm_pg_arg args[] = {dm_pa_c(e->account), dm_pa_c(e->reference), dm_pa_i64(file_no), dm_pa_c(e->day),
            dm_pa_c(e->currency), dm_pa_c(amount), dm_pa_c(e->text), dm_pa_c(number), dm_pa_c(outcome), dm_pa_c(why)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err);
    *added = changed == 1;
    return r;
}

int dm_sql_bank_invoice(dm_pg *c, const char *number, const char *currency, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bank_invoice",
            "SELECT account_no, invoice_no FROM dm.invoice WHERE number = $1 AND currency = $2 AND kind = 'invoice' "
            "ORDER BY entity_no LIMIT 1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(number), dm_pa_c(currency)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
