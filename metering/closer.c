#include "metering/closer.h"

#include <assert.h>

#include "base/clock.h"
#include "base/cond.h"

typedef struct worker {
    dm_closers *of;
    dm_bill_config bill;
    dm_pg *pg;
    pthread_t thread;
    bool started;
} worker;

struct dm_closers {
    dm_closers_config c;
    worker workers[DM_CLOSERS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t words; /* how often there was one */
    bool stop;
    int failed;
    dm_err why;
};

static bool stopping(dm_closers *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return stop;
}

/* Asked in every step: so a thread that is to stop does so between two, with nothing half written. */
static int held(void *arg, dm_pg *pg, bool *out, dm_err *err)
{
    const worker *w = arg;
    if (stopping(w->of))
        return dm_fail(err, DM_E_UNAVAILABLE, "the meter stops");
    return w->of->c.bill.held(w->of->c.bill.held_arg, pg, out, err);
}

static void fail(dm_closers *c, int r, const dm_err *why)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->failed == 0 && !c->stop) { /* what is told to stop has not failed */
        c->failed = r;
        c->why = *why;
    }
    c->stop = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

/* Until there is a word that was not heard, or it is time to look without one; false: stop. */
static bool wait_for_work(dm_closers *c, uint64_t *heard)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + c->c.every_ms;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stop && c->words == *heard && dm_mono_ms(&dm_clock_real) < until)
        dm_cond_wait_until(&c->changed, &c->lock, until);
    *heard = c->words;
    bool go = !c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return go;
}

static void *work(void *arg)
{
    worker *w = arg;
    uint64_t heard = 0;
    dm_err err;
    int r = 0;
    do {
        r = dm_bill_owed(&w->bill, &err);
        if (r == DM_BILL_ZOMBIE)
            r = dm_fail(&err, DM_E_CONFLICT, "another meter has taken over: this one wrote nothing and stops");
    } while (r == 0 && wait_for_work(w->of, &heard));
    if (r < 0)
        fail(w->of, r, &err);
    return NULL;
}

static int start(dm_closers *c, unsigned i, dm_err *err)
{
    worker *w = &c->workers[i];
    w->of = c;
    int r = dm_pg_open(c->c.db, &w->pg, err);
    if (r < 0)
        return r;
    w->bill = c->c.bill;
    w->bill.pg = w->pg;
    w->bill.held = held;
    w->bill.held_arg = w;
    w->bill.part = i;
    w->bill.parts = c->c.n;
    r = pthread_create(&w->thread, NULL, work, w);
    if (r != 0)
        return dm_fail(err, DM_E_INTERNAL, "no thread for statements: %d", r);
    w->started = true;
    return 0;
}

int dm_closers_new(const dm_closers_config *config, dm_closers **out, dm_err *err)
{
    assert(config->n > 0 && config->n <= DM_CLOSERS_MAX);
    dm_closers *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for statements");
    made->c = *config;
    (void)pthread_mutex_init(&made->lock, NULL);
    dm_cond_init(&made->changed);
    DM_AUTO(dm_closers) c = made;
    for (unsigned i = 0; i < config->n; i++) {
        int r = start(c, i, err);
        if (r < 0)
            return dm_wrap(err, "statements");
    }
    *out = dm_steal(&c);
    return 0;
}

void dm_closers_free(dm_closers *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->c.n; i++) {
        if (c->workers[i].started)
            (void)pthread_join(c->workers[i].thread, NULL);
        if (c->workers[i].pg != NULL)
            dm_pg_close(c->workers[i].pg);
    }
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void dm_closers_wake(dm_closers *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->words++;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

int dm_closers_failed(dm_closers *c, dm_err *err)
{
    (void)pthread_mutex_lock(&c->lock);
    int r = c->failed;
    if (r != 0 && err != NULL)
        *err = c->why;
    (void)pthread_mutex_unlock(&c->lock);
    return r;
}
