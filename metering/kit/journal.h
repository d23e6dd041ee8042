/* metering/kit/journal.h: one transaction of an account's journal: double entry, chained by hashes, numbered without a
 * gap. Begun, given its entries and ended inside one transaction of role dm_meter, of any isolation: who begins waits
 * for whoever is at the same account's journal, until that one's commit. */
#ifndef DM_METERING_KIT_JOURNAL_H
#define DM_METERING_KIT_JOURNAL_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

typedef struct dm_journal_head {
    dm_account_no account_no;
    const char *currency;
    const char *idem_key;   /* one transaction has it, ever: "close:ACCOUNT:PERIOD" */
    const char *kind;       /* "close" */
    int64_t effective_s;    /* the second of UTC from which it counts */
    const dm_digest *about; /* what is booked: of a close, its statement's hash; goes into the chain */
} dm_journal_head;

typedef struct dm_journal {
    dm_pg *pg;
    const char *currency;
    dm_uuid txn;
    int n;
    dm_money sum;
} dm_journal;

/* DM_E_EXISTS where the key has been booked: whoever may come twice looks first what stands of it. Of *head, currency
 * must live as long as *out. */
int dm_journal_begin(dm_pg *c, const dm_journal_head *head, dm_journal *out, dm_err *err) DM_NODISCARD;

/* Adds an amount to a ledger account of a customer, or of the business (whose 0): "unbilled", "revenue:compute". The
 * account is made when there is none. An amount of 0 is no entry. */
int dm_journal_add(dm_journal *j, dm_account_no whose, const char *name, dm_money amount, dm_err *err) DM_NODISCARD;

/* DM_E_INTERNAL where the entries do not come to 0: then nothing may be committed. */
int dm_journal_end(const dm_journal *j, dm_err *err) DM_NODISCARD;

#endif
