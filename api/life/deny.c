#include "api/life/deny.h"

#include <stdio.h>

#include "api/life/deadline.h"

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
