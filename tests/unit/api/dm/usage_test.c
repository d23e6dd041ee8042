/* Covers api/dm/usage.c, metering/read/sql_days.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char path[96];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/usage", rig.tenants.demo.project.account_id);
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.usage_day;"
                     "INSERT INTO dm.usage_day SELECT a.account_no, x.* FROM dm.account a, (VALUES"
                     " ('2026-03-10'::date, 1, 'tpla', 0::bigint, '', 100::bigint, 20::bigint, 0::numeric, 0::numeric),"
                     " ('2026-03-10', 1, 'tpla', 0, 'vcpu-run', 0, 0, 100, 0.5),"
                     " ('2026-03-10', 1, 'tplb', 0, '', 200, 0, 0, 0),"
                     " ('2026-03-11', 1, 'tplb', 0, '', 7, 0, 0, 0),"
                     " ('2026-03-11', 1, 'tplb', 0, 'disk-hib', 0, 0, 9, 0.25),"
                     " ('2026-03-10', 0, '', 0, 'minutes', 0, 0, 5, 0.000000000000000001),"
                     " ('2026-03-11', 0, '', 0, 'minutes', 0, 0, 5, 1)) x WHERE a.legal_name = 'Demo';"
                     "RESET session_replication_role");
    return 0;
}

static dm_said get(const dm_tenantrig_person *who, const char *query)
{
    char target[200];
    (void)snprintf(target, sizeof target, "%s%s", path, query);
    return dm_rig_as_person(&rig, who, "GET", target, NULL);
}

/* "key running amount split", one row after the other. */
static void expect(const dm_tenantrig_person *who, const char *query, const char *want)
{
    DM_AUTO_SAID said = get(who, query);
    char got[1000] = "";
    size_t i, n = 0;
    const json_t *row;
    if (said.status != 200)
        fail_msg("%s: %d: %s", query, said.status, said.text);
    json_array_foreach(json_object_get(said.body, "rows"), i, row)
    {
        const json_t *ran = json_object_get(row, "running_s");
        n += (size_t)snprintf(got + n, sizeof got - n, "%s %lld %s%s, ",
                json_is_null(json_object_get(row, "key")) ? "-" : dm_json_c(row, "key"),
                json_is_null(ran) ? -1LL : (long long)json_integer_value(ran), dm_json_c(row, "amount"),
                json_is_true(json_object_get(row, "split")) ? " split" : "");
    }
    assert_string_equal(got, want);
}

#define MARCH "&from=1773100800&to=1773273600" /* the 10th and the 11th */

static void by_what_is_asked(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@u.test", "owner", true);
    expect(&own, "?group=day" MARCH, "2026-03-10 300 0.500000000000000001, 2026-03-11 7 1.250000000000000000, ");
    /* the one part that there is goes to whom two thirds of it are due */
    expect(&own, "?group=template" MARCH, "tpla 100 0.500000000000000000, tplb 207 1.250000000000000001 split, ");
    expect(&own, "?group=sku" MARCH,
            "disk-hib -1 0.250000000000000000, minutes -1 1.000000000000000001, vcpu-run -1 0.500000000000000000, ");
    expect(&own, "?group=key" MARCH, "- 307 1.750000000000000001 split, ");
    expect(&own, "?group=template&from=1773100800&to=1773187200",
            "tpla 100 0.500000000000000000, tplb 200 0.000000000000000001 split, ");
    expect(&own, "?group=day&project=nobodys" MARCH, "");
    DM_AUTO_SAID project = get(&own, "?group=project" MARCH);
    assert_int_equal(json_array_size(json_object_get(project.body, "rows")), 1);
    assert_non_null(dm_said_str(&project, "currency"));
    DM_AUTO_SAID page = get(&own, "?group=template&limit=1" MARCH);
    const char *next = dm_said_str(&page, "next");
    char query[200];
    assert_non_null(next);
    (void)snprintf(query, sizeof query, "?group=template&limit=1&cursor=%s" MARCH, next);
    expect(&own, query, "tplb 207 1.250000000000000001 split, ");
}

static void what_cannot_be_asked(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@w.test", "owner", true);
    static const char *const wrong[] = {
            "?group=moon", "?from=5&to=5", "?from=0&to=99999999", "?from=x", "?to=-1", "?cursor=x"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = get(&own, wrong[i]);
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    DM_AUTO_SAID other =
            dm_rig_as_person(&rig, &own, "GET", "/v1/accounts/00000000-0000-4000-8000-00000000ffff/usage", NULL);
    assert_int_equal(other.status, 404);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(by_what_is_asked), TEST(what_cannot_be_asked)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
