/* metering/read/sql_books.h: the rows of price books. */
#ifndef DM_METERING_READ_SQL_BOOKS_H
#define DM_METERING_READ_SQL_BOOKS_H

#include "base/pg.h"
#include "base/wire/number.h"

/* One row a price, or one of a book that has none; times in microseconds. */
enum dm_books_col {
    DM_BOOKS_ID,
    DM_BOOKS_STATUS,
    DM_BOOKS_GROUP,
    DM_BOOKS_TIER,
    DM_BOOKS_CURRENCY,
    DM_BOOKS_RATED_BY,
    DM_BOOKS_TYPE,
    DM_BOOKS_QUALITY,
    DM_BOOKS_CONTRACT,
    DM_BOOKS_FROM,
    DM_BOOKS_TO,
    DM_BOOKS_AUTHORS,
    DM_BOOKS_DRAFTED, /* by, at, why; so the next two */
    DM_BOOKS_APPROVED = DM_BOOKS_DRAFTED + 3,
    DM_BOOKS_WITHDRAWN = DM_BOOKS_APPROVED + 3,
    DM_BOOKS_SKU = DM_BOOKS_WITHDRAWN + 3,
    DM_BOOKS_UNIT,
    DM_BOOKS_PER_UNIT,
    DM_BOOKS_LABEL,
    DM_BOOKS_LIST,
    DM_BOOKS_DISCOUNT,
    DM_BOOKS_MODE,
    DM_BOOKS_TIERS,      /* as metering/rules/book.h has them */
    DM_BOOKS_SIMULATION, /* by which it was approved, else the newest that was finished; tenants do not read it */
    DM_BOOKS_SIMULATED   /* what that was of: a hash, hex */
};
int dm_sql_books_list(
        dm_pg *c, dm_str status, int64_t before, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_books_count(dm_pg *c, dm_str status, dm_pg_total *out, dm_err *err) DM_NODISCARD;
int dm_sql_book_find(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* An approved one; of account 0: any, else everybody's or the account's, of a plan that it has or had. */
int dm_sql_book_of(dm_pg *c, dm_account_no account_no, int64_t id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* That which holds for the account at a moment in a price group, of what is sold if nothing else is said. */
int dm_sql_book_at(dm_pg *c, dm_account_no account_no, dm_str tier, dm_str currency, dm_str group, int64_t at_us,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
