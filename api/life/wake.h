/* api/life/wake.h: waking a sleeper, for connect, resume and the door. On a thread of the orders' pool (later.h). */
#ifndef DM_API_WAKE_H
#define DM_API_WAKE_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/template.h"

enum {
    DM_WAKE_RUNNING = 1, /* it was awake: nothing was done */
    DM_WAKE_BUSY,        /* it is on its way to sleep or awake: park and come again */
    DM_WAKE_NONE,        /* it is not there, or ended */
    DM_WAKE_QUOTA,       /* over */
    DM_WAKE_REFUSED,     /* no: it sleeps on, nothing is billed */
    DM_WAKE_AWAY,        /* the worker was never reached: it sleeps on */
    DM_WAKE_SLOW,        /* nobody knows: it was told to sleep on */
};

typedef struct dm_wake {
    dm_sandbox_one one; /* the row as it was last seen; dm_wake_done */
    dm_quota_over over;
    dm_dispatch_no no;
    dm_build_made_of made;
} dm_wake;
void dm_wake_done(dm_wake *w);
#define DM_AUTO_WAKE __attribute__((cleanup(dm_wake_done), unused)) dm_wake

/* 0: it runs, for timeout_s from now. Blocks for as long as the worker needs. err says why of AWAY and SLOW. */
int dm_wake_up(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t timeout_s, dm_wake *out,
        dm_err *err) DM_NODISCARD;

#endif
