#include "tenants/who/uses.h"

#include <pthread.h>

#include "tenants/limits.h"
#include "tenants/who/key.h"

/* Open addressing, never more than half full; nothing is removed but all at once. */
enum { ROOM = 2 * DM_USES_MAX, TEXT_MAX = DM_USES_MAX * 21 };

typedef struct use {
    int64_t key_no, at_us; /* key_no 0: free */
} use;

typedef struct tally {
    size_t n;
    use of[ROOM];
} tally;

struct dm_uses {
    pthread_mutex_t lock;
    tally *now, *spare; /* the one that is added to, and one that is empty or being written */
};

int dm_uses_new(dm_uses **out, dm_err *err)
{
    DM_AUTO(dm_uses) u = calloc(1, sizeof *u);
    if (u == NULL)
        return dm_fail(err, DM_E_NOMEM, "uses of keys");
    (void)pthread_mutex_init(&u->lock, NULL);
    u->now = calloc(1, sizeof *u->now);
    u->spare = calloc(1, sizeof *u->spare);
    if (u->now == NULL || u->spare == NULL)
        return dm_fail(err, DM_E_NOMEM, "uses of keys");
    *out = dm_steal(&u);
    return 0;
}

void dm_uses_free(dm_uses *u)
{
    if (u == NULL)
        return;
    (void)pthread_mutex_destroy(&u->lock);
    free(u->now);
    free(u->spare);
    free(u);
}

/* Numbers are given out one after the other: the multiplier spreads them. */
static use *place_of(tally *t, int64_t key_no)
{
    size_t i = (size_t)(((uint64_t)key_no * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % ROOM;
    while (t->of[i].key_no != 0 && t->of[i].key_no != key_no)
        i = (i + 1) % ROOM;
    return &t->of[i];
}

void dm_uses_add(dm_uses *u, dm_key_no key, int64_t at_us)
{
    (void)pthread_mutex_lock(&u->lock);
    use *p = place_of(u->now, key.v);
    if (p->key_no != 0 || u->now->n < DM_USES_MAX) {
        u->now->n += p->key_no == 0;
        p->key_no = key.v;
        if (p->at_us < at_us)
            p->at_us = at_us;
    }
    (void)pthread_mutex_unlock(&u->lock);
}

typedef struct lists {
    dm_buf keys, at;
} lists;

static int write_all(dm_pg *c, void *arg, dm_err *err)
{
    const lists *l = arg;
    return dm_key_used(c, dm_buf_view(&l->keys), dm_buf_view(&l->at), err);
}

static int write_tally(const tally *t, dm_pg_pool *ops, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    lists l;
    dm_buf_init(&l.keys, TEXT_MAX);
    dm_buf_init(&l.at, TEXT_MAX);
    for (size_t i = 0; i < ROOM; i++) {
        if (t->of[i].key_no == 0)
            continue;
        const char *comma = l.keys.len > 0 ? "," : "";
        (void)dm_buf_fmt(&l.keys, "%s%lld", comma, (long long)t->of[i].key_no);
        (void)dm_buf_fmt(&l.at, "%s%lld", comma, (long long)t->of[i].at_us);
    }
    int r = dm_buf_ok(&l.keys, err);
    if (r == 0)
        r = dm_buf_ok(&l.at, err);
    if (r == 0)
        r = dm_pg_tx(ops, &everybody, write_all, &l, err);
    dm_buf_done(&l.keys);
    dm_buf_done(&l.at);
    return r < 0 ? dm_wrap(err, "uses of keys") : r;
}

int dm_uses_write(dm_uses *u, dm_pg_pool *ops, dm_err *err)
{
    (void)pthread_mutex_lock(&u->lock);
    tally *taken = u->now;
    u->now = u->spare;
    u->spare = taken;
    (void)pthread_mutex_unlock(&u->lock);
    if (taken->n == 0)
        return 0;
    int r = write_tally(taken, ops, err);
    for (size_t i = 0; r < 0 && i < ROOM; i++) {
        if (taken->of[i].key_no != 0)
            dm_uses_add(u, (dm_key_no){taken->of[i].key_no}, taken->of[i].at_us);
    }
    memset(taken, 0, sizeof *taken);
    return r;
}
