/* Covers api/dm/account.c, tenants/who/sql_profile.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char account[96]; /* the demo account's path */

static dm_tenantrig_person person(const char *role)
{
    char email[64];
    (void)snprintf(email, sizeof email, "%s@m.test", role);
    return dm_tenantrig_add_person(&rig.tenants, email, role, true);
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, path, body);
    if (said.status != status)
        fail_msg("%s %s %s: %d, not %d: %s", method, path, body != NULL ? body : "", said.status, status, said.text);
}

static void refused_by(const dm_tenantrig_person *who, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, "PATCH", account, body);
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s: %d, not %d %s: %s", body, said.status, status, rule, said.text);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(account, sizeof account, "/v1/accounts/%s", rig.tenants.demo.project.account_id);
    return 0;
}

static const json_t *billing_of(const dm_said *said)
{
    return json_object_get(said->body, "billing");
}

/* A statement in the account's currency, as if its first period had closed. */
static const char a_statement[] =
        "SET session_replication_role = replica;"
        "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s, "
        "hibernated_s,"
        " unattested, body, sha256, previous_sha256, public_key, signature) SELECT account_no, '2026-01-01Z', 3600, 1,"
        " currency, 0, 0, 0, 0, 'x', sha256('x'), sha256('x'), sha256('x'), decode(repeat('00', 64), 'hex')"
        " FROM dm.account WHERE legal_name = 'Demo'; RESET session_replication_role";

static void what_is_shown(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner"), view = person("viewer");
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "GET", account, NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "name"), "Demo");
    assert_string_equal(dm_said_str(&said, "tier"), "payg");
    assert_string_equal(dm_json_c(json_object_get(said.body, "standing"), "state"), "good");
    assert_int_equal(json_integer_value(json_object_get(said.body, "projects")), 1);
    assert_int_equal(json_integer_value(json_object_get(said.body, "members")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(said.body, "roles"), 0)), "owner");
    assert_string_equal(dm_json_c(billing_of(&said), "currency"), "CNY");
    assert_string_equal(dm_json_c(billing_of(&said), "billing_cycle"), "monthly");
    assert_true(json_is_false(json_object_get(billing_of(&said), "currency_stays")));
    assert_true(json_is_null(json_object_get(billing_of(&said), "tax_id")));
    DM_AUTO_SAID less = dm_rig_as_person(&rig, &view, "GET", account, NULL);
    assert_true(json_is_null(billing_of(&less))); /* a viewer reads no bills */
}

static void how_it_stands(void **state)
{
    (void)state;
    dm_tenantrig_person view = person("viewer");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'no invoice was paid' WHERE legal_name = 'Demo'");
    DM_AUTO_SAID blocked = dm_rig_as_person(&rig, &view, "GET", account, NULL);
    const json_t *standing = json_object_get(blocked.body, "standing");
    assert_string_equal(dm_json_c(standing, "state"), "blocked");
    assert_string_equal(dm_json_c(standing, "why"), "no invoice was paid");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = NULL; INSERT INTO dm.hold (account_no, cause, set_by, reason)"
                     " SELECT account_no, 'suspended_unpaid', 'operator:ada', 'twice' FROM dm.account"
                     " WHERE legal_name = 'Demo'");
    DM_AUTO_SAID held = dm_rig_as_person(&rig, &view, "GET", account, NULL);
    assert_string_equal(dm_json_c(json_object_get(held.body, "standing"), "state"), "suspended_unpaid");
    assert_string_equal(dm_json_c(json_object_get(held.body, "standing"), "why"), "twice");
}

static void is_changed_by_who_may(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        int name, billing;
    } all[] = {{"viewer", 403, 403}, {"developer", 403, 403}, {"billing", 403, 403}, {"admin", 204, 403},
            {"owner", 204, 204}};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        dm_tenantrig_person who = person(all[i].role);
        expect(&who, "PATCH", account, "{\"name\":\"Ada & Co\"}", all[i].name);
        expect(&who, "PATCH", account, "{\"billing\":{\"legal_name\":\"Ada Ltd\"}}", all[i].billing);
        expect(&who, "PATCH", account, "{\"name\":\"X\",\"billing\":{\"tax_id\":null}}", all[i].billing);
    }
    dm_rig_sql(&rig, "DELETE FROM dm.member");
    dm_tenantrig_person admin = person("admin");
    refused_by(&admin, "{\"billing\":{\"country\":\"DE\"}}", 403, "auth.forbidden");
    dm_rig_sql(&rig, "UPDATE dm.account SET legal_name = 'Demo'");
}

static void all_of_the_profile(void **state)
{
    (void)state;
    char object[64], detail[256];
    dm_tenantrig_person own = person("owner");
    expect(&own, "PATCH", account,
            "{\"name\":\" Ada & Co \",\"billing\":{\"legal_name\":\"Ada Ltd\",\"address\":[\"1 Street\",\" Town \"],"
            "\"country\":\"DE\",\"tax_id\":\"DE 123 456 789\",\"billing_cycle\":\"hourly\","
            "\"invoice_email\":\"bills@ada.test\",\"purchase_order\":\"PO 7/2026\"}}",
            204);
    (void)snprintf(object, sizeof object, "account:%s", rig.tenants.demo.project.account_id);
    assert_true(dm_tenantrig_audited(&rig.tenants, (dm_owner){.account = rig.tenants.demo.project.owner.account},
            own.who, "account.change", object));
    dm_tenantrig_text(&rig.tenants, "SELECT detail FROM dm.audit ORDER BY audit_no DESC LIMIT 1", detail);
    assert_non_null(strstr(detail, "\"is\": \"DE\""));
    assert_non_null(strstr(detail, "legal_name"));
    assert_null(strstr(detail, "Ada")); /* what is personal is not kept for ever */
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "GET", account, NULL);
    const json_t *lines = json_object_get(billing_of(&said), "address");
    assert_string_equal(dm_said_str(&said, "name"), "Ada & Co");
    assert_string_equal(dm_json_c(billing_of(&said), "legal_name"), "Ada Ltd");
    assert_int_equal(json_array_size(lines), 2);
    assert_string_equal(json_string_value(json_array_get(lines, 1)), "Town");
    assert_string_equal(dm_json_c(billing_of(&said), "country"), "DE");
    assert_string_equal(dm_json_c(billing_of(&said), "tax_id"), "DE 123 456 789");
    assert_string_equal(dm_json_c(billing_of(&said), "billing_cycle"), "hourly");
    assert_string_equal(dm_json_c(billing_of(&said), "invoice_email"), "bills@ada.test");
    assert_string_equal(dm_json_c(billing_of(&said), "purchase_order"), "PO 7/2026");
    /* What is not named stays, null takes away what may be lacking. */
    expect(&own, "PATCH", account,
            "{\"billing\":{\"tax_id\":null,\"invoice_email\":null,\"purchase_order\":null,\"address\":[]}}", 204);
    DM_AUTO_SAID less = dm_rig_as_person(&rig, &own, "GET", account, NULL);
    assert_string_equal(dm_json_c(billing_of(&less), "legal_name"), "Ada Ltd");
    assert_true(json_is_null(json_object_get(billing_of(&less), "tax_id")));
    assert_true(json_is_null(json_object_get(billing_of(&less), "invoice_email")));
    assert_true(json_is_null(json_object_get(billing_of(&less), "purchase_order")));
    assert_int_equal(json_array_size(json_object_get(billing_of(&less), "address")), 0);
    DM_AUTO_SAID me = dm_rig_as_person(&rig, &own, "GET", "/v1/me", NULL);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(me.body, "accounts"), 0), "name"), "Ada & Co");
    dm_rig_sql(&rig, "UPDATE dm.account SET legal_name = 'Demo', country = 'CN', billing_cycle = 'monthly'");
}

static void what_cannot_be(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    static const char *const bodies[] = {"{}", "{\"billing\":{}}", "{\"name\":\"\"}", "{\"name\":null}", "{\"name\":7}",
            "{\"billing\":7}", "{\"billing\":{\"legal_name\":null}}", "{\"billing\":{\"country\":\"UK\"}}",
            "{\"billing\":{\"currency\":\"DEM\"}}", "{\"billing\":{\"billing_cycle\":\"yearly\"}}",
            "{\"billing\":{\"address\":\"1 Street\"}}", "{\"billing\":{\"address\":[\"\"]}}",
            "{\"billing\":{\"address\":[\"a\\nb\"]}}", "{\"billing\":{\"address\":[7]}}",
            "{\"billing\":{\"invoice_email\":\"nobody\"}}", "{\"billing\":{\"purchase_order\":\"a\\nb\"}}",
            "{\"billing\":{\"tax_id\":\"x\"}}", "{\"billing\":{\"country\":\"DE\",\"tax_id\":\"DE12\"}}", "[]", "{"};
    for (size_t i = 0; i < DM_LEN(bodies); i++)
        expect(&own, "PATCH", account, bodies[i], 400);
    /* A country that comes after the number is held against it, too. */
    expect(&own, "PATCH", account, "{\"billing\":{\"tax_id\":\"DE12\"}}", 204);
    expect(&own, "PATCH", account, "{\"billing\":{\"country\":\"DE\"}}", 400);
    expect(&own, "PATCH", account, "{\"billing\":{\"country\":\"DE\",\"tax_id\":null}}", 204);
    dm_rig_sql(&rig, "UPDATE dm.account SET country = 'CN'");
}

/* Only into one that the plan has prices in, and only until something was stated. */
static void a_currency(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    refused_by(&own, "{\"billing\":{\"currency\":\"EUR\"}}", 409, "account.prices");
    dm_rig_sql(&rig, "INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from)"
                     " VALUES ('other', 'resources', 'payg', 'EUR', '2026-01-01Z')");
    expect(&own, "PATCH", account, "{\"billing\":{\"currency\":\"EUR\"}}", 204);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'account.change'"
                                         " AND detail -> 'currency' = '{\"was\": \"CNY\", \"is\": \"EUR\"}'"),
            1);
    dm_rig_sql(&rig, a_statement);
    refused_by(&own, "{\"billing\":{\"currency\":\"CNY\"}}", 409, "account.currency");
    expect(&own, "PATCH", account, "{\"billing\":{\"currency\":\"EUR\"}}", 204); /* as it is */
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "GET", account, NULL);
    assert_true(json_is_true(json_object_get(billing_of(&said), "currency_stays")));
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.statement; DELETE FROM dm.usage_owed; "
                     "RESET session_replication_role;"
                     "UPDATE dm.account SET currency = 'CNY'; DELETE FROM dm.price_book WHERE currency = 'EUR'");
}

/* A bill that was reckoned in one currency is not written when the account has another by then. */
static void no_statement_in_what_it_was(void **state)
{
    (void)state;
    char text[2048];
    (void)snprintf(text, sizeof text,
            "DO $$ BEGIN %s; RAISE EXCEPTION 'it was taken'; EXCEPTION WHEN"
            " serialization_failure THEN NULL; END $$",
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s,"
            " hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature) SELECT account_no,"
            " '2026-01-01Z', 3600, 1, 'JPY', 0, 0, 0, 0, 'x', sha256('x'), sha256('x'), sha256('x'),"
            " decode(repeat('00', 64), 'hex') FROM dm.account WHERE legal_name = 'Demo'");
    dm_rig_sql(&rig, text);
}

static void of_another_tenant(void **state)
{
    (void)state;
    char text[256], path[320];
    dm_tenantrig_person own = person("owner");
    dm_tenantrig_person only = dm_tenantrig_add_person(&rig.tenants, "only@m.test", "admin", false);
    dm_rig_other(&rig);
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.account WHERE legal_name = 'Other'", text);
    (void)snprintf(path, sizeof path, "/v1/accounts/%s", text);
    expect(&own, "GET", path, NULL, 404);
    expect(&own, "PATCH", path, "{\"name\":\"Mine\"}", 404);
    expect(&only, "GET", account, NULL, 404); /* who is in a project alone is nothing in its account */
    DM_AUTO_SAID key = dm_rig_call(&rig, "GET", account, NULL);
    assert_int_equal(key.status, 403);
}

/* A blocked account's owner still says where the invoice goes. */
static void also_where_it_is_blocked(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("owner");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'why'");
    expect(&own, "PATCH", account, "{\"billing\":{\"invoice_email\":\"a@b.test\"}}", 204);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(what_is_shown), TEST(how_it_stands), TEST(is_changed_by_who_may),
            TEST(all_of_the_profile), TEST(what_cannot_be), TEST(a_currency), TEST(no_statement_in_what_it_was),
            TEST(of_another_tenant), TEST(also_where_it_is_blocked)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
