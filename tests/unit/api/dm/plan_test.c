/* Covers api/dm/plan.c, metering/read/sql_plan.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char path[96];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/plan", rig.tenants.demo.project.account_id);
    return 0;
}

static const json_t *spend(const dm_said *said)
{
    return json_object_get(said->body, "spend");
}

/* What the live view would have written: this month's first period is open, and its seconds are of now. */
static void open_period(const char *amount, const char *per_second, int seconds, int running)
{
    char text[800];
    (void)snprintf(text, sizeof text,
            "DELETE FROM dm.spend_open; INSERT INTO dm.spend_open SELECT account_no, 1,"
            " date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', 0, %s, %d, %s, %d,"
            " date_trunc('second', clock_timestamp()) FROM dm.account WHERE legal_name = 'Demo';"
            "INSERT INTO dm.spend_clock VALUES (0, date_trunc('second', clock_timestamp()))"
            " ON CONFLICT (part) DO UPDATE SET through = excluded.through",
            amount, seconds, per_second, running);
    dm_rig_sql(&rig, text);
}

static void a_plan_by_resources(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@p.test", "owner", true);
    DM_AUTO_SAID none = dm_rig_as_person(&rig, &own, "GET", path, NULL);
    assert_int_equal(none.status, 200);
    assert_string_equal(dm_said_str(&none, "plan"), "payg");
    assert_string_equal(dm_said_str(&none, "rated_by"), "resources");
    assert_string_equal(dm_json_c(spend(&none), "month"), "0.000000000000000000");
    assert_true(json_is_null(json_object_get(none.body, "minutes")));
    assert_true(json_is_null(json_object_get(none.body, "next_change")));
    assert_true(json_array_size(json_object_get(none.body, "price_books")) > 0);
    open_period("1.5", "0.000000000000000001", 100, 2);
    DM_AUTO_SAID some = dm_rig_as_person(&rig, &own, "GET", path, NULL);
    assert_string_equal(dm_json_c(spend(&some), "month"), "1.500000000000000000");
    assert_string_equal(dm_json_c(spend(&some), "per_second"), "0.000000000000000001");
    assert_int_equal(json_integer_value(json_object_get(spend(&some), "running")), 2);
    assert_non_null(dm_json_c(spend(&some), "as_of"));
    assert_memory_equal(dm_json_c(spend(&some), "projected"), "1.50000000000", 13); /* a month has few seconds */
}

static void a_plan_by_minutes(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@m.test", "owner", true);
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.account_plan; UPDATE dm.account SET tier = 'pro',"
            " currency = 'USD' WHERE legal_name = 'Demo'; INSERT INTO dm.account_plan SELECT account_no, '2026-01-01Z',"
            " 'pro', 60000 FROM dm.account WHERE legal_name = 'Demo'; RESET session_replication_role");
    open_period("0.25", "0", 60059, 0);
    DM_AUTO_SAID below = dm_rig_as_person(&rig, &own, "GET", path, NULL);
    assert_string_equal(dm_said_str(&below, "rated_by"), "minutes");
    assert_string_equal(dm_json_c(spend(&below), "month"), "0.250000000000000000");
    open_period("0", "0", 60060, 0);
    DM_AUTO_SAID above = dm_rig_as_person(&rig, &own, "GET", path, NULL);
    assert_string_equal(dm_json_c(spend(&above), "month"), "0.005000000000000000");
    assert_string_equal(dm_json_c(spend(&above), "projected"), "0.005000000000000000");
    const json_t *minutes = json_object_get(above.body, "minutes");
    assert_int_equal(json_integer_value(json_object_get(minutes, "used_seconds")), 60060);
    assert_int_equal(json_integer_value(json_object_get(minutes, "left_minutes")), 0);
    assert_non_null(dm_json_c(minutes, "resets_at"));
}

/* By the plan that held then, and by what had been stated of periods that had ended. */
static void as_it_was(void **state)
{
    char was[160];
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@w.test", "owner", true);
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.account_plan;"
            "INSERT INTO dm.account_plan SELECT account_no, v.at::timestamptz, v.tier, v.s FROM dm.account, (VALUES"
            " ('2026-01-01Z', 'pro', 60000), ('2026-03-10T11:45Z', 'payg', 0)) v (at, tier, s) WHERE legal_name = "
            "'Demo';"
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s,"
            " hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature, pool_after_s)"
            " SELECT account_no, v.at::timestamptz, 3600, v.no, 'CNY', v.total, 1, 0, 0, '', sha256(''), sha256(''),"
            " '\\x00', sha256('') || sha256(''), v.pool FROM dm.account, (VALUES ('2026-02-28T23:00Z', 1, 100, 70000),"
            " ('2026-03-10T10:00Z', 2, 0.25, 120), ('2026-03-10T11:00Z', 3, 0.5, 300)) v (at, no, total, pool)"
            " WHERE legal_name = 'Demo'; DELETE FROM dm.usage_owed; RESET session_replication_role");
    open_period("9", "1", 100, 2); /* of now */
    (void)snprintf(was, sizeof was, "%s?as_of=2026-03-10T11:30:00Z", path);
    DM_AUTO_SAID then = dm_rig_as_person(&rig, &own, "GET", was, NULL);
    assert_int_equal(then.status, 200);
    assert_string_equal(dm_said_str(&then, "plan"), "pro");
    assert_string_equal(dm_json_c(spend(&then), "month"), "0.250000000000000000");
    assert_string_equal(dm_json_c(spend(&then), "as_of"), "2026-03-10T11:00:00.000000Z");
    assert_true(json_is_null(json_object_get(spend(&then), "projected")));
    assert_string_equal(dm_json_c(json_object_get(then.body, "next_change"), "plan"), "payg");
    (void)snprintf(was, sizeof was, "%s?as_of=2026-03-10T12:00:00Z", path);
    DM_AUTO_SAID later = dm_rig_as_person(&rig, &own, "GET", was, NULL);
    assert_string_equal(dm_said_str(&later, "plan"), "payg");
    assert_string_equal(dm_json_c(spend(&later), "month"), "0.750000000000000000");
    assert_true(json_is_null(json_object_get(later.body, "next_change")));
    (void)snprintf(was, sizeof was, "%s?as_of=2200-01-01T00:00:00Z", path);
    DM_AUTO_SAID ahead = dm_rig_as_person(&rig, &own, "GET", was, NULL);
    assert_int_equal(ahead.status, 400);
}

static void another_account_is_nobody(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@n.test", "owner", true);
    DM_AUTO_SAID said =
            dm_rig_as_person(&rig, &own, "GET", "/v1/accounts/00000000-0000-4000-8000-00000000ffff/plan", NULL);
    assert_int_equal(said.status, 404);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {
            TEST(a_plan_by_resources), TEST(another_account_is_nobody), TEST(as_it_was), TEST(a_plan_by_minutes)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
