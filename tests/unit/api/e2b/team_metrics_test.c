/* Covers api/e2b/team_metrics.c, tenants/sandbox/sql_history.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { MINUTE = 60 };
static int64_t now_s; /* a whole number of minutes */

/* An event of a sandbox that is made up, so many seconds ago. */
static void event(int sandbox, int64_t ago_s, const char *from, const char *to)
{
    char sql[512], quoted[32] = "NULL";
    if (from != NULL)
        (void)snprintf(quoted, sizeof quoted, "'%s'", from);
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, why, "
            "who)"
            " SELECT account_no, project_no, decode(lpad('%d', 32, '0'), 'hex'), to_timestamp(%lld), 1, %s, '%s', 'x', "
            "'x'"
            " FROM dm.project WHERE slug = 'demo'",
            sandbox, (long long)(now_s - ago_s), quoted, to);
    dm_rig_sql(&rig, sql);
}

static const char *at(const char *path)
{
    static char full[512];
    (void)snprintf(full, sizeof full, "/teams/%s/metrics%s", rig.tenants.demo.project.id, path);
    return full;
}

static const char *within(int64_t from_ago, int64_t to_ago, const char *more)
{
    static char query[256];
    (void)snprintf(query, sizeof query, "%s%sstart=%lld&end=%lld", more, more[0] != '\0' ? "&" : "?",
            (long long)(now_s - from_ago), (long long)(now_s - to_ago));
    return query;
}

static void expect(const char *path, int status)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", path, said.status, status, said.text);
}

static int begin(void **state)
{
    (void)state;
    now_s = dm_second_of(dm_wall_us(&dm_clock_real)) / MINUTE * MINUTE;
    return 0;
}

static int sweep(void **state)
{
    dm_rig_sql(&rig, "DELETE FROM dm.sandbox_event");
    return dm_rig_after(state);
}

/* Two at once for a moment within a point, one at its end and none at its beginning. */
static void what_ran(void **state)
{
    (void)state;
    event(1, 295, NULL, "starting");
    event(1, 294, "starting", "running");
    event(2, 293, "starting", "running");
    event(2, 292, "running", "ending");
    event(2, 291, "ending", "ended");
    event(1, 285, "running", "pausing");
    event(1, 284, "pausing", "running");
    event(1, 275, "running", "ended");
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", at(within(300, 270, "")), NULL);
    assert_int_equal(said.status, 200);
    static const struct {
        int running;
        double rate;
    } points[] = {{0, 0}, {2, 0.4}, {1, 0}, {1, 0}, {1, 0}, {1, 0}};
    assert_int_equal(json_array_size(said.body), 6);
    for (size_t i = 0; i < 6; i++) {
        const json_t *point = json_array_get(said.body, i);
        assert_int_equal(json_integer_value(json_object_get(point, "timestampUnix")), now_s - 300 + (int64_t)i * 5);
        assert_int_equal(json_integer_value(json_object_get(point, "concurrentSandboxes")), points[i].running);
        assert_true(json_number_value(json_object_get(point, "sandboxStartRate")) == points[i].rate);
        assert_non_null(dm_json_c(point, "timestamp"));
    }
    DM_AUTO_SAID most = dm_rig_call(&rig, "GET", at(within(300, 270, "/max?metric=concurrent_sandboxes")), NULL);
    assert_int_equal(json_integer_value(json_object_get(most.body, "value")), 2);
    assert_int_equal(json_integer_value(json_object_get(most.body, "timestampUnix")), now_s - 295);
    DM_AUTO_SAID rate = dm_rig_call(&rig, "GET", at(within(300, 270, "/max?metric=sandbox_start_rate")), NULL);
    assert_true(json_number_value(json_object_get(rate.body, "value")) == 0.4);
}

/* What runs now ran before, as far as no event says otherwise; the default is a week. */
static void what_runs(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", at(""), NULL);
    assert_int_equal(said.status, 200);
    size_t n = json_array_size(said.body);
    assert_in_range(n, 990, 1000);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(said.body, 0), "concurrentSandboxes")), 0);
    DM_AUTO_SAID most = dm_rig_call(&rig, "GET", at("/max?metric=concurrent_sandboxes"), NULL);
    assert_int_equal(json_integer_value(json_object_get(most.body, "value")), 1);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
            "?start=2&end=1", "?start=x", "?start=1", "?end=99999999999", "/max", "/max?metric=cpu"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        expect(at(bad[i]), 400);
    dm_rig_other(&rig);
    DM_AUTO_SAID theirs = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", at(""), NULL, NULL, 0);
    assert_int_equal(theirs.status, 403);
    expect("/teams/00000000-0000-4000-8000-000000000000/metrics", 403);
    DM_AUTO_SAID none = dm_rig_call_as(&rig, "", "GET", at(""), NULL, NULL, 0);
    assert_int_equal(none.status, 401);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect(at(""), 200);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, sweep, &rig)
    const struct CMUnitTest tests[] = {TEST(what_ran), TEST(what_runs), TEST(refusals)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
