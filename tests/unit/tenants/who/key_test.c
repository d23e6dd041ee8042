/* Covers tenants/who/sql_key.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/key.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

/* The SHA-256 of the 20 decoded bytes 00..13, worked out with sha256sum. */
static void hashes_the_decoded_bytes(void **state)
{
    (void)state;
    dm_digest d;
    char hex[2 * DM_SHA256 + 1];
    assert_int_equal(dm_key_hash(DM_STR("e2b_000102030405060708090a0b0c0d0e0f10111213"), &d, NULL), 0);
    dm_hex(d.b, sizeof d.b, hex);
    assert_string_equal(hex, "e7aebf577f60412f0312d442c70a1fa6148c090bf5bab404caec29482ae779e8");
}

static void refuses_what_is_no_key(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "e2b_", "e2b_0", "e2b_0g", "E2B_00", "sk_e2b_00", "e2b-00", "e2b_00 ",
            "e2b_é0",
            "e2b_"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000"};
    dm_digest d;
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_key_hash(dm_str_c(bad[i]), &d, NULL), DM_E_INVALID);
}

static void a_new_key_has_the_shape(void **state)
{
    (void)state;
    dm_key a, b;
    dm_digest d;
    assert_int_equal(dm_key_new(&a, NULL), 0);
    assert_int_equal(dm_key_new(&b, NULL), 0);
    assert_int_equal(strlen(a.s), 44);
    assert_true(dm_str_only((dm_str){a.s + 4, 40}, "0123456789abcdef"));
    assert_string_not_equal(a.s, b.s);
    assert_int_equal(dm_key_hash(dm_str_c(a.s), &d, NULL), 0);
    dm_key_mask m = dm_key_mask_of(&a);
    assert_int_equal(strlen(m.s), 4 + 2 + 3 + 4);
    assert_memory_equal(m.s, a.s, 6);
    assert_memory_equal(m.s + 9, a.s + 40, 4);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

typedef struct work {
    dm_owner owner;
    const char *text; /* of a key, or its id */
    dm_key_made made;
    char id[DM_UUID_TEXT];
} work;

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_add(c, "operator:ada", w->owner, "till", &w->made, err);
}

static int valid(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_valid(c, w->owner, dm_str_c(w->text), w->id, err);
}

static int revoke_key(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_revoke(c, "operator:eve", w->text, err);
}

static int is_valid(dm_owner owner, const char *text, char id[DM_UUID_TEXT])
{
    dm_err err = {0};
    work w = {.owner = owner, .text = text};
    int r = dm_tenantrig_as_ops(&rig, valid, &w, &err);
    memcpy(id, w.id, sizeof w.id);
    return r;
}

/* The row has the hash of the key and its mask, and nothing of which the key could be made again. */
static void is_added_valid_and_revoked(void **state)
{
    (void)state;
    char object[64], sql[512], id[DM_UUID_TEXT], hex[2 * DM_SHA256 + 1];
    dm_err err = {0};
    dm_digest digest;
    work w = {.owner = rig.demo.project.owner};
    assert_int_equal(dm_tenantrig_as_ops(&rig, add, &w, &err), 0);
    assert_int_equal(dm_key_hash(dm_str_c(w.made.key.s), &digest, &err), 0);
    dm_hex(digest.b, sizeof digest.b, hex);
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.api_key k WHERE id = '%s' AND name = 'till' AND sha256 = decode('%s', 'hex')"
            " AND mask = '%s' AND revoked_at IS NULL AND position('%s' IN k::text) = 0",
            w.made.id, hex, dm_key_mask_of(&w.made.key).s, w.made.key.s + 4);
    assert_int_equal(dm_tenantrig_number(&rig, sql), 1);
    (void)snprintf(object, sizeof object, "key:%s", w.made.id);
    assert_true(dm_tenantrig_audited(&rig, w.owner, "operator:ada", "key.add", object));

    assert_int_equal(is_valid(w.owner, w.made.key.s, id), 0);
    assert_string_equal(id, w.made.id);
    dm_owner another = w.owner;
    another.project.v++;
    assert_int_equal(is_valid(another, w.made.key.s, id), DM_KEY_NONE);
    assert_int_equal(is_valid(w.owner, "e2b_00", id), DM_KEY_NONE);
    assert_int_equal(is_valid(w.owner, "no key", id), DM_KEY_NONE);

    w.text = w.made.id;
    assert_int_equal(dm_tenantrig_as_ops(&rig, revoke_key, &w, &err), 0);
    assert_true(dm_tenantrig_audited(&rig, w.owner, "operator:eve", "key.revoke", object));
    assert_int_equal(is_valid(w.owner, w.made.key.s, id), DM_KEY_NONE);
    assert_int_equal(is_valid(w.owner, rig.demo.key.key.s, id), 0); /* the other one still is */

    int64_t audits = dm_tenantrig_audits(&rig);
    assert_int_equal(dm_tenantrig_as_ops(&rig, revoke_key, &w, &err), DM_KEY_NONE);
    w.text = "00000000-0000-4000-8000-000000000000";
    assert_int_equal(dm_tenantrig_as_ops(&rig, revoke_key, &w, &err), DM_KEY_NONE);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_the_decoded_bytes),
            cmocka_unit_test(refuses_what_is_no_key), cmocka_unit_test(a_new_key_has_the_shape),
            cmocka_unit_test(is_added_valid_and_revoked)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
