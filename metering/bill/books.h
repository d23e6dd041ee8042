/* metering/bill/books.h: the price books that hold for an account in a period, cut into segments by price group and by
 * what is sold there: a kind of sandbox, of a quality. Its contract's go before everybody's. Where one book ends and
 * another begins inside the period, or the account changes its plan and with that its books, there are two segments,
 * split at that second. */
#ifndef DM_METERING_BILL_BOOKS_H
#define DM_METERING_BILL_BOOKS_H

#include "base/pg.h"

#include "metering/limits.h"
#include "metering/rules/statement.h"

typedef struct dm_book {
    dm_rate_book rate;
    dm_digest sha256;
    bool used; /* set by the caller */
} dm_book;

typedef struct dm_group {
    char name[DM_NAME_TEXT], compute_type[DM_NAME_TEXT], compute_quality[DM_NAME_TEXT];
    dm_rate_segment segments[DM_RATE_SEGMENTS_MAX];
    uint64_t included_s[DM_RATE_SEGMENTS_MAX]; /* the allowance of the plan that each is a part of */
    uint64_t pooled_s[DM_RATE_SEGMENTS_MAX];   /* the caller's: running seconds in each, for plans by minutes */
    /* The caller's: what of each was measured of what is sold in tiers; quantity 0: nothing. */
    dm_rate_line measured[DM_RATE_SEGMENTS_MAX][DM_SKU_COUNT];
    size_t n;
} dm_group;

typedef struct dm_books {
    dm_book books[DM_BOOKS_MAX];
    size_t nbooks;
    dm_group groups[DM_GROUPS_MAX]; /* by name, type, quality */
    size_t ngroups;
} dm_books;

void dm_books_begin(dm_books *b); /* none */
/* Adds those of a plan, in the plan's part of the period that begins at start, from the rows of dm_sql_bill_books;
 * plans come in their order. DM_E_LIMIT where there are more than fit. */
int dm_books_add(dm_books *b, const dm_pg_rows *rows, dm_str currency, const dm_stated_plan *plan, int64_t start,
        dm_err *err) DM_NODISCARD;
/* NULL: nothing has a price in this group. An empty type or quality is the usual one. */
dm_group *dm_books_group(dm_books *b, dm_str name, dm_str compute_type, dm_str compute_quality);
/* Marks the book of this id as used. */
void dm_books_use(dm_books *b, int64_t id);
/* A sandbox's line of what is sold in tiers, counted in. */
int dm_group_measure(dm_group *g, const dm_rate_line *line, dm_err *err) DM_NODISCARD;

#endif
