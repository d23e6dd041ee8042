/* metering/read/book.h: price books as they are shown, each with the hash that statements name it by. A tenant sees
 * what holds, held or will hold for everybody, and its own contracts' (row-level security sees to it); an operator all.
 */
#ifndef DM_METERING_READ_BOOK_H
#define DM_METERING_READ_BOOK_H

#include "base/json.h"
#include "base/pg.h"

#include "metering/rules/book.h"

enum { DM_READ_BOOK_NONE = 1 };

/* The newest first, those below the number `before`; status .p NULL: of any. One row a price: a book's stand together.
 */
int dm_read_books(dm_pg *c, dm_str status, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
/* 0 or DM_READ_BOOK_NONE. */
int dm_read_book_find(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* What is hashed of the book of rows [from, to), borrowed from them and made. */
int dm_read_book_body(const dm_pg_rows *rows, size_t from, size_t to, dm_book_made *made, dm_book_body *out,
        dm_err *err) DM_NODISCARD;
/* Where the book ends that begins with row `from`; its number. */
size_t dm_read_book_end(const dm_pg_rows *rows, size_t from);
int64_t dm_read_book_id(const dm_pg_rows *rows, size_t row);
/* The book of rows [from, to). people: also who made it, and why. */
int dm_read_book_write(dm_jw *w, const dm_pg_rows *rows, size_t from, size_t to, bool people, dm_err *err) DM_NODISCARD;

#endif
