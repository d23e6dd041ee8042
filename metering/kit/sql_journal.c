#include "metering/kit/sql_journal.h"

int dm_sql_journal_turn(dm_pg *c, dm_account_no account_no, dm_err *err)
{
    static const dm_pg_stmt st = {"journal_turn",
            "SELECT pg_advisory_xact_lock(hashtextextended('dm.journal:' || $1::bigint, 0))", DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_ledger_account(
        dm_pg *c, dm_account_no account_no, const char *name, const char *currency, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt find = {"journal_ledger_find",
            "SELECT ledger_no FROM dm.ledger_account WHERE account_no = $1::bigint AND name = $2 AND currency = $3",
            DM_PG_MAYBE};
    static const dm_pg_stmt make = {"journal_ledger_make",
            "INSERT INTO dm.ledger_account (account_no, name, currency) VALUES ($1::bigint, $2, $3) "
            "ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_c(name), dm_pa_c(currency)};
    DM_AUTO(dm_pg_rows) found = NULL;
    DM_AUTO(dm_pg_rows) made = NULL;
    int r = dm_pg_exec(c, &find, args, DM_LEN(args), &found, NULL, err);
    if (r == 0 && dm_pg_count(found) == 0) {
        /* another thread's meanwhile: under SERIALIZABLE this transaction is tried again, else the row is seen now */
        r = dm_pg_exec(c, &make, args, DM_LEN(args), NULL, NULL, err);
        if (r == 0)
            r = dm_pg_exec(c, &find, args, DM_LEN(args), &made, NULL, err);
        if (r == 0 && dm_pg_count(made) == 0)
            return dm_fail(err, DM_E_INTERNAL, "ledger account %s was made and is not there", name);
    }
    if (r == 0)
        *out = dm_pg_i64(made != NULL ? made : found, 0, 0);
    return r;
}

int dm_sql_journal_last(dm_pg *c, dm_account_no account_no, int64_t *number, dm_digest *hash, dm_err *err)
{
    static const dm_pg_stmt st = {"journal_last",
            "SELECT hash, number FROM dm.journal_txn WHERE account_no = $1::bigint ORDER BY number DESC LIMIT 1",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    *number = 0;
    *hash = (dm_digest){0};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    *number = dm_pg_i64(rows, 0, 1);
    return dm_pg_bytes(rows, 0, 0, hash->b, sizeof(hash->b), err);
}

int dm_sql_journal_txn(dm_pg *c, const dm_journal_head *head, int64_t number, const dm_digest *prev,
        const dm_digest *hash, dm_uuid *id, dm_err *err)
{
    static const dm_pg_stmt st = {"journal_txn",
            "INSERT INTO dm.journal_txn (account_no, number, idem_key, kind, effective_at, prev_hash, hash) "
            "VALUES ($1::bigint, $7::bigint, $2, $3, dm.ts($4::bigint * 1000000), $5, $6) "
            "ON CONFLICT (account_no, number) DO NOTHING " /* under SERIALIZABLE: the transaction is tried again */
            "RETURNING id",
            DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_i64(head->account_no.v), dm_pa_c(head->idem_key), dm_pa_c(head->kind),
            dm_pa_i64(head->effective_s), dm_pa_bytes(prev->b, sizeof(prev->b)), dm_pa_bytes(hash->b, sizeof(hash->b)),
            dm_pa_i64(number)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), id->s, sizeof(id->s), err);
}

int dm_sql_journal_entry(
        dm_pg *c, const dm_uuid *txn, int n, int64_t ledger_no, const char *currency, dm_money amount, dm_err *err)
{
    static const dm_pg_stmt st = {"journal_entry",
            "INSERT INTO dm.journal_entry (txn, n, ledger_no, currency, amount) "
            "VALUES ($1::uuid, $2::int, $3::bigint, $4, $5::numeric)",
            DM_PG_NONE};
    char text[DM_MONEY_TEXT];
    dm_money_print(amount, text);
    dm_pg_arg args[] = {dm_pa_c(txn->s), dm_pa_i64(n), dm_pa_i64(ledger_no), dm_pa_c(currency), dm_pa_c(text)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}
