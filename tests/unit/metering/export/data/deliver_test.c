/* What becomes of an export that is to be put into a bucket where that cannot be done: how often it is tried, and what
 * its row says. That it arrives is tried before a server of others (tests/conformance/exports). */
/* Covers metering/export/data/deliver.c, metering/export/data/sql_deliver.c. */
#include <stdio.h>
#include <unistd.h>

#include "metering/ask/target.h"
#include "metering/export/data/deliver.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;
static const uint8_t key[DM_KEY] = {7}, other_key[DM_KEY] = {8};

static int set_target(dm_pg *c, void *arg, dm_err *err)
{
    return dm_target_set(c, (dm_account_no){1}, arg, err);
}

/* Nobody listens there; and an export that a schedule has ordered is ready. */
static void waiting(desk *d, const char *db)
{
    char bound[DM_TARGET_BOUND];
    dm_err err;
    DM_AUTO_BUF sealed;
    dm_pg *api = NULL;
    desk_open(d, &pg, db);
    dm_log_free(d->h.log);
    d->h.log = NULL; /* it is said as a warning, and at last as an error */
    d->h.delivery_key = key;
    d->h.loopback = true;
    dm_buf_init(&sealed, 1000);
    dm_target_bound((dm_account_no){1}, bound);
    assert_int_equal(dm_seal(key, dm_str_c(bound), DM_STR("secret"), &sealed, &err), 0);
    dm_target_new t = {.endpoint = "http://127.0.0.1:1",
            .region = "eu",
            .bucket = "acme",
            .prefix = "",
            .key_id = "k",
            .who = "person:ada",
            .sealed = dm_buf_view(&sealed)};
    assert_int_equal(dm_pg_open(cluster_conninfo(&pg, d->r.db, "dm_api"), &api, &err), 0);
    if (dm_pg_tx_on(api, &(dm_pg_scope){.account_no = 1}, set_target, &t, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(api);
    bill_minute(&d->r, 1, MARCH, 3);
    desk_order(d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "by hand");
    assert_int_equal(desk_next(d), 0);
    assert_sql(&d->r, "SELECT count(*) FROM dm.export_delivery", "0");
    sql(&d->r, "SELECT dm.export_ask(1, 'cost', 'csv', '2026-03-01Z', '2026-04-01Z', NULL, 'schedule', 'one')");
    assert_int_equal(desk_next(d), 0);
    assert_sql(&d->r, "SELECT string_agg(state || ' ' || tries, ', ') FROM dm.export_delivery", "waiting 0");
}

#define NEXT_IN "SELECT round(extract(epoch FROM next_at - now()))::int FROM dm.export_delivery"

static void tried_less_and_less_often(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    waiting(&d, "often");
    static const int after[] = {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
    for (size_t i = 0; i < DM_LEN(after); i++) {
        assert_int_equal(dm_deliver_next(&d.h, &err), 0);
        assert_int_equal(dm_deliver_next(&d.h, &err), DM_JOB_IDLE);
        long in = strtol(ask(&d.r, NEXT_IN), NULL, 10);
        assert_in_range(in, after[i] - 5, after[i]);
        sql(&d.r, "UPDATE dm.export_delivery SET next_at = now()");
    }
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r,
            "SELECT concat_ws(' ', state, tries, why LIKE 'the endpoint cannot be reached: %', ended_at IS NOT NULL) "
            "FROM dm.export_delivery",
            "failed 10 t t");
    desk_close(&d);
}

/* One that nobody moves on any more is taken again. */
static void a_dead_ones_is_taken_again(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    waiting(&d, "gone");
    sql(&d.r, "UPDATE dm.export_delivery SET tries = 1, next_at = now() + interval '30 s'");
    assert_int_equal(dm_deliver_next(&d.h, &err), DM_JOB_IDLE);
    sql(&d.r, "UPDATE dm.export_delivery SET next_at = now()");
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r, "SELECT concat_ws(' ', state, tries) FROM dm.export_delivery", "waiting 2");
    desk_close(&d);
}

static void what_never_helps_is_not_tried_again(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    char path[400];
    waiting(&d, "never");
    (void)snprintf(path, sizeof path, "%s/%s", d.folder, desk_of(&d, "file", "one"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r, "SELECT concat_ws(' ', state, why) FROM dm.export_delivery", "failed its file was removed");
    sql(&d.r, "UPDATE dm.export_delivery SET state = 'waiting', ended_at = NULL, next_at = now(); DELETE FROM "
              "dm.export_target");
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r, "SELECT concat_ws(' ', state, why) FROM dm.export_delivery",
            "failed the bucket is not named any more, or the file is gone");
    desk_close(&d);
}

/* Who keeps the account is written to, when it is given up and not before, once; who does not, and who keeps another,
 * is not. */
static void who_keeps_the_account_is_told(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    char path[400];
    waiting(&d, "told");
    sql(&d.r, "INSERT INTO dm.person (email, name, confirmed_at) SELECT r || n || '@told.test', r, now() FROM "
              "unnest(ARRAY['owner', 'admin', 'billing', 'developer', 'viewer']) r, generate_series(1, 2) n;"
              "INSERT INTO dm.member (account_no, person_no, role) SELECT right(split_part(email, '@', 1), 1)::int, "
              "person_no, name FROM dm.person WHERE email LIKE '%@told.test' AND EXISTS (SELECT FROM dm.account WHERE "
              "account_no = right(split_part(email, '@', 1), 1)::int);"
              "UPDATE dm.legal_entity SET url = 'https://c.test'");
    assert_int_equal(dm_deliver_next(&d.h, &err), 0); /* nobody is there: it waits */
    assert_sql(&d.r, "SELECT count(*) FROM dm.mail", "0");
    (void)snprintf(path, sizeof path, "%s/%s", d.folder, desk_of(&d, "file", "one"));
    assert_int_equal(unlink(path), 0);
    sql(&d.r, "UPDATE dm.export_delivery SET next_at = now()");
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    static const char told[] = "SELECT string_agg(recipient, ' ' ORDER BY recipient) FROM dm.mail";
    assert_sql(&d.r, told, "admin1@told.test billing1@told.test owner1@told.test");
    assert_sql(&d.r,
            "SELECT count(*) FROM dm.mail m, dm.account a WHERE a.account_no = 1 AND subject LIKE 'An export could not "
            "be put into your bucket: cost, 2026-03' AND body LIKE '%The last try said: its file was removed%' AND "
            "body LIKE '%https://c.test/console/a/' || a.id || '/exports%'",
            "3");
    sql(&d.r, "UPDATE dm.export_delivery SET state = 'waiting', ended_at = NULL, next_at = now()");
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r, told, "admin1@told.test billing1@told.test owner1@told.test");
    desk_close(&d);
}

/* What is sealed with another key is our fault, and is not told. */
static void another_key_opens_nothing(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    waiting(&d, "sealed");
    d.h.delivery_key = other_key;
    assert_int_equal(dm_deliver_next(&d.h, &err), 0);
    assert_sql(&d.r, "SELECT concat_ws(' ', state, why) FROM dm.export_delivery",
            "waiting a fault of ours; it is looked into");
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(tried_less_and_less_often),
            cmocka_unit_test(a_dead_ones_is_taken_again),
            cmocka_unit_test(what_never_helps_is_not_tried_again),
            cmocka_unit_test(who_keeps_the_account_is_told),
            cmocka_unit_test(another_key_opens_nothing),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
