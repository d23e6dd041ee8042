#include "metering/ledger/aside.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct dm_aside {
    const char *db;
    dm_pg *pg; /* the caller's, or the thread's, once there was one */
    dm_aside_fn fn;
    void *arg;
    pthread_t thread;
    bool busy;
    atomic_bool over;
    int r;
    dm_err why;
};

int dm_aside_new(const char *db, dm_pg *pg, dm_aside **out, dm_err *err)
{
    dm_aside *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a thread");
    a->db = db;
    a->pg = db == NULL ? pg : NULL;
    *out = a;
    return 0;
}

void dm_aside_free(dm_aside *a)
{
    if (a == NULL)
        return;
    if (a->busy && a->db != NULL)
        (void)pthread_join(a->thread, NULL);
    if (a->db != NULL && a->pg != NULL)
        dm_pg_close(a->pg);
    free(a);
}

static void *run(void *arg)
{
    dm_aside *a = arg;
    a->r = a->pg != NULL ? 0 : dm_pg_open(a->db, &a->pg, &a->why);
    if (a->r == 0)
        a->r = a->fn(a->pg, a->arg, &a->why);
    atomic_store(&a->over, true);
    return NULL;
}

int dm_aside_begin(dm_aside *a, dm_aside_fn fn, void *arg, dm_err *err)
{
    assert(!a->busy);
    a->fn = fn;
    a->arg = arg;
    atomic_store(&a->over, false);
    if (a->db == NULL)
        (void)run(a);
    else if (pthread_create(&a->thread, NULL, run, a) != 0)
        return dm_fail(err, DM_E_NOMEM, "no thread to close a period");
    a->busy = true;
    return 0;
}

bool dm_aside_busy(const dm_aside *a)
{
    return a->busy;
}

bool dm_aside_over(const dm_aside *a)
{
    return a->busy && atomic_load(&a->over);
}

int dm_aside_take(dm_aside *a, dm_err *err)
{
    assert(a->busy);
    if (a->db != NULL)
        (void)pthread_join(a->thread, NULL);
    a->busy = false;
    if (a->r < 0)
        *err = a->why;
    return a->r;
}
