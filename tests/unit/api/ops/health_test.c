/* What an operator looks at first: what this instance was asked, and what the database knows of all. */
/* Covers api/ops/health.c, tenants/fleet/sql_health.c. */
#include <stdio.h>

#include "metering/read/read.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static dm_said look(void)
{
    dm_said said = dm_rig_operate(&rig, "GET", "/v1/ops/health", NULL);
    if (said.status != 200)
        fail_msg("%d %s", said.status, said.text);
    return said;
}

/* A number by its path: "workers.late". -1: null, or not there. */
static int64_t number(const dm_said *said, const char *path)
{
    const json_t *at = said->body;
    char part[32];
    for (const char *p = path; *p != '\0'; p += *p == '.') {
        size_t n = strcspn(p, ".");
        (void)snprintf(part, sizeof part, "%.*s", (int)n, p);
        at = json_object_get(at, part);
        p += n;
    }
    return json_is_integer(at) ? json_integer_value(at) : -1;
}

#define IS(path, want)                                                                                                 \
    do {                                                                                                               \
        DM_AUTO_SAID said_ = look();                                                                                   \
        if (number(&said_, path) != (want))                                                                            \
            fail_msg("%s is %lld, not %lld", path, (long long)number(&said_, path), (long long)(want));                \
    } while (0)

static void this_instance_counts_what_it_was_asked(void **state)
{
    (void)state;
    DM_AUTO_SAID before = look();
    for (int i = 0; i < 3; i++) {
        DM_AUTO_SAID none = dm_rig_call(&rig, "GET", "/sandboxes/i00000000000000000000", NULL);
        assert_int_equal(none.status, 404);
    }
    DM_AUTO_SAID key = dm_rig_call_as(&rig, "e2b_x", "GET", "/v1/projects/demo/limits", NULL, NULL, 0);
    assert_int_equal(key.status, 401);
    DM_AUTO_SAID after = look();
    static const char *const spans[] = {"minute", "hour"};
    for (size_t i = 0; i < DM_LEN(spans); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "replica.requests.%s.e2b.errors.404", spans[i]);
        assert_int_equal(number(&after, path), (number(&before, path) < 0 ? 0 : number(&before, path)) + 3);
        (void)snprintf(path, sizeof path, "replica.requests.%s.v1.errors.401", spans[i]);
        assert_true(number(&after, path) >= 1);
        (void)snprintf(path, sizeof path, "replica.requests.%s.ops.count", spans[i]);
        assert_true(number(&after, path) >= 1);
        (void)snprintf(path, sizeof path, "replica.requests.%s.e2b.p99_ms", spans[i]);
        assert_true(number(&after, path) >= 1);
    }
    assert_int_equal(number(&after, "replica.instance"), DM_RIG_INSTANCE);
    static const char *const lines[] = {
            "orders", "stops", "reads", "files", "proofs", "parked", "db", "db_ops", "db_who"};
    for (size_t i = 0; i < DM_LEN(lines); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "replica.waiting.%s", lines[i]);
        assert_int_equal(number(&after, path), 0);
    }
}

static void workers_are_counted(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now(), version = '0.1.0'");
    IS("workers.active", 1);
    IS("workers.late", 0);
    IS("workers.refusing", 0);
    dm_rig_sql(
            &rig, "UPDATE dm.worker SET beat_at = now() - interval '1 hour', refusing = true, running = 7, asleep = 9");
    IS("workers.late", 1);
    IS("workers.refusing", 1);
    IS("workers.running", 7);
    IS("workers.asleep", 9);
    DM_AUTO_SAID said = look();
    const json_t *version = json_array_get(json_object_get(json_object_get(said.body, "workers"), "versions"), 0);
    assert_string_equal(dm_json_c(version, "version"), "0.1.0");
    assert_int_equal(json_integer_value(json_object_get(version, "workers")), 1);
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'draining'");
    IS("workers.active", 0);
    IS("workers.draining", 1);
    dm_rig_sql(
            &rig, "UPDATE dm.worker SET state = 'active', beat_at = now(), refusing = false, running = 0, asleep = 0");
    assert_true(number(&said, "schema") >= 35);
}

static void what_waits_is_counted(void **state)
{
    (void)state;
    char id[32];
    dm_rig_sql(&rig, "INSERT INTO dm.mail (cause, recipient, subject, body) VALUES ('a', 'a@x.test', 's', 'b');"
                     "INSERT INTO dm.mail (cause, recipient, subject, body, gave_up_at) VALUES"
                     " ('b', 'a@x.test', 's', 'b', now()), ('c', 'a@x.test', 's', 'b', now() - interval '2 days')");
    IS("waiting.letters", 1);
    IS("waiting.letters_given_up", 1);
    dm_rig_create(&rig, "", id);
    IS("waiting.held", 0);
    dm_rig_sql(&rig, "INSERT INTO dm.hold (account_no, cause, set_by) SELECT account_no, 'suspended_unpaid', 'x'"
                     " FROM dm.project WHERE slug = 'demo'");
    IS("waiting.held", 1);
    IS("waiting.sweep", 0);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'pausing', ordered_by = 0");
    IS("waiting.sweep", 1);
    dm_rig_sql(&rig, "INSERT INTO dm.outbox (topic, key, payload) VALUES ('t', 'k', '{}')");
    IS("waiting.outbox", 1);
    dm_rig_sql(&rig, "DELETE FROM dm.outbox");
}

/* By its lock, as long as its connection is there. */
static void instances_are_those_that_live(void **state)
{
    (void)state;
    DM_AUTO_SAID none = look();
    assert_int_equal(json_array_size(json_object_get(none.body, "replicas")), 0);
    dm_pg *c = dm_tenantrig_open(&rig.tenants);
    assert_int_equal(dm_instance_lock(c, 12, NULL), 0);
    DM_AUTO_SAID one = look();
    assert_int_equal(json_integer_value(json_array_get(json_object_get(one.body, "replicas"), 0)), 12);
    dm_pg_close(c);
}

static void the_meter_says_that_it_is_there(void **state)
{
    (void)state;
    DM_AUTO_SAID never = look();
    assert_true(json_is_null(json_object_get(never.body, "meter")));
    dm_rig_sql(&rig, "INSERT INTO dm.meter_beat (owner, version, started_at, beat_at, lag_frames, lag_attestations)"
                     " VALUES (gen_random_uuid(), '0.1.0', now(), now() - interval '7 s', 12, 3)");
    dm_rig_sql(&rig, "INSERT INTO dm.worker_mark VALUES (1, 1, 1, 1800000000, 1800000000);"
                     "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-11-01Z', 3600, now()),"
                     " ('2026-11-01 01:00Z', 3600, NULL)");
    DM_AUTO_SAID said = look();
    assert_in_range(number(&said, "meter.beat_age_s"), 7, 60);
    assert_int_equal(number(&said, "meter.lag_frames"), 12);
    assert_int_equal(number(&said, "meter.lag_attestations"), 3);
    const json_t *m = json_object_get(said.body, "meter");
    assert_string_equal(dm_json_c(m, "watermark"), "2027-01-15T08:00:00.000000Z");
    assert_string_equal(dm_json_c(m, "closed_through"), "2026-11-01T01:00:00.000000Z");
}

static void of_several_meters_one_writes(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "INSERT INTO dm.meter_here (name, owner, version, reaches, beat_at) VALUES"
                     " ('a', '00000000-0000-4000-8000-00000000000a', '0.1.0', true, now()),"
                     " ('b', '00000000-0000-4000-8000-00000000000b', '0.1.0', false, now() - interval '40 s'),"
                     " ('long gone', gen_random_uuid(), '0.1.0', true, now() - interval '2 days');"
                     "INSERT INTO dm.meter_holder (owner, name) VALUES ('00000000-0000-4000-8000-00000000000a', 'a')");
    DM_AUTO_SAID said = look();
    const json_t *meters = json_object_get(said.body, "meters"), *b = json_array_get(meters, 1);
    assert_int_equal(json_array_size(meters), 2);
    assert_true(json_is_true(json_object_get(json_array_get(meters, 0), "holds")));
    assert_string_equal(dm_json_c(b, "name"), "b");
    assert_true(json_is_false(json_object_get(b, "holds")));
    assert_true(json_is_false(json_object_get(b, "reaches_broker")));
    assert_in_range(json_integer_value(json_object_get(b, "beat_age_s")), 40, 100);
}

static void it_is_for_operators_alone(void **state)
{
    (void)state;
    DM_AUTO_SAID key = dm_rig_call(&rig, "GET", "/v1/ops/health", NULL);
    assert_int_equal(key.status, 403);
    dm_rig_in owner = dm_rig_person(&rig, "o@x.test", "owner", true);
    DM_AUTO_SAID person = dm_rig_call_in(&rig, &owner, "GET", "/v1/ops/health", NULL);
    assert_int_equal(person.status, 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(this_instance_counts_what_it_was_asked, &rig),
            DM_RIG_TEST(workers_are_counted, &rig),
            DM_RIG_TEST(what_waits_is_counted, &rig),
            DM_RIG_TEST(instances_are_those_that_live, &rig),
            DM_RIG_TEST(the_meter_says_that_it_is_there, &rig),
            DM_RIG_TEST(of_several_meters_one_writes, &rig),
            DM_RIG_TEST(it_is_for_operators_alone, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
