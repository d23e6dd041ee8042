#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/pg_conn.h"

/* Connections are opened when they are first needed and looked at when they are taken: one that a restarted server has
 * left behind is replaced then. The free ones are a stack, so that under little load the same few stay warm. */
struct dm_pg_pool {
    char *conninfo;
    unsigned max, wait_ms, statement_ms;
    dm_log *log;
    bool locks;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned made, nfree; /* made counts what is in use, too */
    dm_pg **free_ones;
};

static int64_t now_ms(void)
{
    return dm_mono_us(&dm_clock_real) / 1000;
}

static int start_locks(dm_pg_pool *p, dm_err *err)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr) != 0)
        return dm_fail(err, DM_E_NOMEM, "database pool: no lock");
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int bad = pthread_cond_init(&p->freed, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (bad != 0)
        return dm_fail_sys(err, bad, "database pool: condition");
    bad = pthread_mutex_init(&p->lock, NULL);
    if (bad != 0) {
        (void)pthread_cond_destroy(&p->freed);
        return dm_fail_sys(err, bad, "database pool: lock");
    }
    p->locks = true;
    return 0;
}

int dm_pg_pool_new(const dm_pg_config *config, dm_pg_pool **out, dm_err *err)
{
    DM_AUTO(dm_pg_pool) p = NULL;

    if (config->conninfo == NULL || config->max < 1 || config->max > 1000)
        return dm_fail(err, DM_E_INVALID, "database pool: no connection string, or not 1 to 1000 connections");
    int r = dm_pg_conninfo_check(config->conninfo, err);
    if (r < 0)
        return r;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "database pool: no memory");
    p->max = config->max;
    p->wait_ms = config->wait_ms;
    p->statement_ms = config->statement_ms;
    p->log = config->log;
    p->conninfo = strdup(config->conninfo);
    p->free_ones = calloc(p->max, sizeof(dm_pg *));
    if (p->conninfo == NULL || p->free_ones == NULL)
        return dm_fail(err, DM_E_NOMEM, "database pool: no memory");
    r = start_locks(p, err);
    if (r < 0)
        return r;
    *out = dm_steal(&p);
    return 0;
}

void dm_pg_pool_free(dm_pg_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->nfree; i++)
        dm_pg_close(p->free_ones[i]);
    if (p->locks) {
        (void)pthread_mutex_destroy(&p->lock);
        (void)pthread_cond_destroy(&p->freed);
    }
    free(p->free_ones);
    free(p->conninfo);
    free(p);
}

static void give(dm_pg_pool *p, dm_pg *c)
{
    (void)pthread_mutex_lock(&p->lock);
    if (c != NULL)
        p->free_ones[p->nfree++] = c;
    else
        p->made--;
    (void)pthread_cond_signal(&p->freed);
    (void)pthread_mutex_unlock(&p->lock);
}

static int take(dm_pg_pool *p, dm_pg **out, dm_err *err)
{
    int64_t until = now_ms() + p->wait_ms;
    struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
    dm_pg *c = NULL;
    int r = 0;

    (void)pthread_mutex_lock(&p->lock);
    while (p->nfree == 0 && p->made == p->max && now_ms() < until)
        (void)pthread_cond_timedwait(&p->freed, &p->lock, &at);
    if (p->nfree > 0)
        c = p->free_ones[--p->nfree];
    else if (p->made < p->max)
        p->made++;
    else
        r = dm_fail(err, DM_E_UNAVAILABLE, "all %u database connections are in use", p->max);
    (void)pthread_mutex_unlock(&p->lock);
    if (r < 0)
        return r;
    /* From here the place is ours, with a connection in it or without. */
    if (c != NULL && !dm_pg_usable(c)) {
        dm_pg_close(c);
        c = NULL;
    }
    if (c == NULL)
        r = dm_pg_dial(p->conninfo, p->statement_ms, p->log, &c, err);
    if (r < 0)
        give(p, NULL);
    else
        *out = c;
    return r;
}

int dm_pg_tx(dm_pg_pool *p, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err)
{
    dm_pg *c = NULL;
    int r = take(p, &c, err);

    if (r < 0)
        return r;
    r = dm_pg_tx_on(c, scope, fn, arg, err);
    if (!dm_pg_usable(c)) {
        dm_pg_close(c);
        c = NULL;
    }
    give(p, c);
    return r;
}
