#include <stddef.h>

#include "metering/ask/bank.h"

int dm_ask_bank_file(dm_pg *c, dm_str file, const dm_digest *digest, const char *who, const char *why,
        dm_bank_handed *out, dm_err *err)
{
    static const dm_pg_stmt add = {"ask_bank_file",
            "INSERT INTO dm.bank_file (digest, body, who, why) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING",
            DM_PG_NONE};
    static const dm_pg_stmt look = {"ask_bank_file_look",
            "SELECT file_no, state, left(coalesce(outcome, ''), 200) FROM dm.bank_file WHERE digest = $1", DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_bytes(digest->b, sizeof digest->b), dm_pa_bytes(file.p, file.n), dm_pa_c(who), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t changed = 0;
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), NULL, &changed, err);
    if (r == 0)
        r = dm_pg_exec(c, &look, args, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    out->file_no = dm_pg_i64(rows, 0, 0);
    out->again = changed == 0;
    r = dm_str_to_array(dm_pg_str(rows, 0, 1), out->state, sizeof out->state, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 2), out->outcome, sizeof out->outcome, err);
}

#define FOUND "FROM dm.bank_entry e WHERE ($1::text IS NULL OR e.outcome = $1) "

int dm_ask_bank_entries(
        dm_pg *c, dm_str outcome, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_bank_entries",
            "SELECT e.entry_no, e.file_no, e.bank_account, e.reference, e.booked_on, e.currency, e.amount, e.words, "
            "e.invoice_number, e.outcome, e.why " FOUND "AND e.entry_no < $2::bigint ORDER BY e.entry_no DESC LIMIT "
            "$3::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_ask_bank_entries", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_text(outcome.n > 0 ? outcome : (dm_str){NULL, 0}), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

void dm_bank_row_read(const dm_pg_rows *rows, size_t i, dm_bank_row *out)
{
    static const dm_pg_field columns[] = {{DM_COL_I64, offsetof(dm_bank_row, no)},
            {DM_COL_I64, offsetof(dm_bank_row, file_no)}, {DM_COL_STR, offsetof(dm_bank_row, account)},
            {DM_COL_STR, offsetof(dm_bank_row, reference)}, {DM_COL_STR, offsetof(dm_bank_row, day)},
            {DM_COL_STR, offsetof(dm_bank_row, currency)}, {DM_COL_STR, offsetof(dm_bank_row, amount)},
            {DM_COL_STR, offsetof(dm_bank_row, words)}, {DM_COL_MAYBE, offsetof(dm_bank_row, number)},
            {DM_COL_STR, offsetof(dm_bank_row, outcome)}, {DM_COL_STR, offsetof(dm_bank_row, why)}};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
