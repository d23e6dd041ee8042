
#include "base/parse.h"

#include "tenants/who/key.h"
#include "tests/unit/test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_the_decoded_bytes),
            cmocka_unit_test(refuses_what_is_no_key), cmocka_unit_test(a_new_key_has_the_shape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
