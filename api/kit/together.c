#include "api/kit/together.h"

#include "base/gather.h"

#include "api/limits.h"

static const dm_metric rounds_total = {
        "dm_api_rounds_total", DM_COUNTER, "act", "times that acts which met went to the database together"};
static const dm_metric acts_total = {"dm_api_round_acts_total", DM_COUNTER, "act", "acts that went so"};
static const dm_metric apart_total = {
        "dm_api_round_apart_total", DM_COUNTER, "act", "acts that went by themselves after that had failed"};

/* Of each kind of act its own rounds: what one of them is, is for the kind to say. */
typedef struct kind {
    const char *name;
    dm_api *api;
    bool flush_later;
    int (*act)(dm_pg *c, void *const *all, size_t n, unsigned patience_ms, dm_err *err);
    dm_gather *gather;
} kind;

struct dm_together {
    kind add, started;
};

typedef struct one {
    void *what; /* the act's */
    bool alone; /* the round failed, and it may yet be done by itself */
    int r;
    dm_err err;
} one;

static int act_add(dm_pg *c, void *const *all, size_t n, unsigned patience_ms, dm_err *err)
{
    dm_sandbox_adding *them[DM_SANDBOX_ROUND_MAX];
    for (size_t i = 0; i < n; i++)
        them[i] = all[i];
    return dm_sandbox_add_all(c, them, n, patience_ms, err);
}

static int act_started(dm_pg *c, void *const *all, size_t n, unsigned patience_ms, dm_err *err)
{
    dm_sandbox_begun *them[DM_SANDBOX_ROUND_MAX];
    for (size_t i = 0; i < n; i++)
        them[i] = all[i];
    return dm_sandbox_started_all(c, them, n, patience_ms, err);
}

typedef struct acting {
    const kind *k;
    void *all[DM_SANDBOX_ROUND_MAX];
    size_t n;
    unsigned patience_ms;
} acting;

static int act(dm_pg *c, void *arg, dm_err *err)
{
    acting *a = arg;
    return a->k->act(c, a->all, a->n, a->patience_ms, err);
}

static int commit(acting *a, dm_err *err)
{
    return dm_api_tx_nobody(a->k->api, a->k->flush_later, act, a, err);
}

/* A database that is away is away for each, and what was under way then may have been done: nothing is tried again. */
static void do_round(void *ctx, void *const *all, size_t n)
{
    const kind *k = ctx;
    acting a = {.k = k, .n = n, .patience_ms = DM_TOGETHER_PATIENCE_MS};
    dm_err err = {0};
    for (size_t i = 0; i < n; i++)
        a.all[i] = ((one *)all[i])->what;
    int r = commit(&a, &err);
    bool alone = r < 0 && r != DM_E_UNAVAILABLE;
    dm_metric_add(k->api->metrics, &rounds_total, k->name, 1);
    dm_metric_add(k->api->metrics, &acts_total, k->name, (int64_t)n);
    if (alone) {
        dm_metric_add(k->api->metrics, &apart_total, k->name, (int64_t)n);
        DM_LOG(k->api->log, DM_INFO, "together.apart", dm_fu("sandboxes", n), dm_fs("message", err.msg));
    }
    for (size_t i = 0; i < n; i++) {
        one *o = all[i];
        o->alone = alone;
        o->r = r;
        o->err = err;
    }
}

static int go(const kind *k, void *what, dm_err *err)
{
    one o = {.what = what};
    dm_gather_do(k->gather, &o);
    if (o.alone) {
        acting a = {.k = k, .all = {what}, .n = 1};
        o.r = commit(&a, &o.err);
    }
    if (o.r < 0 && err != NULL)
        *err = o.err;
    return o.r;
}

int dm_together_add(dm_together *t, dm_sandbox *s, const dm_sandbox_add_args *args, dm_err *err)
{
    dm_sandbox_adding a = {.s = s, .args = args};
    int r = go(&t->add, &a, err);
    return r < 0 ? r : a.outcome;
}

int dm_together_started(dm_together *t, dm_sandbox *s, const dm_sandbox_move_args *args, dm_err *err)
{
    dm_sandbox_begun b = {.s = s, .args = args};
    int r = go(&t->started, &b, err);
    return r < 0 ? r : b.outcome;
}

static int kind_new(kind *k, dm_err *err)
{
    const dm_gather_config config = {.most = DM_SANDBOX_ROUND_MAX, .fn = do_round, .ctx = k};
    return dm_gather_new(&config, &k->gather, err);
}

int dm_together_new(dm_api *api, dm_together **out, dm_err *err)
{
    DM_AUTO(dm_together) t = calloc(1, sizeof *t);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for creates that meet");
    t->add = (kind){.name = "start", .api = api, .flush_later = true, .act = act_add};
    t->started = (kind){.name = "started", .api = api, .act = act_started};
    int r = kind_new(&t->add, err);
    if (r == 0)
        r = kind_new(&t->started, err);
    if (r == 0)
        *out = dm_steal(&t);
    return r;
}

void dm_together_free(dm_together *t)
{
    if (t == NULL)
        return;
    dm_gather_free(t->add.gather);
    dm_gather_free(t->started.gather);
    free(t);
}
