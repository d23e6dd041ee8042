#include "tenants/limits.h"
#include "tenants/who/name.h"
#include "tests/unit/test.h"

static void what_people_give(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "CI key", "é", "日本", "\xf0\x9f\x90\xad mouse", "<b>\"x\"</b>"};
    static const char *const bad[] = {
            "", "a\nb", "\t", "\x7f", "\xc2\x85", "a\xe2\x80\xae-b", "\xe2\x81\xa6", "\xff", "\xe2\x80\xa8"};
    for (size_t i = 0; i < DM_LEN(good); i++)
        assert_true(dm_name_ok(dm_str_c(good[i])));
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_false(dm_name_ok(dm_str_c(bad[i])));
    assert_false(dm_name_ok((dm_str){"a\0b", 3}));
}

/* Counted in characters, not bytes. */
static void how_long(void **state)
{
    (void)state;
    char text[2 * (DM_NAME_MAX + 1)];
    for (size_t i = 0; i < DM_NAME_MAX + 1; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    assert_true(dm_name_ok((dm_str){text, 2 * DM_NAME_MAX}));
    assert_false(dm_name_ok((dm_str){text, 2 * (DM_NAME_MAX + 1)}));
}

static void slugs(void **state)
{
    (void)state;
    static const char *const good[] = {
            "abc", "a-b", "0x0", "prod-2", "12345678901234567890123456789012345678901234567890"};
    static const char *const bad[] = {"", "ab", "-ab", "ab-", "a_b", "Abc", "a b", "aé1", "a/b",
            "123456789012345678901234567890123456789012345678901", "01234567-89ab-4def-8123-456789abcdef"};
    for (size_t i = 0; i < DM_LEN(good); i++)
        assert_true(dm_slug_ok(dm_str_c(good[i])));
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (dm_slug_ok(dm_str_c(bad[i])))
            fail_msg("%s", bad[i]);
}

/* Of every name one is made that may be one, and leaves room for a mark. */
static void a_slug_of_a_name(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"Prod", "prod"}, {"  My  Project! ", "my-project"}, {"日本", "project"},
            {"", "project"}, {"a", "project"}, {"--a--b--", "a-b"}, {"01234567-89ab-4def-8123-456789abcdef", "project"},
            {"12345678901234567890123456789012345678 90", "12345678901234567890123456789012345678-9"},
            {"1234567890123456789012345678901234567890123", "123456789012345678901234567890123456789"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char slug[DM_SLUG_TEXT];
        dm_slug_of(dm_str_c(cases[i][0]), slug);
        assert_true(dm_slug_ok(dm_str_c(slug)));
        assert_string_equal(slug, cases[i][1]);
        assert_true(strlen(slug) <= 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_people_give), cmocka_unit_test(how_long),
            cmocka_unit_test(slugs), cmocka_unit_test(a_slug_of_a_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
