/* Who may: a right and a standing are two questions, and where a request came from and where its answer may be read are
 * two more. */
/* Covers api/e2b/health.c, tenants/who/right.c. */
#include <stdio.h>

#include "api/kit/api.h"
#include "api/kit/gate.h"
#include "api/listen.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const char *at(const char *id)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "/sandboxes/%s", id);
    return path;
}

static void expect(const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, method, path, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, path, said.status, status, said.text);
}

/* --- rights ------------------------------------------------------------------------------------------------- */

/* The gate for a caller who is all that the demo key says, but that one right is taken from him. */
static dm_right taken;

static int lesser_gate(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_session *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(dm_auth_find(api->auth, dm_str_c(rig.key), &s->caller, err), 0);
    s->caller.rights &= ~(UINT64_C(1) << taken);
    int r = dm_gate_judge(&s->caller, req->route->scope, err);
    if (r == 0)
        req->auth = s;
    else
        free(s);
    return r;
}

static void whoever_may_read_may_not_kill(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    taken = DM_RIGHT_SANDBOX_KILL;
    rig.table.gate = lesser_gate;
    expect("GET", at(id), NULL, 200);
    DM_AUTO_SAID said = dm_rig_call(&rig, "DELETE", at(id), NULL);
    rig.table.gate = dm_api_gate;
    assert_int_equal(said.status, 403);
    assert_string_equal(dm_said_str(&said, "message"), "this needs the right sandbox.kill");
    const json_t *denial = json_object_get(said.body, "denial");
    assert_string_equal(json_string_value(json_object_get(denial, "rule")), "auth.forbidden");
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    expect("DELETE", at(id), NULL, 204);
}

/* Each right of the table is asked for by name, and by no other right. */
static void each_right_is_one(void **state)
{
    (void)state;
    for (unsigned right = DM_RIGHT_NONE + 1; right < DM_RIGHTS; right++) {
        dm_caller c = {.rights = ~(UINT64_C(1) << right)};
        for (unsigned asked = DM_RIGHT_NONE; asked < DM_RIGHTS; asked++) {
            dm_err err = {0};
            int r = dm_gate_judge(&c, DM_SCOPE(asked, DM_STANDING_GOOD), &err);
            assert_int_equal(r, asked == right ? DM_E_DENIED : 0);
            if (asked == right)
                assert_says(err, dm_right_name(right));
        }
        assert_int_equal(dm_right_named(dm_str_c(dm_right_name(right))), right);
    }
    assert_string_equal(dm_right_name(DM_RIGHT_NONE), "");
    assert_string_equal(dm_right_name(DM_RIGHTS), "");
}

/* --- standing ----------------------------------------------------------------------------------------------- */

static void a_blocked_account_may_read_and_kill(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect("GET", at(id), NULL, 200);
    expect("GET", "/v1/statements", NULL, 200);
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(made.status, 403);
    assert_string_equal(dm_said_str(&made, "message"), "team is blocked: unpaid");
    expect("DELETE", at(id), NULL, 204);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox"), 1);
}

/* A route's pattern as a path of the demo project's, or of its account's. */
static const char *of_demo(const char *pattern)
{
    static const char project[] = "/v1/projects/{slug}", account[] = "/v1/accounts/{id}";
    static char path[256];
    if (dm_str_starts(dm_str_c(pattern), dm_str_c(project)))
        (void)snprintf(path, sizeof path, "/v1/projects/demo%s", pattern + sizeof project - 1);
    else if (dm_str_starts(dm_str_c(pattern), dm_str_c(account)))
        (void)snprintf(path, sizeof path, "/v1/accounts/%s%s", rig.tenants.demo.project.account_id,
                pattern + sizeof account - 1);
    else
        (void)snprintf(path, sizeof path, "%s", pattern);
    return path;
}

static void a_banned_account_may_nothing(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = true");
    for (size_t i = 0; i < rig.table.nroutes; i++) {
        const dm_route *route = &rig.table.routes[i];
        if ((route->scope & 0xff) == DM_RIGHT_NONE || (route->scope & DM_SCOPE_BEARER) != 0)
            continue;
        DM_AUTO_SAID said = dm_rig_call(&rig, route->method, of_demo(route->path), route->body_max > 0 ? "{}" : NULL);
        if (said.status != 403 || strcmp(dm_said_str(&said, "message"), "team is banned") != 0)
            fail_msg("%s %s: %d %s", route->method, route->path, said.status, said.text);
    }
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
}

/* --- how often ---------------------------------------------------------------------------------------------- */

static dm_said list_as(const char *key, const char *address)
{
    const dm_pair from = {DM_STR("X-Forwarded-For"), dm_str_c(address)};
    return dm_rig_call_as(&rig, key, "GET", "/v2/sandboxes", NULL, &from, 1);
}

/* Who guesses is told to come later; whoever was here before is served, and so is everybody elsewhere. */
static void wrong_keys_are_counted(void **state)
{
    (void)state;
    char key[64];
    unsigned refused = 0;
    DM_AUTO_SAID met = list_as(NULL, "192.0.2.7");
    assert_int_equal(met.status, 200);
    for (unsigned i = 0; i < 2 * rig.config.wrong_keys_per_min; i++) {
        (void)snprintf(key, sizeof key, "e2b_%040x", i);
        DM_AUTO_SAID said = list_as(key, "192.0.2.7");
        assert_true(said.status == 401 || said.status == 429);
        if (said.status == 401)
            continue;
        const json_t *denial = json_object_get(said.body, "denial");
        assert_true(i >= rig.config.wrong_keys_per_min);
        assert_string_equal(json_string_value(json_object_get(denial, "rule")), "auth.rate");
        int64_t again = json_integer_value(json_object_get(denial, "retry_after_s"));
        assert_in_range(again, 1, 14);
        assert_int_equal(strtol(dm_said_header(&said, "Retry-After"), NULL, 10), again);
        refused++;
    }
    assert_in_range(refused, rig.config.wrong_keys_per_min / 2, rig.config.wrong_keys_per_min);
    DM_AUTO_SAID mine = list_as(NULL, "192.0.2.7");
    assert_int_equal(mine.status, 200);
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(key, sizeof key, "e2b_%040x", i);
        DM_AUTO_SAID other = list_as(key, "192.0.2.8");
        assert_int_equal(other.status, 401);
    }
}

/* A key that was good once is a stranger's when it is so no more. */
static void a_revoked_key_is_a_strangers(void **state)
{
    (void)state;
    unsigned refused = 0;
    expect("GET", "/v2/sandboxes", NULL, 200);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET revoked_at = now()");
    for (unsigned i = 0; i < 60 * rig.config.wrong_keys_per_min && refused == 0; i++) {
        DM_AUTO_SAID said = list_as(NULL, "192.0.2.9");
        refused += said.status == 429;
    }
    dm_rig_sql(&rig, "UPDATE dm.api_key SET revoked_at = NULL");
    assert_int_equal(refused, 1);
}

static void a_project_has_a_rate(void **state)
{
    (void)state;
    dm_clock_fake stands;
    dm_rates *real = rig.api.rates;
    dm_clock_fake_init(&stands, 1800000000000000);
    assert_int_equal(dm_rates_new(&stands.base, &rig.api.rates, NULL), 0);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'request_rate', 2 FROM dm.project WHERE slug = 'demo'");
    for (int i = 0; i < 4; i++) {
        DM_AUTO_SAID ok = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
        char left[8];
        (void)snprintf(left, sizeof left, "%d", 3 - i);
        assert_int_equal(ok.status, 200);
        assert_string_equal(dm_said_header(&ok, "RateLimit-Limit"), "4");
        assert_string_equal(dm_said_header(&ok, "RateLimit-Remaining"), left);
        assert_string_equal(dm_said_header(&ok, "RateLimit-Reset"), i < 2 ? "1" : "2");
    }
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    DM_AUTO_SAID health = dm_rig_call(&rig, "GET", "/health", NULL); /* which is nobody's */
    dm_clock_fake_move(&stands, 500000);
    DM_AUTO_SAID again = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    dm_rates_free(rig.api.rates);
    rig.api.rates = real;
    assert_int_equal(health.status, 200);
    assert_null(dm_said_header(&health, "RateLimit-Limit"));
    assert_int_equal(again.status, 200);
    assert_int_equal(said.status, 429);
    assert_string_equal(dm_said_header(&said, "RateLimit-Remaining"), "0");
    const json_t *denial = json_object_get(said.body, "denial");
    assert_string_equal(json_string_value(json_object_get(denial, "rule")), "request.rate");
    assert_string_equal(dm_said_header(&said, "Retry-After"), "1");
}

/* --- mouths ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    bool local, any_origin;
} ours[] = {{"/health", false, true}, {"/v2/sandboxes", false, true}, {"/v1/statements", false, false},
        {"/v1/keys", false, false}, {"/door", true, true}, {"/door/page", true, true}, {"/metrics", true, false}};

static void what_is_local_is_hidden(void **state)
{
    (void)state;
    const dm_pair forwarded = {DM_STR("X-Forwarded-For"), DM_STR("1.2.3.4")};
    for (size_t i = 0; i < DM_LEN(ours); i++) {
        DM_AUTO_SAID said = dm_rig_call_as(&rig, NULL, "GET", ours[i].path, NULL, &forwarded, 1);
        if ((said.status == 404) != ours[i].local)
            fail_msg("%s from outside: %d", ours[i].path, said.status);
        DM_AUTO_SAID near = dm_rig_call(&rig, "GET", ours[i].path, NULL);
        if (near.status == 404)
            fail_msg("%s from here: %d", ours[i].path, near.status);
    }
}

/* Also an answer that is a refusal; what names no route hides nothing. */
static void whose_pages_may_read_an_answer(void **state)
{
    (void)state;
    static const char allow[] = "Access-Control-Allow-Origin";
    for (size_t i = 0; i < DM_LEN(ours); i++) {
        for (int keyless = 0; keyless < 2; keyless++) {
            DM_AUTO_SAID said = dm_rig_call_as(&rig, keyless ? "" : NULL, "GET", ours[i].path, NULL, NULL, 0);
            const char *origin = dm_said_header(&said, allow);
            if ((origin != NULL) != ours[i].any_origin || (origin != NULL && strcmp(origin, "*") != 0))
                fail_msg("%s: %s", ours[i].path, origin != NULL ? origin : "no origin");
        }
    }
    DM_AUTO_SAID uplink = dm_rig_worker_call(&rig, "/v1/workers/77/beat",
            "{\"boot\":1,\"running\":0,\"asleep\":0,\"pooled\":0,\"free_slots\":1,\"last_frame\":0,\"refusing\":"
            "false}");
    assert_int_equal(uplink.status, 200);
    assert_null(dm_said_header(&uplink, allow));
    DM_AUTO_SAID nowhere = dm_rig_call(&rig, "GET", "/nowhere", NULL);
    assert_int_equal(nowhere.status, 404);
    assert_string_equal(dm_said_header(&nowhere, allow), "*");
}

static void a_preflight_needs_no_key(void **state)
{
    (void)state;
    const dm_pair asks = {DM_STR("Access-Control-Request-Headers"), DM_STR("x-api-key")};
    DM_AUTO_SAID said = dm_rig_call_as(&rig, "", "OPTIONS", "/v2/sandboxes", NULL, &asks, 1);
    assert_int_equal(said.status, 204);
    assert_string_equal(dm_said_header(&said, "Access-Control-Allow-Headers"), "x-api-key");
    assert_non_null(strstr(dm_said_header(&said, "Access-Control-Allow-Methods"), "DELETE"));
    assert_string_equal(dm_said_header(&said, "Access-Control-Max-Age"), "7200");
}

/* --- what the database cannot say --------------------------------------------------------------------------- */

/* What a failure of ours says may name a table: it does not go out. */
static void a_failure_of_ours_keeps_its_words(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "ALTER TABLE dm.statement RENAME TO hidden");
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/statements", NULL);
    dm_rig_sql(&rig, "ALTER TABLE dm.hidden RENAME TO statement");
    assert_int_equal(said.status, 500);
    assert_string_equal(dm_said_str(&said, "message"), "internal server error");
    assert_string_equal(dm_said_str(&said, "error_code"), "internal_server_error");
    assert_null(strstr(said.text, "statement"));
}

/* --- whose a request is ------------------------------------------------------------------------------------- */

static int64_t party;

static int tell_party(dm_req *req, void *ctx, dm_err *err)
{
    (void)err;
    party = dm_api_party(req, ctx);
    return 0;
}

static int64_t party_of(const char *name, const char *value)
{
    static const dm_route routes[] = {{"GET", "/", 0, 0, tell_party}};
    const dm_http_config table = {.routes = routes, .nroutes = 1, .ctx = &rig.api};
    const dm_pair pair = {dm_str_c(name), dm_str_c(value)};
    DM_AUTO(dm_req) req = NULL;
    assert_int_equal(dm_http_call(&table, "GET", "/", &pair, 1, (dm_str){NULL, 0}, &req, NULL), 0);
    return party;
}

/* Of its address, whatever key it shows that nobody knows; of its sandbox, where the front asks about traffic, however
 * the name is spelt out; nobody's from here, and where nothing can be read. */
static void a_request_is_its_addresss_or_its_sandboxs(void **state)
{
    (void)state;
    static const char one[] = "i0123456789abcdefghij", other[] = "i0123456789abcdefghik";
    int64_t here = party_of("X-Forwarded-For", "10.1.2.3"), of_one = party_of("X-Dm-Sid", one);
    assert_true(here > 0 && here == party_of("X-Forwarded-For", "10.1.2.3"));
    assert_true(here != party_of("X-Forwarded-For", "10.1.2.4"));
    assert_true(of_one > 0 && of_one != here && of_one != party_of("X-Dm-Sid", other));
    assert_true(of_one == party_of("X-Dm-Sid", "i0123456789abcdefghij-anything"));
    assert_int_equal(party_of("X-Forwarded-For", "127.0.0.1"), 0);
    assert_int_equal(party_of("X-Dm-Sid", "no-such"), 0);
    assert_int_equal(party_of("X-Other", one), 0);
    dm_http_config config = dm_api_http(&rig.api);
    assert_ptr_equal(config.party, dm_api_party);
    assert_int_equal(config.exec_parts, DM_SHARE);
}

/* With a key that has come before it is its project's, from wherever it comes, so that a project that floods stands
 * behind itself; a key that is nobody's yet, or any more, moves nobody out of his place. */
static void a_request_with_a_key_is_its_projects(void **state)
{
    (void)state;
    static const char never[] = "e2b_0123456789abcdef0123456789abcdef01234567";
    dm_rig_other(&rig);
    assert_int_equal(party_of("X-API-KEY", never), 0);
    DM_AUTO_SAID mine = dm_rig_call(&rig, "GET", "/sandboxes", NULL);
    DM_AUTO_SAID others = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/sandboxes", NULL, NULL, 0);
    DM_AUTO_SAID nobodys = dm_rig_call_as(&rig, never, "GET", "/sandboxes", NULL, NULL, 0);
    assert_true(mine.status == 200 && others.status == 200 && nobodys.status == 401);
    int64_t of_me = party_of("X-API-KEY", rig.key), of_other = party_of("X-API-KEY", DM_RIG_OTHER_KEY);
    assert_true(of_me > 0 && of_me == party_of("X-API-KEY", rig.key));
    assert_true(of_other > 0 && of_other != of_me);
    assert_int_equal(party_of("X-API-KEY", never), 0);
    assert_true(of_me != party_of("X-Forwarded-For", "10.1.2.3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(whoever_may_read_may_not_kill, &rig),
            cmocka_unit_test(each_right_is_one), DM_RIG_TEST(a_blocked_account_may_read_and_kill, &rig),
            DM_RIG_TEST(a_banned_account_may_nothing, &rig), DM_RIG_TEST(wrong_keys_are_counted, &rig),
            DM_RIG_TEST(a_revoked_key_is_a_strangers, &rig), DM_RIG_TEST(a_project_has_a_rate, &rig),
            DM_RIG_TEST(what_is_local_is_hidden, &rig), DM_RIG_TEST(whose_pages_may_read_an_answer, &rig),
            cmocka_unit_test(a_preflight_needs_no_key), DM_RIG_TEST(a_failure_of_ours_keeps_its_words, &rig),
            DM_RIG_TEST(a_request_is_its_addresss_or_its_sandboxs, &rig),
            DM_RIG_TEST(a_request_with_a_key_is_its_projects, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
