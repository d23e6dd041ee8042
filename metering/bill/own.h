/* metering/bill/own.h: what the files of the bill share (bill.c goes through what is owed and says in what order a
 * statement is written, gather.c judges and rates its evidence, correct.c finds what came late and what it changes,
 * month.c what that does to a month's pool, account.c charges what is the account's as a whole, head.c makes and books
 * its head, try.c rates a period with another book), and nobody else includes. */
#ifndef DM_METERING_BILL_OWN_H
#define DM_METERING_BILL_OWN_H

#include "base/wire/attest.h"

#include "metering/bill/bill.h"
#include "metering/bill/books.h"
#include "metering/bill/day.h"
#include "metering/bill/sql_bill.h"
#include "metering/bill/sql_correct.h"
#include "metering/rules/anomaly.h"
#include "metering/rules/tier.h"

/* What the service swore to where a worker could not, until its page is written. */
typedef struct dm_oath {
    dm_sandbox_id sandbox;
    dm_attest what;
    dm_digest hash;
    char *message;
    size_t n;
} dm_oath;

/* A period that this statement looks at again. */
typedef struct dm_correcting {
    dm_stated_correction said;
    int64_t through; /* of dm.late */
    bool any;        /* something changed */
} dm_correcting;

/* The pool of a month of UTC by all that is stated, and by what has been corrected so far; in the order it fills in,
 * sandbox unused. */
typedef struct dm_month {
    int64_t from, to; /* to 0: none is loaded */
    dm_pooled *parts;
    size_t n, room;
} dm_month;

/* A price book of another period, by which something is corrected. */
typedef struct dm_old_book {
    int64_t id;
    bool loaded;
    dm_book book;
} dm_old_book;

/* How much of what a book sells in tiers it has charged for in the month. */
typedef struct dm_count {
    int64_t book_id;
    dm_sku sku;
    dm_qty qty;
} dm_count;

/* A month of an account as it is rated again, with a book in the place of those it would follow. */
typedef struct dm_trying {
    int64_t instead;
    dm_digest sha256; /* of that book */
    uint64_t pool_s;  /* where the month's pool and counts stand, and what all came to; moved on by each period */
    dm_count counts[DM_STATED_TIERS_MAX];
    size_t ncounts;
    dm_money sum;
} dm_trying;

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
    dm_day day;          /* of the pages that are written */
    dm_books *books;
    dm_anomalies anomalies;
    bool stated; /* something was charged, or could have been */

    int64_t instead; /* only tried, with this book (try.c); nothing is sworn to, and no page kept */
    uint64_t pool_s; /* account.c: where the month's pool and counts stand */
    dm_count counts[DM_STATED_TIERS_MAX];
    size_t ncounts;

    /* gather.c: judged, and on no page yet, in the order of a statement */
    dm_sandbox_id after; /* the last sandbox that was read; zero: none was */
    dm_stated *sandboxes;
    size_t nsandboxes, sandboxes_room;
    dm_rate_line *lines;
    size_t nlines, lines_room;
    dm_oath *oaths;
    size_t noaths, oaths_room;
    dm_pooled *pooled;
    size_t npooled, pooled_room;
    dm_claim *claims; /* scratch: of one sandbox */
    size_t claims_room;

    /* correct.c */
    int64_t late_through; /* of the making of a corrected period: how far dm.late is looked at; 0: it is none */
    dm_correcting *corr;
    size_t ncorr;
    const dm_stated_correction *correcting; /* of which pages are being made; NULL: those of the period itself */
    dm_month month;
    dm_old_book *old;
    size_t nold, old_room;

    dm_buf body; /* of a page or head on its way to the database */
} dm_making;

/* Reads and judges the next sandboxes; *more false: there were none left. */
int dm_gather(dm_making *m, bool *more, dm_err *err) DM_NODISCARD;
/* Lets go of the first n sandboxes that wait, which have so many lines: they are on a page now. */
void dm_gather_drop(dm_making *m, size_t n, size_t lines);
void dm_gather_done(dm_making *m);

/* The account's plans and their books in the period that is made. Inside a transaction. */
int dm_bill_load(dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;
/* What each step begins with, inside its transaction: whether this meter may write, and the period is open, which is
 * locked. 0, DM_BILL_ZOMBIE, DM_BILL_NOT_OPEN. */
enum { DM_BILL_NOT_OPEN = 16 };
int dm_bill_may_write(const dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;
/* Pages that are full, and the last one where nothing more comes. */
int dm_bill_put_pages(dm_making *m, bool more, dm_err *err) DM_NODISCARD;
void dm_making_done(dm_making *m);

/* Looks at what came late of the account's earlier periods, when the pages of this one are written: makes pages of what
 * it changes, and what the head says of it. */
int dm_correct(dm_making *m, dm_err *err) DM_NODISCARD;
/* What more (or fewer) pooled seconds in a period do to its month: lines into c->said, and the month is as corrected.
 */
int dm_month_correct(dm_making *m, dm_correcting *c, const dm_pooled *more, size_t n, dm_err *err) DM_NODISCARD;
/* A book that something is corrected by: kept, and listed in the head; loaded when dm_old_books_load was called. */
int dm_old_book_note(dm_making *m, int64_t id, dm_old_book **out, dm_err *err) DM_NODISCARD;
int dm_old_books_load(dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;

/* Where the month's pool and counts stood before the period, as statements say. */
int dm_account_before(dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;
/* The lines of the account as a whole, with pool and counts moved on; st.sum has those of the pages already. */
int dm_account_lines(dm_making *m, dm_err *err) DM_NODISCARD;

/* The account's period as it would be charged with t's book; t is moved on past it. Keeps nothing, and is in no
 * transaction. Evidence that has no price is DM_E_NOTFOUND, as in a statement; on failure t is of no more use. */
enum { DM_TRY_OTHER = 17 }; /* the book is not what t says any more */
int dm_bill_try(const dm_bill_config *conf, dm_account_no account_no, int64_t start, uint32_t period_s, dm_trying *t,
        dm_err *err) DM_NODISCARD;

/* The head, its lines, its journal entries and its message. Inside the SERIALIZABLE transaction that closes the period;
 * all pages are written. */
int dm_head(dm_making *m, dm_pg *c, dm_err *err) DM_NODISCARD;

#endif
