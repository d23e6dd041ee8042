#include "api/life/hold.h"

#include <stdio.h>

#include "base/exec.h"

#include "api/life/pause.h"
#include "tenants/sandbox/hold.h"

typedef struct one {
    dm_job job; /* first */
    dm_api *api;
    dm_owner owner;
    dm_sandbox_id id;
    dm_cause cause;
    atomic_uint *slept;
} one;

static int list(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_held_running(c, DM_HOLD_MAX, rows, err);
}

static void put_to_sleep(dm_job *job)
{
    one *o = (one *)(void *)job;
    dm_caller policy = {.owner = o->owner};
    dm_dispatch_no no;
    dm_quota_over over;
    dm_err err = {0};
    const char *cause = dm_cause_get(o->cause)->name;
    (void)snprintf(policy.who, sizeof policy.who, "policy:%s", o->cause == DM_CAUSE_PAUSED ? "removal" : cause);
    int r = dm_pause_one(o->api, &policy, &o->id, o->cause, &no, &over, &err);
    if (r == 0)
        atomic_fetch_add(o->slept, 1);
    if (r != DM_PAUSE_ASLEEP && r != DM_PAUSE_JOIN && r != DM_PAUSE_NONE)
        DM_LOG(o->api->log, r == 0 ? DM_INFO : DM_WARN, r == 0 ? "sandbox.held" : "sandbox.not_held",
                dm_fs("sandbox", dm_sandbox_name_of(&o->id).s), dm_fs("cause", cause),
                dm_fs("message", r < 0 || r == DM_PAUSE_AWAY || r == DM_PAUSE_SLOW ? err.msg : ""));
}

static int read_one(dm_api *api, const dm_pg_rows *rows, size_t i, atomic_uint *slept, one *out, dm_err *err)
{
    *out = (one){.job = {.fn = put_to_sleep},
            .api = api,
            .owner = {{dm_pg_i64(rows, i, 0)}, {dm_pg_i64(rows, i, 1)}},
            .slept = slept};
    int r = dm_pg_bytes(rows, i, 2, out->id.b, sizeof out->id.b, err);
    return r < 0 ? r : dm_cause_parse(dm_pg_str(rows, i, 3), &out->cause, err);
}

/* Threads are made where there is something to do, which is seldom, and are gone with it. */
int dm_hold_carry_out(dm_api *api, unsigned *slept, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_exec *exec = NULL;
    atomic_uint done = 0;
    int r = dm_api_tx_ops(api, list, &rows, err);
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    *slept = 0;
    if (n == 0)
        return r;
    one *all = calloc(n, sizeof *all);
    if (all == NULL)
        return dm_fail(err, DM_E_NOMEM, "holds");
    r = dm_exec_new(n < DM_HOLD_AT_ONCE ? (unsigned)n : DM_HOLD_AT_ONCE, DM_HOLD_MAX, &exec, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = read_one(api, rows, i, &done, &all[i], err);
        if (r == 0 && dm_exec_submit(exec, &all[i].job) != 0)
            break; /* it is tried in the next round */
    }
    dm_exec_free(exec); /* when all have been done */
    free(all);
    *slept = atomic_load(&done);
    return r;
}
