/* POST /sandboxes and /v2/sandboxes. */
#include "api/e2b/create_body.h"
#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/life/claims.h"
#include "api/life/deny.h"
#include "api/life/start.h"

static const char what[] = "sandbox.create";

static int deny_limit(dm_req *req, const dm_start *s)
{
    static const dm_no rows[] = {[DM_START_VCPUS] = DM_NO_PROJECT_VCPUS_MAX,
            [DM_START_MEM] = DM_NO_PROJECT_MEM_MAX,
            [DM_START_DISK] = DM_NO_PROJECT_DISK_MAX};
    const dm_bound bound = {.limit = s->limit_max, .current = s->limit_wanted};
    return dm_deny_bound(req, rows[s->limit], what, &bound,
            "the size asked for is above your limit: %lld, at most %lld (%s)", (long long)s->limit_wanted,
            (long long)s->limit_max, dm_no_get(rows[s->limit])->rule);
}

static int deny_worker(dm_req *req, const dm_dispatch_no *no)
{
    if (no->status == 503 || no->status == 429)
        return dm_deny_worker(req, 503, "sandbox_capacity_unavailable", what, no);
    if (no->status == 504)
        return dm_deny_worker(req, 504, "sandbox_placement_timeout", what, no);
    return dm_deny_worker(req, 500, "sandbox_create_failed", what, no);
}

static int deny(dm_req *req, const dm_start *s, int outcome)
{
    switch (outcome) {
    case DM_START_NO_TEMPLATE:
        return dm_deny(req, DM_NO_TEMPLATE_NOT_FOUND, what, "template '%s' not found", s->name.alias);
    case DM_START_NO_TAG:
        return dm_deny(req, DM_NO_TEMPLATE_TAG_UNKNOWN, what, "tag '%s' does not exist for template '%s'", s->name.tag,
                s->name.alias);
    case DM_START_PRIVATE:
        return dm_deny(req, DM_NO_TEMPLATE_PRIVATE, what, "you don't have access to this template");
    case DM_START_NOT_READY:
        return dm_deny(req, DM_NO_TEMPLATE_NOT_READY, what, "the template has no build that is ready");
    case DM_START_SPEC_TOO_LARGE:
        return dm_deny(req, DM_NO_SPEC_TOO_LARGE, what, "no size that is offered covers what was asked for");
    case DM_START_OVER_LIMIT:
        return deny_limit(req, s);
    case DM_START_DISK_TOO_LARGE:
        return dm_deny(req, DM_NO_DISK_NOT_OFFERED, what,
                "a disk larger than the template's %lld MiB is not offered here", (long long)s->template.disk_mib);
    case DM_START_NO_WORKER:
        return dm_deny(req, DM_NO_CAPACITY_NO_WORKER, what, "no worker has room for a sandbox of this size right now");
    case DM_START_OVER_QUOTA:
        return dm_deny_quota(req, what, &s->over);
    case DM_START_ASLEEP:
        return dm_deny_asleep(req, what, &s->over);
    case DM_START_IDEM_RUNNING:
        return dm_deny(req, DM_NO_IDEM_IN_PROGRESS, what, "a request with this Idempotency-Key is still under way");
    case DM_START_IDEM_MISMATCH:
        return dm_deny(req, DM_NO_IDEM_MISMATCH, what, "this Idempotency-Key came with another request before");
    case DM_START_IDEM_UNKNOWN:
        return dm_deny(req, DM_NO_IDEM_UNKNOWN, what, "nobody can say what became of the first request with this key");
    case DM_START_REFUSED:
        return deny_worker(req, &s->no);
    case DM_START_AWAY:
        return dm_deny(req, DM_NO_START_AWAY, what, "no worker can be reached right now");
    case DM_START_UNKEPT:
        return dm_deny(req, DM_NO_START_UNKEPT, what, "the sandbox could not be written down and was taken back");
    default:
        return dm_deny(req, DM_NO_START_SLOW, what, "the sandbox was not started in time");
    }
}

static int give(dm_api *api, dm_req *req, const dm_sandbox *s, bool asked_again, dm_err *err)
{
    int r = dm_answer_sandbox(api, req, 201, s, err);
    return r < 0 ? r : dm_claims_when_sent(api->claims, req, s->worker, &s->id, asked_again, err);
}

static bool gone(const void *arg)
{
    return dm_req_gone(arg);
}

static int create(dm_req *req, dm_api *api, bool v2, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_create_body b;
    DM_AUTO_START start = {.limit = DM_START_VCPUS};
    int r = dm_create_body_read(req, v2, caller->limits.timeout_s_max, &b, err);
    if (r != 0)
        return r == DM_CREATE_ANSWERED ? 0 : r;
    const dm_start_args args = {.template = dm_str_c(b.template),
            .vcpus = b.vcpus,
            .mem_mib = b.mem_mib,
            .disk_mib = b.disk_mib,
            .timeout_s = b.timeout_s,
            .secure = b.secure,
            .pause_on_timeout = b.pause_on_timeout,
            .auto_resume = b.auto_resume,
            .allow_internet = b.allow_internet,
            .metadata = b.metadata,
            .network = b.network,
            .env = b.env,
            .idem_key = dm_req_header(req, "Idempotency-Key"),
            .idem_body = req->body,
            .gone = gone,
            .gone_arg = req};
    r = dm_start_one(api, caller, &args, &start, err);
    if (r == 0 || r == DM_START_AGAIN)
        r = give(api, req, &start.sandbox, args.idem_key.p != NULL, err);
    else if (r == DM_START_GONE)
        r = dm_fail(err, DM_E_UNAVAILABLE, "the client has gone");
    else if (r > 0) {
        if (r == DM_START_AWAY || r == DM_START_SLOW || r == DM_START_UNKEPT)
            dm_deny_why(req, err);
        r = deny(req, &start, r);
    }
    dm_create_body_done(&b);
    return r;
}

static int create_v1(dm_req *req, void *ctx, dm_err *err)
{
    return create(req, ctx, false, err);
}

static int create_v2(dm_req *req, void *ctx, dm_err *err)
{
    return create(req, ctx, true, err);
}

/* Before it stands in line: what is too many takes nobody's place. */
static int hop(dm_req *req, dm_api *api, dm_http_handler fn, dm_err *err)
{
    const dm_caller *c = &dm_session_of(req)->caller;
    dm_rates_left left;
    int64_t wait_us = dm_rates_take_us(api->rates, DM_RATES_CREATES, c->owner.project, c->limits.create_rate, &left);
    if (wait_us > 0)
        return dm_deny_create_rate(req, what, c->limits.create_rate, wait_us);
    return dm_api_hop(req, api, DM_LATER_ORDERS, fn, err);
}

int dm_route_sandbox_create_v1(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, create_v1, err);
}

int dm_route_sandbox_create_v2(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, create_v2, err);
}
