#include "api/life/sweep.h"

#include "api/life/dispatch.h"
#include "api/life/settle.h"
#include "tenants/sandbox/idem.h"

static const char who[] = "policy:sweep";

typedef struct stuck {
    int64_t age_s;
    dm_pg_rows *rows;
} stuck;

static int list(dm_pg *c, void *arg, dm_err *err)
{
    stuck *s = arg;
    dm_pg_rows_free(s->rows);
    s->rows = NULL;
    int r = dm_sandbox_stuck(c, s->age_s, &s->rows, err);
    return r < 0 ? r : dm_idem_expire(c, err);
}

typedef struct one_row {
    dm_sandbox_id id;
    int64_t now_us;
    dm_sandbox_one one;
} one_row;

/* A start that nobody finished is taken back; the rest already says what it wants. */
static int look(dm_pg *c, void *arg, dm_err *err)
{
    one_row *o = arg;
    const dm_sandbox_move_args kill = {.event = DM_SANDBOX_KILL, .who = who, .at_us = o->now_us};
    int r = dm_sandbox_find_any(c, &o->id, true, &o->one, err);
    if (r == 0 && o->one.s.state == DM_SANDBOX_STARTING)
        r = dm_sandbox_move(c, &o->one.s, &kill, err);
    return r;
}

/* The order that the state asks for. A wake that nobody finished goes back to sleep: it may be asked for again. */
static int order(dm_api *api, const dm_sandbox *s, dm_sandbox_move_args *move, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    bool end = s->state == DM_SANDBOX_ENDING;
    dm_cause cause = s->started_us == 0 ? DM_CAUSE_START_FAILED : end ? DM_CAUSE_KILLED : DM_CAUSE_PAUSED;
    int r = end ? dm_dispatch_kill(api->dispatch, &s->id, s->epoch, cause, &stopped, &no, err)
                : dm_dispatch_pause(api->dispatch, &s->id, s->epoch, cause, &stopped, &no, err);
    if (r == 0) {
        r = dm_settle_move_of(&stopped, who, move, err);
        dm_wk_stopped_done(&stopped);
        return r;
    }
    if (r < 0)
        return r;
    if (no.status != 404)
        return dm_fail(err, DM_E_CONFLICT, "%s", no.message);
    *move = (dm_sandbox_move_args){.event = DM_SANDBOX_GONE,
            .who = who,
            .at_us = dm_wall_us(api->clock),
            .cause = end ? cause : DM_CAUSE_HOST_LOST};
    return 0;
}

static int sweep_one(dm_api *api, one_row *o, dm_err *err)
{
    dm_sandbox_move_args move;
    int r = dm_api_tx_ops(api, look, o, err);
    if (r != 0)
        return r;
    const dm_sandbox *s = &o->one.s;
    if (s->state != DM_SANDBOX_ENDING && s->state != DM_SANDBOX_PAUSING && s->state != DM_SANDBOX_RESUMING)
        return 0;
    r = order(api, s, &move, err);
    return r < 0 ? r : dm_settle(api, NULL, &o->id, s->epoch, &move, NULL, err);
}

int dm_sweep(dm_api *api, unsigned *done, dm_err *err)
{
    stuck s = {.age_s = (int64_t)api->config->stuck_s};
    unsigned n = 0;
    int r = dm_api_tx_ops(api, list, &s, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(s.rows); i++) {
        dm_err why = {0};
        dm_str id = dm_pg_str(s.rows, i, 0);
        one_row o = {.now_us = dm_wall_us(api->clock)};
        memcpy(o.id.b, id.p, id.n < sizeof o.id.b ? id.n : sizeof o.id.b);
        int e = sweep_one(api, &o, &why);
        DM_LOG(api->log, e < 0 ? DM_WARN : DM_INFO, "sandbox.swept", dm_fs("sandbox", dm_sandbox_name_of(&o.id).s),
                dm_fs("message", e < 0 ? why.msg : "done"));
        n += e == 0;
        dm_sandbox_one_done(&o.one);
    }
    dm_pg_rows_free(s.rows);
    *done = n;
    return r;
}
