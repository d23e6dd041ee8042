#include "base/map.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

static const void *key_of(const dm_map *m, const void *thing)
{
    return (const char *)thing + m->key_at;
}

/* Keys are ids with random bytes as a rule, small numbers at times: each word is multiplied in, and its high bits,
 * which all lower ones have reached, are folded back. */
static size_t hash_of(const void *key, size_t n)
{
    const unsigned char *p = key;
    uint64_t h = n;
    while (n > 0) {
        uint64_t word = 0;
        size_t part = n < sizeof(word) ? n : sizeof(word);
        memcpy(&word, p, part);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
        p += part;
        n -= part;
    }
    h *= UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(h ^ h >> 32);
}

static size_t next(const dm_map *m, size_t at)
{
    return (at + 1) & (m->room - 1);
}

void dm_map_init(dm_map *m, size_t key_at, size_t key_bytes, size_t max)
{
    *m = (dm_map){.key_at = key_at, .key_bytes = key_bytes, .max = max};
}

void dm_map_done(dm_map *m)
{
    free(m->slots);
    dm_map_init(m, m->key_at, m->key_bytes, m->max);
}

void *dm_map_find(const dm_map *m, const void *key)
{
    if (m->n == 0)
        return NULL;
    size_t hash = hash_of(key, m->key_bytes);
    for (size_t at = hash & (m->room - 1); m->slots[at].thing != NULL; at = next(m, at)) {
        const dm_map_slot *s = &m->slots[at];
        if (s->hash == hash && memcmp(key_of(m, s->thing), key, m->key_bytes) == 0)
            return s->thing;
    }
    return NULL;
}

static void put(dm_map *m, dm_map_slot slot)
{
    size_t at = slot.hash & (m->room - 1);
    while (m->slots[at].thing != NULL)
        at = next(m, at);
    m->slots[at] = slot;
}

int dm_map_reserve(dm_map *m, const char *what, dm_err *err)
{
    if (m->n >= m->max)
        return dm_fail(err, DM_E_LIMIT, "more than %zu %s", m->max, what);
    if (m->n < m->room / 4 * 3)
        return 0;
    size_t room = m->room > 0 ? m->room * 2 : FIRST_ROOM;
    dm_map_slot *slots = room > m->room ? calloc(room, sizeof(*slots)) : NULL;
    if (slots == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu %s", m->n + 1, what);
    dm_map grown = *m;
    grown.slots = slots;
    grown.room = room;
    for (size_t i = 0; i < m->room; i++)
        if (m->slots[i].thing != NULL)
            put(&grown, m->slots[i]);
    free(m->slots);
    *m = grown;
    return 0;
}

void dm_map_add(dm_map *m, void *thing)
{
    assert(m->n < m->max && m->n < m->room / 4 * 3);
    assert(dm_map_find(m, key_of(m, thing)) == NULL);
    put(m, (dm_map_slot){thing, hash_of(key_of(m, thing), m->key_bytes)});
    m->n++;
}

/* Closes the hole at `hole`: whoever stands behind it in the run, and would have stood there or before it had it been
 * free, moves into it and leaves the next hole. */
static void close_hole(dm_map *m, size_t hole)
{
    size_t mask = m->room - 1;
    for (size_t at = next(m, hole); m->slots[at].thing != NULL; at = next(m, at)) {
        size_t home = m->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            m->slots[hole] = m->slots[at];
            hole = at;
        }
    }
    m->slots[hole].thing = NULL;
    m->n--;
}

bool dm_map_remove(dm_map *m, const void *thing)
{
    if (m->n == 0)
        return false;
    size_t hash = hash_of(key_of(m, thing), m->key_bytes);
    size_t at = hash & (m->room - 1);
    while (m->slots[at].thing != NULL && m->slots[at].thing != thing)
        at = next(m, at);
    if (m->slots[at].thing == NULL)
        return false;
    close_hole(m, at);
    return true;
}

/* From a free slot downwards, around to it. A removal then moves only what the walk has passed: a run ends at the free
 * slot, so whoever stands behind the one removed was seen before it. */
dm_map_walk dm_map_begin(const dm_map *m)
{
    dm_map_walk w = {m, 0, m->n > 0 ? m->room : 0};
    while (w.left > 0 && m->slots[w.at].thing != NULL)
        w.at++;
    return w;
}

void *dm_map_next(dm_map_walk *w)
{
    while (w->left > 0) {
        w->left--;
        w->at = (w->at - 1) & (w->m->room - 1);
        if (w->m->slots[w->at].thing != NULL)
            return w->m->slots[w->at].thing;
    }
    return NULL;
}
