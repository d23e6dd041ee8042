/* Covers tenants/who/sql_login.c, tenants/who/sql_mail.c, tenants/who/sql_mine.c (and so does api/dm/auth_test). */
#include "tenants/who/login.h"
#include "tests/unit/test.h"

static void addresses(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"a@b", "a@b"}, {"Anna.B+c@X.Test", "anna.b+c@x.test"}};
    static const char *const bad[] = {"", "@", "a@", "@b", "a", "a@b@c", "a b@c", "a@b\n", "a@b,c@d", "<a@b>",
            "a@\xc3\xa4.de", "a@b\x7f", "\"a\"@b", "a@b;"};
    char out[DM_EMAIL_MAX + 1], big[DM_EMAIL_MAX + 3];
    for (size_t i = 0; i < DM_LEN(good); i++) {
        assert_int_equal(dm_email_read(dm_str_c(good[i][0]), out, NULL), 0);
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (dm_email_read(dm_str_c(bad[i]), out, NULL) != DM_E_INVALID)
            fail_msg("taken: %s", bad[i]);
    memset(big, 'a', sizeof big);
    big[1] = '@';
    for (size_t i = 50; i + 50 < DM_EMAIL_MAX; i += 50) /* a name of the net has parts of at most 63 */
        big[i] = '.';
    assert_int_equal(dm_email_read((dm_str){big, DM_EMAIL_MAX}, out, NULL), 0);
    assert_int_equal(dm_email_read((dm_str){big, DM_EMAIL_MAX + 1}, out, NULL), DM_E_INVALID);
}

static void links_are_random_and_kept_as_digests(void **state)
{
    (void)state;
    char a[DM_LINK_TEXT], b[DM_LINK_TEXT];
    dm_digest h, g;
    assert_int_equal(dm_link_new(a, &h, NULL), 0);
    assert_int_equal(dm_link_new(b, &g, NULL), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(dm_link_hash(dm_str_c(a), &g, NULL), 0);
    assert_memory_equal(h.b, g.b, sizeof h.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(addresses), cmocka_unit_test(links_are_random_and_kept_as_digests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
