/* metering/read/bundle.h: what an account needs to check its bill without us: its statements of a range, what they were
 * made of, and what they are signed with, as one file. sdk/FORMAT.md describes it for whoever reads one; in its order:
 *
 *   manifest.json                    whose it is, which statements, which price books and regions they speak of
 *   keys/0.json                      the service's public keys
 *   books/ID.json                    price books, the bytes that heads have the hash of
 *   statements/N.json, N.sig         the head as it was signed; signature, key, and the hashes of its pages
 *   keys/WORKER.json                 before the first page that needs them
 *   statements/N/pages/P.json        a page, the bytes that the root is over
 *   attestations/N/P.bin             what its sandboxes' attestations are, whole messages in the page's order
 *   invoices/K.json, K.sig           invoices of these statements and credit notes to them, as they were signed
 *
 * Nothing of another account is in it: its attestations come by the account's own pages, and row-level security shows
 * no others. It is made of rows that never change, in as many transactions as it has pages, and in memory that is one
 * page's. What is live in it is when keys and price books end. */
#ifndef DM_METERING_READ_BUNDLE_H
#define DM_METERING_READ_BUNDLE_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/read/pack.h"

/* Runs fn in a transaction of role dm_api in the account's scope. */
typedef struct dm_bundle_db {
    int (*tx)(void *arg, dm_pg_fn fn, void *of, dm_err *err);
    void *arg;
} dm_bundle_db;

typedef struct dm_bundle_what {
    dm_account_no account_no;
    const char *account;         /* its id */
    dm_statement_no first, last; /* there are all of them (dm_bundle_range) */
} dm_bundle_what;

/* Which statements there are, of those from `first` to `last`; or, first 0, of the periods that begin in [from, to).
 * Within a transaction of that scope. DM_READ_NONE: none; DM_E_LIMIT: more than a bundle may have. */
int dm_bundle_range(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t from,
        int64_t to, dm_bundle_what *out, dm_err *err) DM_NODISCARD;

/* A failure on the way leaves half a file at the sink: it has no end, which whoever reads it sees. */
int dm_bundle_write(
        const dm_bundle_db *db, const dm_bundle_what *what, dm_pack_sink sink, void *arg, dm_err *err) DM_NODISCARD;

#endif
