/* tenants/plan/alerts.h: what an account's people are told of a month's bounds before those end what runs: at parts of
 * a bound (percent), when the last hour, gone on, would reach one before its month ends (ends), and when it came to so
 * many usual hours (times), and when what is left was granted to the last second (last). Bounds are caps of money and
 * of running seconds, of the account or a project (budget.h), and the plan's minutes. Usual is the mean hour of those
 * of the last 28 days that had any, seven at least. Who pays by the hour is told of his wallet, too: of parts of what
 * was there when money last came (dm.wallet_fill), the tax on what is used included; it has no month.
 *
 * An alert is a row, once for its cause: account or project, month, budget, kind, mark and bound, of a wallet the money
 * that came. Its row and its letters are written by one transaction: whoever dies has done both or neither. */
#ifndef DM_TENANTS_PLAN_ALERTS_H
#define DM_TENANTS_PLAN_ALERTS_H

#include "base/pg.h"
#include "base/wire/number.h"

enum {
    DM_ALERTS_NO_PROJECT = 1,
    DM_ALERTS_NONE = 2,
    DM_ALERT_PERCENTS = 10,     /* of one setting */
    DM_ALERT_TIMES_MIN = 2,     /* usual hours, */
    DM_ALERT_TIMES_MAX = 1000,  /* at least and at most */
    DM_ALERT_SETTINGS = 1000,   /* that are shown */
    DM_ALERTS_MONTH_MAX = 1000, /* alerts of an account; what comes after them is not told */
    DM_ALERT_ACCOUNTS = 200,    /* that one look asks about */
    DM_BUDGET_LOW_PERCENT = 10, /* below so much of a bound little is left of it */
};

/* --- what people want (role dm_api, of the whole account) --------------------------------------------------- */

typedef struct dm_alert_change {
    const char *who;
    dm_account_no account;
    const char *slug; /* of a project of it; NULL: the account's */
    dm_str percents;  /* "{50,80}", each of 1 to 100; .p NULL: as they are */
    bool sets_ends, ends;
    bool sets_times;
    int64_t times; /* 0: never */
    bool sets_muted, muted;
} dm_alert_change;

/* Writes its line of the audit. What a project's first setting does not say is as its account has it. */
int dm_alert_set(dm_pg *c, const dm_alert_change *change, dm_err *err) DM_NODISCARD;

typedef struct dm_alert_setting {
    dm_str slug;     /* .p NULL: of the account, which always has one */
    dm_str percents; /* JSON */
    bool ends, muted;
    int64_t times; /* 0: never */
} dm_alert_setting;

/* The account's first, then those of projects with one of their own, by slug. */
int dm_alert_settings(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_alert_setting_read(const dm_pg_rows *rows, size_t row, dm_alert_setting *out);

/* --- alerts ------------------------------------------------------------------------------------------------- */

typedef struct dm_alert {
    int64_t no, at_us, project_no;
    dm_str slug;         /* .p NULL: of the account */
    dm_str budget, kind; /* money, seconds, minutes, wallet; percent, ends, times, last */
    int64_t mark;        /* percents, or times; else 0 */
    dm_str used, bound;  /* of times: what the last hour came to, and a usual one */
    dm_str currency;
    bool told; /* it is worth a letter: nobody muted it, no higher percent of its bound came with it, and it is not the
                  last of it, for which any letter comes too late */
} dm_alert;

/* Role dm_api, in the owner's scope: of a project, with those of its whole account; of an account (project 0), all.
 * Newest first, those below the number before; total may be NULL. And those of some numbers, in any order. */
int dm_alerts_list(dm_pg *c, dm_owner owner, int64_t before, int64_t limit, dm_pg_rows **rows, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
int dm_alerts_of(
        dm_pg *c, dm_owner owner, const int64_t *numbers, size_t n, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_alert_read(const dm_pg_rows *rows, size_t row, dm_alert *out);
/* What used and bound are counted in: its currency, or seconds, as minutes are. */
dm_str dm_alert_unit(const dm_alert *a);

/* One that concerns a project: an account's concerns each. */
typedef struct dm_alert_came {
    dm_project_no project;
    int64_t no, at_us;
} dm_alert_came;

/* Role dm_ops, for all the projects: those noted at since_us or later, the newest first. out has room for max; *n ==
 * max: there may be more that are older. */
int dm_alerts_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_alert_came *out, size_t *n, dm_err *err) DM_NODISCARD;

/* --- noting them (role dm_ops) ------------------------------------------------------------------------------ */

/* The accounts with a number above after and up to *upto are the next to be looked at, of those that have used
 * something this month; how much they have is marked. DM_ALERTS_NONE: there is none above it. */
int dm_alerts_window(dm_pg *c, int64_t after, int64_t *upto, dm_err *err) DM_NODISCARD;
/* Of those, what has little left (DM_BUDGET_LOW_PERCENT) is noted as that; the ones of which something is to be told:
 * their numbers. */
int dm_alerts_due(dm_pg *c, int64_t after, int64_t upto, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
/* Notes what has little left, and what is to be told of an account: as rows of dm_alert, which nobody else gets. */
int dm_alerts_note(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* What has little left: account, project (0: of all the account), cause and percent, by account and project, the least
 * first; at most limit. */
int dm_budget_low_list(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
