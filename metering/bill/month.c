/* A month's pool of minutes, rated again. Whole minutes are charged as the pool passes them, so a second that comes
 * into a closed period moves all that came behind it in that month: over the edge of the allowance, or into the part of
 * another plan or price. So the month is rated twice from what its statements put into the pool, part by part in the
 * order in which it filled: as it is known, and with what came late where it belongs. The difference, by book and tier,
 * is the correction. What several periods change is taken one after the other, each on the month as the one before left
 * it, so that their differences add up to that of all.
 *
 * Statements of before their parts were kept (dm.statement.pool_kept) cannot be taken apart again, and minutes that are
 * sold in tiers have counts of their own, which are stated and stand: a month that has either is left as it is, and an
 * anomaly says so (correct.c). */
#include "metering/rules/month.h"

#include <assert.h>
#include <stdio.h>

#include "base/grow.h"

#include "metering/bill/own.h"

enum { PARTS_MAX = 1 << 17, OLD_MAX = 1024 };

/* --- books of other periods --------------------------------------------------------------------------------- */

int dm_old_book_note(dm_making *m, int64_t id, dm_old_book **out, dm_err *err)
{
    size_t i = 0;
    while (i < m->nold && m->old[i].id != id)
        i++;
    if (i == m->nold) {
        int r = dm_grow(&m->old, &m->old_room, m->nold, OLD_MAX, "price books", err);
        if (r < 0)
            return r;
        m->old[m->nold++] = (dm_old_book){.id = id};
    }
    *out = &m->old[i];
    return 0;
}

static int load(dm_making *m, dm_old_book *old, dm_books *scratch, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_book(c, old->id, &rows, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "price book %lld is gone", (long long)old->id);
    dm_stated_plan plan = {.from = 0, .to = m->period_s};
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, DM_BOOK_TIER), plan.tier, sizeof(plan.tier), err);
    dm_books_begin(scratch);
    if (r == 0)
        r = dm_books_add(scratch, rows, dm_pg_str(rows, 0, DM_BOOK_CURRENCY), &plan, m->start, err);
    if (r < 0)
        return r;
    bool used = old->book.used;
    old->book = scratch->books[0];
    old->book.used = used;
    old->loaded = true;
    return 0;
}

int dm_old_books_load(dm_making *m, dm_pg *c, dm_err *err)
{
    DM_AUTO_MEM dm_books *scratch = calloc(1, sizeof(*scratch));
    int r = scratch == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for price books") : 0;
    for (size_t i = 0; r == 0 && i < m->nold; i++) {
        if (!m->old[i].loaded)
            r = load(m, &m->old[i], scratch, c, err);
    }
    return r;
}

/* --- the month ---------------------------------------------------------------------------------------------- */

typedef struct loading {
    dm_making *m;
    int64_t start;
    const dm_pooled *more;
    size_t n;
} loading;

static int read_part(const dm_pg_rows *rows, size_t i, dm_pooled *out, dm_err *err)
{
    *out = (dm_pooled){.of_start = dm_pg_i64(rows, i, 0),
            .from = (uint32_t)dm_pg_i64(rows, i, 1),
            .to = (uint32_t)dm_pg_i64(rows, i, 2),
            .book_id = dm_pg_i64(rows, i, 4),
            .included_s = (uint64_t)dm_pg_i64(rows, i, 5),
            .seconds = dm_pg_i64(rows, i, 6)};
    return dm_str_to_array(dm_pg_str(rows, i, 3), out->group, sizeof(out->group), err);
}

static int load_month(dm_making *m, dm_pg *c, int64_t start, dm_err *err)
{
    dm_month *t = &m->month;
    DM_AUTO(dm_pg_rows) rows = NULL;
    t->n = 0;
    t->to = 0;
    dm_sql_month_row month; /* kept, and without tiers: who asked looked */
    int r = dm_sql_month(c, m->account_no, start, &month, err);
    if (r == 0)
        r = dm_sql_month_pool(c, m->account_no, month.from, month.to, m->start, PARTS_MAX, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        r = dm_grow(&t->parts, &t->room, t->n, PARTS_MAX, "parts of a month", err);
        if (r == 0)
            r = read_part(rows, i, &t->parts[t->n++], err);
    }
    if (r == 0) {
        t->from = month.from;
        t->to = month.to;
    }
    return r;
}

static int load_tx(dm_pg *c, void *arg, dm_err *err)
{
    loading *l = arg;
    dm_making *m = l->m;
    dm_old_book *book;
    int r = l->start < m->month.from || l->start >= m->month.to ? load_month(m, c, l->start, err) : 0;
    for (size_t i = 0; r == 0 && i < m->month.n; i++)
        r = dm_old_book_note(m, m->month.parts[i].book_id, &book, err);
    for (size_t i = 0; r == 0 && i < l->n; i++)
        r = dm_old_book_note(m, l->more[i].book_id, &book, err);
    return r == 0 ? dm_old_books_load(m, c, err) : r;
}

/* --- rating ------------------------------------------------------------------------------------------------- */

/* with: added, else taken away. */
static int rate_month(dm_making *m, dm_month_sum *t, bool with, dm_err *err)
{
    uint64_t at = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->month.n; i++) {
        const dm_pooled *p = &m->month.parts[i];
        dm_old_book *book;
        r = dm_old_book_note(m, p->book_id, &book, err);
        if (r < 0)
            return r;
        dm_rate_segment segment = {p->from, p->to, &book->book.rate};
        r = dm_month_count(t, at, (uint64_t)p->seconds, p->included_s, &segment, with, err);
        at += (uint64_t)p->seconds;
    }
    return r;
}

static int order(const dm_pooled *a, const dm_pooled *b)
{
    int64_t x = a->of_start + a->from, y = b->of_start + b->from;
    if (x != y)
        return x < y ? -1 : 1;
    int c = strcmp(a->group, b->group);
    return c != 0 ? c : (a->book_id > b->book_id) - (a->book_id < b->book_id);
}

/* *all: how many seconds it came to; fewer than were there are never taken away. */
static int add_part(dm_month *t, const dm_pooled *p, int64_t *all, dm_err *err)
{
    size_t i = 0;
    while (i < t->n && order(&t->parts[i], p) < 0)
        i++;
    if (i == t->n || order(&t->parts[i], p) != 0) {
        int r = dm_grow(&t->parts, &t->room, t->n, PARTS_MAX, "parts of a month", err);
        if (r < 0)
            return r;
        memmove(t->parts + i + 1, t->parts + i, (t->n - i) * sizeof(*t->parts));
        t->parts[i] = *p;
        t->parts[i].seconds = 0;
        t->n++;
    }
    t->parts[i].seconds += p->seconds;
    *all += p->seconds;
    return t->parts[i].seconds >= 0
                   ? 0
                   : dm_fail(err, DM_E_INTERNAL, "%lld more seconds are taken out of a pool than were put into it",
                             (long long)-t->parts[i].seconds);
}

/* --- what it says ------------------------------------------------------------------------------------------- */

static int say(dm_making *m, dm_stated_correction *said, const dm_month_sum *t, dm_err *err)
{
    said->lines = calloc(t->n + 1, sizeof(*said->lines));
    if (said->lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for lines");
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        dm_old_book *book;
        dm_rate_line line;
        if (t->v[i].qty.v == 0)
            continue;
        r = dm_month_correction(t->v[i], (uint32_t)(said->end - said->start), said->pool_s, &line, err);
        if (r == 0)
            r = dm_old_book_note(m, line.book_id, &book, err);
        if (r < 0)
            return r;
        book->book.used = true;
        said->lines[said->nlines++] = line;
    }
    if (said->nlines > 1)
        qsort(said->lines, said->nlines, sizeof(*said->lines), dm_stated_account_line_cmp);
    return r;
}

int dm_month_correct(dm_making *m, dm_correcting *c, const dm_pooled *more, size_t n, dm_err *err)
{
    loading l = {m, c->said.start, more, n};
    DM_AUTO_MEM dm_month_sum *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a month");
    int r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, load_tx, &l, err);
    if (r < 0)
        return r;
    r = rate_month(m, t, false, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_part(&m->month, &more[i], &c->said.pool_s, err);
    if (r == 0)
        r = rate_month(m, t, true, err);
    return r == 0 ? say(m, &c->said, t, err) : r;
}
