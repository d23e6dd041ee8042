/* Covers api/ops/act.c, api/life/deny.c. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static int64_t number(const dm_said *s, const char *name)
{
    return json_integer_value(json_object_get(s->body, name));
}

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static void beat(int running, const char *more)
{
    char text[512];
    (void)snprintf(text, sizeof text,
            "{\"boot\":1,\"running\":%d,\"asleep\":2,\"pooled\":3,\"free_slots\":7,\"last_frame\":9,\"refusing\":false%"
            "s}",
            running, more);
    DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/beat", text);
    assert_int_equal(said.status, 200);
}

static void workers_are_listed(void **state)
{
    (void)state;
    dm_fakeworker *second = dm_rig_second_worker(&rig);
    beat(1, ",\"mem_free_mib\":900,\"version\":\"0.1.0\"");
    DM_AUTO_SAID one = dm_rig_operate(&rig, "GET", "/v1/ops/workers?limit=1", NULL);
    assert_int_equal(one.status, 200);
    const json_t *rows = json_object_get(one.body, "rows");
    assert_int_equal(json_array_size(rows), 1);
    const json_t *w = json_array_get(rows, 0);
    assert_int_equal(json_integer_value(json_object_get(w, "running")), 1);
    assert_int_equal(json_integer_value(json_object_get(w, "pool")), 3);
    assert_int_equal(json_integer_value(json_object_get(w, "mem_free_mib")), 900);
    assert_string_equal(json_string_value(json_object_get(w, "version")), "0.1.0");
    assert_string_equal(json_string_value(json_object_get(w, "region")), "local");
    assert_string_equal(json_string_value(json_object_get(w, "state")), "active");
    assert_true(json_real_value(json_object_get(w, "beat_age_s")) < 60);
    char at[256];
    (void)snprintf(at, sizeof at, "/v1/ops/workers?cursor=%s", dm_said_str(&one, "next"));
    DM_AUTO_SAID rest = dm_rig_operate(&rig, "GET", at, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 1);
    assert_true(json_is_null(json_object_get(rest.body, "next")));
    assert_int_equal(json_integer_value(json_object_get(rest.body, "total")), 2);
    w = json_array_get(json_object_get(rest.body, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(w, "name")), "worker-2");
    assert_true(json_is_null(json_object_get(w, "mem_free_mib")));
    assert_true(json_is_null(json_object_get(w, "version")));
    dm_fakeworker_free(second);
}

static void a_worker_that_is_silent_is_late(void **state)
{
    (void)state;
    beat(0, "");
    DM_AUTO_SAID now = dm_rig_operate(&rig, "GET", "/v1/ops/workers/1", NULL);
    assert_true(json_is_false(json_object_get(now.body, "late")));
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now() - interval '1 hour'");
    DM_AUTO_SAID late = dm_rig_operate(&rig, "GET", "/v1/ops/workers/1", NULL);
    assert_true(json_is_true(json_object_get(late.body, "late")));
    assert_true(json_real_value(json_object_get(late.body, "beat_age_s")) > 3599);
    static const char *const nobody[] = {"/v1/ops/workers/77", "/v1/ops/workers/0", "/v1/ops/workers/x"};
    for (size_t i = 0; i < DM_LEN(nobody); i++) {
        DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", nobody[i], NULL);
        assert_int_equal(said.status, 404);
        assert_string_equal(rule(&said), "worker.unknown");
    }
    beat(0, "");
}

static bool told_to_drain(void)
{
    DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/beat",
            "{\"boot\":1,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":9,\"last_frame\":0,\"refusing\":"
            "false}");
    assert_non_null(json_object_get(said.body, "drain"));
    return json_is_true(json_object_get(said.body, "drain"));
}

/* It is told with the next beat, its runners are counted down by its beats, and whose sandboxes run there reads of it
 * in his own audit. */
static void a_drain_and_back(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    beat(1, "");
    assert_false(told_to_drain());
    beat(1, "");
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/workers/1/drain", "{\"reason\":\"disks are swapped\"}");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "state"), "draining");
    assert_int_equal(number(&said, "running"), 1);
    assert_true(told_to_drain());
    DM_AUTO_SAID empty = dm_rig_operate(&rig, "GET", "/v1/ops/workers/1", NULL);
    assert_int_equal(number(&empty, "running"), 0);
    char audit[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT string_agg(concat_ws(' ', p.slug, a.who, a.verb, a.object, a.detail->>'reason'), ', ' ORDER BY"
            " audit_no) FROM dm.audit a LEFT JOIN dm.project p USING (account_no, project_no) WHERE verb = "
            "'worker.drain'",
            audit);
    assert_string_equal(audit, "operator:ada worker.drain worker:1:worker-1 disks are swapped, "
                               "demo operator:ada worker.drain worker:1 disks are swapped");
    DM_AUTO_SAID none = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(none.status, 503);
    assert_string_equal(rule(&none), "capacity.no_worker");
    DM_AUTO_SAID back = dm_rig_operate(&rig, "POST", "/v1/ops/workers/1/undrain", "{\"reason\":\"new disks are in\"}");
    assert_string_equal(dm_said_str(&back, "state"), "active");
    assert_false(told_to_drain());
}

static void an_act_says_why(void **state)
{
    (void)state;
    char text[2200], words[2100];
    memset(words, 0, sizeof words);
    for (int i = 0; i < 501; i++) /* characters, not bytes: 500 of these are 1000 */
        memcpy(words + 2 * i, "\xc3\xa4", 2);
    static const char *const bodies[] = {NULL, "{}", "{\"reason\":\"\"}", "{\"reason\":\" \\t\"}"};
    for (size_t i = 0; i <= DM_LEN(bodies); i++) {
        (void)snprintf(text, sizeof text, "{\"reason\":\"%s\"}", words);
        DM_AUTO_SAID said =
                dm_rig_operate(&rig, "POST", "/v1/ops/workers/1/drain", i < DM_LEN(bodies) ? bodies[i] : text);
        assert_int_equal(said.status, 400);
        assert_string_equal(rule(&said), "ops.reason");
    }
    words[1000] = '\0';
    (void)snprintf(text, sizeof text, "{\"reason\":\"%s\"}", words);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/workers/1/undrain", text);
    assert_int_equal(said.status, 200);
}

static void what_was_written_off_stays_so(void **state)
{
    (void)state;
    dm_fakeworker *second = dm_rig_second_worker(&rig);
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'written_off' WHERE worker_no = 2");
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/workers/2/undrain", "{\"reason\":\"x\"}");
    assert_int_equal(said.status, 409);
    assert_string_equal(rule(&said), "worker.written_off");
    dm_fakeworker_free(second);
}

/* A sleeper of a drained host is told what it waits for, not that there is no room; it sleeps on, whole. */
static void a_wake_there_says_what_it_waits_for(void **state)
{
    (void)state;
    char id[32], at[96];
    dm_rig_create(&rig, "", id);
    (void)snprintf(at, sizeof at, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", at, NULL);
    assert_int_equal(paused.status, 204);
    dm_fakeworker_drain(rig.worker, true);
    (void)snprintf(at, sizeof at, "/sandboxes/%s/connect", id);
    DM_AUTO_SAID no = dm_rig_call(&rig, "POST", at, "{\"timeout\":60}");
    assert_int_equal(no.status, 503);
    assert_string_equal(rule(&no), "worker.draining");
    assert_string_equal(dm_said_header(&no, "Should-Retry"), "false");
    dm_fakeworker_drain(rig.worker, false);
    DM_AUTO_SAID yes = dm_rig_call(&rig, "POST", at, "{\"timeout\":60}");
    assert_int_equal(yes.status, 201);
}

static void a_key_is_no_operator(void **state)
{
    (void)state;
    DM_AUTO_SAID read = dm_rig_call(&rig, "GET", "/v1/ops/workers", NULL);
    assert_int_equal(read.status, 403);
    DM_AUTO_SAID change = dm_rig_call(&rig, "POST", "/v1/ops/workers/1/drain", "{\"reason\":\"x\"}");
    assert_int_equal(change.status, 403);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.worker WHERE state <> 'active'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(workers_are_listed, &rig),
            DM_RIG_TEST(a_worker_that_is_silent_is_late, &rig),
            DM_RIG_TEST(a_drain_and_back, &rig),
            DM_RIG_TEST(an_act_says_why, &rig),
            DM_RIG_TEST(what_was_written_off_stays_so, &rig),
            DM_RIG_TEST(a_wake_there_says_what_it_waits_for, &rig),
            DM_RIG_TEST(a_key_is_no_operator, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
