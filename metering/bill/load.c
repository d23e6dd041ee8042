/* Which plans an account had in a period, and which price books held for them: of the one that is stated, and of one
 * that is corrected. */
#include <assert.h>

#include "metering/bill/own.h"

static int load_plan(dm_making *m, dm_pg *c, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    DM_AUTO(dm_pg_rows) prices = NULL;
    if (m->st.nplans == DM_STATED_PLANS_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d plans hold in the period", DM_STATED_PLANS_MAX);
    dm_stated_plan *p = &m->st.plans[m->st.nplans++];
    int64_t from = dm_pg_i64(rows, i, 2), to = dm_pg_i64(rows, i, 3);
    assert(from >= m->start && from < to && to <= m->start + m->period_s);
    p->included_s = (uint64_t)dm_pg_i64(rows, i, 1);
    p->from = (uint32_t)(from - m->start);
    p->to = (uint32_t)(to - m->start);
    dm_str currency = dm_str_c(m->st.currency);
    int r = dm_str_to_array(dm_pg_str(rows, i, 0), p->tier, sizeof(p->tier), err);
    if (r == 0)
        r = dm_sql_bill_books(c, m->account_no, dm_str_c(p->tier), currency, from, to, m->instead, &prices, err);
    return r < 0 ? r : dm_books_add(m->books, prices, currency, p, m->start, err);
}

int dm_bill_load(dm_making *m, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) account = NULL;
    DM_AUTO(dm_pg_rows) plans = NULL;
    int r = dm_sql_bill_account(c, m->account_no, &account, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(account, 0, 0), m->st.account, sizeof(m->st.account), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(account, 0, 1), m->st.currency, sizeof(m->st.currency), err);
    if (r == 0)
        r = dm_sql_bill_plans(c, m->account_no, m->start, m->start + m->period_s, &plans, err);
    m->st.nplans = 0;
    dm_books_begin(m->books);
    for (size_t i = 0; r == 0 && i < dm_pg_count(plans); i++)
        r = load_plan(m, c, plans, i, err);
    return r;
}
