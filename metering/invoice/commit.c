/* A statement books what it charges when it is made, an invoice only moves that on. What a month is short of its least
 * is in no statement: it is earned when the month is made up, by the document that says so. */
#include "metering/invoice/commit.h"

#include <stdio.h>

#include "metering/invoice/sql_commit.h"
#include "metering/invoice/state.h"

int dm_commit_gather(dm_pg *c, const dm_make *m, dm_doc *d, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_commit_months(c, m, d->v.last_statement, &rows, err);
    return r < 0 ? r : dm_doc_commitments(d, &rows, err);
}

int dm_commit_book(dm_pg *c, const dm_doc *d, bool back, int64_t at_s, const dm_digest *about, dm_err *err)
{
    char key[80];
    dm_money owed = {0}, other;
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->v.ncommitments; i++)
        r = dm_money_add(owed, d->v.commitments[i].amount, &owed, err);
    if (r < 0 || owed.v == 0)
        return r;
    r = dm_money_negate(owed, &other, err);
    const dm_booking_entry e[] = {
            {true, "unbilled", back ? other : owed}, {false, "revenue:commitment", back ? owed : other}};
    (void)snprintf(key, sizeof key, "%s:%lld:%s", back ? "uncommit" : "commit", (long long)d->entity_no, d->number);
    const dm_journal_head head = {.account_no = d->account_no,
            .currency = d->v.currency,
            .idem_key = key,
            .kind = DM_INVOICE_COMMITMENT,
            .effective_s = at_s,
            .about = about};
    return r < 0 ? r : dm_state_book(c, &head, e, DM_LEN(e), err);
}
