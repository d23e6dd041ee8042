/* The regular invoices. A month is looked at when it is over by the delay, and the ledger is past its end; an account
 * in it when none of its periods up to there is still to be stated. What has been said of an account's month (invoiced,
 * nothing, carried) is a row that the same transaction writes: so it is said once, whoever runs this and however often.
 * A month of which nobody has anything left gets a row, too, and is not looked at again. */
#include <stdio.h>

#include "base/point.h"

#include "metering/invoice/after.h"
#include "metering/invoice/invoice.h"
#include "metering/invoice/make.h"
#include "metering/invoice/sql_month.h"
#include "metering/invoice/sql_state.h"
#include "metering/kit/sql_kit.h"

enum { MONTHS_MAX = 24, ACCOUNTS_PAGE = 100, OVERDUE_PAGE = 100 };

typedef struct round {
    const dm_chore_config *c;
    int64_t from_s, to_s; /* the month's */
    int64_t now_s;
    dm_account_no account_no;
    dm_pg_rows *rows;
    dm_make make;
} round;

static int64_t now_of(const dm_chore_config *c)
{
    return dm_second_of(dm_wall_us(c->clock));
}

/* --- one account -------------------------------------------------------------------------------------------- */

static int note_no_tax(dm_pg *pg, const round *k, dm_err *err)
{
    dm_anomaly a = {.kind = DM_ANOMALY_NO_TAX, .account_no = k->account_no, .period_start = k->from_s, .count = 1};
    (void)snprintf(a.detail, sizeof a.detail, "%s", k->make.why);
    return dm_sql_anomaly_once(pg, &a, err);
}

static int say(dm_pg *pg, const round *k, const char *outcome, dm_err *err)
{
    const dm_make *m = &k->make;
    const char *why = m->invoice_no != 0 ? m->number : m->why;
    return dm_sql_month_end(pg, k->account_no, k->from_s, outcome, m->invoice_no, why, k->now_s, err);
}

static int account_tx(dm_pg *pg, void *arg, dm_err *err)
{
    round *k = arg;
    bool done = false;
    int64_t carried = k->from_s;
    int r = dm_chore_may(k->c, pg, err);
    if (r == 0)
        r = dm_invoice_turn(pg, k->account_no, err);
    if (r == 0)
        r = dm_sql_month_begin(pg, k->account_no, k->from_s, &done, &carried, err);
    if (r != 0 || done)
        return r;
    k->make = (dm_make){.account_no = k->account_no,
            .from_s = carried,
            .to_s = k->to_s,
            .over = true,
            .now_s = k->now_s,
            .who = "policy:invoice"};
    switch (r = dm_make_invoice(pg, k->c->key, &k->make, err)) {
    case 0:
        return say(pg, k, "invoiced", err);
    case DM_MAKE_NOTHING:
        return say(pg, k, "nothing", err);
    case DM_MAKE_CARRIED:
        return say(pg, k, "carried", err);
    case DM_MAKE_NO_TAX:
        return note_no_tax(pg, k, err);
    default:
        return r;
    }
}

/* --- all of a month ----------------------------------------------------------------------------------------- */

static int read_accounts(dm_pg *pg, void *arg, dm_err *err)
{
    round *k = arg;
    dm_pg_rows_free(k->rows);
    k->rows = NULL;
    return dm_sql_month_accounts(pg, k->from_s, k->to_s, k->account_no, ACCOUNTS_PAGE, &k->rows, err);
}

static int close_month(dm_pg *pg, void *arg, dm_err *err)
{
    const round *k = arg;
    int r = dm_chore_may(k->c, pg, err);
    return r != 0 ? r : dm_sql_month_close(pg, k->from_s, k->to_s, k->now_s, err);
}

static int month(round *k, dm_err *err)
{
    size_t n = ACCOUNTS_PAGE;
    int r = 0;
    k->account_no.v = 0;
    while (r == 0 && n == ACCOUNTS_PAGE) {
        r = dm_pg_tx_on(k->c->pg, &(dm_pg_scope){.read_only = true}, read_accounts, k, err);
        n = r == 0 ? dm_pg_count(k->rows) : 0;
        DM_AUTO(dm_pg_rows) rows = dm_steal(&k->rows);
        for (size_t i = 0; r == 0 && i < n; i++) {
            k->account_no.v = dm_pg_i64(rows, i, 0);
            r = dm_pg_tx_on(k->c->pg, &(dm_pg_scope){0}, account_tx, k, err);
            DM_POINT(INVOICE_ISSUED);
        }
    }
    if (r == 0)
        r = dm_pg_tx_on(k->c->pg, &(dm_pg_scope){0}, close_month, k, err);
    DM_POINT(INVOICE_MONTH);
    return r;
}

static int read_months(dm_pg *pg, void *arg, dm_err *err)
{
    round *k = arg;
    dm_pg_rows_free(k->rows);
    k->rows = NULL;
    return dm_sql_months(pg, k->now_s - (int64_t)k->c->invoice_delay_s, MONTHS_MAX, &k->rows, err);
}

int dm_invoice_months(const dm_chore_config *c, dm_err *err)
{
    round k = {.c = c, .now_s = now_of(c)};
    int r = dm_pg_tx_on(c->pg, &(dm_pg_scope){.read_only = true}, read_months, &k, err);
    DM_AUTO(dm_pg_rows) months = dm_steal(&k.rows);
    for (size_t i = 0; r == 0 && i < dm_pg_count(months); i++) {
        k.from_s = dm_pg_i64(months, i, 0);
        k.to_s = dm_pg_i64(months, i, 1);
        r = month(&k, err);
    }
    return r;
}

/* --- what is overdue ---------------------------------------------------------------------------------------- */

static int read_overdue(dm_pg *pg, void *arg, dm_err *err)
{
    round *k = arg;
    dm_pg_rows_free(k->rows);
    k->rows = NULL;
    return dm_sql_state_overdue(pg, k->now_s, OVERDUE_PAGE, &k->rows, err);
}

typedef struct late {
    const dm_chore_config *c;
    dm_account_no account_no;
    int64_t invoice_no, now_s;
} late;

static int overdue_tx(dm_pg *pg, void *arg, dm_err *err)
{
    const late *l = arg;
    dm_after a = {.now_s = l->now_s, .who = "policy:overdue"};
    int r = dm_chore_may(l->c, pg, err);
    if (r == 0)
        r = dm_invoice_turn(pg, l->account_no, err);
    if (r != 0)
        return r;
    r = dm_state_load(pg, l->invoice_no, &a.f, err);
    if (r == 0)
        r = dm_after_overdue(pg, &a, err);
    return r < 0 ? r : 0; /* it is paid meanwhile, or as it was */
}

int dm_invoice_overdue(const dm_chore_config *c, dm_err *err)
{
    round k = {.c = c, .now_s = now_of(c)};
    size_t n = OVERDUE_PAGE;
    int r = 0;
    while (r == 0 && n == OVERDUE_PAGE) { /* who is overdue is so no longer in the next page */
        r = dm_pg_tx_on(c->pg, &(dm_pg_scope){.read_only = true}, read_overdue, &k, err);
        n = r == 0 ? dm_pg_count(k.rows) : 0;
        DM_AUTO(dm_pg_rows) rows = dm_steal(&k.rows);
        for (size_t i = 0; r == 0 && i < n; i++) {
            late l = {.c = c,
                    .account_no = {dm_pg_i64(rows, i, 0)},
                    .invoice_no = dm_pg_i64(rows, i, 1),
                    .now_s = k.now_s};
            r = dm_pg_tx_on(c->pg, &(dm_pg_scope){0}, overdue_tx, &l, err);
        }
    }
    return r;
}
