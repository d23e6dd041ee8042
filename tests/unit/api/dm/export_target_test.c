/* The bucket that an account names, and that its secret is seen by nobody again. What is put there is tried before a
 * server of others (tests/conformance/exports). */
/* Covers api/dm/export_target.c, metering/ask/sql_target.c. */
#include <stdio.h>

#include "base/buf.h"
#include "base/parse.h"

#include "metering/ask/target.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define SECRET "wJalrXUtnFEMI/K7MDENG"
#define GOOD                                                                                                           \
    "{\"endpoint\":\"https://s3.example.org\",\"region\":\"eu-central-1\",\"bucket\":\"acme-finance\",\"prefix\":"     \
    "\"dormouse/\",\"key_id\":\"AKID\",\"secret\":\"" SECRET "\"}"

static dm_said ask_as(const char *role, const char *method, const char *body)
{
    static unsigned n;
    char email[60], target[300];
    (void)snprintf(email, sizeof email, "%s%u@demo.test", role, n++);
    (void)snprintf(target, sizeof target, "/v1/accounts/%s/export-target", rig.tenants.demo.project.account_id);
    dm_rig_in in = dm_rig_person(&rig, email, role, true);
    return dm_rig_call_in(&rig, &in, method, target, body);
}

static void set_shown_and_ended(void **state)
{
    (void)state;
    DM_AUTO_SAID none = ask_as("billing", "GET", NULL);
    assert_int_equal(none.status, 404);
    DM_AUTO_SAID said = ask_as("billing", "PUT", GOOD);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "bucket"), "acme-finance");
    assert_null(strstr(said.text, SECRET));
    DM_AUTO_SAID again = ask_as("owner", "PUT",
            "{\"endpoint\":\"https://"
            "s3.example.org\",\"region\":\"eu\",\"bucket\":\"other\",\"key_id\":\"AKID\",\"secret\":"
            "\"another\"}");
    assert_int_equal(again.status, 200);
    assert_string_equal(dm_said_str(&again, "prefix"), "");
    DM_AUTO_SAID one = ask_as("admin", "GET", NULL);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_said_str(&one, "bucket"), "other");
    assert_null(strstr(one.text, "another"));
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export_target.set'"), 2);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE detail::text LIKE '%" SECRET "%'"), 0);
    DM_AUTO_SAID gone = ask_as("billing", "DELETE", NULL);
    assert_int_equal(gone.status, 204);
    DM_AUTO_SAID no_more = ask_as("billing", "DELETE", NULL);
    assert_int_equal(no_more.status, 404);
}

/* Only who has the key opens it, and in no other account's row; the API's own role reads it no more. */
static void the_secret_is_sealed(void **state)
{
    (void)state;
    char hex[256], bound[DM_TARGET_BOUND];
    uint8_t sealed[128];
    DM_AUTO_BUF plain;
    DM_AUTO_SAID said = ask_as("billing", "PUT", GOOD);
    assert_int_equal(said.status, 200);
    dm_tenantrig_text(&rig.tenants, "SELECT encode(secret, 'hex') FROM dm.export_target", hex);
    size_t n = strlen(hex) / 2;
    assert_in_range(n, sizeof SECRET, sizeof sealed);
    assert_int_equal(dm_parse_hex(dm_str_c(hex), sealed, n, NULL), 0);
    dm_buf_init(&plain, 100);
    const dm_str is = {(const char *)sealed, n};
    dm_target_bound((dm_account_no){dm_rig_number(&rig, "SELECT account_no FROM dm.export_target")}, bound);
    assert_int_equal(dm_unseal(rig.api.delivery_key, dm_str_c(bound), is, &plain, NULL), 0);
    assert_string_equal(plain.p, SECRET);
    dm_target_bound((dm_account_no){4711}, bound);
    dm_buf_reset(&plain);
    assert_int_equal(dm_unseal(rig.api.delivery_key, dm_str_c(bound), is, &plain, NULL), DM_E_CORRUPT);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT has_column_privilege('dm_api', 'dm.export_target', 'secret', 'SELECT')::int"),
            0);
    dm_rig_sql(&rig, "DELETE FROM dm.export_target");
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *value, *says;
    } wrong[] = {{"endpoint", "http://s3.example.org", "endpoint"},
            {"endpoint", "https://s3.example.org/x", "endpoint"},
            {"endpoint", "https://u:p@s3.example.org", "endpoint"}, {"region", "eu/1", "region"},
            {"bucket", "Acme", "bucket"}, {"bucket", "../x", "bucket"}, {"prefix", "../", "prefix"},
            {"prefix", "x", "prefix"}, {"key_id", "a b", "key_id"}, {"secret", "a\\nb", "secret"}};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        static const char *const members[] = {"endpoint", "region", "bucket", "prefix", "key_id", "secret"};
        static const char *const values[] = {"https://s3.example.org", "eu", "acme", "a/", "k", "s"};
        char body[900] = "{";
        for (size_t k = 0; k < DM_LEN(members); k++)
            (void)snprintf(body + strlen(body), sizeof body - strlen(body), "%s\"%s\":\"%s\"", k > 0 ? "," : "",
                    members[k], strcmp(members[k], wrong[i].member) == 0 ? wrong[i].value : values[k]);
        (void)snprintf(body + strlen(body), sizeof body - strlen(body), "}");
        DM_AUTO_SAID said = ask_as("billing", "PUT", body);
        if (said.status != 400 || strstr(said.text, wrong[i].says) == NULL)
            fail_msg("%s: %d %s", body, said.status, said.text);
    }
    static const char *const others[] = {"viewer", "developer"};
    for (size_t i = 0; i < DM_LEN(others); i++) {
        DM_AUTO_SAID said = ask_as(others[i], "PUT", GOOD);
        assert_int_equal(said.status, 403);
    }
    rig.api.has_delivery_key = false;
    DM_AUTO_SAID off = ask_as("billing", "PUT", GOOD);
    rig.api.has_delivery_key = true;
    assert_int_equal(off.status, 400);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.export_target"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(set_shown_and_ended, &rig),
            DM_RIG_TEST(the_secret_is_sealed, &rig),
            DM_RIG_TEST(refused, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
