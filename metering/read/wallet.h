/* metering/read/wallet.h: what an account has in advance, and what became of it. Runs where metering/read/read.h runs.
 * Rows are read with the functions beside them; strings are borrowed of the rows, .p NULL: there is none. */
#ifndef DM_METERING_READ_WALLET_H
#define DM_METERING_READ_WALLET_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_READ_GRANTS_MAX = 1000 };

typedef struct dm_read_wallet {
    dm_pg_rows *head, *balances, *grants, *holds, *pending;
} dm_read_wallet;
void dm_read_wallet_done(dm_read_wallet *w);
/* As it was at that moment; 0: as it is. What *w held is let go first: zero it before. */
int dm_read_wallet_of(dm_pg *c, dm_account_no account_no, int64_t at_us, dm_read_wallet *w, dm_err *err) DM_NODISCARD;

typedef struct dm_wallet_head {
    dm_str currency, left; /* left.p NULL: it is told of then */
    bool prepaid;
} dm_wallet_head;
void dm_read_wallet_head(const dm_read_wallet *w, dm_wallet_head *out);

typedef struct dm_wallet_balance {
    dm_str currency, kind, free, held;
} dm_wallet_balance;
void dm_read_wallet_balance(const dm_read_wallet *w, size_t i, dm_wallet_balance *out);

/* In burn order. sandbox (16 bytes) and what is below it: of our_fault. */
typedef struct dm_wallet_given {
    dm_str id, kind, currency, amount, remaining, held, reference, why;
    int64_t priority, from_us, expires_us;
    dm_str sandbox, cause, statements; /* a JSON array */
    int64_t epoch, lost_us;
    bool split;
} dm_wallet_given;
void dm_read_wallet_grant(const dm_read_wallet *w, size_t i, dm_wallet_given *out);

typedef struct dm_wallet_kept {
    dm_str id, currency, amount, reference;
    int64_t made_us, expires_us;
} dm_wallet_kept;
void dm_read_wallet_hold(const dm_read_wallet *w, size_t i, dm_wallet_kept *out);

typedef struct dm_wallet_pending {
    dm_str id, kind, currency, amount, state;
    int64_t ordered_us;
} dm_wallet_pending;
void dm_read_wallet_pending(const dm_read_wallet *w, size_t i, dm_wallet_pending *out);

typedef struct dm_wallet_entry {
    int64_t no, at_us, statement;                                 /* 0: none */
    dm_str kind, currency, amount, promo, paid, reference, parts; /* parts: a JSON array */
} dm_wallet_entry;
/* The newest first, those below `before`. */
int dm_read_wallet_entries(dm_pg *c, dm_account_no account_no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_read_wallet_entry(const dm_pg_rows *rows, size_t i, dm_wallet_entry *out);

/* What was given back for a sandbox that ended by our fault: at most a row for each of its lives that did. */
typedef struct dm_wallet_credit {
    int64_t epoch;
    dm_str amount, currency, statements; /* a JSON array */
    bool split;
} dm_wallet_credit;
int dm_read_credits_of(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_read_credit(const dm_pg_rows *rows, size_t i, dm_wallet_credit *out);

#endif
