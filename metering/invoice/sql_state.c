#include "metering/invoice/sql_state.h"

int dm_sql_invoice_turn(dm_pg *c, dm_account_no account_no, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_turn",
            "SELECT pg_advisory_xact_lock(hashtextextended('dm.invoice:' || $1::bigint, 0))", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_state_load(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_state_load",
            "SELECT i.account_no, i.number, i.currency, i.total, i.prepaid, i.discount, s.paid, s.credited, s.open, "
            "(i.due_on - DATE '1970-01-01')::bigint * 86400, s.disputed, s.uncollectible, s.voided "
            "FROM dm.invoice i JOIN dm.invoice_state s USING (account_no, invoice_no) WHERE i.invoice_no = $1::bigint "
            "AND i.kind = 'invoice'",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(invoice_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_state_first(dm_pg *c, const dm_invoice_facts *f, const char *status, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_state_first",
            "INSERT INTO dm.invoice_state (account_no, invoice_no, status, open, due_on) VALUES ($1::bigint, "
            "$2::bigint, $3, $4::numeric, (dm.ts($5::bigint * 1000000) AT TIME ZONE 'UTC')::date)",
            DM_PG_NONE};
    char open[DM_MONEY_TEXT];
    dm_money_print(f->open, open);
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no), dm_pa_c(status), dm_pa_c(open),
            f->due_s != 0 ? dm_pa_i64(f->due_s) : dm_pa_null()};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_state_put(dm_pg *c, const dm_invoice_facts *f, const char *status, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_state_put",
            "UPDATE dm.invoice_state SET status = $3, paid = $4::numeric, credited = $5::numeric, open = $6::numeric, "
            "disputed = $7::boolean, uncollectible = $8::boolean, voided = $9::boolean "
            "WHERE account_no = $1::bigint AND invoice_no = $2::bigint",
            DM_PG_NONE};
    char paid[DM_MONEY_TEXT], credited[DM_MONEY_TEXT], open[DM_MONEY_TEXT];
    dm_money_print(f->paid, paid);
    dm_money_print(f->credited, credited);
    dm_money_print(f->open, open);
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no), dm_pa_c(status), dm_pa_c(paid),
            dm_pa_c(credited), dm_pa_c(open), dm_pa_bool(f->disputed), dm_pa_bool(f->uncollectible),
            dm_pa_bool(f->voided)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_state_event(dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *status, const char *why,
        const char *who, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_state_event",
            "WITH s AS (UPDATE dm.invoice_state SET events = events + 1 WHERE account_no = $1::bigint "
            "AND invoice_no = $2::bigint RETURNING account_no, invoice_no, events) INSERT INTO dm.invoice_event "
            "SELECT account_no, invoice_no, events, dm.ts($3::bigint * 1000000), $4, $5, $6 FROM s",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no), dm_pa_i64(now_s), dm_pa_c(status),
            dm_pa_c(why), dm_pa_c(who)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_state_overdue(dm_pg *c, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_state_overdue",
            "SELECT account_no, invoice_no FROM dm.invoice_state WHERE status IN ('issued', 'partially_paid') "
            "AND due_on < (dm.ts($1::bigint * 1000000) AT TIME ZONE 'UTC')::date ORDER BY due_on, invoice_no "
            "LIMIT $2::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(now_s), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_invoice_mail(dm_pg *c, const char *cause, dm_str to, const char *subject, dm_str body, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_mail",
            "INSERT INTO dm.mail (cause, recipient, subject, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(cause), dm_pa_text(to), dm_pa_c(subject), dm_pa_text(body)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_invoice_let_go(dm_pg *c, const dm_invoice_facts *f, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_let_go",
            "UPDATE dm.invoice_statement SET live = false WHERE account_no = $1::bigint AND invoice_no = $2::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_i64(f->invoice_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
