/* metering/bill/sql_correct.h: the ledger's statements for corrections: what came late of an account, and what has been
 * stated of it so far. Inside a transaction of role dm_meter; times are seconds of UTC, those of lines count from their
 * period's start. */
#ifndef DM_METERING_BILL_SQL_CORRECT_H
#define DM_METERING_BILL_SQL_CORRECT_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/bill/sql_bill.h"

/* Periods before `before` of which something came late that no statement has seen, oldest first: start, length, the
 * number of the account's statement of it (null), the last of dm.late. */
int dm_sql_late_periods(
        dm_pg *c, dm_account_no account_no, int64_t before, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* What was late there up to this one has been looked at in the statement of period `in`. */
int dm_sql_late_stated(
        dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, int64_t in, dm_err *err) DM_NODISCARD;

/* As dm_sql_bill_page and dm_sql_bill_evidence, of the sandboxes of which something came late, with all there is. */
int dm_sql_late_page(dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, const dm_sandbox_id *after,
        int64_t limit, dm_sandbox_id *last, bool *any, dm_err *err) DM_NODISCARD;
int dm_sql_late_evidence(dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Of the same sandboxes: what statements before that of period `before` come to, by sandbox. */
enum dm_was_col {
    DM_WAS_SANDBOX,
    DM_WAS_PROJECT,
    DM_WAS_EPOCH,
    DM_WAS_SPEC_TABLE,
    DM_WAS_SPEC,
    DM_WAS_REGION,
    DM_WAS_SKU,
    DM_WAS_TIER,
    DM_WAS_BOOK,
    DM_WAS_FROM,
    DM_WAS_TO,
    DM_WAS_PER_UNIT,
    DM_WAS_MEASURED, /* of what is sold in tiers: a quantity without a price */
    DM_WAS_SECONDS,
    DM_WAS_QTY
};
int dm_sql_stated_lines(dm_pg *c, dm_account_no account_no, int64_t start, int64_t before, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* sandbox, group, book, included, from, to, seconds */
int dm_sql_stated_pool(dm_pg *c, dm_account_no account_no, int64_t start, int64_t before, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* The UTC month that has a second. */
typedef struct dm_sql_month_row {
    int64_t from, to;
    bool kept;  /* all pooled seconds of its statements are */
    bool tiers; /* minutes that were pooled in it are sold in tiers */
} dm_sql_month_row;
int dm_sql_month(dm_pg *c, dm_account_no account_no, int64_t second, dm_sql_month_row *out, dm_err *err) DM_NODISCARD;
/* Its pool by the statements before that of period `before`: the period's start, from, to, group, book, included,
 * seconds; in the order in which it fills. */
int dm_sql_month_pool(dm_pg *c, dm_account_no account_no, int64_t from, int64_t to, int64_t before, int64_t limit,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* As dm_sql_bill_books, of one approved book, as long as it holds; and its tier and currency behind them. */
enum { DM_BOOK_TIER = DM_BOOK_TIERS + 1, DM_BOOK_CURRENCY };
int dm_sql_book(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
