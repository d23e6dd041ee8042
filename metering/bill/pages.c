/* The steps in which a statement is written before its head, a page each; and letting go of it. */
#include "base/point.h"

#include "metering/bill/own.h"
#include "metering/kit/sql_kit.h"

int dm_bill_may_write(const dm_making *m, dm_pg *c, dm_err *err)
{
    bool held, open;
    int r = m->conf->held(m->conf->held_arg, c, &held, err);
    if (r == 0 && !held)
        return DM_BILL_ZOMBIE;
    if (r == 0)
        r = dm_sql_bill_open(c, m->account_no, m->start, &open, err);
    return r == 0 && !open ? DM_BILL_NOT_OPEN : r;
}

typedef struct paging {
    dm_making *m;
    dm_stated_page page;
    dm_digest sha256;
} paging;

static int page_tx(dm_pg *c, void *arg, dm_err *err)
{
    paging *p = arg;
    dm_making *m = p->m;
    int r = dm_bill_may_write(m, c, err);
    if (r == 0)
        r = dm_sql_bill_page_add(c, m->account_no, &p->page, dm_buf_view(&m->body), &p->sha256, err);
    if (r == 0)
        r = dm_sql_bill_page_lines(c, m->account_no, &p->page, m->paged.lines, err);
    if (r == 0)
        r = dm_sql_bill_pooled(c, m->account_no, m->start, m->pooled, m->npooled, err);
    DM_AUTO_MANY rows;
    dm_sql_attests(&rows, c, 0, true);
    for (size_t i = 0; r == 0 && i < m->noaths; i++) {
        const dm_oath *o = &m->oaths[i];
        r = dm_sql_attest_add(&rows, &o->what, (dm_str){o->message, o->n}, &o->hash, err);
    }
    return r == 0 ? dm_many_flush(&rows, err) : r;
}

/* The first n sandboxes that wait become the next page. All oaths and pooled seconds go with it: some may be of the
 * page after. */
static int put_page(dm_making *m, size_t n, size_t lines, dm_err *err)
{
    paging p = {.m = m,
            .page = {.account = m->st.account,
                    .number = m->st.number,
                    .period_start = m->start,
                    .page = (uint32_t)m->paged.pages.n + 1,
                    .sandboxes = m->sandboxes,
                    .nsandboxes = n,
                    .lines = m->lines,
                    .nlines = lines,
                    .corrects = m->correcting}};
    dm_buf_reset(&m->body);
    int r = dm_stated_page_body(&p.page, &m->body, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&m->body), &p.sha256, err);
    if (r == 0)
        r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){0}, page_tx, &p, err);
    DM_POINT(BILL_PAGE);
    if (r == 0)
        r = dm_stated_sum_page(&m->paged, &p.page, &p.sha256, err);
    if (r == 0)
        r = dm_day_page(&m->day, &p.page, err);
    if (r == 0)
        dm_gather_drop(m, n, lines);
    return r;
}

int dm_bill_put_pages(dm_making *m, bool more, dm_err *err)
{
    int r = 0;
    while (r == 0 && m->nsandboxes > 0) {
        size_t lines, n = dm_stated_full(m->sandboxes, m->nsandboxes, &lines);
        if (n == m->nsandboxes && more)
            break; /* it may hold what comes next, too */
        r = put_page(m, n, lines, err);
    }
    return r;
}

void dm_making_done(dm_making *m)
{
    dm_gather_done(m);
    for (size_t i = 0; i < m->ncorr; i++)
        free(m->corr[i].said.lines);
    free(m->corr);
    free(m->month.parts);
    free(m->old);
    free(m->st.corrections);
    dm_day_done(&m->day);
    free(m->st.lines);
    free(m->st.books);
    free(m->books);
    free(m->attest);
    dm_anomalies_done(&m->anomalies);
    dm_buf_done(&m->body);
}
