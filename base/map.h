/* base/map.h: things of the caller's, found by a key of fixed size. The key's bytes lie in the thing itself, at the
 * same place in each, without padding among them: the map holds pointers, copies nothing and frees nothing but its
 * table. A thing must neither move nor change its key while it is in.
 *
 * Open addressing with linear probing, at most three quarters full. Removal moves later ones of the run back instead of
 * leaving a tombstone, so a map that lives for months does not fill up with graves. The hash has no secret: where
 * strangers choose keys they can make searches as long as there are things, which is one more reason for max.
 * Not thread-safe. */
#ifndef DM_BASE_MAP_H
#define DM_BASE_MAP_H

#include <stdbool.h>

#include "base/err.h"

typedef struct dm_map_slot {
    void *thing; /* NULL: free */
    size_t hash;
} dm_map_slot;

typedef struct dm_map {
    dm_map_slot *slots;
    size_t room; /* of them: a power of two, or 0 */
    size_t n;
    size_t max;
    size_t key_at, key_bytes;
} dm_map;

/* The caller's storage; allocates nothing yet. key_at is offsetof(thing, key), key_bytes sizeof the key, max the most
 * things there may ever be. */
void dm_map_init(dm_map *m, size_t key_at, size_t key_bytes, size_t max);
void dm_map_done(dm_map *m); /* empty, and as after init; the things are the caller's still */

/* NULL: none has this key. */
void *dm_map_find(const dm_map *m, const void *key);

/* Room for one more, so that the next dm_map_add cannot fail. DM_E_LIMIT (naming the things by what) or DM_E_NOMEM. */
int dm_map_reserve(dm_map *m, const char *what, dm_err *err) DM_NODISCARD;
/* After dm_map_reserve. No other with this key is in. */
void dm_map_add(dm_map *m, void *thing);

/* Whether this very thing was in; one with an equal key stays. */
bool dm_map_remove(dm_map *m, const void *thing);

/* A walk over all, in no promised order. Nothing is added meanwhile, and of what is in only the thing that was returned
 * last may be removed:
 *
 *     dm_map_walk walk = dm_map_begin(&m);
 *     for (dm_box *b; (b = dm_map_next(&walk)) != NULL;)
 *         ...
 */
typedef struct dm_map_walk {
    const dm_map *m;
    size_t at, left;
} dm_map_walk;

dm_map_walk dm_map_begin(const dm_map *m);
void *dm_map_next(dm_map_walk *w);

#endif
