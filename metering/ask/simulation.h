/* metering/ask/simulation.h: simulations of price books, which the meter carries out (metering/bill/simulate.h): an
 * order is a row, and so is what came of each account. In a transaction of role dm_ops. */
#ifndef DM_METERING_ASK_SIMULATION_H
#define DM_METERING_ASK_SIMULATION_H

#include "base/json.h"
#include "base/pg.h"

enum { DM_SIMULATIONS_OPEN_MAX = 4 /* that are ordered or run, in the whole deployment */ };

enum {
    DM_SIMULATION_NO_BOOK = 1,
    DM_SIMULATION_STATE, /* the book is withdrawn */
    DM_SIMULATION_MONTH, /* that month is not closed, or the book concerns nobody in it; without one: in none */
    DM_SIMULATION_MANY,  /* DM_SIMULATIONS_OPEN_MAX are under way */
    DM_SIMULATION_NONE,  /* there is no such simulation */
    DM_SIMULATION_OVER,  /* it is done, or cancelled */
    DM_SIMULATION_AGAIN, /* the same is under way: *no is its number, and nothing was done */
};

/* month: its first day as text; NULL: the newest that is closed and concerns somebody. One of the book as it was before
 * is cancelled by it. */
int dm_simulation_order(dm_pg *c, int64_t book_id, const char *month, const char *who, const char *why, int64_t *no,
        dm_err *err) DM_NODISCARD;
int dm_simulation_cancel(dm_pg *c, int64_t no, const char *who, dm_err *err) DM_NODISCARD;

typedef struct dm_simulation_row { /* borrowed from the rows; .p NULL: none */
    int64_t no, book, accounts, done, failed, dearer, cheaper, ordered_us, started_us, ended_us;
    bool begun; /* accounts says something */
    dm_str sha256, month, state, ordered_by, why, cancelled_by, outcome, currency, charged, tried, difference;
} dm_simulation_row;
/* Newest first, those below `before`; book 0: of any; no 0: not that one alone. */
int dm_simulation_list(dm_pg *c, int64_t book, int64_t no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_simulation_row_read(const dm_pg_rows *rows, size_t i, dm_simulation_row *out);
void dm_simulation_row_write(dm_jw *w, const dm_simulation_row *row); /* an object */

typedef struct dm_simulated_row { /* borrowed; .p NULL: none */
    int64_t no, periods;
    bool done;
    dm_str account, name, charged, tried, difference, failed;
    dm_str size; /* of the difference, in 10^-18: where the next page begins */
} dm_simulated_row;
/* The largest differences first, up or down; behind (size, account_no), size NULL: from the beginning. */
int dm_simulation_accounts(dm_pg *c, int64_t no, const char *size, int64_t account_no, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_simulated_row_read(const dm_pg_rows *rows, size_t i, dm_simulated_row *out);
void dm_simulated_row_write(dm_jw *w, const dm_simulated_row *row); /* an object */

#endif
