/* metering/bill/books.h: the price books that hold for an account in a period, cut into segments by price group. Where
 * one book ends and another begins inside the period, there are two segments, split at that second. */
#ifndef DM_METERING_BOOKS_H
#define DM_METERING_BOOKS_H

#include "base/pg.h"

#include "metering/rules/statement.h"

enum { DM_BOOKS_MAX = 128, DM_GROUPS_MAX = 32 };

typedef struct dm_book {
    dm_rate_book rate;
    dm_digest sha256;
    bool used; /* set by the caller */
} dm_book;

typedef struct dm_group {
    char name[DM_NAME_TEXT];
    dm_rate_segment segments[DM_RATE_SEGMENTS_MAX];
    uint64_t pooled_s[DM_RATE_SEGMENTS_MAX]; /* the caller's: running seconds in each, for plans by minutes */
    size_t n;
} dm_group;

typedef struct dm_books {
    dm_book books[DM_BOOKS_MAX];
    size_t nbooks;
    dm_group groups[DM_GROUPS_MAX]; /* by name */
    size_t ngroups;
} dm_books;

/* From the rows of dm_sql_bill_books. DM_E_LIMIT where there are more than fit. */
int dm_books_read(dm_books *b, const dm_pg_rows *rows, dm_str currency, dm_str tier, int64_t start, uint32_t period_s,
        dm_err *err) DM_NODISCARD;
/* NULL: nothing has a price in this group. */
dm_group *dm_books_group(dm_books *b, dm_str name);
/* Marks the book of this id as used. */
void dm_books_use(dm_books *b, int64_t id);

#endif
