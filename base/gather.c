#include "base/gather.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/cond.h"

/* On the stack of who waits, in the line until a round takes it. Woken when that is over, or to do the next round
 * itself, and out of the line by then: that is handed on under the lock, so that nobody who comes later gets it. */
typedef struct waiter {
    struct waiter *next;
    void *one;
    enum { WAITS, LEADS, DONE } state;
    pthread_cond_t told;
} waiter;

struct dm_gather {
    dm_gather_config config;
    pthread_mutex_t lock;
    waiter *first, **last;
    bool under_way;
};

int dm_gather_new(const dm_gather_config *config, dm_gather **out, dm_err *err)
{
    if (config->most < 1 || config->most > DM_GATHER_MOST)
        return dm_fail(err, DM_E_INVALID, "rounds of %u", config->most);
    dm_gather *g = calloc(1, sizeof *g);
    if (g == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to gather in");
    g->config = *config;
    g->last = &g->first;
    (void)pthread_mutex_init(&g->lock, NULL);
    *out = g;
    return 0;
}

void dm_gather_free(dm_gather *g)
{
    if (g == NULL)
        return;
    assert(g->first == NULL && !g->under_way);
    (void)pthread_mutex_destroy(&g->lock);
    free(g);
}

/* --- with the lock held ------------------------------------------------------------------------------------- */

static waiter *take_first(dm_gather *g)
{
    waiter *w = g->first;
    g->first = w->next;
    if (g->first == NULL)
        g->last = &g->first;
    return w;
}

/* A round of one and those who have waited longest; the lock is let go while it is done. */
static void do_round(dm_gather *g, waiter *one)
{
    waiter *in[DM_GATHER_MOST] = {one};
    void *all[DM_GATHER_MOST] = {one->one};
    size_t n = 1;
    for (; n < g->config.most && g->first != NULL; n++) {
        in[n] = take_first(g);
        all[n] = in[n]->one;
    }
    (void)pthread_mutex_unlock(&g->lock);
    g->config.fn(g->config.ctx, all, n);
    (void)pthread_mutex_lock(&g->lock);
    for (size_t i = 1; i < n; i++) {
        in[i]->state = DONE;
        (void)pthread_cond_signal(&in[i]->told);
    }
}

/* Whoever has waited longest does the next one; where nobody waits, who comes next does. */
static void hand_on(dm_gather *g)
{
    if (g->first == NULL) {
        g->under_way = false;
        return;
    }
    waiter *next = take_first(g);
    next->state = LEADS;
    (void)pthread_cond_signal(&next->told);
}

static void wait_for_a_round(dm_gather *g, waiter *me)
{
    *g->last = me;
    g->last = &me->next;
    while (me->state == WAITS)
        (void)pthread_cond_wait(&me->told, &g->lock);
}

void dm_gather_do(dm_gather *g, void *one)
{
    waiter me = {.one = one, .state = WAITS};
    dm_cond_init(&me.told);
    (void)pthread_mutex_lock(&g->lock);
    if (!g->under_way) { /* then nobody waits */
        g->under_way = true;
        me.state = LEADS;
    } else {
        wait_for_a_round(g, &me);
    }
    if (me.state == LEADS) {
        do_round(g, &me);
        hand_on(g);
    }
    (void)pthread_mutex_unlock(&g->lock);
    (void)pthread_cond_destroy(&me.told);
}
