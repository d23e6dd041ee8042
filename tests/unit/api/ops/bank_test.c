/* Covers api/ops/bank.c, metering/ask/bank.c, metering/ask/sql_bank_files.c. */
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static void a_file_is_handed_in_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/bank-files",
                "{\"file\":\"<Document>\\u00e9</Document>\",\"reason\":\"of Friday\"}");
        assert_int_equal(said.status, 202);
        assert_string_equal(dm_said_str(&said, "state"), "ordered");
        assert_int_equal(json_is_true(json_object_get(said.body, "again")), i);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.bank_file WHERE digest = sha256(body) AND who = "
                                         "'operator:ada' AND why = 'of Friday'"),
            1);
    static const char *const wrong[] = {"{\"reason\":\"x\"}", "{\"file\":\"\",\"reason\":\"x\"}", "{\"file\":\"<a/>\"}",
            "{\"file\":\"<a/>\",\"reason\":\"\"}", "<a/>"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/bank-files", wrong[i]);
        assert_int_equal(said.status, 400);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.bank_file"), 1);
}

static void entries_are_listed_by_what_became_of_them(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "INSERT INTO dm.bank_file (digest, body, who, why) VALUES (sha256('a'), 'a', 'operator:ada', 'x');"
            "INSERT INTO dm.bank_entry (bank_account, reference, file_no, booked_on, currency, amount, words, outcome, "
            "why) SELECT 'DE1', 'R' || n, max(file_no), '2026-04-10', 'CNY', 1, 'thanks', CASE n WHEN 2 THEN 'paid' "
            "ELSE "
            "'unmatched' END, 'it names no invoice' FROM dm.bank_file, generate_series(1, 3) n GROUP BY n");
    DM_AUTO_SAID some = dm_rig_operate(&rig, "GET", "/v1/ops/bank-entries?outcome=unmatched&limit=1", NULL);
    assert_int_equal(some.status, 200);
    const json_t *row = json_array_get(json_object_get(some.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "reference"), "R3");
    assert_string_equal(dm_json_c(row, "why"), "it names no invoice");
    assert_true(json_is_null(json_object_get(row, "number")));
    assert_int_equal(json_integer_value(json_object_get(some.body, "total")), 2);
    char target[200];
    (void)snprintf(target, sizeof target, "/v1/ops/bank-entries?outcome=unmatched&limit=1&cursor=%s",
            dm_said_str(&some, "next"));
    DM_AUTO_SAID next = dm_rig_operate(&rig, "GET", target, NULL);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(next.body, "rows"), 0), "reference"), "R1");
    assert_true(json_is_null(json_object_get(next.body, "next")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(a_file_is_handed_in_once, &rig),
            DM_RIG_TEST(entries_are_listed_by_what_became_of_them, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
