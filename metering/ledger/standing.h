/* metering/ledger/standing.h: how each worker stands at the end of a period. There are as many as the fleet has hosts,
 * and each row of the period asks for one: found by halving. */
#ifndef DM_METERING_LEDGER_STANDING_H
#define DM_METERING_LEDGER_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire/number.h"

typedef struct dm_standing {
    dm_worker_no worker_no;
    int64_t enrolled_s;
    bool written_off; /* declared gone by the operator: not waited for */
    bool over;        /* it brought more than one may, so that frames of it were not taken */
    bool complete, attested;
    uint64_t gaps; /* that were named */
} dm_standing;

typedef struct dm_standings {
    dm_standing *v; /* ascending by number; the owner frees it */
    size_t n;
    uint64_t steps; /* comparisons made so far, for a test */
} dm_standings;

/* NULL: it was not enrolled then. */
dm_standing *dm_standing_of(dm_standings *s, dm_worker_no worker_no);

#endif
