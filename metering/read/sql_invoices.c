#include <stddef.h>

#include "metering/read/invoices.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "i.invoice_no, dm.us(i.issued_at), dm.us(i.period_start), dm.us(i.period_end), (SELECT a.id FROM dm.account a "    \
    "WHERE a.account_no = i.account_no), i.number, i.kind, coalesce(s.status, 'issued'), coalesce((SELECT e.why FROM " \
    "dm.invoice_event e WHERE e.account_no = i.account_no AND e.invoice_no = i.invoice_no ORDER BY e.n DESC LIMIT "    \
    "1), "                                                                                                             \
    "'issued'), i.currency, i.net, i.tax, i.total, i.prepaid, coalesce(s.paid, 0.000000000000000000), "                \
    "coalesce(s.credited, 0.000000000000000000), coalesce(s.open, 0.000000000000000000), i.due_on, (SELECT r.number "  \
    "FROM dm.invoice r WHERE r.invoice_no = i.refers_to), i.reason "
#define TABLES "FROM dm.invoice i LEFT JOIN dm.invoice_state s USING (account_no, invoice_no) "
#define FOUND                                                                                                          \
    "WHERE ($1::bigint = 0 OR i.account_no = $1::bigint) AND ($2::text IS NULL OR coalesce(s.status, 'issued') = $2) "

static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_invoices_row, no)},
        {DM_COL_I64, offsetof(dm_invoices_row, issued_us)}, {DM_COL_I64, offsetof(dm_invoices_row, from_us)},
        {DM_COL_I64, offsetof(dm_invoices_row, to_us)}, {DM_COL_STR, offsetof(dm_invoices_row, account)},
        {DM_COL_STR, offsetof(dm_invoices_row, number)}, {DM_COL_STR, offsetof(dm_invoices_row, kind)},
        {DM_COL_STR, offsetof(dm_invoices_row, status)}, {DM_COL_STR, offsetof(dm_invoices_row, why)},
        {DM_COL_STR, offsetof(dm_invoices_row, currency)}, {DM_COL_STR, offsetof(dm_invoices_row, net)},
        {DM_COL_STR, offsetof(dm_invoices_row, tax)}, {DM_COL_STR, offsetof(dm_invoices_row, total)},
        {DM_COL_STR, offsetof(dm_invoices_row, prepaid)}, {DM_COL_STR, offsetof(dm_invoices_row, paid)},
        {DM_COL_STR, offsetof(dm_invoices_row, credited)}, {DM_COL_STR, offsetof(dm_invoices_row, open)},
        {DM_COL_MAYBE, offsetof(dm_invoices_row, due_on)}, {DM_COL_MAYBE, offsetof(dm_invoices_row, refers_to)},
        {DM_COL_MAYBE, offsetof(dm_invoices_row, reason)}};

int dm_read_invoices(dm_pg *c, const dm_invoices_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"read_invoices",
            "SELECT " COLUMNS TABLES FOUND "AND i.invoice_no < $3::bigint ORDER BY i.invoice_no DESC LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_invoices", DM_PG_COUNT(TABLES FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(f->account_no.v), dm_pa_text(f->status.n > 0 ? f->status : (dm_str){NULL, 0}),
            dm_pa_i64(f->before), dm_pa_i64(f->limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

void dm_invoices_row_read(const dm_pg_rows *rows, size_t i, dm_invoices_row *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

int dm_read_owed(dm_pg *c, dm_account_no account_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_owed",
            "SELECT a.currency, coalesce(sum(s.open), 0.000000000000000000), coalesce(sum(s.open) FILTER (WHERE "
            "s.status = 'overdue'), 0.000000000000000000), min(s.due_on) FROM dm.account a LEFT JOIN dm.invoice_state "
            "s "
            "ON s.account_no = a.account_no AND s.open > 0 AND NOT s.uncollectible WHERE a.account_no = $1::bigint "
            "GROUP BY a.currency",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_owed_read(const dm_pg_rows *rows, dm_invoices_owed *out)
{
    static const dm_pg_field columns[] = {{DM_COL_STR, offsetof(dm_invoices_owed, currency)},
            {DM_COL_STR, offsetof(dm_invoices_owed, owed)}, {DM_COL_STR, offsetof(dm_invoices_owed, overdue)},
            {DM_COL_MAYBE, offsetof(dm_invoices_owed, due_on)}};
    dm_pg_read(rows, 0, 0, columns, DM_LEN(columns), out);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

#define NUMBERED "WHERE ($1::bigint = 0 OR i.account_no = $1::bigint) AND i.number = $2 "

/* What is asked of one of a number. */
static int of_one(
        dm_pg *c, const dm_pg_stmt *st, dm_account_no account_no, dm_str number, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_text(number)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_read_invoice(
        dm_pg *c, dm_account_no account_no, dm_str number, dm_pg_rows **out, dm_pg_rows **events, dm_err *err)
{
    static const dm_pg_stmt st = {"read_invoice", "SELECT " COLUMNS TABLES NUMBERED, DM_PG_MAYBE};
    static const dm_pg_stmt what = {"read_invoice_events",
            "SELECT dm.us(e.at), e.status, e.why, CASE WHEN e.who LIKE 'operator:%' THEN 'operator' ELSE e.who END "
            "FROM "
            "dm.invoice i JOIN dm.invoice_event e USING (account_no, invoice_no) " NUMBERED "ORDER BY e.n LIMIT 1000",
            DM_PG_ROWS};
    int r = of_one(c, &st, account_no, number, out, err);
    if (r == 0 && dm_pg_count(*out) == 0)
        return DM_READ_NONE;
    return r < 0 ? r : of_one(c, &what, account_no, number, events, err);
}

void dm_invoices_event_read(const dm_pg_rows *rows, size_t i, dm_invoices_event *out)
{
    static const dm_pg_field columns[] = {{DM_COL_I64, offsetof(dm_invoices_event, at_us)},
            {DM_COL_STR, offsetof(dm_invoices_event, status)}, {DM_COL_STR, offsetof(dm_invoices_event, why)},
            {DM_COL_STR, offsetof(dm_invoices_event, who)}};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}

int dm_read_invoice_body(
        dm_pg *c, dm_account_no account_no, dm_str number, dm_buf *body, dm_read_signature *sig, dm_err *err)
{
    static const dm_pg_stmt st = {"read_invoice_body",
            "SELECT i.body, i.sha256, i.public_key, i.signature FROM dm.invoice i " NUMBERED, DM_PG_MAYBE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = of_one(c, &st, account_no, number, &rows, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    if (r == 0)
        r = dm_pg_bytes(rows, 0, 1, sig->sha256.b, sizeof sig->sha256.b, err);
    if (r == 0)
        r = dm_pg_bytes(rows, 0, 2, sig->key.b, sizeof sig->key.b, err);
    if (r == 0)
        r = dm_pg_bytes(rows, 0, 3, sig->signature.b, sizeof sig->signature.b, err);
    if (r < 0)
        return r;
    sig->version = 1;
    sig->pages = 0;
    (void)dm_buf_str(body, dm_pg_str(rows, 0, 0));
    return dm_buf_ok(body, err);
}

/* --- its lines ---------------------------------------------------------------------------------------------- */

int dm_read_invoice_lines(dm_pg *c, dm_account_no account_no, dm_str number, int64_t after, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt is = {"read_invoice_is", "SELECT i.invoice_no FROM dm.invoice i " NUMBERED, DM_PG_MAYBE};
    static const dm_pg_stmt st = {"read_invoice_lines",
            "SELECT l.line_no, l.project_no, l.tier, l.seconds, l.book_id, l.of_line, l.kind, l.project_id, "
            "l.project_name, l.sku, l.qty, l.per_unit, l.amount, l.net FROM dm.invoice i JOIN dm.invoice_line l USING "
            "(account_no, invoice_no) " NUMBERED "AND l.line_no > $3::bigint ORDER BY l.line_no LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_invoice_lines",
            DM_PG_COUNT("FROM dm.invoice i JOIN dm.invoice_line l USING (account_no, invoice_no) " NUMBERED),
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_text(number), dm_pa_i64(after), dm_pa_i64(limit)};
    DM_AUTO(dm_pg_rows) there = NULL;
    int r = of_one(c, &is, account_no, number, &there, err);
    if (r == 0 && dm_pg_count(there) == 0)
        return DM_READ_NONE;
    if (r == 0)
        r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

void dm_invoices_line_read(const dm_pg_rows *rows, size_t i, dm_invoices_line *out)
{
    static const dm_pg_field columns[] = {{DM_COL_I64, offsetof(dm_invoices_line, line)},
            {DM_COL_I64, offsetof(dm_invoices_line, project_no)}, {DM_COL_I64, offsetof(dm_invoices_line, tier)},
            {DM_COL_I64, offsetof(dm_invoices_line, seconds)}, {DM_COL_I64, offsetof(dm_invoices_line, book)},
            {DM_COL_I64, offsetof(dm_invoices_line, of_line)}, {DM_COL_STR, offsetof(dm_invoices_line, kind)},
            {DM_COL_MAYBE, offsetof(dm_invoices_line, project)},
            {DM_COL_MAYBE, offsetof(dm_invoices_line, project_name)}, {DM_COL_STR, offsetof(dm_invoices_line, sku)},
            {DM_COL_MAYBE, offsetof(dm_invoices_line, qty)}, {DM_COL_MAYBE, offsetof(dm_invoices_line, per_unit)},
            {DM_COL_STR, offsetof(dm_invoices_line, amount)}, {DM_COL_STR, offsetof(dm_invoices_line, net)}};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
