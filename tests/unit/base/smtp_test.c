#include "base/smtp.h"

#include "tests/support/smtpd.h"
#include "tests/unit/test.h"

static dm_smtpd *relay;

static dm_smtp_config config(void)
{
    return (dm_smtp_config){
            .url = dm_smtpd_url(relay), .user = "", .password = "", .plain = true, .ca_file = "", .timeout_ms = 20000};
}

static int send_to(const dm_smtp_config *c, const char *to, dm_err *err)
{
    return dm_smtp_send(c, "us@example.test", to, DM_STR("Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n"), err);
}

static int start(void **state)
{
    (void)state;
    relay = dm_smtpd_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_smtpd_free(relay);
    return 0;
}

/* What begins with a dot arrives as it was. */
static void arrives(void **state)
{
    (void)state;
    dm_err err = {0};
    const dm_smtp_config c = config();
    assert_int_equal(send_to(&c, "ann@example.test", &err), 0);
    assert_int_equal(dm_smtpd_count(relay), 1);
    dm_smtpd_letter l = dm_smtpd_letter_at(relay, 0);
    assert_string_equal(l.from, "us@example.test");
    assert_string_equal(l.to, "ann@example.test");
    assert_string_equal(l.text, "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n");
}

static void says_why_not(void **state)
{
    (void)state;
    dm_err err = {0};
    const dm_smtp_config c = config();
    dm_smtpd_be(relay, DM_SMTPD_NO_RCPT);
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_UNAVAILABLE);
    assert_says(err, "550");
    dm_smtpd_be(relay, DM_SMTPD_BUSY);
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_UNAVAILABLE);
    assert_says(err, "451");
    assert_int_equal(dm_smtpd_count(relay), 0);
    dm_smtpd_be(relay, DM_SMTPD_DROPS);
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_TIMEOUT); /* and it was */
    assert_int_equal(dm_smtpd_count(relay), 1);
    dm_smtp_config nowhere = c;
    nowhere.url = "smtp://127.0.0.1:1";
    assert_int_equal(send_to(&nowhere, "ann@example.test", &err), DM_E_UNAVAILABLE);
    nowhere.url = "http://127.0.0.1:1";
    assert_true(send_to(&nowhere, "ann@example.test", &err) < 0);
}

static void signs_in(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_smtp_config c = config();
    dm_smtpd_be(relay, DM_SMTPD_AUTH_ONLY);
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_UNAVAILABLE);
    c.user = "user";
    c.password = "wrong";
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_UNAVAILABLE);
    c.password = "secret";
    assert_int_equal(send_to(&c, "ann@example.test", &err), 0);
    assert_int_equal(dm_smtpd_count(relay), 1);
}

/* A relay without STARTTLS gets nothing, unless the operator said so. */
static void nothing_goes_unencrypted(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_smtp_config c = config();
    c.plain = false;
    assert_int_equal(send_to(&c, "ann@example.test", &err), DM_E_UNAVAILABLE);
    assert_int_equal(dm_smtpd_count(relay), 0);
}

static void addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "ann@example.test", "a.b+c_d@x-y.example.org", "o'neil@example.test"};
    static const char *const bad[] = {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<x@y>", "a\n@b", "<a@b>",
            "a@b>", "a..b@c", ".a@b", "a.@b", "a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", "\"a b\"@c", "a@[1.2.3.4]",
            "\xc3\xa9@b", "a@\xc3\xa9", "a,b@c", "a@b,c@d"};
    dm_err err = {0};
    const dm_smtp_config c = config();
    for (size_t i = 0; i < DM_LEN(good); i++)
        assert_true(dm_smtp_address_ok(dm_str_c(good[i])));
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        assert_false(dm_smtp_address_ok(dm_str_c(bad[i])));
        assert_int_equal(send_to(&c, bad[i], &err), DM_E_INVALID);
    }
    assert_false(dm_smtp_address_ok((dm_str){"a\0b@c", 5}));
    assert_int_equal(dm_smtpd_count(relay), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
    const struct CMUnitTest tests[] = {
            TEST(arrives), TEST(says_why_not), TEST(signs_in), TEST(nothing_goes_unencrypted), TEST(addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
