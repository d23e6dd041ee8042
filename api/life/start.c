#include "api/life/start.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/wire/spec.h"

#include "api/kit/together.h"
#include "api/life/admit.h"
#include "api/life/settle.h"
#include "api/life/spawns.h"
#include "tenants/fleet/fleet.h"

enum { IDEM_STALE_S = 300, TOKEN_BYTES = 16, TOKEN_SEALED_MAX = 1024, ENV_SEALED_MAX = 256 << 10 };

typedef struct dm_starting {
    dm_api *api;
    const dm_caller *caller;
    const dm_start_args *args;
    dm_start *out;
    dm_idem idem;
    bool idempotent;
    dm_limits limits;         /* that bind now */
    const dm_sandbox *parent; /* whose memory it begins with; NULL: nobody's */
    dm_sandbox of_snapshot;   /* what of parent a snapshot's row says */
    const char *checkpoint;   /* of parent */
    char checkpoint_of_snapshot[DM_SNAPSHOT_CHECKPOINT];
    int64_t by, began_us;
    dm_sandbox_add_args add;                 /* once the row may be written */
    dm_worker_no asked[DM_FLEET_PLACES_MAX]; /* which had no room for it */
    size_t nasked;
} starting;

static bool is_fork(const starting *k)
{
    return k->args->parent != NULL;
}

static bool has_parent(const starting *k)
{
    return k->parent != NULL;
}

static void is_of(starting *k, const dm_sandbox *parent, const char *checkpoint)
{
    k->parent = parent;
    k->checkpoint = checkpoint;
    k->out->sandbox.forked = true;
    k->out->sandbox.parent = parent->id;
}

/* --- before the first transaction --------------------------------------------------------------------------- */

static int seal(starting *k, dm_err *err)
{
    uint8_t random[TOKEN_BYTES];
    char token[2 * sizeof random + 1];
    dm_sandbox *s = &k->out->sandbox;
    int r = 0;
    dm_buf_init(&k->out->token_sealed, TOKEN_SEALED_MAX);
    dm_buf_init(&k->out->env_sealed, ENV_SEALED_MAX);
    if (k->args->secure) {
        r = dm_random(random, sizeof random, err);
        if (r == 0) {
            dm_hex(random, sizeof random, token);
            r = dm_secret_seal(k->api->master, "token", &s->id, dm_str_c(token), &k->out->token_sealed, err);
        }
        explicit_bzero(random, sizeof random);
        explicit_bzero(token, sizeof token);
    }
    if (r == 0)
        r = dm_secret_seal(k->api->master, "env", &s->id, dm_str_c(k->args->env), &k->out->env_sealed, err);
    if (r < 0)
        return r;
    s->token_sealed = k->args->secure ? dm_buf_view(&k->out->token_sealed) : (dm_str){NULL, 0};
    s->env_sealed = dm_buf_view(&k->out->env_sealed);
    return 0;
}

static int prepare(starting *k, dm_err *err)
{
    const dm_start_args *a = k->args;
    uint8_t random[16];
    int r = is_fork(k) ? 0 : dm_template_name_parse(a->template, &k->out->name, err);
    if (r == 0)
        r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    k->out->sandbox = (dm_sandbox){.owner = k->caller->owner,
            .id = dm_sandbox_id_of_random(random),
            .epoch = 1,
            .region_no = k->caller->region_no,
            .key = k->caller->key,
            .secure = a->secure,
            .metadata = dm_str_c(a->metadata),
            .network = dm_str_c(a->network),
            .allow_internet = a->allow_internet,
            .pause_on_timeout = a->pause_on_timeout,
            .auto_resume = a->auto_resume,
            .timeout_s = a->timeout_s,
            .idle_s = a->idle_s,
            .created_us = dm_wall_us(k->api->clock),
            .ordered_by = k->by};
    if (is_fork(k))
        is_of(k, a->parent, a->checkpoint);
    if (a->idem_key.p != NULL) {
        if (!dm_idem_key_ok(a->idem_key))
            return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to 255 of a-z, 0-9 and -");
        k->idempotent = true;
        k->idem = (dm_idem){.owner = k->caller->owner, .key = a->idem_key};
        r = dm_sha256(a->idem_body, &k->idem.body, err);
    }
    return r < 0 ? r : seal(k, err);
}

/* --- the first transaction ---------------------------------------------------------------------------------- */

static int begin_idem(dm_pg *c, starting *k, dm_err *err)
{
    dm_sandbox_id id = k->out->sandbox.id;
    if (!k->idempotent)
        return 0;
    switch (dm_idem_begin(c, &k->idem, IDEM_STALE_S, &id, err)) {
    case 0:
        return 0;
    case DM_IDEM_DONE:
        k->out->sandbox.id = id;
        return DM_START_AGAIN;
    case DM_IDEM_RUNNING:
        return DM_START_IDEM_RUNNING;
    case DM_IDEM_MISMATCH:
        return DM_START_IDEM_MISMATCH;
    case DM_IDEM_UNKNOWN:
        return DM_START_IDEM_UNKNOWN;
    default:
        return err->code;
    }
}

static int find_template(dm_pg *c, starting *k, dm_err *err)
{
    dm_template *t = &k->out->template;
    int r = dm_offers_find(k->api->offers, c, k->caller->owner.project, &k->out->name, t, err);
    if (r != 0)
        return r < 0 ? r : DM_START_NO_TEMPLATE;
    if (!t->public && t->owner.v != k->caller->owner.project.v)
        return DM_START_PRIVATE;
    if (!t->tagged)
        return DM_START_NO_TAG;
    return t->build_id.p == NULL ? DM_START_NOT_READY : 0;
}

static int within(starting *k, dm_start_limit limit, int64_t max, int64_t wanted)
{
    k->out->limit = limit;
    k->out->limit_max = max;
    k->out->limit_wanted = wanted;
    return wanted > max ? DM_START_OVER_LIMIT : 0;
}

/* A build as the parent's row names it; its template may be gone by now. */
static int take_after(dm_pg *c, starting *k, dm_err *err)
{
    const dm_sandbox *p = k->parent;
    dm_template *t = &k->out->template;
    dm_build_made_of made = {.rows = NULL};
    int r = dm_build_find(c, p->build_id, &made, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "the build of a sandbox is gone");
    dm_template_done(t);
    *t = (dm_template){.template_id = p->template_id,
            .alias = p->alias,
            .build_id = p->build_id,
            .image = made.image,
            .user = made.user,
            .workdir = made.workdir,
            .env = made.env,
            .vcpus = p->asked_vcpus,
            .mem_mib = p->asked_mem_mib,
            .disk_mib = p->disk_mib,
            .rows = made.rows};
    return 0;
}

/* What no template is called may be a snapshot: so whoever names a template pays nothing for it. */
static int find_snapshot(dm_pg *c, starting *k, int none, dm_err *err)
{
    const dm_start_args *a = k->args;
    dm_snapshot_one *one = &k->out->snapshot;
    const dm_snapshot_row *s = &one->s;
    int r = dm_snapshot_find(c, k->caller->owner, k->caller->slug, &k->out->name, one, err);
    if (r != 0)
        return r < 0 ? r : none;
    if (a->vcpus > 0 || a->mem_mib > 0 || a->disk_mib > 0)
        return DM_START_SNAPSHOT_SIZE;
    k->of_snapshot = (dm_sandbox){.id = s->sandbox,
            .worker = s->worker,
            .template_id = s->template_id,
            .alias = s->template_name,
            .build_id = s->build_id,
            .asked_vcpus = s->vcpus,
            .asked_mem_mib = s->mem_mib,
            .disk_mib = s->disk_mib};
    r = dm_str_to_array(s->checkpoint, k->checkpoint_of_snapshot, sizeof k->checkpoint_of_snapshot, err);
    if (r < 0)
        return r;
    is_of(k, &k->of_snapshot, k->checkpoint_of_snapshot);
    return take_after(c, k, err);
}

/* May run twice: what the first time found counts no more. */
static int find_made_of(dm_pg *c, starting *k, dm_err *err)
{
    if (is_fork(k))
        return take_after(c, k, err);
    k->parent = NULL;
    k->out->sandbox.forked = false;
    int r = find_template(c, k, err);
    return r == DM_START_NO_TEMPLATE || r == DM_START_NO_TAG || r == DM_START_PRIVATE ? find_snapshot(c, k, r, err) : r;
}

/* What was asked for by number wins over the virtual tag's, which wins over the build's. */
static int choose_spec(starting *k)
{
    const dm_limits *l = &k->limits;
    const dm_start_args *a = k->args;
    const dm_template_name *n = &k->out->name;
    const dm_template *t = &k->out->template;
    const dm_spec *spec;
    dm_sandbox *s = &k->out->sandbox;
    s->asked_vcpus = a->vcpus > 0 ? a->vcpus : n->sized ? n->vcpus : t->vcpus;
    s->asked_mem_mib = a->mem_mib > 0 ? a->mem_mib : n->sized ? n->mem_mib : t->mem_mib;
    s->disk_mib = a->disk_mib > t->disk_mib ? a->disk_mib : t->disk_mib;
    if (dm_spec_adjust((uint32_t)s->asked_vcpus, (uint32_t)s->asked_mem_mib, &spec) == DM_SPEC_TOO_LARGE)
        return DM_START_SPEC_TOO_LARGE;
    s->spec_table = spec->table;
    s->spec = spec->no;
    int r = within(k, DM_START_VCPUS, l->vcpus_max, spec->vcpus);
    if (r == 0)
        r = within(k, DM_START_MEM, l->mem_mib_max, spec->mem_mib);
    if (r == 0)
        r = within(k, DM_START_DISK, l->disk_mib_max, s->disk_mib);
    return r == 0 && s->disk_mib > t->disk_mib ? DM_START_DISK_TOO_LARGE : r;
}

/* What is to sleep by itself sleeps then in any case, for nobody's work is thrown away for a limit: so the
 * limit is met here. */
static int ask_room(dm_pg *c, starting *k, dm_err *err)
{
    int64_t mib;
    if (!k->args->pause_on_timeout && k->args->idle_s == 0)
        return 0;
    int r = dm_quota_room(c, k->caller->owner, &k->limits, &mib, &k->out->over, err);
    return r == DM_QUOTA_OVER ? DM_START_ASLEEP : r;
}

/* Its first seconds, of what is left of a budget: whoever is not promised them is not begun. */
static int promise(dm_pg *c, starting *k, dm_err *err)
{
    const dm_sandbox *s = &k->out->sandbox;
    const dm_budget_size size = {s->region_no, s->spec_table, s->spec, s->disk_mib};
    int r = dm_budget_take(c, s->owner, &size, &k->out->short_, err);
    return r == DM_BUDGET_SHORT ? DM_START_BUDGET : r;
}

/* What else is written goes with the row, or does not stay: a promise must not outlive a no. */
static bool in_one(const starting *k)
{
    return k->idempotent || k->limits.budgeted;
}

static int said(int r)
{
    return r == DM_SANDBOX_OVER ? DM_START_OVER_QUOTA : r == DM_SANDBOX_NO_PLACE ? DM_START_NO_WORKER : r;
}

/* Nearly always nothing is asked here: what a template is, is kept in memory, and so is what the caller may. The row
 * then goes with those of others (together.h). */
static int begin(dm_pg *c, void *arg, dm_err *err)
{
    starting *k = arg;
    dm_sandbox *s = &k->out->sandbox;
    int r = dm_auth_limits(c, k->caller, dm_mono_us(k->api->clock), &k->limits, err);
    if (r == 0)
        r = begin_idem(c, k, err);
    if (r == 0)
        r = find_made_of(c, k, err);
    if (r == 0)
        r = choose_spec(k);
    if (r == 0)
        r = ask_room(c, k, err);
    if (r != 0)
        return r;
    r = k->limits.budgeted ? promise(c, k, err) : 0;
    if (r != 0)
        return r;
    s->template_id = k->out->template.template_id;
    s->build_id = k->out->template.build_id;
    s->alias = k->out->template.alias;
    const dm_sandbox_add_args add = {.limits = &k->limits,
            .who = k->caller->who,
            .lease_s = (int64_t)k->api->config->lease_s,
            .over = &k->out->over,
            .from_snapshot = has_parent(k) && !is_fork(k),
            .on = has_parent(k) ? k->parent->worker : (dm_worker_no){0}};
    k->add = add;
    return in_one(k) ? said(dm_sandbox_add(c, s, &k->add, err)) : 0;
}

/* --- the second transaction --------------------------------------------------------------------------------- */

typedef struct ending {
    starting *k;
    dm_sandbox_move_args move;
    int status;     /* for the idempotency row; 0: drop it */
    bool unpromise; /* it did not come to be, and its first seconds are nobody's */
    bool over;      /* the row says so */
} ending;

/* An event of the worker may have been quicker, or the sweep: then the row says more than we know, and stays. */
static int settle(dm_pg *c, void *arg, dm_err *err)
{
    ending *t = arg;
    starting *k = t->k;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, k->caller->owner, &k->out->sandbox.id, true, &one, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "the row of a starting sandbox is gone");
    r = dm_settle_row(c, &one.s, k->out->sandbox.epoch, &t->move, err);
    t->over = one.s.state == DM_SANDBOX_ENDING || one.s.state == DM_SANDBOX_ENDED;
    if (r >= 0 && t->unpromise && k->limits.budgeted)
        r = dm_budget_give_back(c, k->caller->owner, err);
    if (r >= 0 && k->idempotent)
        r = t->status != 0 && !t->over ? dm_idem_settle(c, &k->idem, t->status, err) : dm_idem_drop(c, &k->idem, err);
    return r < 0 ? r : 0;
}

/* What nearly always happens: the row is as it was written. */
static int settle_started(dm_pg *c, void *arg, dm_err *err)
{
    const ending *t = arg;
    dm_sandbox s = t->k->out->sandbox;
    int r = dm_sandbox_started(c, &s, &t->move, err);
    return r == 0 ? dm_idem_settle(c, &t->k->idem, t->status, err) : r;
}

static int write_started(starting *k, ending *t, dm_err *err)
{
    dm_sandbox s = k->out->sandbox;
    return k->idempotent ? dm_api_tx(k->api, k->caller, settle_started, t, err)
                         : dm_together_started(k->api->together, &s, &t->move, err);
}

static int give_up(starting *k, dm_cause cause, const char *words, bool known, dm_err *err)
{
    ending t = {.k = k,
            .unpromise = known,
            .move = {.event = known ? DM_SANDBOX_GONE : DM_SANDBOX_KILL,
                    .who = k->caller->who,
                    .at_us = dm_wall_us(k->api->clock),
                    .cause = cause != DM_CAUSE_NONE ? cause : DM_CAUSE_START_FAILED,
                    .detail = dm_str_c(words)}};
    return dm_api_tx(k->api, k->caller, settle, &t, err);
}

/* Nobody knows whether it runs: told to end it, the worker makes it so that nobody needs to know. */
static bool undo(starting *k)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    dm_err why;
    const dm_sandbox *s = &k->out->sandbox;
    int r = dm_dispatch_kill(k->api->dispatch, s->worker, &s->id, s->epoch, DM_CAUSE_START_FAILED, &stopped, &no, &why);
    dm_wk_stopped_done(&stopped);
    return r == 0 || (r == DM_DISPATCH_REFUSED && no.status == 404);
}

static int unanswered(starting *k, int r, const dm_err *why, dm_err *err)
{
    bool unheard = dm_dispatch_unheard(r);
    bool known = unheard || undo(k);
    DM_LOG(k->api->log, DM_WARN, "sandbox.start_unanswered",
            dm_fs("sandbox", dm_sandbox_name_of(&k->out->sandbox.id).s), dm_fb("undone", known),
            dm_fs("message", why->msg));
    r = give_up(k, DM_CAUSE_START_FAILED, "the worker did not answer", known, err);
    if (r < 0)
        return r;
    *err = *why;
    return unheard ? DM_START_AWAY : DM_START_SLOW;
}

static bool gone(const starting *k)
{
    return !k->idempotent && k->args->gone != NULL && k->args->gone(k->args->gone_arg);
}

static int take_back(starting *k, const char *words, dm_err *err)
{
    bool known = undo(k);
    DM_LOG(k->api->log, DM_INFO, "sandbox.taken_back", dm_fs("sandbox", dm_sandbox_name_of(&k->out->sandbox.id).s),
            dm_fb("undone", known), dm_fs("message", words));
    return give_up(k, DM_CAUSE_START_FAILED, words, known, err);
}

static int handed_out(starting *k, dm_wk_started *started, dm_err *err)
{
    if (gone(k)) {
        dm_wk_started_done(started);
        int r = take_back(k, "whoever asked for it had gone", err);
        return r < 0 ? r : DM_START_GONE;
    }
    ending t = {.k = k,
            .status = 201,
            .move = {.event = DM_SANDBOX_STARTED,
                    .who = k->caller->who,
                    .at_us = started->started_us,
                    .end_us = started->end_us,
                    .address = dm_str_c(started->address)}};
    int r = write_started(k, &t, err);
    if (r == DM_SANDBOX_STALE)
        r = dm_api_tx(k->api, k->caller, settle, &t, err);
    if (r == 0 && t.over)
        r = dm_fail(err, DM_E_CONFLICT, "it was given up while it started");
    if (r == 0)
        dm_spawns_add(k->api->spawns, k->out->sandbox.template_id, started->started_us);
    dm_wk_started_done(started);
    if (r == 0)
        return 0;
    /* Where even the end of this transaction is unknown, the worker's event says what became of the sandbox. */
    dm_err ignored = {0};
    (void)!take_back(k, "it could not be written down", &ignored);
    return DM_START_UNKEPT;
}

/* --- the order ---------------------------------------------------------------------------------------------- */

/* The next place that was not asked yet; DM_START_NO_WORKER: there is none. */
static int next_place(dm_pg *c, const starting *k, dm_worker_no *out, dm_err *err)
{
    const dm_sandbox *s = &k->out->sandbox;
    const dm_spec *spec = dm_spec_get((uint16_t)s->spec_table, (uint16_t)s->spec);
    dm_worker_no places[DM_FLEET_PLACES_MAX];
    size_t n = 0;
    int r = dm_fleet_place(c, s->region_no, (int64_t)k->api->config->lease_s, spec->mem_mib, places, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        size_t j = 0;
        while (j < k->nasked && k->asked[j].v != places[i].v)
            j++;
        if (j == k->nasked) {
            *out = places[i];
            return 0;
        }
    }
    return r < 0 ? r : DM_START_NO_WORKER;
}

typedef struct moving {
    starting *k;
    dm_worker_no to;
} moving;

static int move_on(dm_pg *c, void *arg, dm_err *err)
{
    moving *m = arg;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = next_place(c, m->k, &m->to, err);
    if (r != 0)
        return r;
    r = dm_sandbox_find(c, m->k->caller->owner, &m->k->out->sandbox.id, true, &one, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "the row of a starting sandbox is gone");
    return dm_sandbox_place(c, &one.s, m->to, err);
}

/* The worker has no room, or was never reached: it holds nothing, so that another may be asked. Each that is away is
 * waited for: all places together no longer than one. */
static bool may_go_on(const starting *k, int r)
{
    const dm_dispatch_no *no = &k->out->no;
    bool no_room = r == DM_DISPATCH_REFUSED && (no->status == 503 || no->status == 429);
    if (has_parent(k)) /* what it starts from is nowhere else */
        return false;
    bool away = r == DM_E_UNAVAILABLE &&
                dm_mono_us(k->api->clock) - k->began_us < (int64_t)k->api->config->worker_wait_ms * 1000;
    return (no_room || away) && k->nasked < DM_LEN(k->asked) && !gone(k);
}

/* Of the places, one after the other. *why: what the last one failed with. */
static int ask_workers(starting *k, const dm_wk_admit *m, dm_wk_started *started, dm_err *why)
{
    dm_sandbox *s = &k->out->sandbox;
    for (;;) {
        int r = dm_dispatch_admit(k->api->dispatch, s->worker, m, false, started, &k->out->no, why);
        if (!may_go_on(k, r))
            return r;
        dm_err ours = {0};
        moving next = {.k = k};
        k->asked[k->nasked++] = s->worker;
        int moved = dm_api_tx(k->api, k->caller, move_on, &next, &ours);
        if (moved < 0)
            dm_log_err(k->api->log, DM_WARN, "sandbox.not_placed", &ours);
        if (moved != 0)
            return r;
        s->worker = next.to;
    }
}

static int order(starting *k, dm_err *err)
{
    const dm_template *t = &k->out->template;
    const dm_build_made_of made = {.image = t->image, .user = t->user, .workdir = t->workdir, .env = t->env};
    const dm_dispatch_no *no = &k->out->no;
    dm_admit admit;
    dm_wk_started started;
    dm_err why = {0};
    int r = dm_admit_fill(k->api, &k->out->sandbox, &made, k->args->timeout_s * 1000000, &admit, err);
    if (r == 0)
        admit.m.lease_s = k->limits.budgeted ? DM_LEASE_FIRST_S : 0;
    if (r == 0 && has_parent(k)) {
        r = dm_str_to_array(dm_str_c(k->checkpoint), admit.checkpoint, sizeof admit.checkpoint, err);
        admit.m.checkpoint = admit.checkpoint;
    }
    if (r < 0) { /* ours: the row must not stay as if it were starting */
        int again = give_up(k, DM_CAUSE_START_FAILED, "the order could not be made", true, &why);
        return again < 0 ? again : r;
    }
    r = ask_workers(k, &admit.m, &started, &why);
    dm_admit_done(&admit);
    if (r == 0)
        return handed_out(k, &started, err);
    if (r < 0)
        return unanswered(k, r, &why, err);
    r = give_up(k, no->cause, no->message, true, err);
    return r < 0 ? r : DM_START_REFUSED;
}

/* --- the same request once more ----------------------------------------------------------------------------- */

static int find_first(dm_pg *c, void *arg, dm_err *err)
{
    starting *k = arg;
    return dm_sandbox_find(c, k->caller->owner, &k->out->sandbox.id, false, &k->out->again, err);
}

/* The same answer, made again from the row. */
static int again(starting *k, dm_err *err)
{
    int r = dm_api_tx(k->api, k->caller, find_first, k, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "an idempotency row without its sandbox");
    k->out->sandbox = k->out->again.s;
    return DM_START_AGAIN;
}

static int row(starting *k, dm_err *err)
{
    int r = dm_api_instance(k->api, &k->by, err);
    if (r == 0)
        r = prepare(k, err);
    if (r == 0 && gone(k))
        return DM_START_GONE;
    if (r == 0)
        r = dm_api_tx_first(k->api, k->caller, begin, k, err);
    if (r == 0 && !in_one(k))
        r = said(dm_together_add(k->api->together, &k->out->sandbox, &k->add, err));
    return r == DM_START_AGAIN ? again(k, err) : r;
}

int dm_start_one(dm_api *api, const dm_caller *caller, const dm_start_args *args, dm_start *out, dm_err *err)
{
    starting k = {.api = api, .caller = caller, .args = args, .out = out, .began_us = dm_mono_us(api->clock)};
    int r = row(&k, err);
    return r != 0 ? r : order(&k, err);
}

int dm_start_begin(
        dm_api *api, const dm_caller *caller, const dm_start_args *args, dm_start *out, dm_starting **k, dm_err *err)
{
    starting *one = calloc(1, sizeof *one);
    if (one == NULL)
        return dm_fail(err, DM_E_NOMEM, "a start");
    *one = (starting){.api = api, .caller = caller, .args = args, .out = out, .began_us = dm_mono_us(api->clock)};
    int r = row(one, err);
    if (r == 0)
        *k = one;
    else
        free(one);
    return r;
}

int dm_start_go(dm_starting *k, dm_err *err)
{
    int r = order(k, err);
    free(k);
    return r;
}

int dm_start_undo(dm_starting *k, const char *words, dm_err *err)
{
    k->out->no = (dm_dispatch_no){.status = 503};
    (void)snprintf(k->out->no.message, sizeof k->out->no.message, "%s", words);
    int r = give_up(k, DM_CAUSE_START_FAILED, words, true, err);
    free(k);
    return r < 0 ? r : DM_START_REFUSED;
}

void dm_start_done(dm_start *s)
{
    dm_template_done(&s->template);
    dm_snapshot_one_done(&s->snapshot);
    dm_sandbox_one_done(&s->again);
    dm_buf_done(&s->token_sealed);
    dm_buf_done(&s->env_sealed);
}
