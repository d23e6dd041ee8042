#include <stddef.h>

#include "metering/read/receipt.h"

#define COLUMNS                                                                                                        \
    "SELECT r.receipt_no, dm.s(r.at), (r.received_on - DATE '1970-01-01')::bigint * 86400, a.id, r.number, "           \
    "r.currency, r.amount, r.to_wallet, r.reference, r.seller, r.buyer, r.invoice FROM dm.receipt r JOIN dm.account "  \
    "a "                                                                                                               \
    "USING (account_no) "
#define FOUND "WHERE r.account_no = $1::bigint AND ($2::text IS NULL OR r.invoice = $2) "

static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_receipt_row, no)},
        {DM_COL_I64, offsetof(dm_receipt_row, kept.booked_s)}, {DM_COL_I64, offsetof(dm_receipt_row, kept.received_s)},
        {DM_COL_STR, offsetof(dm_receipt_row, kept.account)}, {DM_COL_STR, offsetof(dm_receipt_row, kept.number)},
        {DM_COL_STR, offsetof(dm_receipt_row, kept.currency)}, {DM_COL_STR, offsetof(dm_receipt_row, kept.amount)},
        {DM_COL_STR, offsetof(dm_receipt_row, kept.to_wallet)}, {DM_COL_STR, offsetof(dm_receipt_row, kept.reference)},
        {DM_COL_STR, offsetof(dm_receipt_row, kept.seller)}, {DM_COL_STR, offsetof(dm_receipt_row, kept.buyer)},
        {DM_COL_MAYBE, offsetof(dm_receipt_row, kept.invoice)}};

int dm_read_receipts(dm_pg *c, dm_account_no account_no, dm_str invoice, int64_t before, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"read_receipts",
            COLUMNS FOUND "AND r.receipt_no < $3::bigint ORDER BY r.receipt_no DESC LIMIT $4::bigint", DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_receipts", DM_PG_COUNT("FROM dm.receipt r " FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_text(invoice.n > 0 ? invoice : (dm_str){NULL, 0}),
            dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

int dm_read_receipt(dm_pg *c, dm_account_no account_no, dm_str number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "read_receipt", COLUMNS "WHERE r.account_no = $1::bigint AND r.number = $2", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_text(number)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_READ_NONE : r;
}

void dm_receipt_row_read(const dm_pg_rows *rows, size_t i, dm_receipt_row *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
