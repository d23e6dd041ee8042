/* Accounts, their tiers and the history of their plans, on a real PostgreSQL. */
/* Covers tenants/who/sql_account.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/parse.h"

#include "tenants/plan/limits.h"
#include "tenants/who/account.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;

static const char *ask(const char *sql)
{
    return cluster_try(pg.super, sql);
}

static const dm_pg_scope everybody = {.read_only = false};

typedef struct adding {
    dm_account_new fresh;
    dm_account made;
} adding;

static int do_add(dm_pg *c, void *arg, dm_err *err)
{
    adding *a = arg;
    return dm_account_add(c, "operator:test", &a->fresh, &a->made, err);
}

static int add(const char *tier, const char *currency, dm_account *out)
{
    adding a = {.fresh = {"Some", "CN", currency, tier}};
    int r = dm_pg_tx_on(pg.ops, &everybody, do_add, &a, NULL);
    if (r == 0)
        *out = a.made;
    return r;
}

typedef struct setting {
    const char *account, *tier;
    int64_t from_us;
    unsigned wait_ms;
} setting;

static int do_set(dm_pg *c, void *arg, dm_err *err)
{
    setting *s = arg;
    int r = dm_account_set_tier(c, "operator:test", NULL, s->account, s->tier, &s->from_us, err);
    (void)usleep(s->wait_ms * 1000);
    s->wait_ms = 0; /* of the first try alone */
    return r;
}

static int set(setting *s, dm_err *err)
{
    return dm_pg_tx_on(pg.ops, &everybody, do_set, s, err);
}

static int64_t now_us(void)
{
    int64_t us = 0;
    assert_int_equal(dm_parse_i64(dm_str_c(ask("SELECT dm.us(clock_timestamp())")), 0, INT64_MAX, &us, NULL), 0);
    return us;
}

static const char *plans(const dm_account *a)
{
    char text[300];
    (void)snprintf(text, sizeof text,
            "SELECT string_agg(tier || ' ' || included_s, ',' ORDER BY valid_from) FROM dm.account_plan WHERE "
            "account_no = %lld",
            (long long)a->no.v);
    return ask(text);
}

static void an_account_begins_with_a_plan(void **state)
{
    dm_account a;
    char text[300];
    (void)state;
    assert_int_equal(add("pro", "USD", &a), 0);
    assert_string_equal(plans(&a), "pro 60000");
    (void)snprintf(text, sizeof text,
            "SELECT p.valid_from = date_trunc('second', a.created_at) FROM dm.account_plan p JOIN dm.account a USING "
            "(account_no) WHERE account_no = %lld",
            (long long)a.no.v);
    assert_string_equal(ask(text), "t");
    (void)snprintf(
            text, sizeof text, "SELECT who || verb || object FROM dm.audit WHERE account_no = %lld", (long long)a.no.v);
    assert_non_null(strstr(ask(text), "operator:testaccount.addaccount:"));
    assert_int_equal(add("gold", "USD", &a), DM_ACCOUNT_NO_TIER);
    assert_int_equal(add("pro", "CNY", &a), DM_ACCOUNT_NO_PRICES);
}

/* Nothing that has begun is rated otherwise: the change holds from a second that had not. */
static void a_tier_changes_from_the_next_second_on(void **state)
{
    dm_account a;
    setting s = {.tier = "enterprise"};
    char text[300];
    (void)state;
    assert_int_equal(add("payg", "CNY", &a), 0);
    s.account = a.id;
    int64_t before = now_us();
    assert_int_equal(set(&s, NULL), 0);
    assert_true(s.from_us > before && s.from_us <= now_us() + 1000000 && s.from_us % 1000000 == 0);
    assert_string_equal(plans(&a), "payg 0,enterprise 0");
    (void)snprintf(text, sizeof text, "SELECT tier FROM dm.account WHERE account_no = %lld", (long long)a.no.v);
    assert_string_equal(ask(text), "enterprise");
    (void)snprintf(text, sizeof text,
            "SELECT string_agg(verb || ' ' || object, ',') FROM dm.audit WHERE account_no = "
            "%lld AND verb <> 'account.add'",
            (long long)a.no.v);
    assert_string_equal(ask(text), "tier.set tier:enterprise");
    /* The same again is nothing, and within the same second the last word counts. */
    int64_t from = s.from_us;
    assert_int_equal(set(&s, NULL), 0);
    assert_true(s.from_us == from);
    assert_string_equal(ask(text), "tier.set tier:enterprise");
    s.tier = "payg";
    assert_int_equal(set(&s, NULL), 0);
    assert_true(s.from_us >= from);
}

static void a_tier_that_cannot_be_billed_is_refused(void **state)
{
    dm_account a;
    setting s = {.account = "00000000-0000-4000-8000-00000000ffff", .tier = "payg"};
    (void)state;
    assert_int_equal(set(&s, NULL), DM_ACCOUNT_NONE);
    assert_int_equal(add("payg", "CNY", &a), 0);
    s.account = a.id;
    s.tier = "gold";
    assert_int_equal(set(&s, NULL), DM_ACCOUNT_NO_TIER);
    s.tier = "pro"; /* in USD alone */
    assert_int_equal(set(&s, NULL), DM_ACCOUNT_NO_PRICES);
    assert_string_equal(plans(&a), "payg 0");
    (void)ask("INSERT INTO dm.region VALUES (99, 'moon', 'far')");
    char text[300];
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.project (account_no, slug, name, region_no) VALUES (%lld, 'moon', "
            "'Moon', 99)",
            (long long)a.no.v);
    assert_string_equal(ask(text), "done");
    s.tier = "enterprise";
    assert_int_equal(set(&s, NULL), DM_ACCOUNT_NO_PRICES);
}

/* A transaction that is slower than the second it chose is run again with a later one. */
static void a_slow_change_takes_a_later_second(void **state)
{
    dm_account a;
    setting s = {.tier = "enterprise", .wait_ms = 2200};
    (void)state;
    assert_int_equal(add("payg", "CNY", &a), 0);
    s.account = a.id;
    int64_t before = now_us();
    assert_int_equal(set(&s, NULL), 0);
    assert_true(s.from_us >= before + 2200000);
    assert_string_equal(plans(&a), "payg 0,enterprise 0");
}

static int do_limit(dm_pg *c, void *arg, dm_err *err)
{
    setting *s = arg;
    const dm_limit_new fresh = {.who = "operator:test",
            .of = s->account != NULL ? DM_LIMIT_OF_ACCOUNT : DM_LIMIT_OF_TIER,
            .which = s->account != NULL ? s->account : s->tier,
            .name = "included_seconds",
            .value = s->from_us};
    return dm_limit_set(c, &fresh, err);
}

static void an_allowance_is_part_of_the_plan(void **state)
{
    dm_account a, b;
    setting of_a = {.from_us = 7200}, of_tier = {.tier = "pro", .from_us = 9000};
    (void)state;
    assert_int_equal(add("pro", "USD", &a), 0);
    assert_int_equal(add("pro", "USD", &b), 0);
    of_a.account = a.id;
    assert_int_equal(dm_pg_tx_on(pg.ops, &everybody, do_limit, &of_a, NULL), 0);
    assert_string_equal(plans(&a), "pro 60000,pro 7200");
    assert_int_equal(dm_pg_tx_on(pg.ops, &everybody, do_limit, &of_tier, NULL), 0);
    assert_string_equal(plans(&a), "pro 60000,pro 7200"); /* its own wins */
    assert_string_equal(plans(&b), "pro 60000,pro 9000");
}

static void a_plan_changes_so_often_that_it_can_be_stated(void **state)
{
    dm_account a;
    char text[400];
    dm_err err = {0};
    (void)state;
    assert_int_equal(add("payg", "CNY", &a), 0);
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica; INSERT INTO dm.account_plan SELECT %lld, date_trunc('second', "
            "now()) - n * interval '1 minute', 'payg', n FROM generate_series(1, 8) n; SET session_replication_role = "
            "DEFAULT",
            (long long)a.no.v);
    (void)ask(text);
    setting s = {.account = a.id, .tier = "enterprise"};
    assert_int_equal(set(&s, &err), DM_E_INVALID);
    (void)snprintf(text, sizeof text, "SELECT tier FROM dm.account WHERE account_no = %lld", (long long)a.no.v);
    assert_string_equal(ask(text), "payg"); /* not half of it */
}

/* No plan in the past, by whomever. */
static void the_past_is_not_rewritten(void **state)
{
    dm_account a;
    char text[300];
    (void)state;
    assert_int_equal(add("payg", "CNY", &a), 0);
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.account_plan VALUES (%lld, date_trunc('second', now()) + interval '1 second', 'payg', 5)",
            (long long)a.no.v);
    assert_string_equal(ask(text), "done");
    (void)snprintf(text, sizeof text, "SELECT pg_sleep(2.1)");
    (void)ask(text);
    (void)snprintf(text, sizeof text,
            "UPDATE dm.account_plan SET included_s = 9 WHERE account_no = %lld AND included_s "
            "= 5",
            (long long)a.no.v);
    assert_string_equal(ask(text), "40001");
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.account_plan VALUES (%lld, date_trunc('second', now()) + interval '0.5 second', 'payg', 5)",
            (long long)a.no.v);
    assert_string_equal(ask(text), "23514");
}

static void a_currency_stays_once_something_was_stated_in_it(void **state)
{
    dm_account a;
    char text[600];
    (void)state;
    assert_int_equal(add("payg", "CNY", &a), 0);
    (void)snprintf(
            text, sizeof text, "UPDATE dm.account SET currency = 'EUR' WHERE account_no = %lld", (long long)a.no.v);
    assert_string_equal(ask(text), "done");
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica; INSERT INTO dm.statement (account_no, period_start, number, "
            "period_s, currency, total, running_s, hibernated_s, unattested, body, sha256, previous_sha256, "
            "public_key, signature) VALUES (%lld, '2026-03-01Z', 1, 60, 'EUR', 0, 0, 0, 0, '', sha256(''), sha256(''), "
            "sha256(''), sha256('') || sha256('')); SET "
            "session_replication_role = DEFAULT",
            (long long)a.no.v);
    (void)ask(text);
    (void)snprintf(text, sizeof text, "SELECT count(*) FROM dm.statement WHERE account_no = %lld", (long long)a.no.v);
    assert_string_equal(ask(text), "1");
    (void)snprintf(
            text, sizeof text, "UPDATE dm.account SET currency = 'CNY' WHERE account_no = %lld", (long long)a.no.v);
    assert_string_equal(ask(text), "23514");
}

/* A second that no book holds in leaves an account without a statement. */
static void a_price_book_ends_with_a_second(void **state)
{
    (void)state;
    assert_string_equal(ask("UPDATE dm.price_book SET valid_to = '2027-01-01 00:00:00.5Z' WHERE book_id = 1"), "23514");
    assert_string_equal(ask("INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, valid_to) "
                            "VALUES ('x', 'resources', 'payg', 'CNY', '2026-01-01Z', '2027-01-01 00:00:00.000001Z')"),
            "23514");
    assert_string_equal(ask("INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) "
                            "VALUES ('x', 'resources', 'payg', 'CNY', '2026-01-01 00:00:00.1Z')"),
            "23514");
    assert_string_equal(ask("UPDATE dm.price_book SET valid_to = '2127-01-01 00:00:01Z' WHERE book_id = 1"), "done");
    assert_string_equal(ask("UPDATE dm.price_book SET valid_to = NULL WHERE book_id = 1"), "done");
}

static int start(void **state)
{
    (void)state;
    return cluster_make(&pg, "plans");
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_account_begins_with_a_plan),
            cmocka_unit_test(a_tier_changes_from_the_next_second_on),
            cmocka_unit_test(a_tier_that_cannot_be_billed_is_refused),
            cmocka_unit_test(a_slow_change_takes_a_later_second),
            cmocka_unit_test(an_allowance_is_part_of_the_plan),
            cmocka_unit_test(a_plan_changes_so_often_that_it_can_be_stated),
            cmocka_unit_test(the_past_is_not_rewritten),
            cmocka_unit_test(a_currency_stays_once_something_was_stated_in_it),
            cmocka_unit_test(a_price_book_ends_with_a_second),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
