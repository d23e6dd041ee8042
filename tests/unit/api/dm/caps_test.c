/* Caps that an account's people set. */
/* Covers tenants/plan/sql_caps.c, tenants/plan/sql_part.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char caps[96];

static dm_tenantrig_person person(const char *role)
{
    char email[64];
    (void)snprintf(email, sizeof email, "%s@c.test", role);
    return dm_tenantrig_add_person(&rig.tenants, email, role, true);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(caps, sizeof caps, "/v1/accounts/%s/caps", rig.tenants.demo.project.account_id);
    return 0;
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, caps, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, body != NULL ? body : "", said.status, status, said.text);
}

static void row_is(const dm_said *said, size_t i, const char *member, const char *want)
{
    const json_t *v = json_object_get(json_array_get(json_object_get(said->body, "rows"), i), member);
    if (want == NULL ? !json_is_null(v) : !json_is_string(v) || strcmp(json_string_value(v), want) != 0)
        fail_msg("%s of row %zu: %s", member, i, said->text);
}

static void is_refused(const char *rule)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != 429 || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%d, not %s: %s", said.status, rule, said.text);
}

static void it_binds_from_then_on(void **state)
{
    (void)state;
    char id[32];
    const dm_owner owner = {rig.tenants.demo.project.owner.account, {0}};
    dm_tenantrig_person bill = person("billing");
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID none = dm_rig_as_person(&rig, &bill, "GET", caps, NULL);
    assert_int_equal(none.status, 200);
    assert_string_equal(dm_said_str(&none, "currency"), "CNY");
    row_is(&none, 0, "project", NULL);
    row_is(&none, 0, "money", NULL);
    row_is(&none, 0, "money_bound", NULL);
    row_is(&none, 0, "seconds_used", "0");
    assert_true(json_is_null(json_object_get(none.body, "wallet_left")));
    assert_int_equal(json_integer_value(json_object_get(none.body, "unheard_seconds")), 900);
    DM_AUTO_SAID set = dm_rig_as_person(&rig, &bill, "PUT", caps, "{\"money\":\"0.00005\",\"seconds\":\"7\"}");
    assert_int_equal(set.status, 200);
    row_is(&set, 0, "money", "0.00005");
    row_is(&set, 0, "seconds", "7");
    row_is(&set, 0, "seconds_bound", "7");
    assert_true(dm_tenantrig_audited(&rig.tenants, owner, bill.who, "cap.set", "cap:account:spend_cap_micros=50"));
    is_refused("account.spend_cap"); /* one second is 0.0000384775, and to begin takes two */
    expect(&bill, "PUT", "{\"money\":null}", 200);
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID promised = dm_rig_as_person(&rig, &bill, "GET", caps, NULL);
    row_is(&promised, 0, "seconds_open", "2");
    dm_rig_create(&rig, "", id);
    dm_rig_create(&rig, "", id);
    is_refused("account.allowance_exhausted");
}

/* The lowest of all holds: nobody lifts his plan's bound, or an operator's, by a cap. */
static void it_lifts_nothing(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    dm_rig_sql(&rig, "INSERT INTO dm.account_limit (account_no, name, value) SELECT account_no, 'month_seconds_max', 1"
                     " FROM dm.account WHERE legal_name = 'Demo'");
    DM_AUTO_SAID set = dm_rig_as_person(&rig, &own, "PUT", caps, "{\"seconds\":\"5000\"}");
    row_is(&set, 0, "seconds", "5000");
    row_is(&set, 0, "seconds_bound", "1");
    is_refused("account.allowance_exhausted");
}

static void a_project_has_its_own(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    DM_AUTO_SAID set = dm_rig_as_person(&rig, &own, "PUT", caps, "{\"project\":\"demo\",\"seconds\":\"1\"}");
    assert_int_equal(set.status, 200);
    row_is(&set, 0, "seconds_bound", NULL);
    row_is(&set, 1, "project", "demo");
    row_is(&set, 1, "seconds_bound", "1");
    is_refused("account.allowance_exhausted");
    expect(&own, "PUT", "{\"project\":\"nobodys\",\"seconds\":\"1\"}", 404);
}

static void who_may_and_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "{\"money\":5}", "{\"money\":\"-1\"}", "{\"money\":\"0.0000001\"}",
            "{\"seconds\":\"1.5\"}", "{\"seconds\":\"\"}", "{\"money\":\"x\"}", "{\"project\":7,\"money\":\"1\"}"};
    dm_tenantrig_person own = person("owner"), view = person("viewer"), dev = person("developer");
    for (size_t i = 0; i < DM_LEN(bad); i++)
        expect(&own, "PUT", bad[i], 400);
    expect(&dev, "PUT", "{\"money\":\"1\"}", 403);
    expect(&view, "GET", NULL, 403);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.budget_cap"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(it_binds_from_then_on, &rig), DM_RIG_TEST(it_lifts_nothing, &rig),
            DM_RIG_TEST(a_project_has_its_own, &rig), DM_RIG_TEST(who_may_and_what_is_none, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, begin, NULL);
    dm_rig_stop(&rig);
    return failed;
}
