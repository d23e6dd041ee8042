/* metering/live/terms.h: by what open periods are rated: the price books, regions and sizes as they were loaded last.
 * Estimates are made of it, so of what is not there (a price, a size) nothing is reckoned. One thread. */
#ifndef DM_METERING_LIVE_TERMS_H
#define DM_METERING_LIVE_TERMS_H

#include "base/pg.h"

#include "metering/kit/counted.h"
#include "metering/rules/sum.h"

typedef struct dm_terms dm_terms;

int dm_terms_new(dm_terms **out, dm_err *err) DM_NODISCARD;
void dm_terms_free(dm_terms *t);
DM_DEFINE_FREEP(dm_terms)

/* What holds at some second of [from, to). Inside a transaction; on failure t is as it was. */
int dm_terms_load(dm_terms *t, dm_pg *c, int64_t from, int64_t to, dm_err *err) DM_NODISCARD;

/* The book of a tier and currency in a region at a second; NULL: there is none. Good until the next load. */
const dm_rate_book *dm_terms_book(
        const dm_terms *t, uint16_t region_no, const char *tier, const char *currency, int64_t at);
/* False: there is no such size. */
bool dm_terms_size(const dm_terms *t, uint16_t spec_table, uint16_t spec, uint32_t *vcpus, uint32_t *mem_mib);

#endif
