/* A period of an account rated again with a price book in the place of others, and nothing kept of it: the reading, the
 * judge, the rating and the account's lines are those of its statement. What waits for a page there is added up here,
 * and let go of. */
#include <assert.h>

#include "metering/bill/own.h"

static int load_tx(dm_pg *c, void *arg, dm_err *err)
{
    return dm_bill_load(arg, c, err);
}

/* A draft may be written anew meanwhile: half a month by one book and half by another would be neither's. */
static bool is_other(const dm_making *m, const dm_trying *t)
{
    for (size_t i = 0; i < m->books->nbooks; i++) {
        const dm_book *k = &m->books->books[i];
        if (k->rate.id == t->instead && memcmp(k->sha256.b, t->sha256.b, sizeof k->sha256.b) != 0)
            return true;
    }
    return false;
}

static int read_all(dm_making *m, dm_err *err)
{
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        r = dm_gather(m, &more, err);
        for (size_t i = 0; r == 0 && i < m->nlines; i++)
            r = dm_stated_sum_line(&m->st.sum, &m->lines[i], err);
        if (r == 0)
            dm_gather_drop(m, m->nsandboxes, m->nlines);
        dm_anomalies_clear(&m->anomalies);
    }
    return r;
}

static int rate(dm_making *m, dm_trying *t, dm_err *err)
{
    int r = dm_pg_tx_on(m->conf->pg, &(dm_pg_scope){.read_only = true}, load_tx, m, err);
    if (r == 0 && is_other(m, t))
        return DM_TRY_OTHER;
    if (r == 0)
        r = read_all(m, err);
    m->pool_s = t->pool_s;
    m->ncounts = t->ncounts;
    memcpy(m->counts, t->counts, t->ncounts * sizeof t->counts[0]);
    if (r == 0)
        r = dm_account_lines(m, err);
    if (r == 0)
        r = dm_money_add(t->sum, m->st.sum.total, &t->sum, err);
    if (r < 0)
        return r;
    t->pool_s = m->pool_s;
    t->ncounts = m->ncounts;
    memcpy(t->counts, m->counts, m->ncounts * sizeof m->counts[0]);
    return 0;
}

int dm_bill_try(const dm_bill_config *conf, dm_account_no account_no, int64_t start, uint32_t period_s, dm_trying *t,
        dm_err *err)
{
    assert(t->instead != 0); /* nothing is sworn to */
    dm_making m = {.conf = conf,
            .account_no = account_no,
            .start = start,
            .period_s = period_s,
            .instead = t->instead,
            .st = {.period_start = start, .period_s = period_s}};
    dm_buf_init(&m.body, 1);
    dm_day_init(&m.day);
    m.books = calloc(1, sizeof(*m.books));
    m.attest = calloc(1, sizeof(*m.attest));
    int r = m.books == NULL || m.attest == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for a period") : rate(&m, t, err);
    dm_making_done(&m);
    return r;
}
