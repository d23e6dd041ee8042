/* api/life/wake.h: waking a sleeper, for connect, resume and the door. On a thread of the orders' pool (later.h). */
#ifndef DM_API_LIFE_WAKE_H
#define DM_API_LIFE_WAKE_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/plan/budget.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/template.h"

enum {
    DM_WAKE_RUNNING = 1, /* it was awake: nothing was done */
    DM_WAKE_BUSY,        /* it is on its way to sleep or awake: park and come again */
    DM_WAKE_NONE,        /* it is not there, or ended */
    DM_WAKE_QUOTA,       /* over */
    DM_WAKE_BUDGET,      /* short: what its first seconds would take is not there any more */
    DM_WAKE_WAIT,        /* its guest did not answer the last ones: not before wait_s */
    DM_WAKE_UNANSWERED,  /* its guest ran and did not answer: it sleeps again, and what it ran is billed */
    DM_WAKE_REFUSED,     /* no: it sleeps on, nothing is billed */
    DM_WAKE_DRAINED,     /* an operator empties its host: it sleeps on until that is over */
    DM_WAKE_AWAY,        /* the worker was never reached: it sleeps on */
    DM_WAKE_SLOW,        /* nobody knows: it was told to sleep on */
    DM_WAKE_BLOCKED,     /* by traffic alone: its account may not run anything */
};

enum { DM_WAKE_ADDRESS = 16 };

typedef struct dm_wake {
    dm_sandbox_one one; /* the row as it was last seen; dm_wake_done */
    dm_quota_over over;
    dm_budget_short short_;
    bool budgeted;
    int64_t wait_s;
    dm_dispatch_no no;
    dm_build_made_of made;
    char address[DM_WAKE_ADDRESS]; /* where it was woken; "" : it was not */
} dm_wake;
void dm_wake_done(dm_wake *w);
#define DM_AUTO_WAKE __attribute__((cleanup(dm_wake_done), unused)) dm_wake

/* 0: it runs, for timeout_s from now. Blocks for as long as the worker needs. err says why of AWAY and SLOW. */
int dm_wake_up(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t timeout_s, dm_wake *out,
        dm_err *err) DM_NODISCARD;

/* The same for traffic, which has no key: caller has its owner, and what binds the project is read in the transaction
 * that begins the wake; history names it "door". It runs for what timeout_of makes of the timeout it was created with.
 */
int dm_wake_by_traffic(dm_api *api, dm_caller *caller, const dm_sandbox_id *id,
        int64_t (*timeout_of)(const dm_caller *caller, int64_t given_s), dm_wake *out, dm_err *err) DM_NODISCARD;

#endif
