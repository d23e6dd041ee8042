#include "metering/live/view.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cond.h"

#include "metering/kit/meters.h"

enum { LATER_MS = 1000 };

struct dm_view {
    dm_view_config c;
    dm_counted *room;
    dm_spend *spend; /* the thread's, as the connection */
    dm_pg *pg;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool given, stop; /* given: room and the next two are the thread's */
    size_t n;
    int64_t newest;
};

/* Whether to go on, when something was given, or soon after a failure. */
static bool wait_for_some(dm_view *v, bool failed)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + LATER_MS;
    (void)pthread_mutex_lock(&v->lock);
    while (!v->stop && (failed ? dm_mono_ms(&dm_clock_real) < until : !v->given))
        dm_cond_wait_until(&v->changed, &v->lock, failed ? until : INT64_MAX);
    bool go = !v->stop;
    (void)pthread_mutex_unlock(&v->lock);
    return go;
}

/* What was given is the tally's, and the room is free for more while it is rated and written. */
static int digest(dm_view *v, dm_err *err)
{
    (void)pthread_mutex_lock(&v->lock);
    bool given = v->given;
    (void)pthread_mutex_unlock(&v->lock);
    int r = given ? dm_spend_take(v->spend, v->room, v->n, v->newest, err) : 0;
    (void)pthread_mutex_lock(&v->lock);
    v->given = false;
    (void)pthread_mutex_unlock(&v->lock);
    return r;
}

static int one_round(dm_view *v, dm_err *err)
{
    int64_t began = dm_mono_us(&dm_clock_real);
    int r = digest(v, err);
    if (r == 0 && v->pg == NULL)
        r = dm_pg_open(v->c.db, &v->pg, err);
    if (r == 0)
        r = dm_spend_round(v->spend, v->pg, began / 1000, err);
    if (r < 0 && v->pg != NULL) {
        dm_pg_close(v->pg);
        v->pg = NULL;
    }
    dm_metric_time(v->c.metrics, &dm_m_live, NULL, dm_mono_us(&dm_clock_real) - began);
    return r;
}

static void *work(void *arg)
{
    dm_view *v = arg;
    int r = 0;
    while (r <= 0 && wait_for_some(v, r < 0)) {
        dm_err err = {0};
        r = one_round(v, &err);
        if (r >= 0)
            continue;
        dm_metric_add(v->c.metrics, &dm_m_live_failed, NULL, 1);
        if (v->c.log != NULL)
            dm_log_err(v->c.log, DM_WARN, "meter.live_failed", &err);
    }
    return NULL; /* who is a zombie is told so by its next flush */
}

int dm_view_new(const dm_view_config *config, dm_view **out, dm_err *err)
{
    dm_view *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the live view");
    made->c = *config;
    (void)pthread_mutex_init(&made->lock, NULL);
    dm_cond_init(&made->changed);
    DM_AUTO(dm_view) v = made;
    v->room = calloc(DM_VIEW_COUNTED_MAX, sizeof(*v->room));
    if (v->room == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the live view");
    int r = dm_spend_new(&config->spend, &v->spend, err);
    if (r < 0)
        return r;
    r = pthread_create(&v->thread, NULL, work, v);
    if (r != 0)
        return dm_fail(err, DM_E_INTERNAL, "no thread for the live view: %d", r);
    v->started = true;
    *out = dm_steal(&v);
    return 0;
}

void dm_view_free(dm_view *v)
{
    if (v == NULL)
        return;
    (void)pthread_mutex_lock(&v->lock);
    v->stop = true;
    (void)pthread_cond_broadcast(&v->changed);
    (void)pthread_mutex_unlock(&v->lock);
    if (v->started)
        (void)pthread_join(v->thread, NULL);
    if (v->pg != NULL)
        dm_pg_close(v->pg);
    dm_spend_free(v->spend);
    free(v->room);
    (void)pthread_cond_destroy(&v->changed);
    (void)pthread_mutex_destroy(&v->lock);
    free(v);
}

dm_counted *dm_view_room(dm_view *v)
{
    (void)pthread_mutex_lock(&v->lock);
    bool given = v->given;
    (void)pthread_mutex_unlock(&v->lock);
    return given ? NULL : v->room;
}

void dm_view_give(dm_view *v, size_t n, int64_t newest)
{
    (void)pthread_mutex_lock(&v->lock);
    v->n = n;
    v->newest = newest;
    v->given = true;
    (void)pthread_cond_broadcast(&v->changed);
    (void)pthread_mutex_unlock(&v->lock);
}
