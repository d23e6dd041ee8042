#include <stddef.h>

#include "metering/ask/orders.h"

static int take(const dm_pg_rows *rows, bool again, dm_asked *out, dm_err *err)
{
    out->order_no = dm_pg_i64(rows, 0, 0);
    out->account_no.v = dm_pg_i64(rows, 0, 1);
    out->again = again;
    return dm_str_to_array(dm_pg_str(rows, 0, 2), out->state, sizeof out->state, err);
}

/* The order that has the key already: this one, or another? */
static int by_key(dm_pg *c, const dm_ask_order *o, dm_asked *out, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_order_by_key",
            "SELECT o.order_no, o.account_no, o.state, o.kind = $2 AND a.id = $3::uuid AND i.number IS NOT DISTINCT "
            "FROM "
            "$4 AND o.month IS NOT DISTINCT FROM $5::date AND o.detail = $6::jsonb FROM dm.invoice_order o JOIN "
            "dm.account a USING (account_no) LEFT JOIN dm.invoice i ON i.invoice_no = o.invoice_no "
            "WHERE o.idem_key = $1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(o->idem_key), dm_pa_c(o->kind), dm_pa_c(o->account), dm_pa_text(o->number),
            dm_pa_c(o->month), dm_pa_text(o->detail)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_ASK_NONE;
    return dm_pg_bool(rows, 0, 3) ? take(rows, true, out, err) : DM_ASK_OTHER;
}

int dm_ask_invoice(dm_pg *c, const dm_ask_order *o, dm_asked *out, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_order",
            "INSERT INTO dm.invoice_order (account_no, kind, invoice_no, month, currency, amount, detail, who, why, "
            "idem_key) SELECT a.account_no, $2, i.invoice_no, $4::date, a.currency, coalesce($5::numeric, CASE WHEN "
            "i.total > 0 THEN i.total WHEN i.total = 0 THEN 1 END), $6::jsonb, $7, $8, $9 FROM dm.account a LEFT JOIN "
            "dm.invoice i ON i.account_no = a.account_no AND i.number = $3 AND i.kind = 'invoice' "
            "WHERE a.id = $1::uuid AND ($3::text IS NULL OR i.invoice_no IS NOT NULL) "
            "ON CONFLICT (idem_key) DO NOTHING RETURNING order_no, account_no, state",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(o->account), dm_pa_c(o->kind), dm_pa_text(o->number), dm_pa_c(o->month),
            dm_pa_c(o->amount), dm_pa_text(o->detail), dm_pa_c(o->who), dm_pa_c(o->why), dm_pa_c(o->idem_key)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(rows) == 1 ? take(rows, false, out, err) : by_key(c, o, out, err);
}

int dm_ask_approve(dm_pg *c, int64_t order_no, const char *who, dm_asked *out, dm_err *err)
{
    static const dm_pg_stmt look = {"ask_order_look",
            "SELECT state = 'waiting', who = $2 FROM dm.invoice_order WHERE order_no = $1::bigint FOR UPDATE",
            DM_PG_MAYBE};
    static const dm_pg_stmt st = {"ask_order_approve",
            "UPDATE dm.invoice_order SET approved_by = $2 WHERE order_no = $1::bigint RETURNING order_no, account_no, "
            "state",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(order_no), dm_pa_c(who)};
    DM_AUTO(dm_pg_rows) there = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &look, args, DM_LEN(args), &there, NULL, err);
    if (r < 0 || dm_pg_count(there) == 0)
        return r < 0 ? r : DM_ASK_NONE;
    if (!dm_pg_bool(there, 0, 0))
        return DM_ASK_NOT;
    if (dm_pg_bool(there, 0, 1))
        return DM_ASK_SELF;
    r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 ? r : take(rows, false, out, err);
}

#define FOUND                                                                                                          \
    "FROM dm.invoice_order o WHERE ($1::text IS NULL OR o.state = $1) AND ($2::bigint = 0 OR o.order_no = "            \
    "$2::bigint) "

int dm_ask_orders(dm_pg *c, dm_str state, int64_t order_no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_orders",
            "SELECT o.order_no, dm.us(o.at), dm.us(o.approved_at), dm.us(o.done_at), (SELECT a.id FROM dm.account a "
            "WHERE "
            "a.account_no = o.account_no), o.kind, (SELECT i.number FROM dm.invoice i WHERE i.invoice_no = "
            "o.invoice_no), o.month, o.currency, o.amount, o.who, o.why, o.approved_by, o.state, o.outcome " FOUND
            "AND o.order_no < $3::bigint ORDER BY o.order_no DESC LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_ask_orders", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(state.n > 0 ? state : (dm_str){NULL, 0}), dm_pa_i64(order_no),
            dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

void dm_orders_row_read(const dm_pg_rows *rows, size_t i, dm_orders_row *out)
{
    static const dm_pg_field columns[] = {{DM_COL_I64, offsetof(dm_orders_row, no)},
            {DM_COL_I64, offsetof(dm_orders_row, at_us)}, {DM_COL_I64, offsetof(dm_orders_row, approved_us)},
            {DM_COL_I64, offsetof(dm_orders_row, done_us)}, {DM_COL_STR, offsetof(dm_orders_row, account)},
            {DM_COL_STR, offsetof(dm_orders_row, kind)}, {DM_COL_MAYBE, offsetof(dm_orders_row, number)},
            {DM_COL_MAYBE, offsetof(dm_orders_row, month)}, {DM_COL_STR, offsetof(dm_orders_row, currency)},
            {DM_COL_MAYBE, offsetof(dm_orders_row, amount)}, {DM_COL_STR, offsetof(dm_orders_row, who)},
            {DM_COL_STR, offsetof(dm_orders_row, why)}, {DM_COL_MAYBE, offsetof(dm_orders_row, approved_by)},
            {DM_COL_STR, offsetof(dm_orders_row, state)}, {DM_COL_MAYBE, offsetof(dm_orders_row, outcome)}};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
