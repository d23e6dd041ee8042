/* What an account's people want to be told of its bounds, and what they were. */
/* Covers tenants/plan/sql_alerts.c, tenants/plan/sql_part.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char alerts[96];

static dm_tenantrig_person person(const char *role)
{
    char email[64];
    (void)snprintf(email, sizeof email, "%s@l.test", role);
    return dm_tenantrig_add_person(&rig.tenants, email, role, true);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(alerts, sizeof alerts, "/v1/accounts/%s/alerts", rig.tenants.demo.project.account_id);
    return 0;
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, alerts, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, body != NULL ? body : "", said.status, status, said.text);
}

/* A setting as it is shown. */
static void set_is(const dm_said *said, size_t i, const char *want)
{
    json_t *set = json_array_get(json_object_get(said->body, "settings"), i), *wanted = NULL;
    assert_int_equal(dm_json_load(dm_str_c(want), 1000, &wanted, NULL), 0);
    if (!json_equal(set, wanted))
        fail_msg("setting %zu: %s", i, said->text);
    json_decref(wanted);
}

static void settings(void **state)
{
    (void)state;
    const dm_owner owner = {rig.tenants.demo.project.owner.account, {0}};
    dm_tenantrig_person bill = person("billing");
    DM_AUTO_SAID none = dm_rig_as_person(&rig, &bill, "GET", alerts, NULL);
    assert_int_equal(none.status, 200);
    set_is(&none, 0, "{\"project\":null,\"percents\":[50,80,90,100],\"ends\":true,\"times\":24,\"muted\":false}");
    assert_int_equal(json_array_size(json_object_get(none.body, "settings")), 1);
    DM_AUTO_SAID set = dm_rig_as_person(&rig, &bill, "PUT", alerts, "{\"percents\":[100,5],\"times\":null}");
    set_is(&set, 0, "{\"project\":null,\"percents\":[5,100],\"ends\":true,\"times\":null,\"muted\":false}");
    assert_true(dm_tenantrig_audited(&rig.tenants, owner, bill.who, "alerts.set", "alerts:account"));
    DM_AUTO_SAID muted = dm_rig_as_person(&rig, &bill, "PUT", alerts, "{\"project\":\"demo\",\"muted\":true}");
    set_is(&muted, 0, "{\"project\":null,\"percents\":[5,100],\"ends\":true,\"times\":null,\"muted\":false}");
    set_is(&muted, 1, "{\"project\":\"demo\",\"percents\":[5,100],\"ends\":true,\"times\":null,\"muted\":true}");
    DM_AUTO_SAID again =
            dm_rig_as_person(&rig, &bill, "PUT", alerts, "{\"project\":\"demo\",\"ends\":false,\"times\":3}");
    set_is(&again, 1, "{\"project\":\"demo\",\"percents\":[5,100],\"ends\":false,\"times\":3,\"muted\":true}");
    DM_AUTO_SAID off = dm_rig_as_person(&rig, &bill, "PUT", alerts, "{\"percents\":[]}");
    set_is(&off, 0, "{\"project\":null,\"percents\":[],\"ends\":true,\"times\":null,\"muted\":false}");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'alerts.set' AND detail @>"
                                         " '{\"times\": 3, \"muted\": true, \"percents\": [5, 100]}'"),
            1);
}

static void what_was_told(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    dm_rig_other(&rig);
    dm_rig_sql(&rig, "INSERT INTO dm.alert (account_no, project_no, month, budget, kind, mark, used, bound) SELECT"
                     " p.account_no, CASE WHEN n = 2 THEN p.project_no ELSE 0 END, '2026-11-01', 'money', 'percent', n,"
                     " 0.5, 1 FROM dm.project p, generate_series(1, 3) n ORDER BY p.slug, n");
    char target[160];
    (void)snprintf(target, sizeof target, "%s?limit=2", alerts);
    DM_AUTO_SAID first = dm_rig_as_person(&rig, &own, "GET", target, NULL);
    assert_int_equal(json_integer_value(json_object_get(first.body, "total")), 3);
    const json_t *rows = json_object_get(first.body, "rows"), *one = json_array_get(rows, 1);
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_object_get(one, "mark")), 2);
    assert_string_equal(dm_json_c(one, "project"), "demo");
    assert_string_equal(dm_json_c(one, "used"), "0.5");
    assert_string_equal(dm_json_c(one, "unit"), "CNY");
    (void)snprintf(target, sizeof target, "%s?limit=2&cursor=%s", alerts, dm_said_str(&first, "next"));
    DM_AUTO_SAID second = dm_rig_as_person(&rig, &own, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(second.body, "rows")), 1);
    assert_true(json_is_null(json_object_get(second.body, "next")));
}

static void who_may_and_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "[]", "{\"percents\":\"50\"}", "{\"percents\":[0]}", "{\"percents\":[101]}",
            "{\"percents\":[5,5]}", "{\"percents\":[1,2,3,4,5,6,7,8,9,10,11]}", "{\"percents\":null}",
            "{\"percents\":[5.5]}", "{\"ends\":1}", "{\"ends\":null}", "{\"muted\":\"yes\"}", "{\"times\":1}",
            "{\"times\":1001}", "{\"times\":\"3\"}", "{\"project\":7,\"muted\":true}"};
    dm_tenantrig_person own = person("owner"), view = person("viewer"), dev = person("developer");
    for (size_t i = 0; i < DM_LEN(bad); i++)
        expect(&own, "PUT", bad[i], 400);
    expect(&own, "PUT", "{\"project\":\"nobodys\",\"muted\":true}", 404);
    expect(&dev, "PUT", "{\"muted\":true}", 403);
    expect(&view, "GET", NULL, 403);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.alert_setting"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(settings, &rig), DM_RIG_TEST(what_was_told, &rig), DM_RIG_TEST(who_may_and_what_is_none, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, begin, NULL);
    dm_rig_stop(&rig);
    return failed;
}
