#include "metering/office.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cond.h"
#include "base/loop.h"

#include "metering/kit/meters.h"

enum { BEAT_MS = 1000, REACH_MS = 3000 };

struct dm_office {
    dm_office_config c;
    dm_pg *pg; /* NULL: it has to be opened; the thread's, once that runs */
    int64_t reach_due_ms, db_since_ms;
    _Atomic int64_t heard_ms;
    atomic_bool left;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stop;
};

/* One look: that it is there; and while it stands by whether the office is free, while it holds it whether it should.
 */
typedef struct look {
    dm_office *o;
    dm_office_who who;
    bool free, taken, other;
} look;

static int stand_by_tx(dm_pg *c, void *arg, dm_err *err)
{
    look *k = arg;
    int r = dm_sql_office_here(c, &k->who, err);
    return r == 0 && k->who.reaches ? dm_sql_office_free(c, &k->who, k->o->c.takeover_s, &k->free, err) : r;
}

static int take_tx(dm_pg *c, void *arg, dm_err *err)
{
    look *k = arg;
    return dm_sql_office_take(c, &k->who, k->o->c.takeover_s, &k->taken, err);
}

static int hold_tx(dm_pg *c, void *arg, dm_err *err)
{
    look *k = arg;
    int r = dm_sql_office_here(c, &k->who, err);
    if (r == 0 && !k->who.reaches)
        r = dm_sql_office_other(c, k->who.owner, k->o->c.takeover_s, &k->other, err);
    return r == 0 && k->other ? dm_sql_office_leave(c, k->who.owner, err) : r;
}

static int leave_tx(dm_pg *c, void *arg, dm_err *err)
{
    const dm_office *o = arg;
    int r = dm_sql_office_leave(c, o->c.who.owner, err);
    return r == 0 ? dm_sql_office_gone(c, o->c.who.owner, err) : r;
}

/* A connection that broke is opened anew with the next look. */
static int in_tx(dm_office *o, dm_pg_fn fn, void *arg, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = false};
    int r = o->pg == NULL ? dm_pg_open(o->c.db, &o->pg, err) : 0;
    if (r == 0)
        r = dm_pg_tx_on(o->pg, &nobody, fn, arg, err);
    if (r == DM_E_UNAVAILABLE && o->pg != NULL) {
        dm_pg_close(o->pg);
        o->pg = NULL;
    }
    return r;
}

/* --- standing by -------------------------------------------------------------------------------------------- */

/* What fails is tried again for a while: the database may be starting. */
static int stand_by(dm_office *o, bool *reaches, bool *taken, dm_err *err)
{
    int64_t now = dm_mono_ms(&dm_clock_real);
    if (now >= o->reach_due_ms) {
        *reaches = o->c.reach(o->c.reach_arg);
        o->reach_due_ms = dm_mono_ms(&dm_clock_real) + REACH_MS;
    }
    look k = {.o = o, .who = o->c.who};
    k.who.reaches = *reaches;
    int r = in_tx(o, stand_by_tx, &k, err);
    if (r == 0 && k.free)
        r = in_tx(o, take_tx, &k, err);
    if (r == 0)
        o->db_since_ms = now;
    *taken = r == 0 && k.taken;
    return now < o->db_since_ms + o->c.takeover_s * 1000 ? 0 : r;
}

static void *hold(void *arg);

int dm_office_wait(dm_office *o, int stop_fd, dm_err *err)
{
    bool reaches = false, taken = false;
    o->db_since_ms = dm_mono_ms(&dm_clock_real);
    for (int64_t n = 0; !taken; n++) {
        if (dm_loop_stop_told(stop_fd, n > 0 ? BEAT_MS : 0))
            return DM_OFFICE_STOP;
        int r = stand_by(o, &reaches, &taken, err);
        if (r < 0)
            return dm_wrap(err, "office");
        if (n == 0 && !taken)
            DM_LOG(o->c.log, DM_INFO, "meter.stands_by", dm_fs("name", o->c.who.name), dm_fb("broker", reaches));
    }
    dm_office_heard(o);
    dm_metric_set(o->c.metrics, &dm_m_office, NULL, 1);
    int r = pthread_create(&o->thread, NULL, hold, o);
    if (r != 0)
        return dm_fail(err, DM_E_INTERNAL, "no thread for the office: %d", r);
    o->started = true;
    return 0;
}

/* --- holding ------------------------------------------------------------------------------------------------ */

static bool wait_for_turn(dm_office *o)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + BEAT_MS;
    (void)pthread_mutex_lock(&o->lock);
    while (!o->stop && dm_mono_ms(&dm_clock_real) < until)
        dm_cond_wait_until(&o->changed, &o->lock, until);
    bool go = !o->stop;
    (void)pthread_mutex_unlock(&o->lock);
    return go;
}

static void *hold(void *arg)
{
    dm_office *o = arg;
    while (!atomic_load(&o->left) && wait_for_turn(o)) {
        dm_err err = {0};
        look k = {.o = o, .who = o->c.who};
        int64_t since = dm_mono_ms(&dm_clock_real) - atomic_load(&o->heard_ms);
        k.who.reaches = since < o->c.takeover_s * 1000;
        int r = in_tx(o, hold_tx, &k, &err);
        if (r < 0) { /* others hear nothing of it, which is what they wait for */
            dm_log_err(o->c.log, DM_WARN, "meter.beat", &err);
        } else if (k.other) {
            DM_LOG(o->c.log, DM_WARN, "meter.office_left", dm_fi("broker_silent_ms", since));
            dm_metric_set(o->c.metrics, &dm_m_office, NULL, 0);
            atomic_store(&o->left, true);
        }
    }
    return NULL;
}

void dm_office_heard(dm_office *o)
{
    atomic_store(&o->heard_ms, dm_mono_ms(&dm_clock_real));
}

bool dm_office_left(dm_office *o)
{
    return atomic_load(&o->left);
}

/* --- life --------------------------------------------------------------------------------------------------- */

int dm_office_new(const dm_office_config *config, dm_office **out, dm_err *err)
{
    dm_office *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an office");
    o->c = *config;
    (void)pthread_mutex_init(&o->lock, NULL);
    dm_cond_init(&o->changed);
    *out = o;
    return 0;
}

void dm_office_free(dm_office *o)
{
    if (o == NULL)
        return;
    (void)pthread_mutex_lock(&o->lock);
    o->stop = true;
    (void)pthread_cond_broadcast(&o->changed);
    (void)pthread_mutex_unlock(&o->lock);
    if (o->started)
        (void)pthread_join(o->thread, NULL);
    dm_err err = {0};
    if (o->pg != NULL && in_tx(o, leave_tx, o, &err) < 0)
        dm_log_err(o->c.log, DM_WARN, "meter.leave", &err);
    if (o->pg != NULL)
        dm_pg_close(o->pg);
    (void)pthread_cond_destroy(&o->changed);
    (void)pthread_mutex_destroy(&o->lock);
    free(o);
}
