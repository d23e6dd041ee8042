/* What comes when its period has been decided of: frames of a journal that was found again after its gap was written
 * off, of a worker that is back, or of a Kafka that was away for longer than the meter waits; and the oaths that go
 * with them. The rows that are written stay as they are, and so does what was stated of them: it is kept beside them,
 * marked, and the account's next statement says what it changes (bill/correct.c).
 *
 * It is kept as what each flush brought, one row a sandbox, in the flush's own transaction: so the offsets and it
 * agree, and what is read again after a crash comes as the same seconds. Merging is OR and maximum as everywhere, so a
 * second that comes twice is there once. A frame that stood in no gap is a repetition to the tracker and does not come
 * here; what it has forgotten may, and changes nothing.
 *
 * Evidence of a period of another length than periods have now has no place to stand: it is left in its chunks, and the
 * anomaly that says it was late is all that is done. */
#include "base/wire/period.h"

#include "metering/ledger/own.h"
#include "metering/ledger/sql_close.h"

static bool is_being_written(const dm_ledger *l, int64_t start)
{
    return l->closing != NULL && l->closing->rows != NULL && l->closing->start == start;
}

static int put_period(dm_ledger *l, dm_pg *c, int64_t start, dm_err *err)
{
    const dm_accum_row **list = NULL;
    size_t n = 0;
    int r = dm_accum_rows(l->late, start, &list, &n, err);
    DM_AUTO_MEM const dm_accum_row **rows = list;
    DM_AUTO_MANY usage;
    dm_sql_usages_late(&usage, c, start, l->c.period_s, is_being_written(l, start));
    for (size_t i = 0; r == 0 && i < n; i++)
        r = dm_sql_usage_add(&usage, rows[i], l->c.period_s, err);
    return r == 0 ? dm_many_flush(&usage, err) : r;
}

typedef struct whose {
    uint64_t worker_no;
    int64_t start;
} whose;

/* Each worker and period once, however many oaths came of it. What is being written has no rows that one could see yet:
 * dm_ledger_swear_again looks then. */
static int put_sworn(dm_ledger *l, dm_pg *c, dm_err *err)
{
    whose last = {0, -1};
    int r = 0;
    for (size_t i = l->nsworn; r == 0 && i-- > 0;) {
        const dm_sworn *s = &l->sworn[i];
        if (s->period_start >= l->open_from || is_being_written(l, s->period_start) ||
                (s->worker_no.v == last.worker_no && s->period_start == last.start))
            continue;
        last = (whose){s->worker_no.v, s->period_start};
        r = dm_sql_sworn_late(c, s->worker_no, s->period_start, err);
    }
    return r;
}

int dm_ledger_put_late(dm_ledger *l, dm_pg *c, dm_err *err)
{
    int r = put_sworn(l, c, err);
    for (int64_t at = dm_accum_first(l->late); r == 0 && at >= 0; at = dm_accum_next(l->late, at))
        r = put_period(l, c, at, err);
    return r < 0 ? dm_wrap(err, "late evidence") : 0;
}

static int again_tx(dm_pg *c, void *arg, dm_err *err)
{
    const int64_t *start = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_unsworn(c, *start, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++)
        r = dm_sql_sworn_late(c, (dm_worker_no){(uint64_t)dm_pg_i64(rows, i, 0)}, *start, err);
    return r;
}

int dm_ledger_swear_again(dm_ledger *l, int64_t start, dm_err *err)
{
    return dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, again_tx, &start, err);
}
