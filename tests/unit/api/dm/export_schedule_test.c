/* Schedules of exports, as an account's people make and end them. What they order is tried in
 * metering/export/data/job_test.c. */
/* Covers api/dm/export_schedule.c, metering/ask/sql_schedule.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define COST "{\"dataset\":\"cost\",\"format\":\"csv\"}"

static dm_said ask_as(const char *role, const char *method, const char *rest, const char *body)
{
    static unsigned n;
    char email[60], target[300];
    (void)snprintf(email, sizeof email, "%s%u@demo.test", role, n++);
    (void)snprintf(
            target, sizeof target, "/v1/accounts/%s/export-schedules%s", rig.tenants.demo.project.account_id, rest);
    dm_rig_in in = dm_rig_person(&rig, email, role, true);
    return dm_rig_call_in(&rig, &in, method, target, body);
}

static void made_listed_and_ended(void **state)
{
    (void)state;
    char rest[80];
    DM_AUTO_SAID said = ask_as("billing", "POST", "", COST);
    assert_int_equal(said.status, 201);
    assert_string_equal(dm_said_str(&said, "dataset"), "cost");
    assert_true(json_is_null(json_object_get(said.body, "through")));
    DM_AUTO_SAID again = ask_as("owner", "POST", "", COST);
    assert_int_equal(again.status, 200);
    assert_string_equal(dm_said_str(&again, "id"), dm_said_str(&said, "id"));
    DM_AUTO_SAID other = ask_as("admin", "POST", "", "{\"dataset\":\"usage\",\"format\":\"parquet\"}");
    assert_int_equal(other.status, 201);
    DM_AUTO_SAID list = ask_as("billing", "GET", "", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 2);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export_schedule.add'"), 2);
    (void)snprintf(rest, sizeof rest, "/%s", dm_said_str(&said, "id"));
    DM_AUTO_SAID gone = ask_as("billing", "DELETE", rest, NULL);
    assert_int_equal(gone.status, 204);
    DM_AUTO_SAID none = ask_as("billing", "DELETE", rest, NULL);
    assert_int_equal(none.status, 404);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export_schedule.end'"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export_schedule"), 1);
    dm_rig_sql(&rig, "DELETE FROM dm.export_schedule");
}

static void refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"dataset\":\"cost\"}", "{\"dataset\":\"journal\",\"format\":\"csv\"}",
            "{\"dataset\":\"cost\",\"format\":\"pdf\"}"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = ask_as("billing", "POST", "", wrong[i]);
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    static const char *const others[] = {"viewer", "developer"};
    for (size_t i = 0; i < DM_LEN(others); i++) {
        DM_AUTO_SAID said = ask_as(others[i], "POST", "", COST);
        assert_int_equal(said.status, 403);
        DM_AUTO_SAID seen = ask_as(others[i], "GET", "", NULL);
        assert_int_equal(seen.status, 403);
    }
    DM_AUTO_SAID no_id = ask_as("billing", "DELETE", "/none", NULL);
    assert_int_equal(no_id.status, 404);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export_schedule"), 0);
}

static void anothers_is_unknown(void **state)
{
    (void)state;
    char rest[80], id[256];
    dm_rig_other(&rig);
    dm_rig_sql(&rig,
            "INSERT INTO dm.export_schedule (account_no, dataset, format, who) SELECT account_no, 'cost', 'csv', "
            "'x' FROM dm.account WHERE legal_name = 'Other'");
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.export_schedule", id);
    (void)snprintf(rest, sizeof rest, "/%.36s", id);
    DM_AUTO_SAID gone = ask_as("owner", "DELETE", rest, NULL);
    assert_int_equal(gone.status, 404);
    DM_AUTO_SAID list = ask_as("owner", "GET", "", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 0);
    dm_rig_sql(&rig, "DELETE FROM dm.export_schedule");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(made_listed_and_ended, &rig),
            DM_RIG_TEST(refused, &rig),
            DM_RIG_TEST(anothers_is_unknown, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
