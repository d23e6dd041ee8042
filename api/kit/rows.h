/* api/kit/rows.h: the lists of our own surface, all alike: asked for by limit and cursor, answered as {rows, next,
 * total, total_is_least}. next is the cursor of the page that follows, null after the last; total is what the filter
 * leaves of the whole list, counted no further than DM_PG_TOTAL_MAX. */
#ifndef DM_API_KIT_ROWS_H
#define DM_API_KIT_ROWS_H

#include "base/http.h"
#include "base/pg.h"

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
    dm_str id; /* of the cursor's alphabet: digits, small letters and '-' */
    dm_pg_total total;
} dm_rows_last;
int dm_rows_end(dm_jw *w, const dm_rows_last *last, dm_err *err) DM_NODISCARD;

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
