/* Covers api/ops/contract.c, api/dm/contract.c, metering/ask/sql_contract.c, metering/read/contract.c,
 * metering/read/sql_contracts.c: a contract needs two people, and so does its early end; else it stays as it is. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_rig_in ben;

static const char *text_of(const char *sql)
{
    static char out[256];
    dm_tenantrig_text(&rig.tenants, sql, out);
    return out;
}

static const char *rule(const dm_said *said)
{
    return dm_json_c(json_object_get(said->body, "denial"), "rule");
}

/* The first second of a month so many from now. */
static void month(int ahead, char out[40])
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
            "SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '%d months', "
            "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
            ahead);
    (void)snprintf(out, 40, "%s", text_of(sql));
}

static dm_said draft(const char *currency, const char *from, const char *to)
{
    char body[700], account[40];
    (void)snprintf(account, sizeof account, "%s", text_of("SELECT id FROM dm.account WHERE legal_name = 'Demo'"));
    (void)snprintf(body, sizeof body,
            "{\"account\":\"%s\",\"name\":\"A year\",\"currency\":\"%s\",\"valid_from\":\"%s\",\"valid_to\":\"%s\","
            "\"least_monthly\":\"500\",\"reference\":\"PO 1\",\"reason\":\"signed\"}",
            account, currency, from, to);
    return dm_rig_operate(&rig, "POST", "/v1/ops/contracts", body);
}

/* Of months 1 to 7 from now. */
static void drafted(char id[40])
{
    char from[40], to[40];
    month(1, from);
    month(7, to);
    DM_AUTO_SAID said = draft("CNY", from, to);
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    (void)snprintf(id, 40, "%s", dm_said_str(&said, "id"));
}

static dm_said act(const dm_rig_in *who, const char *id, const char *verb, const char *ends_at)
{
    char target[120], body[200];
    (void)snprintf(target, sizeof target, "/v1/ops/contracts/%s/%s", id, verb);
    if (ends_at != NULL)
        (void)snprintf(body, sizeof body, "{\"reason\":\"looked at\",\"ends_at\":\"%s\"}", ends_at);
    else
        (void)snprintf(body, sizeof body, "{\"reason\":\"looked at\"}");
    return who == NULL ? dm_rig_operate(&rig, "POST", target, body) : dm_rig_call_in(&rig, who, "POST", target, body);
}

static void says(const dm_rig_in *who, const char *id, const char *verb, const char *ends_at, const char *want)
{
    DM_AUTO_SAID said = act(who, id, verb, ends_at);
    if (said.status == 200 ? want != NULL : want == NULL || rule(&said) == NULL || strcmp(rule(&said), want) != 0)
        fail_msg("%s: %d %s", verb, said.status, said.text);
}

static void two_people_make_one_and_two_end_it(void **state)
{
    char id[40], at[40], past[40], end[40];
    (void)state;
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    drafted(id);
    says(NULL, id, "approve", NULL, "contract.second_person");
    says(NULL, id, "end", "2130-01-01T00:00:00Z", "contract.stays");
    says(&ben, id, "approve", NULL, NULL);
    says(&ben, id, "approve", NULL, "contract.stays");
    says(&ben, id, "withdraw", NULL, "contract.stays");
    month(4, at);
    month(0, past);
    month(7, end);
    says(NULL, id, "end/approve", NULL, "contract.stays");
    says(NULL, id, "end", past, "contract.late");
    says(NULL, id, "end", end, "contract.late"); /* that is not early */
    says(NULL, id, "end", at, NULL);
    says(&ben, id, "end", at, "contract.stays");
    says(&ben, id, "end/withdraw", NULL, NULL);
    says(NULL, id, "end", at, NULL);
    assert_string_equal(text_of("SELECT valid_to - valid_from > interval '170 days' FROM dm.contract"), "t");
    says(NULL, id, "end/approve", NULL, "contract.second_person");
    DM_AUTO_SAID ended = act(&ben, id, "end/approve", NULL);
    assert_int_equal(ended.status, 200);
    assert_string_equal(dm_said_str(&ended, "valid_to"), dm_said_str(&ended, "ends_at"));
    assert_string_equal(dm_json_c(json_object_get(ended.body, "end_ordered"), "by"), DM_RIG_OPERATOR);
    assert_string_equal(dm_json_c(json_object_get(ended.body, "end_approved"), "by"), "operator:ben");
    says(NULL, id, "end", at, "contract.stays");
    says(NULL, id, "end/withdraw", NULL, "contract.stays");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 6);
    assert_string_equal(text_of("SELECT count(*) FROM dm.audit WHERE verb LIKE 'contract.%' AND account_no IS NOT NULL "
                                "AND detail->>'reason' IS NOT NULL"),
            "6");
}

static void what_cannot_be_is_refused(void **state)
{
    char id[40], from[40], to[40], other[40];
    (void)state;
    month(1, from);
    month(2, to);
    DM_AUTO_SAID dollars = draft("USD", from, to);
    assert_string_equal(rule(&dollars), "contract.wrong");
    DM_AUTO_SAID backwards = draft("CNY", to, from);
    assert_string_equal(rule(&backwards), "contract.wrong");
    DM_AUTO_SAID middle = draft("CNY", "2130-01-02T00:00:00Z", "");
    assert_string_equal(rule(&middle), "contract.wrong");
    DM_AUTO_SAID no = draft("CNY", "soon", "");
    assert_int_equal(no.status, 400);
    says(NULL, "6f1c6d5e-3f0b-4e0c-9a53-6f1f0a9d9d11", "approve", NULL, "contract.unknown");
    drafted(id);
    drafted(other);
    says(&ben, id, "approve", NULL, NULL);
    says(&ben, other, "approve", NULL, "contract.wrong"); /* one holds then */
    says(NULL, other, "withdraw", NULL, NULL);
    month(0, from);
    DM_AUTO_SAID begun = draft("CNY", from, to);
    assert_int_equal(begun.status, 201);
    says(&ben, dm_said_str(&begun, "id"), "approve", NULL, "contract.late");
    says(NULL, dm_said_str(&begun, "id"), "withdraw", NULL, NULL);
    dm_rig_sql(&rig, "UPDATE dm.contract SET status = 'withdrawn' WHERE status = 'approved'; UPDATE dm.account SET "
                     "billing_cycle = 'hourly' WHERE legal_name = 'Demo'");
    drafted(other);
    says(&ben, other, "approve", NULL, NULL); /* whoever pays how: each month has an invoice */
}

static void they_are_listed(void **state)
{
    char id[40], target[200];
    (void)state;
    drafted(id);
    drafted(id);
    DM_AUTO_SAID one = dm_rig_operate(&rig, "GET", "/v1/ops/contracts?limit=1&status=draft", NULL);
    assert_int_equal(one.status, 200);
    assert_int_equal(json_array_size(json_object_get(one.body, "rows")), 1);
    assert_int_equal(json_integer_value(json_object_get(one.body, "total")), 2);
    (void)snprintf(target, sizeof target, "/v1/ops/contracts?cursor=%s", dm_said_str(&one, "next"));
    DM_AUTO_SAID rest = dm_rig_operate(&rig, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 1);
    DM_AUTO_SAID none =
            dm_rig_operate(&rig, "GET", "/v1/ops/contracts?account=6f1c6d5e-3f0b-4e0c-9a53-6f1f0a9d9d11", NULL);
    assert_int_equal(json_array_size(json_object_get(none.body, "rows")), 0);
    DM_AUTO_SAID bad = dm_rig_operate(&rig, "GET", "/v1/ops/contracts?status=x", NULL);
    assert_int_equal(bad.status, 400);
    (void)snprintf(target, sizeof target, "/v1/ops/contracts/%s", id);
    DM_AUTO_SAID got = dm_rig_operate(&rig, "GET", target, NULL);
    assert_string_equal(dm_said_str(&got, "least_monthly"), "500.000000000000000000");
}

/* A customer sees his own that are no drafts, without who did what; and keeps what it is charged by. */
static void a_customer_sees_his_own(void **state)
{
    char id[40], target[120], account[80];
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "own@contract.test", "owner", true);
    (void)snprintf(account, sizeof account, "/v1/accounts/%s", rig.tenants.demo.project.account_id);
    (void)snprintf(target, sizeof target, "%s/contracts", account);
    drafted(id);
    DM_AUTO_SAID none = dm_rig_as_person(&rig, &own, "GET", target, NULL);
    assert_int_equal(none.status, 200);
    assert_int_equal(json_array_size(json_object_get(none.body, "rows")), 0);
    says(&ben, id, "approve", NULL, NULL);
    DM_AUTO_SAID one = dm_rig_as_person(&rig, &own, "GET", target, NULL);
    const json_t *row = json_array_get(json_object_get(one.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "id"), id);
    assert_string_equal(dm_json_c(row, "reference"), "PO 1");
    assert_null(json_object_get(row, "drafted"));
    DM_AUTO_SAID no = dm_rig_as_person(&rig, &own, "PATCH", account, "{\"billing\":{\"currency\":\"USD\"}}");
    assert_int_equal(no.status, 409);
    assert_string_equal(rule(&no), "account.committed");
    static const char *const changes[] = {
            "{\"billing\":{\"billing_cycle\":\"hourly\"}}", "{\"billing\":{\"billing_cycle\":\"monthly\"}}"};
    for (size_t i = 0; i < DM_LEN(changes); i++) {
        DM_AUTO_SAID yes = dm_rig_as_person(&rig, &own, "PATCH", account, changes[i]);
        assert_int_equal(yes.status, 204);
    }
}

/* Whoever has the role of operators, and no other way, may not do more. */
static void the_database_holds_to_it(void **state)
{
    static const char *const tries[] = {"UPDATE dm.contract SET least_monthly = 1",
            "UPDATE dm.contract SET valid_to = valid_to - interval '40 days'",
            "UPDATE dm.contract SET valid_to = date_trunc('month', valid_to, 'UTC') - interval '1 month'",
            "UPDATE dm.contract SET status = 'draft'", "UPDATE dm.contract SET status = 'withdrawn'",
            "UPDATE dm.contract SET approved_by = 'operator:eve'", "DELETE FROM dm.contract",
            "UPDATE dm.contract SET ends_at = valid_from + interval '1 day', end_by = 'a', end_why = 'x'",
            "UPDATE dm.contract SET ended_by = 'b', ended_why = 'x'",
            "UPDATE dm.contract SET ends_at = date_trunc('month', valid_to - interval '40 days', 'UTC'), end_by = 'a', "
            "end_why = 'x'; UPDATE dm.contract SET ended_by = 'a', ended_why = 'x'"};
    char id[40];
    dm_err err;
    (void)state;
    drafted(id);
    says(&ben, id, "approve", NULL, NULL);
    for (size_t i = 0; i < DM_LEN(tries); i++) {
        if (dm_pg_script(rig.tenants.ops, tries[i], &err) >= 0)
            fail_msg("it was done: %s", tries[i]);
    }
}

static int clean(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "DELETE FROM dm.contract; UPDATE dm.account SET billing_cycle = 'monthly'");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_teardown(two_people_make_one_and_two_end_it, clean),
            cmocka_unit_test_teardown(what_cannot_be_is_refused, clean),
            cmocka_unit_test_teardown(they_are_listed, clean),
            cmocka_unit_test_teardown(a_customer_sees_his_own, clean),
            cmocka_unit_test_teardown(the_database_holds_to_it, clean),
    };
    dm_rig_start(&rig, 0);
    ben = dm_rig_operator(&rig, "ben");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
