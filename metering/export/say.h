/* metering/export/say.h: the words that stand on documents, in English; figures as people write them. Pure. */
#ifndef DM_METERING_EXPORT_SAY_H
#define DM_METERING_EXPORT_SAY_H

#include "metering/rules/invoice.h"

/* What a SKU is to whoever pays for it; its own name where we have no other. */
dm_str dm_say_sku(dm_str sku);
/* Without the zeros behind the point that say nothing, but for so many. In place. */
void dm_say_trim(char *figure, size_t keep);
/* With the decimals of its currency. */
void dm_say_amount(const dm_invoice *v, dm_money m, char out[DM_MONEY_TEXT]);
/* "20", "8.875" */
void dm_say_rate(uint32_t ppm, char out[DM_MONEY_TEXT]);

#endif
