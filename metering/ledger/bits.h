/* metering/ledger/bits.h: how rows (accum.h) are written: seconds are added, and disk figures, whatever was there. A
 * row's short forms are left when what comes no longer fits them. DM_E_NOMEM: the row is as it was. */
#ifndef DM_METERING_LEDGER_BITS_H
#define DM_METERING_LEDGER_BITS_H

#include "metering/ledger/accum.h"

/* Seconds [from, end) of a period of so many, which are not none. */
int dm_accum_bits_add(dm_accum_bits *b, uint32_t period_s, uint32_t from, uint32_t end, dm_err *err) DM_NODISCARD;

/* A figure of that minute: the larger counts. */
int dm_accum_disk_add(dm_accum_row *row, uint32_t period_s, uint32_t minute, uint32_t grains, dm_err *err) DM_NODISCARD;

#endif
