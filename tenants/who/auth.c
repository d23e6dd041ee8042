#include "tenants/who/auth.h"

#include <pthread.h>

#include "tenants/who/key.h"
#include "tenants/who/sql.h"

/* Direct-mapped: a key has one place, and the last one asked about has it. Bounded without any list to keep, and a
 * stranger who sends many keys costs known ones a look-up, no more: unknown keys are not kept. A place whose answer is
 * too old still tells whose it was. */
enum { SLOTS = 1024 };

typedef struct slot {
    dm_digest digest;
    int64_t until_mono_us; /* 0: empty */
    dm_caller caller;
} slot;

struct dm_auth {
    dm_pg_pool *pool;
    const dm_clock *clock;
    int64_t keep_us;
    pthread_mutex_t lock;
    uint64_t generation; /* raised by forget: an answer asked for before is not kept after */
    slot slots[SLOTS];
};

int dm_auth_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_auth **out, dm_err *err)
{
    dm_auth *a = calloc(1, sizeof *a);
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "key cache");
    a->pool = pool;
    a->clock = clock;
    a->keep_us = (int64_t)keep_ms * 1000;
    (void)pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return 0;
}

void dm_auth_free(dm_auth *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

/* The digest is as good as random already. */
static slot *slot_of(dm_auth *a, const dm_digest *d)
{
    return &a->slots[((unsigned)d->b[0] << 8 | d->b[1]) % SLOTS];
}

static bool same(const dm_digest *a, const dm_digest *b)
{
    return dm_str_eq_secret((dm_str){(const char *)a->b, sizeof a->b}, (dm_str){(const char *)b->b, sizeof b->b});
}

static bool from_cache(dm_auth *a, const dm_digest *d, dm_caller *out, uint64_t *generation)
{
    const slot *s = slot_of(a, d);
    (void)pthread_mutex_lock(&a->lock);
    bool hit = s->until_mono_us > dm_mono_us(a->clock) && same(&s->digest, d);
    if (hit)
        *out = s->caller;
    *generation = a->generation;
    (void)pthread_mutex_unlock(&a->lock);
    return hit;
}

static void into_cache(dm_auth *a, const dm_digest *d, const dm_caller *caller, uint64_t generation)
{
    slot *s = slot_of(a, d);
    int64_t keep_until = dm_mono_us(a->clock) + a->keep_us;
    (void)pthread_mutex_lock(&a->lock);
    if (a->generation == generation) {
        s->digest = *d;
        s->caller = *caller;
        s->until_mono_us = keep_until < caller->limits_until_us ? keep_until : caller->limits_until_us;
    }
    (void)pthread_mutex_unlock(&a->lock);
}

static void out_of_cache(dm_auth *a, const dm_digest *d)
{
    slot *s = slot_of(a, d);
    (void)pthread_mutex_lock(&a->lock);
    if (same(&s->digest, d))
        *s = (slot){.until_mono_us = 0};
    (void)pthread_mutex_unlock(&a->lock);
}

bool dm_auth_met(dm_auth *a, dm_str key)
{
    dm_digest digest;
    if (dm_key_hash(key, &digest, NULL) < 0)
        return false;
    const slot *s = slot_of(a, &digest);
    (void)pthread_mutex_lock(&a->lock);
    bool met = same(&s->digest, &digest);
    (void)pthread_mutex_unlock(&a->lock);
    return met;
}

typedef struct lookup {
    const dm_digest *digest;
    dm_caller *out;
} lookup;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    const lookup *l = arg;
    return dm_sql_caller_of_key(c, l->digest, l->out, err);
}

int dm_auth_find(dm_auth *a, dm_str key, dm_caller *out, dm_err *err)
{
    dm_digest digest;
    uint64_t generation;
    dm_err why;
    int r = dm_key_hash(key, &digest, &why);
    if (r == DM_E_INVALID)
        return DM_AUTH_UNKNOWN;
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r;
    }
    if (from_cache(a, &digest, out, &generation))
        return 0;
    dm_caller caller;
    lookup l = {&digest, &caller};
    int64_t asked_us = dm_mono_us(a->clock); /* before the database looks at its own clock: a limit ends no later */
    static const dm_pg_scope nobody = {.read_only = true};
    r = dm_pg_tx(a->pool, &nobody, find, &l, err);
    if (r < 0)
        return dm_wrap(err, "find a key");
    if (r == DM_SQL_NOBODY) {
        out_of_cache(a, &digest);
        return DM_AUTH_UNKNOWN;
    }
    caller.limits_until_us = caller.limits_left_us < INT64_MAX ? asked_us + caller.limits_left_us : INT64_MAX;
    into_cache(a, &digest, &caller, generation);
    *out = caller;
    return 0;
}

void dm_auth_forget(dm_auth *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->generation++;
    for (size_t i = 0; i < SLOTS; i++)
        a->slots[i].until_mono_us = 0;
    (void)pthread_mutex_unlock(&a->lock);
}

int dm_auth_of_project(dm_pg *c, dm_owner owner, dm_caller *out, dm_err *err)
{
    int r = dm_sql_caller_of_project(c, owner, out, err);
    if (r == DM_SQL_NOBODY)
        return dm_fail(err, DM_E_NOTFOUND, "no project %lld", (long long)owner.project.v);
    return r;
}

int dm_auth_limits(dm_pg *c, const dm_caller *caller, int64_t now_mono_us, dm_limits *out, dm_err *err)
{
    dm_caller fresh;
    if (caller->limits_until_us == 0 || now_mono_us < caller->limits_until_us) { /* 0: read just now */
        *out = caller->limits;
        return 0;
    }
    int r = dm_auth_of_project(c, caller->owner, &fresh, err);
    if (r == 0)
        *out = fresh.limits;
    return r;
}
