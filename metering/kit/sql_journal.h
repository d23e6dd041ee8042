/* metering/kit/sql_journal.h: the journal's statements, for journal.c. */
#ifndef DM_METERING_KIT_SQL_JOURNAL_H
#define DM_METERING_KIT_SQL_JOURNAL_H

#include "metering/kit/journal.h"

/* Waits for whoever is at this account's journal; until the transaction ends nobody else is. */
int dm_sql_journal_turn(dm_pg *c, dm_account_no account_no, dm_err *err) DM_NODISCARD;
/* Makes the ledger account when there is none. account_no 0: the business's. */
int dm_sql_ledger_account(dm_pg *c, dm_account_no account_no, const char *name, const char *currency, int64_t *out,
        dm_err *err) DM_NODISCARD;
/* Of the account's newest; number 0 and a zero hash when there is none. */
int dm_sql_journal_last(dm_pg *c, dm_account_no account_no, int64_t *number, dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_sql_journal_txn(dm_pg *c, const dm_journal_head *head, int64_t number, const dm_digest *prev,
        const dm_digest *hash, dm_uuid *id, dm_err *err) DM_NODISCARD;
int dm_sql_journal_entry(dm_pg *c, const dm_uuid *txn, int n, int64_t ledger_no, const char *currency, dm_money amount,
        dm_err *err) DM_NODISCARD;

#endif
