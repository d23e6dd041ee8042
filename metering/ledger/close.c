/* The end of a period. No second is guessed to be complete because time has passed: every worker that was enrolled must
 * have said so, in a frame before which none is missing, and must have sworn to what it said. Passing time changes one
 * thing: when `wait_s` have gone by since the period's end, with all that was sent read meanwhile, what is missing is
 * written off: a gap without charge, a worker unattested.
 *
 *   open      every worker is through it, or patience is over: aside, its oaths are looked at
 *   looked    all have sworn, or patience is over: how each worker stands is decided, in a transaction with the marks
 *             and gaps that go with it, and its evidence leaves the accumulator. Else it is open again
 *   decided   aside, it is written (write.c); what comes of it now is late
 *   written
 *
 * Aside means while evidence is taken: what takes long reads and writes what nobody changes any more. A meter that dies
 * finds a period that is decided and not written open again, with what was decided of its workers. */
#include <assert.h>

#include "base/point.h"
#include "base/wire/period.h"

#include "metering/kit/meters.h"
#include "metering/kit/notes.h"
#include "metering/ledger/own.h"
#include "metering/ledger/sql_close.h"

enum { SETTLE_S = 1, STEP_US = 2 * 1000 * 1000 };

static void drop(dm_ledger *l)
{
    dm_closing_free(l->closing);
    l->closing = NULL;
}

/* --- how the workers stand ---------------------------------------------------------------------------------- */

static int load_workers(dm_pg *c, void *arg, dm_err *err)
{
    dm_closing *k = arg;
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
        if (dm_pg_is_null(rows, i, 4))
            continue;
        k->decided = true;
        w[i].complete = dm_pg_bool(rows, i, 4);
        w[i].attested = dm_pg_bool(rows, i, 5);
    }
    free(k->workers.v);
    k->workers.v = w;
    k->workers.n = n;
    return 0;
}

static int load_attested(dm_pg *c, void *arg, dm_err *err)
{
    dm_closing *k = arg;
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
static bool judge_frames(dm_closing *k)
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
static bool judge_oaths(dm_closing *k)
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

/* A clock that jumped ahead, and a machine that stood still, say nothing of how long was waited: patience begins anew,
 * or what nobody had the time to send would be written off at once. */
static int64_t patience(dm_ledger *l, int64_t patient_from_s)
{
    int64_t mono = dm_mono_us(l->c.clock), wall = dm_wall_us(l->c.clock), ahead = wall - mono;
    bool jumped = ahead - l->ahead_us > STEP_US;
    if (jumped)
        DM_LOG(l->c.log, DM_WARN, "clock.jumped", dm_fi("by_us", ahead - l->ahead_us));
    if (jumped || l->stepped_s > dm_second_of(wall)) /* or it was set back */
        l->stepped_s = dm_second_of(wall);
    if (jumped || ahead < l->ahead_us)
        l->ahead_us = ahead;
    return patient_from_s >= 0 && l->stepped_s > patient_from_s ? l->stepped_s : patient_from_s;
}

static bool patience_is_over(const dm_closing *k, int64_t patient_from_s)
{
    if (patient_from_s < 0)
        return false;
    int64_t from = patient_from_s > k->end ? patient_from_s : k->end;
    return dm_second_of(dm_wall_us(k->l->c.clock)) >= from + k->l->c.wait_s;
}

/* --- what is missing ---------------------------------------------------------------------------------------- */

static void note_worker(dm_closing *k, const char *kind, const dm_standing *w, const char *words)
{
    dm_anomaly a = {.kind = kind, .worker_no = w->worker_no, .period_start = k->start};
    dm_anomalies_add(&k->anomalies, &a, "%s", words);
}

static int write_off(dm_closing *k, dm_err *err)
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

static void note_strangers(dm_closing *k)
{
    dm_worker_no no;
    for (size_t i = 0; (no = dm_accum_worker(k->l->accum, k->start, i)).v != 0; i++) {
        if (dm_standing_of(&k->workers, no) == NULL)
            note_worker(k, DM_ANOMALY_UNKNOWN_WORKER, &(dm_standing){.worker_no = no},
                    "it is not enrolled: nothing is charged");
    }
}

/* --- where it begins ---------------------------------------------------------------------------------------- */

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

/* --- from open to written ----------------------------------------------------------------------------------- */

static int look_aside(dm_pg *pg, void *arg, dm_err *err)
{
    return dm_pg_tx_on(pg, &(dm_pg_scope){.read_only = true}, load_attested, arg, err);
}

/* Of a period that was decided of, before a crash, all that is known. */
static int look(dm_ledger *l, int64_t patient_from_s, dm_err *err)
{
    assert(dm_period_begins(l->open_from, l->c.period_s));
    int64_t end = l->open_from + l->c.period_s;
    if (dm_second_of(dm_wall_us(l->c.clock)) < end + SETTLE_S)
        return DM_LEDGER_WAIT;
    dm_closing *k = l->closing = dm_closing_new(l);
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to close a period");
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){.read_only = true}, load_workers, k, err);
    if (r == 0 && !k->decided && !judge_frames(k) && !patience_is_over(k, patient_from_s))
        r = DM_LEDGER_WAIT;
    if (r == 0 && !k->decided)
        r = dm_aside_begin(l->aside, look_aside, k, err);
    if (r != 0)
        drop(l);
    else
        k->looked = k->decided;
    return r;
}

static int decide_tx(dm_pg *c, void *arg, dm_err *err)
{
    dm_closing *k = arg;
    int r = dm_ledger_may(k->l, c, err);
    for (size_t i = 0; r == 0 && i < k->workers.n; i++)
        r = dm_sql_worker_period_add(
                c, k->workers.v[i].worker_no, k->start, k->workers.v[i].complete, k->workers.v[i].attested, err);
    if (r == 0)
        r = dm_ledger_put_marks(k->l, c, err);
    return r == 0 ? dm_notes_put(c, &k->anomalies, err) : r;
}

static int decide(dm_closing *k, dm_err *err)
{
    dm_ledger *l = k->l;
    int r = k->forced ? write_off(k, err) : 0;
    if (!k->decided)
        note_strangers(k);
    for (size_t i = 0; r == 0 && i < k->workers.n; i++)
        r = k->workers.v[i].attested ? dm_ledger_settle_disputes(l, k->workers.v[i].worker_no, k->start, err) : 0;
    for (size_t i = 0; r == 0 && i < l->anomalies.n; i++)
        dm_anomalies_add(&k->anomalies, &l->anomalies.v[i], "%s", l->anomalies.v[i].detail);
    DM_POINT(CLOSE_JUDGED);
    if (r == 0)
        r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, decide_tx, k, err);
    DM_POINT(CLOSE_DECIDED);
    if (r == 0)
        r = dm_accum_detach(l->accum, k->start, &k->rows, err);
    if (r != 0)
        return r;
    dm_notes_count(l->c.metrics, &k->anomalies);
    dm_anomalies_clear(&l->anomalies);
    dm_track_saved(l->track);
    l->ngaps = 0;
    l->open_from = k->end;
    dm_accum_close_before(l->accum, k->end);
    dm_ledger_forget_disputes(l, k->end);
    dm_metric_set(l->c.metrics, &dm_m_open_from, NULL, l->open_from);
    return 0;
}

/* When its oaths have been looked at. */
static int judge(dm_ledger *l, int64_t patient_from_s, dm_err *err)
{
    dm_closing *k = l->closing;
    if (!k->looked && !dm_aside_over(l->aside))
        return DM_LEDGER_WAIT;
    int r = k->looked ? 0 : dm_aside_take(l->aside, err);
    k->looked = true;
    if (r == 0 && !k->decided) {
        bool framed = judge_frames(k), sworn = judge_oaths(k);
        k->forced = !(framed && sworn);
        if (k->forced && !patience_is_over(k, patient_from_s))
            r = DM_LEDGER_WAIT;
    }
    if (r == 0)
        r = decide(k, err);
    if (r != 0)
        drop(l);
    return r;
}

static int finish(dm_ledger *l, dm_err *err)
{
    dm_closing *k = l->closing;
    int r = dm_aside_busy(l->aside) ? 0 : dm_aside_begin(l->aside, dm_ledger_write, k, err);
    if (r == 0 && !dm_aside_over(l->aside))
        return DM_LEDGER_WAIT;
    if (r == 0)
        r = dm_aside_take(l->aside, err);
    if (r == 0)
        r = dm_ledger_swear_again(l, k->start, err);
    if (r != 0)
        return r;
    dm_metric_add(l->c.metrics, &dm_m_anomalies, DM_ANOMALY_UNKNOWN_PROJECT, k->unknown_projects);
    dm_metric_add(l->c.metrics, &dm_m_periods, NULL, 1);
    dm_metric_time(l->c.metrics, &dm_m_close, NULL, dm_mono_us(l->c.clock) - k->began_us);
    DM_LOG(l->c.log, k->forced ? DM_WARN : DM_INFO, "period.written", dm_fi("start", k->start),
            dm_fu("workers", k->workers.n), dm_fb("forced", k->forced));
    drop(l);
    return 0;
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
    int64_t start = l->closing != NULL ? l->closing->start : l->open_from, patient_from = patience(l, patient_from_s);
    r = l->closing == NULL ? look(l, patient_from, err) : 0;
    if (r == 0 && l->closing->rows == NULL)
        r = judge(l, patient_from, err);
    if (r == 0)
        r = finish(l, err);
    assert(r != 0 || l->open_from == start + l->c.period_s); /* once written, a period is never tried again */
    return r < 0 ? dm_wrap(err, "close the period at %lld", (long long)start) : r;
}

bool dm_ledger_goes_on(const dm_ledger *l)
{
    return dm_aside_over(l->aside);
}

bool dm_ledger_at_work(const dm_ledger *l)
{
    return dm_aside_busy(l->aside) && !dm_aside_over(l->aside);
}
