/* metering/invoice/sql_owed.h: which statements an invoice is of, for the SQL of sql_make.c and sql_commit.c. */
#ifndef DM_METERING_INVOICE_SQL_OWED_H
#define DM_METERING_INVOICE_SQL_OWED_H

/* Account, from, to, whether again, newest. */
#define DM_SQL_OWED                                                                                                    \
    "FROM dm.statement s WHERE s.account_no = $1::bigint AND s.period_start >= dm.ts($2::bigint * 1000000) "           \
    "AND s.period_start < dm.ts($3::bigint * 1000000) AND s.number <= $5::bigint AND NOT EXISTS (SELECT FROM "         \
    "dm.invoice_statement i WHERE i.account_no = s.account_no AND i.period_start = s.period_start "                    \
    "AND (i.live OR NOT $4::boolean))"

#endif
