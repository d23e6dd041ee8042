/* tenants/who/kept.h: answers of the database that are used again for a while: values of one size by a digest, in a
 * table of fixed size. Whoever hears of a change drops what it is about; an answer that was asked for before is not
 * kept after. Thread-safe. */
#ifndef DM_TENANTS_WHO_KEPT_H
#define DM_TENANTS_WHO_KEPT_H

#include "base/clock.h"
#include "base/crypto.h"

typedef struct dm_kept dm_kept;

/* Of size bytes each, for at most keep_ms. clock is borrowed. */
int dm_kept_new(size_t size, unsigned keep_ms, const dm_clock *clock, dm_kept **out, dm_err *err) DM_NODISCARD;
void dm_kept_free(dm_kept *k);
DM_DEFINE_FREEP(dm_kept)

/* Into value, and true; else *mark is for dm_kept_put. */
bool dm_kept_get(dm_kept *k, const dm_digest *name, void *value, uint64_t *mark);
/* No longer than until_mono_us (INT64_MAX: as long as the rest). Nothing is kept when something has changed since the
 * mark. */
void dm_kept_put(dm_kept *k, const dm_digest *name, const void *value, int64_t until_mono_us, uint64_t mark);
/* Whether there was an answer under that name lately, however old it is by now; into value, which may be NULL. */
bool dm_kept_met(dm_kept *k, const dm_digest *name, void *value);
/* There is no answer now. */
void dm_kept_drop(dm_kept *k, const dm_digest *name);
/* The answer has changed, or all have: what was asked for before is not kept either. */
void dm_kept_changed(dm_kept *k, const dm_digest *name);
void dm_kept_all_changed(dm_kept *k);

#endif
