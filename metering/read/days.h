/* metering/read/days.h: what an account came to by statements, over days of UTC, grouped. Money of the account as a
 * whole (pooled minutes, what is sold in tiers) is split by project, template, key, sandbox or tag in proportion to the
 * running seconds of each day, to the last 10^-18 by largest remainder, so that the parts sum to the whole, and is
 * marked as split. So every grouping sums to what the statements of those days say. A correction counts on the day of
 * the statement that charges it, as on invoices.
 *
 * By sandbox and by tag it is read from dm.usage_sandbox_month, a row a sandbox and month; of days that are in no month
 * yet, or of months of which few days are asked for, from dm.usage_sandbox, a row a sandbox and day; and where the
 * meter has not added a statement to that yet, from its documents. So what is added up for a whole month is its
 * sandboxes, however many days they ran on, and for a range that begins within one at most half its days more. It is
 * added up and sorted in the database, in its working memory and then on its disk; a page of it is what comes here.
 * Runs where metering/read/read.h runs, in the scope of the whole account. */
#ifndef DM_METERING_READ_DAYS_H
#define DM_METERING_READ_DAYS_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

typedef enum dm_days_by {
    DM_DAYS_BY_DAY,
    DM_DAYS_BY_PROJECT,  /* its slug */
    DM_DAYS_BY_TEMPLATE, /* its id */
    DM_DAYS_BY_KEY,      /* its id */
    DM_DAYS_BY_SKU,
    DM_DAYS_BY_SANDBOX, /* its id's bytes in hex */
    DM_DAYS_BY_TAG,     /* '=' and what it says under a name in its metadata */
} dm_days_by;

enum {
    DM_DAYS_MAX = 366,
    DM_DAYS_OWED_MAX = 512, /* documents of statements that a question reads for itself: 250,000 sandboxes */
    /* Rows of a sandbox and day that it adds up for itself, of days that are not settled, and those that it splits. */
    DM_DAYS_OPEN_MAX = 1500000,
    DM_DAYS_SPLIT_MAX = 300000,
    DM_DAYS_AT_MAX = 48, /* characters of dm_days_row.cost */
};

/* Strings are borrowed from the rows. */
typedef struct dm_days_row {
    dm_str key;    /* empty: nothing is known of it, or it is nobody's */
    dm_str amount; /* 18 decimals */
    int64_t running_s, hibernated_s;
    bool timed;       /* the two before are known: not by SKU */
    bool split;       /* money of the account as a whole is in it, as a part */
    dm_str cost, ord; /* where it stands in the list: an integer, and letters, digits and '-' */
    dm_str parent;    /* by sandbox: the bytes in hex of whose memory it began with; .n 0: of nobody's */
} dm_days_row;

typedef struct dm_days_asked {
    dm_days_by by;
    int64_t from, to; /* seconds of UTC; days of which any second lies in [from, to), at most DM_DAYS_MAX */
    dm_str project;   /* a slug; .p NULL: of all */
    dm_str tag;       /* a name in metadata; of DM_DAYS_BY_TAG */
    bool by_cost;     /* the dearest first; else by key, as bytes. Tags: by cost alone */
    dm_str cost, ord; /* those behind this place; .p NULL: from the first on */
    int64_t limit;    /* rows at most */
} dm_days_asked;

typedef struct dm_days {
    dm_pg_rows *rows;
    size_t n;
    int64_t total; /* of all pages */
    dm_str amount; /* the sum of all pages; borrowed from the rows */
} dm_days;
void dm_days_done(dm_days *d);

/* More is owed, or not settled, than a question reads: the meter adds it up. What may be asked for again then is asked
 * for by dm_ask_for_days, which makes the meter take it first; it has to be committed. */
enum { DM_DAYS_NOT_YET = 1 };
/* 0 or DM_DAYS_NOT_YET. What out held is let go of first; it is the caller's, whatever this returned. */
int dm_read_days(
        dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, dm_days *out, dm_err *err) DM_NODISCARD;
typedef struct dm_days_far {
    int64_t stated, settled; /* of so many days something is stated; so many of them are settled */
} dm_days_far;
/* Of the account whose scope it is. */
int dm_ask_for_days(dm_pg *c, const dm_days_asked *asked, dm_days_far *out, dm_err *err) DM_NODISCARD;
dm_days_row dm_days_row_of(const dm_days *d, size_t i);
/* currency; one row */
int dm_read_currency(dm_pg *c, dm_account_no account_no, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
