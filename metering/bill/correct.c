/* What came late, and what it changes. When the pages of an account's period are written, its statement looks at every
 * earlier period of which evidence has come that no statement has seen (dm.late): each sandbox of it is judged and
 * rated again as it was then (its own plan, books, spec and disk rules; the code is the same, only the reading has more
 * in it), and what statements have said of it so far is taken away. What is left is the correction.
 *
 * What was said is read from the lines, not rated again without the late evidence. The two are the same as long as
 * nothing else has changed since; where something has (a sandbox's row that told of its end later than its statement
 * was made), this way the customer is owed what he was charged and not what he would have been. It also makes a
 * correction larger than what was stated impossible: lines and corrections of a second always come to a rating of
 * evidence, which is never below nothing. And it is what makes corrections single: a second look at the same evidence
 * finds nothing left to say.
 *
 * What a book sells in tiers is not rated again: the month's counts stand in the heads of signed statements, each of
 * which begins where the one before ended. Where late evidence changes such a quantity, an anomaly says so.
 *
 * How far dm.late is looked at is read once, at the beginning; the head marks it as seen, in the transaction that makes
 * the corrections visible. What comes meanwhile is the next statement's. If this one dies, nothing is marked. */
#include <assert.h>

#include "base/grow.h"
#include "base/point.h"

#include "metering/bill/own.h"

enum { PERIODS_MAX = 512 }; /* that one statement corrects; the next goes on */
enum { WAS_MAX = 1 << 16, OUT_MAX = 1 << 16, SAID_MAX = 1 << 20 };

/* A line as statements come to it so far. */
typedef struct was {
    int64_t project_no, epoch, spec_table, spec, region_no;
    dm_rate_line line;
    bool used;
} was;

typedef struct looking {
    dm_making *m, *k; /* the statement; the period that is looked at again */
    dm_correcting *c;
    dm_sql_month_row month;
    bool pools; /* the month's pool is rated again */
    dm_sandbox_id after;
    dm_pg_rows *lines, *pool; /* what was stated of the sandboxes that were read */
    size_t at_line, at_pool;
    size_t at_pooled; /* of k's */
    was *was;
    size_t nwas, was_room;
    dm_rate_line *out; /* of one sandbox: what changed; of[i]: of which of its entries */
    size_t *of;
    size_t nout, out_room, of_room;
    dm_pooled *more; /* of the whole period, by segment */
    size_t nmore, more_room;
} looking;

/* --- what was stated ---------------------------------------------------------------------------------------- */

static int read_was_tx(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    dm_pg_rows_free(l->lines);
    dm_pg_rows_free(l->pool);
    l->lines = l->pool = NULL;
    const dm_making *k = l->k;
    int r = dm_sql_stated_lines(c, k->account_no, k->start, l->m->start, &l->after, &k->after, &l->lines, err);
    return r < 0 ? r : dm_sql_stated_pool(c, k->account_no, k->start, l->m->start, &l->after, &k->after, &l->pool, err);
}

/* How the sandbox of row i compares with this one. */
static int place(const dm_pg_rows *rows, size_t i, const dm_sandbox_id *id)
{
    dm_str s = dm_pg_str(rows, i, 0);
    return s.n == sizeof(id->b) ? memcmp(s.p, id->b, sizeof(id->b)) : -1;
}

static int read_line(const dm_pg_rows *rows, size_t i, was *out, dm_err *err)
{
    *out = (was){.project_no = dm_pg_i64(rows, i, DM_WAS_PROJECT),
            .epoch = dm_pg_i64(rows, i, DM_WAS_EPOCH),
            .spec_table = dm_pg_i64(rows, i, DM_WAS_SPEC_TABLE),
            .spec = dm_pg_i64(rows, i, DM_WAS_SPEC),
            .region_no = dm_pg_i64(rows, i, DM_WAS_REGION),
            .line = {.tier = (uint8_t)dm_pg_i64(rows, i, DM_WAS_TIER),
                    .book_id = dm_pg_i64(rows, i, DM_WAS_BOOK),
                    .from = (uint32_t)dm_pg_i64(rows, i, DM_WAS_FROM),
                    .to = (uint32_t)dm_pg_i64(rows, i, DM_WAS_TO),
                    .measured = dm_pg_bool(rows, i, DM_WAS_MEASURED),
                    .seconds = dm_pg_i64(rows, i, DM_WAS_SECONDS)}};
    int r = dm_sku_parse(dm_pg_str(rows, i, DM_WAS_SKU), &out->line.sku, err);
    if (r == 0)
        r = dm_price_parse(dm_pg_str(rows, i, DM_WAS_PER_UNIT), &out->line.per_unit, err);
    return r < 0 ? r : dm_qty_parse(dm_pg_str(rows, i, DM_WAS_QTY), &out->line.qty, err);
}

static int read_was(looking *l, const dm_sandbox_id *id, dm_err *err)
{
    size_t n = dm_pg_count(l->lines);
    int r = 0;
    l->nwas = 0;
    while (l->at_line < n && place(l->lines, l->at_line, id) < 0)
        l->at_line++;
    for (; r == 0 && l->at_line < n && place(l->lines, l->at_line, id) == 0; l->at_line++) {
        r = dm_grow(&l->was, &l->was_room, l->nwas, WAS_MAX, "lines of a sandbox", err);
        if (r == 0)
            r = read_line(l->lines, l->at_line, &l->was[l->nwas++], err);
    }
    return r;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static bool same_entry(const dm_stated *s, const was *w)
{
    return s->project_no.v == w->project_no && s->epoch == w->epoch && s->spec_table == w->spec_table &&
           s->spec == w->spec && s->region_no == w->region_no;
}

static bool same_line(const dm_rate_line *a, const dm_rate_line *b)
{
    return a->sku == b->sku && a->tier == b->tier && a->book_id == b->book_id && a->from == b->from && a->to == b->to &&
           a->per_unit.v == b->per_unit.v && a->measured == b->measured;
}

/* What is sold in tiers costs what the month's count comes to, which later statements have gone on from: it is told to
 * people, and stays as it was stated. */
static void note_tiers(dm_making *m, int64_t start, dm_sku sku)
{
    dm_anomaly a = {.kind = DM_ANOMALY_TIERS_LATE, .account_no = m->account_no, .period_start = start};
    dm_anomalies_add(&m->anomalies, &a,
            "late evidence changes how much was used of %s, which is sold in tiers: what "
            "was stated stands",
            dm_sku_name(sku));
}

/* now, less what was stated; nothing where that is the same. */
static int put_line(looking *l, size_t of, dm_rate_line now, const dm_rate_line *stated, dm_err *err)
{
    int r = stated != NULL ? dm_qty_less(now.qty, stated->qty, &now.qty, err) : 0;
    now.seconds -= stated != NULL ? stated->seconds : 0;
    if (r < 0 || now.qty.v == 0)
        return r;
    if (now.measured) {
        note_tiers(l->m, l->k->start, now.sku);
        return 0;
    }
    r = dm_money_of(now.qty, now.per_unit, &now.amount, err);
    if (r == 0)
        r = dm_grow(&l->out, &l->out_room, l->nout, OUT_MAX, "lines of a sandbox", err);
    if (r == 0)
        r = dm_grow(&l->of, &l->of_room, l->nout, OUT_MAX, "lines of a sandbox", err);
    if (r < 0)
        return r;
    l->of[l->nout] = of;
    l->out[l->nout++] = now;
    return 0;
}

static was *was_of(looking *l, const dm_stated *s, const dm_rate_line *line)
{
    for (size_t i = 0; i < l->nwas; i++) {
        if (!l->was[i].used && same_entry(s, &l->was[i]) && same_line(line, &l->was[i].line))
            return &l->was[i];
    }
    return NULL;
}

/* What was stated and is charged no more. It has an entry, since evidence is never taken back. */
static int put_gone(looking *l, const dm_stated *s, size_t n, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->nwas; i++) {
        size_t e = 0;
        while (e < n && !same_entry(&s[e], &l->was[i]))
            e++;
        if (l->was[i].used || e == n)
            continue;
        dm_rate_line none = l->was[i].line;
        none.qty.v = 0;
        none.seconds = 0;
        r = put_line(l, e, none, &l->was[i].line, err);
    }
    return r;
}

/* --- the pool ----------------------------------------------------------------------------------------------- */

static bool same_segment(const dm_pooled *a, const dm_pooled *b)
{
    return a->from == b->from && a->book_id == b->book_id && strcmp(a->group, b->group) == 0;
}

/* Adds to what the period comes to. */
static int add_more(looking *l, const dm_pooled *p, dm_err *err)
{
    for (size_t i = 0; i < l->nmore; i++) {
        if (same_segment(&l->more[i], p)) {
            l->more[i].seconds += p->seconds;
            return 0;
        }
    }
    int r = dm_grow(&l->more, &l->more_room, l->nmore, DM_GROUPS_MAX * DM_RATE_SEGMENTS_MAX, "pooled parts", err);
    if (r == 0)
        l->more[l->nmore++] = *p;
    return r;
}

static int put_pooled(looking *l, dm_pooled p, bool *any, dm_err *err)
{
    dm_making *m = l->m;
    if (p.seconds == 0)
        return 0;
    *any = true;
    int r = add_more(l, &p, err);
    if (r == 0)
        r = dm_grow(&m->pooled, &m->pooled_room, m->npooled, SAID_MAX, "pooled seconds", err);
    if (r == 0)
        m->pooled[m->npooled++] = p;
    return r;
}

static int read_pooled(
        const dm_pg_rows *rows, size_t i, const looking *l, const dm_sandbox_id *id, dm_pooled *out, dm_err *err)
{
    *out = (dm_pooled){.sandbox = *id,
            .of_start = l->k->start,
            .book_id = dm_pg_i64(rows, i, 2),
            .included_s = (uint64_t)dm_pg_i64(rows, i, 3),
            .from = (uint32_t)dm_pg_i64(rows, i, 4),
            .to = (uint32_t)dm_pg_i64(rows, i, 5),
            .seconds = -dm_pg_i64(rows, i, 6)};
    return dm_str_to_array(dm_pg_str(rows, i, 1), out->group, sizeof(out->group), err);
}

/* A sandbox's pooled seconds as they are now, less those that were stated. Both are by sandbox, and few. */
static int pool(looking *l, const dm_sandbox_id *id, bool *any, dm_err *err)
{
    dm_making *k = l->k;
    size_t n = dm_pg_count(l->pool), first = l->at_pooled;
    int r = 0;
    while (l->at_pooled < k->npooled && dm_sandbox_id_eq(&k->pooled[l->at_pooled].sandbox, id))
        l->at_pooled++;
    while (l->at_pool < n && place(l->pool, l->at_pool, id) < 0)
        l->at_pool++;
    for (; r == 0 && l->at_pool < n && place(l->pool, l->at_pool, id) == 0; l->at_pool++) {
        dm_pooled stated;
        r = read_pooled(l->pool, l->at_pool, l, id, &stated, err);
        size_t i = first;
        while (i < l->at_pooled && !(r == 0 && same_segment(&k->pooled[i], &stated)))
            i++;
        if (r == 0 && i < l->at_pooled)
            k->pooled[i].seconds += stated.seconds;
        else if (r == 0)
            r = put_pooled(l, stated, any, err);
    }
    for (size_t i = first; r == 0 && i < l->at_pooled; i++)
        r = put_pooled(l, k->pooled[i], any, err);
    return r;
}

/* --- a sandbox ---------------------------------------------------------------------------------------------- */

/* pooled: its seconds in the pool changed, of which no line may tell. */
static int say_entry(looking *l, const dm_stated *s, size_t e, bool pooled, dm_err *err)
{
    dm_making *m = l->m;
    dm_rate_line *from = m->lines + m->nlines;
    size_t n = 0;
    int r = dm_grow(&m->sandboxes, &m->sandboxes_room, m->nsandboxes, SAID_MAX, "sandboxes", err);
    for (size_t i = 0; r == 0 && i < l->nout; i++) {
        dm_old_book *book;
        if (l->of[i] != e)
            continue;
        r = dm_grow(&m->lines, &m->lines_room, m->nlines, SAID_MAX, "lines", err);
        if (r == 0)
            r = dm_old_book_note(m, l->out[i].book_id, &book, err);
        if (r < 0)
            return r;
        book->book.used = true;
        m->lines[m->nlines++] = l->out[i];
        n++;
    }
    if (r < 0 || (!s->counted && n == 0 && !pooled))
        return r;
    from = m->lines + m->nlines - n;
    if (n > 1)
        qsort(from, n, sizeof(*from), dm_stated_line_cmp);
    m->sandboxes[m->nsandboxes] = *s;
    m->sandboxes[m->nsandboxes++].nlines = n;
    return 0;
}

/* Of a sandbox that changed, what the service swore goes along. */
static int say_oaths(looking *l, const dm_sandbox_id *id, dm_err *err)
{
    dm_making *m = l->m, *k = l->k;
    int r = 0;
    for (size_t i = 0; r == 0 && i < k->noaths; i++) {
        if (k->oaths[i].message == NULL || !dm_sandbox_id_eq(&k->oaths[i].sandbox, id))
            continue;
        r = dm_grow(&m->oaths, &m->oaths_room, m->noaths, SAID_MAX, "oaths of the service", err);
        if (r < 0)
            return r;
        m->oaths[m->noaths] = k->oaths[i];
        m->oaths[m->noaths++].message = dm_steal(&k->oaths[i].message);
    }
    return r;
}

/* The n entries of one sandbox, whose lines begin there. */
static int look_at(looking *l, const dm_stated *s, size_t n, const dm_rate_line *lines, dm_err *err)
{
    bool any = false;
    l->nout = 0;
    int r = read_was(l, &s->sandbox, err);
    for (size_t e = 0; r == 0 && e < n; e++) {
        for (size_t i = 0; r == 0 && i < s[e].nlines; i++, lines++) {
            was *w = was_of(l, &s[e], lines);
            if (w != NULL)
                w->used = true;
            r = put_line(l, e, *lines, w != NULL ? &w->line : NULL, err);
        }
    }
    if (r == 0)
        r = put_gone(l, s, n, err);
    if (r == 0 && l->pools)
        r = pool(l, &s->sandbox, &any, err);
    if (r < 0 || (l->nout == 0 && !any))
        return r;
    l->c->any = true;
    for (size_t e = 0; r == 0 && e < n; e++)
        r = say_entry(l, &s[e], e, any, err);
    return r == 0 ? say_oaths(l, &s->sandbox, err) : r;
}

static int compare(looking *l, dm_err *err)
{
    const dm_making *k = l->k;
    int r = dm_pg_tx_on(k->conf->pg, &(dm_pg_scope){.read_only = true}, read_was_tx, l, err);
    l->at_line = l->at_pool = l->at_pooled = 0;
    for (size_t from = 0, to, line = 0; r == 0 && from < k->nsandboxes; from = to) {
        const dm_stated *s = &k->sandboxes[from];
        size_t n = 0;
        for (to = from; to < k->nsandboxes && dm_sandbox_id_eq(&k->sandboxes[to].sandbox, &s->sandbox); to++)
            n += k->sandboxes[to].nlines;
        r = look_at(l, s, to - from, k->lines + line, err);
        line += n;
    }
    return r;
}

/* --- a period ----------------------------------------------------------------------------------------------- */

static int load_tx(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    int r = dm_bill_load(l->k, c, err);
    if (r == 0)
        r = dm_sql_month(c, l->k->account_no, l->k->start, &l->month, err);
    for (size_t i = 0; r == 0 && i < l->k->books->nbooks; i++)
        l->month.tiers |= l->k->books->books[i].rate.tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE;
    l->pools = l->month.kept && !l->month.tiers;
    return r;
}

static void note_pool(dm_making *m, const looking *l)
{
    int64_t start = l->k->start;
    if (l->month.tiers) {
        note_tiers(m, start, DM_SKU_MINUTES);
        return;
    }
    dm_anomaly a = {.kind = DM_ANOMALY_LATE, .account_no = m->account_no, .period_start = start};
    dm_anomalies_add(
            &m->anomalies, &a, "the month's pool was stated before its parts were kept: it is not rated again");
}

static int read_period(looking *l, dm_err *err)
{
    dm_making *m = l->m, *k = l->k;
    bool more = true;
    int r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, load_tx, l, err);
    while (r == 0 && more) {
        l->after = k->after;
        r = dm_gather(k, &more, err);
        if (r == 0 && more)
            r = compare(l, err);
        if (k->npooled > 0 && !l->pools)
            note_pool(m, l);
        dm_gather_drop(k, k->nsandboxes, k->nlines);
        if (r == 0)
            r = dm_bill_put_pages(m, more, err);
    }
    for (size_t i = 0; i < k->anomalies.n; i++)
        dm_anomalies_add(&m->anomalies, &k->anomalies.v[i], "%s", k->anomalies.v[i].detail);
    return r == 0 && l->nmore > 0 ? dm_month_correct(m, l->c, l->more, l->nmore, err) : r;
}

static int look_again(dm_making *m, dm_correcting *c, dm_err *err)
{
    dm_making k = {.conf = m->conf,
            .account_no = m->account_no,
            .start = c->said.start,
            .period_s = (uint32_t)(c->said.end - c->said.start),
            .late_through = c->through};
    looking l = {.m = m, .k = &k, .c = c};
    k.books = calloc(1, sizeof(*k.books));
    k.attest = calloc(1, sizeof(*k.attest));
    dm_buf_init(&k.body, 0);
    m->correcting = &c->said;
    int r = k.books == NULL || k.attest == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for a correction")
                                                : read_period(&l, err);
    m->correcting = NULL;
    dm_pg_rows_free(l.lines);
    dm_pg_rows_free(l.pool);
    free(l.was);
    free(l.out);
    free(l.of);
    free(l.more);
    dm_making_done(&k);
    return r;
}

/* --- all ---------------------------------------------------------------------------------------------------- */

typedef struct periods {
    const dm_making *m;
    dm_pg_rows *rows;
} periods;

static int periods_tx(dm_pg *c, void *arg, dm_err *err)
{
    periods *p = arg;
    dm_pg_rows_free(p->rows);
    p->rows = NULL;
    return dm_sql_late_periods(c, p->m->account_no, p->m->start, PERIODS_MAX, &p->rows, err);
}

static int read_periods(dm_making *m, dm_err *err)
{
    periods p = {.m = m};
    int r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, periods_tx, &p, err);
    DM_AUTO(dm_pg_rows) rows = p.rows;
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    if (n == 0)
        return r;
    m->corr = calloc(n, sizeof(*m->corr));
    m->st.corrections = calloc(n, sizeof(*m->st.corrections));
    if (m->corr == NULL || m->st.corrections == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for corrections");
    for (size_t i = 0; i < n; i++) {
        int64_t start = dm_pg_i64(rows, i, 0);
        m->corr[i] = (dm_correcting){
                .said = {.start = start, .end = start + dm_pg_i64(rows, i, 1)}, .through = dm_pg_i64(rows, i, 3)};
        m->corr[i].said.number.v = dm_pg_is_null(rows, i, 2) ? 0 : dm_pg_i64(rows, i, 2);
    }
    m->ncorr = n;
    return 0;
}

static int books_tx(dm_pg *c, void *arg, dm_err *err)
{
    return dm_old_books_load(arg, c, err);
}

int dm_correct(dm_making *m, dm_err *err)
{
    int r = read_periods(m, err);
    for (size_t i = 0; r == 0 && i < m->ncorr; i++) {
        dm_correcting *c = &m->corr[i];
        r = look_again(m, c, err);
        if (r != 0)
            return r == DM_E_NOTFOUND || r == DM_E_LIMIT ? dm_wrap(err, "correction") : r;
        DM_POINT(BILL_CORRECTED);
        if (!c->any)
            continue;
        m->stated = true;
        m->st.corrections[m->st.ncorrections++] = c->said; /* whose lines c owns */
    }
    for (size_t i = 0; i < m->ncorr; i++) {
        if (m->corr[i].said.pool_s != 0 && m->month.to > m->start && m->corr[i].said.start >= m->month.from)
            m->st.pooled = true;
    }
    return r == 0 && m->nold > 0 ? dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, books_tx, m, err) : r;
}
