#include "base/wire/denial.h"

#include "tests/unit/test.h"

static json_t *parsed(dm_str text)
{
    json_t *j = NULL;
    dm_err err = {0};
    if (dm_json_load(text, 1 << 16, &j, &err) < 0)
        fail_msg("%s in %.*s", err.msg, (int)text.n, text.p);
    return j;
}

static void all_eight_members_are_always_there(void **state)
{
    (void)state;
    DM_AUTO_BUF text;
    dm_jw w;
    dm_denial d = {.what = "sandbox.create", .rule = "project.running_max", .retry_after_s = -1, .cure = "Kill one."};
    dm_buf_init(&text, 4096);
    dm_jw_init(&w, &text);
    dm_denial_write(&w, &d);
    assert_int_equal(dm_buf_ok(&text, NULL), 0);
    assert_string_equal(text.p,
            "{\"what\":\"sandbox.create\",\"rule\":\"project.running_max\",\"limit\":null,\"current\":null,"
            "\"allowed\":null,\"retry_after_s\":null,\"cure\":\"Kill one.\",\"doc\":null}");
}

static void a_full_one_goes_both_ways(void **state)
{
    (void)state;
    DM_AUTO_BUF text;
    dm_jw w;
    dm_err err = {0};
    dm_denial back, d = {
                            .what = "sandbox.create",
                            .rule = "project.running_max",
                            .has_limit = true,
                            .limit = INT64_MAX,
                            .has_current = true,
                            .current = -1,
                            .allowed = "3 \"at once\"",
                            .retry_after_s = 0,
                            .cure = "Kill one, or \xc3\xa4sk.",
                            .doc = "/limits",
                    };
    dm_buf_init(&text, 4096);
    dm_jw_init(&w, &text);
    dm_denial_write(&w, &d);
    DM_AUTO(json_t) j = parsed(dm_buf_view(&text));
    assert_int_equal(json_object_size(j), 8);
    assert_int_equal(dm_denial_read(j, &back, &err), 0);
    assert_string_equal(back.what, d.what);
    assert_string_equal(back.rule, d.rule);
    assert_true(back.has_limit && back.limit == INT64_MAX);
    assert_true(back.has_current && back.current == -1);
    assert_string_equal(back.allowed, d.allowed);
    assert_int_equal(back.retry_after_s, 0);
    assert_string_equal(back.cure, d.cure);
    assert_string_equal(back.doc, d.doc);
}

static void absent_and_null_are_the_same(void **state)
{
    (void)state;
    static const char *const cases[] = {
            "{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\"}",
            "{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"limit\":null,\"current\":null,\"allowed\":null,"
            "\"retry_after_s\":null,\"doc\":null,\"more\":[1]}",
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_denial d;
        dm_err err = {0};
        DM_AUTO(json_t) j = parsed(dm_str_c(cases[i]));
        assert_int_equal(dm_denial_read(j, &d, &err), 0);
        assert_false(d.has_limit || d.has_current);
        assert_null(d.allowed);
        assert_null(d.doc);
        assert_int_equal(d.retry_after_s, -1);
    }
}

static void what_is_no_denial_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
            {"[]", "object"},
            {"{\"rule\":\"b\",\"cure\":\"c\"}", "what"},
            {"{\"what\":1,\"rule\":\"b\",\"cure\":\"c\"}", "what"},
            {"{\"what\":\"a\",\"cure\":\"c\"}", "rule"},
            {"{\"what\":\"a\",\"rule\":\"b\"}", "cure"},
            {"{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"allowed\":3}", "allowed"},
            {"{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"limit\":\"3\"}", "limit"},
            {"{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"current\":1.5}", "current"},
            {"{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"retry_after_s\":-1}", "retry_after_s"},
            {"{\"what\":\"a\",\"rule\":\"b\",\"cure\":\"c\",\"retry_after_s\":2147483648}", "retry_after_s"},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_denial d = {.what = "untouched"};
        dm_err err = {0};
        DM_AUTO(json_t) j = parsed(dm_str_c(cases[i].text));
        assert_int_equal(dm_denial_read(j, &d, &err), DM_E_INVALID);
        assert_says(err, cases[i].says);
        assert_string_equal(d.what, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_eight_members_are_always_there),
            cmocka_unit_test(a_full_one_goes_both_ways),
            cmocka_unit_test(absent_and_null_are_the_same),
            cmocka_unit_test(what_is_no_denial_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
