/* usage_pages: what a page of an account's usage by sandbox costs, where very many ran every day. The database is one
 * that nobody else uses, and has migrations and nothing more; OWNER is a superuser's connection to it, METER and API
 * those of roles dm_meter and dm_api. One line of JSON, in milliseconds.
 *
 * The days are those from FIRST on; each has money of the account as a whole, which is split. Pages are asked for as
 * the API asks: first while all days are open, then when all but the last one are settled. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"

#include "metering/bill/by_sandbox.h"
#include "metering/read/days.h"

enum { ACCOUNT = 900, DAYS = 45, MONTH = 31, FIRST = 1772323200 /* 2026-03-01 */, DAY_S = 86400 };
enum { TRIES = 3, PAGE = 101, SCRIPT_MAX = 1 << 14, SANDBOXES_MAX = 1000000 };

typedef struct bench {
    dm_pg *owner, *meter, *api;
    int64_t n;
} bench;

static int fill(const bench *b, dm_err *err)
{
    char sql[SCRIPT_MAX];
    (void)snprintf(sql, sizeof sql,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.account (account_no, legal_name, country, currency, tier) OVERRIDING SYSTEM VALUE VALUES "
            "(%d, 'Bench', 'CN', 'CNY', 'payg');"
            "INSERT INTO dm.project (account_no, project_no, slug, name, region_no) OVERRIDING SYSTEM VALUE VALUES "
            "(%d, %d, 'bench', 'Bench', 1);"
            "INSERT INTO dm.usage_sandbox (account_no, day, project_no, sandbox_id, running_s, hibernated_s, amount) "
            "SELECT %d, date '2026-03-01' + d, %d, substring(sha256(n::text::bytea) FOR 16), 1 + (n * 7919 + d) %% "
            "86400, "
            "0, ((n * 104729 + d * 31) %% 1000003) * 0.000001 FROM generate_series(0, %d) d, generate_series(1, "
            "%" PRId64 "::bigint) n;"
            "INSERT INTO dm.usage_sandbox (account_no, day, project_no, sandbox_id, running_s, hibernated_s, amount) "
            "SELECT %d, date '2026-03-01' + d, 0, '', 0, 0, 12.5 FROM generate_series(0, %d) d;"
            "INSERT INTO dm.usage_settled (account_no, day) SELECT %d, date '2026-03-01' + d FROM generate_series(0, "
            "%d) d;"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES (dm.ts(%" PRId64 "000000), 3600, now())",
            ACCOUNT, ACCOUNT, ACCOUNT, ACCOUNT, ACCOUNT, DAYS - 1, b->n, ACCOUNT, DAYS - 1, ACCOUNT, DAYS - 1,
            (int64_t)FIRST + (DAYS - 1) * DAY_S - 3600);
    return dm_pg_script(b->owner, sql, err);
}

typedef struct asking {
    dm_days_asked asked;
    dm_days days;
} asking;

static int ask_tx(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    return dm_read_days(c, (dm_account_no){ACCOUNT}, &a->asked, &a->days, err);
}

/* How long it takes to say that a range is not added up yet; -1: it is told. */
static int refusal(const bench *b, const char *name, int days, dm_err *err)
{
    asking a = {.asked = {.by = DM_DAYS_BY_SANDBOX,
                        .from = FIRST,
                        .to = FIRST + (int64_t)days * DAY_S,
                        .by_cost = true,
                        .limit = PAGE}};
    int64_t began = dm_mono_us(&dm_clock_real);
    int r = dm_pg_tx_on(b->api, &(dm_pg_scope){.account_no = ACCOUNT, .read_only = true}, ask_tx, &a, err);
    int64_t took = dm_mono_us(&dm_clock_real) - began;
    dm_days_done(&a.days);
    if (r >= 0)
        (void)printf(", \"%s_%s_ms\": %" PRId64, name, r == DM_DAYS_NOT_YET ? "refused" : "told", took / 1000);
    return r < 0 ? r : 0;
}

/* The best of some tries; the first page, or the one behind it. */
static int page(const bench *b, const char *name, int from, int days, bool second, dm_err *err)
{
    int64_t best = INT64_MAX;
    int r = 0;
    char cost[DM_DAYS_AT_MAX], ord[80];
    asking a = {.asked = {.by = DM_DAYS_BY_SANDBOX,
                        .from = FIRST + (int64_t)from * DAY_S,
                        .to = FIRST + (int64_t)(from + days) * DAY_S,
                        .by_cost = true,
                        .limit = PAGE}};
    for (int i = 0; r == 0 && i < TRIES + second; i++) {
        int64_t began = dm_mono_us(&dm_clock_real);
        r = dm_pg_tx_on(b->api, &(dm_pg_scope){.account_no = ACCOUNT, .read_only = true}, ask_tx, &a, err);
        int64_t took = dm_mono_us(&dm_clock_real) - began;
        if (r == 0 && a.days.total != b->n)
            r = dm_fail(err, DM_E_INTERNAL, "%" PRId64 " sandboxes", a.days.total);
        if (r == 0 && second && i == 0) {
            dm_days_row row = dm_days_row_of(&a.days, PAGE - 2);
            r = dm_str_to_array(row.cost, cost, sizeof cost, err);
            if (r == 0)
                r = dm_str_to_array(row.ord, ord, sizeof ord, err);
            a.asked.cost = dm_str_c(cost);
            a.asked.ord = dm_str_c(ord);
            continue;
        }
        best = took < best ? took : best;
    }
    dm_days_done(&a.days);
    if (r == 0)
        (void)printf(", \"%s_ms\": %" PRId64, name, best / 1000);
    return r;
}

static int held(void *arg, dm_pg *c, bool *is, dm_err *err)
{
    (void)arg;
    (void)c;
    (void)err;
    *is = true;
    return 0;
}

static int settle(const bench *b, dm_err *err)
{
    const dm_chore_config c = {.pg = b->meter, .clock = &dm_clock_real, .held = held};
    int64_t began = dm_mono_us(&dm_clock_real);
    int r = 0;
    for (int i = 0; r == 0 && i < DAYS; i++) /* a turn is bounded in time */
        r = dm_by_sandbox(&c, err);
    if (r == 0)
        (void)printf(", \"settle_day_ms\": %" PRId64, (dm_mono_us(&dm_clock_real) - began) / 1000 / (DAYS - 1));
    return r;
}

static int measure(const bench *b, dm_err *err)
{
    (void)printf("{\"sandboxes\": %" PRId64, b->n);
    int r = fill(b, err);
    if (r == 0)
        r = page(b, "open_day", 0, 1, false, err);
    for (int days = 2; r == 0 && days <= DAYS; days += days < 6 ? 1 : DAYS - 6) {
        char name[24];
        (void)snprintf(name, sizeof name, "open_%d_days", days);
        r = refusal(b, name, days, err);
    }
    if (r == 0)
        r = settle(b, err);
    if (r == 0)
        r = page(b, "day", 0, 1, false, err);
    if (r == 0)
        r = page(b, "month", 0, MONTH, false, err);
    if (r == 0)
        r = page(b, "month_second", 0, MONTH, true, err);
    if (r == 0)
        r = page(b, "month_so_far", MONTH, DAYS - MONTH, false, err);
    if (r == 0)
        r = page(b, "thirty_days", 12, 30, false, err);
    if (r == 0)
        r = page(b, "all", 0, DAYS, false, err);
    (void)printf("}\n");
    return r;
}

int main(int argc, char **argv)
{
    bench b = {.n = 0};
    dm_err err = {0};
    if (argc != 5 || dm_parse_i64(dm_str_c(argv[4]), PAGE, SANDBOXES_MAX, &b.n, &err) < 0) {
        (void)fprintf(stderr, "usage: usage_pages OWNER METER API SANDBOXES\n");
        return 2;
    }
    int r = dm_pg_open(argv[1], &b.owner, &err);
    if (r == 0)
        r = dm_pg_open(argv[2], &b.meter, &err);
    if (r == 0)
        r = dm_pg_open(argv[3], &b.api, &err);
    if (r == 0)
        r = measure(&b, &err);
    dm_pg_close(b.owner);
    dm_pg_close(b.meter);
    dm_pg_close(b.api);
    if (r != 0)
        (void)fprintf(stderr, "usage_pages: %s\n", err.msg);
    return r != 0;
}
