#include "metering/invoice/state.h"

#include "metering/invoice/sql_state.h"

int dm_invoice_turn(dm_pg *c, dm_account_no account_no, dm_err *err)
{
    return dm_sql_invoice_turn(c, account_no, err);
}

int dm_state_load(dm_pg *c, int64_t invoice_no, dm_invoice_facts *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_state_load(c, invoice_no, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_STATE_NONE;
    *out = (dm_invoice_facts){.account_no = {dm_pg_i64(rows, 0, 0)},
            .invoice_no = invoice_no,
            .due_s = dm_pg_i64(rows, 0, 9),
            .disputed = dm_pg_bool(rows, 0, 10),
            .uncollectible = dm_pg_bool(rows, 0, 11),
            .voided = dm_pg_bool(rows, 0, 12)};
    dm_money *const sums[] = {&out->total, &out->prepaid, &out->discount, &out->paid, &out->credited, &out->open};
    r = dm_str_to_array(dm_pg_str(rows, 0, 1), out->number, sizeof out->number, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 2), out->currency, sizeof out->currency, err);
    for (unsigned i = 0; r == 0 && i < DM_LEN(sums); i++)
        r = dm_money_parse(dm_pg_str(rows, 0, 3 + i), sums[i], err);
    return r;
}

int dm_state_put(dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *why, const char *who, dm_err *err)
{
    const char *status = dm_invoice_status(f, now_s);
    int r = dm_sql_state_put(c, f, status, err);
    return r < 0 ? r : dm_sql_state_event(c, f, now_s, status, why, who, err);
}

int dm_state_first(dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *who, dm_err *err)
{
    int r = dm_sql_state_first(c, f, "issued", err);
    if (r == 0)
        r = dm_sql_state_event(c, f, now_s, "issued", "issued", who, err);
    if (r == 0 && f->open.v == 0) /* the wallet, or a discount, has settled all of it */
        r = dm_state_put(c, f, now_s, "settled", who, err);
    return r;
}

int dm_state_book(dm_pg *c, const dm_journal_head *head, const dm_booking_entry *entries, size_t n, dm_err *err)
{
    dm_digest about;
    dm_journal j;
    dm_journal_head h = *head;
    int r = 0;
    if (h.about == NULL) {
        r = dm_sha256(dm_str_c(h.idem_key), &about, err);
        h.about = &about;
    }
    if (r == 0)
        r = dm_journal_begin(c, &h, &j, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = dm_journal_add(
                &j, entries[i].customers ? h.account_no : (dm_account_no){0}, entries[i].name, entries[i].amount, err);
    return r < 0 ? r : dm_journal_end(&j, err);
}
