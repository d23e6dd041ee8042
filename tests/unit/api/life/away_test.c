/* A worker that is away, or whose answers get lost after it has done what it was told: what the client hears, what the
 * row says meanwhile, what counts against the quota, and how it all comes to rest. */
/* Covers api/life/dispatch.c, api/life/settle.c, api/life/sweep.c. */
#include <stdio.h>

#include "api/life/sweep.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static void expect(const char *id, const char *method, const char *rest, const char *body, int status)
{
    char target[256];
    (void)snprintf(target, sizeof target, "/sandboxes/%s%s", id, rest);
    DM_AUTO_SAID said = dm_rig_call(&rig, method, target, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, said.status, status, said.text);
    if (status >= 400)
        assert_int_equal(json_integer_value(json_object_get(said.body, "code")), status);
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT coalesce(max(running), 0) FROM dm.quota_use");
}

/* The only row is so. */
static void row_is(const char *state, int64_t counted)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.sandbox WHERE state = '%s'", state);
    if (dm_rig_number(&rig, sql) != 1)
        fail_msg("the row is not %s", state);
    assert_int_equal(running(), counted);
}

/* The only row's end, which its worker has as well. */
static int64_t agreed_end(const char *id)
{
    int64_t at_worker = 0, in_row = dm_rig_number(&rig, "SELECT dm.us(end_at) FROM dm.sandbox");
    (void)dm_fakeworker_state(rig.worker, id, NULL, &at_worker);
    assert_int_equal(at_worker, in_row);
    return in_row;
}

static void sweep(unsigned want)
{
    unsigned done = 0;
    dm_err err = {0};
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET changed_at = now() - interval '1 h'");
    if (dm_sweep(&rig.api, rig.api.dispatch, &done, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(done, want);
}

static void news(const char *id, int64_t seq, int64_t epoch, const char *state, const char *cause, int status)
{
    char text[300];
    (void)snprintf(text, sizeof text,
            "{\"events\":[{\"seq\":%lld,\"sandbox\":\"%s\",\"epoch\":%lld,\"state\":\"%s\",\"cause\":\"%s\","
            "\"detail\":\"\",\"at_us\":1800000000000000}]}",
            (long long)seq, id, (long long)epoch, state, cause);
    DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/events", text);
    assert_int_equal(said.status, status);
}

/* --- nobody is there ---------------------------------------------------------------------------------------- */

static void away_nothing_is_changed(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, ",\"timeout\":600", id);
    int64_t before = agreed_end(id);
    dm_fakeworker_away(rig.worker, true);
    expect(id, "POST", "/pause", "{}", 503);
    row_is("running", 1);
    expect(id, "POST", "/timeout", "{\"timeout\":60}", 503);
    assert_int_equal(agreed_end(id), before); /* put back */
    expect(id, "POST", "/connect", "{\"timeout\":3000}", 503);
    assert_int_equal(agreed_end(id), before);
    row_is("running", 1);
    dm_fakeworker_away(rig.worker, false);
    assert_int_equal(agreed_end(id), before);
    expect(id, "POST", "/timeout", "{\"timeout\":60}", 204);
    assert_true(agreed_end(id) < before);
    expect(id, "POST", "/pause", "{}", 204);
    dm_fakeworker_away(rig.worker, true);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 503);
    row_is("paused", 0);
    dm_fakeworker_away(rig.worker, false);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 201);
    row_is("running", 1);
    (void)agreed_end(id);
}

static void away_nothing_is_created(void **state)
{
    (void)state;
    dm_fakeworker_away(rig.worker, true);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 503);
    assert_string_equal(dm_said_str(&said, "error_code"), "sandbox_capacity_unavailable");
    row_is("ended", 0);
    dm_fakeworker_away(rig.worker, false);
}

/* A kill is never taken back: the client is told that it could not be done yet, no door opens to the sandbox any more,
 * and the sweep goes on until its worker has heard of it. */
static void away_a_kill_waits(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    dm_fakeworker_away(rig.worker, true);
    expect(id, "DELETE", "", NULL, 503);
    row_is("ending", 0);
    expect(id, "GET", "", NULL, 404);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 404);
    expect(id, "POST", "/pause", "{}", 404);
    sweep(0);
    row_is("ending", 0);
    dm_fakeworker_away(rig.worker, false);
    sweep(1);
    row_is("ended", 0);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
}

/* --- the answer got lost ------------------------------------------------------------------------------------ */

static void a_start_whose_answer_is_lost_is_taken_back(void **state)
{
    char first[32];
    (void)state;
    for (int undone = 1; undone >= 0; undone--) {
        dm_fakeworker_garble(rig.worker, "start", 1);
        dm_fakeworker_refuse(rig.worker, "kill", 500, undone != 0 ? 0 : 1);
        unsigned kills = dm_fakeworker_count(rig.worker, "kill");
        DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        assert_int_equal(said.status, 504);
        assert_int_equal(dm_fakeworker_count(rig.worker, "kill"), kills + 1);
        row_is(undone != 0 ? "ended" : "ending", 0);
        dm_fakeworker_admitted(rig.worker, "sandbox", first, sizeof first);
        if (undone == 0)
            sweep(1);
        row_is("ended", 0);
        assert_string_equal(dm_fakeworker_state(rig.worker, first, NULL, NULL), "");
        assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE cause = 'start_failed'"), 1);
        dm_rig_clean(&rig);
    }
}

static void a_pause_whose_answer_is_lost_is_told_by_its_event(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    dm_fakeworker_garble(rig.worker, "pause", 1);
    expect(id, "POST", "/pause", "{}", 504);
    row_is("pausing", 1);
    news(id, 1, 1, "asleep", "paused", 200);
    row_is("paused", 0);
    news(id, 1, 1, "asleep", "paused", 200); /* again: nothing */
    row_is("paused", 0);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 201);
    news(id, 1, 1, "asleep", "paused", 200); /* late, of an epoch that is over */
    row_is("running", 1);
    news(id, 2, 2, "ended", "vmm_crashed", 200);
    row_is("ended", 0);
    news(id, 3, 2, "ended", "killed", 200);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE cause = 'vmm_crashed'"), 1);
}

static void a_pause_whose_event_is_lost_too_is_swept(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    dm_fakeworker_garble(rig.worker, "pause", 1);
    expect(id, "POST", "/pause", "{}", 504);
    row_is("pausing", 1);
    dm_fakeworker_garble(rig.worker, "pause", 1);
    sweep(0); /* its answer was lost again */
    row_is("pausing", 1);
    sweep(1);
    row_is("paused", 0);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "asleep");
}

/* Nobody knows whether it woke: it is told to sleep, and stays what it was. */
static void a_wake_whose_answer_is_lost_sleeps_again(void **state)
{
    char id[32];
    int64_t epoch = 0;
    (void)state;
    dm_rig_create(&rig, "", id);
    expect(id, "POST", "/pause", "{}", 204);
    dm_fakeworker_garble(rig.worker, "resume", 1);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 504);
    row_is("paused", 0);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "asleep");
    assert_int_equal(epoch, 2);
    dm_fakeworker_garble(rig.worker, "resume", 1);
    dm_fakeworker_garble(rig.worker, "pause", 1);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 504);
    row_is("resuming", 1); /* it may run: it counts */
    sweep(1);
    row_is("paused", 0);
    expect(id, "POST", "/connect", "{\"timeout\":60}", 201);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "running");
    assert_int_equal(dm_rig_number(&rig, "SELECT epoch FROM dm.sandbox"), epoch);
    row_is("running", 1);
}

static void a_kill_whose_answer_is_lost_is_done(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    dm_fakeworker_garble(rig.worker, "kill", 1);
    expect(id, "DELETE", "", NULL, 504);
    row_is("ending", 0);
    expect(id, "DELETE", "", NULL, 204); /* the worker holds it no more: it was killed */
    row_is("ended", 0);
    expect(id, "DELETE", "", NULL, 404);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE cause = 'killed'"), 1);
    dm_rig_create(&rig, "", id);
    dm_fakeworker_refuse(rig.worker, "kill", 409, 1);
    expect(id, "DELETE", "", NULL, 500);
    dm_fakeworker_refuse(rig.worker, "kill", 500, 1);
    sweep(0);
    sweep(1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state <> 'ended'"), 0);
}

static void a_deadline_whose_answer_is_lost_is_put_back(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, ",\"timeout\":600", id);
    int64_t before = dm_rig_number(&rig, "SELECT dm.us(end_at) FROM dm.sandbox");
    dm_fakeworker_garble(rig.worker, "deadline", 1);
    expect(id, "POST", "/timeout", "{\"timeout\":3000}", 504);
    assert_int_equal(dm_rig_number(&rig, "SELECT dm.us(end_at) FROM dm.sandbox"), before);
    dm_fakeworker_refuse(rig.worker, "deadline", 500, 1);
    expect(id, "POST", "/timeout", "{\"timeout\":60}", 500);
    expect(id, "POST", "/timeout", "{\"timeout\":60}", 204);
}

/* Whatever was ordered, an answer that cannot be read is told as one that never came: it may have been carried out, and
 * a repetition finds out. */
static void a_lost_answer_is_told_alike(void **state)
{
    static const struct {
        const char *order, *method, *rest, *body;
    } acts[] = {{"deadline", "POST", "/timeout", "{\"timeout\":60}"},
            {"deadline", "POST", "/connect", "{\"timeout\":3000}"}, {"pause", "POST", "/pause", "{}"},
            {"resume", "POST", "/connect", "{\"timeout\":60}"}, {"kill", "DELETE", "", NULL}};
    char id[32], target[64];
    (void)state;
    dm_rig_create(&rig, ",\"timeout\":600", id);
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        (void)snprintf(target, sizeof target, "/sandboxes/%s%s", id, acts[i].rest);
        dm_fakeworker_garble(rig.worker, acts[i].order, 1);
        DM_AUTO_SAID said = dm_rig_call(&rig, acts[i].method, target, acts[i].body);
        const json_t *denial = json_object_get(said.body, "denial");
        if (said.status != 504 || strcmp(dm_json_c(denial, "rule"), "worker.slow") != 0)
            fail_msg("%s %s: %d %s", acts[i].method, acts[i].rest, said.status, said.text);
        assert_string_equal(dm_said_header(&said, "Retry-After"), "1");
        assert_null(dm_said_header(&said, "Should-Retry"));
        if (strcmp(acts[i].order, "pause") == 0)
            sweep(1);
    }
    row_is("ending", 0);
}

/* --- nobody will ever be there ------------------------------------------------------------------------------ */

/* A write-off that died behind its first transaction: the host is gone, and what was on it had not ended. */
static void what_a_write_off_left_is_swept(void **state)
{
    char one[32], asleep[32];
    (void)state;
    dm_rig_create(&rig, "", one);
    dm_rig_create(&rig, "", asleep);
    expect(asleep, "POST", "/pause", "{}", 204);
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'written_off', gone_at = now() WHERE worker_no = 1");
    sweep(2);
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'active', gone_at = NULL WHERE worker_no = 1");
    expect(one, "GET", "", NULL, 404);
    expect(asleep, "POST", "/connect", "{\"timeout\":60}", 404);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'host_lost'"), 2);
    assert_int_equal(running(), 0);
    sweep(0);
}

/* --- the worker's own words --------------------------------------------------------------------------------- */

static void news_that_cannot_be(void **state)
{
    char id[32];
    (void)state;
    dm_rig_create(&rig, "", id);
    news(id, 11, 9, "ended", "killed", 200); /* an epoch that never was */
    row_is("running", 1);
    news("i00000000000000000000", 12, 1, "ended", "killed", 200); /* of nobody */
    static const char *const wrong[] = {"{}", "{\"events\":[{}]}", "{\"events\":7}", "["};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/events", wrong[i]);
        assert_int_equal(said.status, 400);
    }
    row_is("running", 1);
    DM_AUTO_SAID stranger = dm_rig_worker_call(&rig, "/v1/workers/77/beat",
            "{\"boot\":1,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":1,\"last_frame\":0,\"refusing\":"
            "false}");
    assert_int_equal(stranger.status, 200);
    assert_true(json_is_true(json_object_get(stranger.body, "enrol_again")));
    news(id, 13, 1, "ended", "guest_shutdown", 200);
    row_is("ended", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(away_nothing_is_changed, &rig),
            DM_RIG_TEST(away_nothing_is_created, &rig),
            DM_RIG_TEST(away_a_kill_waits, &rig),
            DM_RIG_TEST(a_start_whose_answer_is_lost_is_taken_back, &rig),
            DM_RIG_TEST(a_pause_whose_answer_is_lost_is_told_by_its_event, &rig),
            DM_RIG_TEST(a_pause_whose_event_is_lost_too_is_swept, &rig),
            DM_RIG_TEST(a_wake_whose_answer_is_lost_sleeps_again, &rig),
            DM_RIG_TEST(a_kill_whose_answer_is_lost_is_done, &rig),
            DM_RIG_TEST(a_deadline_whose_answer_is_lost_is_put_back, &rig),
            DM_RIG_TEST(a_lost_answer_is_told_alike, &rig),
            DM_RIG_TEST(what_a_write_off_left_is_swept, &rig),
            DM_RIG_TEST(news_that_cannot_be, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
