#include "api/life/sweep.h"

#include "api/life/settle.h"
#include "tenants/sandbox/idem.h"

static const char who[] = "policy:sweep";

/* Of one row, beside failures and DM_SETTLE_STALE. */
enum { LATER = 2 }; /* its worker cannot say yet: another time */

typedef struct orphans {
    int64_t own, age_s;
    dm_pg_rows *rows;
} orphans;

static int list(dm_pg *c, void *arg, dm_err *err)
{
    orphans *o = arg;
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
    int r = dm_sandbox_orphans(c, o->own, o->age_s, &o->rows, err);
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

/* The worker does not hold it: a start that was taken back is over, anything else was lost with its host. */
static dm_sandbox_move_args gone(dm_api *api, dm_cause cause)
{
    return (dm_sandbox_move_args){
            .event = DM_SANDBOX_GONE, .who = who, .at_us = dm_wall_us(api->clock), .cause = cause};
}

/* Than its owner's call: nothing sleeps for one of these, so the row says why it is ending. */
static bool is_for_another_reason(const dm_sandbox *s)
{
    return s->cause == DM_CAUSE_OPERATOR_KILLED || s->cause == DM_CAUSE_RETENTION_EXPIRED;
}

/* A sleep or an end that was asked for is asked for again: orders are idempotent. */
static int stop(dm_api *api, dm_dispatch *dispatch, const dm_sandbox *s, dm_sandbox_move_args *move, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    bool end = s->state == DM_SANDBOX_ENDING;
    dm_cause cause = s->started_us == 0                ? DM_CAUSE_START_FAILED
                     : end && is_for_another_reason(s) ? s->cause
                     : end                             ? DM_CAUSE_KILLED
                                                       : DM_CAUSE_PAUSED;
    int r = end ? dm_dispatch_kill(dispatch, s->worker, &s->id, s->epoch, cause, &stopped, &no, err)
                : dm_dispatch_pause(dispatch, s->worker, &s->id, s->epoch, cause, 0, &stopped, &no, err);
    if (r == 0) {
        r = dm_settle_move_of(&stopped, who, move, err);
        dm_wk_stopped_done(&stopped);
        return r;
    }
    if (r < 0)
        return r;
    if (!end && no.status == 503) { /* its host has no room for it asleep: it runs on */
        *move = (dm_sandbox_move_args){.event = DM_SANDBOX_PAUSE_FAILED, .who = who, .at_us = dm_wall_us(api->clock)};
        return 0;
    }
    if (no.status != 404)
        return dm_fail(err, DM_E_CONFLICT, "%s", no.message);
    *move = gone(api, end ? cause : DM_CAUSE_HOST_LOST);
    return 0;
}

/* A wake that nobody finished: what its worker says is what it is, for the order, which may still be on its way, counts
 * no more when it has said so. It may be awake, and is its owner's then. */
static int wake(dm_api *api, const dm_sandbox *s, const dm_wk_seen *seen, dm_sandbox_move_args *move)
{
    bool this_life = seen->epoch == s->epoch;
    *move = (dm_sandbox_move_args){.who = who, .at_us = dm_wall_us(api->clock)};
    if (this_life && strcmp(seen->state, "running") == 0) {
        move->event = DM_SANDBOX_STARTED;
        move->at_us = seen->started_us;
        move->end_us = seen->end_us;
        move->address = dm_str_c(seen->address);
        return 0;
    }
    if (strcmp(seen->state, "asleep") != 0) /* waking, going to sleep, or ended: its event is on the way */
        return LATER;
    move->event = DM_SANDBOX_RESUME_FAILED;
    return 0;
}

static int settle_wake(dm_api *api, dm_dispatch *dispatch, const dm_sandbox *s, dm_err *err)
{
    dm_wk_seen seen = {0};
    dm_dispatch_no no;
    dm_sandbox_move_args move;
    int r = dm_dispatch_look(dispatch, s->worker, &s->id, s->epoch, &seen, &no, err);
    if (r == DM_DISPATCH_REFUSED && no.status != 404)
        return dm_fail(err, DM_E_CONFLICT, "%s", no.message);
    if (r == DM_DISPATCH_REFUSED) {
        move = gone(api, DM_CAUSE_HOST_LOST);
        r = 0;
    } else if (r == 0) {
        r = wake(api, s, &seen, &move);
    }
    if (r == 0)
        r = dm_settle(api, NULL, &s->id, s->epoch, &move, NULL, err);
    dm_wk_seen_done(&seen);
    return r;
}

static int sweep_one(dm_api *api, dm_dispatch *dispatch, one_row *o, dm_err *err)
{
    dm_sandbox_move_args move;
    int r = dm_api_tx_ops(api, look, o, err);
    if (r != 0)
        return r;
    const dm_sandbox *s = &o->one.s;
    switch (s->state) {
    case DM_SANDBOX_RESUMING:
        return settle_wake(api, dispatch, s, err);
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_PAUSING:
        r = stop(api, dispatch, s, &move, err);
        return r != 0 ? r : dm_settle(api, NULL, &o->id, s->epoch, &move, NULL, err);
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_RUNNING:
    case DM_SANDBOX_PAUSED:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    return 0;
}

/* --- hosts that were written off ---------------------------------------------------------------------------- */

static int list_lost(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_sandbox_lost(c, (dm_worker_no){0}, DM_ORPHANS_MAX, rows, err);
}

typedef struct lost_row {
    dm_sandbox_id id;
    dm_worker_no worker;
    int64_t now_us;
} lost_row;

static int end_lost(dm_pg *c, void *arg, dm_err *err)
{
    const lost_row *l = arg;
    return dm_sandbox_end_lost(c, &l->id, l->worker, who, l->now_us, err);
}

static int sweep_lost(dm_api *api, unsigned *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_api_tx_ops(api, list_lost, &rows, err);
    for (size_t i = 0; r >= 0 && i < dm_pg_count(rows); i++) {
        lost_row l = {.worker = {(uint64_t)dm_pg_i64(rows, i, 1)}, .now_us = dm_wall_us(api->clock)};
        r = dm_pg_bytes(rows, i, 0, l.id.b, sizeof l.id.b, err);
        if (r == 0)
            r = dm_api_tx_ops(api, end_lost, &l, err);
        if (r != 0)
            continue;
        dm_later_wake(api->later, &l.id);
        DM_LOG(api->log, DM_INFO, "sandbox.lost", dm_fs("sandbox", dm_sandbox_name_of(&l.id).s),
                dm_fu("worker", l.worker.v));
        (*n)++;
    }
    return r < 0 ? r : 0;
}

int dm_sweep(dm_api *api, dm_dispatch *dispatch, unsigned *done, dm_err *err)
{
    orphans all = {.age_s = (int64_t)api->config->stuck_s};
    unsigned n = 0;
    int r = sweep_lost(api, &n, err); /* first: of the others, nobody would answer for those */
    if (r == 0)
        r = dm_api_instance(api, &all.own, err);
    if (r == 0)
        r = dm_api_tx_ops(api, list, &all, err);
    bool away = false;
    for (size_t i = 0; r == 0 && !away && i < dm_pg_count(all.rows); i++) {
        dm_err why = {0};
        dm_str id = dm_pg_str(all.rows, i, 0);
        one_row o = {.now_us = dm_wall_us(api->clock)};
        memcpy(o.id.b, id.p, id.n < sizeof o.id.b ? id.n : sizeof o.id.b);
        int e = sweep_one(api, dispatch, &o, &why);
        away = e == DM_E_UNAVAILABLE; /* the rest would wait for the same worker, one after the other */
        if (e != LATER)
            DM_LOG(api->log, e < 0 ? DM_WARN : DM_INFO, "sandbox.swept", dm_fs("sandbox", dm_sandbox_name_of(&o.id).s),
                    dm_fs("message", e < 0 ? why.msg : "done"));
        n += e == 0;
        dm_sandbox_one_done(&o.one);
    }
    dm_pg_rows_free(all.rows);
    *done = n;
    return r;
}
