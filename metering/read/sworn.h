/* metering/read/sworn.h: what statements are made of, by themselves: attestations, and price books. Runs where
 * metering/read/read.h runs. */
#ifndef DM_METERING_READ_SWORN_H
#define DM_METERING_READ_SWORN_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

/* An attestation as somebody signed it; text and message are borrowed from the rows. */
typedef struct dm_read_oath {
    int64_t place; /* of its row on the page, from 1 */
    dm_sandbox_id sandbox;
    int64_t epoch;
    dm_worker_no worker_no;
    bool by_service;
    dm_digest hash;
    dm_str message;
} dm_read_oath;

/* Those that a page of a statement names, in its order, of the places after `after`, at most max; page is from 1. The
 * caller frees rows, which may have none. */
int dm_read_oaths(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, int64_t after, size_t max,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
/* How many there are on all pages; DM_READ_NONE: there is no such statement. */
int dm_read_oaths_count(dm_pg *c, dm_account_no account_no, dm_statement_no number, int64_t *n, uint32_t *pages,
        dm_err *err) DM_NODISCARD;
int dm_read_oath_at(const dm_pg_rows *rows, size_t i, dm_read_oath *out, dm_err *err) DM_NODISCARD;

/* One of the account's, by its hash: rows has it, or is empty. */
int dm_read_oath_of(
        dm_pg *c, dm_account_no account_no, const dm_digest *hash, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

typedef struct dm_read_book {
    dm_buf body; /* the caller's; emptied first, then its canonical JSON */
    dm_digest sha256;
    int64_t valid_to; /* a second; INT64_MAX: it holds still */
} dm_read_book;
/* A price book. account_no 0: whichever; else of a plan that the account has or had, and no other. 0 or DM_READ_NONE.
 */
int dm_read_book_of(dm_pg *c, dm_account_no account_no, int64_t id, dm_read_book *out, dm_err *err) DM_NODISCARD;

#endif
