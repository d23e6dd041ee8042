/* The end of a period. No second is guessed to be complete because time has passed: every worker that was enrolled must
 * have said so, in a frame before which none is missing, and must have sworn to what it said. Passing time changes one
 * thing: when `wait_s` have gone by since the period's end, with all that was sent read meanwhile, what is missing is
 * written off: a gap without charge, a worker unattested. */
#include <assert.h>

#include "base/wire/period.h"

#include "metering/kit/meters.h"
#include "metering/kit/notes.h"
#include "metering/ledger/own.h"
#include "metering/ledger/sql_close.h"
#include "metering/ledger/standing.h"

enum { SETTLE_S = 1, NEAR_S = 60 };

typedef struct closing {
    dm_ledger *l;
    int64_t start, end;
    dm_standings workers;
    dm_anomalies anomalies;
    int64_t unknown_projects;
    bool forced;
} closing;

/* --- how the workers stand ---------------------------------------------------------------------------------- */

static int load_workers(dm_pg *c, void *arg, dm_err *err)
{
    closing *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_workers_in(c, k->start, k->end, &rows, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(rows); /* as many as the operator's fleet has, who are in memory already */
    dm_standing *w = calloc(n + 1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu workers", n);
    for (size_t i = 0; i < n; i++) {
        w[i].worker_no.v = (uint64_t)dm_pg_i64(rows, i, 0);
        w[i].enrolled_s = dm_pg_i64(rows, i, 1);
        w[i].written_off = dm_pg_bool(rows, i, 2);
        w[i].over = dm_pg_bool(rows, i, 3);
    }
    free(k->workers.v);
    k->workers.v = w;
    k->workers.n = n;
    return 0;
}

static int load_attested(dm_pg *c, void *arg, dm_err *err)
{
    closing *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_attested_in(c, k->start, &rows, err);
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t i = 0, at = 0; i < k->workers.n; i++) { /* both ascend */
        while (at < n && (uint64_t)dm_pg_i64(rows, at, 0) < k->workers.v[i].worker_no.v)
            at++;
        k->workers.v[i].attested = at < n && (uint64_t)dm_pg_i64(rows, at, 0) == k->workers.v[i].worker_no.v;
    }
    return r;
}

/* Whether the frames of all are whole. */
static bool judge_frames(closing *k)
{
    bool all = true;
    for (size_t i = 0; i < k->workers.n; i++) {
        dm_standing *w = &k->workers.v[i];
        w->complete = dm_track_mark_of(k->l->track, w->worker_no).complete_through >= k->end - 1;
        all = all && (w->complete || w->written_off);
    }
    return all;
}

/* Whether all swore to them. A worker that is through the period and framed no second of it was not there yet: it has
 * nothing to swear to. */
static bool judge_oaths(closing *k)
{
    bool all = true;
    for (size_t i = 0; i < k->workers.n; i++) {
        dm_standing *w = &k->workers.v[i];
        if (w->complete && dm_accum_seconds(k->l->accum, w->worker_no, k->start) == NULL && !w->over)
            w->attested = true;
        all = all && (w->attested || w->written_off);
    }
    return all;
}

static bool patience_is_over(const closing *k, int64_t patient_from_s)
{
    if (patient_from_s < 0)
        return false;
    int64_t from = patient_from_s > k->end ? patient_from_s : k->end;
    return dm_second_of(dm_wall_us(k->l->c.clock)) >= from + k->l->c.wait_s;
}

/* --- what is missing ---------------------------------------------------------------------------------------- */

static void note_worker(closing *k, const char *kind, const dm_standing *w, const char *words)
{
    dm_anomaly a = {.kind = kind, .worker_no = w->worker_no, .period_start = k->start};
    dm_anomalies_add(&k->anomalies, &a, "%s", words);
}

static int write_off(closing *k, dm_err *err)
{
    for (size_t i = 0; i < k->workers.n; i++) {
        dm_standing *w = &k->workers.v[i];
        if (!w->complete) {
            int r = dm_track_write_off(k->l->track, w->worker_no, k->end, dm_ledger_told_gap, k->l, err);
            if (r < 0)
                return r;
            note_worker(k, DM_ANOMALY_WORKER_SILENT, w, "the period is written without waiting longer for this worker");
        } else if (!w->attested) {
            note_worker(k, DM_ANOMALY_UNATTESTED, w, "what it swore to is not whole: the service signs for it");
        }
    }
    return 0;
}

static void note_strangers(closing *k)
{
    dm_worker_no no;
    for (size_t i = 0; (no = dm_accum_worker(k->l->accum, k->start, i)).v != 0; i++) {
        if (dm_standing_of(&k->workers, no) == NULL)
            note_worker(k, DM_ANOMALY_UNKNOWN_WORKER, &(dm_standing){.worker_no = no},
                    "it is not enrolled: nothing is charged");
    }
}

/* Whether the sandbox was there a moment before or after seconds from..to, so that it may have been in them. A sleeper
 * is heard of once a minute. */
static bool near(const closing *k, const dm_accum_row *row, int64_t from, int64_t to)
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
static int put_usage_gaps(closing *k, dm_pg *c, const dm_accum_row *row, dm_standing *w, dm_err *err)
{
    const uint64_t *covered = dm_accum_seconds(k->l->accum, w->worker_no, k->start);
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

/* --- writing ------------------------------------------------------------------------------------------------ */

static int put_rows(closing *k, dm_pg *c, dm_err *err)
{
    const dm_accum_row **list = NULL;
    size_t n = 0;
    int r = dm_accum_rows(k->l->accum, k->start, &list, &n, err);
    DM_AUTO_MEM const dm_accum_row **rows = list;
    DM_AUTO_MANY usage;
    dm_sql_usages(&usage, c, k->start, k->l->c.period_s);
    for (size_t i = 0; i < k->workers.n; i++)
        k->workers.v[i].gaps = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = dm_sql_usage_add(&usage, rows[i], k->l->c.period_s, err);
        dm_standing *w = dm_standing_of(&k->workers, rows[i]->key.worker_no);
        if (r == 0 && w != NULL && (!w->complete || w->over))
            r = put_usage_gaps(k, c, rows[i], w, err);
    }
    return r == 0 ? dm_many_flush(&usage, err) : r;
}

static int write_tx(dm_pg *c, void *arg, dm_err *err)
{
    closing *k = arg;
    bool held;
    int r = dm_ledger_held(k->l, c, &held, err);
    if (r == 0 && !held)
        return DM_LEDGER_ZOMBIE;
    if (r == 0)
        r = dm_sql_period_add(c, k->start, k->l->c.period_s, err);
    for (size_t i = 0; r == 0 && i < k->workers.n; i++)
        r = dm_sql_worker_period_add(
                c, k->workers.v[i].worker_no, k->start, k->workers.v[i].complete, k->workers.v[i].attested, err);
    if (r == 0)
        r = put_rows(k, c, err);
    if (r == 0)
        r = dm_sql_unknown_projects(c, k->start, &k->unknown_projects, err);
    if (r == 0)
        r = dm_sql_account_periods_add(c, k->start, err);
    if (r == 0)
        r = dm_ledger_put_marks(k->l, c, err);
    return r == 0 ? dm_notes_put(c, &k->anomalies, err) : r;
}

static int first_enrolled(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_first_enrolled(c, arg, err);
}

/* Where the ledger begins: with the first worker, or the first evidence. */
static int find_first(dm_ledger *l, dm_err *err)
{
    int64_t enrolled, seen = dm_accum_first(l->accum);
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){.read_only = true}, first_enrolled, &enrolled, err);
    if (r < 0)
        return r;
    int64_t first = enrolled >= 0 ? dm_period_start(enrolled, l->c.period_s) : -1;
    if (seen >= 0 && (first < 0 || seen < first))
        first = seen;
    l->open_from = first;
    return 0;
}

static int write_period(closing *k, dm_err *err)
{
    dm_ledger *l = k->l;
    if (k->forced) {
        int r = write_off(k, err);
        if (r < 0)
            return r;
    }
    note_strangers(k);
    for (size_t i = 0; i < k->workers.n; i++) {
        int r = k->workers.v[i].attested ? dm_ledger_settle_disputes(l, k->workers.v[i].worker_no, k->start, err) : 0;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < l->anomalies.n; i++)
        dm_anomalies_add(&k->anomalies, &l->anomalies.v[i], "%s", l->anomalies.v[i].detail);
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, write_tx, k, err);
    if (r != 0)
        return r;
    dm_notes_count(l->c.metrics, &k->anomalies);
    dm_metric_add(l->c.metrics, &dm_m_anomalies, DM_ANOMALY_UNKNOWN_PROJECT, k->unknown_projects);
    dm_anomalies_clear(&l->anomalies);
    dm_track_saved(l->track);
    l->ngaps = 0;
    l->open_from = k->end;
    dm_accum_close_before(l->accum, k->end);
    dm_ledger_forget_disputes(l, k->end);
    dm_metric_add(l->c.metrics, &dm_m_periods, NULL, 1);
    dm_metric_set(l->c.metrics, &dm_m_open_from, NULL, l->open_from);
    DM_LOG(l->c.log, k->forced ? DM_WARN : DM_INFO, "period.written", dm_fi("start", k->start),
            dm_fu("workers", k->workers.n), dm_fb("forced", k->forced));
    return 0;
}

static int try_period(dm_ledger *l, int64_t patient_from_s, dm_err *err)
{
    assert(dm_period_begins(l->open_from, l->c.period_s));
    closing k = {.l = l, .start = l->open_from, .end = l->open_from + l->c.period_s};
    if (dm_second_of(dm_wall_us(l->c.clock)) < k.end + SETTLE_S)
        return DM_LEDGER_WAIT;
    const dm_pg_scope reading = {.read_only = true};
    bool forced = patience_is_over(&k, patient_from_s);
    int r = dm_pg_tx_on(l->c.pg, &reading, load_workers, &k, err);
    bool framed = r == 0 && judge_frames(&k);
    if (r == 0 && (framed || forced))
        r = dm_pg_tx_on(l->c.pg, &reading, load_attested, &k, err);
    bool sworn = r == 0 && (framed || forced) && judge_oaths(&k);
    if (r == 0 && !(framed && sworn)) {
        k.forced = forced;
        r = forced ? 0 : DM_LEDGER_WAIT;
    }
    if (r == 0)
        r = write_period(&k, err);
    assert(r != 0 || l->open_from == k.end); /* once written, a period is never tried again */
    dm_anomalies_done(&k.anomalies);
    free(k.workers.v);
    return r;
}

int dm_ledger_close(dm_ledger *l, int64_t patient_from_s, dm_err *err)
{
    if (dm_window_count(l->window) > 0 || l->nsworn > 0 || l->nheld > 0)
        return dm_fail(err, DM_E_INTERNAL, "a period cannot close before what was taken is flushed");
    int r = l->open_from < 0 ? find_first(l, err) : 0;
    if (r < 0)
        return dm_wrap(err, "close");
    if (l->open_from < 0)
        return DM_LEDGER_WAIT;
    r = try_period(l, patient_from_s, err);
    return r < 0 ? dm_wrap(err, "close the period at %lld", (long long)l->open_from) : r;
}
