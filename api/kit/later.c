#include "api/kit/later.h"

#include <pthread.h>

enum { BUCKETS = 1024, LOOK_AGAIN_US = 250000 };

typedef struct task {
    dm_job job; /* first */
    dm_later *later;
    dm_req *req;
    dm_http_handler fn;
    void *ctx;
    struct task *next; /* while parked */
    dm_sandbox_id id;
    int64_t parked_us;
} task;

/* A bucket's count rises with every wake of a sandbox that falls into it: a mark of another one's only costs a look. */
typedef struct bucket {
    uint64_t wakes;
    task *parked, *last; /* oldest first; last is only looked at where parked is not NULL */
} bucket;

struct dm_later {
    dm_later_config config;
    dm_exec *exec; /* NULL without threads */
    pthread_mutex_t lock;
    unsigned nparked;
    bool closing;
    bucket buckets[BUCKETS];
};

int dm_later_new(const dm_later_config *config, dm_later **out, dm_err *err)
{
    dm_later *l = calloc(1, sizeof *l);
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "orders");
    l->config = *config;
    (void)pthread_mutex_init(&l->lock, NULL);
    int r = config->threads > 0 ? dm_exec_new(config->threads, config->queue_max, &l->exec, err) : 0;
    if (r < 0) {
        dm_later_free(l);
        return r;
    }
    *out = l;
    return 0;
}

static void refuse(task *t)
{
    dm_err err;
    (void)dm_fail(&err, DM_E_UNAVAILABLE, "the service is going away");
    dm_req_done(t->req, DM_E_UNAVAILABLE, &err);
    free(t);
}

void dm_later_free(dm_later *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->closing = true;
    task *parked = NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (l->buckets[i].parked != NULL) {
            task *t = l->buckets[i].parked;
            l->buckets[i].parked = t->next;
            t->next = parked;
            parked = t;
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    while (parked != NULL) {
        task *next = parked->next;
        refuse(parked);
        parked = next;
    }
    dm_exec_free(l->exec);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static void run(dm_job *job)
{
    task *t = (task *)job;
    dm_err err = {0};
    int r = t->fn(t->req, t->ctx, &err);
    if (r != DM_HTTP_LATER)
        dm_req_done(t->req, r, &err);
    free(t);
}

static task *task_new(dm_later *l, dm_req *req, dm_http_handler fn, void *ctx)
{
    task *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->job.fn = run;
        t->later = l;
        t->req = req;
        t->fn = fn;
        t->ctx = ctx;
    }
    return t;
}

int dm_later_hop(dm_later *l, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err)
{
    if (l->exec == NULL)
        return fn(req, ctx, err);
    task *t = task_new(l, req, fn, ctx);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "order");
    if (dm_exec_submit(l->exec, &t->job) == DM_EXEC_FULL) {
        free(t);
        return dm_fail(err, DM_E_UNAVAILABLE, "too many orders at this moment");
    }
    return DM_HTTP_LATER;
}

static bucket *bucket_of(dm_later *l, const dm_sandbox_id *id)
{
    /* The id is random in its low bytes. */
    return &l->buckets[((unsigned)id->b[DM_SANDBOX_ID_BYTES - 2] << 8 | id->b[DM_SANDBOX_ID_BYTES - 1]) % BUCKETS];
}

uint64_t dm_later_mark(dm_later *l, const dm_sandbox_id *id)
{
    (void)pthread_mutex_lock(&l->lock);
    uint64_t mark = bucket_of(l, id)->wakes;
    (void)pthread_mutex_unlock(&l->lock);
    return mark;
}

int dm_later_park(
        dm_later *l, dm_req *req, dm_http_handler fn, void *ctx, const dm_sandbox_id *id, uint64_t mark, dm_err *err)
{
    int64_t now = dm_mono_us(l->config.clock);
    if (l->exec == NULL || now - req->arrived_mono_us > l->config.wait_us)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is still changing its state");
    task *t = task_new(l, req, fn, ctx);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "waiting request");
    t->id = *id;
    t->parked_us = now;
    (void)pthread_mutex_lock(&l->lock);
    bucket *b = bucket_of(l, id);
    if (l->closing || l->nparked == l->config.parked_max) {
        (void)pthread_mutex_unlock(&l->lock);
        free(t);
        return dm_fail(err, DM_E_UNAVAILABLE, "too many requests wait for a sandbox");
    }
    if (b->wakes != mark && dm_exec_submit(l->exec, &t->job) == 0) {
        (void)pthread_mutex_unlock(&l->lock);
        return DM_HTTP_LATER;
    }
    *(b->parked != NULL ? &b->last->next : &b->parked) = t;
    b->last = t;
    l->nparked++;
    (void)pthread_mutex_unlock(&l->lock);
    return DM_HTTP_LATER;
}

/* With the lock. Oldest first: none waits for ever behind those that come after it. Those that the pool has no room for
 * stay parked: the next tick tries again. */
static void release(dm_later *l, bucket *b, const dm_sandbox_id *id, int64_t before_us)
{
    task *stays = NULL;
    bool room = true;
    for (task **at = &b->parked; *at != NULL;) {
        task *t = *at;
        bool due = id != NULL ? dm_sandbox_id_eq(&t->id, id) : t->parked_us <= before_us;
        task *next = t->next;
        room = room && (!due || dm_exec_submit(l->exec, &t->job) == 0);
        if (due && room) {
            *at = next;
            l->nparked--;
        } else {
            at = &t->next;
            stays = t;
        }
    }
    b->last = stays;
}

void dm_later_wake(dm_later *l, const dm_sandbox_id *id)
{
    (void)pthread_mutex_lock(&l->lock);
    bucket *b = bucket_of(l, id);
    b->wakes++;
    if (!l->closing)
        release(l, b, id, 0);
    (void)pthread_mutex_unlock(&l->lock);
}

void dm_later_tick(dm_later *l)
{
    int64_t before = dm_mono_us(l->config.clock) - LOOK_AGAIN_US;
    (void)pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < BUCKETS && l->nparked > 0 && !l->closing; i++)
        release(l, &l->buckets[i], NULL, before);
    (void)pthread_mutex_unlock(&l->lock);
}

unsigned dm_later_parked(dm_later *l)
{
    (void)pthread_mutex_lock(&l->lock);
    unsigned n = l->nparked;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}
