#include "metering/kit/journal.h"

#include "metering/kit/sql_journal.h"

int dm_journal_begin(dm_pg *c, const dm_journal_head *head, dm_journal *out, dm_err *err)
{
    int64_t number;
    dm_digest prev, hash;
    *out = (dm_journal){.pg = c, .currency = head->currency};
    int r = dm_sql_journal_turn(c, head->account_no, err);
    if (r == 0)
        r = dm_sql_journal_last(c, head->account_no, &number, &prev, err);
    dm_str parts[] = {{(const char *)prev.b, DM_SHA256}, {(const char *)head->about->b, DM_SHA256}};
    if (r == 0)
        r = dm_sha256_parts(parts, DM_LEN(parts), &hash, err);
    return r < 0 ? r : dm_sql_journal_txn(c, head, number + 1, &prev, &hash, &out->txn, err);
}

int dm_journal_add(dm_journal *j, dm_account_no whose, const char *name, dm_money amount, dm_err *err)
{
    int64_t ledger_no;
    if (amount.v == 0)
        return 0;
    int r = dm_money_add(j->sum, amount, &j->sum, err);
    if (r == 0)
        r = dm_sql_ledger_account(j->pg, whose, name, j->currency, &ledger_no, err);
    return r < 0 ? r : dm_sql_journal_entry(j->pg, &j->txn, ++j->n, ledger_no, j->currency, amount, err);
}

int dm_journal_end(const dm_journal *j, dm_err *err)
{
    return j->sum.v == 0 ? 0
                         : dm_fail(err, DM_E_INTERNAL, "a journal transaction of %d entries does not balance", j->n);
}
