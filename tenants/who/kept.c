#include "tenants/who/kept.h"

#include <pthread.h>
#include <stdlib.h>

/* A name has a place in one of a few slots; where all are another's, the one that is too old first makes way. Bounded
 * without any list to keep: with one slot a name, two names that met in it would ask each time, and of a hundred names
 * ten do. A slot whose answer is too old still tells whose it was. */
enum { SLOTS = 1024, WAYS = 8 };

typedef struct slot {
    dm_digest name;
    int64_t until_mono_us; /* 0: empty, or too old */
} slot;

struct dm_kept {
    const dm_clock *clock;
    int64_t keep_us;
    pthread_mutex_t lock;
    uint64_t generation; /* raised by every change */
    size_t size;
    slot slots[SLOTS];
    unsigned char *values;
};

int dm_kept_new(size_t size, unsigned keep_ms, const dm_clock *clock, dm_kept **out, dm_err *err)
{
    dm_kept *k = calloc(1, sizeof *k);
    if (k != NULL)
        k->values = calloc(SLOTS, size);
    if (k == NULL || k->values == NULL) {
        free(k);
        return dm_fail(err, DM_E_NOMEM, "what is kept");
    }
    k->clock = clock;
    k->keep_us = (int64_t)keep_ms * 1000;
    k->size = size;
    (void)pthread_mutex_init(&k->lock, NULL);
    *out = k;
    return 0;
}

void dm_kept_free(dm_kept *k)
{
    if (k == NULL)
        return;
    (void)pthread_mutex_destroy(&k->lock);
    free(k->values);
    free(k);
}

/* The first of its slots. The digest is as good as random already. */
static unsigned place_of(const dm_digest *d)
{
    return ((unsigned)d->b[0] << 8 | d->b[1]) % (SLOTS / WAYS) * WAYS;
}

static bool same(const dm_digest *a, const dm_digest *b)
{
    return dm_str_eq_secret((dm_str){(const char *)a->b, sizeof a->b}, (dm_str){(const char *)b->b, sizeof b->b});
}

/* With the lock. Its slot, or NULL. */
static slot *slot_of(dm_kept *k, const dm_digest *name)
{
    slot *first = &k->slots[place_of(name)];
    for (slot *s = first; s < first + WAYS; s++)
        if (same(&s->name, name))
            return s;
    return NULL;
}

/* With the lock. Its slot, or the one that it may have. */
static slot *room_for(dm_kept *k, const dm_digest *name)
{
    slot *first = &k->slots[place_of(name)], *oldest = slot_of(k, name);
    if (oldest != NULL)
        return oldest;
    oldest = first;
    for (slot *s = first + 1; s < first + WAYS; s++)
        if (s->until_mono_us < oldest->until_mono_us)
            oldest = s;
    return oldest;
}

static void *value_of(const dm_kept *k, const slot *s)
{
    return k->values + (size_t)(s - k->slots) * k->size;
}

bool dm_kept_get(dm_kept *k, const dm_digest *name, void *value, uint64_t *mark)
{
    (void)pthread_mutex_lock(&k->lock);
    const slot *s = slot_of(k, name);
    bool hit = s != NULL && s->until_mono_us > dm_mono_us(k->clock);
    if (hit)
        memcpy(value, value_of(k, s), k->size);
    *mark = k->generation;
    (void)pthread_mutex_unlock(&k->lock);
    return hit;
}

void dm_kept_put(dm_kept *k, const dm_digest *name, const void *value, int64_t until_mono_us, uint64_t mark)
{
    int64_t until = dm_mono_us(k->clock) + k->keep_us;
    (void)pthread_mutex_lock(&k->lock);
    if (k->generation == mark) {
        slot *s = room_for(k, name);
        *s = (slot){.name = *name, .until_mono_us = until < until_mono_us ? until : until_mono_us};
        memcpy(value_of(k, s), value, k->size);
    }
    (void)pthread_mutex_unlock(&k->lock);
}

bool dm_kept_met(dm_kept *k, const dm_digest *name, void *value)
{
    (void)pthread_mutex_lock(&k->lock);
    const slot *s = slot_of(k, name);
    if (s != NULL && value != NULL)
        memcpy(value, value_of(k, s), k->size);
    (void)pthread_mutex_unlock(&k->lock);
    return s != NULL;
}

static void drop(dm_kept *k, const dm_digest *name, unsigned changed)
{
    (void)pthread_mutex_lock(&k->lock);
    slot *s = slot_of(k, name);
    k->generation += changed;
    if (s != NULL)
        *s = (slot){.until_mono_us = 0};
    (void)pthread_mutex_unlock(&k->lock);
}

void dm_kept_drop(dm_kept *k, const dm_digest *name)
{
    drop(k, name, 0);
}

void dm_kept_changed(dm_kept *k, const dm_digest *name)
{
    drop(k, name, 1);
}

void dm_kept_all_changed(dm_kept *k)
{
    (void)pthread_mutex_lock(&k->lock);
    k->generation++;
    for (size_t i = 0; i < SLOTS; i++)
        k->slots[i].until_mono_us = 0;
    (void)pthread_mutex_unlock(&k->lock);
}
