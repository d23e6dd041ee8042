/* metering/read/contract.h: what accounts have agreed on. In a transaction of a caller's scope, who sees his own that
 * are no drafts, or of role dm_ops. */
#ifndef DM_METERING_READ_CONTRACT_H
#define DM_METERING_READ_CONTRACT_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/number.h"

typedef struct dm_contract_find { /* .n 0: any */
    dm_account_no account_no;     /* 0: any */
    dm_str id, account, status;
    int64_t before, limit; /* the newest first, of numbers below that */
} dm_contract_find;

typedef struct dm_contract_act { /* borrowed; by.p NULL: nobody did */
    int64_t us;
    dm_str by, why;
} dm_contract_act;

typedef struct dm_contract_row {         /* borrowed */
    int64_t no, from_us, to_us, ends_us; /* 0: none */
    dm_str id, account, name, reference, currency, least, status;
    dm_contract_act drafted, approved, withdrawn, end, ended;
} dm_contract_row;

int dm_read_contracts(
        dm_pg *c, const dm_contract_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_contract_row_read(const dm_pg_rows *rows, size_t i, dm_contract_row *out);
/* An object. acts: with who did what of it, and what is ordered and not approved. */
void dm_contract_row_write(dm_jw *w, const dm_contract_row *row, bool acts);

#endif
