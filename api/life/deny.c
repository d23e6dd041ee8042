#include "api/life/deny.h"

#include <stdio.h>

#include "api/life/deadline.h"
#include "api/life/kill.h"
#include "api/life/pause.h"

int dm_deny_no_sandbox(dm_req *req, const char *what, const dm_sandbox_id *id)
{
    return dm_deny(req, DM_NO_SANDBOX_UNKNOWN, what, "Sandbox \"%s\" doesn't exist or you don't have access to it",
            dm_sandbox_name_of(id).s);
}

int dm_deny_quota(dm_req *req, const char *what, const dm_quota_over *over)
{
    const dm_bound bound = {.limit = over->limit, .current = over->current};
    long long current = (long long)over->current, limit = (long long)over->limit;
    switch (over->what) {
    case DM_QUOTA_VCPUS:
        return dm_deny_bound(req, over->account ? DM_NO_ACCOUNT_VCPUS_TOTAL : DM_NO_PROJECT_VCPUS_TOTAL, what, &bound,
                "your sandboxes have %lld of at most %lld vCPUs: this one is too many", current, limit);
    case DM_QUOTA_MEM:
        return dm_deny_bound(req, over->account ? DM_NO_ACCOUNT_MEM_TOTAL : DM_NO_PROJECT_MEM_TOTAL, what, &bound,
                "your sandboxes have %lld of at most %lld MiB of memory: this one is too many", current, limit);
    case DM_QUOTA_RUNNING:
    case DM_QUOTA_ASLEEP:
        break;
    }
    return dm_deny_bound(req, over->account ? DM_NO_ACCOUNT_RUNNING_MAX : DM_NO_PROJECT_RUNNING_MAX, what, &bound,
            "you have reached the maximum number of concurrent sandboxes: %lld of %lld run", current, limit);
}

int dm_deny_asleep(dm_req *req, const char *what, const dm_quota_over *over)
{
    const dm_bound bound = {.limit = over->limit, .current = over->current};
    return dm_deny_bound(req, DM_NO_PROJECT_ASLEEP_MAX, what, &bound,
            "your sleeping sandboxes take %lld of %lld MiB: there is no room for another", (long long)over->current,
            (long long)over->limit);
}

int dm_deny_budget(dm_req *req, const char *what, const dm_budget_short *s)
{
    const dm_bound bound = {.limit = DM_LEASE_FIRST_S, .current = s->left_s};
    bool cap = s->cause == DM_CAUSE_SPEND_CAP;
    return dm_deny_bound(req, cap ? DM_NO_SPEND_CAP : DM_NO_ALLOWANCE_EXHAUSTED, what, &bound,
            cap ? "this month's spend cap is reached: %lld seconds of it are left, and to begin takes %d"
                : "this month's running time is used up: %lld seconds of it are left, and to begin takes %d",
            (long long)s->left_s, DM_LEASE_FIRST_S);
}

int dm_deny_create_rate(dm_req *req, const char *what, int64_t per_s, int64_t wait_us)
{
    char message[128];
    const dm_deny_as as = {.status = 429, .retry_after_s = (int32_t)((wait_us + 999999) / 1000000)};
    (void)snprintf(message, sizeof message, "the project creates more than %lld sandboxes a second", (long long)per_s);
    return dm_deny_other(req, DM_NO_PROJECT_CREATE_RATE, what, &as, message);
}

int dm_deny_timeout(dm_req *req, const char *what, int64_t timeout_s, int64_t least, int64_t most)
{
    char allowed[64];
    if (timeout_s >= least && timeout_s <= most)
        return 0;
    (void)snprintf(allowed, sizeof allowed, "%lld to %lld seconds", (long long)least, (long long)most);
    const dm_bound bound = {.limit = timeout_s < least ? least : most, .current = timeout_s, .allowed = allowed};
    int r = dm_deny_bound(req, DM_NO_PROJECT_TIMEOUT_MAX, what, &bound,
            timeout_s < least ? "Timeout must be at least %lld seconds" : "Timeout cannot be greater than %lld seconds",
            (long long)bound.limit);
    return r < 0 ? r : 1;
}

/* After all the time that the request could wait. No 409: clients read that as "it sleeps already" or "it runs
 * already", and it may yet do neither. */
static int still_changing(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_STATE_CHANGING, what, "the sandbox is still changing its state");
}

int dm_wait_or_deny(dm_api *api, dm_later_at at, dm_req *req, dm_http_handler self, const dm_sandbox_id *id,
        uint64_t mark, const char *what, dm_err *err)
{
    int r = dm_later_park(api->later, at, req, self, api, id, mark, err);
    return r == DM_E_CONFLICT ? still_changing(req, what) : r;
}

int dm_deny_unanswered(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_WAKE_UNANSWERED, what, "the sandbox was woken and did not answer: it sleeps again");
}

int dm_deny_drained(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_WORKER_DRAINING, what,
            "the sandbox's host is being emptied by its operator: the sandbox sleeps on until that is over");
}

int dm_deny_wake_wait(dm_req *req, const char *what, int64_t wait_s)
{
    char message[128];
    const dm_deny_as as = {.status = 429, .retry_after_s = (int32_t)wait_s};
    (void)snprintf(message, sizeof message,
            "the sandbox did not answer when it was last woken: it can be woken in %lld s", (long long)wait_s);
    return dm_deny_other(req, DM_NO_WAKE_WAIT, what, &as, message);
}

int dm_deny_worker(dm_req *req, int status, const char *error_code, const char *what, const dm_dispatch_no *no)
{
    const dm_deny_as as = {
            .status = status, .error_code = error_code, .denial = no->denial, .retry_after_s = status == 503 ? 1 : -1};
    dm_err why = {.code = 0};
    (void)snprintf(why.msg, sizeof why.msg, "the worker said %d: %.200s", no->status, no->message);
    dm_deny_why(req, &why);
    /* What a worker says of a failure of its own may name a path of its host: our log and the row's detail keep it. */
    return dm_deny_other(req, status == 503 ? DM_NO_CAPACITY_FULL : DM_NO_WORKER_REFUSED, what, &as,
            status == 500 ? "the sandbox's worker failed" : no->message);
}

int dm_deny_away(dm_req *req, const char *what, const dm_err *why)
{
    dm_deny_why(req, why);
    return dm_deny(req, DM_NO_WORKER_AWAY, what, "the sandbox's worker does not answer");
}

int dm_deny_slow(dm_req *req, const char *what, const dm_err *why)
{
    dm_deny_why(req, why);
    return dm_deny(req, DM_NO_WORKER_SLOW, what, "the sandbox's worker does not answer");
}

int dm_deny_deadline(dm_req *req, const char *what, int r, const dm_dispatch_no *no, const dm_err *err)
{
    switch (r) {
    case DM_DEADLINE_REFUSED:
        return dm_deny_worker(req, 500, NULL, what, no);
    case DM_DEADLINE_AWAY:
        return dm_deny_away(req, what, err);
    case DM_DEADLINE_SLOW:
        return dm_deny_slow(req, what, err);
    case DM_E_CONFLICT:
        return still_changing(req, what);
    default:
        return r;
    }
}

/* --- what an act came to, where it came to nothing ---------------------------------------------------------- */

static int deny_limit(dm_req *req, const char *what, const dm_start *s)
{
    static const dm_no rows[] = {[DM_START_VCPUS] = DM_NO_PROJECT_VCPUS_MAX,
            [DM_START_MEM] = DM_NO_PROJECT_MEM_MAX,
            [DM_START_DISK] = DM_NO_PROJECT_DISK_MAX};
    const dm_bound bound = {.limit = s->limit_max, .current = s->limit_wanted};
    return dm_deny_bound(req, rows[s->limit], what, &bound,
            "the size asked for is above your limit: %lld, at most %lld (%s)", (long long)s->limit_wanted,
            (long long)s->limit_max, dm_no_get(rows[s->limit])->rule);
}

static int deny_start_refused(dm_req *req, const char *what, const dm_dispatch_no *no)
{
    if (no->status == 503 || no->status == 429)
        return dm_deny_worker(req, 503, "sandbox_capacity_unavailable", what, no);
    if (no->status == 504)
        return dm_deny_worker(req, 504, "sandbox_placement_timeout", what, no);
    return dm_deny_worker(req, 500, "sandbox_create_failed", what, no);
}

int dm_deny_start(dm_req *req, const char *what, const dm_start *s, int r, dm_err *err)
{
    if (r < 0)
        return r;
    if (r == DM_START_AWAY || r == DM_START_SLOW || r == DM_START_UNKEPT)
        dm_deny_why(req, err);
    switch (r) {
    case DM_START_GONE:
        return dm_fail(err, DM_E_UNAVAILABLE, "the client has gone");
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
        return deny_limit(req, what, s);
    case DM_START_DISK_TOO_LARGE:
        return dm_deny(req, DM_NO_DISK_NOT_OFFERED, what,
                "a disk larger than the template's %lld MiB is not offered here", (long long)s->template.disk_mib);
    case DM_START_SNAPSHOT_SIZE:
        return dm_deny(req, DM_NO_SNAPSHOT_SIZE, what,
                "a snapshot is begun in the size it was made in: %lld vCPUs, %lld MiB", (long long)s->snapshot.s.vcpus,
                (long long)s->snapshot.s.mem_mib);
    case DM_START_NO_WORKER:
        return dm_deny(req, DM_NO_CAPACITY_NO_WORKER, what, "no worker has room for a sandbox of this size right now");
    case DM_START_OVER_QUOTA:
        return dm_deny_quota(req, what, &s->over);
    case DM_START_BUDGET:
        return dm_deny_budget(req, what, &s->short_);
    case DM_START_ASLEEP:
        return dm_deny_asleep(req, what, &s->over);
    case DM_START_IDEM_RUNNING:
        return dm_deny(req, DM_NO_IDEM_IN_PROGRESS, what, "a request with this Idempotency-Key is still under way");
    case DM_START_IDEM_MISMATCH:
        return dm_deny(req, DM_NO_IDEM_MISMATCH, what, "this Idempotency-Key came with another request before");
    case DM_START_IDEM_UNKNOWN:
        return dm_deny(req, DM_NO_IDEM_UNKNOWN, what, "nobody can say what became of the first request with this key");
    case DM_START_REFUSED:
        return deny_start_refused(req, what, &s->no);
    case DM_START_AWAY:
        return dm_deny(req, DM_NO_START_AWAY, what, "no worker can be reached right now");
    case DM_START_UNKEPT:
        return dm_deny(req, DM_NO_START_UNKEPT, what, "the sandbox could not be written down and was taken back");
    default:
        return dm_deny(req, DM_NO_START_SLOW, what, "the sandbox was not started in time");
    }
}

int dm_deny_kill(
        dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_dispatch_no *no, const dm_err *err)
{
    switch (r) {
    case DM_KILL_NONE:
        return dm_deny_no_sandbox(req, what, id);
    case DM_KILL_REFUSED:
        return dm_deny_worker(req, 500, NULL, what, no);
    case DM_KILL_AWAY:
        return dm_deny_away(req, what, err);
    case DM_KILL_SLOW:
        return dm_deny_slow(req, what, err);
    default:
        return r;
    }
}

int dm_deny_pause(dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_dispatch_no *no,
        const dm_quota_over *over, const dm_err *err)
{
    switch (r) {
    case DM_PAUSE_NONE:
        return dm_deny_no_sandbox(req, what, id);
    case DM_PAUSE_ASLEEP:
        return dm_deny(req, DM_NO_SANDBOX_PAUSED, what, "sandbox \"%s\" is already paused", dm_sandbox_name_of(id).s);
    case DM_PAUSE_JOIN:
    case DM_PAUSE_BUSY:
        return still_changing(req, what);
    case DM_PAUSE_OVER:
        return dm_deny_asleep(req, what, over);
    case DM_PAUSE_REFUSED:
        return dm_deny_worker(req, no->status == 503 ? 503 : 500, NULL, what, no);
    case DM_PAUSE_AWAY:
        return dm_deny_away(req, what, err);
    case DM_PAUSE_SLOW:
        return dm_deny_slow(req, what, err);
    default:
        return r;
    }
}

static int deny_wake_refused(dm_req *req, const char *what, const dm_dispatch_no *no)
{
    if (no->status == 503 || no->status == 429)
        return dm_deny_worker(req, 503, "sandbox_capacity_unavailable", what, no);
    return dm_deny_worker(req, no->status == 504 ? 504 : 500, NULL, what, no);
}

int dm_deny_wake(dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_wake *w, const dm_err *err)
{
    switch (r) {
    case DM_WAKE_RUNNING:
        return dm_deny(req, DM_NO_SANDBOX_RUNNING, what, "sandbox \"%s\" is already running", dm_sandbox_name_of(id).s);
    case DM_WAKE_BUSY:
        return still_changing(req, what);
    case DM_WAKE_NONE:
        return dm_deny_no_sandbox(req, what, id);
    case DM_WAKE_QUOTA:
        return dm_deny_quota(req, what, &w->over);
    case DM_WAKE_BUDGET:
        return dm_deny_budget(req, what, &w->short_);
    case DM_WAKE_WAIT:
        return dm_deny_wake_wait(req, what, w->wait_s);
    case DM_WAKE_UNANSWERED:
        return dm_deny_unanswered(req, what);
    case DM_WAKE_REFUSED:
        return deny_wake_refused(req, what, &w->no);
    case DM_WAKE_DRAINED:
        return dm_deny_drained(req, what);
    case DM_WAKE_AWAY:
        return dm_deny_away(req, what, err);
    case DM_WAKE_SLOW:
        return dm_deny_slow(req, what, err);
    default:
        return r;
    }
}
