/* Covers api/life/create_body.c, api/e2b/not_offered.c, api/e2b/sandbox.c, api/life/admit.c, api/life/deny.c,
 * api/life/spawns.c, api/life/start.c. */
#include <stdio.h>

#include "api/life/spawns.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const char *rule_of(const dm_said *s)
{
    const char *rule = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return rule != NULL ? rule : "";
}

static void expect(const char *path, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, body);
    if (said.status != status || (rule != NULL && strcmp(rule_of(&said), rule) != 0))
        fail_msg("%s %s: %d, not %d %s: %s", path, body, said.status, status, rule != NULL ? rule : "", said.text);
    if (status >= 400) {
        assert_int_equal(json_integer_value(json_object_get(said.body, "code")), status);
        assert_true(dm_said_str(&said, "message")[0] != '\0');
        assert_true(json_is_object(json_object_get(said.body, "denial")));
    }
}

/* A client must not take what is missing here for a sandbox that is gone. */
static void what_is_not_offered_says_so(void **state)
{
    (void)state;
    expect("/v3/templates", "{\"name\":\"mine\"}", 403, "template_build.not_offered");
    expect("/volumes", "{\"name\":\"mine\"}", 403, "volumes.not_offered");
    expect("/secrets", "{\"name\":\"mine\",\"value\":\"v\"}", 403, "secrets.not_offered");
    expect("/templates/tags", "{\"target\":\"base\",\"tags\":[\"v1\"]}", 403, "template_change.not_offered");
    static const char *const more[][2] = {{"DELETE", "/templates/base"}, {"PATCH", "/v2/templates/base"},
            {"GET", "/templates/base/tags"}, {"GET", "/templates/base/tags/exists"},
            {"GET", "/templates/base/files/00"}, {"GET", "/templates/base/builds/1/status"},
            {"DELETE", "/templates/tags"}, {"GET", "/volumes"}, {"GET", "/volumes/1"}, {"DELETE", "/volumes/1"},
            {"GET", "/volumecontent/1/path?path=/a"}, {"PUT", "/volumecontent/1/file?path=/a"}, {"GET", "/secrets/a"},
            {"DELETE", "/secrets/a"}, {"POST", "/admin/teams/1/builds/cancel"},
            {"PUT", "/sandboxes/i00000000000000000000/network"}};
    for (size_t i = 0; i < DM_LEN(more); i++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, more[i][0], more[i][1], NULL);
        if (said.status != 403 || strstr(rule_of(&said), ".not_offered") == NULL)
            fail_msg("%s %s: %d %s", more[i][0], more[i][1], said.status, said.text);
    }
    DM_AUTO_SAID nobody = dm_rig_call_as(&rig, "", "GET", "/volumecontent/1/path", NULL, NULL, 0);
    assert_int_equal(nobody.status, 403);
    DM_AUTO_SAID stranger = dm_rig_call_as(&rig, "", "GET", "/volumes", NULL, NULL, 0);
    assert_int_equal(stranger.status, 401);
}

#define SECRET "correct-horse-battery-staple"
/* 1 when its bytes have the secret anywhere, as they stand; 0 when not. */
#define STANDS_IN(bytes) "(position(convert_to('" SECRET "', 'UTF8') IN " bytes ") > 0)::int"

static void answers_as_the_contract_says(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"metadata\":{},\"envVars\":{\"A\":\"" SECRET "\"},\"unknown\":[1,{}]}");
    assert_int_equal(said.status, 201);
    const char *id = dm_said_str(&said, "sandboxID");
    assert_int_equal(strlen(id), 21);
    assert_int_equal(id[0], 'i');
    assert_int_equal(strlen(dm_said_str(&said, "templateID")), 20);
    assert_string_equal(dm_said_str(&said, "alias"), "base");
    assert_string_equal(dm_said_str(&said, "envdVersion"), "0.6.13");
    assert_string_equal(dm_said_str(&said, "domain"), "sandbox.test");
    assert_true(strlen(dm_said_str(&said, "clientID")) > 0);
    assert_int_equal(strlen(dm_said_str(&said, "envdAccessToken")), 32);
    assert_true(json_is_null(json_object_get(said.body, "trafficAccessToken")));
    assert_string_equal(dm_said_header(&said, "Access-Control-Allow-Origin"), "*");
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");

    char text[256], quoted[64];
    dm_fakeworker_admitted(rig.worker, "env", text, sizeof text);
    assert_string_equal(text, "{\"A\":\"" SECRET "\"}");
    dm_fakeworker_admitted(rig.worker, "token", text, sizeof text);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", dm_said_str(&said, "envdAccessToken"));
    assert_string_equal(text, quoted);
    dm_fakeworker_admitted(rig.worker, "timeout_us", text, sizeof text);
    assert_string_equal(text, "300000000");
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'running' AND started_at IS NOT NULL"
                                " AND end_at IS NOT NULL AND address IS NOT NULL AND worker_no IS NOT NULL"),
            1);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use"), 2); /* project's and account's */
    /* Sealed, and the way in which that is looked at finds what is not. */
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE env_sealed IS NOT NULL"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT " STANDS_IN("env_sealed") " FROM dm.sandbox"), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT " STANDS_IN("convert_to('{\"A\":\"" SECRET "\"}', 'UTF8')")), 1);
}

/* v1 is unsecured unless asked, and lives 15 s unless told. */
static void v1_differs(void **state)
{
    (void)state;
    char text[64];
    DM_AUTO_SAID plain = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(plain.status, 201);
    assert_null(json_object_get(plain.body, "envdAccessToken"));
    dm_fakeworker_admitted(rig.worker, "timeout_us", text, sizeof text);
    assert_string_equal(text, "15000000");
    DM_AUTO_SAID secure = dm_rig_call(&rig, "POST", "/sandboxes",
            "{\"templateID\":\"base\",\"secure\":true,\"timeout\":300,\"allow_internet_access\":true}");
    assert_int_equal(secure.status, 201);
    assert_int_equal(strlen(dm_said_str(&secure, "envdAccessToken")), 32);
}

static void refuses_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *rule;
    } cases[] = {
            {"", 400, NULL},
            {"[]", 400, NULL},
            {"{}", 400, NULL},
            {"{\"templateID\":7}", 400, NULL},
            {"{\"templateID\":\"base\",\"templateID\":\"base\"}", 400, NULL},
            {"{\"templateID\":\"base\",\"timeout\":0}", 400, "project.timeout_s_max"},
            {"{\"templateID\":\"base\",\"timeout\":-1}", 400, "project.timeout_s_max"},
            {"{\"templateID\":\"base\",\"timeout\":86401}", 400, "project.timeout_s_max"},
            {"{\"templateID\":\"base\",\"timeout\":\"3\"}", 400, NULL},
            {"{\"templateID\":\"base\",\"metadata\":{\"a\":1}}", 400, NULL},
            {"{\"templateID\":\"base\",\"envVars\":{\"a=b\":\"1\"}}", 400, NULL},
            {"{\"templateID\":\"base\",\"envVars\":{\"\":\"1\"}}", 400, NULL},
            {"{\"templateID\":\"nope\"}", 404, "template.unknown"},
            {"{\"templateID\":\"base:nope\"}", 404, "template.tag_unknown"},
            {"{\"templateID\":\"other/base\"}", 404, "template.unknown"},
            {"{\"templateID\":\"a b\"}", 400, NULL},
            {"{\"templateID\":\"base:64c1g\"}", 400, "spec.too_large"},
            {"{\"templateID\":\"base\",\"gpu\":true}", 400, "gpu.not_offered"},
            {"{\"templateID\":\"base\",\"gpuCount\":1}", 400, "gpu.not_offered"},
            {"{\"templateID\":\"base\",\"autoPauseMemory\":false}", 400, "pause.memory"},
            {"{\"templateID\":\"base\",\"autoPause\":true,\"autoPauseMemory\":false,\"autoResume\":{\"enabled\":true}}",
                    400, "pause.memory"},
            {"{\"templateID\":\"base\",\"network\":{\"denyOut\":[\"8.8.8.8\"]}}", 400, "network.not_offered"},
            {"{\"templateID\":\"base\",\"network\":{\"denyOut\":[7]}}", 400, NULL},
            {"{\"templateID\":\"base\",\"network\":{\"allowOut\":[\"8.8.8.8\"],\"denyOut\":[\"0.0.0.0/0\"]}}", 400,
                    "network.not_offered"},
            {"{\"templateID\":\"base\",\"network\":{\"maskRequestHost\":\"-https://abcd\"}}", 400, "network.mask"},
            {"{\"templateID\":\"base\",\"volumeMounts\":[{\"name\":\"a\",\"path\":\"/a\"}]}", 400,
                    "volumes.not_offered"},
            {"{\"templateID\":\"base\",\"iam\":{\"tokens\":{\"a\":{}}}}", 400, "iam.not_offered"},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++)
        expect("/v2/sandboxes", cases[i].body, cases[i].status, cases[i].rule);
    DM_AUTO_SAID open = dm_rig_call(
            &rig, "POST", "/sandboxes", "{\"templateID\":\"base\",\"network\":{\"allowPublicTraffic\":false}}");
    assert_int_equal(open.status, 400);
    assert_string_equal(dm_said_str(&open, "message"), "You cannot create a sandbox without public access unless you "
                                                       "enable secure envd access via 'secure' flag.");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT coalesce(sum(running), 0) FROM dm.quota_use"), 0);
}

static void spawns_are_counted(void **state)
{
    (void)state;
    char id[32];
    dm_err err = {0};
    assert_int_equal(dm_spawns_write(rig.api.spawns, rig.api.ops, &err), 0);
    int64_t before = dm_rig_number(&rig, "SELECT spawn_count FROM dm.template");
    dm_rig_create(&rig, "", id);
    dm_rig_create(&rig, "", id);
    assert_int_equal(dm_spawns_write(rig.api.spawns, rig.api.ops, &err), 0);
    assert_int_equal(dm_spawns_write(rig.api.spawns, rig.api.ops, &err), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT spawn_count FROM dm.template"), before + 2);
}

static void cut_off(void **state)
{
    (void)state;
    static const struct {
        const char *more, *internet;
    } cases[] = {{"", "true"}, {",\"allow_internet_access\":true", "true"},
            {",\"allow_internet_access\":false", "false"}, {",\"network\":{\"denyOut\":[\"0.0.0.0/0\"]}", "false"},
            {",\"network\":{\"denyOut\":[]}", "true"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char id[32], text[32];
        dm_rig_create(&rig, cases[i].more, id);
        dm_fakeworker_admitted(rig.worker, "internet", text, sizeof text);
        assert_string_equal(text, cases[i].internet);
    }
}

static void who_may(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int status;
    } cases[] = {{"", 401}, {"e2b_", 401}, {"nonsense", 401}, {"e2b_0000000000000000000000000000000000000000", 401}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID said =
                dm_rig_call_as(&rig, cases[i].key, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}", NULL, 0);
        assert_int_equal(said.status, cases[i].status);
        assert_int_equal(json_integer_value(json_object_get(said.body, "code")), cases[i].status);
    }
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    DM_AUTO_SAID blocked = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(blocked.status, 403);
    assert_string_equal(dm_said_str(&blocked, "message"), "team is blocked: unpaid");
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    assert_int_equal(list.status, 200);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = NULL, banned = true");
    DM_AUTO_SAID banned = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    assert_int_equal(banned.status, 403);
    assert_string_equal(dm_said_str(&banned, "message"), "team is banned");
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = false");
}

static void quota_binds_project_and_account(void **state)
{
    (void)state;
    char id[32];
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 1 FROM dm.project");
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 429);
    assert_string_equal(rule_of(&said), "project.running_max");
    assert_string_equal(dm_said_header(&said, "Should-Retry"), "false");
    assert_null(dm_said_header(&said, "Retry-After"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(said.body, "denial"), "current")), 1);
    dm_rig_sql(&rig, "DELETE FROM dm.project_limit;"
                     "INSERT INTO dm.account_limit SELECT account_no, 'running_max', 1 FROM dm.account;"
                     "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 9 FROM dm.project");
    expect("/v2/sandboxes", "{\"templateID\":\"base\"}", 429, "account.running_max");
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use"), 2);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 1);
}

static void sizes(void **state)
{
    (void)state;
    char id[32];
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base:3c700m\"}");
    assert_int_equal(said.status, 201);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox JOIN dm.spec USING (spec_table, spec) WHERE"
                                         " asked_vcpus = 3 AND asked_mem_mib = 700 AND vcpus = 4 AND mem_mib = 1024"),
            1);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'vcpus_max', 2 FROM dm.project");
    expect("/v2/sandboxes", "{\"templateID\":\"base:4c4g\"}", 403, "project.vcpus_max");
    expect("/v2/sandboxes", "{\"templateID\":\"base\",\"diskSizeMB\":999999}", 403, "project.disk_mib_max");
    expect("/v2/sandboxes", "{\"templateID\":\"base\",\"diskSizeMB\":1025}", 400, "disk.not_offered");
    dm_rig_create(&rig, ",\"cpuCount\":2,\"memoryMB\":1024", id);
    DM_AUTO_SAID got = dm_rig_call(&rig, "GET", "/v2/sandboxes?limit=1", NULL);
    const json_t *first = json_array_get(got.body, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "cpuCount")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "memoryMB")), 1024);
}

/* Whatever the worker says, nothing is left behind and the client is told the truth. */
static void a_worker_that_refuses(void **state)
{
    (void)state;
    static const struct {
        int worker, status;
        const char *error_code;
    } cases[] = {{503, 503, "sandbox_capacity_unavailable"}, {500, 500, "sandbox_create_failed"},
            {504, 504, "sandbox_placement_timeout"}, {409, 500, "sandbox_create_failed"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_fakeworker_refuse(rig.worker, "start", cases[i].worker, 1);
        DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        assert_int_equal(said.status, cases[i].status);
        assert_string_equal(dm_said_str(&said, "error_code"), cases[i].error_code);
    }
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state <> 'ended' OR cause <> 'start_failed'"),
            0);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use"), 0);
}

static void a_worker_that_is_silent(void **state)
{
    (void)state;
    dm_fakeworker_hold(rig.worker, "start"); /* for longer than an order may take */
    unsigned kills = dm_fakeworker_count(rig.worker, "kill");
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    dm_fakeworker_release(rig.worker, "start");
    assert_int_equal(said.status, 504);
    assert_string_equal(dm_said_str(&said, "error_code"), "sandbox_placement_timeout");
    assert_int_equal(dm_fakeworker_count(rig.worker, "kill"), kills + 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state <> 'ended'"), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use"), 0);
}

static void a_stale_worker_gets_none(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now() - interval '31 s'");
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 503);
    assert_string_equal(dm_said_str(&said, "error_code"), "sandbox_capacity_unavailable");
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now()");
}

static dm_said with_key(const char *key, const char *body)
{
    const dm_pair header = {DM_STR("Idempotency-Key"), dm_str_c(key)};
    return dm_rig_call_as(&rig, NULL, "POST", "/v2/sandboxes", body, &header, 1);
}

static void idempotent(void **state)
{
    (void)state;
    DM_AUTO_SAID first = with_key("job-1", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID again = with_key("job-1", "{\"templateID\":\"base\"}");
    assert_int_equal(first.status, 201);
    assert_int_equal(again.status, 201);
    assert_string_equal(first.text, again.text);
    DM_AUTO_SAID other = with_key("job-1", "{\"templateID\":\"base\",\"timeout\":20}");
    assert_int_equal(other.status, 422);
    assert_string_equal(dm_said_str(&other, "error_code"), "idempotency_request_mismatch");
    DM_AUTO_SAID bad = with_key("Job 1", "{\"templateID\":\"base\"}");
    assert_int_equal(bad.status, 400);
    dm_rig_sql(&rig, "UPDATE dm.idempotency SET status = NULL");
    DM_AUTO_SAID running = with_key("job-1", "{\"templateID\":\"base\"}");
    assert_int_equal(running.status, 409);
    assert_string_equal(dm_said_str(&running, "error_code"), "idempotency_in_progress");
    dm_rig_sql(&rig, "UPDATE dm.idempotency SET created_at = now() - interval '1 h'");
    DM_AUTO_SAID unknown = with_key("job-1", "{\"templateID\":\"base\"}");
    assert_string_equal(dm_said_str(&unknown, "error_code"), "idempotency_outcome_unknown");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 1);

    /* A start that failed left nothing: the key may be used again. */
    dm_fakeworker_refuse(rig.worker, "start", 503, 1);
    DM_AUTO_SAID failed = with_key("job-2", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID retried = with_key("job-2", "{\"templateID\":\"base\"}");
    assert_int_equal(failed.status, 503);
    assert_int_equal(retried.status, 201);
}

/* Past its rate it is told when to come again, and nothing was charged, stood in line or was made. */
static void creates_have_a_rate(void **state)
{
    (void)state;
    dm_clock_fake stands;
    dm_rates *real = rig.api.rates;
    dm_clock_fake_init(&stands, 1800000000000000);
    assert_int_equal(dm_rates_new(&stands.base, &rig.api.rates, NULL), 0);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'create_rate', 1 FROM dm.project WHERE slug = 'demo'");
    DM_AUTO_SAID first = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID second = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID third = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID read = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    dm_rates_free(rig.api.rates);
    rig.api.rates = real;
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 201);
    assert_int_equal(third.status, 429);
    assert_int_equal(read.status, 200);
    assert_string_equal(dm_json_c(json_object_get(third.body, "denial"), "rule"), "project.create_rate");
    assert_string_equal(dm_said_header(&third, "Retry-After"), "1");
    assert_null(dm_said_header(&third, "Should-Retry"));
    assert_int_equal(dm_rig_number(&rig, "SELECT max(running) FROM dm.quota_use"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(creates_have_a_rate, &rig),
            DM_RIG_TEST(what_is_not_offered_says_so, &rig), DM_RIG_TEST(answers_as_the_contract_says, &rig),
            DM_RIG_TEST(v1_differs, &rig), DM_RIG_TEST(refuses_with_a_reason, &rig),
            DM_RIG_TEST(spawns_are_counted, &rig), DM_RIG_TEST(cut_off, &rig), DM_RIG_TEST(who_may, &rig),
            DM_RIG_TEST(quota_binds_project_and_account, &rig), DM_RIG_TEST(sizes, &rig),
            DM_RIG_TEST(a_worker_that_refuses, &rig), DM_RIG_TEST(a_worker_that_is_silent, &rig),
            DM_RIG_TEST(a_stale_worker_gets_none, &rig), DM_RIG_TEST(idempotent, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
