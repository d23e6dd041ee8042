#include "metering/rules/month.h"

static int count(dm_month_sum *m, const dm_rate_line *line, bool with, dm_err *err)
{
    size_t i = 0;
    while (i < m->n && (m->v[i].book_id != line->book_id || m->v[i].tier != line->tier))
        i++;
    if (i == DM_MONTH_LINES_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d books in a month", DM_MONTH_LINES_MAX);
    if (i == m->n) {
        m->v[m->n] = *line;
        m->v[m->n++].qty.v = 0;
    }
    return with ? dm_qty_add(m->v[i].qty, line->qty, &m->v[i].qty, err)
                : dm_qty_less(m->v[i].qty, line->qty, &m->v[i].qty, err);
}

int dm_month_count(dm_month_sum *m, uint64_t before, uint64_t seconds, uint64_t included_s,
        const dm_rate_segment *segment, bool with, dm_err *err)
{
    dm_rate_line lines[2];
    size_t n = 0;
    int r = dm_rate_minutes(before, seconds, included_s, segment, lines, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = count(m, &lines[i], with, err);
    return r;
}

int dm_month_correction(dm_rate_line line, uint32_t period_s, int64_t pool_s, dm_rate_line *out, dm_err *err)
{
    *out = line;
    out->from = 0;
    out->to = period_s;
    out->seconds = pool_s;
    return dm_money_of(out->qty, out->per_unit, &out->amount, err);
}
