#include "metering/chores.h"

#include <assert.h>
#include <string.h>

#include "base/cond.h"

#include "metering/kit/meters.h"

enum { FIRST_LATER_MS = 1000 };

typedef struct turn {
    int64_t due_ms;
    unsigned later_ms; /* how long it was put off last; 0: it went well */
} turn;

struct dm_chores {
    dm_chores_config c;
    size_t n;
    turn turns[DM_CHORES_MAX];
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stop;
};

/* Whether to go on, when the first of them is due. */
static bool wait_for_turn(dm_chores *c)
{
    int64_t until = INT64_MAX;
    for (size_t i = 0; i < c->n; i++)
        until = c->turns[i].due_ms < until ? c->turns[i].due_ms : until;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stop && dm_mono_ms(&dm_clock_real) < until)
        dm_cond_wait_until(&c->changed, &c->lock, until);
    bool go = !c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return go;
}

static bool stopping(dm_chores *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return stop;
}

static void put_off(dm_chores *c, size_t i, const dm_err *why)
{
    turn *t = &c->turns[i];
    const char *name = c->c.chores[i].name;
    t->later_ms = t->later_ms == 0 ? FIRST_LATER_MS : t->later_ms * 2;
    if (t->later_ms > DM_CHORE_LATER_MS)
        t->later_ms = DM_CHORE_LATER_MS;
    dm_metric_add(c->c.with.metrics, &dm_m_chores_failed, name, 1);
    if (c->c.with.log != NULL)
        DM_LOG(c->c.with.log, DM_ERROR, "meter.chore_failed", dm_fs("chore", name), dm_fs("why", why->msg),
                dm_fu("again_in_ms", t->later_ms));
}

/* 0, or DM_CHORE_ZOMBIE. */
static int do_one(dm_chores *c, size_t i)
{
    dm_err err = {0};
    const dm_chore *chore = &c->c.chores[i];
    int64_t began = dm_mono_us(&dm_clock_real);
    int r = c->c.with.pg == NULL ? dm_pg_open(c->c.db, &c->c.with.pg, &err) : 0;
    if (r == 0)
        r = chore->fn(&c->c.with, &err);
    if (r < 0)
        put_off(c, i, &err);
    else
        c->turns[i].later_ms = 0;
    if (r == DM_E_UNAVAILABLE && c->c.with.pg != NULL) { /* it is never opened again by itself */
        dm_pg_close(c->c.with.pg);
        c->c.with.pg = NULL;
    }
    dm_metric_time(c->c.with.metrics, &dm_m_chores, chore->name, dm_mono_us(&dm_clock_real) - began);
    unsigned wait = c->turns[i].later_ms > chore->every_ms ? c->turns[i].later_ms : chore->every_ms;
    c->turns[i].due_ms = dm_mono_ms(&dm_clock_real) + wait;
    return r > 0 ? r : 0;
}

static void *work(void *arg)
{
    dm_chores *c = arg;
    int r = 0;
    while (r == 0 && wait_for_turn(c)) {
        for (size_t i = 0; r == 0 && i < c->n && !stopping(c); i++) {
            if (dm_mono_ms(&dm_clock_real) >= c->turns[i].due_ms)
                r = do_one(c, i);
        }
    }
    return NULL; /* who is a zombie is told so by its next flush */
}

int dm_chores_new(const dm_chores_config *config, dm_chores **out, dm_err *err)
{
    dm_chores *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for chores");
    made->c = *config;
    while (config->chores[made->n].name != NULL)
        made->n++;
    assert(made->n <= DM_CHORES_MAX);
    (void)pthread_mutex_init(&made->lock, NULL);
    dm_cond_init(&made->changed);
    DM_AUTO(dm_chores) c = made;
    int r = pthread_create(&c->thread, NULL, work, c);
    if (r != 0)
        return dm_fail(err, DM_E_INTERNAL, "no thread for chores: %d", r);
    c->started = true;
    *out = dm_steal(&c);
    return 0;
}

void dm_chores_free(dm_chores *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    if (c->started)
        (void)pthread_join(c->thread, NULL);
    if (c->c.with.pg != NULL)
        dm_pg_close(c->c.with.pg);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}
