#include "api/life/snapshot.h"

#include <stdio.h>

#include "base/parse.h"

enum {
    NAME_BYTES = 16,
    LATE_S = 120, /* an order that nobody waits for any more has reached its worker by then, or never does */
};

static const char prefix[] = "cp-";

/* --- making: the row ---------------------------------------------------------------------------------------- */

typedef struct making {
    const dm_caller *caller;
    const dm_template_name *name;
    dm_snapshot_act *out;
    int64_t by;
    int64_t image_mib; /* once it is known */
    bool nothing;      /* its worker has none of it */
    int kept;          /* what the row came to */
} making;

static int judge_state(const dm_sandbox *s)
{
    switch (s->state) {
    case DM_SANDBOX_RUNNING:
        return 0;
    case DM_SANDBOX_PAUSING:
    case DM_SANDBOX_PAUSED:
        return DM_SNAPSHOT_ASLEEP;
    case DM_SANDBOX_RESUMING:
        return DM_SNAPSHOT_BUSY;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    return DM_SNAPSHOT_NO_SANDBOX;
}

/* One of the project's own templates, under a tag that it has: a snapshot of that name would never be found. */
static int is_template(dm_pg *c, const dm_caller *caller, const dm_template_name *name, dm_err *err)
{
    DM_AUTO_TEMPLATE t = {.own = NULL};
    int r = dm_template_find(c, caller->owner.project, name, &t, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return t.owner.v == caller->owner.project.v && t.tagged ? DM_SNAPSHOT_OFFERED : 0;
}

static int add_row(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    dm_snapshot_act *s = m->out;
    const dm_snapshot_add_args args = {
            .checkpoint = s->checkpoint, .snapshot_id = s->id.s, .name = m->name, .by = m->by};
    int r = m->name != NULL ? is_template(c, m->caller, m->name, err) : 0;
    if (r == 0)
        r = dm_snapshot_add(c, &s->source.s, &args, &m->caller->limits, &s->over, err);
    return r == DM_SNAPSHOT_OVER ? DM_SNAPSHOT_FULL : r;
}

static int begin(dm_api *api, making *m, const dm_sandbox_id *id, dm_err *err)
{
    dm_snapshot_act *s = m->out;
    uint8_t random[2 * NAME_BYTES];
    char hex[2 * NAME_BYTES + 1];
    int r = dm_api_find(api, m->caller, id, &s->source, err);
    if (r == 0)
        r = judge_state(&s->source.s);
    else if (r > 0)
        r = DM_SNAPSHOT_NO_SANDBOX;
    if (r == 0)
        r = dm_api_instance(api, &m->by, err);
    if (r == 0)
        r = dm_random(random, sizeof random, err);
    if (r != 0)
        return r;
    dm_hex(random, NAME_BYTES, hex);
    (void)snprintf(s->checkpoint, sizeof s->checkpoint, "%s%s", prefix, hex);
    s->id = dm_template_id_of_random(random + NAME_BYTES);
    return dm_api_tx(api, m->caller, add_row, m, err);
}

/* --- making: the image -------------------------------------------------------------------------------------- */

static int keep_row(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    m->kept = dm_snapshot_keep(
            c, m->caller->owner, m->out->checkpoint, m->image_mib, &m->caller->limits, &m->out->over, err);
    return m->kept < 0 ? m->kept : 0;
}

static int undo_row(dm_pg *c, void *arg, dm_err *err)
{
    const making *m = arg;
    return dm_snapshot_give_up(
            c, m->caller->owner, m->out->checkpoint, m->nothing, m->nothing ? 0 : (int64_t)LATE_S, err);
}

/* Where this fails, too, the sweep does it when this instance has gone, or some minutes later. */
static void undo(dm_api *api, making *m)
{
    dm_err err = {0};
    if (dm_api_tx(api, m->caller, undo_row, m, &err) < 0)
        dm_log_err(api->log, DM_WARN, "snapshot.not_undone", &err);
}

static int copy(dm_api *api, making *m, dm_err *err)
{
    dm_snapshot_act *s = m->out;
    const dm_sandbox *of = &s->source.s;
    const dm_wk_copy order = {.epoch = of->epoch, .name = s->checkpoint, .kept = true};
    dm_wk_copied copied = {0};
    int r = dm_dispatch_copy(api->dispatch, of->worker, &of->id, &order, &copied, &s->no, err);
    m->image_mib = copied.image_mib;
    dm_wk_copied_done(&copied);
    m->nothing = r == DM_DISPATCH_REFUSED || dm_dispatch_unheard(r);
    if (r == DM_DISPATCH_REFUSED && s->no.status == 404)
        return DM_SNAPSHOT_NO_SANDBOX;
    if (r == DM_DISPATCH_REFUSED) /* 409: it has moved on, and its row will say so in a moment */
        return s->no.status == 409 ? DM_SNAPSHOT_BUSY : DM_SNAPSHOT_REFUSED;
    if (r < 0)
        return dm_dispatch_unheard(r) ? DM_SNAPSHOT_AWAY : DM_SNAPSHOT_SLOW;
    return 0;
}

/* The transaction commits also where the image is not kept: its row says that it is to go. */
static int keep(dm_api *api, making *m, dm_err *err)
{
    int r = dm_api_tx(api, m->caller, keep_row, m, err);
    if (r < 0) {
        undo(api, m);
        return r;
    }
    if (m->kept == DM_SNAPSHOT_NONE)
        return dm_fail(err, DM_E_CONFLICT, "it took so long that it was given up");
    return m->kept == DM_SNAPSHOT_OVER ? DM_SNAPSHOT_FULL : 0;
}

int dm_snapshot_make(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, const dm_template_name *name,
        dm_snapshot_act *out, dm_err *err)
{
    making m = {.caller = caller, .name = name, .out = out};
    int r = begin(api, &m, id, err);
    if (r != 0)
        return r;
    r = copy(api, &m, err);
    if (r != 0) {
        undo(api, &m);
        return r;
    }
    r = keep(api, &m, err);
    if (r == 0)
        DM_LOG(api->log, DM_INFO, "snapshot.made", dm_fs("sandbox", dm_sandbox_name_of(id).s),
                dm_fs("checkpoint", out->checkpoint), dm_fi("mib", m.image_mib));
    return r;
}

/* --- its end ------------------------------------------------------------------------------------------------ */

typedef struct ending {
    const dm_caller *caller;
    const dm_template_name *name;
    int64_t by;
    dm_snapshot_one *row;
    bool gone;
} ending;

static int drop_row(dm_pg *c, void *arg, dm_err *err)
{
    ending *e = arg;
    int r = dm_snapshot_drop(c, e->caller->owner, e->caller->slug, e->name, e->by, e->row, err);
    if (r != DM_SNAPSHOT_NONE)
        return r;
    r = is_template(c, e->caller, e->name, err);
    return r != 0 ? r : DM_SNAPSHOT_UNKNOWN;
}

static int end_row(dm_pg *c, void *arg, dm_err *err)
{
    const ending *e = arg;
    const dm_snapshot_row *s = &e->row->s;
    return e->gone ? dm_snapshot_gone(c, s->owner, s->checkpoint, err)
                   : dm_snapshot_stays(c, s->owner, s->checkpoint, err);
}

static int release(dm_dispatch *dispatch, const dm_snapshot_row *s, bool *used, dm_dispatch_no *no, dm_err *err)
{
    char name[DM_SNAPSHOT_CHECKPOINT];
    dm_wk_released released = {.used = false};
    int r = dm_str_to_array(s->checkpoint, name, sizeof name, err);
    if (r == 0)
        r = dm_dispatch_release(dispatch, s->worker, name, s->state == DM_SNAPSHOT_DROPPING, &released, no, err);
    *used = released.used;
    return r;
}

int dm_snapshot_end(
        dm_api *api, const dm_caller *caller, const dm_template_name *name, dm_snapshot_act *out, dm_err *err)
{
    ending e = {.caller = caller, .name = name, .row = &out->row};
    bool used = false;
    int r = dm_api_instance(api, &e.by, err);
    if (r == 0)
        r = dm_api_tx(api, caller, drop_row, &e, err);
    if (r != 0)
        return r;
    dm_err why = {0};
    int told = release(api->dispatch, &out->row.s, &used, &out->no, &why);
    bool heard = told >= 0 || dm_dispatch_unheard(told);
    e.gone = told == 0 && !used;
    if (!heard) { /* the sweep asks again until it knows */
        *err = why;
        return DM_SNAPSHOT_SLOW;
    }
    r = dm_api_tx(api, caller, end_row, &e, err);
    if (r < 0 || e.gone)
        return r;
    *err = why;
    return used ? DM_SNAPSHOT_IN_USE : told == DM_DISPATCH_REFUSED ? DM_SNAPSHOT_REFUSED : DM_SNAPSHOT_AWAY;
}

void dm_snapshot_act_done(dm_snapshot_act *s)
{
    dm_sandbox_one_done(&s->source);
    dm_snapshot_one_done(&s->row);
}

/* --- the sweep ---------------------------------------------------------------------------------------------- */

typedef struct looking {
    int64_t own, stuck_s;
    dm_pg_rows *rows; /* owned */
} looking;

static int list_due(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    int r = dm_snapshots_mend(c, l->own, l->stuck_s, LATE_S, err);
    return r < 0 ? r : dm_snapshots_due(c, l->own, l->stuck_s, &l->rows, err);
}

static int sweep_one(dm_api *api, dm_dispatch *dispatch, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    DM_AUTO_SNAPSHOT one = {.rows = NULL};
    dm_dispatch_no no;
    char name[DM_SNAPSHOT_CHECKPOINT];
    bool used = false;
    int r = dm_snapshot_read(rows, i, &one.s, err);
    if (r == 0)
        r = dm_str_to_array(one.s.checkpoint, name, sizeof name, err);
    if (r == 0)
        r = release(dispatch, &one.s, &used, &no, err);
    if (r == DM_DISPATCH_REFUSED)
        return dm_fail(err, DM_E_CONFLICT, "%s", no.message);
    if (r < 0)
        return r;
    ending e = {.row = &one, .gone = !used};
    r = dm_api_tx_ops(api, end_row, &e, err);
    DM_LOG(api->log, DM_INFO, "snapshot.swept", dm_fs("checkpoint", name), dm_fb("gone", e.gone));
    return r;
}

int dm_snapshots_sweep(dm_api *api, dm_dispatch *dispatch, unsigned *done, dm_err *err)
{
    looking l = {.stuck_s = (int64_t)api->config->stuck_s};
    unsigned n = 0;
    bool away = false;
    int r = dm_api_instance(api, &l.own, err);
    if (r == 0)
        r = dm_api_tx_ops(api, list_due, &l, err);
    for (size_t i = 0; r == 0 && !away && i < dm_pg_count(l.rows); i++) {
        dm_err why = {0};
        int e = sweep_one(api, dispatch, l.rows, i, &why);
        if (e < 0)
            dm_log_err(api->log, DM_WARN, "snapshot.not_swept", &why);
        away = e == DM_E_UNAVAILABLE; /* the rest would wait for the same worker, one after the other */
        n += e == 0;
    }
    dm_pg_rows_free(l.rows);
    *done = n;
    return r;
}
