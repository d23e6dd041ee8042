/* How a project went by the minute and by the hour: each minute once, from rows, for its people alone. */
/* Covers api/dm/series.c, tenants/sandbox/sql_series.c. */
#include <stdio.h>

#include "tenants/sandbox/series.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define S "/v1/projects/demo/series"

static int clean(void **state)
{
    dm_rig_sql(&rig, "DELETE FROM dm.project_series; DELETE FROM dm.series_step");
    return dm_rig_after(state);
}

static int write_in(dm_pg *c, void *arg, dm_err *err)
{
    return dm_series_write(c, 0, arg, err);
}

static int64_t written(void)
{
    dm_err err = {0};
    int64_t n = -1;
    if (dm_api_tx_ops(&rig.api, write_in, &n, &err) < 0)
        fail_msg("%s", err.msg);
    return n;
}

static void sql(const char *fmt, long long a, long long b)
{
    char text[2048];
    DM_AUTO_BUF out;
    dm_buf_init(&out, sizeof text);
    for (const char *p = fmt; *p != '\0'; p++)
        (void)(*p == '$' ? dm_buf_fmt(&out, "%lld", *++p == '1' ? a : b) : dm_buf_ch(&out, *p));
    dm_rig_sql(&rig, out.p);
}

/* A sandbox of a project, created then; with a cause it has ended a second later. */
static void sandbox(const char *slug, int64_t at_s, const char *cause)
{
    static unsigned made;
    char text[1024];
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, key_no, template_id,"
            " build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, created_at, cause,"
            " ended_at, changed_at) SELECT account_no, project_no, decode(lpad(to_hex(%u), 32, '0'), 'hex'),"
            " CASE WHEN c IS NULL THEN 'running' ELSE 'ended' END, 1, 1, 1, 'x', gen_random_uuid(), 1, 256, 1, 1, 1024,"
            " true, 60, to_timestamp(%lld), c, CASE WHEN c IS NOT NULL THEN to_timestamp(%lld) END, to_timestamp(%lld)"
            " FROM dm.project, (SELECT nullif('%s', '')) n (c) WHERE slug = '%s'",
            ++made, (long long)at_s, (long long)at_s + 1, (long long)at_s + 1, cause, slug);
    dm_rig_sql(&rig, text);
}

/* What a column has at a minute; INT64_MIN: the minute is not there, -1: null. */
static int64_t at(const dm_said *s, const char *name, int64_t at_s)
{
    const json_t *when = json_object_get(s->body, "at"), *of = json_object_get(s->body, name);
    assert_int_equal(json_array_size(when), json_array_size(of));
    for (size_t i = 0; i < json_array_size(when); i++)
        if (json_integer_value(json_array_get(when, i)) == at_s)
            return json_is_null(json_array_get(of, i)) ? -1 : json_integer_value(json_array_get(of, i));
    return INT64_MIN;
}

static dm_said get(const char *key, const char *target)
{
    dm_said said = dm_rig_call_as(&rig, key, "GET", target, NULL, NULL, 0);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return said;
}

static void by_the_minute(void **state)
{
    (void)state;
    int64_t m = dm_rig_number(&rig, "SELECT extract(epoch FROM date_trunc('minute', now()))::bigint") - 240;
    dm_rig_other(&rig);
    sql("INSERT INTO dm.series_step VALUES (60, to_timestamp($1), true)", m - 60, 0);
    sandbox("demo", m - 1, ""); /* of a minute that was written before */
    sandbox("demo", m, "");
    sandbox("demo", m + 59, "killed");
    sandbox("demo", m + 70, "vmm_crashed");
    sandbox("other", m, "host_lost");
    sql("INSERT INTO dm.denial (account_no, project_no, at, last_at, who, rule, denial, count) SELECT account_no,"
        " project_no, to_timestamp($1), to_timestamp($1), 'door', 'x', '{}', 4 FROM dm.project WHERE slug = 'demo';"
        "UPDATE dm.denial SET count = 6, last_at = to_timestamp($2)",
            m + 5, m + 65);
    dm_rig_sql(&rig, "INSERT INTO dm.quota_use (account_no, project_no, running, vcpus, mem_mib) SELECT account_no,"
                     " project_no, 3, 3, 3 FROM dm.project WHERE slug = 'demo' ON CONFLICT (account_no, project_no)"
                     " DO UPDATE SET running = 3");
    DM_AUTO_SAID before = get(NULL, S);
    assert_int_equal(json_array_size(json_object_get(before.body, "at")), 1);
    assert_true(written() >= 4);
    DM_AUTO_SAID said = get(NULL, S);
    assert_int_equal(json_integer_value(json_object_get(said.body, "step_s")), 60);
    assert_int_equal(at(&said, "created", m - 60), 0);
    assert_int_equal(at(&said, "created", m), 2);
    assert_int_equal(at(&said, "created", m + 60), 1);
    assert_int_equal(at(&said, "failed", m), 0);
    assert_int_equal(at(&said, "failed", m + 60), 1);
    assert_int_equal(at(&said, "refused", m), 4);
    assert_int_equal(at(&said, "refused", m + 60), 2); /* what came later, when it came */
    assert_int_equal(at(&said, "running", m), -1);     /* nobody looked then */
    const json_t *when = json_object_get(said.body, "at");
    int64_t last = json_integer_value(json_array_get(when, json_array_size(when) - 1));
    assert_int_equal(at(&said, "running", last), 3);
    for (int i = 0; i < 2; i++)
        (void)written(); /* once more changes nothing */
    DM_AUTO_SAID again = get(NULL, S);
    assert_int_equal(at(&again, "created", m), 2);
    assert_int_equal(at(&again, "refused", m), 4);
    DM_AUTO_SAID others = get(DM_RIG_OTHER_KEY, "/v1/projects/other/series");
    assert_int_equal(at(&others, "created", m), 1);
    assert_int_equal(at(&others, "failed", m), 1);
    assert_int_equal(at(&others, "refused", m), 0);
    assert_int_equal(at(&others, "running", last), 0);
}

static void by_the_hour(void **state)
{
    (void)state;
    int64_t h = dm_rig_number(&rig, "SELECT extract(epoch FROM date_trunc('hour', now()))::bigint");
    sql("INSERT INTO dm.series_step VALUES (60, to_timestamp($1), true), (60, to_timestamp($2), false)", h - 180,
            h - 120);
    sql("INSERT INTO dm.project_series (account_no, project_no, step_s, at, created, refused, running) SELECT "
        "account_no,"
        " project_no, 60, to_timestamp($1), 5, 2, 9 FROM dm.project WHERE slug = 'demo'",
            h - 180, 0);
    sandbox("demo", h - 30, "start_failed");
    assert_true(written() >= 1);
    DM_AUTO_SAID said = get(NULL, S "?step=hour");
    assert_int_equal(json_integer_value(json_object_get(said.body, "step_s")), 3600);
    assert_int_equal(at(&said, "created", h - 3600), 6);
    assert_int_equal(at(&said, "failed", h - 3600), 1);
    assert_int_equal(at(&said, "refused", h - 3600), 2);
    assert_int_equal(at(&said, "running", h - 3600), 9);  /* the most */
    assert_int_equal(at(&said, "created", h), INT64_MIN); /* it goes on */
}

/* What is older than a series shows is forgotten, with the next minute that is written. */
static void forgotten(void **state)
{
    (void)state;
    int64_t m = dm_rig_number(&rig, "SELECT extract(epoch FROM date_trunc('minute', now()))::bigint");
    sql("INSERT INTO dm.series_step SELECT 60, to_timestamp($1) + n * interval '1 min', true FROM generate_series(0, "
        "199) n;"
        "INSERT INTO dm.project_series (account_no, project_no, step_s, at, created) SELECT p.account_no, p.project_no,"
        " s.step_s, s.at, 1 FROM dm.series_step s, dm.project p WHERE p.slug = 'demo'",
            m - 201 * 60, 0);
    assert_true(written() >= 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.series_step WHERE step_s = 60"), DM_SERIES_MINUTES);
    assert_true(dm_rig_number(&rig, "SELECT count(*) FROM dm.project_series WHERE step_s = 60") <= DM_SERIES_MINUTES);
    DM_AUTO_SAID said = get(NULL, S);
    assert_int_equal(json_array_size(json_object_get(said.body, "at")), 60);
    DM_AUTO_SAID ten = get(NULL, S "?points=10");
    assert_int_equal(json_array_size(json_object_get(ten.body, "at")), 10);
}

static void by_one_at_a_time(void **state)
{
    dm_err err = {0};
    (void)state;
    dm_pg *other = dm_tenantrig_open(&rig.tenants);
    assert_int_equal(dm_pg_script(other, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('dm.series'))", &err), 0);
    assert_int_equal(written(), 0);
    dm_pg_close(other);
    for (int tries = 0; written() == 0 && tries < 100000; tries++) /* until the server has seen it go */
        continue;
    assert_int_equal(dm_rig_number(&rig, "SELECT least(count(*), 1) FROM dm.series_step"), 1);
}

static void to_whoever_may_read(void **state)
{
    (void)state;
    dm_rig_in billing = dm_rig_person(&rig, "b@x.test", "billing", true),
              none = dm_rig_person(&rig, "n@x.test", "", true);
    DM_AUTO_SAID seen = dm_rig_call_in(&rig, &billing, "GET", S, NULL);
    assert_int_equal(seen.status, 200);
    DM_AUTO_SAID not = dm_rig_call_in(&rig, &none, "GET", S, NULL);
    assert_int_equal(not .status, 404);
    static const char *const bad[] = {S "?step=day", S "?points=0", S "?points=121", S "?step=hour&points=1000"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", bad[i], NULL);
        assert_int_equal(said.status, 400);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, NULL, clean, &rig)
    const struct CMUnitTest tests[] = {
            TEST(by_the_minute), TEST(by_the_hour), TEST(forgotten), TEST(by_one_at_a_time), TEST(to_whoever_may_read)};
#undef TEST
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
