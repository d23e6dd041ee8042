#include "base/wire/id.h"

#include "tests/unit/test.h"

static void the_written_form_goes_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t low[4]; /* the number's last four bytes */
    } cases[] = {
            {"i00000000000000000000", {0, 0, 0, 0}},
            {"i00000000000000000001", {0, 0, 0, 1}},
            {"i0000000000000000000z", {0, 0, 0, 35}},
            {"i00000000000000000010", {0, 0, 0, 36}},
            {"i00000000000001z141z3", {0xff, 0xff, 0xff, 0xff}},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_sandbox_id id;
        dm_err err = {0};
        assert_int_equal(dm_sandbox_id_parse(dm_str_c(cases[i].text), &id, &err), 0);
        assert_memory_equal(id.b + 12, cases[i].low, 4);
        assert_string_equal(dm_sandbox_name_of(&id).s, cases[i].text);
    }
}

/* 36^20 - 1 is the last number, and its bytes are those of the largest id there is. */
static void the_last_id(void **state)
{
    (void)state;
    static const uint8_t last[16] = {
            0, 0, 0, 0xa8, 0xb8, 0xb4, 0x52, 0x29, 0x1f, 0xe8, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff};
    dm_sandbox_id id;
    assert_int_equal(dm_sandbox_id_parse(DM_STR("izzzzzzzzzzzzzzzzzzzz"), &id, NULL), 0);
    assert_memory_equal(id.b, last, sizeof(last));
    assert_string_equal(dm_sandbox_name_of(&id).s, "izzzzzzzzzzzzzzzzzzzz");
}

static void only_the_written_form_is_an_id(void **state)
{
    (void)state;
    static const dm_str cases[] = {
            DM_STR_INIT(""),
            DM_STR_INIT("i"),
            DM_STR_INIT("i0123456789abcdefghi"),   /* one digit short */
            DM_STR_INIT("i0123456789abcdefghijk"), /* one too many */
            DM_STR_INIT("j0123456789abcdefghij"),  /* another letter in front */
            DM_STR_INIT("i0123456789Abcdefghij"),  /* upper case */
            DM_STR_INIT("i0123456789-bcdefghij"),
            DM_STR_INIT("i0123456789\0bcdefghij"),
            DM_STR_INIT("i0123456789abcdefghi "),
            DM_STR_INIT("i0123456789abcdef\xc3\xa4ij"),
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_sandbox_id id, before;
        dm_err err = {0};
        memset(&id, 0x5a, sizeof(id));
        before = id;
        assert_int_equal(dm_sandbox_id_parse(cases[i], &id, &err), DM_E_INVALID);
        assert_memory_equal(&id, &before, sizeof(id)); /* outputs are untouched on failure */
    }
}

static void random_ids_are_below_the_end_and_ordered(void **state)
{
    (void)state;
    uint64_t seed = 1;
    dm_sandbox_id before = {{0}};
    for (int n = 0; n < 2000; n++) {
        uint8_t random[16];
        for (size_t i = 0; i < sizeof(random); i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            random[i] = (uint8_t)(seed >> 56);
        }
        dm_sandbox_id id = dm_sandbox_id_of_random(random), back;
        dm_sandbox_name name = dm_sandbox_name_of(&id);
        assert_int_equal(dm_sandbox_id_parse(dm_str_c(name.s), &back, NULL), 0);
        assert_true(dm_sandbox_id_eq(&id, &back));
        /* Order of numbers is order of bytes and order of text. */
        dm_sandbox_name other = dm_sandbox_name_of(&before);
        int c = dm_sandbox_id_cmp(&id, &before), t = strcmp(name.s, other.s);
        assert_true((c < 0) == (t < 0) && (c == 0) == (t == 0));
        before = id;
    }
    static const uint8_t all[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    dm_sandbox_id most = dm_sandbox_id_of_random(all);
    assert_int_equal(most.b[0] | most.b[1] | most.b[2], 0);
}

static void template_ids_have_their_shape(void **state)
{
    (void)state;
    static const uint8_t none[16] = {0};
    static const uint8_t some[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    assert_string_equal(dm_template_id_of_random(none).s, "00000000000000000000");
    dm_template_id id = dm_template_id_of_random(some);
    assert_int_equal(strlen(id.s), 20);
    assert_int_equal(strspn(id.s, "0123456789abcdefghijklmnopqrstuvwxyz"), 20);
}

static void uuids_are_of_version_4(void **state)
{
    (void)state;
    static const uint8_t all[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t none[16] = {0};
    assert_string_equal(dm_uuid_of_random(all).s, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_string_equal(dm_uuid_of_random(none).s, "00000000-0000-4000-8000-000000000000");
    assert_true(dm_uuid_ok(dm_str_c(dm_uuid_of_random(all).s)));
    assert_false(dm_uuid_ok(DM_STR("")));
    assert_false(dm_uuid_ok(DM_STR("FFFFFFFF-ffff-4fff-bfff-ffffffffffff")));
    assert_false(dm_uuid_ok(DM_STR("ffffffff-ffff-4fff-bfff-fffffffffff")));
    assert_false(dm_uuid_ok(DM_STR("ffffffff-ffff-4fff-bfff-fffffffffffff")));
    assert_false(dm_uuid_ok(DM_STR("ffffffffffff-4fff-bfff-ffffffffffff--")));
    assert_false(dm_uuid_ok(DM_STR("ffffffff-ffff-4fff-bfff-ffffffff'fff")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_written_form_goes_both_ways),
            cmocka_unit_test(the_last_id),
            cmocka_unit_test(only_the_written_form_is_an_id),
            cmocka_unit_test(random_ids_are_below_the_end_and_ordered),
            cmocka_unit_test(template_ids_have_their_shape),
            cmocka_unit_test(uuids_are_of_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
