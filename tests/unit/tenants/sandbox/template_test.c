
#include "tenants/sandbox/template.h"
#include "tests/unit/test.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *space, *alias, *tag;
        bool tagged, sized;
        uint32_t vcpus, mem_mib;
    } good[] = {
            {"base", "", "base", "default", false, false, 0, 0},
            {" BASE ", "", "base", "default", false, false, 0, 0},
            {"base:2c1g", "", "base", "default", true, true, 2, 1024},
            {"base:1c256m", "", "base", "default", true, true, 1, 256},
            {"base:v2", "", "base", "v2", true, false, 0, 0},
            {"base:v2-2c1g", "", "base", "v2", true, true, 2, 1024},
            {"base:v2-beta", "", "base", "v2-beta", true, false, 0, 0},
            {"team/name:tag.1", "team", "name", "tag.1", true, false, 0, 0},
            {"abcdefghij0123456789:default", "", "abcdefghij0123456789", "default", true, false, 0, 0},
    };
    for (size_t i = 0; i < DM_LEN(good); i++) {
        dm_template_name n;
        assert_int_equal(dm_template_name_parse(dm_str_c(good[i].text), &n, NULL), 0);
        assert_string_equal(n.space, good[i].space);
        assert_string_equal(n.alias, good[i].alias);
        assert_string_equal(n.tag, good[i].tag);
        assert_int_equal(n.tagged, good[i].tagged);
        assert_int_equal(n.sized, good[i].sized);
        if (n.sized) {
            assert_int_equal(n.vcpus, good[i].vcpus);
            assert_int_equal(n.mem_mib, good[i].mem_mib);
        }
    }
}

static void no_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", ":", "base:", "/base", "a/b/c", "a b", "base:a:b", "bäse", "base:a/b",
            "base:0d4c1d0c-6b0e-4f3a-9f0e-0123456789ab", "-2c1g:", "base:-2c1g"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        dm_template_name n;
        if (dm_template_name_parse(dm_str_c(bad[i]), &n, NULL) != DM_E_INVALID)
            fail_msg("'%s' was taken", bad[i]);
    }
    char longest[200];
    dm_template_name n;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(dm_template_name_parse((dm_str){longest, 128}, &n, NULL), 0);
    assert_int_equal(dm_template_name_parse((dm_str){longest, 129}, &n, NULL), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(no_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
