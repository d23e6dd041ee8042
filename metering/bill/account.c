/* The lines of the account as a whole: pooled minutes, and what is sold in tiers. Both are of a month of UTC, so each
 * begins where the statement before has left it. What was measured on the pages is gathered by then, by segment; here
 * it is charged in the order of time, and of price groups within it. */
#include <assert.h>

#include "base/grow.h"

#include "metering/bill/own.h"

static int add_line(dm_making *m, const dm_rate_line *rate, dm_err *err)
{
    int r = dm_grow(&m->st.lines, &m->account_lines_room, m->st.nlines, DM_STATED_ACCOUNT_LINES, "lines", err);
    if (r < 0)
        return r;
    m->st.lines[m->st.nlines++] = *rate;
    dm_books_use(m->books, rate->book_id);
    return dm_stated_sum_line(&m->st.sum, rate, err);
}

/* --- where the month stands --------------------------------------------------------------------------------- */

int dm_account_before(dm_making *m, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t pool;
    int r = dm_sql_bill_pool(c, m->account_no, m->start, &pool, err);
    if (r == 0)
        r = dm_sql_bill_tiers(c, m->account_no, m->start, &rows, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < m->ncorr; i++) { /* of this month: it is the last one that was looked at */
        if (m->corr[i].said.start >= m->month.from && m->month.to > m->start)
            pool += m->corr[i].said.pool_s;
    }
    assert(pool >= 0);
    m->pool_s = (uint64_t)pool;
    m->ncounts = 0;
    if (dm_pg_count(rows) > DM_LEN(m->counts))
        return dm_fail(err, DM_E_LIMIT, "more than %zu counts of tiers", DM_LEN(m->counts));
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_count *k = &m->counts[m->ncounts++];
        k->book_id = dm_pg_i64(rows, i, 0);
        r = dm_sku_parse(dm_pg_str(rows, i, 1), &k->sku, err);
        if (r == 0)
            r = dm_qty_parse(dm_pg_str(rows, i, 2), &k->qty, err);
    }
    return r;
}

static int count_of(dm_making *m, int64_t book_id, dm_sku sku, dm_count **out, dm_err *err)
{
    for (size_t i = 0; i < m->ncounts; i++) {
        *out = &m->counts[i];
        if ((*out)->book_id == book_id && (*out)->sku == sku)
            return 0;
    }
    if (m->ncounts == DM_LEN(m->counts))
        return dm_fail(err, DM_E_LIMIT, "more than %zu counts of tiers", DM_LEN(m->counts));
    *out = &m->counts[m->ncounts++];
    **out = (dm_count){.book_id = book_id, .sku = sku};
    return 0;
}

/* The head says where a count stood before the period's first line of it, and after its last. */
static int state_tier(dm_making *m, const dm_count *before, dm_qty after, dm_err *err)
{
    dm_stated_tier *t = m->st.tiers;
    size_t i = 0;
    while (i < m->st.ntiers && (t[i].book_id != before->book_id || t[i].sku != before->sku))
        i++;
    if (i == DM_STATED_TIERS_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d counts of tiers", DM_STATED_TIERS_MAX);
    if (i == m->st.ntiers)
        t[m->st.ntiers++] = (dm_stated_tier){before->book_id, before->sku, before->qty, before->qty};
    t[i].after = after;
    return 0;
}

/* --- charging ----------------------------------------------------------------------------------------------- */

static int in_tiers(dm_making *m, const dm_rate_book *book, const dm_rate_line *sum, dm_err *err)
{
    dm_rate_line lines[DM_TIER_LINES_MAX];
    dm_count *count;
    dm_qty after;
    size_t n = 0;
    int r = count_of(m, book->id, sum->sku, &count, err);
    if (r == 0)
        r = dm_tier_lines(book, sum, count->qty, sum->qty, lines, &n, err);
    if (r == 0)
        r = dm_qty_add(count->qty, sum->qty, &after, err);
    if (r == 0)
        r = state_tier(m, count, after, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_line(m, &lines[i], err);
    if (r == 0)
        count->qty = after;
    return r;
}

/* What the group's i-th segment adds to the pool; the allowance is that of its plan. */
static int pool_segment(dm_making *m, const dm_group *group, size_t i, dm_err *err)
{
    const dm_rate_book *book = group->segments[i].book;
    dm_rate_line lines[2];
    size_t n;
    int r = dm_rate_minutes(m->pool_s, group->pooled_s[i], group->included_s[i], &group->segments[i], lines, &n, err);
    for (size_t k = 0; r == 0 && k < n; k++) {
        bool tiers = lines[k].tier > 0 && book->tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE;
        r = tiers ? in_tiers(m, book, &lines[k], err) : add_line(m, &lines[k], err);
    }
    m->pool_s += group->pooled_s[i];
    m->st.included_s = group->included_s[i];
    return r;
}

static int charge_segment(dm_making *m, const dm_group *group, size_t i, dm_err *err)
{
    const dm_rate_book *book = group->segments[i].book;
    int r = m->st.pooled && book->minutes ? pool_segment(m, group, i, err) : 0;
    for (size_t sku = 0; r == 0 && sku < DM_SKU_COUNT; sku++) {
        if (group->measured[i][sku].qty.v > 0)
            r = in_tiers(m, book, &group->measured[i][sku], err);
    }
    return r;
}

int dm_account_lines(dm_making *m, dm_err *err)
{
    int r = 0;
    m->st.nlines = m->st.ntiers = 0;
    m->st.included_s = 0;
    m->st.pool_before_s = m->pool_s;
    for (uint32_t second = 0; second < m->period_s; second++) {
        for (size_t g = 0; g < m->books->ngroups; g++) {
            const dm_group *group = &m->books->groups[g];
            for (size_t i = 0; r == 0 && i < group->n; i++)
                r = group->segments[i].from == second ? charge_segment(m, group, i, err) : 0;
        }
    }
    if (r < 0)
        return r;
    m->st.pool_after_s = m->pool_s;
    assert(m->st.pool_after_s >= m->st.pool_before_s);
    if (m->st.nlines > 1)
        qsort(m->st.lines, m->st.nlines, sizeof(*m->st.lines), dm_stated_account_line_cmp);
    if (m->st.ntiers > 1)
        qsort(m->st.tiers, m->st.ntiers, sizeof(*m->st.tiers), dm_stated_tier_cmp);
    return 0;
}
