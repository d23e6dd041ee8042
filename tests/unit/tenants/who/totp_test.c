#include <stdio.h>

#include "tenants/who/totp.h"
#include "tests/unit/test.h"

static const uint8_t *secret(void)
{
    static uint8_t s[DM_TOTP_SECRET];
    memcpy(s, "12345678901234567890", sizeof s);
    return s;
}

static int check(const char *code, int64_t now_s, int64_t *step)
{
    return dm_totp_check(secret(), dm_str_c(code), now_s, step, NULL);
}

/* RFC 6238, appendix B: the last six of its eight digits. */
static void the_vectors_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *code;
    } vectors[] = {{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"},
            {2000000000, "279037"}, {20000000000, "353130"}};
    for (size_t i = 0; i < DM_LEN(vectors); i++) {
        int64_t step = 0;
        assert_int_equal(check(vectors[i].code, vectors[i].at, &step), 0);
        assert_int_equal(step, vectors[i].at / 30);
    }
}

static void good_around_its_step_and_once(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        int outcome;
    } cases[] = {{1111111110 - 61, DM_TOTP_WRONG}, {1111111110 - 30, 0}, {1111111110, 0}, {1111111110 + 59, 0},
            {1111111110 + 60, DM_TOTP_WRONG}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        int64_t step = 0;
        if (check("050471", cases[i].now, &step) != cases[i].outcome)
            fail_msg("at %lld", (long long)cases[i].now);
    }
    int64_t step = 0;
    assert_int_equal(check("050471", 1111111111, &step), 0);
    assert_int_equal(check("050471", 1111111111, &step), DM_TOTP_WRONG);
    assert_int_equal(check("081804", 1111111111, &step), DM_TOTP_WRONG); /* nor an older one */
}

static void what_is_no_code(void **state)
{
    (void)state;
    static const char *const not [] = {"", "0", "50471", "0504710", "05047", "050471 ", "abcdef", "\xff"};
    for (size_t i = 0; i < DM_LEN(not ); i++) {
        int64_t step = 0;
        assert_int_equal(check(not [i], 1111111111, &step), DM_TOTP_WRONG);
    }
}

static void as_apps_want_it(void **state)
{
    (void)state;
    char text[DM_TOTP_SECRET_TEXT];
    dm_totp_text(secret(), text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static void codes_on_paper(void **state)
{
    (void)state;
    char a[DM_RECOVERY_TEXT], b[DM_RECOVERY_TEXT], typed[64];
    dm_digest h, g;
    assert_int_equal(dm_recovery_new(a, NULL), 0);
    assert_int_equal(dm_recovery_new(b, NULL), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 19);
    assert_int_equal(dm_recovery_hash(dm_str_c(a), &h, NULL), 0);
    (void)snprintf(typed, sizeof typed, " %.4s %.4s%.4s-%.4s ", a, a + 5, a + 10, a + 15);
    for (char *p = typed; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    assert_int_equal(dm_recovery_hash(dm_str_c(typed), &g, NULL), 0);
    assert_memory_equal(h.b, g.b, sizeof h.b);
    (void)snprintf(typed, sizeof typed, "%sX", a);
    assert_int_equal(dm_recovery_hash(dm_str_c(typed), &g, NULL), 0);
    assert_memory_not_equal(h.b, g.b, sizeof h.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_vectors_of_the_rfc),
            cmocka_unit_test(good_around_its_step_and_once), cmocka_unit_test(what_is_no_code),
            cmocka_unit_test(as_apps_want_it), cmocka_unit_test(codes_on_paper)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
