/* What people are told of a month's bounds: each part once, to whom it concerns; that it goes too fast; and whoever
 * dies over it has told all of it or nothing. */
/* Covers api/life/alert.c, tenants/plan/sql_alerts.c, tenants/who/sql_keepers.c. */
#include <pthread.h>
#include <stdio.h>

#include "api/life/alert.h"
#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;

static int64_t number(const char *sql)
{
    return dm_rig_number(&rig, sql);
}

static void sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void sql(const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dm_rig_sql(&rig, text);
}

#define MONTH "date_trunc('month', now() AT TIME ZONE 'UTC')::date"
#define DEMO "(SELECT account_no FROM dm.project WHERE slug = 'demo')"
#define PROJECT "(SELECT project_no FROM dm.project WHERE slug = 'demo')"

/* What the meter says that the month has come to. */
static void used(const char *project, int64_t seconds, int64_t micros)
{
    sql("INSERT INTO dm.budget_use (account_no, project_no, month, seconds, spent_micros) VALUES (" DEMO ", %s, " MONTH
        ", %lld, %lld) ON CONFLICT (account_no, project_no, month) DO UPDATE SET seconds = excluded.seconds,"
        " spent_micros = excluded.spent_micros",
            project, (long long)seconds, (long long)micros);
}

static void cap(const char *project, const char *name, int64_t value)
{
    sql("INSERT INTO dm.budget_cap (account_no, project_no, name, value, set_by) VALUES (" DEMO ", %s, '%s', %lld, 't')"
        " ON CONFLICT (account_no, project_no, name) DO UPDATE SET value = excluded.value",
            project, name, (long long)value);
}

static void plan(const char *tier)
{
    sql("UPDATE dm.account SET tier = '%s' WHERE account_no = " DEMO, tier);
}

/* A look at all accounts. */
static unsigned look(void)
{
    int64_t after = 0;
    unsigned all = 0;
    do {
        dm_err err = {0};
        unsigned noted;
        if (dm_alert_round(&rig.api, &after, &noted, &err) < 0)
            fail_msg("%s", err.msg);
        all += noted;
    } while (after != 0);
    return all;
}

static void tells(unsigned alerts, int64_t letters)
{
    int64_t before = number("SELECT count(*) FROM dm.mail");
    unsigned n = look();
    int64_t written = number("SELECT count(*) FROM dm.mail") - before;
    if (n != alerts || written != letters)
        fail_msg("%u alerts and %lld letters, not %u and %lld", n, (long long)written, alerts, (long long)letters);
}

static void last_is(const char *what)
{
    char is[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT format('%s %s %s of %s', budget, kind, mark, trim_scale(bound)) FROM dm.alert"
            " ORDER BY alert_no DESC LIMIT 1",
            is);
    assert_string_equal(is, what);
}

static void keepers(void)
{
    (void)dm_tenantrig_add_person(&rig.tenants, "own@a.test", "owner", true);
    (void)dm_tenantrig_add_person(&rig.tenants, "bill@a.test", "billing", true);
    (void)dm_tenantrig_add_person(&rig.tenants, "adm@a.test", "admin", false);
    (void)dm_tenantrig_add_person(&rig.tenants, "dev@a.test", "developer", true);
}

static void each_part_of_a_cap_once(void **state)
{
    (void)state;
    keepers();
    used("0", 10, 4999999);
    tells(0, 0); /* nothing bounds it */
    cap("0", "spend_cap_micros", 10000000);
    tells(0, 0);
    used("0", 10, 5000000);
    tells(1, 2);
    last_is("money percent 50 of 10");
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE recipient IN ('own@a.test', 'bill@a.test') AND"
                            " subject = '50 % of the month''s spend cap of your account is used' AND"
                            " body LIKE '%5 of 10 CNY%'"),
            2);
    tells(0, 0);
    used("0", 10, 9500000); /* two at once, and a letter of the higher */
    tells(2, 2);
    last_is("money percent 90 of 10");
    used("0", 10, 9999999);
    tells(0, 0);
    used("0", 10, 10000000);
    tells(1, 2);
    last_is("money percent 100 of 10");
    used("0", 10, 12000000);
    tells(0, 0);
    cap("0", "spend_cap_micros", 20000000); /* another bound is told of anew */
    tells(1, 2);
    last_is("money percent 50 of 20");
    cap("0", "spend_cap_micros", 10000000);
    tells(0, 0);
}

/* Where the dearest second that runs does not fit any more, the cap is reached. */
static void what_is_left_buys_nothing(void **state)
{
    (void)state;
    cap("0", "spend_cap_micros", 100);
    used("0", 2, 77);
    assert_int_equal(look(), 1);
    sql("INSERT INTO dm.budget_lease (account_no, project_no, worker_no, boot, seq, open_s, running, price, state, at,"
        " until) VALUES (" DEMO ", " PROJECT
        ", 1, 1, 1, 0, 1, 0.0000384775, 'refused', now(), now() + interval '1 h')");
    assert_int_equal(look(), 1);
    last_is("money percent 100 of 0.0001");
}

/* --- a wallet ----------------------------------------------------------------------------------------------- */

static void comes(const char *kind, const char *amount)
{
    sql("INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, idem_key, who, why, "
        "cause,"
        " remaining) SELECT account_no, '%s', currency, %s, 10, date_trunc('second', now()), 'test:' ||"
        " gen_random_uuid(), 't', 't', CASE '%s' WHEN 'our_fault' THEN 'host_lost' END, 0 FROM dm.account"
        " WHERE account_no = " DEMO,
            kind, amount, kind);
}

/* What open periods have come to. */
static void spent(const char *amount)
{
    used("0", 1, 0);
    sql("INSERT INTO dm.spend_open (account_no, project_no, period_start, amount, running_s, per_second, running, "
        "through) VALUES (" DEMO ", " PROJECT ", date_trunc('hour', now()), %s, 1, 0, 1, now())"
        " ON CONFLICT (account_no, project_no, period_start, part) DO UPDATE SET amount = excluded.amount",
            amount);
}

static void pays_by_the_hour(void)
{
    sql("UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = " DEMO);
}

static void each_part_of_a_wallet_once_a_fill(void **state)
{
    (void)state;
    keepers();
    pays_by_the_hour();
    spent("49.9");
    comes("paid", "100"); /* of which 50.1 are left, and that is what there is to tell of */
    tells(0, 0);
    spent("74.94");
    tells(0, 0);
    spent("74.95");
    tells(1, 2);
    last_is("wallet percent 50 of 50.1");
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE subject = '50 % of the prepaid money of your account is"
                            " used' AND body LIKE '%25.05 of 50.1 CNY are used%until more is paid in%'"),
            2);
    tells(0, 0);
    comes("our_fault", "1"); /* begins nothing anew */
    tells(0, 0);
    spent("96");
    tells(2, 2);
    last_is("wallet percent 90 of 50.1");
    comes("paid", "45"); /* it has 50 again; the same parts are told of anew */
    tells(0, 0);
    spent("121");
    tells(1, 2);
    last_is("wallet percent 50 of 50");
    comes("paid", "25"); /* as much as there was the last time */
    tells(0, 0);
    spent("146");
    tells(1, 2);
    last_is("wallet percent 50 of 50");
    spent("171");
    tells(3, 2);
    last_is("wallet percent 100 of 50");
    tells(0, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.alert_mark WHERE budget = 'wallet'"), 0);
    assert_int_equal(number("SELECT left_percent FROM dm.budget_low WHERE budget = 'wallet'"), 0);
}

/* A month that begins is no top-up. */
static void a_wallet_has_no_month(void **state)
{
    (void)state;
    pays_by_the_hour();
    comes("paid", "100");
    sql("UPDATE dm.wallet_fill SET at = at - interval '40 days'");
    spent("60");
    assert_int_equal(look(), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.alert WHERE month < " MONTH), 1);
    assert_int_equal(look(), 0);
    sql("UPDATE dm.account SET billing_cycle = 'monthly' WHERE account_no = " DEMO);
    spent("95");
    assert_int_equal(look(), 0); /* who pays by the month is bound by no wallet */
    pays_by_the_hour();
    assert_int_equal(look(), 0); /* and what is left is what there is to tell of */
    spent("97.5");
    assert_int_equal(look(), 1);
    last_is("wallet percent 50 of 5");
}

static void the_tax_uses_a_wallet_up_too(void **state)
{
    (void)state;
    sql("INSERT INTO dm.tax_rule (seller, buyer, business, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', "
        "'*', false, 'S',"
        " 250000, 'test', '2026-01-01Z')");
    pays_by_the_hour();
    comes("promo", "10"); /* on which there is none */
    comes("paid", "90");
    spent("41.9");
    assert_int_equal(look(), 0);
    spent("42");
    assert_int_equal(look(), 1);
    last_is("wallet percent 50 of 100");
    sql("INSERT INTO dm.budget_lease (account_no, project_no, worker_no, boot, seq, open_s, running, price, state, "
        "cause,"
        " at, until) VALUES (" DEMO ", " PROJECT ", 1, 1, 1, 0, 1, 0.1, 'last', 'spend_cap', now(), now() + interval"
        " '1 h')");
    spent("81.9"); /* one more second fits, with its tax */
    assert_int_equal(look(), 3);
    assert_int_equal(number("SELECT count(*) FROM dm.alert WHERE budget = 'wallet' AND kind = 'last'"), 1);
    assert_int_equal(number("SELECT max(mark) FROM dm.alert WHERE budget = 'wallet'"), 90);
    spent("81.95");
    assert_int_equal(look(), 1);
    last_is("wallet percent 100 of 100");
}

static void a_projects_bound_is_its_keepers(void **state)
{
    (void)state;
    keepers();
    cap(PROJECT, "month_seconds_max", 1000);
    used(PROJECT, 800, 0);
    used("0", 800, 0);
    tells(2, 3);
    last_is("seconds percent 80 of 1000");
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE recipient = 'adm@a.test' AND"
                            " subject = '80 % of the month''s running time of the project demo is used' AND"
                            " body LIKE '%800 of 1000 seconds%'"),
            1);
}

static void pooled(int64_t seconds)
{
    sql("INSERT INTO dm.spend_open (account_no, project_no, period_start, amount, running_s, per_second, running, "
        "through)"
        " VALUES (" DEMO ", " PROJECT ", date_trunc('hour', now()), 0, %lld, 0, 1, now())"
        " ON CONFLICT (account_no, project_no, period_start, part) DO UPDATE SET running_s = excluded.running_s",
            (long long)seconds);
}

static void minutes_of_a_plan(void **state)
{
    (void)state;
    plan("free");
    used("0", 3000, 0);
    assert_int_equal(look(), 1);
    last_is("minutes percent 50 of 6000");
    cap("0", "month_seconds_max", 5000); /* of its own, below what the plan gives */
    pooled(4800);
    used("0", 4800, 0);
    assert_int_equal(look(), 4);
    assert_int_equal(number("SELECT count(*) FROM dm.alert WHERE budget = 'seconds' AND bound = 5000"), 3);
    assert_int_equal(number("SELECT count(*) FROM dm.alert WHERE budget = 'minutes' AND bound = 6000"), 2);
    sql("DELETE FROM dm.budget_cap; DELETE FROM dm.alert");
    plan("pro");
    assert_int_equal(look(), 0);
    used("0", 60000, 0); /* a pool that has no end: what lies above it costs */
    pooled(48000);
    assert_int_equal(look(), 2);
    last_is("minutes percent 80 of 60000");
    plan("payg");
}

static void marks_were_made(int minutes)
{
    sql("UPDATE dm.alert_mark SET at = at - interval '%d minutes'", minutes);
}

/* As the last hour went: of the first days of a month no mark lies an hour back. */
static void it_will_not_last(void **state)
{
    (void)state;
    keepers();
    if (number("SELECT count(*) FROM (SELECT) x WHERE extract(day FROM now() AT TIME ZONE 'UTC') > 1 AND now() + "
               "interval"
               " '3 h' < (" MONTH " + interval '1 month') AT TIME ZONE 'UTC'") == 0)
        return;
    cap("0", "spend_cap_micros", 1000000000);
    used("0", 10, 1000000);
    tells(0, 0);
    used("0", 20, 1100000);
    marks_were_made(29);
    tells(0, 0); /* too soon to say */
    sql("UPDATE dm.alert_mark SET at = at - interval '31 minutes' WHERE used = 1");
    used("0", 20, 400000000);
    tells(1, 2);
    assert_int_equal(number("SELECT count(*) FROM dm.alert WHERE kind = 'ends' AND used = 400"), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE subject = 'The month''s spend cap of your account will"
                            " not last'"),
            2);
    used("0", 20, 450000000);
    tells(0, 0); /* once */
    sql("DELETE FROM dm.alert");
    sql("INSERT INTO dm.alert_setting (account_no, ends, set_by) VALUES (" DEMO ", false, 't')");
    tells(0, 0);
}

static void it_is_far_above_the_usual(void **state)
{
    (void)state;
    keepers();
    if (number("SELECT count(*) FROM (SELECT) x WHERE extract(day FROM now() AT TIME ZONE 'UTC') > 1") == 0)
        return;
    sql("INSERT INTO dm.usage_day (account_no, day, project_no, template_id, key_no, sku, running_s, hibernated_s, qty,"
        " amount) SELECT " DEMO ", (now() AT TIME ZONE 'UTC')::date - n, " PROJECT
        ", '', 0, 'vcpu-run', 0, 0, 1, 24 FROM generate_series(1, 6) n");
    used("0", 10, 1000000);
    tells(0, 0);
    marks_were_made(60);
    used("0", 20, 25000000); /* 24 in an hour, where one comes to 1 */
    tells(0, 0);             /* six days are no habit */
    sql("INSERT INTO dm.usage_day SELECT account_no, day - 7, project_no, template_id, key_no, sku, running_s,"
        " hibernated_s, qty, amount FROM dm.usage_day WHERE day = (now() AT TIME ZONE 'UTC')::date - 1");
    used("0", 20, 24999999);
    tells(0, 0);
    used("0", 20, 25000000);
    tells(1, 2);
    last_is("money times 24 of 1");
    used("0", 20, 90000000);
    tells(0, 0);
    sql("DELETE FROM dm.usage_day");
}

static void muted_is_noted_without_letters(void **state)
{
    (void)state;
    keepers();
    cap("0", "month_seconds_max", 100);
    sql("INSERT INTO dm.alert_setting (account_no, percents, muted, set_by) VALUES (" DEMO ", '{10,20}', true, 't')");
    used("0", 15, 0);
    tells(1, 0);
    sql("UPDATE dm.alert_setting SET muted = false");
    tells(0, 0); /* what was not told by mail then is not told later */
    used("0", 20, 0);
    tells(1, 2);
}

/* The letters cannot be written: nothing is noted. They can: it is noted, with all of them. */
static void all_of_it_or_nothing(void **state)
{
    (void)state;
    keepers();
    cap("0", "month_seconds_max", 100);
    used("0", 50, 0);
    sql("CREATE FUNCTION public.no_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.recipient = 'bill@a.test'"
        " THEN RAISE EXCEPTION 'gone'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER no_mail BEFORE INSERT ON dm.mail FOR EACH ROW EXECUTE FUNCTION public.no_mail()");
    tells(0, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.alert"), 0);
    sql("DROP TRIGGER no_mail ON dm.mail; DROP FUNCTION public.no_mail()");
    tells(1, 2);
}

static void *look_too(void *arg)
{
    (void)arg;
    (void)look();
    return NULL;
}

static void many_at_once_tell_it_once(void **state)
{
    (void)state;
    enum { MANY = 6 };
    pthread_t t[MANY];
    keepers();
    cap("0", "month_seconds_max", 100);
    used("0", 95, 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(pthread_create(&t[i], NULL, look_too, NULL), 0);
    for (int i = 0; i < MANY; i++)
        (void)pthread_join(t[i], NULL);
    assert_int_equal(number("SELECT count(*) FROM dm.alert"), 3);
    assert_int_equal(number("SELECT count(*) FROM dm.mail"), 2);
}

/* Marks do not pile up: an hour of them, and one before. */
static void marks_are_few(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        used("0", i, i);
        assert_int_equal(look(), 0);
        marks_were_made(5);
    }
    assert_in_range(number("SELECT count(*) FROM dm.alert_mark"), 10, 16);
    for (int i = 0; i < 10; i++) { /* and of what stands still none is made */
        marks_were_made(60);
        assert_int_equal(look(), 0);
    }
    assert_int_equal(number("SELECT count(*) FROM dm.alert_mark"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(each_part_of_a_cap_once, &rig),
            DM_RIG_TEST(what_is_left_buys_nothing, &rig), DM_RIG_TEST(each_part_of_a_wallet_once_a_fill, &rig),
            DM_RIG_TEST(a_wallet_has_no_month, &rig), DM_RIG_TEST(the_tax_uses_a_wallet_up_too, &rig),
            DM_RIG_TEST(a_projects_bound_is_its_keepers, &rig), DM_RIG_TEST(minutes_of_a_plan, &rig),
            DM_RIG_TEST(it_will_not_last, &rig), DM_RIG_TEST(it_is_far_above_the_usual, &rig),
            DM_RIG_TEST(muted_is_noted_without_letters, &rig), DM_RIG_TEST(all_of_it_or_nothing, &rig),
            DM_RIG_TEST(many_at_once_tell_it_once, &rig), DM_RIG_TEST(marks_are_few, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
