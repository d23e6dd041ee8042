/* metering/read/receipt.h: receipts of what came, as the API shows them. Runs where metering/read/read.h runs.
 * What is borrowed is so from the rows. */
#ifndef DM_METERING_READ_RECEIPT_H
#define DM_METERING_READ_RECEIPT_H

#include "base/pg.h"

#include "metering/read/read.h"
#include "metering/rules/receipt.h"

typedef struct dm_receipt_row {
    int64_t no;
    dm_receipt_kept kept;
} dm_receipt_row;

/* The newest first, those below `before`; invoice.n 0: of all. */
int dm_read_receipts(dm_pg *c, dm_account_no account_no, dm_str invoice, int64_t before, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
/* 0 or DM_READ_NONE. */
int dm_read_receipt(dm_pg *c, dm_account_no account_no, dm_str number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_receipt_row_read(const dm_pg_rows *rows, size_t i, dm_receipt_row *out);
/* An object. */
void dm_receipt_row_write(dm_jw *w, const dm_receipt_row *row);

#endif
