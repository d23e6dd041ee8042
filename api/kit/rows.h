/* api/kit/rows.h: the lists of our own surface, all alike: asked for by limit and cursor, answered as {rows, next,
 * total, total_is_least}. next is the cursor of the page that follows, null after the last; total is what the filter
 * leaves of the whole list, counted no further than DM_PG_TOTAL_MAX. */
#ifndef DM_API_KIT_ROWS_H
#define DM_API_KIT_ROWS_H

#include "base/http.h"
#include "base/pg.h"

#include "api/kit/api.h"
#include "api/kit/page.h"

enum { DM_ROWS_USUAL = 100, DM_ROWS_MAX = 1000 }; /* rows of a page: where no limit says so, and at most */

/* order: a letter of the list's own, which stands in its cursors. DM_E_INVALID: limit or cursor is none. */
int dm_rows_read(const dm_req *req, char order, dm_page *out, dm_err *err) DM_NODISCARD;

/* Open for its rows; or, where members come before them, the two steps of it. */
dm_jw dm_rows_begin(dm_req *req);
dm_jw dm_rows_open(dm_req *req);
void dm_rows_first(dm_jw *w);

typedef struct dm_rows_last {
    bool more; /* there is another page, which begins after (us, id) in that order */
    char order;
    int64_t us;
    dm_str id;                 /* of the cursor's alphabet: digits, small letters and '-' */
    char room[DM_PAGE_ID_MAX]; /* for one that would not live until the end */
    dm_pg_total total;
} dm_rows_last;
int dm_rows_end(dm_jw *w, const dm_rows_last *last, dm_err *err) DM_NODISCARD;

/* --- of the database ---------------------------------------------------------------------------------------- */

/* What a list of rows of the database has in common with all others: it is the first member of a list's own struct,
 * which the functions below get. */
typedef struct dm_rows_db {
    dm_page page;
    dm_pg_rows *rows; /* one more than page.limit says that there is another page */
    dm_pg_total total;
} dm_rows_db;

typedef struct dm_rows_kind {
    char order;
    const char *id; /* what stands in the cursors of a list whose rows have numbers; NULL: write says it */
    /* Looks at the page that is asked for; NULL: any is good. */
    int (*asked)(void *list, dm_err *err);
    /* Sets rows, of which a try before has left none, and total. An outcome of it ends the list, and is what is told.
     */
    dm_pg_fn query;
    void (*head)(dm_jw *w, const void *list); /* what stands before the rows; NULL: nothing */
    /* One of them, and where it stands: at->us, and at->id where the kind has none. */
    int (*write)(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err);
} dm_rows_kind;

/* Read, asked for and answered: for operators, or in a caller's scope. 0 or the query's outcome. */
int dm_rows_ops(dm_req *req, dm_api *api, const dm_rows_kind *kind, void *list, dm_err *err) DM_NODISCARD;
int dm_rows_own(dm_req *req, dm_api *api, const dm_caller *caller, const dm_rows_kind *kind, void *list,
        dm_err *err) DM_NODISCARD;
/* The last step alone, where what is listed are not a query's rows: n came, limit were asked for. */
int dm_rows_write(dm_req *req, const dm_rows_kind *kind, const void *list, size_t n, int64_t limit, dm_pg_total total,
        dm_err *err) DM_NODISCARD;
/* Keeps an id of the cursor's alphabet for a row that is written. */
int dm_rows_at(dm_rows_last *at, dm_err *err, const char *fmt, ...) DM_NODISCARD DM_PRINTF(3, 4);
/* Of a list that goes down by number from the newest: its rows are of numbers below this one. */
int64_t dm_rows_below(const dm_page *page);

/* --- all there ---------------------------------------------------------------------------------------------- */

/* A list that has a bound of its own and is all there: its part that is asked for, answered. A cursor says where the
 * last row stood and which it was, so that nothing is left out when rows before it have gone or come meanwhile. */
typedef struct dm_rows_all {
    char order;
    const void *of;
    size_t n, most; /* so many are read, and there may be others; 0: there are none */
    dm_str (*id)(const void *of, size_t i);
    void (*write)(dm_jw *w, const void *of, size_t i); /* the members of one */
    void (*head)(dm_jw *w, const void *of);            /* what stands before the rows; NULL: nothing */
} dm_rows_all;
int dm_rows_answer(dm_req *req, const dm_rows_all *all, dm_err *err) DM_NODISCARD;

#endif
