/* Covers tenants/who/sql_mail.c. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "api/post/post.h"
#include "tenants/who/mail.h"
#include "tests/support/apirig.h"
#include "tests/support/smtpd.h"
#include "tests/support/testca.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_smtpd *relay;
static dm_api_config settings; /* rig's, with a relay */
static dm_api api;             /* the same */
static char url[64], user[] = "user", password_file[128], none[] = "", from[] = "us@example.test";

static int start(void **state)
{
    (void)state;
    relay = dm_smtpd_start();
    (void)snprintf(url, sizeof url, "%s", dm_smtpd_url(relay));
    (void)snprintf(password_file, sizeof password_file, "%s/relay.password", dm_pgtest_dir(rig.tenants.pg));
    settings = rig.config;
    settings.smtp_url = url;
    settings.smtp_user = none;
    settings.smtp_password_file = none;
    settings.smtp_ca_file = none;
    settings.smtp_plain = true;
    settings.mail_from = from;
    memcpy(&api, &rig.api, sizeof api);
    api.config = &settings;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_smtpd_free(relay);
    dm_rig_sql(&rig, "DELETE FROM dm.mail");
    return 0;
}

typedef struct letter {
    const char *cause, *to, *subject, *body;
} letter;

static int add(dm_pg *c, void *arg, dm_err *err)
{
    const letter *l = arg;
    return dm_mail_add(c, l->cause, l->to, l->subject, l->body, err);
}

static void write_one(const char *cause)
{
    dm_err err = {0};
    letter l = {cause, "ann@example.test", "Gruß", "a secret link\n"};
    if (dm_tenantrig_as_api(&rig.tenants, rig.tenants.demo.project.owner, add, &l, &err) != 0)
        fail_msg("%s", err.msg);
}

static int64_t mails(const char *condition)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.mail WHERE %s", condition);
    return dm_rig_number(&rig, sql);
}

static unsigned round_of(dm_api *of)
{
    dm_err err = {0};
    dm_post post;
    unsigned sent = 0;
    if (dm_post_open(of, &post, &err) < 0 || dm_post_round(&post, &sent, &err) < 0)
        fail_msg("%s", err.msg);
    dm_post_close(&post);
    return sent;
}

static void one_cause_is_written_and_sent_once(void **state)
{
    (void)state;
    write_one("invitation:1");
    write_one("invitation:1");
    dm_err err = {0};
    letter again = {"invitation:1", "eve@example.test", "x", "y"};
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, add, &again, &err), 0);
    assert_int_equal(mails("true"), 1);
    assert_int_equal(round_of(&api), 1);
    assert_int_equal(round_of(&api), 0);
    assert_int_equal(dm_smtpd_count(relay), 1);
    dm_smtpd_letter l = dm_smtpd_letter_at(relay, 0);
    assert_string_equal(l.from, "us@example.test");
    assert_string_equal(l.to, "ann@example.test");
    assert_non_null(strstr(l.text, "a secret link\r\n"));
    /* What it said is kept nowhere. */
    assert_int_equal(mails("sent_at IS NOT NULL AND body = '' AND tries = 1 AND last_error IS NULL"), 1);
}

/* Nothing is lost where there is no relay, and nothing sent. */
static void without_a_relay(void **state)
{
    (void)state;
    write_one("invitation:2");
    settings.smtp_url = none;
    assert_int_equal(round_of(&api), 0);
    assert_int_equal(mails("sent_at IS NULL AND tries = 0 AND body <> ''"), 1);
}

static void waits_longer_each_time_and_is_given_up(void **state)
{
    (void)state;
    static const int minutes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360};
    write_one("invitation:3");
    dm_smtpd_be(relay, DM_SMTPD_BUSY);
    for (size_t i = 0; i < DM_LEN(minutes); i++) {
        char condition[160];
        assert_int_equal(round_of(&api), 0);
        (void)snprintf(condition, sizeof condition,
                "gave_up_at IS NULL AND tries = %zu AND abs(extract(epoch FROM next_at - now()) - %d) < 30"
                " AND last_error LIKE '%%451%%'",
                i + 1, minutes[i] * 60);
        assert_int_equal(mails(condition), 1);
        assert_int_equal(round_of(&api), 0); /* it is not its turn */
        assert_int_equal(mails(condition), 1);
        dm_rig_sql(&rig, "UPDATE dm.mail SET next_at = now()");
    }
    dm_rig_sql(&rig, "UPDATE dm.mail SET made_at = now() - interval '25 h'");
    assert_int_equal(round_of(&api), 0);
    assert_int_equal(mails("gave_up_at IS NOT NULL AND body = ''"), 1);
    dm_rig_sql(&rig, "UPDATE dm.mail SET next_at = now()");
    dm_smtpd_be(relay, DM_SMTPD_GOOD);
    assert_int_equal(round_of(&api), 0);
    assert_int_equal(dm_smtpd_count(relay), 0);
}

/* A relay that comes back gets it; one letter that nobody takes holds up no other. */
static void the_rest_goes_on(void **state)
{
    (void)state;
    dm_err err = {0};
    letter broken = {"x:1", "not an address", "x", "y"};
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, add, &broken, &err), 0);
    write_one("invitation:4");
    assert_int_equal(round_of(&api), 1);
    assert_int_equal(mails("gave_up_at IS NOT NULL AND cause = 'x:1'"), 1);
    assert_int_equal(mails("sent_at IS NOT NULL"), 1);
}

/* The one case that nobody can close: taken, and never said so. It comes again, and is known by its Message-ID. */
static void what_was_taken_silently_comes_again(void **state)
{
    (void)state;
    write_one("invitation:5");
    dm_smtpd_be(relay, DM_SMTPD_DROPS);
    assert_int_equal(round_of(&api), 0);
    dm_smtpd_be(relay, DM_SMTPD_GOOD);
    dm_rig_sql(&rig, "UPDATE dm.mail SET next_at = now()");
    assert_int_equal(round_of(&api), 1);
    assert_int_equal(dm_smtpd_count(relay), 2);
    const char *first = strstr(dm_smtpd_letter_at(relay, 0).text, "Message-ID: ");
    const char *second = strstr(dm_smtpd_letter_at(relay, 1).text, "Message-ID: ");
    assert_memory_equal(first, second, strlen("Message-ID: <") + 40);
}

/* What another holds is not taken, until that one must have died. */
static void a_lease_is_kept_and_ends(void **state)
{
    (void)state;
    write_one("invitation:6");
    dm_rig_sql(&rig, "UPDATE dm.mail SET tries = 1, next_at = now() + interval '300 s'"); /* as dm_mail_take does */
    assert_int_equal(round_of(&api), 0);
    dm_rig_sql(&rig, "UPDATE dm.mail SET next_at = now() - interval '1 s'");
    assert_int_equal(round_of(&api), 1);
}

static void *send_all(void *arg)
{
    unsigned *sent = arg;
    for (unsigned i = 0; i < 20; i++)
        *sent += round_of(&api);
    return NULL;
}

/* Four replicas and a hundred letters: each letter leaves once. */
static void many_senders(void **state)
{
    (void)state;
    enum { SENDERS = 4, LETTERS = 100 };
    pthread_t threads[SENDERS];
    unsigned sent[SENDERS] = {0}, all = 0;
    dm_rig_sql(&rig, "INSERT INTO dm.mail (cause, recipient, subject, body)"
                     " SELECT 'many:' || i, 'ann@example.test', 'number ' || i, 'x' FROM generate_series(1, 100) i");
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &sent[i]), 0);
    for (size_t i = 0; i < SENDERS; i++) {
        (void)pthread_join(threads[i], NULL);
        all += sent[i];
    }
    assert_int_equal(all, LETTERS);
    assert_int_equal(dm_smtpd_count(relay), LETTERS);
    for (size_t i = 0; i < LETTERS; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(memcmp(strstr(dm_smtpd_letter_at(relay, i).text, "Message-ID: <"),
                                         strstr(dm_smtpd_letter_at(relay, j).text, "Message-ID: <"), 53),
                    0);
}

static void settings_are_read(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_post post;
    settings.smtp_user = user;
    settings.smtp_password_file = password_file;
    assert_true(dm_post_open(&api, &post, &err) < 0); /* the file is not there */
    assert_int_equal(dm_file_write(password_file, DM_STR("secret\n"), 0600, NULL), 0);
    dm_smtpd_be(relay, DM_SMTPD_AUTH_ONLY);
    write_one("invitation:7");
    assert_int_equal(round_of(&api), 1);
    settings.mail_from = none;
    assert_int_equal(dm_post_open(&api, &post, &err), DM_E_INVALID);
}

/* --- as settings are by default: STARTTLS, or nothing ------------------------------------------------------- */

/* What an authority says of a relay; the settings know that one, and a password. */
static dm_testca ours, relays;
static char ca_file[DM_TESTCA_PATH];

static void by_starttls(const char *alt)
{
    const char *dir = dm_pgtest_dir(rig.tenants.pg);
    ours = dm_testca_new(dir, "ours");
    relays = dm_testca_issue(&ours, dir, "relay", alt);
    (void)snprintf(ca_file, sizeof ca_file, "%s", ours.pem);
    assert_int_equal(dm_file_write(password_file, DM_STR("secret\n"), 0600, NULL), 0);
    settings.smtp_plain = rig.config.smtp_plain;
    settings.smtp_user = user;
    settings.smtp_password_file = password_file;
    settings.smtp_ca_file = ca_file;
    dm_smtpd_be(relay, DM_SMTPD_AUTH_ONLY);
}

/* A round that sends nothing: the letter waits, nobody on the way has heard of it, and the log says why. */
static void stays(const char *cause, const char *why)
{
    int out[2];
    char text[4096], condition[160];
    write_one(cause);
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(dm_log_new(out[1], "test", DM_INFO, &dm_clock_real, &api.log, NULL), 0);
    assert_int_equal(round_of(&api), 0);
    ssize_t n = read(out[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    dm_log_free(api.log);
    api.log = rig.api.log;
    (void)close(out[0]);
    (void)close(out[1]);
    if (strstr(text, "mail.not_sent") == NULL || strstr(text, why) == NULL)
        fail_msg("no '%s' in: %s", why, text);
    assert_null(strstr(text, "ann@example.test"));
    assert_int_equal(dm_smtpd_clear(relay), 0);
    assert_int_equal(dm_smtpd_count(relay), 0);
    (void)snprintf(condition, sizeof condition,
            "sent_at IS NULL AND gave_up_at IS NULL AND body <> '' AND tries = 1 AND last_error LIKE '%%%s%%'"
            " AND abs(extract(epoch FROM next_at - now()) - 60) < 30",
            why);
    assert_int_equal(mails(condition), 1);
}

/* It is there when its turn comes. */
static void leaves_now(void)
{
    dm_rig_sql(&rig, "UPDATE dm.mail SET next_at = now()");
    assert_int_equal(round_of(&api), 1);
    assert_int_equal(dm_smtpd_count(relay), 1);
    assert_non_null(strstr(dm_smtpd_letter_at(relay, 0).text, "a secret link\r\n"));
    assert_int_equal(mails("sent_at IS NOT NULL AND body = ''"), 1);
}

static void leaves_by_starttls(void **state)
{
    (void)state;
    by_starttls("IP:127.0.0.1");
    dm_smtpd_certify(relay, relays.pem, relays.key);
    write_one("invitation:8");
    leaves_now();
    assert_int_equal(dm_smtpd_clear(relay), 0);
}

/* A relay that only speaks in the clear is shown neither the password nor the letter, unless the operator says so. */
static void nothing_leaves_in_the_clear(void **state)
{
    (void)state;
    by_starttls("IP:127.0.0.1");
    stays("invitation:9", "STARTTLS");
    settings.smtp_plain = true;
    leaves_now();
    assert_true(dm_smtpd_clear(relay) > 0);
}

static void a_stranger_answers_for_the_relay(void **state)
{
    (void)state;
    by_starttls("IP:127.0.0.1");
    dm_smtpd_certify(relay, relays.pem, relays.key);
    (void)snprintf(ca_file, sizeof ca_file, "%s", dm_testca_new(dm_pgtest_dir(rig.tenants.pg), "theirs").pem);
    stays("invitation:10", "certificate");
    settings.smtp_ca_file = none; /* nor does the machine know it */
    dm_rig_sql(&rig, "DELETE FROM dm.mail");
    stays("invitation:11", "certificate");
    settings.smtp_ca_file = ours.pem;
    leaves_now();
}

static void another_ones_certificate(void **state)
{
    (void)state;
    by_starttls("DNS:relay.example.test");
    dm_smtpd_certify(relay, relays.pem, relays.key);
    stays("invitation:12", "127.0.0.1");
    relays = dm_testca_issue(&ours, dm_pgtest_dir(rig.tenants.pg), "relay", "IP:127.0.0.1");
    dm_smtpd_certify(relay, relays.pem, relays.key);
    leaves_now();
}

static void a_wrong_password(void **state)
{
    (void)state;
    by_starttls("IP:127.0.0.1");
    dm_smtpd_certify(relay, relays.pem, relays.key);
    assert_int_equal(dm_file_write(password_file, DM_STR("other\n"), 0600, NULL), 0);
    stays("invitation:13", "535");
    assert_int_equal(dm_file_write(password_file, DM_STR("secret\n"), 0600, NULL), 0);
    leaves_now();
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
    const struct CMUnitTest tests[] = {TEST(one_cause_is_written_and_sent_once), TEST(without_a_relay),
            TEST(waits_longer_each_time_and_is_given_up), TEST(the_rest_goes_on),
            TEST(what_was_taken_silently_comes_again), TEST(a_lease_is_kept_and_ends), TEST(many_senders),
            TEST(settings_are_read), TEST(leaves_by_starttls), TEST(nothing_leaves_in_the_clear),
            TEST(a_stranger_answers_for_the_relay), TEST(another_ones_certificate), TEST(a_wrong_password)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
