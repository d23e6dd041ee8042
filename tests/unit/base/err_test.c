#include <errno.h>

#include "base/err.h"

#include "tests/unit/test.h"

static void fail_sets_all(void **state)
{
    (void)state;
    dm_err err = {.sys = 7};
    assert_int_equal(dm_fail(&err, DM_E_LIMIT, "%d of %s", 3, "them"), DM_E_LIMIT);
    assert_int_equal(err.code, DM_E_LIMIT);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.msg, "3 of them");
    assert_int_equal(dm_fail(NULL, DM_E_PROTO, "nobody reads this"), DM_E_PROTO);
}

static void fail_may_quote_itself(void **state)
{
    (void)state;
    dm_err err;
    (void)dm_fail(&err, DM_E_IO, "inner");
    (void)dm_fail(&err, DM_E_CORRUPT, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void fail_sys_translates(void **state)
{
    (void)state;
    static const struct {
        int sys, code;
    } rows[] = {{ENOMEM, DM_E_NOMEM}, {ENOENT, DM_E_NOTFOUND}, {EEXIST, DM_E_EXISTS}, {EACCES, DM_E_IO}};
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        dm_err err;
        assert_int_equal(dm_fail_sys(&err, rows[i].sys, "open %s", "x"), rows[i].code);
        assert_int_equal(err.sys, rows[i].sys);
        assert_int_equal(dm_fail_sys(NULL, rows[i].sys, "x"), rows[i].code);
    }
    dm_err err;
    (void)dm_fail_sys(&err, ENOENT, "open %s", "x");
    assert_string_equal(err.msg, "open x: No such file or directory");
}

static void fail_sys_cuts(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    dm_err err;
    (void)dm_fail_sys(&err, EACCES, "%s", name);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void wrap_puts_in_front(void **state)
{
    (void)state;
    dm_err err;
    (void)dm_fail_sys(&err, EACCES, "open x");
    assert_int_equal(dm_wrap(&err, "admit %s", "sb1"), DM_E_IO);
    assert_string_equal(err.msg, "admit sb1: open x: Permission denied");
    assert_int_equal(err.sys, EACCES);
    assert_true(dm_wrap(NULL, "x") < 0);
    dm_err none = {0};
    assert_true(dm_wrap(&none, "x") < 0);
}

/* Whatever the lengths, the message is terminated, and the cause outlives a long context. */
static void wrap_fits_at_every_length(void **state)
{
    (void)state;
    char front[300];
    char cause[300];
    for (size_t f = 0; f < sizeof(front); f += 13) {
        for (size_t c = 0; c < sizeof(cause); c += 7) {
            memset(front, 'f', f);
            front[f] = '\0';
            memset(cause, 'c', c);
            cause[c] = '\0';
            dm_err err;
            (void)dm_fail(&err, DM_E_IO, "%s", cause);
            (void)dm_wrap(&err, "%s", front);
            size_t kept = strspn(err.msg, "f");
            assert_memory_equal(err.msg + kept, ": ", 2);
            size_t causes = strspn(err.msg + kept + 2, "c");
            assert_int_equal(err.msg[kept + 2 + causes], '\0');
            assert_true(strlen(err.msg) < sizeof(err.msg));
            if (f + 2 + c < sizeof(err.msg))
                assert_true(kept == f && causes == c);
            else
                assert_true(causes >= (c < 158 ? c : 158) || kept <= 95);
        }
    }
}

static void names_are_stable(void **state)
{
    (void)state;
    for (int code = DM_E_INTERNAL; code < 0; code++) {
        assert_non_null(dm_code_name(code));
        assert_string_not_equal(dm_code_name(code), "unknown");
    }
    assert_string_equal(dm_code_name(DM_E_NOTFOUND), "not found");
    assert_string_equal(dm_code_name(0), "ok");
    assert_string_equal(dm_code_name(1), "unknown");
    assert_string_equal(dm_code_name(DM_E_INTERNAL - 1), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(fail_sets_all),
            cmocka_unit_test(fail_may_quote_itself),
            cmocka_unit_test(fail_sys_translates),
            cmocka_unit_test(fail_sys_cuts),
            cmocka_unit_test(wrap_puts_in_front),
            cmocka_unit_test(wrap_fits_at_every_length),
            cmocka_unit_test(names_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
