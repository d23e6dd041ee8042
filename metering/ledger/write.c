/* A period that is decided of becomes rows, in one transaction: all of it or nothing. Aside: of the ledger nothing is
 * looked at but what does not change, and of the closing nothing is anybody else's until this ends. */
#include "base/point.h"

#include "metering/ledger/own.h"
#include "metering/ledger/sql_close.h"

enum { NEAR_S = 60 };

/* Whether the sandbox was there a moment before or after seconds from..to, so that it may have been in them. A sleeper
 * is heard of once a minute. */
static bool near(const dm_closing *k, const dm_accum_row *row, int64_t from, int64_t to)
{
    for (int64_t s = from - NEAR_S; s <= to + NEAR_S; s++) {
        if (s < k->start || s >= k->end || (s >= from && s <= to))
            continue;
        if (dm_accum_bit(&row->run, (uint32_t)(s - k->start)) || dm_accum_bit(&row->hib, (uint32_t)(s - k->start)))
            return true;
    }
    return false;
}

/* The seconds of a row for which its worker sent no frame, or one that was not taken. As many gaps of a worker are
 * named as it may have rows: who leaves out every other second of all it has would have the period never written. */
static int put_usage_gaps(dm_closing *k, dm_pg *c, const dm_accum_row *row, dm_standing *w, dm_err *err)
{
    const uint64_t *covered = dm_accum_seconds(k->rows, w->worker_no, k->start);
    int64_t s = k->start;
    if (w->enrolled_s > s)
        s = w->enrolled_s;
    while (s < k->end) {
        if (dm_bit(covered, (uint32_t)(s - k->start))) {
            s++;
            continue;
        }
        int64_t from = s;
        while (s < k->end && !dm_bit(covered, (uint32_t)(s - k->start)))
            s++;
        if (!near(k, row, from, s - 1) || w->gaps++ >= k->l->c.worker_rows_max)
            continue;
        int r = dm_sql_usage_gap_add(
                c, &row->key, k->start, from, s - 1, s == k->end ? "worker_silent" : "frames_missing", err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int put_rows(dm_closing *k, dm_pg *c, dm_err *err)
{
    const dm_accum_row **list = NULL;
    size_t n = 0;
    int r = dm_accum_rows(k->rows, k->start, &list, &n, err);
    DM_AUTO_MEM const dm_accum_row **rows = list;
    DM_AUTO_MANY usage;
    dm_sql_usages(&usage, c, k->start, k->l->c.period_s);
    for (size_t i = 0; i < k->workers.n; i++)
        k->workers.v[i].gaps = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (atomic_load(&k->stop))
            return dm_fail(err, DM_E_UNAVAILABLE, "the meter stops");
        r = dm_sql_usage_add(&usage, rows[i], k->l->c.period_s, err);
        dm_standing *w = dm_standing_of(&k->workers, rows[i]->key.worker_no);
        if (r == 0 && w != NULL && (!w->complete || w->over))
            r = put_usage_gaps(k, c, rows[i], w, err);
    }
    return r == 0 ? dm_many_flush(&usage, err) : r;
}

/* Whether this is still the meter is asked at the end: until then another can take over, and this comes to nothing. */
static int write_tx(dm_pg *c, void *arg, dm_err *err)
{
    dm_closing *k = arg;
    int r = dm_sql_period_add(c, k->start, k->l->c.period_s, err);
    if (r == 0)
        r = put_rows(k, c, err);
    DM_POINT(CLOSE_ROWS);
    if (r == 0)
        r = dm_sql_unknown_projects(c, k->start, &k->unknown_projects, err);
    if (r == 0)
        r = dm_sql_account_periods_add(c, k->start, err);
    DM_POINT(CLOSE_OWED);
    return r == 0 ? dm_ledger_may(k->l, c, err) : r;
}

int dm_ledger_write(dm_pg *pg, void *closing, dm_err *err)
{
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){0}, write_tx, closing, err);
    DM_POINT(CLOSE_WRITTEN);
    return r;
}
