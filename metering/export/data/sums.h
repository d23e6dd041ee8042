/* metering/export/data/sums.h: what the rows of a file come to: how many, by currency and by document, exactly. */
#ifndef DM_METERING_EXPORT_DATA_SUMS_H
#define DM_METERING_EXPORT_DATA_SUMS_H

#include "metering/export/data/set.h"
#include "metering/rules/money.h"

enum { DM_SUMS_CURRENCIES_MAX = 16, DM_SUMS_DOCUMENTS_MAX = 4096 };

typedef struct dm_sum {
    char name[DM_DATA_INVOICE_TEXT]; /* a currency, or a document's number */
    dm_money amount;
    uint64_t rows;
    /* Of a document, what it says itself. */
    dm_money total;
    bool known, whole; /* there is one of that number in the range; and all that it is of */
} dm_sum;

typedef struct dm_sums {
    uint64_t rows;
    dm_sum currencies[DM_SUMS_CURRENCIES_MAX];
    size_t ncurrencies;
    dm_sum *documents;
    size_t ndocuments, room, last;
} dm_sums;

void dm_sums_done(dm_sums *s); /* as it was zeroed */
int dm_sums_add(dm_sums *s, const dm_data_row *row, dm_err *err) DM_NODISCARD;
/* What a document says that it comes to. */
int dm_sums_total(dm_sums *s, dm_str number, dm_str total, bool whole, dm_err *err) DM_NODISCARD;
/* DM_E_INTERNAL: the rows of a document that is whole do not sum to its total. */
int dm_sums_agree(const dm_sums *s, dm_err *err) DM_NODISCARD;

#endif
