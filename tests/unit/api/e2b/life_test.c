/* Covers api/e2b/connect.c, api/e2b/get.c, api/e2b/kill.c, api/e2b/logs.c, api/e2b/metrics.c, api/e2b/pause.c,
 * api/e2b/timeout.c, api/kit/api.c, api/kit/request.c, api/life/deadline.c, api/life/kill.c, api/life/pause.c,
 * api/life/wake.c, tenants/sandbox/sandbox.c, tenants/sandbox/sql_sandbox.c. */
#include <stdio.h>
#include <time.h>

#include "api/life/sweep.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static char target[256];

static const char *at(const char *id, const char *rest)
{
    (void)snprintf(target, sizeof target, "/sandboxes/%s%s", id, rest);
    return target;
}

static void expect(const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, method, path, body);
    if (said.status != status)
        fail_msg("%s %s %s: %d, not %d: %s", method, path, body != NULL ? body : "", said.status, status, said.text);
    if (status >= 400)
        assert_int_equal(json_integer_value(json_object_get(said.body, "code")), status);
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT coalesce(sum(running), 0) FROM dm.quota_use");
}

static void get(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig,
            ",\"metadata\":{\"k\":\"v\"},\"autoPause\":true,\"autoResume\":{\"enabled\":true},\"network\":{"
            "\"maskRequestHost\":\"a.b:${PORT}\"}",
            id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "state"), "running");
    assert_string_equal(dm_said_str(&said, "alias"), "base");
    assert_string_equal(json_string_value(json_object_get(json_object_get(said.body, "metadata"), "k")), "v");
    assert_int_equal(json_integer_value(json_object_get(said.body, "diskSizeMB")), 1024);
    assert_true(json_is_null(json_object_get(said.body, "allowInternetAccess")));
    const json_t *life = json_object_get(said.body, "lifecycle");
    assert_string_equal(json_string_value(json_object_get(life, "onTimeout")), "pause");
    assert_true(json_is_true(json_object_get(life, "autoResume")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(said.body, "network"), "maskRequestHost")),
            "a.b:${PORT}");
    assert_null(json_object_get(said.body, "pauseMode"));
    assert_string_equal(dm_said_str(&said, "domain"), "sandbox.test");

    char with_client[64];
    (void)snprintf(with_client, sizeof with_client, "%s-client", id);
    expect("GET", at(with_client, ""), NULL, 200);
    expect("GET", at("nonexistingsandbox", ""), NULL, 404);
    expect("GET", at("non-existing", ""), NULL, 404);
    expect("GET", at("a-b-c", ""), NULL, 400);
    expect("GET", at("UPPER", ""), NULL, 400);
    expect("GET", at("i00000000000000000000", ""), NULL, 404);
    DM_AUTO_SAID anon = dm_rig_call_as(&rig, "", "GET", at(id, ""), NULL, NULL, 0);
    assert_int_equal(anon.status, 401);
}

/* Another project's sandbox is not there, whatever one does to it. */
static void tenants_do_not_meet(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_rig_other(&rig);
    static const struct {
        const char *method, *rest, *body;
    } acts[] = {{"GET", "", NULL}, {"DELETE", "", NULL}, {"POST", "/pause", "{}"},
            {"POST", "/connect", "{\"timeout\":9}"}, {"POST", "/timeout", "{\"timeout\":9}"}, {"GET", "/logs", NULL},
            {"GET", "/metrics", NULL}};
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        DM_AUTO_SAID said =
                dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, acts[i].method, at(id, acts[i].rest), acts[i].body, NULL, 0);
        if (said.status != 404)
            fail_msg("%s %s: %d %s", acts[i].method, acts[i].rest, said.status, said.text);
    }
    DM_AUTO_SAID list = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v2/sandboxes", NULL, NULL, 0);
    assert_int_equal(json_array_size(list.body), 0);
    DM_AUTO_SAID alias = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/templates/aliases/base", NULL, NULL, 0);
    assert_int_equal(alias.status, 403);
    DM_AUTO_SAID use =
            dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}", NULL, 0);
    assert_int_equal(use.status, 201);
    expect("GET", at(id, ""), NULL, 200);
}

static void kill_twice(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    assert_int_equal(running(), 2);
    expect("DELETE", at(id, ""), NULL, 204);
    expect("DELETE", at(id, ""), NULL, 404);
    expect("GET", at(id, ""), NULL, 404);
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 404);
    assert_int_equal(running(), 0);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'killed'"), 1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
}

/* The first one does not reach the worker: the sandbox runs on, and whoever asks again must not hear that it is gone.
 */
static void kill_again(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_fakeworker_refuse(rig.worker, "kill", 503, 2);
    expect("DELETE", at(id, ""), NULL, 500);
    expect("DELETE", at(id, ""), NULL, 500);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    expect("DELETE", at(id, ""), NULL, 204);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    expect("DELETE", at(id, ""), NULL, 404);
}

static void is_refused(const char *id, const char *rule, const char *retry_after, const char *should_retry)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", at(id, "/connect"), "{\"timeout\":60}");
    const char *after = dm_said_header(&said, "Retry-After"), *should = dm_said_header(&said, "Should-Retry");
    assert_int_equal(said.status, retry_after != NULL ? 429 : 504);
    assert_string_equal(json_string_value(json_object_get(json_object_get(said.body, "denial"), "rule")), rule);
    assert_string_equal(after != NULL ? after : "", retry_after != NULL ? retry_after : "");
    assert_string_equal(should != NULL ? should : "", should_retry != NULL ? should_retry : "");
}

static void ago(int64_t seconds)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "UPDATE dm.sandbox SET paused_at = clock_timestamp() - interval '%lld seconds'",
            (long long)seconds);
    dm_rig_sql(&rig, sql);
}

/* A guest that is woken and does not answer sleeps again, and says why; from the second time on its next wake has to
 * wait, longer each time, until one is answered or an hour has passed. */
static void wakes_that_are_not_answered(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    expect("POST", at(id, "/pause"), "{}", 204);
    dm_fakeworker_mute(rig.worker, 4);
    unsigned woken = dm_fakeworker_count(rig.worker, "resume");
    is_refused(id, "wake.unanswered", NULL, "false");
    assert_int_equal(running(), 0);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause = 'wake_unanswered'"),
            1);
    is_refused(id, "wake.unanswered", NULL, "false"); /* it may be tried once more at once */
    is_refused(id, "wake.wait", "10", NULL);
    assert_int_equal(dm_fakeworker_count(rig.worker, "resume"), woken + 2); /* nobody was woken for that */
    ago(7);
    is_refused(id, "wake.wait", "3", NULL);
    ago(10);
    is_refused(id, "wake.unanswered", NULL, "false");
    is_refused(id, "wake.wait", "20", NULL);
    ago(20);
    is_refused(id, "wake.unanswered", NULL, "false");
    is_refused(id, "wake.wait", "40", NULL);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET unanswered = 1000");
    is_refused(id, "wake.wait", "600", NULL);
    ago(600);
    expect("POST", at(id, "/connect"), "{\"timeout\":60}", 201);
    assert_int_equal(dm_rig_number(&rig, "SELECT unanswered FROM dm.sandbox"), 0);
    expect("POST", at(id, "/pause"), "{}", 204);
    dm_fakeworker_mute(rig.worker, 3);
    is_refused(id, "wake.unanswered", NULL, "false");
    is_refused(id, "wake.unanswered", NULL, "false");
    ago(3601);
    is_refused(id, "wake.unanswered", NULL, "false"); /* it is as the first one */
    assert_int_equal(dm_rig_number(&rig, "SELECT unanswered FROM dm.sandbox"), 1);
    expect("POST", at(id, "/connect"), "{\"timeout\":60}", 201);
}

static void pause_and_connect(void **state)
{
    (void)state;
    char id[32];
    int64_t epoch = 0;
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID before = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    expect("POST", at(id, "/pause"), NULL, 204);
    expect("POST", at(id, "/pause"), "{}", 409);
    assert_int_equal(running(), 0);
    DM_AUTO_SAID asleep = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    assert_string_equal(dm_said_str(&asleep, "state"), "paused");
    assert_string_equal(dm_said_str(&asleep, "pauseMode"), "full");
    assert_true(json_is_null(json_object_get(asleep.body, "domain")));
    assert_string_equal(dm_said_str(&asleep, "startedAt"), dm_said_str(&before, "startedAt"));
    assert_string_equal(dm_said_str(&asleep, "envdAccessToken"), dm_said_str(&before, "envdAccessToken"));
    expect("POST", at(id, "/timeout"), "{\"timeout\":10}", 404);

    DM_AUTO_SAID woken = dm_rig_call(&rig, "POST", at(id, "/connect"), "{\"timeout\":10}");
    assert_int_equal(woken.status, 201);
    assert_string_equal(dm_said_str(&woken, "envdAccessToken"), dm_said_str(&before, "envdAccessToken"));
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "running");
    assert_int_equal(epoch, 2);
    assert_int_equal(running(), 2);
    DM_AUTO_SAID again = dm_rig_call(&rig, "POST", at(id, "/connect"), "{\"timeout\":10}");
    assert_int_equal(again.status, 200);
    expect("POST", at(id, "/resume"), "{\"timeout\":10}", 409);

    expect("POST", at(id, "/pause"), "{\"memory\":false}", 400);
    expect("POST", at(id, "/pause"), "{\"requireHealthyGuest\":true}", 400);
    expect("POST", at(id, "/pause"), "{\"memory\":true,\"requireHealthyGuest\":false}", 204);
    DM_AUTO_SAID cold = dm_rig_call(&rig, "POST", at(id, "/connect"), "{\"timeout\":10,\"memory\":false}");
    assert_int_equal(cold.status, 400);
    assert_string_equal(dm_said_str(&cold, "error_code"), "sandbox_memory_override_disabled");
    char v2[64];
    (void)snprintf(v2, sizeof v2, "/v2/sandboxes/%s/connect", id);
    expect("POST", v2, NULL, 201);
    expect("POST", at(id, "/pause"), NULL, 204);
    expect("DELETE", at(id, ""), NULL, 204);
    assert_int_equal(running(), 0);
}

static void connect_checks_the_limit_first(void **state)
{
    (void)state;
    expect("POST", at("i00000000000000000000", "/connect"), "{\"timeout\":86401}", 400);
    expect("POST", at("i00000000000000000000", "/connect"), "{}", 400);
    expect("POST", at("i00000000000000000000", "/connect"), "{\"timeout\":10}", 404);
    expect("POST", "/v2/sandboxes/i00000000000000000000/connect", "{\"timeout\":0}", 400);
    expect("POST", "/v2/sandboxes/i00000000000000000000/connect", "{}", 404);
    expect("POST", at("i00000000000000000000", "/pause"), "{}", 404);
}

/* A deadline that is not moved is the same to the last digit; connect never shortens, timeout may. */
static void deadlines(void **state)
{
    (void)state;
    char id[32];
    int64_t end_us = 0, before_us = 0;
    dm_rig_create(&rig, ",\"timeout\":600", id);
    unsigned told = dm_fakeworker_count(rig.worker, "deadline");
    DM_AUTO_SAID first = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 200);
    expect("POST", at(id, "/refreshes"), "{\"duration\":60}", 204);
    DM_AUTO_SAID second = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    assert_string_equal(dm_said_str(&first, "endAt"), dm_said_str(&second, "endAt"));
    assert_int_equal(strlen(dm_said_str(&first, "endAt")), strlen("2026-01-01T00:00:00.000000Z"));
    assert_int_equal(dm_fakeworker_count(rig.worker, "deadline"), told);
    (void)dm_fakeworker_state(rig.worker, id, NULL, &before_us);

    expect("POST", at(id, "/timeout"), "{\"timeout\":5}", 204);
    (void)dm_fakeworker_state(rig.worker, id, NULL, &end_us);
    assert_true(end_us < before_us);
    expect("POST", at(id, "/refreshes"), "{\"duration\":3600}", 204);
    (void)dm_fakeworker_state(rig.worker, id, NULL, &before_us);
    assert_true(before_us > end_us + 3500 * 1000000LL);
    expect("POST", at(id, "/timeout"), "{\"timeout\":0}", 204);
    expect("POST", at(id, "/timeout"), "{\"timeout\":-1}", 400);
    expect("POST", at(id, "/timeout"), "{\"timeout\":86401}", 400);
    expect("POST", at(id, "/timeout"), "{}", 400);
    expect("POST", at(id, "/refreshes"), "{\"duration\":3601}", 400);

    /* It has just ended on its worker, and its event is on the way. */
    dm_fakeworker_refuse(rig.worker, "deadline", 404, 1);
    expect("POST", at(id, "/timeout"), "{\"timeout\":50}", 404);
}

static void a_failed_wake_bills_nothing(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    expect("POST", at(id, "/pause"), NULL, 204);
    dm_fakeworker_refuse(rig.worker, "resume", 503, 1);
    DM_AUTO_SAID busy = dm_rig_call(&rig, "POST", at(id, "/connect"), "{\"timeout\":10}");
    assert_int_equal(busy.status, 503);
    assert_int_equal(running(), 0);
    dm_fakeworker_refuse(rig.worker, "resume", 500, 1);
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 500);
    assert_int_equal(running(), 0);
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 201);
    assert_int_equal(dm_rig_number(&rig, "SELECT epoch FROM dm.sandbox"), 4);
    expect("POST", at(id, "/pause"), NULL, 204);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 0 FROM dm.project");
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 429);
    dm_rig_sql(&rig, "DELETE FROM dm.project_limit");

    /* The image is gone: so is the sandbox, and it was our fault. */
    dm_fakeworker_refuse(rig.worker, "resume", 404, 1);
    expect("POST", at(id, "/connect"), "{\"timeout\":10}", 404);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'host_lost'"), 1);
    assert_int_equal(running(), 0);
}

static void a_failed_pause_runs_on(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_fakeworker_refuse(rig.worker, "pause", 503, 1);
    expect("POST", at(id, "/pause"), NULL, 503);
    DM_AUTO_SAID got = dm_rig_call(&rig, "GET", at(id, ""), NULL);
    assert_string_equal(dm_said_str(&got, "state"), "running");
    assert_int_equal(running(), 2);
    expect("POST", at(id, "/pause"), NULL, 204);
}

/* What is kept is told from its start on, before what it uses now, and when it has ended alone. */
static void what_it_used_is_told(void **state)
{
    (void)state;
    char id[32], text[700], ranged[96];
    dm_rig_create(&rig, "", id);
    int64_t slot = (dm_rig_number(&rig, "SELECT extract(epoch FROM now())::bigint") - 3600) / 600 * 600;
    (void)snprintf(text, sizeof text,
            "SELECT dm.turn_past(%lld, 0); INSERT INTO dm.usage_past SELECT %lld, account_no, project_no, sandbox_id,"
            " ARRAY[60, 600, 64, 16, 1024, 7, 8] || array_fill(0, ARRAY[63]) FROM dm.sandbox WHERE sandbox_id ="
            " dm.sandbox_of('%s')",
            (long long)slot, (long long)slot, id);
    dm_rig_sql(&rig, text);
    (void)snprintf(ranged, sizeof ranged, "/metrics?start=%lld", (long long)slot);
    for (int ended = 0; ended < 2; ended++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", at(id, ranged), NULL);
        assert_int_equal(said.status, 200);
        assert_int_equal(json_array_size(said.body), ended ? 1 : 2);
        const json_t *m = json_array_get(said.body, 0);
        assert_int_equal(json_integer_value(json_object_get(m, "timestampUnix")), slot);
        assert_int_equal((int)json_real_value(json_object_get(m, "cpuUsedPct")), 10);
        assert_int_equal(json_integer_value(json_object_get(m, "memUsed")), 64LL << 20);
        assert_int_equal(json_integer_value(json_object_get(m, "memTotal")), 256LL << 20);
        assert_int_equal(json_integer_value(json_object_get(m, "diskUsed")), 1024LL << 20);
        (void)snprintf(text, sizeof text, "/metrics?start=%lld&end=%lld", (long long)slot - 900, (long long)slot - 1);
        DM_AUTO_SAID before = dm_rig_call(&rig, "GET", at(id, text), NULL);
        assert_int_equal(before.status, 200);
        assert_int_equal(json_array_size(before.body), 0);
        if (!ended)
            expect("DELETE", at(id, ""), NULL, 204);
    }
    expect("GET", at(id, "/metrics"), NULL, 404);
    dm_rig_other(&rig);
    DM_AUTO_SAID other = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", at(id, ranged), NULL, NULL, 0);
    assert_int_equal(other.status, 404);
    dm_rig_sql(&rig, "DELETE FROM dm.usage_past");
}

static void metrics_and_logs(void **state)
{
    (void)state;
    char id[32], many[128];
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID one = dm_rig_call(&rig, "GET", at(id, "/metrics"), NULL);
    assert_int_equal(one.status, 200);
    const json_t *m = json_array_get(one.body, 0);
    assert_int_equal(json_integer_value(json_object_get(m, "memTotal")), 256LL << 20);
    assert_true(json_is_real(json_object_get(m, "cpuUsedPct")));
    assert_int_equal((int)json_real_value(json_object_get(m, "cpuUsedPct")), 12);
    (void)snprintf(many, sizeof many, "/sandboxes/metrics?sandbox_ids=%s,i00000000000000000000,other", id);
    DM_AUTO_SAID all = dm_rig_call(&rig, "GET", many, NULL);
    assert_int_equal(all.status, 200);
    assert_int_equal(json_object_size(json_object_get(all.body, "sandboxes")), 1);
    expect("GET", "/sandboxes/metrics", NULL, 400);
    expect("GET", at(id, "/metrics?start=5&end=4"), NULL, 400);

    expect("POST", at(id, "/pause"), NULL, 204);
    DM_AUTO_SAID logs = dm_rig_call(&rig, "GET", at(id, "/logs"), NULL);
    const json_t *lines = json_object_get(logs.body, "logs");
    assert_int_equal(json_array_size(lines), 4);
    for (size_t i = 0; i < 4; i++) {
        const char *text = json_string_value(json_object_get(json_array_get(lines, i), "line"));
        DM_AUTO(json_t) line = json_loads(text, 0, NULL);
        assert_non_null(line);
        assert_true(json_is_string(json_object_get(line, "level")));
    }
    char v2[128];
    (void)snprintf(v2, sizeof v2, "/v2/sandboxes/%s/logs?limit=1&search=paused", id);
    DM_AUTO_SAID found = dm_rig_call(&rig, "GET", v2, NULL);
    assert_int_equal(json_array_size(json_object_get(found.body, "logs")), 1);
    expect("GET", at("i00000000000000000000", "/logs"), NULL, 404);
}

/* An order whose API died: carried to its end by the sweep. What was to wake, and has, is awake. */
static void stuck_ones_come_to_rest(void **state)
{
    (void)state;
    char ids[4][32];
    unsigned done = 0;
    dm_err err = {0};
    static const char *const states[] = {"starting", "pausing", "resuming", "ending"};
    for (size_t i = 0; i < 4; i++) {
        char sql[512];
        dm_rig_create(&rig, "", ids[i]);
        (void)snprintf(sql, sizeof sql,
                "UPDATE dm.sandbox SET state = '%s', changed_at = now() - interval '1 h' WHERE sandbox_id ="
                " (SELECT sandbox_id FROM dm.sandbox WHERE state = 'running')",
                states[i]);
        dm_rig_sql(&rig, sql);
    }
    dm_rig_sql(&rig, "UPDATE dm.quota_use SET running = 3"); /* what holds: all but the ending one */
    if (dm_sweep(&rig.api, rig.api.dispatch, &done, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(done, 4);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended'"), 2);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused'"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'running'"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT max(running) FROM dm.quota_use"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(get, &rig), DM_RIG_TEST(tenants_do_not_meet, &rig),
            DM_RIG_TEST(kill_twice, &rig), DM_RIG_TEST(kill_again, &rig), DM_RIG_TEST(pause_and_connect, &rig),
            DM_RIG_TEST(kill_twice, &rig), DM_RIG_TEST(kill_again, &rig),
            DM_RIG_TEST(wakes_that_are_not_answered, &rig), DM_RIG_TEST(connect_checks_the_limit_first, &rig),
            DM_RIG_TEST(deadlines, &rig), DM_RIG_TEST(a_failed_wake_bills_nothing, &rig),
            DM_RIG_TEST(a_failed_pause_runs_on, &rig), DM_RIG_TEST(metrics_and_logs, &rig),
            DM_RIG_TEST(what_it_used_is_told, &rig), DM_RIG_TEST(stuck_ones_come_to_rest, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
