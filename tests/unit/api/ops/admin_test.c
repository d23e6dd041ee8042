/* Covers api/ops/node.c. */
#include <stdio.h>

#include "base/parse.h"

#include "api/life/sweep.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char token[2 * DM_KEY + 1];

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static dm_said with(const char *key, const char *method, const char *target, const char *body)
{
    const dm_pair header = {DM_STR("X-Admin-Token"), dm_str_c(key)};
    return dm_rig_call_as(&rig, "", method, target, body, &header, 1);
}

static dm_said admin(const char *method, const char *target, const char *body)
{
    return with(token, method, target, body);
}

static const struct {
    const char *method, *target;
} all[] = {{"GET", "/nodes"}, {"GET", "/nodes/1"}, {"POST", "/nodes/1"}, {"POST", "/admin/teams/demo/sandboxes/kill"},
        {"GET", "/admin/sandboxes/running-counts"}, {"POST", "/admin/teams/demo/api-keys"},
        {"DELETE", "/admin/teams/demo/api-keys/00000000-0000-0000-0000-000000000000"}};

/* Before anything else is looked at, and by no key of a project. */
static void nobody_without_the_token(void **state)
{
    (void)state;
    char wrong[2 * DM_KEY + 1];
    memcpy(wrong, token, sizeof wrong);
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    const char *const given[] = {wrong, "", "x", rig.key};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        for (size_t j = 0; j < DM_LEN(given); j++) {
            DM_AUTO_SAID no = with(given[j], all[i].method, all[i].target, NULL);
            assert_int_equal(no.status, 401);
            assert_string_equal(rule(&no), "admin.token");
        }
        DM_AUTO_SAID key = dm_rig_call(&rig, all[i].method, all[i].target, NULL);
        assert_int_equal(key.status, 401);
        rig.api.has_admin_token = false;
        DM_AUTO_SAID off = admin(all[i].method, all[i].target, NULL);
        rig.api.has_admin_token = true;
        assert_int_equal(off.status, 403);
        assert_string_equal(rule(&off), "admin.off");
    }
}

static void nodes(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID list = admin("GET", "/nodes", NULL);
    assert_int_equal(list.status, 200);
    const json_t *n = json_array_get(list.body, 0);
    assert_string_equal(dm_json_c(n, "nodeID"), "1");
    assert_string_equal(dm_json_c(n, "status"), "ready");
    DM_AUTO_SAID drained = admin("POST", "/nodes/1", "{\"status\":\"draining\"}");
    assert_int_equal(drained.status, 204);
    DM_AUTO_SAID one = admin("GET", "/nodes/1", NULL);
    assert_string_equal(dm_said_str(&one, "status"), "draining");
    assert_string_equal(dm_json_c(json_array_get(json_object_get(one.body, "sandboxes"), 0), "sandboxID"), id);
    DM_AUTO_SAID back = admin("POST", "/nodes/1", "{\"status\":\"ready\"}");
    assert_int_equal(back.status, 204);
    DM_AUTO_SAID odd = admin("POST", "/nodes/1", "{\"status\":\"happy\"}");
    assert_int_equal(odd.status, 400);
    DM_AUTO_SAID none = admin("GET", "/nodes/99", NULL);
    assert_int_equal(none.status, 404);
}

static int64_t number(const dm_said *s, const char *name)
{
    return json_integer_value(json_object_get(s->body, name));
}

/* More than one transaction takes, those that sleep too, and of one team alone. */
static void all_of_a_team_end(void **state)
{
    (void)state;
    char id[32], target[128];
    unsigned done = 0;
    dm_err err = {0};
    dm_rig_sql(&rig, "UPDATE dm.worker SET slots = 1000, free_slots = 1000");
    for (int i = 0; i < 103; i++)
        dm_rig_create(&rig, "", id);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", target, NULL);
    assert_int_equal(paused.status, 204);
    dm_rig_other(&rig);
    DM_AUTO_SAID other =
            dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v2/sandboxes", "{\"templateID\":\"demo/base\"}", NULL, 0);
    assert_int_equal(other.status, 201);
    DM_AUTO_SAID counts = admin("GET", "/admin/sandboxes/running-counts", NULL);
    assert_int_equal(number(&counts, rig.tenants.demo.project.id), 102);
    assert_int_equal(json_object_size(counts.body), 2);
    (void)snprintf(target, sizeof target, "/admin/teams/%s/sandboxes/kill", rig.tenants.demo.project.id);
    DM_AUTO_SAID said = admin("POST", target, NULL);
    assert_int_equal(said.status, 200);
    assert_int_equal(number(&said, "killedCount"), 103);
    assert_int_equal(number(&said, "failedCount"), 0);
    assert_int_equal(dm_sweep(&rig.api, rig.api.dispatch, &done, &err), 0);
    assert_int_equal(done, 103);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE cause = 'operator_killed'"), 103);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'running'"), 1);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'sandbox.kill' AND who = 'operator:token'"),
            103);
    DM_AUTO_SAID none = admin("POST", "/admin/teams/nosuch/sandboxes/kill", NULL);
    assert_int_equal(none.status, 404);
    assert_string_equal(rule(&none), "project.unknown");
}

static void keys(void **state)
{
    (void)state;
    char target[160];
    DM_AUTO_SAID made = admin("POST", "/admin/teams/demo/api-keys", "{\"name\":\"by hand\"}");
    assert_int_equal(made.status, 201);
    const char *key = dm_said_str(&made, "key");
    DM_AUTO_SAID works = dm_rig_call_as(&rig, key, "GET", "/v2/sandboxes", NULL, NULL, 0);
    assert_int_equal(works.status, 200);
    (void)snprintf(target, sizeof target, "/admin/teams/demo/api-keys/%s", dm_said_str(&made, "id"));
    DM_AUTO_SAID gone = admin("DELETE", target, NULL);
    assert_int_equal(gone.status, 204);
    DM_AUTO_SAID dead = dm_rig_call_as(&rig, key, "GET", "/v2/sandboxes", NULL, NULL, 0);
    assert_int_equal(dead.status, 401);
    DM_AUTO_SAID again = admin("DELETE", target, NULL);
    assert_int_equal(again.status, 404);
    assert_string_equal(rule(&again), "key.unknown");
    DM_AUTO_SAID nobody = admin("POST", "/admin/teams/nosuch/api-keys", "{}");
    assert_int_equal(nobody.status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(nobody_without_the_token, &rig),
            DM_RIG_TEST(nodes, &rig),
            DM_RIG_TEST(all_of_a_team_end, &rig),
            DM_RIG_TEST(keys, &rig),
    };
    dm_rig_start(&rig, 0);
    memset(rig.api.admin_token, 0x5a, sizeof rig.api.admin_token);
    rig.api.has_admin_token = true;
    dm_hex(rig.api.admin_token, sizeof rig.api.admin_token, token);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
