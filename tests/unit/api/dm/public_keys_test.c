#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const char *member(const dm_said *s, size_t i, const char *name)
{
    const char *text = dm_json_c(json_array_get(json_object_get(s->body, "rows"), i), name);
    return text != NULL ? text : "";
}

/* Without a key of anybody's: whoever was given a statement may verify it. */
static void keys_are_public(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "INSERT INTO dm.service_key VALUES"
                     " (decode(repeat('ab', 32), 'hex'), '2026-01-01T00:00Z', '2026-02-01T00:00Z'),"
                     " (decode(repeat('cd', 32), 'hex'), '2026-02-01T00:00Z', NULL)");
    DM_AUTO_SAID said = dm_rig_call_as(&rig, "", "GET", "/v1/keys", NULL, NULL, 0);
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(json_object_get(said.body, "rows")), 3);
    assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 3);
    for (size_t i = 0; i < 2; i++) {
        const char *key = member(&said, i, "publicKey");
        bool old = strspn(key, "ab") == 64;
        assert_int_equal(strlen(key), 64);
        assert_true(old || strspn(key, "cd") == 64);
        assert_string_equal(member(&said, i, "algorithm"), "Ed25519");
        assert_string_equal(
                member(&said, i, "validFrom"), old ? "2026-01-01T00:00:00.000000Z" : "2026-02-01T00:00:00.000000Z");
        assert_string_equal(member(&said, i, "validTo"), old ? "2026-02-01T00:00:00.000000Z" : "");
        assert_string_equal(member(&said, i, "of"), "service");
        assert_true(json_is_null(json_object_get(json_array_get(json_object_get(said.body, "rows"), i), "workerNo")));
    }
    assert_string_not_equal(member(&said, 0, "publicKey"), member(&said, 1, "publicKey"));

    const json_t *worker = json_array_get(json_object_get(said.body, "rows"), 2);
    assert_string_equal(member(&said, 2, "of"), "worker");
    assert_int_equal(json_integer_value(json_object_get(worker, "workerNo")), 1);
    assert_string_equal(
            member(&said, 2, "publicKey"), "0000000000000000000000000000000000000000000000000000000000000001");
    assert_true(json_is_null(json_object_get(worker, "validTo")));
}

/* Nor does it matter who asks. */
static void a_banned_account_may_verify(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = true");
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/keys", NULL);
    assert_int_equal(said.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(keys_are_public, &rig), DM_RIG_TEST(a_banned_account_may_verify, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
