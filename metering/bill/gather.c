/* Evidence becomes what stands on pages. It is read by as many sandboxes at a time as fit into memory, and a sandbox
 * never stands in two readings: the judge must see all who claim its seconds. A first query finds where a reading ends,
 * a second reads up to there, as two ranges of two indexes. One query did both once, and looked each sandbox up in a
 * list: what that costs depends on how the planner takes the list, a range costs the same wherever it stands.
 *
 * Nothing is written here, and nothing that is kept is made inside a transaction: one that is tried again only reads
 * again. */
#include <assert.h>

#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/bill/evidence.h"
#include "metering/bill/own.h"

enum { READ_SANDBOXES = 256 };
/* A reading, however many lives its sandboxes had, and what of the one before waits for its page. */
enum { STATED_MAX = 1 << 20, LINES_MAX = 4 << 20 };

void dm_gather_drop(dm_making *m, size_t n, size_t lines)
{
    assert(n <= m->nsandboxes && lines <= m->nlines);
    m->nsandboxes -= n;
    m->nlines -= lines;
    memmove(m->sandboxes, m->sandboxes + n, m->nsandboxes * sizeof(*m->sandboxes));
    memmove(m->lines, m->lines + lines, m->nlines * sizeof(*m->lines));
    for (size_t i = 0; i < m->noaths; i++)
        free(m->oaths[i].message);
    m->noaths = m->npooled = 0;
}

void dm_gather_done(dm_making *m)
{
    for (size_t i = 0; i < m->noaths; i++)
        free(m->oaths[i].message);
    free(m->oaths);
    free(m->pooled);
    free(m->sandboxes);
    free(m->lines);
    free(m->claims);
}

/* The prices of a row's sandbox: where it is, and what. */
static dm_group *group_of(dm_making *m, const dm_pg_rows *rows, size_t i)
{
    return dm_books_group(m->books, dm_pg_str(rows, i, DM_EV_GROUP), dm_pg_str(rows, i, DM_EV_TYPE),
            dm_pg_str(rows, i, DM_EV_QUALITY));
}

/* --- one claim ---------------------------------------------------------------------------------------------- */

/* The service signs what the frames say, where the worker could not. */
static int swear(dm_making *m, const dm_pg_rows *rows, size_t i, const dm_claim *claim, dm_digest *hash, dm_err *err)
{
    int r = dm_grow(&m->oaths, &m->oaths_room, m->noaths, STATED_MAX, "oaths of the service", err);
    if (r < 0)
        return r;
    dm_oath *o = &m->oaths[m->noaths];
    *o = (dm_oath){.sandbox = claim->sandbox,
            .what = {.worker_no = claim->worker_no.v,
                    .project_no = (uint32_t)claim->project_no.v,
                    .sandbox = claim->sandbox,
                    .epoch = claim->epoch,
                    .spec_table = claim->spec_table,
                    .spec = claim->spec,
                    .region_no = claim->region_no,
                    .period_start = m->start,
                    .period_s = m->period_s}};
    memcpy(o->what.state, claim->billed->state, m->period_s);
    for (size_t k = 0; k < DM_ATTEST_MINUTES_MAX; k++)
        o->what.disk_16mib[k] = k < m->period_s / 60 ? claim->billed->disk_16mib[k] : DM_DISK_UNKNOWN;
    if (!dm_pg_is_null(rows, i, DM_EV_SWORN_BEFORE))
        r = dm_pg_bytes(rows, i, DM_EV_SWORN_BEFORE, o->what.previous.b, sizeof(o->what.previous.b), err);
    DM_AUTO_BUF message;
    dm_buf_init(&message, DM_ATTEST_BYTES_MAX);
    if (r == 0)
        r = dm_attest_write(&message, &o->what, m->conf->key, &o->hash, err);
    if (r < 0)
        return r;
    o->n = message.len;
    o->message = dm_buf_take(&message);
    m->noaths++;
    *hash = o->hash;
    return 0;
}

static int add_lines(dm_making *m, dm_group *group, dm_rate_line *lines, size_t n, dm_err *err)
{
    int r = 0;
    if (n > 1)
        qsort(lines, n, sizeof(lines[0]), dm_stated_line_cmp);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = dm_grow(&m->lines, &m->lines_room, m->nlines, LINES_MAX, "lines", err);
        if (r < 0)
            return r;
        m->lines[m->nlines++] = lines[i];
        dm_books_use(m->books, lines[i].book_id);
        if (lines[i].measured)
            r = dm_group_measure(group, &lines[i], err);
    }
    return r;
}

/* A sandbox's seconds in a segment stand together, however many lives it had. */
static int pool(dm_making *m, const dm_claim *claim, dm_group *group, size_t i, uint64_t seconds, dm_err *err)
{
    const dm_rate_segment *g = &group->segments[i];
    group->pooled_s[i] += seconds;
    for (size_t k = m->npooled; k-- > 0 && dm_sandbox_id_eq(&m->pooled[k].sandbox, &claim->sandbox);) {
        dm_pooled *p = &m->pooled[k];
        if (p->from == g->from && p->book_id == g->book->id && strcmp(p->group, group->name) == 0) {
            p->seconds += (int64_t)seconds;
            return 0;
        }
    }
    if (seconds == 0)
        return 0;
    int r = dm_grow(&m->pooled, &m->pooled_room, m->npooled, LINES_MAX, "pooled seconds", err);
    if (r < 0)
        return r;
    dm_pooled *p = &m->pooled[m->npooled++];
    *p = (dm_pooled){.sandbox = claim->sandbox,
            .of_start = m->start,
            .from = g->from,
            .to = g->to,
            .book_id = g->book->id,
            .included_s = group->included_s[i],
            .seconds = (int64_t)seconds};
    memcpy(p->group, group->name, sizeof(p->group));
    return 0;
}

static int rate(dm_making *m, const dm_claim *claim, dm_group *group, dm_stated *s, dm_err *err)
{
    dm_rate_line lines[DM_RATE_LINES_MAX];
    dm_rate_use use = dm_claim_use(claim, m->period_s);
    int r = dm_rate_use_lines(&use, claim->segments, claim->nsegments, lines, &s->nlines, err);
    if (r == 0)
        r = add_lines(m, group, lines, s->nlines, err);
    for (size_t i = 0; r == 0 && group != NULL && i < group->n; i++) {
        if (group->segments[i].book->minutes) {
            r = pool(m, claim, group, i,
                    dm_rate_count(&use, DM_SAMPLE_RUN, group->segments[i].from, group->segments[i].to), err);
            dm_books_use(m->books, group->segments[i].book->id);
            m->st.pooled = true;
        }
    }
    dm_sandbox_name name = dm_sandbox_name_of(&claim->sandbox);
    return r < 0 ? dm_wrap(err, "sandbox %s", name.s) : 0;
}

static int state_claim(dm_making *m, const dm_pg_rows *rows, size_t i, const dm_claim *claim, dm_err *err)
{
    dm_stated s;
    int r = dm_evidence_stated(rows, i, claim, m->period_s, &s, err);
    s.counted = claim->counted;
    s.bare = !claim->counted; /* who is counted has sworn, or the service does */
    if (r == 0 && claim->unattested && m->instead == 0)
        r = swear(m, rows, i, claim, &s.attestation, err);
    if (r == 0 && claim->billed != NULL && s.running_s + s.hibernated_s > 0) {
        m->stated = true;
        r = rate(m, claim, group_of(m, rows, i), &s, err);
    }
    if (r == 0)
        r = dm_grow(&m->sandboxes, &m->sandboxes_room, m->nsandboxes, STATED_MAX, "sandboxes", err);
    if (r < 0)
        return r;
    assert(m->nsandboxes == 0 || dm_stated_cmp(&m->sandboxes[m->nsandboxes - 1], &s) < 0);
    m->sandboxes[m->nsandboxes++] = s;
    return 0;
}

/* --- one sandbox -------------------------------------------------------------------------------------------- */

/* Of a period that is looked at again what does not count now is there too, for it may have been stated. */
static bool to_be_stated(const dm_making *m, const dm_claim *c)
{
    return c->counted || (m->late_through > 0 && c->has_row && c->row_project_no.v == c->project_no.v);
}

/* Rows [from, to) are one sandbox's; claims[i] is row from + i. What counts is all of one project, that of the
 * sandbox's row: so the judge's order, by epoch, is the statement's. */
static int judge_sandbox(dm_making *m, const dm_pg_rows *rows, size_t from, size_t to, dm_err *err)
{
    size_t n = to - from;
    assert(n > 0 && n <= m->claims_room);
    DM_AUTO_MEM dm_claim **list = calloc(n, sizeof(*list));
    if (list == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu claims", n);
    for (size_t i = 0; i < n; i++)
        list[i] = &m->claims[i];
    int r = dm_judge(list, n, m->start, m->period_s, &m->anomalies, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (to_be_stated(m, list[i]))
            r = state_claim(m, rows, from + (size_t)(list[i] - m->claims), list[i], err);
    }
    return r;
}

static int load_sandbox(dm_making *m, const dm_pg_rows *rows, size_t from, size_t to, dm_err *err)
{
    if (to - from > m->claims_room) {
        dm_claim *grown = realloc(m->claims, (to - from) * sizeof(*grown));
        if (grown == NULL)
            return dm_fail(err, DM_E_NOMEM, "no memory for %zu claims", to - from);
        m->claims = grown;
        m->claims_room = to - from;
    }
    int r = 0;
    for (size_t i = from; r == 0 && i < to; i++) {
        dm_claim *claim = &m->claims[i - from];
        r = dm_evidence_claim(rows, i, m->account_no, m->period_s, m->attest, claim, err);
        const dm_group *g = r == 0 ? group_of(m, rows, i) : NULL;
        if (g != NULL) {
            claim->segments = g->segments;
            claim->nsegments = g->n;
        }
    }
    return r;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct reading {
    const dm_making *m;
    dm_sandbox_id last;
    bool any;
    dm_pg_rows *rows;
} reading;

static int read_tx(dm_pg *c, void *arg, dm_err *err)
{
    reading *g = arg;
    const dm_making *m = g->m;
    dm_pg_rows_free(g->rows);
    g->rows = NULL;
    bool late = m->late_through > 0;
    int r = late ? dm_sql_late_page(c, m->account_no, m->start, m->late_through, &m->after, READ_SANDBOXES, &g->last,
                           &g->any, err)
                 : dm_sql_bill_page(c, m->account_no, m->start, &m->after, READ_SANDBOXES, &g->last, &g->any, err);
    if (r < 0 || !g->any)
        return r;
    if (late)
        return dm_sql_late_evidence(c, m->account_no, m->start, m->late_through, &m->after, &g->last, &g->rows, err);
    return dm_sql_bill_evidence(c, m->account_no, m->start, &m->after, &g->last, &g->rows, err);
}

static int judge_all(dm_making *m, const dm_pg_rows *rows, dm_err *err)
{
    size_t n = dm_pg_count(rows);
    int r = 0;
    for (size_t from = 0, to; r == 0 && from < n; from = to) {
        dm_str id = dm_pg_str(rows, from, DM_EV_SANDBOX);
        for (to = from + 1; to < n && dm_str_eq(dm_pg_str(rows, to, DM_EV_SANDBOX), id);)
            to++;
        r = load_sandbox(m, rows, from, to, err);
        if (r == 0)
            r = judge_sandbox(m, rows, from, to, err);
    }
    return r;
}

int dm_gather(dm_making *m, bool *more, dm_err *err)
{
    reading g = {.m = m};
    int r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, read_tx, &g, err);
    DM_AUTO(dm_pg_rows) rows = g.rows;
    if (r < 0)
        return r;
    *more = g.any;
    if (!g.any)
        return 0;
    m->after = g.last;
    return judge_all(m, rows, err);
}
