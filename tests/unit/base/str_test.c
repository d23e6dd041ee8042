#include "base/str.h"

#include "tests/unit/test.h"

static void compares(void **state)
{
    (void)state;
    assert_true(dm_str_eq(DM_STR("ab"), DM_STR("ab")));
    assert_false(dm_str_eq(DM_STR("ab"), DM_STR("abc")));
    assert_false(dm_str_eq(DM_STR("a\0b"), DM_STR("a\0c")));
    assert_true(dm_str_eq((dm_str){NULL, 0}, DM_STR("")));
    assert_true(dm_str_eq_c(DM_STR(""), NULL));
    assert_true(dm_str_ieq_c(DM_STR("Content-TYPE"), "content-type"));
    assert_false(dm_str_ieq_c(DM_STR("@"), "`")); /* 0x20 apart, but no letters */
    assert_false(dm_str_ieq_c(DM_STR("\xc3\x84"), "\xc3\xa4"));
    assert_true(dm_str_starts(DM_STR("abc"), DM_STR("ab")));
    assert_true(dm_str_starts(DM_STR("abc"), (dm_str){NULL, 0}));
    assert_false(dm_str_starts(DM_STR("a"), DM_STR("ab")));
}

static void none_is_told_from_some(void **state)
{
    (void)state;
    assert_null(dm_str_maybe(NULL).p);
    assert_null(dm_str_maybe("").p);
    assert_int_equal(dm_str_maybe("").n, 0);
    assert_true(dm_str_eq_c(dm_str_maybe("ab"), "ab"));
}

static void trims(void **state)
{
    (void)state;
    assert_str(dm_str_trim(DM_STR(" \t a b\r\n")), "a b");
    assert_str(dm_str_trim(DM_STR(" \t\r\n")), "");
    assert_str(dm_str_trim((dm_str){NULL, 0}), "");
}

/* Joins the words of a split with '|' so that a case is one line. */
static const char *words(dm_str s, char sep, char out[64])
{
    size_t n = 0;
    dm_str w;
    while (dm_str_split(&s, sep, &w)) {
        memcpy(out + n, w.p, w.n);
        n += w.n;
        out[n++] = '|';
    }
    assert_false(dm_str_split(&s, sep, &w)); /* stays used up */
    out[n] = '\0';
    return out;
}

static void splits(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(words(DM_STR("a,b"), ',', out), "a|b|");
    assert_string_equal(words(DM_STR(""), ',', out), "");
    assert_string_equal(words((dm_str){NULL, 0}, ',', out), "");
    assert_string_equal(words(DM_STR("a,"), ',', out), "a||");
    assert_string_equal(words(DM_STR(","), ',', out), "||");
    assert_string_equal(words(DM_STR(",,a"), ',', out), "||a|");
    assert_string_equal(words(DM_STR("abc"), ',', out), "abc|");
    assert_string_equal(words((dm_str){"a,b,c", 3}, ',', out), "a|b|");
}

/* What a separator left behind is a plain empty string to a split by another. */
static void splits_in_splits(void **state)
{
    (void)state;
    char out[64];
    dm_str rest = DM_STR("path?");
    dm_str w;
    assert_true(dm_str_split(&rest, '?', &w));
    assert_str(w, "path");
    assert_int_equal(rest.n, 0);
    assert_string_equal(words(rest, '&', out), "");
}

static void copies_into_arrays(void **state)
{
    (void)state;
    char out[4] = "zzz";
    dm_err err;
    assert_int_equal(dm_str_to_array(DM_STR("abc"), out, sizeof(out), &err), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(dm_str_to_array(DM_STR("abcd"), out, sizeof(out), &err), DM_E_LIMIT);
    assert_string_equal(out, "");
    assert_int_equal(dm_str_to_array(DM_STR("a\0b"), out, sizeof(out), &err), DM_E_INVALID);
    assert_string_equal(out, "");
    assert_int_equal(dm_str_to_array((dm_str){NULL, 0}, out, sizeof(out), &err), 0);
    assert_string_equal(out, "");
    assert_int_equal(dm_str_to_array(DM_STR(""), out, 0, &err), DM_E_LIMIT);
}

static void compares_secrets(void **state)
{
    (void)state;
    assert_true(dm_str_eq_secret(DM_STR("abc"), DM_STR("abc")));
    assert_true(dm_str_eq_secret((dm_str){NULL, 0}, DM_STR("")));
    assert_false(dm_str_eq_secret(DM_STR("abc"), DM_STR("ab")));
    assert_false(dm_str_eq_secret(DM_STR(""), DM_STR("a")));
    /* Each bit of each byte counts, behind a NUL as well. */
    char a[64] = {0}, b[64];
    for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
        memcpy(b, a, sizeof(a));
        b[bit / 8] = (char)(1U << bit % 8);
        assert_false(dm_str_eq_secret((dm_str){a, sizeof(a)}, (dm_str){b, sizeof(b)}));
    }
    assert_true(dm_str_eq_secret((dm_str){a, sizeof(a)}, (dm_str){a, sizeof(a)}));
}

/* The vectors are FNV-1a's own, with the upper half folded onto the lower. */
static void hashes(void **state)
{
    (void)state;
    assert_int_equal(dm_str_hash(DM_STR("")), UINT64_C(0xcbf29ce484222325) ^ UINT64_C(0xcbf29ce4));
    assert_int_equal(dm_str_hash(DM_STR("a")), UINT64_C(0xaf63dc4c8601ec8c) ^ UINT64_C(0xaf63dc4c));
    assert_int_equal(dm_str_hash(DM_STR("foobar")), UINT64_C(0x85944171f73967e8) ^ UINT64_C(0x85944171));
}

static void duplicates(void **state)
{
    (void)state;
    DM_AUTO_MEM char *z = dm_str_dup((dm_str){"abcdef", 3});
    assert_string_equal(z, "abc");
    DM_AUTO_MEM char *empty = dm_str_dup((dm_str){NULL, 0});
    assert_string_equal(empty, "");
    assert_null(dm_str_dup((dm_str){"", SIZE_MAX}));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(compares),
            cmocka_unit_test(none_is_told_from_some),
            cmocka_unit_test(compares_secrets),
            cmocka_unit_test(trims),
            cmocka_unit_test(splits),
            cmocka_unit_test(splits_in_splits),
            cmocka_unit_test(copies_into_arrays),
            cmocka_unit_test(duplicates),
            cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
