#include "api/kit/later.h"

#include <pthread.h>
#include <stddef.h>

#include "base/map.h"

enum { BUCKETS = 1024, LOOK_AGAIN_US = 250000 };

typedef struct task {
    dm_line_job job; /* first */
    dm_later_at at;
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

/* A project of which some are parked. */
typedef struct parker {
    int64_t project;
    unsigned n;
} parker;

struct dm_later {
    dm_later_config config;
    dm_line *lines[DM_LATER_LINES]; /* NULL without threads */
    pthread_mutex_t lock;
    dm_map parkers;
    unsigned nparked;
    bool closing;
    bucket buckets[BUCKETS];
};

static int lines_new(dm_later *l, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && l->config.threads[DM_LATER_ORDERS] > 0 && i < DM_LATER_LINES; i++) {
        if (l->config.threads[i] == 0)
            continue;
        const dm_line_config line = {.threads = l->config.threads[i],
                .places_max = i == DM_LATER_PROOFS ? DM_PROOFS_WAITING : l->config.queue_max,
                .parts = DM_SHARE};
        r = dm_line_new(&line, &l->lines[i], err);
    }
    return r;
}

int dm_later_new(const dm_later_config *config, dm_later **out, dm_err *err)
{
    dm_later *l = calloc(1, sizeof *l);
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "orders");
    l->config = *config;
    dm_map_init(&l->parkers, offsetof(parker, project), sizeof(int64_t), config->parked_max);
    (void)pthread_mutex_init(&l->lock, NULL);
    int r = lines_new(l, err);
    if (r < 0) {
        dm_later_free(l);
        return r;
    }
    *out = l;
    return 0;
}

/* With the lock: it is parked no longer. */
static void discount(dm_later *l, const task *t)
{
    parker *p = dm_map_find(&l->parkers, &t->at.project.v);
    p->n--;
    l->nparked--;
    if (p->n == 0) {
        (void)dm_map_remove(&l->parkers, p);
        free(p);
    }
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
            discount(l, t);
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    while (parked != NULL) {
        task *next = parked->next;
        refuse(parked);
        parked = next;
    }
    for (size_t i = 0; i < DM_LATER_LINES; i++)
        dm_line_free(l->lines[i]);
    dm_map_done(&l->parkers);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static void run(dm_line_job *job)
{
    task *t = (task *)(void *)job;
    dm_err err = {0};
    bool shown = t->at.line == DM_LATER_READS || t->at.line == DM_LATER_FILES || t->at.line == DM_LATER_PROOFS;
    bool nobody = shown && dm_req_gone(t->req);
    int r = nobody ? dm_fail(&err, DM_E_UNAVAILABLE, "the client has gone") : t->fn(t->req, t->ctx, &err);
    if (r != DM_HTTP_LATER)
        dm_req_done(t->req, r, &err);
    free(t);
}

static task *task_new(dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx)
{
    task *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->job.fn = run;
        t->at = at;
        t->req = req;
        t->fn = fn;
        t->ctx = ctx;
    }
    return t;
}

static int join(dm_later *l, dm_later_at at, dm_line_job *job)
{
    return dm_line_join(l->lines[at.line], at.project.v, job);
}

int dm_later_join(dm_later *l, dm_later_at at, dm_line_job *job, dm_err *err)
{
    int r = join(l, at, job);
    if (r == DM_LINE_CROWDED)
        return dm_fail(err, DM_E_LIMIT, "%u requests of your project wait already, as many as one project may have",
                dm_line_places(l->lines[at.line]));
    return r == 0 ? 0 : dm_fail(err, DM_E_UNAVAILABLE, "too many orders at this moment");
}

bool dm_later_at_once(const dm_later *l)
{
    return l->lines[DM_LATER_ORDERS] == NULL;
}

int dm_later_hop(dm_later *l, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err)
{
    if (l->lines[at.line] == NULL)
        return fn(req, ctx, err);
    task *t = task_new(at, req, fn, ctx);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "order");
    int r = dm_later_join(l, at, &t->job, err);
    if (r < 0)
        free(t);
    return r < 0 ? r : DM_HTTP_LATER;
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

/* With the lock. What is parked of a project, and no more than its share; 0, or the code. */
static int count(dm_later *l, const task *t, dm_err *err)
{
    unsigned most = l->config.parked_max / DM_SHARE > 0 ? l->config.parked_max / DM_SHARE : 1;
    if (l->closing || l->nparked == l->config.parked_max)
        return dm_fail(err, DM_E_UNAVAILABLE, "too many requests wait for a sandbox");
    parker *p = dm_map_find(&l->parkers, &t->at.project.v);
    if (p == NULL) {
        if (dm_map_reserve(&l->parkers, "projects", err) < 0 || (p = calloc(1, sizeof *p)) == NULL)
            return dm_fail(err, DM_E_NOMEM, "waiting request");
        p->project = t->at.project.v;
        dm_map_add(&l->parkers, p);
    }
    if (p->n == most)
        return dm_fail(err, DM_E_LIMIT,
                "%u requests of your project wait for a sandbox, as many as one project may have", most);
    p->n++;
    l->nparked++;
    return 0;
}

int dm_later_park(dm_later *l, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, const dm_sandbox_id *id,
        uint64_t mark, dm_err *err)
{
    int64_t now = dm_mono_us(l->config.clock);
    if (dm_later_at_once(l) || now - req->arrived_mono_us > l->config.wait_us)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is still changing its state");
    task *t = task_new(at, req, fn, ctx);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "waiting request");
    t->id = *id;
    t->parked_us = now;
    (void)pthread_mutex_lock(&l->lock);
    bucket *b = bucket_of(l, id);
    int r = 0;
    if (l->closing || b->wakes == mark || join(l, at, &t->job) != 0)
        r = count(l, t, err);
    else
        t = NULL; /* it goes on at once */
    if (r == 0 && t != NULL) {
        *(b->parked != NULL ? &b->last->next : &b->parked) = t;
        b->last = t;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (r < 0)
        free(t);
    return r < 0 ? r : DM_HTTP_LATER;
}

/* With the lock. 0, or why it stays: the line's own word. */
static int leave(dm_later *l, task *t)
{
    const task was = *t;
    int r = join(l, t->at, &t->job); /* then t is the line's, and may be gone */
    if (r == 0)
        discount(l, &was);
    return r;
}

/* With the lock. Oldest first: none waits for ever behind those that come after it. Those that the line has no room for
 * stay parked: the next tick tries again. One for whom there is no room because of his own project's does not hold up
 * another's. */
static void release(dm_later *l, bucket *b, const dm_sandbox_id *id, int64_t before_us)
{
    task *stays = NULL;
    bool room = true;
    for (task **at = &b->parked; *at != NULL;) {
        task *t = *at;
        task *next = t->next;
        bool due = id != NULL ? dm_sandbox_id_eq(&t->id, id) : t->parked_us <= before_us;
        int r = due && room ? leave(l, t) : DM_LINE_FULL;
        room = room && (!due || r != DM_LINE_FULL);
        if (r == 0) {
            *at = next;
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

unsigned dm_later_waiting(dm_later *l, dm_later_line line)
{
    return l->lines[line] != NULL ? dm_line_waiting(l->lines[line]) : 0;
}
