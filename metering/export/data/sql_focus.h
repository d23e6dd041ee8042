/* metering/export/data/sql_focus.h: the cursors that rows of FOCUS are made of, whose columns are in the order of this
 * list; those of cost.h, with what FOCUS asks for besides. Role dm_export, in the account's scope. */
#ifndef DM_METERING_EXPORT_DATA_SQL_FOCUS_H
#define DM_METERING_EXPORT_DATA_SQL_FOCUS_H

#include "metering/export/data/set.h"

typedef enum dm_focus_fact {
    DM_FACT_KIND,
    DM_FACT_AMOUNT,
    DM_FACT_CURRENCY,
    DM_FACT_INVOICE,
    DM_FACT_BILLED, /* a second of the month of UTC that it is charged in */
    DM_FACT_CHARGE_START,
    DM_FACT_CHARGE_END,
    DM_FACT_CORRECTION, /* whether it corrects a month before that */
    DM_FACT_PROJECT,
    DM_FACT_PROJECT_NAME,
    DM_FACT_SANDBOX, /* its id's 16 bytes */
    DM_FACT_TAGS,
    DM_FACT_REGION,
    DM_FACT_SKU,
    DM_FACT_TIER,
    DM_FACT_BOOK,
    DM_FACT_QUANTITY,
    DM_FACT_PRICE,
    DM_FACT_LIST_PRICE, /* before a contract's discount */
    DM_FACT_LIST_AMOUNT,
    DM_FACT_STATEMENT,
    DM_FACT_LINE,
    DM_FACT_EPOCH,
    DM_FACT_CORRECTS,
    DM_FACT_TAX_CATEGORY,
    DM_FACT_TAX_RATE,
    DM_FACT_TAX_JURISDICTION,
    DM_FACT_ACCOUNT,
    DM_FACT_ACCOUNT_NAME,
    DM_FACT_SELLER,
    DM_FACTS
} dm_focus_fact;

extern const dm_data_source dm_focus_lines, dm_focus_documents;

#endif
