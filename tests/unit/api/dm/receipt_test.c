/* Covers api/dm/receipt.c, metering/read/receipt.c, metering/read/sql_receipts.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* Two, of an invoice and of the wallet; the rows that they are made of are the meter's to test. */
static void two(const char *legal_name)
{
    char sql[1600];
    (void)snprintf(sql, sizeof sql,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.receipt (account_no, of, payment_no, invoice, currency, amount, to_wallet, received_on, "
            "reference, seller, buyer, at) SELECT account_no, 'payment', account_no, 'INV-2026-000001', 'EUR', 119, 1, "
            "'2026-03-08', 'SEPA 1', '{\"name\":\"Dormouse\",\"country\":\"DE\"}', '{\"name\":\"Ada\"}', "
            "'2026-03-09 08:00Z' FROM dm.account WHERE legal_name = '%s';"
            "INSERT INTO dm.receipt (account_no, of, grant_no, currency, amount, to_wallet, received_on, reference, "
            "seller, buyer, at) SELECT account_no, 'top_up', account_no, 'EUR', 50, 50, '2026-03-10', 'SEPA 2', "
            "'{\"name\":\"Dormouse\"}', '{\"name\":\"Ada\"}', '2026-03-10 08:00Z' FROM dm.account WHERE legal_name = "
            "'%s';"
            "SET session_replication_role = DEFAULT",
            legal_name, legal_name);
    dm_rig_sql(&rig, sql);
}

static void forget(void)
{
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.receipt; DELETE FROM dm.export; SET "
                     "session_replication_role = DEFAULT");
}

static dm_said ask(const char *role, const char *rest)
{
    static unsigned n;
    char email[64], path[300];
    (void)snprintf(email, sizeof email, "%s%u@receipt.test", role, n++);
    dm_rig_in in = dm_rig_person(&rig, email, role, true);
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/receipts%s", rig.tenants.demo.project.account_id, rest);
    return dm_rig_call_in(&rig, &in, "GET", path, NULL);
}

static void the_newest_stands_first(void **state)
{
    (void)state;
    two("Demo");
    DM_AUTO_SAID list = ask("billing", "");
    assert_int_equal(list.status, 200);
    json_t *rows = json_object_get(list.body, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(dm_json_c(json_array_get(rows, 0), "of"), "top_up");
    assert_null(dm_json_c(json_array_get(rows, 0), "invoice"));
    const json_t *paid = json_array_get(rows, 1);
    assert_string_equal(dm_json_c(paid, "invoice"), "INV-2026-000001");
    assert_string_equal(dm_json_c(paid, "amount"), "119.000000000000000000");
    assert_string_equal(dm_json_c(paid, "to_wallet"), "1.000000000000000000");
    assert_string_equal(dm_json_c(paid, "received_on"), "2026-03-08");
    assert_string_equal(dm_json_c(paid, "reference"), "SEPA 1");
    DM_AUTO_SAID of = ask("billing", "?invoice=INV-2026-000001");
    assert_int_equal(json_array_size(json_object_get(of.body, "rows")), 1);
    DM_AUTO_SAID page = ask("billing", "?limit=1");
    assert_int_equal(json_array_size(json_object_get(page.body, "rows")), 1);
    assert_true(dm_said_str(&page, "next")[0] != '\0');
    forget();
}

static void one_is_bytes_and_their_hash(void **state)
{
    (void)state;
    char rest[64], number[256];
    two("Demo");
    dm_tenantrig_text(&rig.tenants, "SELECT number FROM dm.receipt WHERE of = 'payment'", number);
    (void)snprintf(rest, sizeof rest, "/%.40s", number);
    DM_AUTO_SAID one = ask("billing", rest);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_said_str(&one, "number"), number);
    assert_string_equal(dm_said_str(&one, "kind"), "receipt");
    assert_string_equal(dm_json_c(json_object_get(one.body, "seller"), "name"), "Dormouse");
    assert_int_equal(strlen(dm_said_header(&one, "Dormouse-SHA256")), 64);
    DM_AUTO_SAID again = ask("owner", rest);
    assert_string_equal(again.text, one.text);
    /* On paper it is for the exporter to make, of the same number. */
    (void)snprintf(rest, sizeof rest, "/%.40s.pdf", number);
    DM_AUTO_SAID paper = ask("billing", rest);
    assert_int_equal(paper.status, 503);
    dm_tenantrig_text(&rig.tenants, "SELECT dataset || ' ' || format FROM dm.export", number);
    assert_string_equal(number, "receipt pdf");
    forget();
}

static void what_is_not_there_or_not_his(void **state)
{
    static const char *const none[] = {"/REC-999999", "/REC-999999.pdf", "/x.ubl.xml", "/.pdf",
            "/REC-0000000000000000000000000000000000000000000001.pdf"};
    (void)state;
    char rest[64], number[256];
    dm_rig_other(&rig);
    two("Other");
    for (size_t i = 0; i < DM_LEN(none); i++) {
        DM_AUTO_SAID said = ask("billing", none[i]);
        if (said.status != 404)
            fail_msg("%s: %d", none[i], said.status);
    }
    DM_AUTO_SAID list = ask("billing", "");
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 0);
    dm_tenantrig_text(&rig.tenants, "SELECT number FROM dm.receipt WHERE of = 'payment'", number);
    (void)snprintf(rest, sizeof rest, "/%.40s", number);
    DM_AUTO_SAID others = ask("billing", rest);
    assert_int_equal(others.status, 404);
    DM_AUTO_SAID developer = ask("developer", "");
    assert_int_equal(developer.status, 403);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(the_newest_stands_first, &rig),
            DM_RIG_TEST(one_is_bytes_and_their_hash, &rig),
            DM_RIG_TEST(what_is_not_there_or_not_his, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
