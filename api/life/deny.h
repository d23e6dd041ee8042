/* api/life/deny.h: refusals of acts on sandboxes, worded once for all mouths. what is the refused act. */
#ifndef DM_API_LIFE_DENY_H
#define DM_API_LIFE_DENY_H

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "api/life/start.h"
#include "api/life/wake.h"
#include "tenants/sandbox/quota.h"

int dm_deny_no_sandbox(dm_req *req, const char *what, const dm_sandbox_id *id) DM_NODISCARD;
int dm_deny_quota(dm_req *req, const char *what, const dm_quota_over *over) DM_NODISCARD;
/* Its sleepers take all that they may, or leave no room for this one. */
int dm_deny_asleep(dm_req *req, const char *what, const dm_quota_over *over) DM_NODISCARD;
/* What is left of its budget is not enough to begin. */
int dm_deny_budget(dm_req *req, const char *what, const dm_budget_short *s) DM_NODISCARD;
/* It creates more often than it may: the next one can come after wait_us. */
int dm_deny_create_rate(dm_req *req, const char *what, int64_t per_s, int64_t wait_us) DM_NODISCARD;
/* 0, or 1 after it has answered 400: the limit on a timeout. */
int dm_deny_timeout(dm_req *req, const char *what, int64_t timeout_s, int64_t least, int64_t most) DM_NODISCARD;

/* Parks the request (api/kit/later.h), or refuses it as still changing its state when it has waited long enough. */
int dm_wait_or_deny(dm_api *api, dm_later_at at, dm_req *req, dm_http_handler self, const dm_sandbox_id *id,
        uint64_t mark, const char *what, dm_err *err) DM_NODISCARD;

/* A wake whose guest did not answer, and one that is not tried before wait_s after such ones. */
int dm_deny_unanswered(dm_req *req, const char *what) DM_NODISCARD;
/* Its host is being emptied. */
int dm_deny_drained(dm_req *req, const char *what) DM_NODISCARD;
int dm_deny_wake_wait(dm_req *req, const char *what, int64_t wait_s) DM_NODISCARD;

/* What a worker refused: its own denial when it sent one. 503: it has no room. */
int dm_deny_worker(
        dm_req *req, int status, const char *error_code, const char *what, const dm_dispatch_no *no) DM_NODISCARD;
/* The worker was never reached, or never answered and nobody knows; why: for our log. */
int dm_deny_away(dm_req *req, const char *what, const dm_err *why) DM_NODISCARD;
int dm_deny_slow(dm_req *req, const char *what, const dm_err *why) DM_NODISCARD;

/* What an act came to (the outcomes of its header), where it did not do what it was asked; other failures are returned.
 * Of a mouth that can wait for the sandbox, what is on its way does not come here (dm_wait_or_deny). */
int dm_deny_start(dm_req *req, const char *what, const dm_start *s, int r, dm_err *err) DM_NODISCARD;
int dm_deny_kill(dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_dispatch_no *no,
        const dm_err *err) DM_NODISCARD;
int dm_deny_pause(dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_dispatch_no *no,
        const dm_quota_over *over, const dm_err *err) DM_NODISCARD;
int dm_deny_wake(dm_req *req, const char *what, const dm_sandbox_id *id, int r, const dm_wake *w,
        const dm_err *err) DM_NODISCARD;

/* What dm_deadline_move came to, where it did not move it and the sandbox was there: its REFUSED, AWAY and SLOW, and
 * that too many moved it at once. Other failures are returned. */
int dm_deny_deadline(dm_req *req, const char *what, int r, const dm_dispatch_no *no, const dm_err *err) DM_NODISCARD;

#endif
