/* metering/export/data/sql_entity.h: the cursors that rows of all accounts of a legal entity come from (entity.h), and
 * what they have to come to. Their columns are in the order of the dataset; behind them stand what a row adds to the
 * sums, and to which total. Role dm_export, after dm_sql_rows_entity. */
#ifndef DM_METERING_EXPORT_DATA_SQL_ENTITY_H
#define DM_METERING_EXPORT_DATA_SQL_ENTITY_H

#include "metering/export/data/set.h"

typedef enum dm_journal_column {
    DM_JOURNAL_DAY,
    DM_JOURNAL_ACCOUNT,
    DM_JOURNAL_KIND,
    DM_JOURNAL_REFERENCE,
    DM_JOURNAL_LEDGER,
    DM_JOURNAL_CLASS, /* null: it follows from the ledger */
    DM_JOURNAL_ENTRIES,
    DM_JOURNAL_FIRST, /* numbers of the account's bookings */
    DM_JOURNAL_LAST,
    DM_JOURNAL_DEBIT,
    DM_JOURNAL_CREDIT,
    DM_JOURNAL_AMOUNT,
    DM_JOURNAL_CURRENCY,
    DM_JOURNAL_COLUMNS
} dm_journal_column;

typedef enum dm_revenue_column {
    DM_REVENUE_FROM,
    DM_REVENUE_TO,
    DM_REVENUE_ACCOUNT,
    DM_REVENUE_NAME,
    DM_REVENUE_LEDGER,
    DM_REVENUE_POSITION, /* null: it follows from the ledger */
    DM_REVENUE_ITEM,
    DM_REVENUE_AMOUNT,
    DM_REVENUE_CURRENCY,
    DM_REVENUE_COLUMNS
} dm_revenue_column;

extern const dm_data_source dm_entity_journal, dm_entity_taxes, dm_entity_ageing, dm_entity_revenue;
/* Of each of them in turn, what its totals are. */
extern const dm_pg_stmt dm_entity_days, dm_entity_taxes_booked, dm_entity_receivable, dm_entity_rolled;

#endif
