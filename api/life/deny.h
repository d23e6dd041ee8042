/* api/life/deny.h: refusals of acts on sandboxes, worded once for all mouths. what is the refused act. */
#ifndef DM_API_LIFE_DENY_H
#define DM_API_LIFE_DENY_H

#include "api/kit/answer.h"
#include "api/life/dispatch.h"
#include "tenants/sandbox/quota.h"

int dm_deny_no_sandbox(dm_req *req, const char *what, const dm_sandbox_id *id) DM_NODISCARD;
int dm_deny_quota(dm_req *req, const char *what, const dm_quota_over *over) DM_NODISCARD;
/* 0, or 1 after it has answered 400: the limit on a timeout. */
int dm_deny_timeout(dm_req *req, const char *what, int64_t timeout_s, int64_t least, int64_t most) DM_NODISCARD;

/* What a worker refused: its own denial when it sent one. */
int dm_deny_worker(
        dm_req *req, int status, const char *error_code, const char *what, const dm_dispatch_no *no) DM_NODISCARD;
/* The worker was never reached, or never answered and nobody knows; why: for our log. */
int dm_deny_away(dm_req *req, const char *what, const dm_err *why) DM_NODISCARD;
int dm_deny_slow(dm_req *req, const char *what, const dm_err *why) DM_NODISCARD;

#endif
