/* metering/ask/bank.h: files of a bank as operators hand them in, for the meter to read, and their entries. In a
 * transaction of role dm_ops. */
#ifndef DM_METERING_ASK_BANK_H
#define DM_METERING_ASK_BANK_H

#include "base/crypto.h"
#include "base/json.h"
#include "base/pg.h"

enum { DM_BANK_FILE_MAX = 768 << 10 }; /* the front takes bodies of 1 MiB, and quotes are escaped */

/* *file_no: of this file, also where it was handed in before; *state then may be "done" or "refused", and *outcome says
 * why, or how many entries were new. */
typedef struct dm_bank_handed {
    int64_t file_no;
    bool again;
    char state[16], outcome[256];
} dm_bank_handed;
int dm_ask_bank_file(dm_pg *c, dm_str file, const dm_digest *digest, const char *who, const char *why,
        dm_bank_handed *out, dm_err *err) DM_NODISCARD;

typedef struct dm_bank_row { /* borrowed from the rows */
    int64_t no, file_no;
    dm_str account, reference, day, currency, amount, words, number, outcome, why; /* .p NULL: none */
} dm_bank_row;
/* Newest first; outcome .n 0: any. */
int dm_ask_bank_entries(dm_pg *c, dm_str outcome, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_bank_row_read(const dm_pg_rows *rows, size_t i, dm_bank_row *out);
void dm_bank_row_write(dm_jw *w, const dm_bank_row *row); /* an object */

#endif
