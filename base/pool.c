#include "base/pool.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"

struct dm_pool {
    char *what;
    void (*unmake)(void *handle);
    pthread_mutex_t lock;
    pthread_cond_t given;
    unsigned max;
    unsigned used; /* places that are held or have a handle in them: the others have never been needed */
    unsigned nfree;
    unsigned waiting;
    void *free_ones[];
};

int dm_pool_new(unsigned max, const char *what, void (*unmake)(void *handle), dm_pool **out, dm_err *err)
{
    if (max < 1 || max > DM_POOL_MAX)
        return dm_fail(err, DM_E_INVALID, "a pool of %u %s: not 1 to %d", max, what, DM_POOL_MAX);
    dm_pool *p = calloc(1, sizeof *p + max * sizeof p->free_ones[0]);
    char *name = strdup(what);
    if (p == NULL || name == NULL) {
        free(p);
        free(name);
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool of %u %s", max, what);
    }
    p->what = name;
    p->unmake = unmake;
    p->max = max;
    (void)pthread_mutex_init(&p->lock, NULL);
    dm_cond_init(&p->given);
    *out = p;
    return 0;
}

void dm_pool_free(dm_pool *p)
{
    if (p == NULL)
        return;
    assert(p->used == p->nfree); /* nobody holds a place */
    for (unsigned i = 0; i < p->nfree; i++)
        p->unmake(p->free_ones[i]);
    (void)pthread_cond_destroy(&p->given);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->what);
    free(p);
}

int dm_pool_take(dm_pool *p, unsigned wait_ms, void **out, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;
    void *handle = NULL;
    int r = 0;

    (void)pthread_mutex_lock(&p->lock);
    p->waiting++;
    while (p->nfree == 0 && p->used == p->max && dm_mono_ms(&dm_clock_real) < until)
        dm_cond_wait_until(&p->given, &p->lock, until);
    p->waiting--;
    if (p->nfree > 0)
        handle = p->free_ones[--p->nfree];
    else if (p->used < p->max)
        p->used++;
    else
        r = dm_fail(err, DM_E_UNAVAILABLE, "all %u %s are in use", p->max, p->what);
    (void)pthread_mutex_unlock(&p->lock);
    if (r == 0)
        *out = handle;
    return r;
}

void dm_pool_give(dm_pool *p, void *handle)
{
    (void)pthread_mutex_lock(&p->lock);
    assert(p->nfree < p->used); /* given back is what was taken */
    if (handle != NULL)
        p->free_ones[p->nfree++] = handle;
    else
        p->used--;
    (void)pthread_cond_signal(&p->given);
    (void)pthread_mutex_unlock(&p->lock);
}

unsigned dm_pool_waiting(dm_pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    unsigned n = p->waiting;
    (void)pthread_mutex_unlock(&p->lock);
    return n;
}
