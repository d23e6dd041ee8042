/* What of E2B's surface an access token opens. */
/* Covers api/e2b/access_token.c, api/e2b/api_key.c, api/e2b/mask.c, api/e2b/oauth.c, api/e2b/team.c, api/kit/keys.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char token[64]; /* of the person that a test made last */

/* A person with a role, and a token whose bytes are 20 times n. */
static dm_tenantrig_person person(const char *email, const char *role, bool whole_account, unsigned n)
{
    char sql[512];
    dm_tenantrig_person p = dm_tenantrig_add_person(&rig.tenants, email, role, whole_account);
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.person_token (person_no, name, sha256, mask)"
            " VALUES (%lld, 'first', sha256(decode(repeat('%02x', 20), 'hex')), 'sk_e2b_%02x...%02x%02x')",
            (long long)p.no.v, n, n, n, n);
    dm_rig_sql(&rig, sql);
    (void)snprintf(token, sizeof token, "sk_e2b_");
    for (size_t i = 0; i < 20; i++)
        (void)snprintf(token + 7 + 2 * i, sizeof token - 7 - 2 * i, "%02x", n);
    return p;
}

static dm_said ask_in(const char *team, const char *method, const char *path, const char *body)
{
    char bearer[128];
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", token);
    const dm_pair headers[] = {
            {DM_STR("Authorization"), dm_str_c(bearer)}, {DM_STR("X-Team-ID"), dm_str_c(team != NULL ? team : "")}};
    return dm_rig_call_on(&rig.table, method, path, headers, team != NULL ? 2 : 1, body);
}

static dm_said ask(const char *method, const char *path, const char *body)
{
    return ask_in(NULL, method, path, body);
}

static void expect(const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = ask(method, path, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, path, said.status, status, said.text);
}

static const char *rule_of(const dm_said *said)
{
    return json_string_value(json_object_get(json_object_get(said->body, "denial"), "rule"));
}

/* --- teams -------------------------------------------------------------------------------------------------- */

/* The key in the answer works at once, is the same the next time, and is shown to nobody who has no token. */
static void teams_come_with_a_key(void **state)
{
    (void)state;
    char key[64];
    (void)person("ann@team.test", "developer", true, 1);
    DM_AUTO_SAID first = ask("GET", "/teams", NULL);
    assert_int_equal(first.status, 200);
    assert_int_equal(json_array_size(first.body), 1);
    const json_t *team = json_array_get(first.body, 0);
    assert_string_equal(dm_json_c(team, "teamID"), rig.tenants.demo.project.id);
    assert_string_equal(dm_json_c(team, "name"), "Demo");
    assert_true(json_is_true(json_object_get(team, "isDefault")));
    (void)snprintf(key, sizeof key, "%s", dm_json_c(team, "apiKey"));
    assert_int_equal(strlen(key), 44);

    DM_AUTO_SAID made = dm_rig_call_as(&rig, key, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}", NULL, 0);
    assert_int_equal(made.status, 201);
    DM_AUTO_SAID bill = dm_rig_call_as(&rig, key, "GET", "/v1/statements", NULL, NULL, 0);
    assert_int_equal(bill.status, 403); /* which a developer may not, and so his key may not */

    DM_AUTO_SAID second = ask("GET", "/teams", NULL);
    assert_string_equal(dm_json_c(json_array_get(second.body, 0), "apiKey"), key);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.api_key WHERE fetched_by IS NOT NULL"), 1);

    /* Revoked, it is replaced by another; never by itself. */
    dm_rig_sql(&rig, "UPDATE dm.api_key SET revoked_at = now() WHERE fetched_by IS NOT NULL");
    DM_AUTO_SAID third = ask("GET", "/teams", NULL);
    assert_string_not_equal(dm_json_c(json_array_get(third.body, 0), "apiKey"), key);
    DM_AUTO_SAID old = dm_rig_call_as(&rig, key, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(old.status, 401);
}

static void nobodys_teams_are_none(void **state)
{
    (void)state;
    (void)person("bob@team.test", "", false, 2);
    DM_AUTO_SAID said = ask("GET", "/teams", NULL);
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(said.body), 0);
    expect("GET", "/api-keys", NULL, 404);
}

static void neither_a_key_nor_a_wrong_token_opens_it(void **state)
{
    (void)state;
    static const char *const paths[] = {"/teams", "/api-keys"};
    (void)person("cid@team.test", "owner", true, 3);
    for (size_t i = 0; i < DM_LEN(paths); i++) {
        DM_AUTO_SAID key = dm_rig_call(&rig, "GET", paths[i], NULL);
        assert_int_equal(key.status, 401);
        const char *const bad[] = {"Bearer sk_e2b_00", "Bearer ", "sk_e2b_0303", "Basic sk_e2b_", ""};
        for (size_t j = 0; j < DM_LEN(bad); j++) {
            const dm_pair header = {DM_STR("Authorization"), dm_str_c(bad[j])};
            DM_AUTO_SAID said = dm_rig_call_on(&rig.table, "GET", paths[i], &header, 1, NULL);
            assert_int_equal(said.status, 401);
            assert_string_equal(rule_of(&said), "auth.key");
        }
    }
    /* And a token opens nothing else. */
    expect("GET", "/sandboxes", NULL, 401);
    expect("GET", "/v1/statements", NULL, 401);
}

static void wrong_tokens_are_counted(void **state)
{
    (void)state;
    unsigned late = 0;
    for (unsigned i = 0; i < 2 * rig.config.wrong_keys_per_min; i++) {
        char bearer[64];
        (void)snprintf(bearer, sizeof bearer, "Bearer sk_e2b_%040x", i);
        const dm_pair headers[] = {
                {DM_STR("Authorization"), dm_str_c(bearer)}, {DM_STR("X-Forwarded-For"), DM_STR("192.0.2.77")}};
        DM_AUTO_SAID said = dm_rig_call_on(&rig.table, "GET", "/teams", headers, 2, NULL);
        assert_true(said.status == 401 || said.status == 429);
        late += said.status == 429;
    }
    assert_in_range(late, rig.config.wrong_keys_per_min / 2, rig.config.wrong_keys_per_min);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static void keys_are_made_listed_renamed_and_revoked(void **state)
{
    (void)state;
    char path[96], key[64];
    dm_tenantrig_person p = person("dora@team.test", "admin", false, 4);
    DM_AUTO_SAID made = ask("POST", "/api-keys", "{\"name\":\" CI \"}");
    assert_int_equal(made.status, 201);
    (void)snprintf(key, sizeof key, "%s", dm_said_str(&made, "key"));
    assert_string_equal(dm_said_str(&made, "name"), "CI");
    const json_t *mask = json_object_get(made.body, "mask");
    assert_string_equal(dm_json_c(mask, "prefix"), "e2b_");
    assert_int_equal(json_integer_value(json_object_get(mask, "valueLength")), 40);
    assert_memory_equal(dm_json_c(mask, "maskedValuePrefix"), key + 4, 3 - 1);
    assert_string_equal(dm_json_c(mask, "maskedValueSuffix"), key + 40);
    assert_string_equal(dm_json_c(json_object_get(made.body, "createdBy"), "id"), p.id);
    assert_true(json_is_null(json_object_get(made.body, "lastUsed")));

    (void)snprintf(path, sizeof path, "/api-keys/%s", dm_said_str(&made, "id"));
    expect("PATCH", path, "{\"name\":\"CI 2\"}", 200);
    expect("PATCH", path, "{}", 400);
    expect("PATCH", path, "{\"name\":\"a\\nb\"}", 400);
    DM_AUTO_SAID list = ask("GET", "/api-keys", NULL);
    assert_int_equal(list.status, 200);
    assert_int_equal(json_array_size(list.body), 2);
    const json_t *row = json_array_get(list.body, 0);
    assert_string_equal(dm_json_c(row, "name"), "CI 2");
    assert_string_equal(dm_json_c(json_object_get(row, "createdBy"), "email"), "dora@team.test");
    assert_null(strstr(list.text, key));
    assert_true(json_is_null(json_object_get(json_array_get(list.body, 1), "createdBy"))); /* an operator's */

    DM_AUTO_SAID works = dm_rig_call_as(&rig, key, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(works.status, 200);
    expect("DELETE", path, NULL, 204);
    expect("DELETE", path, NULL, 404);
    expect("PATCH", path, "{\"name\":\"x\"}", 404);
    expect("DELETE", "/api-keys/x", NULL, 404);
    DM_AUTO_SAID dead = dm_rig_call_as(&rig, key, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(dead.status, 401);
    expect("POST", "/api-keys", "{\"name\":\"\"}", 400);
    expect("POST", "/api-keys", "{}", 400);
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
        (void)person(email, roles[i].role, roles[i].whole, 16 + i);
        expect("GET", "/api-keys", NULL, roles[i].reads);
        expect("POST", "/api-keys", "{\"name\":\"x\"}", roles[i].makes);
    }
}

/* Another tenant's project is not there, and neither is a key of it. */
static void of_another_tenant(void **state)
{
    (void)state;
    char id[256], path[300];
    (void)person("eve@team.test", "owner", true, 5);
    dm_rig_other(&rig);
    DM_AUTO_SAID named = ask_in("other", "GET", "/api-keys", NULL);
    assert_int_equal(named.status, 404);
    assert_null(strstr(named.text, "other"));
    dm_tenantrig_text(&rig.tenants,
            "SELECT id FROM dm.api_key WHERE project_no ="
            " (SELECT project_no FROM dm.project WHERE slug = 'other')",
            id);
    (void)snprintf(path, sizeof path, "/api-keys/%s", id);
    expect("PATCH", path, "{\"name\":\"mine\"}", 404);
    expect("DELETE", path, NULL, 404);
    DM_AUTO_SAID own = ask_in("demo", "GET", "/api-keys", NULL);
    assert_int_equal(own.status, 200);
    DM_AUTO_SAID theirs = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(theirs.status, 200);
}

static void a_blocked_account_revokes_and_makes_none(void **state)
{
    (void)state;
    char path[96];
    (void)person("fay@team.test", "owner", true, 6);
    DM_AUTO_SAID made = ask("POST", "/api-keys", "{\"name\":\"x\"}");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect("POST", "/api-keys", "{\"name\":\"y\"}", 403);
    (void)snprintf(path, sizeof path, "/api-keys/%s", dm_said_str(&made, "id"));
    expect("DELETE", path, NULL, 204);
}

static void a_project_that_is_full_of_keys(void **state)
{
    (void)state;
    (void)person("gus@team.test", "owner", true, 7);
    dm_rig_sql(&rig, "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask, made_by)"
                     " SELECT account_no, project_no, 'many', sha256(i::text::bytea), 'm', 'person:x' FROM dm.project,"
                     " generate_series(1, 200) i WHERE slug = 'demo'");
    DM_AUTO_SAID said = ask("POST", "/api-keys", "{\"name\":\"x\"}");
    assert_int_equal(said.status, 429);
    assert_string_equal(rule_of(&said), "project.keys_max");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(said.body, "denial"), "limit")), 200);
}

/* --- tokens ------------------------------------------------------------------------------------------------- */

static void a_token_makes_and_ends_another(void **state)
{
    (void)state;
    char path[96], key[64], old[64];
    (void)person("hal@team.test", "developer", true, 8);
    DM_AUTO_SAID made = ask("POST", "/access-tokens", "{\"name\":\"laptop\"}");
    assert_int_equal(made.status, 201);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(made.body, "mask"), "valueLength")), 40);
    assert_string_equal(dm_json_c(json_object_get(made.body, "mask"), "prefix"), "sk_e2b_");
    (void)snprintf(old, sizeof old, "%s", token);
    (void)snprintf(token, sizeof token, "%s", dm_said_str(&made, "token"));
    DM_AUTO_SAID teams = ask("GET", "/teams", NULL);
    assert_int_equal(teams.status, 200);
    (void)snprintf(key, sizeof key, "%s", dm_json_c(json_array_get(teams.body, 0), "apiKey"));
    (void)snprintf(path, sizeof path, "/access-tokens/%s", dm_said_str(&made, "id"));
    expect("DELETE", path, NULL, 204);
    expect("GET", "/teams", NULL, 401);
    DM_AUTO_SAID dead = dm_rig_call_as(&rig, key, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(dead.status, 401); /* what it fetched ends with it */
    (void)snprintf(token, sizeof token, "%s", old);
    expect("DELETE", path, NULL, 404);
    expect("DELETE", "/access-tokens/x", NULL, 404);
    expect("POST", "/access-tokens", "{\"name\":\"\"}", 400);
}

/* --- the command line's own --------------------------------------------------------------------------------- */

/* What stands before and behind a value, as a form. */
static dm_said form(const char *path, const char *before, const char *value, const char *behind)
{
    char body[512];
    const dm_pair headers[] = {{DM_STR("X-Forwarded-For"), DM_STR("192.0.2.78")}};
    (void)snprintf(body, sizeof body, "%s%s%s", before, value, behind);
    return dm_rig_call_on(&rig.table, "POST", path, headers, 1, body);
}

#define GRANT "grant_type=refresh_token&refresh_token="

static void expect_error(const char *before, const char *value, const char *error)
{
    DM_AUTO_SAID said = form("/oauth/token", before, value, "");
    assert_int_equal(said.status, 400);
    assert_string_equal(dm_said_str(&said, "error"), error);
}

static void a_command_line_goes_on_and_signs_out(void **state)
{
    (void)state;
    (void)person("ivy@team.test", "developer", true, 9);
    DM_AUTO_SAID teams = ask("GET", "/teams", NULL);
    const char *key = dm_json_c(json_array_get(teams.body, 0), "apiKey");
    DM_AUTO_SAID said = form("/oauth/token", GRANT, token, "&client_id=e2b%2Dcli");
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "access_token"), token);
    assert_string_equal(dm_said_str(&said, "token_type"), "Bearer");
    assert_string_equal(dm_said_header(&said, "Cache-Control"), "no-store");

    DM_AUTO_SAID other = form("/oauth/revoke", "token=sk_e2b_", "0909090909090909090909090909090909090908", "");
    assert_int_equal(other.status, 200);
    expect("GET", "/teams", NULL, 200);
    DM_AUTO_SAID out = form("/oauth/revoke", "token=", token, "&token_type_hint=refresh_token&client_id=x");
    assert_int_equal(out.status, 200);
    expect("GET", "/teams", NULL, 401);
    DM_AUTO_SAID dead = dm_rig_call_as(&rig, key, "GET", "/sandboxes", NULL, NULL, 0);
    assert_int_equal(dead.status, 401);
    expect_error(GRANT, token, "invalid_grant");
}

static void what_is_no_such_form(void **state)
{
    (void)state;
    (void)person("jim@team.test", "developer", true, 10);
    expect_error("{\"grant_type\":\"refresh_token\"}", "", "invalid_request");
    expect_error(GRANT "%zz", "", "invalid_request");
    expect_error("grant_type=refresh_token&" GRANT, token, "invalid_request");
    expect_error("grant_type=password&refresh_token=", token, "unsupported_grant_type");
    expect_error("grant_type=refresh_token", "", "invalid_grant");
    DM_AUTO_SAID out = form("/oauth/revoke", "token", "", "");
    assert_int_equal(out.status, 400);
    expect("GET", "/teams", NULL, 200);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, NULL, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(teams_come_with_a_key), TEST(nobodys_teams_are_none),
            TEST(neither_a_key_nor_a_wrong_token_opens_it), TEST(wrong_tokens_are_counted),
            TEST(keys_are_made_listed_renamed_and_revoked), TEST(each_role), TEST(of_another_tenant),
            TEST(a_blocked_account_revokes_and_makes_none), TEST(a_project_that_is_full_of_keys),
            TEST(a_token_makes_and_ends_another), TEST(a_command_line_goes_on_and_signs_out),
            TEST(what_is_no_such_form)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
