#include "api/life/alert.h"

#include <stdio.h>

#include "base/parse.h"

#include "tenants/plan/alerts.h"
#include "tenants/who/keepers.h"

enum { BODY_MAX = 4096, WHOSE_MAX = 100 };

/* --- a letter ----------------------------------------------------------------------------------------------- */

static bool is(dm_str s, const char *z)
{
    return dm_str_eq(s, dm_str_c(z));
}

/* A project is called by its slug: a name is anybody's words. */
static void whose(const dm_alert *a, char out[WHOSE_MAX])
{
    if (a->slug.p != NULL)
        (void)snprintf(out, WHOSE_MAX, "the project %.*s", (int)a->slug.n, a->slug.p);
    else
        (void)snprintf(out, WHOSE_MAX, "your account");
}

static const char *budget_of(const dm_alert *a)
{
    return is(a->budget, "money")     ? "month's spend cap"
           : is(a->budget, "minutes") ? "month's included minutes"
           : is(a->budget, "wallet")  ? "prepaid money"
                                      : "month's running time";
}

static void write_subject(const dm_alert *a, char *out, size_t n)
{
    char of[WHOSE_MAX];
    whose(a, of);
    if (is(a->kind, "percent"))
        (void)snprintf(out, n, "%lld %% of the %s of %s is used", (long long)a->mark, budget_of(a), of);
    else if (is(a->kind, "ends"))
        (void)snprintf(out, n, "The %s of %s will not last", budget_of(a), of);
    else
        (void)snprintf(out, n, "The last hour of %s was far above its usual one", of);
}

static const char *what_then(const dm_alert *a)
{
    if (is(a->budget, "minutes"))
        return "When they are used up, a plan that charges for minutes charges for the next ones; on Free\n"
               "what runs is put to sleep and nothing new begins. Nothing is deleted.\n";
    if (is(a->budget, "wallet"))
        return "That is of what was there when money last came, and the tax on what is used counts. When it is\n"
               "used up, what runs is put to sleep and nothing new begins, until more is paid in. Nothing is "
               "deleted.\n";
    return "When it is used up, what runs is put to sleep and nothing new begins. Nothing is deleted.\n";
}

static void write_body(const dm_alert *a, dm_buf *out)
{
    const dm_str unit = dm_alert_unit(a);
    char of[WHOSE_MAX], at[40];
    whose(a, of);
    dm_rfc3339(a->at_us, at);
    if (is(a->kind, "times"))
        (void)dm_buf_fmt(out,
                "The last hour of %s came to %.*s %.*s. An hour of the last 28 days came to\n"
                "%.*s on average, of the days that had any: this is %lld times as much, or more.\n\n",
                of, (int)a->used.n, a->used.p, (int)unit.n, unit.p, (int)a->bound.n, a->bound.p, (long long)a->mark);
    else
        (void)dm_buf_fmt(out, "Of the %s of %s %.*s of %.*s %.*s are used.\n", budget_of(a), of, (int)a->used.n,
                a->used.p, (int)a->bound.n, a->bound.p, (int)unit.n, unit.p);
    if (is(a->kind, "ends"))
        (void)dm_buf_c(out, "If all goes on as in the last hour, the rest is used before the month ends.\n");
    if (!is(a->kind, "times"))
        (void)dm_buf_fmt(out, "\n%s\n", what_then(a));
    (void)dm_buf_fmt(out,
            "As of %s; months are of UTC. GET /v1/accounts/{id}/caps says where it stands,\n"
            "PUT /v1/accounts/{id}/alerts what you are told of, and whether by mail.\n",
            at);
}

static int tell(dm_pg *c, dm_account_no account, const dm_alert *a, dm_err *err)
{
    const dm_owner owner = {account, {a->project_no}};
    DM_AUTO_BUF body;
    char cause[64], subject[200];
    int64_t letters;
    dm_buf_init(&body, BODY_MAX);
    write_subject(a, subject, sizeof subject);
    write_body(a, &body);
    (void)snprintf(cause, sizeof cause, "alert:%lld", (long long)a->no);
    const dm_keepers_letter letter = {.cause = cause, .subject = subject, .body = body.p, .money = true};
    int r = dm_buf_ok(&body, err);
    return r < 0 ? r : dm_keepers_tell(c, owner, &letter, &letters, err);
}

/* --- an account --------------------------------------------------------------------------------------------- */

int dm_alert_look(dm_pg *c, dm_account_no account, unsigned *noted, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_alerts_note(c, account, &rows, err);
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_alert a;
        dm_alert_read(rows, i, &a);
        if (a.told)
            r = tell(c, account, &a, err);
    }
    *noted = (unsigned)n;
    return r;
}

/* --- a round ------------------------------------------------------------------------------------------------ */

typedef struct look {
    int64_t after, upto;
    dm_account_no account; /* of one */
    unsigned noted;
    dm_pg_rows *rows; /* owned */
} look;

static int find_due(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    int r = dm_alerts_window(c, l->after, &l->upto, err);
    return r != 0 ? r : dm_alerts_due(c, l->after, l->upto, &l->rows, err);
}

static int look_at(dm_pg *c, void *arg, dm_err *err)
{
    look *l = arg;
    return dm_alert_look(c, l->account, &l->noted, err);
}

unsigned dm_alert_look_now(dm_api *api, dm_account_no account)
{
    look one = {.account = account};
    dm_err err = {0};
    int r = dm_api_tx_ops_of(api, (dm_owner){.account = account}, look_at, &one, &err);
    if (r < 0)
        dm_log_err(api->log, DM_WARN, "alerts.failed", &err);
    else if (one.noted > 0)
        DM_LOG(api->log, DM_INFO, "alerts.noted", dm_fi("account", account.v), dm_fu("alerts", one.noted));
    return r < 0 ? 0 : one.noted;
}

int dm_alert_round(dm_api *api, int64_t *after, unsigned *noted, dm_err *err)
{
    look l = {.after = *after};
    *noted = 0;
    int r = dm_api_tx_ops(api, find_due, &l, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(l.rows); i++)
        *noted += dm_alert_look_now(api, (dm_account_no){dm_pg_i64(l.rows, i, 0)});
    if (r >= 0)
        *after = r == 0 ? l.upto : 0; /* that was the last one: from the first on */
    dm_pg_rows_free(l.rows);
    return r < 0 ? r : 0;
}
