/* Covers api/ops/limit.c. */
#include <stdio.h>

#include "api/life/hold.h"
#include "api/ops/act.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static const char *at(const char *rest)
{
    static char text[2][160];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/ops/accounts/%s%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

/* Who, what, why, as the demo account reads it. */
static const char *last_of_the_audit(void)
{
    static char text[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT concat_ws(' ', who, verb, object, detail->>'reason') FROM dm.audit WHERE account_no ="
            " (SELECT account_no FROM dm.project WHERE slug = 'demo') ORDER BY audit_no DESC LIMIT 1",
            text);
    return text;
}

static void are_listed_page_by_page(void **state)
{
    (void)state;
    char target[256];
    dm_rig_other(&rig);
    DM_AUTO_SAID one = dm_rig_operate(&rig, "GET", "/v1/ops/accounts?limit=1", NULL);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(one.body, "rows"), 0), "name"), "Demo");
    (void)snprintf(target, sizeof target, "/v1/ops/accounts?limit=1&cursor=%s", dm_said_str(&one, "next"));
    DM_AUTO_SAID two = dm_rig_operate(&rig, "GET", target, NULL);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(two.body, "rows"), 0), "name"), "Other");
    assert_true(json_is_null(json_object_get(two.body, "next")));
    assert_int_equal(json_integer_value(json_object_get(two.body, "total")), 2);
    DM_AUTO_SAID some = dm_rig_operate(&rig, "GET", "/v1/ops/accounts?q=other&tier=payg&blocked=false", NULL);
    assert_int_equal(json_array_size(json_object_get(some.body, "rows")), 1);
    DM_AUTO_SAID bad = dm_rig_operate(&rig, "GET", "/v1/ops/accounts?blocked=maybe", NULL);
    assert_int_equal(bad.status, 400);
}

static void one_is_shown(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", at(""), NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "name"), "Demo");
    assert_string_equal(dm_json_c(json_array_get(json_object_get(said.body, "projects"), 0), "slug"), "demo");
    static const char *const nobody[] = {"/v1/ops/accounts/x", "/v1/ops/accounts/00000000-0000-0000-0000-000000000000"};
    for (size_t i = 0; i < DM_LEN(nobody); i++) {
        DM_AUTO_SAID none = dm_rig_operate(&rig, "GET", nobody[i], NULL);
        assert_int_equal(none.status, 404);
        assert_string_equal(rule(&none), "account.unknown");
    }
}

/* What runs goes on and can be killed; nothing new begins, and the reason is told. */
static void a_block_and_back(void **state)
{
    (void)state;
    char id[32], target[64];
    dm_rig_create(&rig, "", id);
    int64_t before = dm_tenantrig_audits(&rig.tenants);
    for (int i = 0; i < 2; i++) { /* once more is no other */
        DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", at("/block"), "{\"reason\":\"it mines\"}");
        assert_int_equal(said.status, 200);
        assert_string_equal(dm_said_str(&said, "blocked"), "it mines");
    }
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 1);
    char want[256];
    (void)snprintf(
            want, sizeof want, "operator:ada account.block account:%s it mines", rig.tenants.demo.project.account_id);
    assert_string_equal(last_of_the_audit(), want);
    DM_AUTO_SAID no = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(no.status, 403);
    assert_non_null(strstr(no.text, "it mines"));
    (void)snprintf(target, sizeof target, "/sandboxes/%s", id);
    DM_AUTO_SAID kill = dm_rig_call(&rig, "DELETE", target, NULL);
    assert_int_equal(kill.status, 204);
    DM_AUTO_SAID back = dm_rig_operate(&rig, "POST", at("/unblock"), "{\"reason\":\"it was a test\"}");
    assert_int_equal(back.status, 200);
    assert_true(json_is_null(json_object_get(back.body, "blocked")));
    DM_AUTO_SAID yes = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(yes.status, 201);
    DM_AUTO_SAID mute = dm_rig_operate(&rig, "POST", at("/block"), "{}");
    assert_int_equal(mute.status, 400);
    DM_AUTO_SAID nobody = dm_rig_operate(
            &rig, "POST", "/v1/ops/accounts/00000000-0000-0000-0000-000000000000/block", "{\"reason\":\"x\"}");
    assert_int_equal(nobody.status, 404);
}

static const json_t *hold(const dm_said *said)
{
    return json_array_get(json_object_get(said->body, "holds"), 0);
}

static json_int_t running(const dm_said *said)
{
    return json_integer_value(json_object_get(hold(said), "running"));
}

/* It says how many will sleep, and then how many run still. */
static void a_suspension_and_back(void **state)
{
    (void)state;
    enum { N = 3 };
    char id[32], want[256];
    unsigned slept = 0;
    dm_rig_other(&rig); /* whom it is no matter of */
    for (int i = 0; i < N; i++)
        dm_rig_create(&rig, "", id);
    int64_t before = dm_tenantrig_audits(&rig.tenants);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", at("/suspend"), "{\"reason\":\"unpaid since May\"}");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_json_c(hold(&said), "cause"), "suspended_unpaid");
    assert_string_equal(dm_json_c(hold(&said), "set_by"), DM_RIG_OPERATOR);
    assert_string_equal(dm_json_c(hold(&said), "reason"), "unpaid since May");
    assert_true(json_is_null(json_object_get(hold(&said), "project")));
    assert_int_equal(running(&said), N);
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 1);
    (void)snprintf(want, sizeof want, "operator:ada account.suspend account:%s unpaid since May",
            rig.tenants.demo.project.account_id);
    assert_string_equal(last_of_the_audit(), want);
    DM_AUTO_SAID no = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_string_equal(rule(&no), "account.suspended");
    dm_fakeworker_refuse(rig.worker, "pause", 503, 1);
    assert_int_equal(dm_hold_carry_out(&rig.api, &slept, NULL), 0);
    DM_AUTO_SAID most = dm_rig_operate(&rig, "GET", at(""), NULL);
    assert_int_equal(running(&most), 1);
    assert_int_equal(dm_hold_carry_out(&rig.api, &slept, NULL), 0);
    DM_AUTO_SAID all = dm_rig_operate(&rig, "GET", at(""), NULL);
    assert_int_equal(running(&all), 0);
    for (int i = 0; i < 2; i++) { /* once more is no other */
        DM_AUTO_SAID back = dm_rig_operate(&rig, "POST", at("/unsuspend"), "{\"reason\":\"paid\"}");
        assert_int_equal(back.status, 200);
        assert_int_equal(json_array_size(json_object_get(back.body, "holds")), 0);
    }
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 2);
    DM_AUTO_SAID mute = dm_rig_operate(&rig, "POST", at("/suspend"), "{\"reason\":\" \"}");
    assert_string_equal(rule(&mute), "ops.reason");
    DM_AUTO_SAID nobody = dm_rig_operate(
            &rig, "POST", "/v1/ops/accounts/00000000-0000-0000-0000-000000000000/suspend", "{\"reason\":\"x\"}");
    assert_int_equal(nobody.status, 404);
    DM_AUTO_SAID tenant = dm_rig_call(&rig, "POST", at("/suspend"), "{\"reason\":\"x\"}");
    assert_int_equal(tenant.status, 403);
}

/* A reason as long as one may be, in the longest characters, fits whatever keeps it. */
static void the_longest_reason_fits(void **state)
{
    (void)state;
    static const char *const acts[] = {"/suspend", "/unsuspend", "/block", "/unblock"};
    char body[DM_REASON_BYTES_MAX + 64], why[DM_REASON_BYTES_MAX + 8] = "";
    for (size_t n = 0; n < DM_REASON_BYTES_MAX; n += 4)
        memcpy(why + n, "\xf0\x9f\x90\xad", 5);
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        (void)snprintf(body, sizeof body, "{\"reason\":\"%s\"}", why);
        DM_AUTO_SAID yes = dm_rig_operate(&rig, "POST", at(acts[i]), body);
        assert_int_equal(yes.status, 200);
        (void)snprintf(body, sizeof body, "{\"reason\":\"x%500s\"}", "");
        DM_AUTO_SAID no = dm_rig_operate(&rig, "POST", at(acts[i]), body);
        assert_string_equal(rule(&no), "ops.reason");
    }
}

static void a_tier_has_a_reason_and_a_history(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *rule;
    } cases[] = {{"{\"tier\":\"nosuch\",\"reason\":\"x\"}", 400, "tier.unknown"},
            {"{\"tier\":\"pro\",\"reason\":\"x\"}", 409, "tier.prices"}, /* minutes are sold in USD */
            {"{\"tier\":\"enterprise\"}", 400, "ops.reason"}, {"{\"reason\":\"x\"}", 400, "request.invalid"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID no = dm_rig_operate(&rig, "POST", at("/tier"), cases[i].body);
        assert_int_equal(no.status, cases[i].status);
        assert_string_equal(rule(&no), cases[i].rule);
    }
    dm_rig_sql(&rig,
            "INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) SELECT price_group,"
            " 'minutes', 'pro', currency, valid_from FROM dm.price_book WHERE tier = 'payg' AND currency = 'CNY'");
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", at("/tier"), "{\"tier\":\"pro\",\"reason\":\"as agreed\"}");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "tier"), "pro");
    const json_t *plans = json_object_get(said.body, "plans");
    assert_int_equal(json_array_size(plans), 2);
    assert_string_equal(dm_json_c(json_array_get(plans, 0), "tier"), "pro");
    assert_string_equal(dm_json_c(json_array_get(plans, 1), "tier"), "payg");
    assert_string_equal(last_of_the_audit(), "operator:ada tier.set tier:pro as agreed");
}

static void a_limit_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *rule;
    } cases[] = {{"{\"name\":\"nosuch\",\"limit\":1,\"reason\":\"x\"}", 400, "limit.unknown"},
            {"{\"name\":\"running_max\",\"limit\":1}", 400, "ops.reason"},
            {"{\"name\":\"running_max\",\"limit\":1,\"project\":\"other\",\"reason\":\"x\"}", 404, "project.unknown"},
            {"{\"name\":\"included_seconds\",\"limit\":1,\"until\":\"2030-01-01T00:00:00Z\",\"reason\":\"x\"}", 400,
                    "limit.until"},
            {"{\"name\":\"running_max\",\"limit\":1,\"until\":\"soon\",\"reason\":\"x\"}", 400, "request.invalid"}};
    dm_rig_other(&rig); /* its project is not the demo account's */
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID no = dm_rig_operate(&rig, "POST", at("/limits"), cases[i].body);
        assert_int_equal(no.status, cases[i].status);
        assert_string_equal(rule(&no), cases[i].rule);
    }
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", at("/limits"),
            "{\"name\":\"running_max\",\"limit\":1,\"project\":\"demo\",\"until\":\"2130-01-01T00:00:00Z\",\"reason\":"
            "\"a trial\"}");
    assert_int_equal(said.status, 200);
    const json_t *l = json_array_get(json_object_get(said.body, "limits"), 0);
    assert_string_equal(dm_json_c(l, "project"), "demo");
    assert_string_equal(dm_json_c(l, "set_by"), DM_RIG_OPERATOR);
    assert_string_equal(dm_json_c(l, "reason"), "a trial");
    assert_string_equal(dm_json_c(l, "until"), "2130-01-01T00:00:00.000000Z");
    assert_string_equal(last_of_the_audit(), "operator:ada limit.set limit:demo:running_max=1 a trial");
    char id[32];
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID full = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(full.status, 429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(are_listed_page_by_page, &rig),
            DM_RIG_TEST(one_is_shown, &rig),
            DM_RIG_TEST(a_block_and_back, &rig),
            DM_RIG_TEST(a_suspension_and_back, &rig),
            DM_RIG_TEST(the_longest_reason_fits, &rig),
            DM_RIG_TEST(a_tier_has_a_reason_and_a_history, &rig),
            DM_RIG_TEST(a_limit_of_its_own, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
