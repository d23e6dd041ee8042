#include "api/life/expiry.h"

#include "tenants/sandbox/expiry.h"

/* Ends come first: a notice that another gives in the meantime is not due for long. Of whatever fails the rest goes on,
 * and it is met again in another round. */

typedef struct look {
    int64_t after, upto, notice_s;
    dm_pg_rows *rows; /* owned */
} look;

static int list_due(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_expiries_due(c, rows, err);
}

typedef struct end {
    dm_expiry_due due;
    int64_t notice_s, now_us;
    bool ended;
} end;

static int end_one(dm_pg *c, void *arg, dm_err *err)
{
    end *e = arg;
    return dm_expiry_end_one(c, &e->due, e->notice_s, e->now_us, &e->ended, err);
}

static bool carry_out_one(dm_api *api, end *e)
{
    dm_err err = {0};
    int r = dm_api_tx_ops(api, end_one, e, &err);
    if (r < 0)
        dm_log_err(api->log, DM_WARN, "expiry.failed", &err);
    if (r != 0 || !e->ended)
        return false;
    dm_later_wake(api->later, &e->due.sandbox);
    DM_LOG(api->log, DM_INFO, "sandbox.expired", dm_fs("sandbox", dm_sandbox_name_of(&e->due.sandbox).s),
            dm_fu("project", (uint64_t)e->due.owner.project.v));
    return true;
}

static int end_some(dm_api *api, int64_t notice_s, unsigned *ended, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_api_tx_ops(api, list_due, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        end e = {.notice_s = notice_s, .now_us = dm_wall_us(api->clock)};
        r = dm_expiry_due_read(rows, i, &e.due, err);
        if (r == 0 && carry_out_one(api, &e))
            ++*ended;
    }
    return r;
}

static int find_window(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    return dm_expiry_window(c, l->after, &l->upto, err);
}

static int take_away(dm_pg *c, void *arg, dm_err *err)
{
    const look *l = arg;
    return dm_expiry_void(c, l->after, l->upto, err);
}

static int list_projects(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_expiry_projects(c, l->after, l->upto, l->notice_s, &l->rows, err);
}

typedef struct tell {
    dm_owner owner;
    int64_t notice_s;
    dm_expiry_told told;
} tell;

static int give_notice(dm_pg *c, void *arg, dm_err *err)
{
    tell *t = arg;
    return dm_expiry_notice(c, t->owner, t->notice_s, &t->told, err);
}

static unsigned tell_one(dm_api *api, dm_owner owner, int64_t notice_s)
{
    dm_err err = {0};
    tell t = {.owner = owner, .notice_s = notice_s};
    int r = dm_api_tx_ops_of(api, owner, give_notice, &t, &err);
    if (r < 0)
        dm_log_err(api->log, DM_WARN, "expiry.failed", &err);
    if (r != 0)
        return 0;
    DM_LOG(api->log, DM_INFO, "expiry.noticed", dm_fu("project", (uint64_t)owner.project.v),
            dm_fu("sandboxes", (uint64_t)t.told.sandboxes), dm_fu("letters", (uint64_t)t.told.letters));
    return (unsigned)t.told.sandboxes;
}

static int look_on(dm_api *api, look *l, unsigned *noticed, dm_err *err)
{
    int r = dm_api_tx_ops(api, find_window, l, err);
    if (r == DM_EXPIRY_NONE)
        l->upto = 0; /* that was the last one: from the first on */
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_api_tx_ops(api, take_away, l, err);
    if (r == 0)
        r = dm_api_tx_ops(api, list_projects, l, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(l->rows); i++)
        *noticed += tell_one(api, dm_expiry_owner(l->rows, i), l->notice_s);
    return r;
}

int dm_expiry_carry_out(dm_api *api, int64_t *after, dm_expiry_done *done, dm_err *err)
{
    look l = {.after = *after, .notice_s = (int64_t)api->config->retention_notice_h * 3600};
    *done = (dm_expiry_done){.noticed = 0};
    int r = end_some(api, l.notice_s, &done->ended, err);
    if (r == 0)
        r = look_on(api, &l, &done->noticed, err);
    if (r == 0)
        *after = l.upto;
    dm_pg_rows_free(l.rows);
    return r;
}
