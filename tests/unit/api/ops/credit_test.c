/* Covers metering/ask/credit.c, metering/ask/sql_credit.c. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define SMALL "{\"amount\":\"12.5\",\"currency\":\"CNY\",\"kind\":\"promo\",\"reason\":\"welcome\"}"
#define LARGE "{\"amount\":\"5000\",\"currency\":\"CNY\",\"kind\":\"operator\",\"reason\":\"a bad week\"}"

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static const char *at(const char *rest)
{
    static char text[4][200];
    static unsigned next;
    char *out = text[next++ % 4];
    (void)snprintf(out, sizeof text[0], "/v1/ops/accounts/%s/credits%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static const char *step_of(const dm_said *order, const char *verb)
{
    char rest[80];
    (void)snprintf(rest, sizeof rest, "/%s/%s", dm_said_str(order, "id"), verb);
    return at(rest);
}

static dm_said as(const char *name, const char *method, const char *target, const char *body)
{
    const dm_rig_in in = dm_rig_operator(&rig, name);
    return dm_rig_call_in(&rig, &in, method, target, body);
}

static const char *audited(void)
{
    static char text[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT concat_ws(' ', who, verb, detail->>'kind', detail->>'amount', detail->>'reason') FROM dm.audit "
            "ORDER BY audit_no DESC LIMIT 1",
            text);
    return text;
}

static void a_small_one_is_for_the_meter(void **state)
{
    (void)state;
    DM_AUTO_SAID said = as("ada", "POST", at(""), SMALL);
    assert_int_equal(said.status, 201);
    assert_string_equal(dm_said_str(&said, "state"), "approved");
    assert_string_equal(dm_said_str(&said, "amount"), "12.500000000000000000");
    assert_string_equal(dm_said_str(&said, "ordered_by"), "operator:ada");
    assert_string_equal(audited(), "operator:ada credit.order promo 12.500000000000000000 welcome");
    DM_AUTO_SAID list = as("ada", "GET", at("?limit=1"), NULL);
    assert_int_equal(list.status, 200);
    assert_string_equal(
            dm_json_c(json_array_get(json_object_get(list.body, "rows"), 0), "id"), dm_said_str(&said, "id"));
    dm_rig_sql(&rig, "UPDATE dm.wallet_order SET booked_at = now(), refused = 'no'"); /* as the meter would */
    DM_AUTO_SAID late = as("ada", "POST", step_of(&said, "withdraw"), "{\"reason\":\"too late\"}");
    assert_string_equal(rule(&late), "credit.decided");
    DM_AUTO_SAID refused = as("ada", "GET", at("?state=refused"), NULL);
    assert_string_equal(
            dm_json_c(json_array_get(json_object_get(refused.body, "rows"), 0), "id"), dm_said_str(&said, "id"));
    DM_AUTO_SAID approved = as("ada", "GET", at("?state=approved"), NULL);
    assert_int_equal(json_integer_value(json_object_get(approved.body, "total")), 0);
    assert_int_equal(json_array_size(json_object_get(approved.body, "rows")), 0);
    DM_AUTO_SAID other = as("ada", "GET", at("?state=happy"), NULL);
    assert_int_equal(other.status, 400);
}

static void a_large_one_waits_for_another_person(void **state)
{
    (void)state;
    DM_AUTO_SAID said = as("ada", "POST", at(""), LARGE);
    assert_string_equal(dm_said_str(&said, "state"), "waiting");
    int64_t before = dm_tenantrig_audits(&rig.tenants);
    DM_AUTO_SAID same = as("ada", "POST", step_of(&said, "approve"), "{\"reason\":\"mine\"}");
    assert_int_equal(same.status, 403);
    assert_string_equal(rule(&same), "credit.second");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before);
    for (int i = 0; i < 2; i++) { /* once more is no other */
        DM_AUTO_SAID other = as("bob", "POST", step_of(&said, "approve"), "{\"reason\":\"seen\"}");
        assert_int_equal(other.status, 200);
        assert_string_equal(dm_said_str(&other, "state"), "approved");
        assert_string_equal(dm_said_str(&other, "approved_by"), "operator:bob");
    }
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 1);
    assert_string_equal(audited(), "operator:bob credit.approve operator 5000.000000000000000000 seen");
    DM_AUTO_SAID third = as("eve", "POST", step_of(&said, "approve"), "{\"reason\":\"too\"}");
    assert_string_equal(rule(&third), "credit.decided");
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID back = as("ada", "POST", step_of(&said, "withdraw"), "{\"reason\":\"a mistake\"}");
        assert_string_equal(dm_said_str(&back, "state"), "withdrawn");
    }
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 2);
}

static dm_said with_key(const char *name, const char *key, const char *body)
{
    const dm_rig_in in = dm_rig_operator(&rig, name);
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(in.cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}, {DM_STR("Idempotency-Key"), dm_str_c(key)}};
    return dm_rig_call_on(&rig.table, "POST", at(""), headers, DM_LEN(headers), body);
}

static void a_key_orders_once(void **state)
{
    (void)state;
    DM_AUTO_SAID first = with_key("ada", "one", SMALL);
    assert_int_equal(first.status, 201);
    int64_t before = dm_tenantrig_audits(&rig.tenants);
    DM_AUTO_SAID again = with_key("ada", "one", SMALL);
    assert_int_equal(again.status, 200);
    assert_string_equal(dm_said_str(&again, "id"), dm_said_str(&first, "id"));
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.wallet_order"), 1);
    DM_AUTO_SAID other = with_key("ada", "one", LARGE);
    assert_string_equal(rule(&other), "idempotency.mismatch");
    DM_AUTO_SAID bad = with_key("ada", "No Key", SMALL);
    assert_int_equal(bad.status, 400);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *rule;
        int status;
    } bad[] = {
            {"{\"amount\":\"1\",\"currency\":\"USD\",\"kind\":\"promo\",\"reason\":\"x\"}", "credit.currency", 409},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"promo\"}", "ops.reason", 400},
            {"{\"amount\":\"0\",\"currency\":\"CNY\",\"kind\":\"promo\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":\"-1\",\"currency\":\"CNY\",\"kind\":\"promo\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":\"1e3\",\"currency\":\"CNY\",\"kind\":\"promo\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":1,\"currency\":\"CNY\",\"kind\":\"promo\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"our_fault\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"paid\",\"reason\":\"x\"}", "request.invalid", 400},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"paid\",\"reference\":\"b\",\"expires_at\":"
             "\"2100-01-01T00:00:00Z\",\"reason\":\"x\"}",
                    "request.invalid", 400},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"promo\",\"expires_at\":\"2020-01-01T00:00:00Z\","
             "\"reason\":\"x\"}",
                    "request.invalid", 400},
            {"{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"promo\",\"expires_at\":\"2100-01-01T00:00:00.5Z\","
             "\"reason\":\"x\"}",
                    "request.invalid", 400},
    };
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO_SAID said = as("ada", "POST", at(""), bad[i].body);
        if (said.status != bad[i].status || strcmp(rule(&said), bad[i].rule) != 0)
            fail_msg("%s: %d %s", bad[i].body, said.status, said.text);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.wallet_order"), 0);
    DM_AUTO_SAID paid = as("ada", "POST", at(""),
            "{\"amount\":\"1\",\"currency\":\"CNY\",\"kind\":\"paid\",\"reference\":\"bank 7\",\"reason\":\"x\"}");
    assert_int_equal(paid.status, 201);
    static const char *const nobody = "/v1/ops/accounts/00000000-0000-4000-8000-000000000000/credits";
    DM_AUTO_SAID none = as("ada", "POST", nobody, SMALL);
    assert_string_equal(rule(&none), "account.unknown");
    DM_AUTO_SAID no_list = as("ada", "GET", nobody, NULL);
    assert_string_equal(rule(&no_list), "account.unknown");
    DM_AUTO_SAID no_order = as("ada", "POST", at("/x/approve"), "{\"reason\":\"x\"}");
    assert_string_equal(rule(&no_order), "credit.unknown");
    DM_AUTO_SAID no_such =
            as("ada", "POST", at("/00000000-0000-4000-8000-000000000000/withdraw"), "{\"reason\":\"x\"}");
    assert_string_equal(rule(&no_such), "credit.unknown");
    DM_AUTO_SAID stranger = dm_rig_call(&rig, "POST", at(""), SMALL);
    assert_true(stranger.status == 401 || stranger.status == 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(a_small_one_is_for_the_meter, &rig),
            DM_RIG_TEST(a_large_one_waits_for_another_person, &rig),
            DM_RIG_TEST(a_key_orders_once, &rig),
            DM_RIG_TEST(what_is_none_is_refused, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
