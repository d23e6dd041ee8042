/* From evidence to statements. Close has written which rows a period has, and made one open row for each account that
 * has any; here each of those becomes a statement, or is found empty.
 *
 * What must hold. A statement is made once, has the number after the one before and names its hash, stands beside the
 * journal entries that balance it and the message that tells of it, and says nothing that evidence and price books do
 * not. It may be of a million sandboxes, so it is made in steps, each a transaction of its own: a beginning that throws
 * away what a meter left that died in the middle; a page after the other, as evidence is read and judged; and the head,
 * which is SERIALIZABLE and makes the whole visible: with it the period is closed. If all ends after half the pages,
 * nobody has seen one (whoever shows them joins dm.statement), the period is open still, and the next run makes the
 * same bytes from the same evidence. Memory is that of one reading and one page, however many there are.
 *
 * Each step locks the account's row of the period and finds it open: a second run finds it closed and leaves. The fence
 * is asked before that, under a lock that a takeover waits for, so a zombie either commits its step before its
 * successor has begun or writes nothing; the successor's beginning throws away what it wrote. Without the fence a
 * statement would still be single, but it could be a zombie's: made by an older program, or signed with a key that is
 * no longer meant to sign.
 *
 * The head is signed inside its transaction, because the hash before it is known only there, and the transaction may
 * run twice: a signature whose transaction failed has been seen by nobody. Nothing is counted in a metric and nothing
 * leaves the process before the commit. Anomalies are noted with the head, too: what is done again is not noted twice.
 *
 * Order. Periods are taken oldest first, since the pool of minutes and the chain run through them. An account whose
 * evidence has no price waits with all its later periods and an anomaly says so, once; the others go on. Half a
 * statement, or one at a guessed price, is never made: a price book that comes late is applied to the period it was
 * missing in.
 *
 * The plan. Tier and allowance are those that held in the second that is rated, whatever the account has now
 * (dm.account_plan): a change in the middle of a period cuts it, as a change of prices does, into segments with the
 * books of either plan. Lines of both stand on one statement, and the pool of the month goes through both.
 *
 * Where the worker could not swear, the service signs what the frames say, as an attestation written with the page:
 * whoever verifies the statement finds one for every sandbox in it. Evidence is read without these (by_service), so
 * that our own word is never taken for a worker's; and what is sworn again in the same words is one row.
 *
 * Evidence that comes when its period is written is kept apart (dm.usage_late, dm.attestation.late) and does not count
 * in that period's statement, whether that has been made or not: so a statement that is made again is the same. It is
 * looked at, behind the pages of its own period, by the next statement of the account (correct.c). */
#include "metering/bill/bill.h"

#include <assert.h>
#include <stdio.h>

#include "base/json.h"
#include "base/point.h"
#include "base/wire/topic.h"

#include "metering/bill/own.h"
#include "metering/kit/meters.h"
#include "metering/kit/notes.h"
#include "metering/kit/sql_kit.h"

enum { OWED_PAGE = 256, WAITING_MAX = 4096 };

/* --- steps -------------------------------------------------------------------------------------------------- */

static int begin_tx(dm_pg *c, void *arg, dm_err *err)
{
    dm_making *m = arg;
    int r = dm_bill_may_write(m, c, err);
    if (r == 0)
        r = dm_sql_bill_drop_draft(c, m->account_no, m->start, err);
    if (r == 0)
        r = dm_sql_bill_previous(c, m->account_no, &m->st.number, &m->st.previous, err);
    m->st.number.v++;
    return r == 0 ? dm_bill_load(m, c, err) : r;
}

/* Seconds past a sandbox's end are found here, where its row is at hand: they are dead letters as what the stream's
 * reader refuses, with the reason, and without bytes, for the frames they stood in counted. */
static int put_dead_letter(dm_pg *c, const dm_anomaly *a, dm_err *err)
{
    DM_AUTO_BUF b;
    char key[24], start[32];
    dm_sandbox_name name = dm_sandbox_name_of(&a->sandbox);
    dm_buf_init(&b, 4096);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "detail", a->detail);
    dm_jw_ku64(&w, "epoch", a->epoch);
    dm_time_text(a->period_start, start);
    dm_jw_kc(&w, "period_start", start);
    dm_jw_kc(&w, "reason", a->kind);
    dm_jw_kc(&w, "sandbox", name.s);
    dm_jw_ku64(&w, "worker_no", a->worker_no.v);
    dm_jw_end(&w);
    (void)snprintf(key, sizeof(key), "%llu", (unsigned long long)a->worker_no.v);
    int r = dm_buf_ok(&b, err);
    return r < 0 ? r : dm_sql_outbox_add(c, DM_TOPIC_DLQ, dm_str_c(key), dm_buf_view(&b), err);
}

static int put_dead_letters(const dm_making *m, dm_pg *c, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->anomalies.n; i++) {
        if (strcmp(m->anomalies.v[i].kind, DM_ANOMALY_AFTER_END) == 0)
            r = put_dead_letter(c, &m->anomalies.v[i], err);
    }
    return r;
}

static int head_tx(dm_pg *c, void *arg, dm_err *err)
{
    dm_making *m = arg;
    int r = dm_bill_may_write(m, c, err);
    if (r == 0)
        r = m->stated ? dm_head(m, c, err) : dm_sql_bill_drop_draft(c, m->account_no, m->start, err);
    for (size_t i = 0; r == 0 && i < m->ncorr; i++)
        r = dm_sql_late_stated(c, m->account_no, m->corr[i].said.start, m->corr[i].through, m->start, err);
    if (r == 0)
        r = dm_sql_bill_state(c, m->account_no, m->start, m->stated ? "closed" : "empty", err);
    if (r == 0)
        r = put_dead_letters(m, c, err);
    return r == 0 ? dm_notes_put(c, &m->anomalies, err) : r;
}

static int make(dm_making *m, dm_err *err)
{
    dm_pg *pg = m->conf->pg;
    bool more = true;
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){0}, begin_tx, m, err);
    DM_POINT(BILL_BEGUN);
    while (r == 0 && more) {
        r = dm_gather(m, &more, err);
        if (r == 0)
            r = dm_bill_put_pages(m, more, err);
    }
    if (r == 0)
        r = dm_correct(m, err);
    if (r == 0)
        r = dm_pg_tx_on(pg, &(dm_pg_scope){.serializable = true}, head_tx, m, err);
    if (r == 0)
        DM_POINT(BILL_STATED);
    return r;
}

/* --- one account -------------------------------------------------------------------------------------------- */

static int bill_account(
        const dm_bill_config *conf, dm_account_no account_no, int64_t start, uint32_t period_s, dm_err *err)
{
    dm_making m = {.conf = conf,
            .account_no = account_no,
            .start = start,
            .period_s = period_s,
            .st = {.period_start = start, .period_s = period_s}};
    dm_buf_init(&m.body, DM_STATED_PAGE_BYTES);
    dm_day_init(&m.day);
    m.books = calloc(1, sizeof(*m.books));
    m.attest = calloc(1, sizeof(*m.attest));
    int r = m.books == NULL || m.attest == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for a statement") : make(&m, err);
    if (r == 0) {
        dm_notes_count(conf->metrics, &m.anomalies);
        dm_metric_add(conf->metrics, &dm_m_statements, NULL, m.stated);
    }
    dm_making_done(&m);
    return r == DM_BILL_NOT_OPEN ? 0 : r;
}

/* --- all accounts ------------------------------------------------------------------------------------------- */

typedef struct owed {
    const dm_bill_config *conf;
    int64_t start; /* where the page before ended */
    dm_account_no account_no;
    dm_pg_rows *rows;
    dm_account_no waiting[WAITING_MAX]; /* accounts that cannot be stated yet */
    size_t nwaiting;
    dm_anomaly note;
} owed;

static int read_owed(dm_pg *c, void *arg, dm_err *err)
{
    owed *o = arg;
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
    return dm_sql_owed_after(c, o->start, o->account_no, o->conf->part, o->conf->parts > 0 ? o->conf->parts : 1,
            OWED_PAGE, &o->rows, err);
}

static int note_waiting(dm_pg *c, void *arg, dm_err *err)
{
    owed *o = arg;
    return dm_sql_anomaly_once(c, &o->note, err);
}

static bool is_waiting(const owed *o, dm_account_no account_no)
{
    for (size_t i = 0; i < o->nwaiting; i++) {
        if (o->waiting[i].v == account_no.v)
            return true;
    }
    return false;
}

static int put_off(owed *o, dm_account_no account_no, int64_t start, int code, const dm_err *why, dm_err *err)
{
    if (o->nwaiting == WAITING_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d accounts cannot be stated", WAITING_MAX);
    o->waiting[o->nwaiting++] = account_no;
    o->note = (dm_anomaly){.kind = code == DM_E_NOTFOUND ? DM_ANOMALY_NO_PRICE : DM_ANOMALY_TOO_LARGE,
            .account_no = account_no,
            .period_start = start};
    (void)snprintf(o->note.detail, sizeof(o->note.detail), "%.150s", why->msg);
    return dm_pg_tx_on(o->conf->pg, &(dm_pg_scope){0}, note_waiting, o, err);
}

static int bill_page(owed *o, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = dm_steal(&o->rows);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        o->account_no.v = dm_pg_i64(rows, i, 0);
        o->start = dm_pg_i64(rows, i, 1);
        if (is_waiting(o, o->account_no))
            continue;
        dm_err why;
        int r = bill_account(o->conf, o->account_no, o->start, (uint32_t)dm_pg_i64(rows, i, 2), &why);
        if (r == DM_E_NOTFOUND || r == DM_E_LIMIT)
            r = put_off(o, o->account_no, o->start, r, &why, err);
        else if (r < 0)
            r = dm_fail(err, r, "statement of account %lld: %.200s", (long long)o->account_no.v, why.msg);
        if (r != 0)
            return r;
    }
    return 0;
}

static int close_periods(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_sql_periods_close(c, err);
}

int dm_bill_owed(const dm_bill_config *config, dm_err *err)
{
    DM_AUTO_MEM owed *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for statements");
    o->conf = config;
    size_t n = OWED_PAGE;
    int r = 0;
    while (r == 0 && n == OWED_PAGE) {
        r = dm_pg_tx_on(config->pg, &(dm_pg_scope){.read_only = true}, read_owed, o, err);
        n = r == 0 ? dm_pg_count(o->rows) : 0;
        if (n > 0)
            r = bill_page(o, err);
    }
    dm_pg_rows_free(o->rows);
    if (r == 0)
        r = dm_pg_tx_on(config->pg, &(dm_pg_scope){0}, close_periods, NULL, err);
    DM_POINT(BILL_CLOSED);
    return r;
}
