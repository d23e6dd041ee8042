/* Covers api/ops/tax_rule.c, metering/ask/tax_rule.c, metering/ask/sql_tax_rule.c: a rule of tax needs two people and
 * is never edited, and what had a rule has exactly one from then on. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_rig_in ben;

#define RULES "/v1/ops/tax-rules"
#define WHY "{\"reason\":\"the adviser's letter\"}"

static dm_said draft(const char *what, const char *begins)
{
    char body[600];
    (void)snprintf(body, sizeof body, "{%s,\"valid_from\":\"%s\",\"reason\":\"from January\"}", what, begins);
    return dm_rig_operate(&rig, "POST", RULES, body);
}

#define AUSTRIA "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"S\",\"rate\":"

static long long drafted(const char *what, const char *begins)
{
    DM_AUTO_SAID said = draft(what, begins);
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    assert_string_equal(dm_said_str(&said, "status"), "draft");
    assert_string_equal(dm_said_str(&said, "drafted_by"), DM_RIG_OPERATOR);
    return json_integer_value(json_object_get(said.body, "number"));
}

static dm_said done(bool by_ben, long long no, const char *act)
{
    char target[80];
    (void)snprintf(target, sizeof target, RULES "/%lld/%s", no, act);
    return by_ben ? dm_rig_call_in(&rig, &ben, "POST", target, WHY) : dm_rig_operate(&rig, "POST", target, WHY);
}

static void refused(bool by_ben, long long no, const char *act, int status, const char *why)
{
    DM_AUTO_SAID said = done(by_ben, no, act);
    assert_int_equal(said.status, status);
    assert_string_equal(dm_said_rule(&said), why);
}

/* When each rule for Austria that holds is over, in their order. */
#define AUSTRIAN                                                                                                       \
    "SELECT string_agg(rate_ppm || CASE WHEN valid_to IS NULL THEN ' on' WHEN valid_to = (SELECT min(n.valid_from) "   \
    "FROM dm.tax_rule n WHERE n.status = 'approved' AND n.buyer = 'AT' AND n.valid_from > t.valid_from) THEN ' next' " \
    "ELSE ' gap' END, ', ' ORDER BY valid_from) FROM dm.tax_rule t WHERE buyer = 'AT' AND status = 'approved'"

static void two_people_make_a_rule(void **state)
{
    (void)state;
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    long long no = drafted(AUSTRIA "\"20\"", dm_rig_ahead(&rig, "1 day"));
    refused(false, no, "approve", 409, "tax_rule.second_person");
    DM_AUTO_SAID said = done(true, no, "approve");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "status"), "approved");
    assert_string_equal(dm_said_str(&said, "rate"), "20.0000");
    assert_string_equal(dm_said_str(&said, "approved_by"), "operator:ben");
    assert_string_equal(dm_said_str(&said, "approved_why"), "the adviser's letter");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 2);
    refused(true, no, "approve", 409, "tax_rule.stays");
    refused(true, no, "withdraw", 409, "tax_rule.stays");
    refused(true, 99999, "approve", 404, "tax_rule.unknown");
    assert_string_equal(dm_rig_text(&rig, AUSTRIAN), "200000 on");

    /* a later one ends it, one in between ends where that begins */
    long long later = drafted(AUSTRIA "\"21\"", dm_rig_ahead(&rig, "9 days")),
              between = drafted(AUSTRIA "\"20.5\"", dm_rig_ahead(&rig, "5 days"));
    DM_AUTO_SAID first = done(true, later, "approve");
    DM_AUTO_SAID second = done(true, between, "approve");
    assert_int_equal(first.status, 200);
    assert_int_equal(second.status, 200);
    assert_string_equal(dm_rig_text(&rig, AUSTRIAN), "200000 next, 205000 next, 210000 on");

    long long gone = drafted(AUSTRIA "\"25\"", dm_rig_ahead(&rig, "7 days"));
    DM_AUTO_SAID withdrawn = done(false, gone, "withdraw");
    assert_int_equal(withdrawn.status, 200);
    assert_string_equal(dm_said_str(&withdrawn, "status"), "withdrawn");
    refused(true, gone, "approve", 409, "tax_rule.stays");
    assert_string_equal(dm_rig_text(&rig, AUSTRIAN), "200000 next, 205000 next, 210000 on");
}

static void a_rule_begins_ahead_and_alone(void **state)
{
    (void)state;
    char begins[40];
    (void)snprintf(begins, sizeof begins, "%s", dm_rig_ahead(&rig, "2 days"));
    long long soon =
            drafted("\"seller\":\"*\",\"buyer\":\"FR\",\"jurisdiction\":\"FR\",\"category\":\"S\",\"rate\":\"20\"",
                    dm_rig_ahead(&rig, "20 seconds"));
    refused(true, soon, "approve", 409, "tax_rule.late");
#define LYON "\"seller\":\"*\",\"buyer\":\"FR\",\"jurisdiction\":\"FR\",\"category\":\"S\",\"rate\":\"19.6\""
    long long one = drafted(LYON, begins), same = drafted(LYON, begins);
    long long other = drafted(LYON ",\"business\":false", begins);
    DM_AUTO_SAID a = done(true, one, "approve");
    assert_int_equal(a.status, 200);
    refused(true, same, "approve", 409, "tax_rule.same");
    DM_AUTO_SAID b = done(true, other, "approve"); /* of another kind of buyer */
    assert_int_equal(b.status, 200);
}

static void what_no_invoice_may_say_is_refused(void **state)
{
    static const char *const wrong[] = {AUSTRIA "\"0\"", AUSTRIA "\"20.00001\"", AUSTRIA "\"101\"", AUSTRIA "\"x\"",
            "\"seller\":\"XX\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"S\",\"rate\":\"20\"",
            "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"A T\",\"category\":\"S\",\"rate\":\"20\"",
            "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"Q\"",
            "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"E\"",
            "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"AE\",\"exemption\":\"Reverse "
            "charge\"",
            "\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"S\",\"rate\":\"20\","
            "\"business\":1"};
    (void)state;
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = draft(wrong[i], "2130-01-01T00:00:00Z");
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    DM_AUTO_SAID half = draft(AUSTRIA "\"20\"", "2130-01-01T00:00:00.5Z");
    assert_int_equal(half.status, 400);
    DM_AUTO_SAID area = draft("\"seller\":\"DE\",\"buyer\":\"QQ\",\"jurisdiction\":\"AT\",\"category\":\"S\",\"rate\":"
                              "\"20\"",
            "2130-01-01T00:00:00Z");
    assert_int_equal(area.status, 400);
    assert_string_equal(dm_said_rule(&area), "tax_rule.wrong");
    DM_AUTO_SAID silent =
            dm_rig_operate(&rig, "POST", RULES, "{" AUSTRIA "\"20\",\"valid_from\":\"2130-01-01T00:00:00Z\"}");
    assert_string_equal(dm_said_rule(&silent), "ops.reason");
    (void)drafted("\"seller\":\"DE\",\"buyer\":\"EU\",\"business\":true,\"jurisdiction\":\"EU\",\"category\":\"AE\","
                  "\"exemption_code\":\"VATEX-EU-AE\",\"exemption\":\"Reverse charge\"",
            "2130-01-01T00:00:00Z");
}

static size_t listed(const char *filter)
{
    char target[120];
    (void)snprintf(target, sizeof target, RULES "?limit=50%s", filter);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%d %s", said.status, said.text);
    return json_array_size(json_object_get(said.body, "rows"));
}

static void they_are_listed_by_country_and_time(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.tax_rule WHERE drafted_by IS NOT NULL; RESET "
            "session_replication_role");
    assert_int_equal(listed(""), 1); /* which came with the deployment */
    (void)drafted("\"seller\":\"DE\",\"buyer\":\"AT\",\"jurisdiction\":\"AT\",\"category\":\"S\",\"rate\":\"20\"",
            "2130-01-01T00:00:00Z");
    (void)drafted(
            "\"seller\":\"DE\",\"buyer\":\"EU\",\"jurisdiction\":\"EU\",\"category\":\"Z\"", "2131-01-01T00:00:00Z");
    (void)drafted(
            "\"seller\":\"DE\",\"buyer\":\"US\",\"jurisdiction\":\"US\",\"category\":\"Z\"", "2132-01-01T00:00:00Z");
    assert_int_equal(listed("&country=AT"), 2);
    assert_int_equal(listed("&country=DE"), 3);
    assert_int_equal(listed("&country=US&status=draft"), 1);
    assert_int_equal(listed("&status=approved"), 1);
    assert_int_equal(listed("&valid_at=2131-06-01T00:00:00Z"), 3);
    assert_int_equal(listed("&valid_at=2131-06-01T00:00:00Z&country=AT"), 2);
    DM_AUTO_SAID page = dm_rig_operate(&rig, "GET", RULES "?limit=3", NULL);
    char target[200];
    (void)snprintf(target, sizeof target, RULES "?limit=3&cursor=%s", dm_said_str(&page, "next"));
    DM_AUTO_SAID rest = dm_rig_operate(&rig, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 1);
    DM_AUTO_SAID wrong = dm_rig_operate(&rig, "GET", RULES "?country=Austria", NULL);
    assert_int_equal(wrong.status, 400);
}

/* Whatever the API does, the database lets none of it pass for two people. */
static void the_database_holds_to_it(void **state)
{
    (void)state;
    (void)drafted(AUSTRIA "\"20\"", "2140-01-01T00:00:00Z");
#define THE_DRAFT " WHERE rule_no = (SELECT max(rule_no) FROM dm.tax_rule)"
    static const char *const acts[] = {"UPDATE dm.tax_rule SET status = 'approved', approved_by = drafted_by" THE_DRAFT,
            "UPDATE dm.tax_rule SET status = 'approved'" THE_DRAFT, "UPDATE dm.tax_rule SET rate_ppm = 1" THE_DRAFT,
            "UPDATE dm.tax_rule SET valid_to = now() WHERE status = 'approved'", "DELETE FROM dm.tax_rule" THE_DRAFT,
            "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction) VALUES ('*', 'AT', 'S', 1, "
            "'AT')"};
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        dm_err err;
        if (dm_pg_script(rig.tenants.ops, acts[i], &err) >= 0)
            fail_msg("%s", acts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(two_people_make_a_rule),
            cmocka_unit_test(a_rule_begins_ahead_and_alone),
            cmocka_unit_test(what_no_invoice_may_say_is_refused),
            cmocka_unit_test(they_are_listed_by_country_and_time),
            cmocka_unit_test(the_database_holds_to_it),
    };
    dm_rig_start(&rig, 0);
    ben = dm_rig_operator(&rig, "ben");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
