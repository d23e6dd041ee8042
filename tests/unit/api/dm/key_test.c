/* Covers api/dm/access.c, api/dm/key.c, api/kit/rows.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_tenantrig_person asks; /* whose request it is */

static dm_said ask(const char *method, const char *path, const char *body)
{
    return dm_rig_as_person(&rig, &asks, method, path, body);
}

static void expect(const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = ask(method, path, body);
    if (said.status != status)
        fail_msg("%s %s %s: %d, not %d: %s", method, path, body != NULL ? body : "", said.status, status, said.text);
}

static const char *rule_of(const dm_said *said)
{
    return json_string_value(json_object_get(json_object_get(said->body, "denial"), "rule"));
}

static int with_key(const char *key, const char *method, const char *path, const char *body)
{
    DM_AUTO_SAID said = dm_rig_call_as(&rig, key, method, path, body, NULL, 0);
    return said.status;
}

static void is_shown_once(void **state)
{
    (void)state;
    char key[64];
    asks = dm_tenantrig_add_person(&rig.tenants, "ann@key.test", "owner", true);
    DM_AUTO_SAID made = ask("POST", "/v1/projects/demo/keys", "{\"name\":\"CI\"}");
    assert_int_equal(made.status, 201);
    (void)snprintf(key, sizeof key, "%s", dm_said_str(&made, "key"));
    assert_int_equal(with_key(key, "GET", "/sandboxes", NULL), 200);
    DM_AUTO_SAID list = ask("GET", "/v1/projects/demo/keys", NULL);
    assert_int_equal(list.status, 200);
    assert_null(strstr(list.text, key + 8));
    assert_int_equal(json_integer_value(json_object_get(list.body, "total")), 2);
    assert_true(json_is_null(json_object_get(list.body, "next")));
    const json_t *row = json_array_get(json_object_get(list.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "name"), "CI");
    assert_memory_equal(dm_json_c(row, "mask"), key, 6);
    assert_string_equal(dm_json_c(row, "made_by"), asks.who);
    assert_string_equal(dm_json_c(json_object_get(row, "maker"), "email"), "ann@key.test");
    assert_true(json_is_true(json_object_get(row, "all_rights")));
    assert_true(json_is_null(json_object_get(row, "expires_at")));
    const json_t *old = json_array_get(json_object_get(list.body, "rows"), 1);
    assert_true(json_is_null(json_object_get(old, "maker")));
    assert_string_equal(dm_json_c(old, "made_by"), "operator:test");
}

/* A key does what it was made for; its end binds at once. */
static void rights_and_end_bind(void **state)
{
    (void)state;
    char key[64], path[96];
    asks = dm_tenantrig_add_person(&rig.tenants, "bob@key.test", "admin", false);
    DM_AUTO_SAID made = ask("POST", "/v1/projects/demo/keys",
            "{\"name\":\"reader\",\"rights\":[\"sandbox.read\"],\"expires_at\":\"2999-01-31T12:00:00Z\"}");
    assert_int_equal(made.status, 201);
    (void)snprintf(key, sizeof key, "%s", dm_said_str(&made, "key"));
    (void)snprintf(path, sizeof path, "/v1/projects/demo/keys/%s", dm_said_str(&made, "id"));
    assert_int_equal(json_array_size(json_object_get(made.body, "rights")), 1);
    assert_string_equal(dm_said_str(&made, "expires_at"), "2999-01-31T12:00:00.000000Z");
    assert_int_equal(with_key(key, "GET", "/sandboxes", NULL), 200);
    assert_int_equal(with_key(key, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}"), 403);
    expect("PATCH", path, "{\"expires_at\":null,\"name\":\"for ever\"}", 204);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.api_key WHERE name = 'for ever' AND expires_at IS NULL"), 1);
    expect("PATCH", path, "{\"expires_at\":\"2001-01-31T12:00:00Z\"}", 400);
    expect("DELETE", path, NULL, 204);
    expect("DELETE", path, NULL, 404);
    assert_int_equal(with_key(key, "GET", "/sandboxes", NULL), 401);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "{\"name\":\"\"}", "{\"name\":\"a\\tb\"}", "{\"name\":3}",
            "{\"name\":\"x\",\"rights\":[]}", "{\"name\":\"x\",\"rights\":[\"key.change\"]}",
            "{\"name\":\"x\",\"rights\":[\"nonsense\"]}", "{\"name\":\"x\",\"rights\":[1]}",
            "{\"name\":\"x\",\"expires_at\":\"tomorrow\"}", "{\"name\":\"x\",\"expires_at\":\"2001-01-31T12:00:00Z\"}",
            "[]"};
    asks = dm_tenantrig_add_person(&rig.tenants, "cid@key.test", "owner", true);
    for (size_t i = 0; i < DM_LEN(bad); i++)
        expect("POST", "/v1/projects/demo/keys", bad[i], 400);
    expect("PATCH", "/v1/projects/demo/keys/x", "{\"name\":\"x\"}", 404);
    expect("PATCH", "/v1/projects/demo/keys/x", "{}", 400);
    expect("DELETE", "/v1/projects/demo/keys/00000000-0000-4000-8000-000000000000", NULL, 404);
    asks = dm_tenantrig_add_person(&rig.tenants, "dev@key.test", "developer", false);
    DM_AUTO_SAID more = ask("POST", "/v1/projects/demo/keys", "{\"name\":\"x\",\"rights\":[\"billing.read\"]}");
    assert_int_equal(more.status, 403);
    assert_string_equal(rule_of(&more), "key.rights");
    /* A key is nobody who could make another. */
    assert_int_equal(with_key(NULL, "GET", "/v1/projects/demo/keys", NULL), 403);
    assert_int_equal(with_key(NULL, "POST", "/v1/projects/demo/keys", "{\"name\":\"x\"}"), 403);
    assert_int_equal(with_key(NULL, "GET", "/v1/me/access-tokens", NULL), 403);
}

static void each_role(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        bool whole;
        int reads, makes;
    } roles[] = {{"viewer", false, 403, 403}, {"developer", false, 200, 201}, {"billing", true, 403, 403},
            {"admin", false, 200, 201}, {"owner", true, 200, 201}};
    for (unsigned i = 0; i < DM_LEN(roles); i++) {
        char email[64];
        (void)snprintf(email, sizeof email, "%s@roles.test", roles[i].role);
        asks = dm_tenantrig_add_person(&rig.tenants, email, roles[i].role, roles[i].whole);
        expect("GET", "/v1/projects/demo/keys", NULL, roles[i].reads);
        expect("POST", "/v1/projects/demo/keys", "{\"name\":\"x\"}", roles[i].makes);
    }
    asks = dm_tenantrig_add_person(&rig.tenants, "none@roles.test", "", false);
    expect("GET", "/v1/projects/demo/keys", NULL, 404);
}

static void of_another_tenant(void **state)
{
    (void)state;
    char id[256], path[400];
    asks = dm_tenantrig_add_person(&rig.tenants, "eve@key.test", "owner", true);
    dm_rig_other(&rig);
    dm_tenantrig_text(&rig.tenants,
            "SELECT id FROM dm.api_key WHERE project_no ="
            " (SELECT project_no FROM dm.project WHERE slug = 'other')",
            id);
    expect("GET", "/v1/projects/other/keys", NULL, 404);
    expect("POST", "/v1/projects/other/keys", "{\"name\":\"x\"}", 404);
    (void)snprintf(path, sizeof path, "/v1/projects/other/keys/%s", id);
    expect("DELETE", path, NULL, 404);
    (void)snprintf(path, sizeof path, "/v1/projects/demo/keys/%s", id);
    expect("DELETE", path, NULL, 404);
    expect("PATCH", path, "{\"name\":\"x\"}", 404);
    assert_int_equal(with_key(DM_RIG_OTHER_KEY, "GET", "/sandboxes", NULL), 200);
}

static void tokens(void **state)
{
    (void)state;
    char path[96], token[64];
    asks = dm_tenantrig_add_person(&rig.tenants, "fay@key.test", "developer", false);
    dm_tenantrig_person fay = asks;
    DM_AUTO_SAID made = ask("POST", "/v1/me/access-tokens", "{\"name\":\"laptop\"}");
    assert_int_equal(made.status, 201);
    (void)snprintf(token, sizeof token, "%s", dm_said_str(&made, "token"));
    (void)snprintf(path, sizeof path, "/v1/me/access-tokens/%s", dm_said_str(&made, "id"));
    DM_AUTO_SAID list = ask("GET", "/v1/me/access-tokens", NULL);
    assert_int_equal(json_integer_value(json_object_get(list.body, "total")), 1);
    assert_null(strstr(list.text, token + 10));
    asks = dm_tenantrig_add_person(&rig.tenants, "gus@key.test", "owner", true);
    expect("DELETE", path, NULL, 404);
    DM_AUTO_SAID none = ask("GET", "/v1/me/access-tokens", NULL);
    assert_int_equal(json_integer_value(json_object_get(none.body, "total")), 0);
    asks = fay;
    expect("POST", "/v1/me/access-tokens", "{\"name\":\"\"}", 400);
    expect("POST", "/v1/me/access-tokens", "{}", 400);
    expect("DELETE", path, NULL, 204);
    expect("DELETE", path, NULL, 404);
    for (int i = 0; i < 50; i++)
        expect("POST", "/v1/me/access-tokens", "{\"name\":\"x\"}", 201);
    DM_AUTO_SAID full = ask("POST", "/v1/me/access-tokens", "{\"name\":\"x\"}");
    assert_int_equal(full.status, 429);
    assert_string_equal(rule_of(&full), "person.tokens_max");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, NULL, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(is_shown_once), TEST(rights_and_end_bind), TEST(what_is_refused),
            TEST(each_role), TEST(of_another_tenant), TEST(tokens)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
