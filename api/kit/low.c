#include "api/kit/low.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/sorted.h"
#include "base/wire/cause.h"

#include "tenants/plan/alerts.h"

typedef struct one {
    dm_owner owner;
    dm_cause cause;
    int64_t left;
} one;

struct dm_low {
    pthread_mutex_t lock;
    atomic_size_t n; /* mostly none, which costs no lock */
    one *all;        /* by owner, each once */
};

int dm_low_new(dm_low **out, dm_err *err)
{
    dm_low *l = calloc(1, sizeof *l);
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "budgets of which little is left");
    (void)pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return 0;
}

void dm_low_free(dm_low *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l->all);
    free(l);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static int query(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_budget_low_list(c, DM_LOW_MAX, rows, err);
}

/* Rows come by owner, the least first: of the next ones of the same nothing is to be said. */
static int take(const dm_pg_rows *rows, one *all, size_t *n, dm_err *err)
{
    *n = 0;
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        one o = {.owner = {{dm_pg_i64(rows, i, 0)}, {dm_pg_i64(rows, i, 1)}}, .left = dm_pg_i64(rows, i, 3)};
        const one *last = *n > 0 ? &all[*n - 1] : NULL;
        if (last != NULL && last->owner.account.v == o.owner.account.v && last->owner.project.v == o.owner.project.v)
            continue;
        int r = dm_cause_parse(dm_pg_str(rows, i, 2), &o.cause, err);
        if (r < 0)
            return r;
        all[(*n)++] = o;
    }
    return 0;
}

int dm_low_read(dm_low *l, dm_pg_pool *pool, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = true};
    DM_AUTO(dm_pg_rows) rows = NULL;
    size_t n = 0;
    int r = dm_pg_tx(pool, &nobody, query, &rows, err);
    if (r < 0)
        return r;
    one *all = calloc(dm_pg_count(rows) + 1, sizeof *all);
    if (all == NULL)
        return dm_fail(err, DM_E_NOMEM, "budgets of which little is left");
    r = take(rows, all, &n, err);
    if (r == 0) {
        (void)pthread_mutex_lock(&l->lock);
        one *old = l->all;
        l->all = all;
        atomic_store(&l->n, n);
        (void)pthread_mutex_unlock(&l->lock);
        all = old;
    }
    free(all);
    return r;
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static int by_owner(const void *element, const void *key)
{
    const dm_owner *a = &((const one *)element)->owner, *b = key;
    if (a->account.v != b->account.v)
        return a->account.v < b->account.v ? -1 : 1;
    return (a->project.v > b->project.v) - (a->project.v < b->project.v);
}

/* With the lock. */
static bool least(const dm_low *l, dm_owner owner, one *out)
{
    bool there;
    size_t at = dm_sorted_place(l->all, atomic_load(&l->n), sizeof *l->all, &owner, by_owner, &there);
    if (!there || (out->left >= 0 && out->left <= l->all[at].left))
        return false;
    *out = l->all[at];
    return true;
}

bool dm_low_of(dm_low *l, dm_owner owner, char out[DM_LOW_TEXT])
{
    one low = {.left = -1};
    if (l == NULL || owner.account.v == 0 || atomic_load(&l->n) == 0)
        return false;
    (void)pthread_mutex_lock(&l->lock);
    bool there = least(l, (dm_owner){.account = owner.account}, &low);
    if (owner.project.v != 0)
        there |= least(l, owner, &low);
    (void)pthread_mutex_unlock(&l->lock);
    if (there)
        (void)snprintf(out, DM_LOW_TEXT, "%s;left=%lld", dm_cause_get(low.cause)->name, (long long)low.left);
    return there;
}
