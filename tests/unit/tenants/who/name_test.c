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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_people_give), cmocka_unit_test(how_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
