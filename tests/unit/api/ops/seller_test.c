/* Covers api/ops/draft.c, api/ops/seller.c, metering/ask/draft.c, metering/ask/seller.c, metering/ask/sql_seller.c: who
 * sells is said by two people and never edited, and at every moment a legal entity is called by one name. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_rig_in ben;

#define SELLERS "/v1/ops/sellers"
#define WHY "{\"reason\":\"the register says so\"}"
#define GMBH "\"name\":\"Dormouse GmbH\",\"country\":\"DE\""
#define FAR "2130-01-01T00:00:00Z"

static dm_said draft(const char *what, const char *begins)
{
    char body[1200];
    (void)snprintf(body, sizeof body, "{%s,\"valid_from\":\"%s\",\"reason\":\"we moved\"}", what, begins);
    return dm_rig_operate(&rig, "POST", SELLERS, body);
}

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
    (void)snprintf(target, sizeof target, SELLERS "/%lld/%s", no, act);
    return by_ben ? dm_rig_call_in(&rig, &ben, "POST", target, WHY) : dm_rig_operate(&rig, "POST", target, WHY);
}

static void refused(bool by_ben, long long no, const char *act, int status, const char *why)
{
    DM_AUTO_SAID said = done(by_ben, no, act);
    assert_int_equal(said.status, status);
    assert_string_equal(dm_said_rule(&said), why);
}

/* Who sells, one after the other: where each is over. */
#define HOLDS                                                                                                          \
    "SELECT string_agg(name || CASE WHEN valid_to IS NULL THEN ' on' WHEN valid_to = (SELECT min(n.valid_from) FROM "  \
    "dm.seller n WHERE n.status = 'approved' AND n.valid_from > s.valid_from) THEN ' next' ELSE ' gap' END, ', ' "     \
    "ORDER BY valid_from) FROM dm.seller s WHERE status = 'approved'"

static void two_people_say_who_sells(void **state)
{
    (void)state;
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    long long no = drafted(GMBH ",\"address\":\"Hauptstr. 1\\n10115 Berlin\",\"tax_id\":\"DE136695976\",\"legal_id\":"
                                "\"HRB 12345\",\"email\":\"billing@d.test\",\"iban\":\"DE89370400440532013000\","
                                "\"bic\":\"COBADEFFXXX\",\"payment_terms_days\":30",
            dm_rig_ahead(&rig, "1 day"));
    refused(false, no, "approve", 409, "seller.second_person");
    DM_AUTO_SAID said = done(true, no, "approve");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "status"), "approved");
    assert_string_equal(dm_said_str(&said, "address"), "Hauptstr. 1\n10115 Berlin");
    assert_string_equal(dm_said_str(&said, "iban"), "DE89370400440532013000");
    assert_string_equal(dm_said_str(&said, "bic"), "COBADEFFXXX");
    assert_int_equal(json_integer_value(json_object_get(said.body, "payment_terms_days")), 30);
    assert_int_equal(json_integer_value(json_object_get(said.body, "entity")), 1);
    assert_string_equal(dm_said_str(&said, "approved_by"), "operator:ben");
    assert_string_equal(dm_said_str(&said, "approved_why"), "the register says so");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 2);
    refused(true, no, "approve", 409, "seller.stays");
    refused(true, no, "withdraw", 409, "seller.stays");
    refused(true, 99999, "approve", 404, "seller.unknown");
    assert_string_equal(dm_rig_text(&rig, HOLDS), "Dormouse next, Dormouse GmbH on");

    /* a later one ends it, one in between ends where that begins */
    long long later = drafted("\"name\":\"Later\",\"country\":\"AT\"", dm_rig_ahead(&rig, "9 days")),
              between = drafted("\"name\":\"Between\",\"country\":\"FR\"", dm_rig_ahead(&rig, "5 days"));
    DM_AUTO_SAID first = done(true, later, "approve");
    DM_AUTO_SAID second = done(true, between, "approve");
    assert_int_equal(first.status, 200);
    assert_int_equal(second.status, 200);
    assert_string_equal(dm_rig_text(&rig, HOLDS), "Dormouse next, Dormouse GmbH next, Between next, Later on");

    long long gone = drafted("\"name\":\"Gone\",\"country\":\"IT\"", dm_rig_ahead(&rig, "7 days"));
    DM_AUTO_SAID withdrawn = done(false, gone, "withdraw");
    assert_int_equal(withdrawn.status, 200);
    assert_string_equal(dm_said_str(&withdrawn, "status"), "withdrawn");
    refused(true, gone, "approve", 409, "seller.stays");
    assert_string_equal(dm_rig_text(&rig, HOLDS), "Dormouse next, Dormouse GmbH next, Between next, Later on");
}

static void a_seller_begins_ahead_and_alone(void **state)
{
    (void)state;
    char begins[40];
    (void)snprintf(begins, sizeof begins, "%s", dm_rig_ahead(&rig, "2 days"));
    long long soon = drafted(GMBH, dm_rig_ahead(&rig, "20 seconds"));
    refused(true, soon, "approve", 409, "seller.late");
    long long one = drafted(GMBH, begins), same = drafted(GMBH, begins);
    DM_AUTO_SAID a = done(true, one, "approve");
    assert_int_equal(a.status, 200);
    refused(true, same, "approve", 409, "seller.same");
}

/* Whatever the API does, the database lets none of it pass for two people, and nothing that holds be edited. */
static void the_database_holds_to_it(void **state)
{
    (void)state;
    char name[40];
    DM_AUTO_SAID a = done(true, drafted(GMBH, dm_rig_ahead(&rig, "2 days")), "approve");
    assert_int_equal(a.status, 200);
    (void)drafted(GMBH, FAR);
#define THE_DRAFT " WHERE seller_no = (SELECT max(seller_no) FROM dm.seller)"
    static const char *const acts[] = {"UPDATE dm.seller SET status = 'approved', approved_by = drafted_by" THE_DRAFT,
            "UPDATE dm.seller SET status = 'approved'" THE_DRAFT, "UPDATE dm.seller SET iban = 'DE1'" THE_DRAFT,
            "UPDATE dm.seller SET approved_why = 'no' WHERE status = 'approved'",
            "UPDATE dm.seller SET status = 'withdrawn', withdrawn_by = 'operator:eve' WHERE status = 'approved'",
            "UPDATE dm.seller SET valid_to = now() WHERE status = 'approved'", "DELETE FROM dm.seller" THE_DRAFT,
            "INSERT INTO dm.seller (entity_no, name, country, terms_days, valid_from, status) VALUES (1, 'Eve', 'DE', "
            "1, "
            "now(), 'approved')",
            "INSERT INTO dm.legal_entity (url) VALUES ('')", "UPDATE dm.legal_entity SET url = ''"};
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        dm_err err;
        if (dm_pg_script(rig.tenants.ops, acts[i], &err) >= 0)
            fail_msg("%s", acts[i]);
    }
    (void)snprintf(name, sizeof name, "%s", dm_rig_text(&rig, HOLDS));
    assert_string_equal(name, "Dormouse next, Dormouse GmbH on");
}

static void what_no_invoice_may_say_is_refused(void **state)
{
    static const char *const wrong[] = {"\"name\":\"\",\"country\":\"DE\"", "\"name\":\"D\",\"country\":\"ZZ\"",
            "\"country\":\"DE\"", "\"name\":\"a\\nb\",\"country\":\"DE\"", GMBH ",\"tax_id\":\"DE12\"",
            GMBH ",\"iban\":\"DE89370400440532013001\"", GMBH ",\"iban\":\"DE89 3704 0044 0532 0130 00\"",
            GMBH ",\"iban\":\"DE89370400440532013000\",\"bic\":\"COBADEF\"", GMBH ",\"bic\":\"COBADEFFXXX\"",
            GMBH ",\"email\":\"nobody\"", GMBH ",\"payment_terms_days\":366", GMBH ",\"payment_terms_days\":-1",
            GMBH ",\"address\":\"1\\n2\\n3\\n4\\n5\\n6\\n7\"", GMBH ",\"entity\":0"};
    (void)state;
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = draft(wrong[i], FAR);
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    DM_AUTO_SAID half = draft(GMBH, "2130-01-01T00:00:00.5Z");
    assert_int_equal(half.status, 400);
    DM_AUTO_SAID entity = draft(GMBH ",\"entity\":77", FAR);
    assert_int_equal(entity.status, 404);
    assert_string_equal(dm_said_rule(&entity), "seller.entity");
    DM_AUTO_SAID silent = dm_rig_operate(&rig, "POST", SELLERS, "{" GMBH ",\"valid_from\":\"" FAR "\"}");
    assert_string_equal(dm_said_rule(&silent), "ops.reason");
}

static void drafts_are_so_many(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; INSERT INTO dm.seller (entity_no, name, country, terms_days,"
            " valid_from, status, drafted_by) SELECT 1, 'D', 'DE', 1, '2130-01-01', 'draft', 'operator:ada' FROM"
            " generate_series(1, 64); RESET session_replication_role");
    DM_AUTO_SAID said = draft(GMBH, FAR);
    assert_int_equal(said.status, 409);
    assert_string_equal(dm_said_rule(&said), "seller.many");
}

static size_t listed(const char *filter)
{
    char target[120];
    (void)snprintf(target, sizeof target, SELLERS "?limit=50%s", filter);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%d %s", said.status, said.text);
    return json_array_size(json_object_get(said.body, "rows"));
}

static void they_are_listed_by_time(void **state)
{
    (void)state;
    assert_int_equal(listed(""), 1); /* which came with the deployment */
    (void)drafted(GMBH, FAR);
    (void)drafted(GMBH, "2131-01-01T00:00:00Z");
    assert_int_equal(listed(""), 3);
    assert_int_equal(listed("&status=approved"), 1);
    assert_int_equal(listed("&status=draft"), 2);
    assert_int_equal(listed("&valid_at=2130-06-01T00:00:00Z"), 2);
    DM_AUTO_SAID page = dm_rig_operate(&rig, "GET", SELLERS "?limit=2", NULL);
    char target[200];
    (void)snprintf(target, sizeof target, SELLERS "?limit=2&cursor=%s", dm_said_str(&page, "next"));
    DM_AUTO_SAID rest = dm_rig_operate(&rig, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 1);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(rest.body, "rows"), 0), "name"), "Dormouse");
    DM_AUTO_SAID wrong = dm_rig_operate(&rig, "GET", SELLERS "?status=moon", NULL);
    assert_int_equal(wrong.status, 400);
}

/* What came with the deployment alone, and it goes on. */
static int only_the_first(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.seller WHERE drafted_by IS NOT NULL;"
                     "UPDATE dm.seller SET valid_to = NULL; RESET session_replication_role");
    return 0;
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, only_the_first)
    const struct CMUnitTest tests[] = {TEST(two_people_say_who_sells), TEST(a_seller_begins_ahead_and_alone),
            TEST(the_database_holds_to_it), TEST(what_no_invoice_may_say_is_refused), TEST(drafts_are_so_many),
            TEST(they_are_listed_by_time)};
    dm_rig_start(&rig, 0);
    ben = dm_rig_operator(&rig, "ben");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
