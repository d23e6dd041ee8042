/* Covers metering/bill/by_sandbox.c, metering/bill/sql_by_sandbox.c, metering/read/sql_days.c: what statements of all
 * kinds come to by each grouping, on ledgers that real evidence made, while it is being added up and after; and that a
 * range of days is the same whether they are read from the days or from their months. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/bill/by_sandbox.h"
#include "metering/read/days.h"
#include "metering/rules/money.h"
#include "tests/support/bundlerig.h"
#include "tests/unit/test.h"

enum { DAYS_AROUND = 40 * 86400 };

static cluster pg;

typedef struct asking {
    int account;
    dm_days_asked asked;
    dm_days days;
} asking;

static int ask_tx(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    return dm_read_days(c, (dm_account_no){a->account}, &a->asked, &a->days, err);
}

static void read_page(dm_pg *api, asking *a)
{
    dm_err err = {0};
    int r = dm_pg_tx_on(api, &(dm_pg_scope){.account_no = a->account}, ask_tx, a, &err);
    if (r != 0)
        fail_msg("account %d, group %d: %d %s", a->account, (int)a->asked.by, r, err.msg);
}

/* All pages of a grouping: what their rows sum to, and that each comes once and in order. */
static void sum_of(bundlerig *b, int account, dm_days_by by, bool by_cost, int64_t limit, char out[DM_MONEY_TEXT])
{
    char cost[DM_DAYS_AT_MAX] = "", ord[80] = "", whole[DM_MONEY_TEXT];
    asking a = {.account = account,
            .asked = {.by = by,
                    .from = T0 - DAYS_AROUND,
                    .to = T0 + DAYS_AROUND,
                    .tag = DM_STR("team"),
                    .by_cost = by_cost,
                    .limit = limit}};
    dm_money sum = {0}, one, last = {0};
    int64_t rows = 0;
    do {
        read_page(b->api, &a);
        for (size_t i = 0; i < a.days.n; i++, rows++) {
            dm_days_row row = dm_days_row_of(&a.days, i);
            assert_int_equal(dm_money_parse(row.amount, &one, NULL), 0);
            assert_int_equal(dm_money_add(sum, one, &sum, NULL), 0);
            if (rows > 0 && by_cost)
                assert_true(dm_money_cmp(one, last) <= 0);
            last = one;
            (void)snprintf(cost, sizeof cost, "%.*s", (int)row.cost.n, row.cost.p);
            (void)snprintf(ord, sizeof ord, "%.*s", (int)row.ord.n, row.ord.p);
        }
        assert_int_equal(dm_str_to_array(a.days.amount, whole, sizeof whole, NULL), 0);
        a.asked.cost = dm_str_c(cost);
        a.asked.ord = dm_str_c(ord);
    } while (a.days.n == (size_t)limit);
    assert_int_equal(rows, a.days.total);
    dm_days_done(&a.days);
    dm_money_print(sum, out);
    assert_string_equal(out, whole);
}

/* first: the grouping to begin with; what is by day is not added up later, and asked once. */
static void all_sum_to_the_statements(bundlerig *b, dm_days_by first, int64_t limit)
{
    char text[160], got[DM_MONEY_TEXT];
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        (void)snprintf(text, sizeof text,
                "SELECT round(coalesce(sum(total), 0), 18) FROM dm.statement WHERE account_no = %d", account);
        const char *want = ask(&b->r, text);
        for (int by = (int)first; by <= DM_DAYS_BY_TAG; by++) {
            sum_of(b, account, (dm_days_by)by, by == DM_DAYS_BY_TAG || account % 2 == 0, limit, got);
            if (strcmp(got, want) != 0)
                fail_msg("account %d, group %d: %s, stated %s", account, by, got, want);
        }
    }
}

static int add(rig *r, rig_fence *f)
{
    dm_err err = {0};
    dm_chore_config c = {.pg = r->pg, .clock = &dm_clock_real, .held = rig_ask_fence, .held_arg = f};
    int done = dm_by_sandbox(&c, &err);
    if (done < 0)
        fail_msg("%s", err.msg);
    return done;
}

#define OWED "SELECT coalesce(sum(documents - added), 0) FROM dm.usage_owed"

/* The meter is taken over at one document or another, and goes on; nobody who looks meanwhile sees a half. */
static void each_statement_counts_once(void **state)
{
    bundlerig b;
    char before[32];
    (void)state;
    bundlerig_open(&b, &pg, "by_sandbox", 5, 503);
    sql(&b.r, "SET session_replication_role = replica; UPDATE dm.sandbox SET metadata = jsonb_build_object('team',"
              " chr(97 + get_byte(sandbox_id, 15) % 5)) WHERE get_byte(sandbox_id, 15) % 7 > 0;"
              "SET session_replication_role = DEFAULT");
    all_sum_to_the_statements(&b, DM_DAYS_BY_DAY, 400);
    assert_sql(&b.r, "SELECT count(*) FROM dm.usage_sandbox", "0");
    for (int at = 2, n = 0; n < 2; n++, at = 2 + (at * 3) % 7) {
        rig_fence f = {.at = at, .lost = true};
        (void)snprintf(before, sizeof before, "%s", ask(&b.r, OWED));
        assert_int_equal(add(&b.r, &f), DM_CHORE_ZOMBIE);
        assert_string_not_equal(ask(&b.r, OWED), before);
        all_sum_to_the_statements(&b, DM_DAYS_BY_SANDBOX, 400);
    }
    for (int turn = 0; turn < 10; turn++) {
        rig_fence f = {0};
        assert_int_equal(add(&b.r, &f), 0);
    }
    assert_sql(&b.r, OWED, "0");
    all_sum_to_the_statements(&b, DM_DAYS_BY_SANDBOX, 90);
    all_sum_to_the_statements(&b, DM_DAYS_BY_TAG, 3);
    /* of each sandbox what its lines are, and its time as by template and key */
    assert_sql(&b.r,
            "SELECT count(*) FROM (SELECT account_no, sandbox_id, sum(amount) AS a FROM dm.usage_sandbox GROUP BY 1, "
            "2) u"
            " FULL JOIN (SELECT account_no, coalesce(sandbox_id, '') AS sandbox_id, sum(amount) AS a FROM"
            " dm.statement_line GROUP BY 1, 2) l USING (account_no, sandbox_id)"
            " WHERE coalesce(u.a, 0) <> coalesce(l.a, 0)",
            "0");
    assert_sql(&b.r,
            "SELECT count(*) FROM (SELECT account_no, day, project_no, sum(running_s) AS r, sum(hibernated_s) AS h FROM"
            " dm.usage_sandbox GROUP BY 1, 2, 3) u FULL JOIN (SELECT account_no, day, project_no, sum(running_s) AS r,"
            " sum(hibernated_s) AS h FROM dm.usage_day GROUP BY 1, 2, 3) d USING (account_no, day, project_no)"
            " WHERE (coalesce(u.r, 0), coalesce(u.h, 0)) <> (coalesce(d.r, 0), coalesce(d.h, 0))",
            "0");
    /* when all of their days are settled nothing is told otherwise */
    sql(&b.r, "INSERT INTO dm.period (period_start, period_s, closed_at) SELECT max(period_start) + interval '1 day',"
              " 120, now() FROM dm.period");
    rig_fence f = {0};
    assert_int_equal(add(&b.r, &f), 0);
    assert_sql(&b.r, "SELECT count(*) FROM dm.usage_settled WHERE NOT settled", "0");
    assert_sql(&b.r, "SELECT count(*) > 0 FROM dm.usage_sandbox_month WHERE shared_days > 0", "t");
    all_sum_to_the_statements(&b, DM_DAYS_BY_SANDBOX, 90);
    all_sum_to_the_statements(&b, DM_DAYS_BY_TAG, 3);
    bundlerig_close(&b);
}

/* --- days and months ---------------------------------------------------------------------------------------- */

enum { RANGES = 17, FIRST_DAY = 1768867200 /* 2026-01-20 */, DAYS = 76, LISTING_MAX = 1 << 16 };

/* Sandboxes of two projects of account 1 that ran and slept on some of the days from FIRST_DAY on, with credits and
 * what was taken back; on most days the account has money of its own, of all signs and down to the smallest. On one
 * nobody ran, on another only what sleeps is there, on a third the account alone. */
static void days_of_all_kinds(rig *r)
{
    sql(r, "SET session_replication_role = replica; SELECT setseed(0.25);"
           "INSERT INTO dm.usage_sandbox (account_no, day, project_no, sandbox_id, running_s, hibernated_s, amount)"
           " SELECT 1, d::date, CASE WHEN n % 3 = 0 THEN 4 ELSE 1 END, decode(lpad(to_hex(n), 32, '0'), 'hex'),"
           "  (random() * 5000)::int - CASE WHEN n = 7 THEN 3000 ELSE 0 END, (random() * 900)::int,"
           "  round((random() * 3 - 0.4)::numeric, 12) + (n % 4) * 0.000000000000000001"
           " FROM generate_series(timestamp '2026-01-20', '2026-04-05', '1 day') d, generate_series(1, 23) n"
           " WHERE random() < 0.55 OR n = 5;"
           "INSERT INTO dm.usage_sandbox (account_no, day, project_no, sandbox_id, running_s, hibernated_s, amount)"
           " SELECT 1, d::date, 0, '', (random() * 9)::int, 3, CASE (random() * 4)::int WHEN 0 THEN 0"
           "  WHEN 1 THEN -0.000000000000000007 WHEN 2 THEN 0.000000000000000011 ELSE"
           "  round((random() * 8 - 2)::numeric, 18) END FROM generate_series(timestamp '2026-01-20', '2026-04-05',"
           " '1 day') d WHERE random() < 0.8;"
           "DELETE FROM dm.usage_sandbox WHERE day = '2026-02-11'; UPDATE dm.usage_sandbox SET running_s = 0 WHERE day"
           " IN ('2026-02-20', '2026-03-02'); DELETE FROM dm.usage_sandbox WHERE day = '2026-03-02' AND sandbox_id <> "
           "'';"
           "INSERT INTO dm.usage_sandbox (account_no, day, project_no, sandbox_id, running_s, hibernated_s, amount)"
           " VALUES (1, '2026-02-20', 0, '', 0, 0, 1.5), (1, '2026-03-02', 0, '', 0, 0, -0.25) ON CONFLICT (account_no,"
           " day, project_no, sandbox_id) DO UPDATE SET amount = excluded.amount;"
           "INSERT INTO dm.usage_settled (account_no, day) SELECT DISTINCT account_no, day FROM dm.usage_sandbox;"
           "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-04-02 23:00Z', 3600, now());"
           "SET session_replication_role = DEFAULT");
}

static dm_days_asked range_no(unsigned i)
{
    static const int64_t fixed[][2] = {{12, 28}, {40, 31}, {71, 5}, {0, DAYS}, {12, 59}, {42, 1}, {27, 30}, {69, 7}};
    int64_t from = (i * 29) % (DAYS - 1), days = 1 + (i * 17) % (DAYS - from);
    if (i < DM_LEN(fixed)) {
        from = fixed[i][0];
        days = fixed[i][1];
    }
    return (dm_days_asked){.by = DM_DAYS_BY_SANDBOX,
            .from = FIRST_DAY + from * 86400,
            .to = FIRST_DAY + (from + days) * 86400,
            .project = i % 3 == 1 ? DM_STR("four") : (dm_str){NULL, 0},
            .by_cost = i % 2 == 0,
            .limit = i % 5 == 0 ? 4 : 100};
}

/* All pages of what is asked for, as text; the caller's. */
static char *listing(dm_pg *api, const dm_days_asked *asked)
{
    char cost[DM_DAYS_AT_MAX], ord[80];
    asking a = {.account = 1, .asked = *asked};
    DM_AUTO_BUF out;
    dm_buf_init(&out, LISTING_MAX);
    do {
        read_page(api, &a);
        (void)dm_buf_fmt(&out, "%lld %.*s\n", (long long)a.days.total, (int)a.days.amount.n, a.days.amount.p);
        for (size_t i = 0; i < a.days.n; i++) {
            dm_days_row row = dm_days_row_of(&a.days, i);
            (void)dm_buf_fmt(&out, "%.*s %.*s %lld %lld%s\n", (int)row.key.n, row.key.p, (int)row.amount.n,
                    row.amount.p, (long long)row.running_s, (long long)row.hibernated_s, row.split ? " split" : "");
            (void)snprintf(cost, sizeof cost, "%.*s", (int)row.cost.n, row.cost.p);
            (void)snprintf(ord, sizeof ord, "%.*s", (int)row.ord.n, row.ord.p);
        }
        a.asked.cost = dm_str_c(cost);
        a.asked.ord = dm_str_c(ord);
    } while (a.days.n == (size_t)a.asked.limit);
    dm_days_done(&a.days);
    (void)dm_buf_ch(&out, '\0');
    assert_int_equal(dm_buf_ok(&out, NULL), 0);
    return strdup(dm_buf_view(&out).p);
}

static void each_is_as_before(dm_pg *api, char *const before[RANGES])
{
    for (unsigned i = 0; i < RANGES; i++) {
        dm_days_asked asked = range_no(i);
        char *now = listing(api, &asked);
        if (strcmp(now, before[i]) != 0)
            fail_msg("range %u: %s, was %s", i, now, before[i]);
        free(now);
    }
}

/* Whatever is settled, and where a range begins and ends in it: to the last decimal what the days' own rows say. */
static void a_range_is_what_its_days_are(void **state)
{
    rig r;
    dm_pg *api = NULL;
    char *before[RANGES];
    (void)state;
    rig_open(&r, &pg, "settled", 3600);
    assert_int_equal(cluster_open(&pg, r.db, "dm_api", &api), 0);
    days_of_all_kinds(&r);
    for (unsigned i = 0; i < RANGES; i++) {
        dm_days_asked asked = range_no(i);
        before[i] = listing(api, &asked);
    }
    for (int at = 5; at <= 35; at += 15) { /* of the days from the first on so many, and the meter is taken over */
        rig_fence f = {.at = at, .lost = true};
        assert_int_equal(add(&r, &f), DM_CHORE_ZOMBIE);
        each_is_as_before(api, before);
    }
    rig_fence f = {0};
    assert_int_equal(add(&r, &f), 0);
    assert_sql(&r, "SELECT max(day) FROM dm.usage_settled WHERE settled", "2026-04-02");
    assert_sql(&r, "SELECT min(day) FROM dm.usage_settled WHERE NOT settled", "2026-04-03");
    each_is_as_before(api, before);
    assert_sql(&r,
            "SELECT sum(amount + share) - (SELECT sum(amount) FROM dm.usage_sandbox WHERE day < '2026-04-03')"
            " FROM dm.usage_sandbox_month",
            "0.000000000000000000");
    /* what is planted there is seen where the month is read, and only there */
    sql(&r, "UPDATE dm.usage_sandbox_month SET amount = amount + 0.000000000000000001 WHERE month = '2026-02-01' AND"
            " sandbox_id = decode(lpad('5', 32, '0'), 'hex')");
    dm_days_asked february = range_no(0), april = range_no(2);
    char *planted = listing(api, &february), *other = listing(api, &april);
    assert_string_not_equal(planted, before[0]);
    assert_string_equal(other, before[2]);
    free(planted);
    free(other);
    for (unsigned i = 0; i < RANGES; i++)
        free(before[i]);
    dm_pg_close(api);
    rig_close(&r);
}

/* A day waits for its last period, and for what its statements owe; and it is settled once. */
static void a_day_is_settled_when_it_is_over(void **state)
{
    rig r;
    rig_fence f = {0};
    (void)state;
    rig_open(&r, &pg, "over", 3600);
#define SETTLED_DAYS "SELECT coalesce(string_agg(day::text, ' ' ORDER BY day), '') FROM dm.usage_settled WHERE settled"
    sql(&r, "SET session_replication_role = replica;"
            "INSERT INTO dm.usage_sandbox VALUES (1, '2026-03-01', 1, decode(lpad('1', 32, '0'), 'hex'), 60, 0, 0.5);"
            "INSERT INTO dm.usage_settled VALUES (1, '2026-03-01');"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-03-01 22:00Z', 3600, now());");
    assert_int_equal(add(&r, &f), 0); /* not all periods of it are written */
    assert_sql(&r, SETTLED_DAYS, "");
    sql(&r, "INSERT INTO dm.period (period_start, period_s) VALUES ('2026-03-01 23:00Z', 3600)");
    assert_int_equal(add(&r, &f), 0); /* one is not closed */
    assert_sql(&r, SETTLED_DAYS, "");
    sql(&r, "UPDATE dm.period SET closed_at = now(); INSERT INTO dm.usage_owed VALUES (1, '2026-03-01 22:00Z', 65)");
    assert_int_equal(add(&r, &f), 0); /* a turn is too short for what is owed */
    assert_sql(&r, SETTLED_DAYS, "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(add(&r, &f), 0);
        assert_sql(&r, SETTLED_DAYS, "2026-03-01");
        assert_sql(&r, "SELECT running_s || ' ' || amount || ' ' || days FROM dm.usage_sandbox_month",
                "60 0.500000000000000000 1");
    }
    rig_close(&r);
}

typedef struct request {
    int account, from, days; /* from: of March */
    dm_days_far far;
} request;

static int request_tx(dm_pg *c, void *arg, dm_err *err)
{
    request *w = arg;
    const int64_t march = 1772323200;
    const dm_days_asked asked = {.by = DM_DAYS_BY_SANDBOX,
            .from = march + (w->from - 1) * INT64_C(86400),
            .to = march + (w->from - 1 + w->days) * INT64_C(86400)};
    return dm_ask_for_days(c, &asked, &w->far, err);
}

static dm_days_far request_days(dm_pg *api, int account, int from, int days)
{
    dm_err err = {0};
    request w = {.account = account, .from = from, .days = days};
    if (dm_pg_tx_on(api, &(dm_pg_scope){.account_no = account}, request_tx, &w, &err) != 0)
        fail_msg("%s", err.msg);
    return w.far;
}

#define NEXT_DAYS                                                                                                      \
    "SELECT coalesce(string_agg(account_no || ':' || extract(day FROM day), ' ' ORDER BY account_no, day),"            \
    " '') FROM dm.usage_settled WHERE settled"

/* Days that are asked for go first, each account's a turn apart: of two that ask, none waits for all of the other's. */
static void what_is_asked_for_goes_first(void **state)
{
    rig r;
    dm_pg *api = NULL;
    (void)state;
    rig_open(&r, &pg, "asked", 3600);
    assert_int_equal(cluster_open(&pg, r.db, "dm_api", &api), 0);
    sql(&r, "SET session_replication_role = replica;"
            "INSERT INTO dm.usage_sandbox SELECT a, d::date, 1, decode(lpad('1', 32, '0'), 'hex'), 60, 0, 0.5 FROM"
            " unnest(ARRAY[1, 2, 3]) a, generate_series(timestamp '2026-03-01', '2026-03-09', '1 day') d;"
            "INSERT INTO dm.usage_settled (account_no, day) SELECT DISTINCT account_no, day FROM dm.usage_sandbox;"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-03-08 23:00Z', 3600, now())");
    dm_days_far far = request_days(api, 3, 5, 5); /* the 9th is not over yet */
    assert_int_equal(far.stated, 5);
    assert_int_equal(far.settled, 0);
    (void)request_days(api, 3, 1, 1); /* behind what it asked for before */
    (void)request_days(api, 2, 7, 1);
    for (int i = 0; i < 2; i++) /* to ask again changes nothing */
        (void)request_days(api, 3, 5, 5);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_settled WHERE asked IS NOT NULL", "7");
    static const char *const then[] = {"3:5", "2:7 3:5", "2:7 3:5 3:6", "2:7 3:5 3:6 3:7", "2:7 3:5 3:6 3:7 3:8",
            "2:7 3:1 3:5 3:6 3:7 3:8", "1:1 2:7 3:1 3:5 3:6 3:7 3:8"};
    for (size_t i = 0; i < DM_LEN(then); i++) {
        rig_fence f = {.at = 3, .lost = true}; /* a look for documents, then a day, then no more */
        assert_int_equal(add(&r, &f), DM_CHORE_ZOMBIE);
        assert_sql(&r, NEXT_DAYS, then[i]);
    }
    far = request_days(api, 3, 1, 9);
    assert_int_equal(far.stated, 9);
    assert_int_equal(far.settled, 5);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_settled WHERE account_no = 3 AND asked IS NOT NULL", "9");
    assert_sql(&r, "SELECT count(*) FROM dm.usage_settled WHERE account_no = 1 AND asked IS NOT NULL", "0");
    dm_pg_close(api);
    rig_close(&r);
}

/* More rows than are added up for a page are not, and those that are split sooner than those that are not. */
static void a_page_adds_up_so_much(void **state)
{
    rig r;
    dm_pg *api = NULL;
    (void)state;
    rig_open(&r, &pg, "bound", 3600);
    assert_int_equal(cluster_open(&pg, r.db, "dm_api", &api), 0);
    char text[600];
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica; INSERT INTO dm.usage_sandbox SELECT 1, date '2026-03-01' + n %% 3,"
            " 1, decode(lpad(to_hex(n / 3), 32, '0'), 'hex'), 60, 0, 0.5 FROM generate_series(0, %d) n;"
            "INSERT INTO dm.usage_settled (account_no, day, settled) SELECT DISTINCT account_no, day, false FROM"
            " dm.usage_sandbox; SET session_replication_role = DEFAULT",
            DM_DAYS_SPLIT_MAX - 2);
    sql(&r, text);
    asking a = {.account = 1,
            .asked = {.by = DM_DAYS_BY_SANDBOX,
                    .from = 1772323200,
                    .to = 1772323200 + 3 * 86400,
                    .by_cost = true,
                    .limit = 5}};
    dm_err err = {0};
    const dm_pg_scope whose = {.account_no = 1};
    read_page(api, &a);
    sql(&r, "INSERT INTO dm.usage_sandbox SELECT 1, '2026-03-02', 0, '', 0, 0, 1.5");
    read_page(api, &a); /* of one of the days */
    sql(&r, "INSERT INTO dm.usage_sandbox SELECT 1, d::date, 0, '', 0, 0, 1.5 FROM unnest(ARRAY['2026-03-01',"
            " '2026-03-03']) d");
    assert_int_equal(dm_pg_tx_on(api, &whose, ask_tx, &a, &err), DM_DAYS_NOT_YET);
    a.asked.to -= 86400;
    read_page(api, &a);
    a.asked.to += 86400;
    sql(&r, "UPDATE dm.usage_settled SET settled = true WHERE day = '2026-03-01'");
    read_page(api, &a);
    dm_days_done(&a.days);
    dm_pg_close(api);
    rig_close(&r);
}

static void an_id_is_its_bytes(void **state)
{
    rig r;
    char text[120], hex[2 * DM_SANDBOX_ID_BYTES + 1];
    (void)state;
    rig_open(&r, &pg, "ids", 60);
    static const char *const names[] = {"i00000000000000000000", "i00000000000000000001", "i0000000000zzzzzzzzzz",
            "i00000000010000000000", "izzzzzzzzzzzzzzzzzzzz", "i7f3k0q9a1b2c3d4e5f6g"};
    for (size_t i = 0; i < DM_LEN(names); i++) {
        dm_sandbox_id id;
        assert_int_equal(dm_sandbox_id_parse(dm_str_c(names[i]), &id, NULL), 0);
        dm_hex(id.b, sizeof id.b, hex);
        (void)snprintf(text, sizeof text, "SELECT encode(dm.sandbox_of('%s'), 'hex')", names[i]);
        assert_sql(&r, text, hex);
    }
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_statement_counts_once),
            cmocka_unit_test(a_range_is_what_its_days_are), cmocka_unit_test(a_day_is_settled_when_it_is_over),
            cmocka_unit_test(what_is_asked_for_goes_first), cmocka_unit_test(a_page_adds_up_so_much),
            cmocka_unit_test(an_id_is_its_bytes)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
