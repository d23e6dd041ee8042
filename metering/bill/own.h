/* metering/bill/own.h: what the files of the bill share (bill.c goes through what is owed and says in what order a
 * statement is written, gather.c judges and rates its evidence, head.c makes and books its head), and nobody else
 * includes. */
#ifndef DM_METERING_BILL_OWN_H
#define DM_METERING_BILL_OWN_H

#include "base/wire/attest.h"

#include "metering/bill/bill.h"
#include "metering/bill/books.h"
#include "metering/bill/sql_bill.h"
#include "metering/rules/anomaly.h"

/* What the service swore to where a worker could not, until its page is written. */
typedef struct dm_oath {
    dm_sandbox_id sandbox;
    dm_attest what;
    dm_digest hash;
    char *message;
    size_t n;
} dm_oath;

/* One statement in the making. It does not grow with the account: what has been judged waits here for its page, and is
 * let go of with it. */
typedef struct dm_making {
    const dm_bill_config *conf;
    dm_attest *attest; /* scratch, too large for a stack */
    dm_account_no account_no;
    int64_t start;
    uint32_t period_s;
    dm_statement st;
    size_t account_lines_room;
    dm_stated_sum paged; /* of the pages that are written */
    dm_books *books;
    dm_anomalies anomalies;
    bool stated; /* something was charged, or could have been */

    /* gather.c: judged, and on no page yet, in the order of a statement */
    dm_sandbox_id after; /* the last sandbox that was read; zero: none was */
    dm_stated *sandboxes;
    size_t nsandboxes, sandboxes_room;
    dm_rate_line *lines;
    size_t nlines, lines_room;
    dm_oath *oaths;
    size_t noaths, oaths_room;
    dm_claim *claims; /* scratch: of one sandbox */
    size_t claims_room;

    dm_buf body; /* of a page or head on its way to the database */
} dm_making;

/* Reads and judges the next sandboxes; *more false: there were none left. */
int dm_gather(dm_making *m, bool *more, dm_err *err) DM_NODISCARD;
/* Lets go of the first n sandboxes that wait, which have so many lines: they are on a page now. */
void dm_gather_drop(dm_making *m, size_t n, size_t lines);
void dm_gather_done(dm_making *m);

/* The head, its lines, its journal entries and its message. Inside the SERIALIZABLE transaction that closes the period;
 * all pages are written. */
int dm_head(dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;

#endif
