/* POST /sandboxes and /v2/sandboxes.
 *
 * One transaction takes quota and writes the row as `starting`; then the worker is asked; then another transaction
 * writes what came of it. What is answered is what is true: after a refusal nothing is left behind, and where nobody
 * knows what the worker did, it is told to undo it before we answer. */
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/spec.h"

#include "api/e2b/create_body.h"
#include "api/e2b/routes.h"
#include "api/life/admit.h"
#include "tenants/fleet/fleet.h"
#include "tenants/sandbox/idem.h"
#include "tenants/sandbox/template.h"

static const char what[] = "sandbox.create";

enum { IDEM_STALE_S = 300 };

/* Outcomes of the first transaction beside 0. */
enum {
    NO_TEMPLATE = 1,
    NO_TAG,
    NOT_OURS,
    NOT_READY,
    SPEC_TOO_LARGE,
    OVER_TIER,
    DISK_TOO_LARGE,
    NO_WORKER,
    OVER_QUOTA,
    IDEM_DONE,
    IDEM_RUNNING,
    IDEM_MISMATCH,
    IDEM_UNKNOWN,
};

typedef struct create {
    dm_api *api;
    dm_session *session;
    const dm_create_body *body;
    dm_template_name name;
    dm_template template;
    const dm_spec *spec;
    const char *limit_rule; /* of OVER_TIER */
    int64_t limit, wanted;
    dm_sandbox sandbox;
    dm_buf token_sealed, env_sealed;
    dm_idem idem;
    bool idempotent;
    dm_worker_no workers[DM_FLEET_PLACES_MAX];
    size_t nworkers;
    dm_quota_over over;
} create;

/* --- the first transaction ---------------------------------------------------------------------------------- */

static int begin_idem(dm_pg *c, create *k, dm_err *err)
{
    dm_sandbox_id id = k->sandbox.id;
    if (!k->idempotent)
        return 0;
    switch (dm_idem_begin(c, &k->idem, IDEM_STALE_S, &id, err)) {
    case 0:
        return 0;
    case DM_IDEM_DONE:
        k->sandbox.id = id;
        return IDEM_DONE;
    case DM_IDEM_RUNNING:
        return IDEM_RUNNING;
    case DM_IDEM_MISMATCH:
        return IDEM_MISMATCH;
    case DM_IDEM_UNKNOWN:
        return IDEM_UNKNOWN;
    default:
        return err->code;
    }
}

static int find_template(dm_pg *c, create *k, dm_err *err)
{
    int r = dm_template_find(c, k->session->caller.owner.project, &k->name, &k->template, err);
    if (r != 0)
        return r < 0 ? r : NO_TEMPLATE;
    if (!k->template.public && k->template.owner.v != k->session->caller.owner.project.v)
        return NOT_OURS;
    if (!k->template.tagged)
        return NO_TAG;
    return k->template.build_id.p == NULL ? NOT_READY : 0;
}

static int over(create *k, const char *rule, int64_t limit, int64_t wanted)
{
    k->limit_rule = rule;
    k->limit = limit;
    k->wanted = wanted;
    return wanted > limit ? OVER_TIER : 0;
}

/* The body's numbers win over the virtual tag's, which win over the build's. */
static int choose_spec(create *k)
{
    const dm_limits *l = &k->session->caller.limits;
    dm_sandbox *s = &k->sandbox;
    s->asked_vcpus = k->body->vcpus > 0 ? k->body->vcpus : k->name.sized ? k->name.vcpus : k->template.vcpus;
    s->asked_mem_mib = k->body->mem_mib > 0 ? k->body->mem_mib : k->name.sized ? k->name.mem_mib : k->template.mem_mib;
    s->disk_mib = k->body->disk_mib > k->template.disk_mib ? k->body->disk_mib : k->template.disk_mib;
    if (dm_spec_adjust((uint32_t)s->asked_vcpus, (uint32_t)s->asked_mem_mib, &k->spec) == DM_SPEC_TOO_LARGE)
        return SPEC_TOO_LARGE;
    s->spec_table = k->spec->table;
    s->spec = k->spec->no;
    int r = over(k, "project.vcpus_max", l->vcpus_max, k->spec->vcpus);
    if (r == 0)
        r = over(k, "project.mem_mib_max", l->mem_mib_max, k->spec->mem_mib);
    if (r == 0)
        r = over(k, "project.disk_mib_max", l->disk_mib_max, s->disk_mib);
    return r == 0 && s->disk_mib > k->template.disk_mib ? DISK_TOO_LARGE : r;
}

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    create *k = arg;
    int r = begin_idem(c, k, err);
    if (r == 0)
        r = find_template(c, k, err);
    if (r == 0)
        r = choose_spec(k);
    if (r == 0)
        r = dm_fleet_place(
                c, k->session->caller.region_no, (int64_t)k->api->config->lease_s, k->workers, &k->nworkers, err);
    if (r != 0)
        return r;
    if (k->nworkers == 0)
        return NO_WORKER;
    k->sandbox.worker = k->workers[0];
    k->sandbox.template_id = k->template.template_id;
    k->sandbox.build_id = k->template.build_id;
    k->sandbox.alias = k->template.alias;
    r = dm_sandbox_add(c, &k->sandbox, &k->session->caller.limits, k->session->who, &k->over, err);
    return r == DM_SANDBOX_OVER ? OVER_QUOTA : r;
}

/* --- refusals ----------------------------------------------------------------------------------------------- */

static int deny_plain(
        dm_req *req, int status, const char *rule, const char *cure, const char *error_code, const char *message)
{
    const dm_denial d = {.what = what,
            .rule = rule,
            .retry_after_s = status == 503 ? 1 : -1,
            .cure = cure,
            .doc = "/docs/sandboxes"};
    return dm_deny(req, status, error_code, &d, "%s", message);
}

static int deny_limit(dm_req *req, const create *k)
{
    const dm_denial d = {.what = what,
            .rule = k->limit_rule,
            .has_limit = true,
            .limit = k->limit,
            .has_current = true,
            .current = k->wanted,
            .retry_after_s = -1,
            .cure = "choose a smaller size, or ask for a higher limit",
            .doc = "/docs/limits"};
    return dm_deny(req, 403, NULL, &d, "the size asked for is above your limit: %lld, at most %lld (%s)",
            (long long)k->wanted, (long long)k->limit, k->limit_rule);
}

static int deny_begin(dm_req *req, const create *k, int outcome)
{
    char message[512];
    switch (outcome) {
    case NO_TEMPLATE:
        (void)snprintf(message, sizeof message, "template '%s' not found", k->name.alias);
        return deny_plain(
                req, 404, "template.unknown", "name a template of your project or a public one", NULL, message);
    case NO_TAG:
        (void)snprintf(
                message, sizeof message, "tag '%s' does not exist for template '%s'", k->name.tag, k->name.alias);
        return deny_plain(
                req, 404, "template.tag_unknown", "leave the tag out, or name one that exists", NULL, message);
    case NOT_OURS:
        return deny_plain(req, 403, "template.private", "ask its owner to make it public", NULL,
                "you don't have access to this template");
    case NOT_READY:
        return deny_plain(req, 404, "template.not_ready", "wait until its build is ready", NULL,
                "the template has no build that is ready");
    case SPEC_TOO_LARGE:
        return deny_plain(req, 400, "spec.too_large", "no size that is offered covers what was asked: ask for less",
                NULL, "no size that is offered covers what was asked for");
    case OVER_TIER:
        return deny_limit(req, k);
    case DISK_TOO_LARGE:
        (void)snprintf(message, sizeof message, "a disk larger than the template's %lld MiB is not offered here",
                (long long)k->template.disk_mib);
        return deny_plain(req, 400, "disk.not_offered", "leave diskSizeMB out", NULL, message);
    case NO_WORKER:
        return deny_plain(req, 503, "capacity.no_worker", "try again in a moment", "sandbox_capacity_unavailable",
                "no worker can take a sandbox right now");
    case OVER_QUOTA:
        return dm_deny_quota(req, what, &k->over);
    case IDEM_RUNNING:
        return deny_plain(req, 409, "idempotency.in_progress", "wait for the first request's answer",
                "idempotency_in_progress", "a request with this Idempotency-Key is still under way");
    case IDEM_MISMATCH:
        return deny_plain(req, 422, "idempotency.mismatch", "use a key of its own for each different request",
                "idempotency_request_mismatch", "this Idempotency-Key came with another request before");
    default:
        return deny_plain(req, 409, "idempotency.unknown", "list the sandboxes, then use a new key",
                "idempotency_outcome_unknown", "nobody can say what became of the first request with this key");
    }
}

/* --- the second transaction --------------------------------------------------------------------------------- */

typedef struct settle {
    create *k;
    dm_sandbox_move_args move;
    int status; /* for the idempotency row; 0: drop it */
} settle;

/* An event of the worker may have been quicker: then the row says more than we know, and stays. */
static int settled(dm_pg *c, void *arg, dm_err *err)
{
    settle *t = arg;
    create *k = t->k;
    const dm_caller *who = &k->session->caller;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, who->owner, &k->sandbox.id, true, &one, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "the row of a starting sandbox is gone");
    if (dm_sandbox_step_of(one.s.state, t->move.event) != NULL)
        r = dm_sandbox_move(c, &one.s, &t->move, err);
    if (r == 0 && k->idempotent)
        r = t->status != 0 ? dm_idem_settle(c, &k->idem, t->status, err) : dm_idem_drop(c, &k->idem, err);
    return r;
}

static int give_up(create *k, dm_cause cause, const char *words, bool known, dm_err *err)
{
    settle t = {.k = k,
            .move = {.event = known ? DM_SANDBOX_GONE : DM_SANDBOX_KILL,
                    .who = k->session->who,
                    .at_us = dm_wall_us(k->api->clock),
                    .cause = cause != DM_CAUSE_NONE ? cause : DM_CAUSE_START_FAILED,
                    .detail = dm_str_c(words)}};
    return dm_api_tx(k->api, &k->session->caller, settled, &t, err);
}

/* Nobody knows whether it runs: told to end it, the worker makes it so that nobody needs to know. */
static bool undo(create *k)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    dm_err why;
    int r = dm_dispatch_kill(k->api->dispatch, &k->sandbox.id, 1, DM_CAUSE_START_FAILED, &stopped, &no, &why);
    dm_wk_stopped_done(&stopped);
    return r == 0 || (r == DM_DISPATCH_REFUSED && no.status == 404);
}

static int deny_worker(dm_req *req, create *k, const dm_dispatch_no *no, dm_err *err)
{
    int r = give_up(k, no->cause, no->message, true, err);
    if (r < 0)
        return r;
    if (no->status == 503 || no->status == 429)
        return dm_deny_worker(req, 503, "sandbox_capacity_unavailable", what, no);
    if (no->status == 504)
        return dm_deny_worker(req, 504, "sandbox_placement_timeout", what, no);
    return dm_deny_worker(req, 500, "sandbox_create_failed", what, no);
}

static int deny_silence(dm_req *req, create *k, int r, dm_err *why, dm_err *err)
{
    bool never_heard = r == DM_E_UNAVAILABLE;
    bool known = never_heard || undo(k);
    DM_LOG(k->api->log, DM_WARN, "sandbox.start_unanswered", dm_fs("sandbox", dm_sandbox_name_of(&k->sandbox.id).s),
            dm_fb("undone", known), dm_fs("message", why->msg));
    r = give_up(k, DM_CAUSE_START_FAILED, "the worker did not answer", known, err);
    if (r < 0)
        return r;
    const dm_denial d = {.what = what,
            .rule = never_heard ? "worker.away" : "worker.slow",
            .retry_after_s = 1,
            .cure = "nothing was left behind: try again in a moment",
            .doc = "/docs/errors"};
    return never_heard ? dm_deny(req, 503, "sandbox_capacity_unavailable", &d, "no worker can be reached right now")
                       : dm_deny(req, 504, "sandbox_placement_timeout", &d, "the sandbox was not started in time");
}

/* --- the order ---------------------------------------------------------------------------------------------- */

static int handed_out(dm_req *req, create *k, dm_wk_started *started, dm_err *err)
{
    settle t = {.k = k,
            .status = 201,
            .move = {.event = DM_SANDBOX_STARTED,
                    .who = k->session->who,
                    .at_us = started->started_us,
                    .end_us = started->end_us,
                    .address = dm_str_c(started->address)}};
    int r = dm_api_tx(k->api, &k->session->caller, settled, &t, err);
    dm_spawns_add(&k->api->spawns, k->sandbox.template_id, started->started_us);
    dm_wk_started_done(started);
    return r < 0 ? r : dm_answer_sandbox(k->api, req, 201, &k->sandbox, err);
}

static int order(dm_req *req, create *k, dm_err *err)
{
    const dm_build_made_of made = {.image = k->template.image,
            .user = k->template.user,
            .workdir = k->template.workdir,
            .env = k->template.env};
    dm_admit admit;
    dm_wk_started started;
    dm_dispatch_no no;
    dm_err why = {0};
    int r = dm_admit_fill(k->api, &k->sandbox, &made, k->body->timeout_s * 1000000, &admit, err);
    if (r < 0) { /* ours: the row must not stay as if it were starting */
        int again = give_up(k, DM_CAUSE_START_FAILED, "the order could not be made", true, &why);
        return again < 0 ? again : r;
    }
    r = dm_dispatch_admit(k->api->dispatch, &admit.m, false, &started, &no, &why);
    dm_admit_done(&admit);
    if (r == 0)
        return handed_out(req, k, &started, err);
    return r == DM_DISPATCH_REFUSED ? deny_worker(req, k, &no, err) : deny_silence(req, k, r, &why, err);
}

/* --- before the first transaction --------------------------------------------------------------------------- */

static int seal(create *k, dm_err *err)
{
    uint8_t random[16];
    char token[2 * sizeof random + 1];
    dm_sandbox *s = &k->sandbox;
    int r = 0;
    if (k->body->secure) {
        r = dm_random(random, sizeof random, err);
        if (r == 0) {
            dm_hex(random, sizeof random, token);
            r = dm_secret_seal(k->api->master, "token", &s->id, dm_str_c(token), &k->token_sealed, err);
        }
        explicit_bzero(random, sizeof random);
        explicit_bzero(token, sizeof token);
    }
    if (r == 0)
        r = dm_secret_seal(k->api->master, "env", &s->id, dm_str_c(k->body->env), &k->env_sealed, err);
    if (r < 0)
        return r;
    s->token_sealed = k->body->secure ? dm_buf_view(&k->token_sealed) : (dm_str){NULL, 0};
    s->env_sealed = dm_buf_view(&k->env_sealed);
    return 0;
}

static int prepare(dm_req *req, create *k, dm_err *err)
{
    const dm_caller *who = &k->session->caller;
    const dm_create_body *b = k->body;
    uint8_t random[16];
    int r = dm_template_name_parse(dm_str_c(b->template), &k->name, err);
    if (r == 0)
        r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    k->sandbox = (dm_sandbox){.owner = who->owner,
            .id = dm_sandbox_id_of_random(random),
            .epoch = 1,
            .region_no = who->region_no,
            .key = who->key,
            .secure = b->secure,
            .metadata = dm_str_c(b->metadata),
            .network = dm_str_c(b->network),
            .allow_internet = b->allow_internet,
            .pause_on_timeout = b->pause_on_timeout,
            .auto_resume = b->auto_resume,
            .timeout_s = b->timeout_s,
            .created_us = dm_wall_us(k->api->clock)};
    dm_str key = dm_req_header(req, "Idempotency-Key");
    if (key.p != NULL) {
        if (!dm_idem_key_ok(key))
            return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to 255 of a-z, 0-9 and -");
        k->idempotent = true;
        k->idem = (dm_idem){.owner = who->owner, .key = key};
        r = dm_sha256(req->body, &k->idem.body, err);
    }
    return r < 0 ? r : seal(k, err);
}

/* The same request once more: the same answer, made again from the row. */
static int find_row(dm_pg *c, void *arg, dm_err *err)
{
    dm_sandbox_one *one = arg;
    dm_sandbox_id id = one->s.id;
    return dm_sandbox_find(c, one->s.owner, &id, false, one, err);
}

static int answer_again(dm_req *req, create *k, dm_err *err)
{
    DM_AUTO_SANDBOX one = {.s = k->sandbox};
    int r = dm_api_tx(k->api, &k->session->caller, find_row, &one, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "an idempotency row without its sandbox");
    return dm_answer_sandbox(k->api, req, 201, &one.s, err);
}

static int run(dm_req *req, create *k, dm_err *err)
{
    int r = prepare(req, k, err);
    if (r == 0)
        r = dm_api_tx(k->api, &k->session->caller, begin, k, err);
    if (r < 0)
        return r;
    if (r == IDEM_DONE)
        return answer_again(req, k, err);
    return r > 0 ? deny_begin(req, k, r) : order(req, k, err);
}

static int create_any(dm_req *req, dm_api *api, bool v2, dm_err *err)
{
    dm_create_body body;
    int r = dm_create_body_read(req, v2, &body, err);
    if (r != 0)
        return r == DM_CREATE_ANSWERED ? 0 : r;
    create k = {.api = api, .session = dm_session_of(req), .body = &body};
    dm_buf_init(&k.token_sealed, 1024);
    dm_buf_init(&k.env_sealed, 256 << 10);
    r = run(req, &k, err);
    dm_buf_done(&k.token_sealed);
    dm_buf_done(&k.env_sealed);
    dm_template_done(&k.template);
    dm_create_body_done(&body);
    return r;
}

static int create_v1(dm_req *req, void *ctx, dm_err *err)
{
    return create_any(req, ctx, false, err);
}

static int create_v2(dm_req *req, void *ctx, dm_err *err)
{
    return create_any(req, ctx, true, err);
}

int dm_route_sandbox_create_v1(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    return dm_later_hop(api->later, req, create_v1, ctx, err);
}

int dm_route_sandbox_create_v2(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    return dm_later_hop(api->later, req, create_v2, ctx, err);
}
