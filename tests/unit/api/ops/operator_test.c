/* Operators look after each other: a new one, one who may not any more, one who lost his telephone. */
/* Covers api/ops/operator.c, tenants/who/operator.c, tenants/who/sql_operator.c. */
#include <stdio.h>

#include "tenants/who/password.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define WHY "{\"reason\":\"he left\"}"

static const char *rule_of(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static void says(const char *target, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", target, body);
    if (said.status != status || strcmp(rule_of(&said), rule) != 0)
        fail_msg("%s: %d %s, not %d %s: %s", target, said.status, rule_of(&said), status, rule, said.text);
}

static const char *one(const char *name, const char *act)
{
    static char text[128];
    (void)snprintf(text, sizeof text, "/v1/ops/operators/%s/%s", name, act);
    return text;
}

/* "state second_factor" of one, as the list has it; "" : he is not there. */
static const char *state_of(const char *name)
{
    static char text[64];
    size_t i;
    const json_t *row;
    DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", "/v1/ops/operators", NULL);
    assert_int_equal(said.status, 200);
    text[0] = '\0';
    json_array_foreach(json_object_get(said.body, "rows"), i, row)
    {
        if (strcmp(dm_json_c(row, "name"), name) == 0)
            (void)snprintf(text, sizeof text, "%s %d", dm_json_c(row, "state"),
                    json_is_true(json_object_get(row, "second_factor")));
    }
    return text;
}

static const char *last_of_the_audit(void)
{
    static char text[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT concat_ws(' ', who, verb, object, detail->>'reason', account_no) FROM dm.audit"
            " ORDER BY audit_no DESC LIMIT 1",
            text);
    return text;
}

static bool is_password(const char *name, const char *password)
{
    char sql[200], hash[256];
    (void)snprintf(sql, sizeof sql, "SELECT password FROM dm.operator WHERE name = '%s' AND one_time", name);
    dm_tenantrig_text(&rig.tenants, sql, hash);
    return dm_password_check(hash, dm_str_c(password), NULL) == 0;
}

static void a_new_one(void **state)
{
    (void)state;
    DM_AUTO_SAID made = dm_rig_operate(
            &rig, "POST", "/v1/ops/operators", "{\"name\":\"ben\",\"email\":\"Ben@ops.test\",\"reason\":\"nights\"}");
    assert_int_equal(made.status, 201);
    assert_true(is_password("ben", dm_said_str(&made, "one_time_password")));
    assert_string_equal(last_of_the_audit(), "operator:ada operator.add operator:ben nights 0");
    assert_string_equal(state_of("ben"), "new 0");
    static const struct {
        const char *body;
        int status;
        const char *rule;
    } cases[] = {{"{\"name\":\"ben\",\"email\":\"c@ops.test\",\"reason\":\"x\"}", 409, "operator.taken"},
            {"{\"name\":\"carl\",\"email\":\"ben@ops.test\",\"reason\":\"x\"}", 409, "operator.taken"},
            {"{\"name\":\"Carl\",\"email\":\"c@ops.test\",\"reason\":\"x\"}", 400, "request.invalid"},
            {"{\"name\":\"carl\",\"email\":\"c\",\"reason\":\"x\"}", 400, "request.invalid"},
            {"{\"name\":\"carl\",\"email\":\"c@ops.test\"}", 400, "ops.reason"}};
    for (size_t i = 0; i < DM_LEN(cases); i++)
        says("/v1/ops/operators", cases[i].body, cases[i].status, cases[i].rule);
}

static void one_is_disabled_and_enabled(void **state)
{
    (void)state;
    dm_rig_in ben = dm_rig_operator(&rig, "ben");
    DM_AUTO_SAID before = dm_rig_call_in(&rig, &ben, "GET", "/v1/ops/me", NULL);
    assert_int_equal(before.status, 200);
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    for (int i = 0; i < 2; i++) /* once more is no other */
        says(one("ben", "disable"), WHY, 204, "");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 1);
    assert_string_equal(last_of_the_audit(), "operator:ada operator.disable operator:ben he left 0");
    assert_string_equal(state_of("ben"), "disabled 1");
    DM_AUTO_SAID after = dm_rig_call_in(&rig, &ben, "GET", "/v1/ops/me", NULL);
    assert_int_equal(after.status, 401);
    dm_rig_sql(&rig,
            "INSERT INTO dm.recovery_code (operator_no, sha256) SELECT operator_no, sha256('x') FROM dm.operator");
    says(one("ben", "enable"), WHY, 204, "");
    assert_string_equal(state_of("ben"), "new 0"); /* with a second factor that he has to enrol first */
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.recovery_code JOIN dm.operator USING (operator_no)"
                                         " WHERE name = 'ben'"),
            0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.recovery_code JOIN dm.operator USING (operator_no)"
                                         " WHERE name = 'ada'"),
            1);
    DM_AUTO_SAID ended = dm_rig_call_in(&rig, &ben, "GET", "/v1/ops/me", NULL);
    assert_int_equal(ended.status, 401); /* what has ended does not come back */
    says(one("nobody", "disable"), WHY, 404, "operator.unknown");
    says(one("Robert');--", "enable"), WHY, 404, "operator.unknown");
    says(one("ben", "disable"), "{}", 400, "ops.reason");
}

/* Two who disable each other at once: one stays (the database's lock); here one after the other. */
static void the_last_one_stays(void **state)
{
    (void)state;
    says(one("ada", "disable"), WHY, 409, "operator.last");
    (void)dm_rig_operator(&rig, "ben");
    says(one("ben", "disable"), WHY, 204, "");
    says(one("ada", "disable"), WHY, 409, "operator.last");
    says(one("ben", "enable"), WHY, 204, "");
    says(one("ada", "disable"), WHY, 204, "");
}

static void one_who_lost_all(void **state)
{
    (void)state;
    dm_rig_in ben = dm_rig_operator(&rig, "ben");
    dm_rig_sql(&rig,
            "INSERT INTO dm.recovery_code (operator_no, sha256) SELECT operator_no, sha256('x') FROM dm.operator");
    DM_AUTO_SAID reset = dm_rig_operate(&rig, "POST", one("ben", "reset"), WHY);
    assert_int_equal(reset.status, 200);
    assert_true(is_password("ben", dm_said_str(&reset, "one_time_password")));
    assert_string_equal(last_of_the_audit(), "operator:ada operator.reset operator:ben he left 0");
    assert_string_equal(state_of("ben"), "new 0");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.recovery_code JOIN dm.operator USING (operator_no)"
                                         " WHERE name = 'ben'"),
            0);
    DM_AUTO_SAID out = dm_rig_call_in(&rig, &ben, "GET", "/v1/ops/me", NULL);
    assert_int_equal(out.status, 401);
    says(one("ada", "reset"), WHY, 409, "operator.self");
    says(one("nobody", "reset"), WHY, 404, "operator.unknown");
}

/* Who operates is asked for as money is. */
static void it_wants_the_second_factor(void **state)
{
    (void)state;
    dm_rig_in ada = dm_rig_operator(&rig, "ada");
    dm_rig_sql(&rig, "UPDATE dm.session SET proven_at = NULL");
    static const char *const all[] = {"/v1/ops/operators", "/v1/ops/operators/ben/disable",
            "/v1/ops/operators/ben/enable", "/v1/ops/operators/ben/reset"};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        DM_AUTO_SAID no = dm_rig_call_in(&rig, &ada, "POST", all[i], WHY);
        assert_string_equal(rule_of(&no), "proof.needed");
    }
    DM_AUTO_SAID list = dm_rig_call_in(&rig, &ada, "GET", "/v1/ops/operators", NULL);
    assert_int_equal(list.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(a_new_one, &rig),
            DM_RIG_TEST(one_is_disabled_and_enabled, &rig),
            DM_RIG_TEST(the_last_one_stays, &rig),
            DM_RIG_TEST(one_who_lost_all, &rig),
            DM_RIG_TEST(it_wants_the_second_factor, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
