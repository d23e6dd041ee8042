/* metering/wallet/sql_fault.h: the statements of credits for what ended by our fault, for fault.c. */
#ifndef DM_METERING_WALLET_SQL_FAULT_H
#define DM_METERING_WALLET_SQL_FAULT_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

typedef struct dm_fault {
    dm_owner owner;
    dm_sandbox_id sandbox;
    int64_t epoch, lost_s;
    char cause[32];
} dm_fault;

/* Sandboxes that ended with a cause that has a credit, whose periods are closed, and which nobody has looked at: the
 * rows of dm_sql_fault_read. Those that were lost before the second since are let be. */
int dm_sql_faults(dm_pg *c, int64_t since, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_fault_read(const dm_pg_rows *rows, size_t i, dm_fault *out, dm_err *err) DM_NODISCARD;
int dm_sql_fault_judged(dm_pg *c, const dm_fault *f, bool *out, dm_err *err) DM_NODISCARD;

/* Of the statement of the period in which it was lost and of the one before, in that order, those that there are:
 * number, currency, what its lines for running come to, the seconds in them; what the account's lines for pooled
 * minutes come to and the seconds that were pooled; its running seconds. */
int dm_sql_fault_charged(dm_pg *c, const dm_fault *f, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* statements: "{12,11}". grant_no 0: it was charged nothing; then currency is the account's. */
int dm_sql_fault_add(dm_pg *c, const dm_fault *f, const char *currency, dm_money amount, bool split,
        const char *statements, int64_t grant_no, dm_err *err) DM_NODISCARD;

#endif
