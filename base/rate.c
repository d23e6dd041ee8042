#include "base/rate.h"

#include <pthread.h>

#include "base/crypto.h"

/* A bucket is one number: when it will be full. That is in the past for most, and such a place is as good as free. */
enum { WAYS = 4, SETS = 4096 };

typedef struct bucket {
    uint64_t name;
    int64_t full_us;
} bucket;

struct dm_rate {
    dm_rate_config config;
    uint64_t secret;
    pthread_mutex_t lock;
    bucket buckets[SETS][WAYS];
};

int dm_rate_new(const dm_rate_config *config, dm_rate **out, dm_err *err)
{
    if (config->every_us < 1 || config->burst < 1)
        return dm_fail(err, DM_E_INVALID, "a rate of nothing");
    DM_AUTO(dm_rate) r = calloc(1, sizeof *r);
    if (r == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for rates");
    r->config = *config;
    (void)pthread_mutex_init(&r->lock, NULL);
    int bad = dm_random(&r->secret, sizeof r->secret, err);
    if (bad < 0)
        return bad;
    *out = dm_steal(&r);
    return 0;
}

void dm_rate_free(dm_rate *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t dm_rate_name(const dm_rate *r, dm_str bytes)
{
    uint64_t x = r->secret;
    for (size_t i = 0; i < bytes.n; i++)
        x = mix(x ^ (uint8_t)bytes.p[i]);
    return x;
}

/* NULL: it is full, or so long unused that nobody knows. */
static bucket *find(dm_rate *r, uint64_t name, bucket **least)
{
    bucket *set = r->buckets[mix(name ^ r->secret) % SETS];
    *least = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].name == name)
            return &set[i];
        if (set[i].full_us < (*least)->full_us)
            *least = &set[i];
    }
    return NULL;
}

static int64_t ask(dm_rate *r, uint64_t name, const dm_rate_pace *p, bool take, dm_rate_left *left)
{
    const int64_t whole_us = p->every_us * p->burst;
    bucket *least;
    (void)pthread_mutex_lock(&r->lock);
    bucket *b = find(r, name, &least);
    int64_t now = dm_mono_us(r->config.clock), full = b != NULL && b->full_us > now ? b->full_us : now;
    if (full > now + whole_us) /* it was emptied at a slower pace */
        full = now + whole_us;
    int64_t wait = full + p->every_us - now - whole_us;
    if (wait <= 0 && take) {
        full += p->every_us;
        *(b != NULL ? b : least) = (bucket){.name = name, .full_us = full};
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (left != NULL)
        *left = (dm_rate_left){.tokens = (uint32_t)((now + whole_us - full) / p->every_us), .full_us = full - now};
    return wait > 0 ? wait : 0;
}

static dm_rate_pace pace_of(const dm_rate *r)
{
    return (dm_rate_pace){.every_us = r->config.every_us, .burst = r->config.burst};
}

int64_t dm_rate_take_us(dm_rate *r, uint64_t name)
{
    const dm_rate_pace pace = pace_of(r);
    return ask(r, name, &pace, true, NULL);
}

int64_t dm_rate_take_at_us(dm_rate *r, uint64_t name, const dm_rate_pace *pace, dm_rate_left *left)
{
    return ask(r, name, pace, true, left);
}

int64_t dm_rate_wait_us(dm_rate *r, uint64_t name)
{
    const dm_rate_pace pace = pace_of(r);
    return ask(r, name, &pace, false, NULL);
}
