#include "tenants/sandbox/sandbox.h"

#include <assert.h>
#include <stdio.h>

#include "base/wire/spec.h"

#include "tenants/plan/audit.h"
#include "tenants/sandbox/idem.h"
#include "tenants/sandbox/sql.h"

enum { UNANSWERED_FREE = 2, WAIT_S = 10, WAIT_MAX_S = 600, REMEMBERED_S = 3600, UNANSWERED_MAX = 1000 };

static bool remembered(const dm_sandbox *s, int64_t now_us)
{
    return s->cause == DM_CAUSE_WAKE_UNANSWERED && now_us - s->paused_us < (int64_t)REMEMBERED_S * 1000000;
}

int64_t dm_sandbox_wake_wait_s(const dm_sandbox *s, int64_t now_us)
{
    int64_t wait_s = WAIT_S;
    if (s->unanswered < UNANSWERED_FREE || !remembered(s, now_us))
        return 0;
    for (int64_t i = UNANSWERED_FREE; i < s->unanswered && wait_s < WAIT_MAX_S; i++)
        wait_s *= 2;
    wait_s = wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S;
    int64_t left_us = s->paused_us + wait_s * 1000000 - now_us;
    return left_us > 0 ? (left_us + 999999) / 1000000 : 0;
}

static int64_t unanswered_after(const dm_sandbox *s, const dm_sandbox_move_args *a)
{
    if (a->cause != DM_CAUSE_WAKE_UNANSWERED)
        return 0;
    return !remembered(s, a->at_us) ? 1 : s->unanswered < UNANSWERED_MAX ? s->unanswered + 1 : s->unanswered;
}

/* A sleeper counts for so much at least: what bounds their bytes bounds their number. */
enum { ASLEEP_LEAST_MIB = 16 };

static int64_t asleep_mib(const dm_sandbox *s)
{
    return s->state == DM_SANDBOX_PAUSED || s->state == DM_SANDBOX_RESUMING ? s->image_mib : 0;
}

/* What the row is after a step. Pure: what is in args is trusted only where the step says it has a meaning. */
static dm_sandbox after(const dm_sandbox *s, const dm_sandbox_step *step, const dm_sandbox_move_args *a)
{
    static const dm_str none = {NULL, 0};
    dm_sandbox next = *s;
    next.state = step->to;
    next.ordered_by = a->by; /* of what waits for nobody it means nothing */
    switch (step->event) {
    case DM_SANDBOX_STARTED:
        next.started_us = a->at_us;
        next.end_us = a->end_us;
        next.address = a->address;
        next.cause = DM_CAUSE_NONE;
        next.paused_us = 0;
        next.unanswered = 0;
        break;
    case DM_SANDBOX_SLEPT:
        next.unanswered = unanswered_after(s, a);
        next.cause = a->cause;
        next.paused_us = a->at_us;
        next.end_us = a->at_us;
        next.address = none;
        next.image_mib = a->image_mib > ASLEEP_LEAST_MIB ? a->image_mib : ASLEEP_LEAST_MIB;
        if (next.started_us == 0)
            next.started_us = a->at_us;
        break;
    case DM_SANDBOX_RESUME:
        next.epoch++;
        break;
    case DM_SANDBOX_GONE:
        next.cause = a->cause;
        next.detail = a->detail;
        next.ended_us = a->at_us;
        next.address = none;
        break;
    case DM_SANDBOX_KILL: /* whoever carries it out finds it in the row */
        if (a->cause != DM_CAUSE_NONE)
            next.cause = a->cause;
        break;
    case DM_SANDBOX_PAUSE:
    case DM_SANDBOX_PAUSE_FAILED:
    case DM_SANDBOX_RESUME_FAILED:
    case DM_SANDBOX_EVENTS:
        break;
    }
    return next;
}

static dm_quota_size size_of(const dm_sandbox *s)
{
    const dm_spec *spec = dm_spec_get((uint16_t)s->spec_table, (uint16_t)s->spec);
    assert(spec != NULL); /* a foreign key of the row */
    return (dm_quota_size){.vcpus = (int64_t)spec->vcpus, .mem_mib = (int64_t)spec->mem_mib};
}

/* What the step means for the two rows that all of an account meets in: the last statement of its transaction. */
static int charge(dm_pg *c, const dm_sandbox *s, const dm_sandbox *next, const dm_sandbox_move_args *a, dm_err *err)
{
    const dm_quota_size size = size_of(s);
    bool held = dm_sandbox_holds(s->state), holds = dm_sandbox_holds(next->state);
    int64_t more_mib = asleep_mib(next) - asleep_mib(s);
    if (held == holds)
        return dm_quota_asleep(c, s->owner, more_mib, err);
    if (held)
        return dm_quota_give(c, s->owner, &size, more_mib, err);
    assert(a->limits != NULL && a->over != NULL && more_mib == 0); /* only RESUME comes here */
    int r = dm_quota_take(c, s->owner, &size, a->limits, a->over, err);
    return r == DM_QUOTA_OVER ? DM_SANDBOX_OVER : r;
}

int dm_sandbox_move(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *a, dm_err *err)
{
    const dm_sandbox_step *step = dm_sandbox_step_of(s->state, a->event);
    if (step == NULL)
        return dm_fail(err, DM_E_CONFLICT, "sandbox %s is %s: %s means nothing to it", dm_sandbox_name_of(&s->id).s,
                dm_sandbox_state_name(s->state), dm_sandbox_event_name(a->event));
    dm_sandbox next = after(s, step, a);
    dm_sql_step write = {.old = s, .next = &next, .at_us = a->at_us, .why = step->why, .who = a->who};
    int r = dm_sql_sandbox_step(c, &write, err);
    if (r == 0 && !write.moved)
        r = dm_fail(err, DM_E_CONFLICT, "the row has moved on");
    if (r == 0 && step->event == DM_SANDBOX_GONE && a->cause == DM_CAUSE_START_FAILED)
        r = dm_idem_forget(c, s->owner, &s->id, err);
    if (r == 0)
        r = charge(c, s, &next, a, err);
    if (r == 0)
        *s = next;
    return r < 0 ? dm_wrap(err, "sandbox %s", dm_sandbox_name_of(&s->id).s) : r;
}

/* What is held stays held: there is nothing to charge. */
static void started(const dm_sandbox *s, const dm_sandbox_move_args *a, dm_sandbox *next, dm_sql_step *write)
{
    const dm_sandbox_step *step = dm_sandbox_step_of(DM_SANDBOX_STARTING, DM_SANDBOX_STARTED);
    assert(s->state == DM_SANDBOX_STARTING && a->event == DM_SANDBOX_STARTED && step != NULL);
    *next = after(s, step, a);
    *write = (dm_sql_step){.old = s, .next = next, .at_us = a->at_us, .why = step->why, .who = a->who};
}

static int judge_started(dm_sandbox *s, const dm_sandbox *next, const dm_sql_step *write)
{
    if (!write->moved)
        return DM_SANDBOX_STALE;
    *s = *next;
    return 0;
}

int dm_sandbox_started(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *a, dm_err *err)
{
    dm_sandbox next;
    dm_sql_step write;
    started(s, a, &next, &write);
    int r = dm_sql_sandbox_step(c, &write, err);
    return r < 0 ? dm_wrap(err, "sandbox %s", dm_sandbox_name_of(&s->id).s) : judge_started(s, &next, &write);
}

int dm_sandbox_started_all(dm_pg *c, dm_sandbox_begun *const *all, size_t n, unsigned patience_ms, dm_err *err)
{
    dm_sandbox next[DM_SANDBOX_ROUND_MAX];
    dm_sql_step writes[DM_SANDBOX_ROUND_MAX];
    assert(n <= DM_SANDBOX_ROUND_MAX);
    for (size_t i = 0; i < n; i++)
        started(all[i]->s, all[i]->args, &next[i], &writes[i]);
    int r = dm_sql_sandbox_steps(c, writes, n, patience_ms, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        all[i]->outcome = judge_started(all[i]->s, &next[i], &writes[i]);
    return r < 0 ? dm_wrap(err, "%zu sandboxes that start", n) : 0;
}

static void added(dm_sandbox *s, const dm_sandbox_add_args *a, dm_quota_size *size, dm_sql_start *out)
{
    *size = size_of(s);
    s->state = DM_SANDBOX_STARTING;
    s->epoch = 1;
    *out = (dm_sql_start){
            .s = s, .size = size, .limits = a->limits, .who = a->who, .why = "asked to start", .on = a->on};
    if (s->forked)
        (void)snprintf(out->why, sizeof out->why, "asked to start %s of %s",
                a->from_snapshot ? "from a snapshot" : "as a fork", dm_sandbox_name_of(&s->parent).s);
}

static int judge_added(dm_sandbox *s, const dm_sandbox_add_args *a, const dm_sql_start *start)
{
    if (start->worker.v == 0)
        return DM_SANDBOX_NO_PLACE;
    s->worker = start->worker;
    return dm_quota_judge(&start->met, start->size, a->limits, a->over) == DM_QUOTA_OVER ? DM_SANDBOX_OVER : 0;
}

int dm_sandbox_add(dm_pg *c, dm_sandbox *s, const dm_sandbox_add_args *a, dm_err *err)
{
    const dm_sql_round alone = {.last = false};
    dm_quota_size size;
    dm_sql_start start;
    added(s, a, &size, &start);
    int r = dm_sql_sandbox_start(c, &start, 1, a->lease_s, &alone, err);
    return r < 0 ? dm_wrap(err, "sandbox %s", dm_sandbox_name_of(&s->id).s) : judge_added(s, a, &start);
}

int dm_sandbox_add_all(dm_pg *c, dm_sandbox_adding *const *all, size_t n, unsigned patience_ms, dm_err *err)
{
    const dm_sql_round round = {.patience_ms = patience_ms, .last = true};
    dm_quota_size sizes[DM_SANDBOX_ROUND_MAX];
    dm_sql_start starts[DM_SANDBOX_ROUND_MAX];
    assert(n >= 1 && n <= DM_SANDBOX_ROUND_MAX);
    for (size_t i = 0; i < n; i++)
        added(all[i]->s, all[i]->args, &sizes[i], &starts[i]);
    int r = dm_sql_sandbox_start(c, starts, n, all[0]->args->lease_s, &round, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        all[i]->outcome = judge_added(all[i]->s, all[i]->args, &starts[i]);
    return r < 0 ? dm_wrap(err, "%zu sandboxes", n) : 0;
}

int dm_sandbox_place(dm_pg *c, dm_sandbox *s, dm_worker_no worker, dm_err *err)
{
    dm_sandbox next = *s;
    if (s->state != DM_SANDBOX_STARTING)
        return dm_fail(err, DM_E_CONFLICT, "it is %s", dm_sandbox_state_name(s->state));
    next.worker = worker;
    int r = dm_sql_sandbox_write(c, s, &next, err);
    if (r == 0)
        *s = next;
    return r;
}

int dm_sandbox_end_lost(
        dm_pg *c, const dm_sandbox_id *id, dm_worker_no worker, const char *who, int64_t at_us, dm_err *err)
{
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_GONE,
            .who = who,
            .at_us = at_us,
            .cause = DM_CAUSE_HOST_LOST,
            .detail = DM_STR("its host was written off")};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find_any(c, id, true, &one, err);
    if (r != 0)
        return r;
    if (one.s.worker.v != worker.v || one.s.state == DM_SANDBOX_ENDED)
        return DM_SANDBOX_NONE;
    return dm_sandbox_move(c, &one.s, &move, err);
}

int dm_sandbox_kill_audit(
        dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const char *who, const char *reason, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "sandbox:%s", dm_sandbox_name_of(id).s);
    const dm_audit line = {.owner = owner, .who = who, .verb = "sandbox.kill", .object = object, .reason = reason};
    return dm_audit_add(c, &line, err);
}

/* Its row alone, and whose it is. */
static int order_end(dm_pg *c, const dm_sandbox_id *id, const dm_sandbox_move_args *kill, dm_owner *owner, dm_err *err)
{
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find_any(c, id, true, &one, err);
    if (r != 0)
        return r;
    *owner = one.s.owner;
    if (one.s.state == DM_SANDBOX_STARTING || dm_sandbox_step_of(one.s.state, DM_SANDBOX_KILL) == NULL)
        return DM_SANDBOX_NONE;
    return dm_sandbox_move(c, &one.s, kill, err);
}

int dm_sandbox_condemn(
        dm_pg *c, const dm_sandbox_id *id, const char *who, const char *reason, int64_t at_us, dm_err *err)
{
    const dm_sandbox_move_args kill = {
            .event = DM_SANDBOX_KILL, .who = who, .at_us = at_us, .cause = DM_CAUSE_OPERATOR_KILLED};
    dm_owner owner;
    int r = order_end(c, id, &kill, &owner, err);
    return r != 0 ? r : dm_sandbox_kill_audit(c, owner, id, who, reason, err);
}

int dm_sandbox_expire(dm_pg *c, const dm_sandbox_id *id, const char *who, int64_t at_us, dm_err *err)
{
    const dm_sandbox_move_args kill = {
            .event = DM_SANDBOX_KILL, .who = who, .at_us = at_us, .cause = DM_CAUSE_RETENTION_EXPIRED};
    dm_owner owner;
    return order_end(c, id, &kill, &owner, err);
}

static bool waits(dm_sandbox_state state)
{
    return state == DM_SANDBOX_STARTING || state == DM_SANDBOX_PAUSING || state == DM_SANDBOX_RESUMING ||
           state == DM_SANDBOX_ENDING;
}

int dm_sandbox_give_up(dm_pg *c, dm_sandbox *s, dm_err *err)
{
    dm_sandbox next = *s;
    if (!waits(s->state) || s->ordered_by == 0)
        return 0;
    next.ordered_by = 0;
    int r = dm_sql_sandbox_write(c, s, &next, err);
    if (r == 0)
        *s = next;
    return r;
}

int dm_sandbox_set_end(dm_pg *c, dm_sandbox *s, int64_t end_us, dm_err *err)
{
    dm_sandbox next = *s;
    next.end_us = end_us;
    int r = dm_sql_sandbox_write(c, s, &next, err);
    if (r == 0)
        *s = next;
    return r;
}
