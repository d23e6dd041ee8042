/* Covers api/life/create_body.c, api/life/admit.c: an environment that is too large: whose, and so who is told. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { VARS_MAX = 512, BYTES_MAX = 64 << 10 };

/* A body with n variables, the first of whose values has so many bytes. */
static char *body_of(size_t n, size_t bytes)
{
    size_t room = 128 + n * 16 + bytes;
    char *body = calloc(1, room), *at = body;
    assert_non_null(body);
    at += snprintf(at, room, "{\"templateID\":\"base\",\"envVars\":{\"V0\":\"");
    memset(at, 'x', bytes);
    at += bytes;
    *at++ = '"';
    for (size_t i = 1; i < n; i++)
        at += snprintf(at, 24, ",\"V%zu\":\"\"", i);
    (void)snprintf(at, 8, "}}");
    return body;
}

static dm_said create(size_t n, size_t bytes)
{
    char *body = body_of(n, bytes);
    dm_said said = dm_rig_call(&rig, "POST", "/v2/sandboxes", body);
    free(body);
    return said;
}

static int64_t member(const dm_said *s, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(s->body, "denial"), name));
}

static void the_clients(void **state)
{
    (void)state;
    DM_AUTO_SAID most = create(VARS_MAX, 0);
    assert_int_equal(most.status, 201);
    DM_AUTO_SAID many = create(VARS_MAX + 1, 0);
    assert_int_equal(many.status, 400);
    assert_non_null(strstr(many.text, "\"rule\":\"env.too_large\""));
    assert_int_equal(member(&many, "limit"), VARS_MAX);
    assert_int_equal(member(&many, "current"), VARS_MAX + 1);

    size_t full = BYTES_MAX - sizeof "{\"V0\":\"\"}" + 1;
    DM_AUTO_SAID whole = create(1, full);
    assert_int_equal(whole.status, 201);
    DM_AUTO_SAID large = create(1, full + 1);
    assert_int_equal(large.status, 400);
    assert_non_null(strstr(large.text, "\"rule\":\"env.too_large\""));
    assert_int_equal(member(&large, "limit"), BYTES_MAX);
    assert_int_equal(member(&large, "current"), BYTES_MAX + 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 2);
}

static void build_has(const char *env)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "UPDATE dm.template_build SET env = %s", env);
    dm_rig_sql(&rig, sql);
}

/* What the template brings is no fault of whoever uses it, whatever he brings himself. */
static void the_builds(void **state)
{
    (void)state;
    static const char *const wrong[] = {"jsonb_build_object('B', repeat('x', 140000))", "'[]'",
            "(SELECT jsonb_object_agg('B' || n, '') FROM generate_series(1, 600) n)"};
    char id[32], path[64];
    dm_rig_create(&rig, "", id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID asleep = dm_rig_call(&rig, "POST", path, "{}");
    assert_int_equal(asleep.status, 204);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        build_has(wrong[i]);
        unsigned starts = dm_fakeworker_count(rig.worker, "start");
        DM_AUTO_SAID said = create(1, 0);
        if (said.status != 500)
            fail_msg("%s: %d %s", wrong[i], said.status, said.text);
        assert_int_equal(dm_fakeworker_count(rig.worker, "start"), starts);
        DM_AUTO_SAID woken = dm_rig_call(&rig, "POST", path, "{\"timeout\":30}");
        assert_int_equal(woken.status, 500);
        assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused'"), 1);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended'"), DM_LEN(wrong));
    assert_int_equal(dm_rig_number(&rig, "SELECT max(running) FROM dm.quota_use"), 0);

    build_has("(SELECT jsonb_object_agg('B' || n, '') FROM generate_series(1, 512) n)");
    DM_AUTO_SAID both = create(VARS_MAX, 60000);
    assert_int_equal(both.status, 201);
    build_has("'{}'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(the_clients, &rig), DM_RIG_TEST(the_builds, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
