/* What is refused for want of room: a pause beyond what the project's sleepers may take, and a size that no worker has
 * left. Covers api/life/pause.c, api/life/start.c, api/life/deny.c, tenants/sandbox/quota.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { EACH = DM_FAKE_IMAGE_MIB };

static dm_said about(const char *method, const char *id, const char *rest, const char *body)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/sandboxes/%s%s", id, rest);
    return dm_rig_call(&rig, method, target, body);
}

static void expect(const char *method, const char *id, const char *rest, const char *body, int status)
{
    DM_AUTO_SAID said = about(method, id, rest, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, rest, said.status, status, said.text);
}

static int64_t asleep_mib(void)
{
    return dm_rig_number(&rig, "SELECT asleep_mib FROM dm.quota_use WHERE project_no > 0");
}

static void may_sleep(int64_t mib)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "DELETE FROM dm.project_limit; INSERT INTO dm.project_limit"
            " SELECT account_no, project_no, 'asleep_disk_mib_max', %lld FROM dm.project",
            (long long)mib);
    dm_rig_sql(&rig, sql);
}

static void refused(const dm_said *said, const char *rule, int64_t limit, int64_t current)
{
    const json_t *denial = json_object_get(said->body, "denial");
    assert_int_equal(said->status, 429);
    assert_string_equal(json_string_value(json_object_get(denial, "rule")), rule);
    assert_int_equal(json_integer_value(json_object_get(denial, "limit")), limit);
    assert_int_equal(json_integer_value(json_object_get(denial, "current")), current);
    assert_string_equal(dm_said_header(said, "Should-Retry"), "false");
}

static const char *state_of(const char *id)
{
    static char state[16];
    DM_AUTO_SAID got = about("GET", id, "", NULL);
    (void)snprintf(state, sizeof state, "%s", dm_said_str(&got, "state"));
    return state;
}

/* One fits. The next would not, as its worker measures it, and then there is no room at all: it runs on each time. */
static void sleepers_have_a_bound(void **state)
{
    static const char rule[] = "project.asleep_disk_mib_max";
    char first[32], second[32];
    (void)state;
    may_sleep(EACH + EACH / 2);
    dm_rig_create(&rig, "", first);
    dm_rig_create(&rig, "", second);
    expect("POST", first, "/pause", "{}", 204);
    assert_int_equal(asleep_mib(), EACH);
    DM_AUTO_SAID larger = about("POST", second, "/pause", "{}");
    refused(&larger, rule, EACH + EACH / 2, EACH);
    assert_string_equal(state_of(second), "running");
    unsigned asked = dm_fakeworker_count(rig.worker, "pause");
    may_sleep(EACH);
    DM_AUTO_SAID none = about("POST", second, "/pause", "{}");
    refused(&none, rule, EACH, EACH);
    assert_int_equal(dm_fakeworker_count(rig.worker, "pause"), asked);
    assert_string_equal(state_of(second), "running");
    assert_string_equal(dm_fakeworker_state(rig.worker, second, NULL, NULL), "running");

    /* What wakes, or ends, makes room. */
    expect("POST", first, "/connect", "{\"timeout\":60}", 201);
    assert_int_equal(asleep_mib(), 0);
    expect("POST", second, "/pause", "{}", 204);
    assert_int_equal(asleep_mib(), EACH);
    expect("DELETE", second, "", NULL, 204);
    assert_int_equal(asleep_mib(), 0);
}

/* What is to sleep by itself is not begun where there is no room for it. */
static void nor_is_one_begun_that_will_sleep(void **state)
{
    char id[32];
    (void)state;
    may_sleep(EACH);
    dm_rig_create(&rig, ",\"autoPause\":true", id);
    expect("POST", id, "/pause", "{}", 204);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\",\"autoPause\":true}");
    refused(&said, "project.asleep_disk_mib_max", EACH, EACH);
    dm_rig_create(&rig, "", id);
}

/* What sleeps because its time was up is counted as well, above the limit if need be, and for something at least. */
static void a_timeout_is_counted(void **state)
{
    static const struct {
        int64_t said, counts;
    } cases[] = {{300, 300}, {0, 16}};
    (void)state;
    may_sleep(EACH);
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char id[32], text[256];
        dm_rig_create(&rig, ",\"autoPause\":true", id);
        (void)snprintf(text, sizeof text,
                "{\"events\":[{\"seq\":%zu,\"sandbox\":\"%s\",\"epoch\":1,\"state\":\"asleep\",\"cause\":\"timeout\","
                "\"detail\":\"\",\"at_us\":1800000000000000,\"image_mib\":%lld}]}",
                i + 1, id, (long long)cases[i].said);
        DM_AUTO_SAID told = dm_rig_worker_call(&rig, "/v1/workers/1/events", text);
        assert_int_equal(told.status, 200);
        assert_int_equal(asleep_mib(), cases[i].counts);
        expect("DELETE", id, "", NULL, 204);
        assert_int_equal(asleep_mib(), 0);
    }
}

static void beat(const char *more)
{
    char body[256];
    (void)snprintf(body, sizeof body,
            "{\"boot\":1,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":9,\"last_frame\":0,\"refusing\":false%"
            "s}",
            more);
    DM_AUTO_SAID told = dm_rig_worker_call(&rig, "/v1/workers/1/beat", body);
    assert_int_equal(told.status, 200);
}

/* A size that no worker has left is refused before anything is written, let alone ordered. */
static void a_size_without_a_place(void **state)
{
    char id[32];
    (void)state;
    beat(",\"mem_free_mib\":300");
    unsigned asked = dm_fakeworker_count(rig.worker, "start");
    DM_AUTO_SAID large = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base:1c512m\"}");
    assert_int_equal(large.status, 503);
    assert_string_equal(
            json_string_value(json_object_get(json_object_get(large.body, "denial"), "rule")), "capacity.no_worker");
    assert_int_equal(dm_fakeworker_count(rig.worker, "start"), asked);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 0);
    dm_rig_create(&rig, "", id);
    beat(""); /* it knows no bound */
    DM_AUTO_SAID again = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base:1c512m\"}");
    assert_int_equal(again.status, 201);
}

/* Its worker has the last word. */
static void a_worker_that_is_full(void **state)
{
    (void)state;
    dm_fakeworker_refuse(rig.worker, "start", 503, 1);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 503);
    assert_string_equal(
            json_string_value(json_object_get(json_object_get(said.body, "denial"), "rule")), "capacity.worker_full");
    assert_string_equal(dm_said_header(&said, "Retry-After"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(sleepers_have_a_bound, &rig),
            DM_RIG_TEST(nor_is_one_begun_that_will_sleep, &rig), DM_RIG_TEST(a_timeout_is_counted, &rig),
            DM_RIG_TEST(a_size_without_a_place, &rig), DM_RIG_TEST(a_worker_that_is_full, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
