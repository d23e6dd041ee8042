/* Covers api/dm/estimate.c, metering/read/estimate.c, metering/read/sql_estimate.c: an estimate by the account's own
 * plan and prices. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char path[96];
static dm_tenantrig_person own;

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/estimate", rig.tenants.demo.project.account_id);
    own = dm_tenantrig_add_person(&rig.tenants, "owner@e.test", "owner", true);
    return 0;
}

static const json_t *choice(const dm_said *said, size_t i)
{
    return json_array_get(json_object_get(said->body, "choices"), i);
}

static const char *rule(const dm_said *said)
{
    return dm_json_c(json_object_get(said->body, "denial"), "rule");
}

#define HOURS "\"running_s_a_day\":28800,\"asleep_s_a_day\":57600,\"days\":30"

static void a_month_by_resources(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "POST", path,
            "{\"spec\":\"2c4g\",\"region\":\"local\",\"disk_mib\":10240,\"count\":10," HOURS "}");
    if (said.status != 200)
        fail_msg("%s", said.text);
    assert_string_equal(dm_said_str(&said, "currency"), "CNY");
    assert_string_equal(dm_said_str(&said, "plan"), "payg");
    assert_string_equal(dm_said_str(&said, "price_group"), "other");
    assert_string_equal(dm_said_str(&said, "formula"), "cost = (number of vCPUs x vCPU price + memory size x memory "
                                                       "price) x billed duration; then the storage lines");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(said.body, "price_book"), "id")), 3);
    const json_t *hour = json_object_get(said.body, "hour");
    assert_string_equal(dm_json_c(hour, "running"), "0.492624000000000000"); /* the golden vector */
    assert_string_equal(dm_json_c(hour, "asleep"), "0.014400000000000000");  /* 36,000 GiB-s */
    /* 240 hours at that, 480 asleep, ten times */
    assert_string_equal(dm_json_c(choice(&said, 0), "name"), "asleep");
    assert_string_equal(dm_json_c(choice(&said, 0), "amount"), "1251.417600000000000000");
    assert_string_equal(dm_json_c(choice(&said, 1), "name"), "running");
    assert_string_equal(dm_json_c(choice(&said, 1), "amount"), "3546.892800000000000000");
    assert_string_equal(dm_json_c(choice(&said, 2), "name"), "deleted");
    assert_string_equal(dm_json_c(choice(&said, 2), "amount"), "1182.297600000000000000");
    const json_t *line = json_array_get(json_object_get(choice(&said, 0), "lines"), 0);
    assert_string_equal(dm_json_c(line, "sku"), "disk-hib");
    assert_string_equal(dm_json_c(line, "qty"), "172800000.000000");
    assert_string_equal(dm_json_c(line, "per_unit"), "0.000000400000");
    assert_true(json_is_null(json_object_get(said.body, "minutes")));
    /* what lies between two sizes is rounded up, as a create does */
    DM_AUTO_SAID up = dm_rig_as_person(&rig, &own, "POST", path, "{\"vcpus\":1,\"memory_mib\":900," HOURS "}");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(up.body, "spec"), "memory_mib")), 1024);
    assert_non_null(dm_said_str(&up, "region"));
}

static void a_month_by_minutes(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.account_plan; UPDATE dm.account SET tier = 'pro',"
            " currency = 'USD' WHERE legal_name = 'Demo'; INSERT INTO dm.account_plan SELECT account_no, '2026-01-01Z',"
            " 'pro', 60000 FROM dm.account WHERE legal_name = 'Demo'; DELETE FROM dm.spend_open; INSERT INTO "
            "dm.spend_open SELECT account_no, 1, date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', 0, "
            "0,"
            " 59999, 0, 0, date_trunc('second', clock_timestamp()) FROM dm.account WHERE legal_name = 'Demo'; RESET "
            "session_replication_role");
    static const char pattern[] = "{\"spec\":\"2c4g\",\"running_s_a_day\":6006,\"days\":10%s}";
    char body[200];
    (void)snprintf(body, sizeof body, pattern, "");
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "POST", path, body);
    assert_string_equal(dm_said_str(&said, "rated_by"), "minutes");
    assert_string_equal(dm_json_c(choice(&said, 0), "amount"), "0.005000000000000000");
    assert_string_equal(dm_json_c(json_object_get(said.body, "hour"), "running"), "0.300000000000000000");
    (void)snprintf(body, sizeof body, pattern, ",\"on_top\":true");
    DM_AUTO_SAID top = dm_rig_as_person(&rig, &own, "POST", path, body);
    assert_string_equal(dm_json_c(choice(&top, 0), "amount"), "5.000000000000000000"); /* minute 1,001 to 2,000 */
    assert_int_equal(json_integer_value(json_object_get(json_object_get(top.body, "minutes"), "used_seconds")), 59999);
}

/* The account's own contract counts, and prices are those of the moment that is asked for. */
static void by_the_prices_that_hold_for_it(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; UPDATE dm.account_plan SET tier = 'enterprise'; UPDATE dm.account "
            "SET tier = 'enterprise', currency = 'CNY' WHERE legal_name = 'Demo'; INSERT INTO dm.contract (account_no, "
            "name, currency, valid_from, status, drafted_by, drafted_why, approved_by) SELECT account_no, 'C', 'CNY', "
            "'2026-03-01Z', 'approved', 'a', 'x', 'b' FROM dm.account WHERE legal_name = 'Demo'; WITH b AS (INSERT "
            "INTO dm.price_book (price_group, "
            "rated_by, "
            "tier, currency, valid_from, contract_no) SELECT 'other', 'resources', 'enterprise', 'CNY', '2026-03-01Z', "
            "max(contract_no) FROM dm.contract RETURNING book_id) INSERT INTO dm.price (book_id, sku, per_unit, unit, "
            "label) SELECT b.book_id, sku, per_unit / 2, unit, '' FROM b, dm.price p WHERE p.book_id = 4; RESET "
            "session_replication_role");
    DM_AUTO_SAID now = dm_rig_as_person(&rig, &own, "POST", path, "{\"spec\":\"2c4g\",\"region\":\"local\"}");
    assert_string_equal(dm_json_c(json_object_get(now.body, "hour"), "running"), "0.246312000000000000");
    DM_AUTO_SAID before = dm_rig_as_person(
            &rig, &own, "POST", path, "{\"spec\":\"2c4g\",\"region\":\"local\",\"as_of\":\"2026-02-28T23:59:59Z\"}");
    assert_string_equal(dm_json_c(json_object_get(before.body, "hour"), "running"), "0.492624000000000000");
    DM_AUTO_SAID never = dm_rig_as_person(
            &rig, &own, "POST", path, "{\"spec\":\"2c4g\",\"region\":\"local\",\"as_of\":\"2025-02-28T23:59:59Z\"}");
    assert_string_equal(rule(&never), "account.prices");
}

static void had_it_slept(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; SELECT dm.add_partitions(1772323200, 1772323200); INSERT INTO "
            "dm.usage_period SELECT account_no, project_no, '2026-03-01Z', decode(repeat('00', 15) || '01', 'hex'), 1, "
            "1, "
            "3, (SELECT region_no FROM dm.region WHERE name = 'local'), 1, repeat('1', 1000)::varbit, (repeat('0', "
            "1000) "
            "|| repeat('1', 2600))::varbit, ARRAY[64, 1984] FROM dm.project ORDER BY project_no LIMIT 1; RESET "
            "session_replication_role");
    static const char body[] =
            "{\"sandbox\":\"i00000000000000000001\",\"month\":\"2026-03\",\"idle_percent\":90,\"disk_mib\":1}";
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "POST", path, body);
    if (said.status != 200)
        fail_msg("%s", said.text);
    assert_string_equal(dm_json_c(choice(&said, 0), "name"), "as_it_was");
    assert_int_equal(json_integer_value(json_object_get(choice(&said, 0), "running_s")), 1000);
    assert_int_equal(json_integer_value(json_object_get(choice(&said, 0), "asleep_s")), 2600);
    /* 1 vCPU, 1 GiB, 31 GiB of disk: 1,000 s at 0.00005131, 1,000 GiB-s and 80,600 GiB-s at 0.0000004 */
    assert_string_equal(dm_json_c(choice(&said, 0), "amount"), "0.083950000000000000");
    assert_string_equal(dm_json_c(choice(&said, 1), "name"), "asleep_when_idle");
    assert_int_equal(json_integer_value(json_object_get(choice(&said, 1), "running_s")), 100);
    /* 100 s, 100 GiB-s, 108,500 GiB-s: what it saves on memory it pays for the disk that was free */
    assert_string_equal(dm_json_c(choice(&said, 1), "amount"), "0.048571000000000000");
    assert_string_equal(dm_said_str(&said, "charged"), "0.000000000000000000");
    DM_AUTO_SAID none = dm_rig_as_person(&rig, &own, "POST", path,
            "{\"sandbox\":\"i00000000000000000001\",\"month\":\"2026-04\",\"idle_percent\":90}");
    assert_string_equal(rule(&none), "sandbox.unknown");
    dm_rig_other(&rig);
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; UPDATE dm.usage_period SET account_no = (SELECT account_no "
            "FROM dm.account WHERE legal_name = 'Other'); RESET session_replication_role");
    DM_AUTO_SAID others = dm_rig_as_person(&rig, &own, "POST", path, body);
    assert_string_equal(rule(&others), "sandbox.unknown");
}

static void what_cannot_be_estimated(void **state)
{
    (void)state;
    static const struct {
        const char *body, *rule;
    } cases[] = {{"{}", "request.invalid"}, {"{\"vcpus\":1}", "request.invalid"},
            {"{\"spec\":\"64c4g\"}", "spec.too_large"}, {"{\"spec\":\"x\"}", "request.invalid"},
            {"{\"spec\":\"1c1g\",\"region\":\"moon\"}", "region.not_offered"},
            {"{\"spec\":\"1c1g\",\"running_s_a_day\":86400,\"asleep_s_a_day\":1}", "request.invalid"},
            {"{\"spec\":\"1c1g\",\"count\":0}", "request.invalid"},
            {"{\"spec\":\"1c1g\",\"days\":32}", "request.invalid"},
            {"{\"spec\":\"1c1g\",\"as_of\":\"yesterday\"}", "request.invalid"},
            {"{\"sandbox\":\"i00000000000000000001\"}", "request.invalid"},
            {"{\"sandbox\":\"x\",\"idle_percent\":1}", "request.invalid"},
            {"{\"sandbox\":\"i00000000000000000001\",\"month\":\"2026-13\",\"idle_percent\":1}", "request.invalid"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID no = dm_rig_as_person(&rig, &own, "POST", path, cases[i].body);
        if (no.status != 400 || strcmp(rule(&no), cases[i].rule) != 0)
            fail_msg("%s: %d %s", cases[i].body, no.status, no.text);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(a_month_by_resources), TEST(what_cannot_be_estimated), TEST(had_it_slept),
            TEST(a_month_by_minutes), TEST(by_the_prices_that_hold_for_it)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
