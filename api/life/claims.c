#include "api/life/claims.h"

#include <pthread.h>
#include <time.h>

#include "api/life/given.h"

enum { AGAIN_MS = 100 };

typedef struct entry {
    struct entry *next;
    dm_claims *of;
    dm_worker_no worker;
    dm_sandbox_id id;
    int64_t since_us;
    int kept; /* its slot in c->kept */
    bool asked_again;
    bool given; /* else its client had gone: it ends */
} entry;

struct dm_claims {
    dm_dispatch *dispatch;
    dm_log *log;
    const dm_clock *clock;
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    entry *first, **last;
    size_t n;
    dm_given *kept; /* NULL: nothing is; under the lock */
    bool threaded, stop;
};

/* --- sending ------------------------------------------------------------------------------------------------ */

/* Too late: its worker has ended it, or it was claimed by being used. */
static bool stale(const dm_claims *c, const entry *e)
{
    return dm_mono_us(c->clock) - e->since_us > (int64_t)DM_WK_CLAIM_S * 1000000;
}

static int end_one(dm_claims *c, const entry *e, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    int r = dm_dispatch_kill(c->dispatch, e->worker, &e->id, 1, DM_CAUSE_START_FAILED, &stopped, &no, err);
    dm_wk_stopped_done(&stopped);
    return r < 0 ? r : 0; /* a refusal: it is over already */
}

static void drop(dm_claims *c, entry *e)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->kept != NULL)
        dm_given_drop(c->kept, e->kept);
    e->kept = DM_GIVEN_NONE;
    (void)pthread_mutex_unlock(&c->lock);
}

static void done_with(dm_claims *c, entry *e)
{
    drop(c, e);
    free(e);
}

/* The first of the list, and those behind it that are of its kind and its worker's. What was heard of is freed; what is
 * left comes again. */
static int send_some(dm_claims *c, entry **list, dm_err *err)
{
    dm_sandbox_id ids[DM_WK_CLAIMS_MAX];
    dm_dispatch_no no;
    size_t n = 0;
    int r;
    if (!(*list)->given) {
        n = 1;
        r = end_one(c, *list, err);
    } else {
        const dm_worker_no to = (*list)->worker;
        for (const entry *e = *list; e != NULL && e->given && e->worker.v == to.v && n < DM_WK_CLAIMS_MAX; e = e->next)
            ids[n++] = e->id;
        r = dm_dispatch_claim(c->dispatch, to, ids, n, &no, err);
        if (r == DM_DISPATCH_REFUSED)
            r = dm_fail(err, DM_E_PROTO, "claims: %d %s", no.status, no.message);
    }
    for (; n > 0 && (r >= 0 || stale(c, *list)); n--) {
        entry *e = *list;
        *list = e->next;
        done_with(c, e);
    }
    return r;
}

/* Those of this worker go from one list to the end of the other. */
static void move_those_of(dm_worker_no worker, entry **list, entry **to)
{
    while (*to != NULL)
        to = &(*to)->next;
    while (*list != NULL) {
        entry *e = *list;
        if (e->worker.v != worker.v) {
            list = &e->next;
            continue;
        }
        *list = e->next;
        e->next = NULL;
        *to = e;
        to = &e->next;
    }
}

/* A worker that is away holds up nobody else's. */
static int send_all(dm_claims *c, entry **list)
{
    entry *left = NULL;
    int first = 0;
    while (*list != NULL) {
        dm_err err = {0};
        const dm_worker_no to = (*list)->worker;
        int r = send_some(c, list, &err);
        if (r >= 0)
            continue;
        dm_log_err(c->log, DM_WARN, "sandbox.claims_wait", &err);
        move_those_of(to, list, &left);
        first = first < 0 ? first : r;
    }
    *list = left;
    return first;
}

static void *run(void *arg)
{
    dm_claims *c = arg;
    entry *mine = NULL;
    for (;;) {
        (void)pthread_mutex_lock(&c->lock);
        while (c->first == NULL && mine == NULL && !c->stop)
            (void)pthread_cond_wait(&c->more, &c->lock);
        bool stop = c->stop;
        entry **end = &mine;
        while (*end != NULL)
            end = &(*end)->next;
        *end = c->first;
        c->first = NULL;
        c->last = &c->first;
        c->n = 0;
        (void)pthread_mutex_unlock(&c->lock);
        if (send_all(c, &mine) < 0 && !stop)
            (void)nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
        if (stop)
            break;
    }
    for (entry *e = mine, *next; e != NULL; e = next) {
        next = e->next;
        free(e);
    }
    return NULL;
}

/* --- gathering ---------------------------------------------------------------------------------------------- */

static void add(dm_claims *c, entry *e)
{
    if (!c->threaded) {
        (void)send_all(c, &e);
        free(e);
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    bool room = c->n < DM_CLAIMS_QUEUE_MAX;
    if (room) {
        *c->last = e;
        c->last = &e->next;
        c->n++;
        (void)pthread_cond_signal(&c->more);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!room) { /* it may still be claimed by being used */
        DM_LOG(c->log, DM_ERROR, "sandbox.claim_lost", dm_fs("sandbox", dm_sandbox_name_of(&e->id).s));
        done_with(c, e);
    }
}

static void sent(void *arg, bool given)
{
    entry *e = arg;
    e->given = given || e->asked_again;
    e->since_us = dm_mono_us(e->of->clock);
    if (!e->given)
        drop(e->of, e);
    add(e->of, e);
}

/* Before the answer leaves: whoever dies between its last byte and what would be written then has told somebody of a
 * sandbox that nobody claims. He who was not answered may have one that he does not know of: it ends in its time. */
static void keep(dm_claims *c, entry *e)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->kept != NULL)
        e->kept = dm_given_keep(c->kept, &(dm_given_one){.id = e->id, .worker = e->worker});
    (void)pthread_mutex_unlock(&c->lock);
}

int dm_claims_when_sent(
        dm_claims *c, dm_req *req, dm_worker_no worker, const dm_sandbox_id *id, bool asked_again, dm_err *err)
{
    entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return dm_fail(err, DM_E_NOMEM, "claim");
    *e = (entry){.of = c, .worker = worker, .id = *id, .asked_again = asked_again, .kept = DM_GIVEN_NONE};
    keep(c, e);
    dm_req_on_sent(req, sent, e);
    return 0;
}

/* Several that one answer gives away. */
typedef struct given_all {
    size_t n;
    entry *e[];
} given_all;

static void all_sent(void *arg, bool given)
{
    given_all *a = arg;
    for (size_t i = 0; i < a->n; i++)
        sent(a->e[i], given);
    free(a);
}

int dm_claims_all_when_sent(
        dm_claims *c, dm_req *req, dm_worker_no worker, const dm_sandbox_id *ids, size_t n, dm_err *err)
{
    given_all *a = calloc(1, sizeof *a + n * sizeof a->e[0]);
    for (size_t i = 0; a != NULL && i < n; i++) {
        entry *e = calloc(1, sizeof *e);
        if (e == NULL)
            break;
        *e = (entry){.of = c, .worker = worker, .id = ids[i], .kept = DM_GIVEN_NONE};
        a->e[a->n++] = e;
    }
    if (a == NULL || a->n < n) {
        for (size_t i = 0; a != NULL && i < a->n; i++)
            free(a->e[i]);
        free(a);
        return dm_fail(err, DM_E_NOMEM, "claims");
    }
    for (size_t i = 0; i < n; i++)
        keep(c, a->e[i]);
    dm_req_on_sent(req, all_sent, a);
    return 0;
}

/* --- made and unmade ---------------------------------------------------------------------------------------- */

/* What an earlier life of this instance had given away, and told no worker. */
static int take_up(dm_claims *c, const char *path, dm_err *err)
{
    dm_given_one one;
    int r = dm_given_open(path, DM_CLAIMS_QUEUE_MAX, &c->kept, err);
    for (int slot; r == 0 && (slot = dm_given_left(c->kept, &one)) != DM_GIVEN_NONE;) {
        entry *e = calloc(1, sizeof *e);
        if (e == NULL)
            return dm_fail(err, DM_E_NOMEM, "claim");
        *e = (entry){.of = c,
                .worker = one.worker,
                .id = one.id,
                .since_us = dm_mono_us(c->clock),
                .kept = slot,
                .given = true};
        DM_LOG(c->log, DM_INFO, "sandbox.claim_left", dm_fs("sandbox", dm_sandbox_name_of(&e->id).s));
        add(c, e);
    }
    return r;
}

int dm_claims_new(dm_dispatch *dispatch, dm_log *log, const dm_clock *clock, bool threaded, const char *path,
        dm_claims **out, dm_err *err)
{
    dm_claims *c = calloc(1, sizeof *c);
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "claims");
    *c = (dm_claims){.dispatch = dispatch, .log = log, .clock = clock, .threaded = threaded};
    c->last = &c->first;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->more, NULL);
    if (path != NULL && threaded) {
        dm_err why = {0};
        if (take_up(c, path, &why) < 0) /* whatever was given before: what is given from now on is claimed as ever */
            dm_log_err(log, DM_WARN, "sandbox.claims_not_kept", &why);
    }
    if (threaded && pthread_create(&c->thread, NULL, run, c) != 0) {
        c->threaded = false;
        dm_claims_free(c);
        return dm_fail(err, DM_E_NOMEM, "the thread of claims");
    }
    *out = c;
    return 0;
}

void dm_claims_free(dm_claims *c)
{
    if (c == NULL)
        return;
    if (c->threaded) {
        (void)pthread_mutex_lock(&c->lock);
        c->stop = true;
        (void)pthread_cond_signal(&c->more);
        (void)pthread_mutex_unlock(&c->lock);
        (void)pthread_join(c->thread, NULL);
    }
    dm_given_free(c->kept);
    (void)pthread_cond_destroy(&c->more);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}
