/* metering/read/days.h: what an account came to by statements, over days of UTC, grouped. Money of pooled minutes is
 * the account's: by project, template or key it is split in proportion to the running seconds of each day, to the last
 * 10^-18 by largest remainder, so that the parts sum to the whole, and is marked as split. Runs where
 * metering/read/read.h runs, in the scope of the whole account. */
#ifndef DM_METERING_READ_DAYS_H
#define DM_METERING_READ_DAYS_H

#include "base/pg.h"
#include "base/wire/number.h"

typedef enum dm_days_by {
    DM_DAYS_BY_DAY,
    DM_DAYS_BY_PROJECT,  /* its slug */
    DM_DAYS_BY_TEMPLATE, /* its id */
    DM_DAYS_BY_KEY,      /* its id; "" where nothing is known of it */
    DM_DAYS_BY_SKU,
} dm_days_by;

enum { DM_DAYS_MAX = 366, DM_DAYS_ROWS_MAX = 5000 };

/* Strings are borrowed from the rows. */
typedef struct dm_days_row {
    dm_str key, amount; /* 18 decimals */
    int64_t running_s, hibernated_s;
    bool timed; /* the two before are known: not by SKU */
    bool split; /* money of pooled minutes is in it, as a part */
} dm_days_row;

typedef struct dm_days_asked {
    dm_days_by by;
    int64_t from, to; /* seconds of UTC; days of which any second lies in [from, to), at most DM_DAYS_MAX */
    dm_str project;   /* a slug; .p NULL: of all */
} dm_days_asked;

/* By key, one more than DM_DAYS_ROWS_MAX at most: then there are more than are told. *rows is the caller's to free. */
int dm_read_days(
        dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
/* currency; one row */
int dm_read_currency(dm_pg *c, dm_account_no account_no, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
dm_days_row dm_read_days_row(const dm_pg_rows *rows, size_t i);

#endif
