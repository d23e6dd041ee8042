/* All machines that are nobody's yet are spares here, in one list; spare.h has the stages. What is to be done next is
 * decided in one place, step(), whenever something has changed: serve who waits, in order; then make ahead what is
 * missing; then make warm what is ready.
 *
 * Whoever waits has a ticket. When it is his turn he gets what stands ready; else a spare becomes his own, a bare one
 * if there is one, and is given to him as soon as it is loaded: the sandbox pays for what its own guest translates. */
#include "workers/host/machine/pool.h"

#include <assert.h>

#include "workers/host/machine/snapshot.h"
#include "workers/host/machine/spare.h"

enum { BARE = 1 }; /* of each pool that has a depth */
enum { RECENT = 32 };

/* For so long nothing is made ahead: after something went wrong, since it may do so again at once; and after a machine
 * was given away, since whoever got it wants the processors now. */
static const int64_t retry_us = 5 * 1000 * 1000, calm_us = 100 * 1000;

typedef struct pool {
    struct pool *next;
    dm_pools *all;
    dm_snapshot *snapshot;
    uint32_t depth;
} pool;

typedef struct held {
    struct held *next;
    dm_pools *all;
    pool *of; /* NULL: it was made for a sleeper */
    dm_spare *spare;
    bool keep_bare;         /* to stay bare until somebody needs it */
    dm_pool_ticket *ticket; /* whose it is */
} held;

struct dm_pool_ticket {
    dm_pool_ticket *next;
    dm_pools *all;
    int64_t project;
    held *mine;                       /* NULL: not yet its turn */
    pool *of;                         /* NULL: it is a wake, or starts from a checkpoint, and has the next four; */
    char *template_dir, *sleeper_dir; /* NULL: it starts */
    uint32_t vcpus, mem_mib;
    dm_slot_policy policy;
    dm_pool_done_fn done;
    void *arg;
};

struct dm_pools {
    dm_host *h;
    pool *pools;
    uint32_t n;
    held *spares;
    dm_pool_ticket *first, **last;
    uint32_t nwaiting;
    int64_t recent[RECENT]; /* whose turn it was the last times */
    uint32_t nrecent;
    dm_timer *retry, *soon;
    bool held_back; /* nothing is made ahead until the timer */
    bool draining;
    bool stepping, again;
};

static void step(dm_pools *all);

/* --- counting ----------------------------------------------------------------------------------------------- */

static bool is_spare_of(const held *k, const pool *of)
{
    return k->ticket == NULL && (of == NULL || k->of == of);
}

/* Of one pool, or of all with NULL, in one stage. */
static uint32_t count(const dm_pools *all, const pool *of, dm_spare_stage at)
{
    uint32_t n = 0;
    for (const held *k = all->spares; k != NULL; k = k->next)
        n += is_spare_of(k, of) && dm_spare_at(k->spare) == at;
    return n;
}

static uint32_t count_being_made(const dm_pools *all)
{
    uint32_t n = 0;
    for (const held *k = all->spares; k != NULL; k = k->next)
        n += dm_spare_is_made(k->spare);
    return n;
}

/* What is or becomes bare, and what is or becomes ready. */
static uint32_t count_to_be(const pool *p, bool bare)
{
    uint32_t n = 0;
    for (const held *k = p->all->spares; k != NULL; k = k->next)
        n += is_spare_of(k, p) && k->keep_bare == bare;
    return n;
}

void dm_pools_counted(const dm_pools *p, dm_pools_count *out)
{
    *out = (dm_pools_count){.warm = count(p, NULL, DM_SPARE_WARM), .waiting = p->nwaiting};
    out->ready = out->warm + count(p, NULL, DM_SPARE_READY);
    for (const held *k = p->spares; k != NULL; k = k->next)
        out->spare += k->ticket == NULL;
}

static bool has_depth(const pool *p)
{
    return count(p->all, p, DM_SPARE_READY) + count(p->all, p, DM_SPARE_WARMING) + count(p->all, p, DM_SPARE_WARM) >=
           p->depth;
}

bool dm_pools_ready(const dm_pools *p)
{
    for (const pool *q = p->pools; q != NULL; q = q->next) {
        if (q->depth > 0)
            return has_depth(q);
    }
    return p->h->conf.pool_size == 0;
}

bool dm_pools_settled(const dm_pools *p)
{
    for (const pool *q = p->pools; q != NULL; q = q->next) {
        if (q->depth > 0)
            return count(p, q, DM_SPARE_WARM) >= q->depth && count(p, q, DM_SPARE_BARE) >= BARE &&
                   count_being_made(p) == 0;
    }
    return p->h->conf.pool_size == 0;
}

/* --- spares and tickets ------------------------------------------------------------------------------------- */

static dm_spare *held_unlink(held *k)
{
    dm_spare *spare = k->spare;
    for (held **at = &k->all->spares; *at != NULL; at = &(*at)->next) {
        if (*at == k) {
            *at = k->next;
            break;
        }
    }
    free(k);
    return spare;
}

/* The machine goes with it. */
static void held_free(held *k)
{
    dm_spare_free(held_unlink(k));
}

static void hold_back(dm_pools *all, int64_t us)
{
    all->held_back = true;
    dm_timer_in(all->retry, us);
}

static void given_away(dm_pools *all)
{
    if (!all->held_back) /* else it would be put off for ever by a stream of them */
        hold_back(all, calm_us);
}

static void ticket_free(dm_pool_ticket *t)
{
    free(t->template_dir);
    free(t->sleeper_dir);
    free(t);
}

static void ticket_unlink(dm_pool_ticket *t)
{
    dm_pools *all = t->all;
    for (dm_pool_ticket **at = &all->first; *at != NULL; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        if (all->last == &t->next)
            all->last = at;
        assert(all->nwaiting > 0);
        all->nwaiting--;
        return;
    }
}

static void ticket_fail(dm_pool_ticket *t, int r, const dm_err *err)
{
    dm_err why = *err;
    ticket_unlink(t);
    t->done(t->arg, NULL, false, r, &why);
    ticket_free(t);
}

static void ticket_serve(dm_pool_ticket *t, held *k, bool pooled)
{
    assert(k->ticket == NULL || k->ticket == t);
    dm_machine *m = dm_spare_give(held_unlink(k));
    ticket_unlink(t);
    given_away(t->all);
    t->done(t->arg, m, pooled, 0, NULL);
    ticket_free(t);
}

/* r < 0: of a spare, or of the next step that it should have begun. */
static void failed(held *k, int r, const dm_err *err)
{
    dm_pools *all = k->all;
    dm_pool_ticket *t = k->ticket;
    dm_err why = *err;
    dm_log_err(all->h->log, DM_ERROR, "pool.machine_failed", &why);
    held_free(k);
    if (t != NULL)
        ticket_fail(t, r, &why);
    else
        hold_back(all, retry_us);
}

static int load(held *k, dm_err *err)
{
    const dm_pool_ticket *t = k->ticket;
    k->keep_bare = false;
    const dm_slot_policy policy = t != NULL ? t->policy : dm_policy_open();
    return dm_spare_load(k->spare, t != NULL ? t->sleeper_dir : NULL, &policy, err);
}

/* What comes next for a machine that has come to rest, as far as that does not depend on the others. */
static void moved(void *arg, dm_spare *spare, int r, const dm_err *err)
{
    held *k = arg;
    dm_pools *all = k->all;
    dm_err why = {0};
    dm_spare_stage at = dm_spare_at(spare);
    if (r == 0) {
        err = &why;
        if (at >= DM_SPARE_LOADED && k->ticket != NULL)
            ticket_serve(k->ticket, k, false);
        else if (at == DM_SPARE_LOADED)
            r = dm_spare_answer(spare, &why);
        else if (at == DM_SPARE_BARE && !k->keep_bare)
            r = load(k, &why);
    }
    if (r < 0)
        failed(k, r, err);
    step(all);
}

static int make(dm_pools *all, pool *of, const dm_machine_config *c, bool keep_bare, dm_pool_ticket *t, dm_err *err)
{
    held *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to make a machine");
    *k = (held){.all = all, .of = of, .keep_bare = keep_bare, .ticket = t};
    int r = dm_spare_new(all->h, c, moved, k, &k->spare, err);
    if (r < 0) {
        free(k);
        return r;
    }
    k->next = all->spares;
    all->spares = k;
    if (t != NULL)
        t->mine = k;
    return 0;
}

static held *find(const pool *p, dm_spare_stage at)
{
    for (held *k = p->all->spares; k != NULL; k = k->next) {
        if (is_spare_of(k, p) && dm_spare_at(k->spare) == at)
            return k;
    }
    return NULL;
}

static held *warmest(const pool *p)
{
    held *k = find(p, DM_SPARE_WARM);
    return k != NULL ? k : find(p, DM_SPARE_READY);
}

/* Of whatever pool: it fits every guest that stands on this template. */
static held *find_bare(const dm_pools *all, const dm_machine_config *c)
{
    for (held *k = all->spares; k != NULL; k = k->next) {
        if (is_spare_of(k, NULL) && dm_spare_at(k->spare) == DM_SPARE_BARE &&
                dm_spare_is_from(k->spare, c->template_dir))
            return k;
    }
    return NULL;
}

/* --- who waits ---------------------------------------------------------------------------------------------- */

static void config_of(const dm_pool_ticket *t, dm_machine_config *c)
{
    if (t->of == NULL)
        *c = (dm_machine_config){.template_dir = t->template_dir, .vcpus = t->vcpus, .mem_mib = t->mem_mib};
    else
        dm_snapshot_config(t->of->snapshot, c);
}

/* A slot that only a spare of another sort holds. */
static bool evict(dm_pools *all)
{
    for (held *k = all->spares; k != NULL; k = k->next) {
        if (k->ticket == NULL && dm_spare_rests(k->spare)) {
            held_free(k);
            return true;
        }
    }
    return false;
}

/* It is t's turn. False: nobody's turn comes before something has changed. */
static bool begin(dm_pools *all, dm_pool_ticket *t)
{
    dm_machine_config c;
    dm_err err = {0};
    int r;
    config_of(t, &c);
    c.hurried = true;
    held *k = find_bare(all, &c);
    if (dm_host_short_of_memory(all->h)) {
        r = dm_fail(&err, DM_E_UNAVAILABLE, "this worker takes no sandboxes now: its memory is needed as a reserve");
    } else if (k != NULL) {
        k->ticket = t;
        t->mine = k;
        dm_spare_hurry(k->spare);
        r = load(k, &err);
        if (r < 0)
            held_free(k);
    } else if (all->h->slots_free == 0 && (all->h->slots_leaving > 0 || evict(all))) {
        return false;
    } else {
        r = make(all, t->of, &c, false, t, &err);
    }
    if (r < 0)
        ticket_fail(t, r, &err);
    return true;
}

static uint32_t count_waiting(const dm_pools *all, int64_t project)
{
    uint32_t n = 0;
    for (const dm_pool_ticket *t = all->first; t != NULL; t = t->next)
        n += t->project == project;
    return n;
}

/* A machine stood ready for it, or is made for it from here on. */
static void had_turn(dm_pools *all, int64_t project)
{
    all->recent[all->nrecent++ % RECENT] = project;
}

static uint32_t count_recent(const dm_pools *all, int64_t project)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < RECENT && i < all->nrecent; i++)
        n += all->recent[i] == project;
    return n;
}

/* A crowd of one project stands behind whoever had less. */
static dm_pool_ticket *next_waiting(const dm_pools *all)
{
    dm_pool_ticket *best = NULL;
    uint32_t fewest = UINT32_MAX;
    for (dm_pool_ticket *t = all->first; t != NULL && fewest > 0; t = t->next) {
        if (t->mine != NULL || (t->of != NULL && dm_snapshot_is(t->of->snapshot) != DM_SNAPSHOT_READY))
            continue;
        uint32_t n = count_recent(all, t->project);
        if (n < fewest) {
            best = t;
            fewest = n;
        }
    }
    return best;
}

static void serve(dm_pools *all)
{
    for (dm_pool_ticket *t; (t = next_waiting(all)) != NULL;) {
        held *k = t->of != NULL ? warmest(t->of) : NULL;
        int64_t project = t->project; /* t may be gone */
        if (k != NULL)
            ticket_serve(t, k, true);
        else if (count_being_made(all) >= all->h->conf.making_max || !begin(all, t))
            return;
        had_turn(all, project);
    }
}

/* --- what is made ahead ------------------------------------------------------------------------------------- */

/* What is bare is left for somebody who waits, a sleeper above all, for which nothing else is ready: to load it here
 * would save nobody time, and cost the next wake a spawn. False: it went wrong, and is tried again later. */
static bool make_ahead(pool *p, bool keep_bare)
{
    dm_pools *all = p->all;
    dm_machine_config c;
    dm_err err = {0};
    dm_snapshot_config(p->snapshot, &c);
    int r = make(all, p, &c, keep_bare, NULL, &err);
    if (r < 0) {
        if (r != DM_E_LIMIT) /* of slots: sandboxes have them all */
            dm_log_err(all->h->log, DM_ERROR, "pool.machine_failed", &err);
        hold_back(all, retry_us);
    }
    return r >= 0;
}

static bool may_make(dm_pools *all)
{
    if (count_being_made(all) >= all->h->conf.making_max)
        return false;
    if (dm_host_short_of_memory(all->h))
        hold_back(all, retry_us);
    return !all->held_back;
}

static void fill(pool *p)
{
    while (count_to_be(p, false) < p->depth && may_make(p->all) && make_ahead(p, false))
        ;
    while (p->depth > 0 && has_depth(p) && count_to_be(p, true) < BARE && may_make(p->all) && make_ahead(p, true))
        ;
}

static held *find_ready(const dm_pools *all)
{
    for (held *k = all->spares; k != NULL; k = k->next) {
        if (dm_spare_at(k->spare) == DM_SPARE_READY)
            return k;
    }
    return NULL;
}

static void warm_up(dm_pools *all)
{
    while (count_being_made(all) == 0 && count(all, NULL, DM_SPARE_WARMING) < all->h->conf.warming_max) {
        dm_err err = {0};
        held *k = find_ready(all);
        if (k == NULL)
            return;
        int r = dm_spare_warm(k->spare, &err);
        if (r < 0)
            failed(k, r, &err);
    }
}

/* A pool whose template cannot be made has nothing for those who wait. */
static void refuse_of_failed(dm_pools *all)
{
    for (dm_pool_ticket *t = all->first, *next; t != NULL; t = next) {
        next = t->next;
        if (t->of != NULL && t->mine == NULL && dm_snapshot_is(t->of->snapshot) == DM_SNAPSHOT_FAILED)
            ticket_fail(t, dm_snapshot_why(t->of->snapshot)->code, dm_snapshot_why(t->of->snapshot));
    }
}

static bool is_wanted(const pool *p)
{
    for (const dm_pool_ticket *t = p->all->first; t != NULL; t = t->next) {
        if (t->of == p)
            return true;
    }
    return p->depth > 0 && !p->all->draining;
}

static void step_once(dm_pools *all)
{
    for (pool *p = all->pools; p != NULL; p = p->next) {
        if (is_wanted(p))
            dm_snapshot_want(p->snapshot);
    }
    refuse_of_failed(all);
    serve(all);
    if (all->draining || all->held_back || next_waiting(all) != NULL)
        return;
    for (pool *p = all->pools; p != NULL; p = p->next) {
        if (dm_snapshot_is(p->snapshot) == DM_SNAPSHOT_READY)
            fill(p);
    }
    warm_up(all);
}

/* Everything that changes calls this, also out of what it does itself. */
static void step(dm_pools *all)
{
    all->again = true;
    if (all->stepping)
        return;
    all->stepping = true;
    while (all->again) {
        all->again = false;
        step_once(all);
    }
    all->stepping = false;
}

static void changed(void *arg)
{
    step(arg);
}

static void retry(void *arg)
{
    dm_pools *all = arg;
    all->held_back = false;
    step(all);
}

/* --- the pools ---------------------------------------------------------------------------------------------- */

static int pool_get(
        dm_pools *all, const char *image, uint32_t vcpus, uint32_t mem_mib, uint32_t depth, pool **out, dm_err *err)
{
    for (pool *p = all->pools; p != NULL; p = p->next) {
        if (dm_snapshot_of(p->snapshot, image, vcpus, mem_mib)) {
            *out = p;
            return 0;
        }
    }
    if (all->n >= DM_POOLS_MAX)
        return dm_fail(err, DM_E_LIMIT, "this worker already serves %d sizes", DM_POOLS_MAX);
    pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool");
    *p = (pool){.all = all, .depth = depth};
    int r = dm_snapshot_new(all->h, image, vcpus, mem_mib, changed, all, &p->snapshot, err);
    if (r < 0) {
        free(p);
        return r;
    }
    p->next = all->pools;
    all->pools = p;
    all->n++;
    *out = p;
    return 0;
}

int dm_pools_new(dm_host *h, dm_pools **out, dm_err *err)
{
    dm_pools *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the pools");
    p->h = h;
    p->last = &p->first;
    int r = dm_loop_timer(h->loop, retry, p, &p->retry, err);
    if (r == 0)
        r = dm_loop_timer(h->loop, changed, p, &p->soon, err);
    if (r < 0) {
        dm_timer_free(p->retry);
        free(p);
        return r;
    }
    h->slot_is_free = changed;
    h->slot_is_free_arg = p;
    *out = p;
    return 0;
}

void dm_pools_free(dm_pools *p)
{
    if (p == NULL)
        return;
    p->h->slot_is_free = NULL;
    p->stepping = true;
    while (p->spares != NULL)
        held_free(p->spares);
    while (p->first != NULL) {
        dm_pool_ticket *t = p->first;
        ticket_unlink(t);
        ticket_free(t);
    }
    while (p->pools != NULL) {
        pool *q = p->pools;
        p->pools = q->next;
        dm_snapshot_free(q->snapshot);
        free(q);
        p->n--;
    }
    assert(p->n == 0 && p->nwaiting == 0 && p->last == &p->first);
    dm_timer_free(p->retry);
    dm_timer_free(p->soon);
    free(p);
}

void dm_pools_start(dm_pools *p)
{
    const dm_host_config *c = &p->h->conf;
    pool *def;
    dm_err err = {0};
    if (pool_get(p, c->default_image, c->default_vcpus, c->default_mem_mib, c->pool_size, &def, &err) < 0)
        dm_log_err(p->h->log, DM_ERROR, "pool.no_default", &err);
    else
        step(p);
}

/* Nobody is let in who could only wait for somebody else to leave. */
static int check_room(const dm_pools *all, int64_t project, dm_err *err)
{
    dm_pools_count n;
    uint32_t unserved = 0;
    if (all->draining)
        return dm_fail(err, DM_E_UNAVAILABLE, "this worker is being drained");
    if (all->nwaiting >= DM_POOL_WAITERS_MAX)
        return dm_fail(err, DM_E_LIMIT, "%d sandboxes already wait for a machine", DM_POOL_WAITERS_MAX);
    if (count_waiting(all, project) >= DM_POOL_WAITERS_MAX / DM_WORKER_SHARE)
        return dm_fail(err, DM_E_LIMIT, "%d sandboxes of this project already wait for a machine",
                DM_POOL_WAITERS_MAX / DM_WORKER_SHARE);
    dm_pools_counted(all, &n);
    for (const dm_pool_ticket *t = all->first; t != NULL; t = t->next)
        unserved += t->mine == NULL;
    if (unserved >= all->h->slots_free + all->h->slots_leaving + n.spare)
        return dm_fail(err, DM_E_LIMIT, "all %u slots are taken", all->h->conf.slots);
    return 0;
}

static dm_pool_ticket *ticket_new(dm_pools *all, int64_t project, pool *of, const dm_slot_policy *policy,
        dm_pool_done_fn done, void *arg, dm_err *err)
{
    dm_pool_ticket *t = calloc(1, sizeof(*t));
    if (t == NULL)
        (void)dm_fail(err, DM_E_NOMEM, "no memory to wait for a machine");
    else
        *t = (dm_pool_ticket){.all = all, .project = project, .of = of, .policy = *policy, .done = done, .arg = arg};
    return t;
}

static void ticket_wait(dm_pool_ticket *t)
{
    dm_pools *all = t->all;
    *all->last = t;
    all->last = &t->next;
    all->nwaiting++;
    assert(all->nwaiting <= DM_POOL_WAITERS_MAX);
}

int dm_pools_take(dm_pools *all, int64_t project, const char *image, uint32_t vcpus, uint32_t mem_mib,
        const dm_slot_policy *policy, dm_pool_done_fn done, void *arg, dm_pool_ticket **out, dm_err *err)
{
    pool *p;
    *out = NULL;
    if (all->draining)
        return dm_fail(err, DM_E_UNAVAILABLE, "this worker is being drained");
    int r = pool_get(all, image, vcpus, mem_mib, 0, &p, err);
    if (r < 0)
        return r;
    held *k = warmest(p);
    if (k != NULL) {
        done(arg, dm_spare_give(held_unlink(k)), true, 0, NULL);
        given_away(all);
        had_turn(all, project);
        return 0;
    }
    if (dm_snapshot_is(p->snapshot) == DM_SNAPSHOT_FAILED) {
        if (err != NULL)
            *err = *dm_snapshot_why(p->snapshot);
        return dm_snapshot_why(p->snapshot)->code;
    }
    r = check_room(all, project, err);
    if (r < 0)
        return r;
    dm_pool_ticket *t = ticket_new(all, project, p, policy, done, arg, err);
    if (t == NULL)
        return DM_E_NOMEM;
    *out = t; /* before it can be answered, and gone */
    ticket_wait(t);
    step(all);
    return 0;
}

int dm_pools_wake(dm_pools *all, int64_t project, const dm_machine_config *config, const char *sleeper_dir,
        const dm_slot_policy *policy, dm_pool_done_fn done, void *arg, dm_pool_ticket **out, dm_err *err)
{
    *out = NULL;
    int r = check_room(all, project, err);
    if (r < 0)
        return r;
    dm_pool_ticket *t = ticket_new(all, project, NULL, policy, done, arg, err);
    if (t == NULL)
        return DM_E_NOMEM;
    t->vcpus = config->vcpus;
    t->mem_mib = config->mem_mib;
    t->template_dir = dm_str_dup(dm_str_c(config->template_dir));
    if (sleeper_dir != NULL)
        t->sleeper_dir = dm_str_dup(dm_str_c(sleeper_dir));
    if (t->template_dir == NULL || (sleeper_dir != NULL && t->sleeper_dir == NULL)) {
        ticket_free(t);
        return dm_fail(err, DM_E_NOMEM, "no memory to wait for a machine");
    }
    *out = t;
    ticket_wait(t);
    dm_timer_in(all->soon, 0);
    return 0;
}

void dm_pool_ticket_drop(dm_pool_ticket *t)
{
    if (t == NULL)
        return;
    dm_pools *all = t->all;
    held *k = t->mine;
    ticket_unlink(t);
    if (k != NULL) {
        k->ticket = NULL;
        if (k->of == NULL || (t->of == NULL && dm_spare_at(k->spare) == DM_SPARE_LOADING))
            held_free(k); /* what is in it is nobody else's */
    }
    ticket_free(t);
    dm_timer_in(all->soon, 0);
}

void dm_pools_drain(dm_pools *p)
{
    p->draining = true;
    for (held *k = p->spares, *next; k != NULL; k = next) {
        next = k->next;
        if (k->ticket == NULL)
            held_free(k);
    }
}

void dm_pools_undrain(dm_pools *p)
{
    p->draining = false;
    step(p);
}
