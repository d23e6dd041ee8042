#include "metering/check/check.h"

#include "metering/check/sql_check.h"
#include "metering/kit/meters.h"
#include "metering/kit/sql_kit.h"
#include "metering/limits.h"

typedef struct work {
    const dm_chore_config *c;
    dm_pg_rows *due;
    const dm_check_kind *kind;
    int64_t start, end;
    bool differs;
} work;

static int read_due(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->due);
    w->due = NULL;
    int64_t from = dm_second_of(dm_wall_us(w->c->clock)) - DM_LEDGER_BACK_S;
    return dm_sql_check_due(c, from, (int64_t)dm_check_nkinds, DM_CHECK_AGAIN_S, DM_CHECK_PERIODS, &w->due, err);
}

static int note(dm_pg *c, const work *w, const dm_checked *what, dm_err *err)
{
    dm_anomaly a = {.kind = DM_ANOMALY_UNRECONCILED, .period_start = w->start, .count = 1};
    (void)snprintf(a.detail, sizeof a.detail, "%s: %lld of %lld differ: %.*s", w->kind->name, (long long)what->differ,
            (long long)what->compared, (int)(what->detail.n < 80 ? what->detail.n : 80), what->detail.p);
    return dm_sql_anomaly_once(c, &a, err);
}

static int compare(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_checked what = {.compared = 0};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_chore_may(w->c, c, err);
    if (r == 0)
        r = dm_sql_check(c, w->kind, w->start, w->end, &what, &rows, err);
    if (r == 0)
        r = dm_sql_check_put(c, w->kind->no, w->start, &what, err);
    w->differs = what.differ > 0;
    return r == 0 && w->differs ? note(c, w, &what, err) : r;
}

static int compare_all(work *w, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_check_nkinds; i++) {
        w->kind = &dm_check_kinds[i];
        r = dm_pg_tx_on(w->c->pg, &(dm_pg_scope){0}, compare, w, err);
        if (r < 0)
            return dm_wrap(err, "compare %s", w->kind->name);
        if (r == 0)
            dm_metric_add(w->c->metrics, &dm_m_checks, w->differs ? "differs" : "agrees", 1);
    }
    return r;
}

int dm_check(const dm_chore_config *c, dm_err *err)
{
    work w = {.c = c};
    int r = dm_pg_tx_on(c->pg, &(dm_pg_scope){.read_only = true}, read_due, &w, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(w.due); i++) {
        w.start = dm_pg_i64(w.due, i, 0);
        w.end = dm_pg_i64(w.due, i, 1);
        r = compare_all(&w, err);
    }
    dm_pg_rows_free(w.due);
    return r;
}
