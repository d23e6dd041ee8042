#include "metering/ledger/known.h"

#include "base/sorted.h"

#include "metering/ledger/sql_ledger.h"

static int by_no(const void *element, const void *key)
{
    uint64_t a = ((const dm_worker_no *)element)->v, b = ((const dm_worker_no *)key)->v;
    return a < b ? -1 : a > b;
}

bool dm_known_has(const dm_known *k, dm_worker_no worker_no)
{
    bool there;
    (void)dm_sorted_place(k->v, k->n, sizeof(*k->v), &worker_no, by_no, &there);
    return there;
}

static int read_all(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_sql_workers(c, DM_WORKERS_MAX, rows, err);
}

int dm_known_load(dm_known *k, dm_pg *pg, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){.read_only = true}, read_all, &rows, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(rows);
    dm_worker_no *v = calloc(n + 1, sizeof(*v));
    if (v == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu workers", n);
    for (size_t i = 0; i < n; i++)
        v[i].v = (uint64_t)dm_pg_i64(rows, i, 0);
    free(k->v);
    *k = (dm_known){v, n};
    return 0;
}

void dm_known_done(dm_known *k)
{
    free(k->v);
    *k = (dm_known){0};
}
