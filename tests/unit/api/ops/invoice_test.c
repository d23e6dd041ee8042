/* What operators order of invoices is a row for the meter; here it is seen that the row is right, and who may write it.
 */
/* Covers api/ops/invoice.c, metering/ask/orders.c, metering/ask/sql_orders.c. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define NOBODY "00000000-0000-0000-0000-000000000000"

/* An invoice of the demo account as the meter would have left it; its bytes and signature are not looked into here. */
static void invoice(void)
{
    dm_rig_sql(&rig,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.invoice (account_no, kind, number, entity_no, chain, currency, period_start, period_end, "
            "issued_at, due_on, exact_total, discount, net, tax, total, prepaid, rounding, frozen, body, sha256, "
            "previous_sha256, public_key, signature) SELECT account_no, 'invoice', 'INV-2026-000001', 1, 1, currency, "
            "'2026-03-01Z', '2026-04-01Z', '2026-04-02Z', '2026-04-16', 8000, 0, 8000, 0, 8000, 0, 0, '{}', '{}', "
            "sha256('{}'), decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), "
            "'hex') FROM dm.account WHERE legal_name = 'Demo';"
            "INSERT INTO dm.invoice_state (account_no, invoice_no, status, open, due_on) SELECT account_no, "
            "invoice_no, "
            "'issued', total, due_on FROM dm.invoice");
}

static void forget(void)
{
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.invoice_order; DELETE FROM dm.invoice; "
                     "DELETE FROM dm.invoice_state; SET session_replication_role = DEFAULT");
}

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static const char *at(const char *rest)
{
    static char text[2][200];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/ops/accounts/%s/invoices%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static const char *told(const char *sql)
{
    static char text[512];
    dm_tenantrig_text(&rig.tenants, sql, text);
    return text;
}

static void are_listed(void **state)
{
    (void)state;
    invoice();
    DM_AUTO_SAID all = dm_rig_operate(&rig, "GET", "/v1/ops/invoices?limit=10", NULL);
    assert_int_equal(all.status, 200);
    const json_t *row = json_array_get(json_object_get(all.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "number"), "INV-2026-000001");
    assert_string_equal(dm_json_c(row, "account"), rig.tenants.demo.project.account_id);
    DM_AUTO_SAID none = dm_rig_operate(&rig, "GET", "/v1/ops/invoices?status=overdue", NULL);
    assert_int_equal(json_array_size(json_object_get(none.body, "rows")), 0);
    DM_AUTO_SAID bad = dm_rig_operate(&rig, "GET", "/v1/ops/invoices?status=lost", NULL);
    assert_int_equal(bad.status, 400);
    forget();
}

static void a_payment_is_ordered_and_a_second_person_approves(void **state)
{
    (void)state;
    invoice();
    DM_AUTO_SAID small = dm_rig_operate(&rig, "POST", at("/INV-2026-000001/pay"),
            "{\"amount\":\"10.00\",\"received_on\":\"2026-04-10\",\"reference\":\"TX\",\"reason\":\"it came\"}");
    assert_int_equal(small.status, 202);
    assert_string_equal(dm_said_str(&small, "state"), "ordered");
    assert_string_equal(told("SELECT concat_ws(' ', kind, trim_scale(amount), detail->>'received_on', who, why) FROM "
                             "dm.invoice_order"),
            "pay 10 2026-04-10 operator:ada it came");
    assert_string_equal(told("SELECT concat_ws(' ', who, verb, object, detail->>'reason') FROM dm.audit ORDER BY "
                             "audit_no DESC LIMIT 1"),
            "operator:ada invoice.pay invoice:INV-2026-000001 it came");
    DM_AUTO_SAID large = dm_rig_operate(&rig, "POST", at("/INV-2026-000001/void"), "{\"reason\":\"wrong address\"}");
    assert_string_equal(dm_said_str(&large, "state"), "waiting"); /* all of 8,000 is at stake */
    char target[80];
    (void)snprintf(target, sizeof target, "/v1/ops/invoice-orders/%lld/approve",
            (long long)json_integer_value(json_object_get(large.body, "order")));
    DM_AUTO_SAID self = dm_rig_operate(&rig, "POST", target, "{\"reason\":\"sure\"}");
    assert_string_equal(rule(&self), "order.self");
    dm_rig_in bob = dm_rig_operator(&rig, "bob");
    DM_AUTO_SAID other = dm_rig_call_in(&rig, &bob, "POST", target, "{\"reason\":\"looked at it\"}");
    assert_int_equal(other.status, 202);
    assert_string_equal(dm_said_str(&other, "state"), "ordered");
    DM_AUTO_SAID twice = dm_rig_call_in(&rig, &bob, "POST", target, "{\"reason\":\"once more\"}");
    assert_string_equal(rule(&twice), "order.past");
    DM_AUTO_SAID none = dm_rig_operate(&rig, "POST", "/v1/ops/invoice-orders/999999/approve", "{\"reason\":\"x\"}");
    assert_string_equal(rule(&none), "order.unknown");
    DM_AUTO_SAID list = dm_rig_operate(&rig, "GET", "/v1/ops/invoice-orders?state=ordered", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 2);
    assert_string_equal(
            dm_json_c(json_array_get(json_object_get(list.body, "rows"), 0), "approved_by"), "operator:bob");
    forget();
}

static dm_said with_key(const char *key, const char *target, const char *body)
{
    dm_rig_in ada = dm_rig_operator(&rig, "ada");
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(ada.cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}, {DM_STR("Idempotency-Key"), dm_str_c(key)}};
    return dm_rig_call_on(&rig.table, "POST", target, headers, DM_LEN(headers), body);
}

static void a_key_is_of_one_order(void **state)
{
    (void)state;
    invoice();
    DM_AUTO_SAID one = with_key("k-1", at("/INV-2026-000001/dispute"), "{\"reason\":\"he says so\"}");
    assert_int_equal(one.status, 202);
    DM_AUTO_SAID two = with_key("k-1", at("/INV-2026-000001/dispute"), "{\"reason\":\"he says so\"}");
    assert_int_equal(two.status, 202);
    assert_int_equal(json_integer_value(json_object_get(one.body, "order")),
            json_integer_value(json_object_get(two.body, "order")));
    DM_AUTO_SAID other = with_key("k-1", at("/INV-2026-000001/uncollectible"), "{\"reason\":\"he says so\"}");
    assert_string_equal(rule(&other), "idempotency.mismatch");
    DM_AUTO_SAID bad = with_key("K 1", at("/INV-2026-000001/dispute"), "{\"reason\":\"x\"}");
    assert_int_equal(bad.status, 400);
    assert_string_equal(told("SELECT count(*)::text FROM dm.invoice_order"), "1");
    forget();
}

static void a_month_is_ordered(void **state)
{
    (void)state;
    DM_AUTO_SAID draft =
            dm_rig_operate(&rig, "POST", at(""), "{\"month\":\"2026-03\",\"draft\":true,\"reason\":\"to look at\"}");
    assert_int_equal(draft.status, 202);
    DM_AUTO_SAID issue = dm_rig_operate(&rig, "POST", at(""), "{\"month\":\"2026-03\",\"reason\":\"he leaves\"}");
    assert_int_equal(issue.status, 202);
    assert_string_equal(told("SELECT string_agg(concat_ws(' ', kind, month, state), ', ' ORDER BY order_no) FROM "
                             "dm.invoice_order"),
            "draft 2026-03-01 ordered, issue 2026-03-01 ordered");
    forget();
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *rest, *body, *rule;
        int status;
    } cases[] = {
            {"/INV-2026-000001/pay", "{\"reason\":\"x\",\"received_on\":\"2026-04-10\"}", NULL, 400},
            {"/INV-2026-000001/pay", "{\"reason\":\"x\",\"amount\":\"-1\",\"received_on\":\"2026-04-10\"}", NULL, 400},
            {"/INV-2026-000001/pay", "{\"reason\":\"x\",\"amount\":\"1\",\"received_on\":\"2026-04-31\"}", NULL, 400},
            {"/INV-2026-000001/credit", "{\"reason\":\"x\",\"lines\":[{\"line\":1}]}", NULL, 400},
            {"/INV-2026-000001/credit", "{\"reason\":\"x\",\"lines\":[]}", NULL, 400},
            {"/INV-2026-000001/void", "{}", "ops.reason", 400},
            {"/INV-2026-000009/void", "{\"reason\":\"x\"}", "invoice.unknown", 404},
            {"", "{\"reason\":\"x\",\"month\":\"2026-13\"}", NULL, 400},
            {"", "{\"reason\":\"x\"}", NULL, 400},
    };
    (void)state;
    invoice();
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", at(cases[i].rest), cases[i].body);
        if (said.status != cases[i].status || (cases[i].rule != NULL && strcmp(rule(&said), cases[i].rule) != 0))
            fail_msg("%s %s: %d %s", cases[i].rest, cases[i].body, said.status, said.text);
    }
    DM_AUTO_SAID nobody = dm_rig_operate(
            &rig, "POST", "/v1/ops/accounts/" NOBODY "/invoices", "{\"reason\":\"x\",\"month\":\"2026-03\"}");
    assert_string_equal(rule(&nobody), "account.unknown");
    assert_string_equal(told("SELECT count(*)::text FROM dm.invoice_order"), "0");
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(are_listed, &rig),
            DM_RIG_TEST(a_payment_is_ordered_and_a_second_person_approves, &rig),
            DM_RIG_TEST(a_key_is_of_one_order, &rig),
            DM_RIG_TEST(a_month_is_ordered, &rig),
            DM_RIG_TEST(what_is_wrong_is_refused, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
