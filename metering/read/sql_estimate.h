/* metering/read/sql_estimate.h: what an estimate is made by. */
#ifndef DM_METERING_READ_SQL_ESTIMATE_H
#define DM_METERING_READ_SQL_ESTIMATE_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

/* One row: currency, tier, included_s, region, price group, and the pool of the month as it stands; region null: there
 * is none of that name. */
enum dm_terms_col {
    DM_TERMS_CURRENCY,
    DM_TERMS_TIER,
    DM_TERMS_INCLUDED,
    DM_TERMS_REGION,
    DM_TERMS_GROUP,
    DM_TERMS_POOL
};
int dm_sql_terms(
        dm_pg *c, dm_account_no account_no, dm_str region, int64_t at_us, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* (SKU, quantity) of what the book has counted in the month. */
int dm_sql_terms_counts(
        dm_pg *c, dm_account_no account_no, int64_t book_id, int64_t at_us, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* vcpus, mem_mib, disk in 16 MiB, running seconds, sleeping ones, region, what it was charged. */
int dm_sql_used_by(dm_pg *c, dm_account_no account_no, const dm_sandbox_id *id, int64_t from_s, int64_t to_s,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
