/* A page's access to one sandbox: who is given it, what it opens at the door, and what ends it. */
/* Covers api/dm/sandbox_access.c, api/door/scoped.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { LIFE_S = 600 };

typedef struct box {
    char id[32], token[80]; /* the agent's own */
} box;

static box make(const char *more)
{
    box b;
    char body[256];
    (void)snprintf(body, sizeof body, "{\"templateID\":\"base\"%s}", more);
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes", body);
    assert_int_equal(made.status, 201);
    (void)snprintf(b.id, sizeof b.id, "%s", dm_said_str(&made, "sandboxID"));
    (void)snprintf(b.token, sizeof b.token, "%s", dm_said_str(&made, "envdAccessToken"));
    return b;
}

static void access_path(const char *id, char path[128])
{
    (void)snprintf(path, 128, "/v1/projects/demo/sandboxes/%s/access", id);
}

static void give(const dm_rig_in *who, const char *id, char token[DM_TOKEN_MAX])
{
    char path[128];
    access_path(id, path);
    DM_AUTO_SAID said = dm_rig_call_in(&rig, who, "POST", path, NULL);
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    (void)snprintf(token, DM_TOKEN_MAX, "%s", dm_said_str(&said, "token"));
    assert_true(strchr(token, '.') != NULL);
}

static dm_said knock(const char *id, const char *port, const char *token)
{
    const dm_pair h[] = {{DM_STR("X-Dm-Sid"), dm_str_c(id)}, {DM_STR("X-Dm-Port"), dm_str_c(port)},
            {DM_STR("X-Dm-Uri"), DM_STR("/files?path=a")}, {DM_STR("X-Dm-Method"), DM_STR("GET")},
            {DM_STR("X-Dm-Host"), DM_STR("host.test:3002")}, {DM_STR("X-Dm-Access-Token"), dm_str_c(token)}};
    return dm_rig_call_as(&rig, "", "GET", "/door", NULL, h, DM_LEN(h));
}

/* It passes, and the agent is shown agent (NULL: what the client showed). */
static void opens(const char *id, const char *port, const char *token, const char *agent)
{
    DM_AUTO_SAID said = knock(id, port, token);
    const char *reason = dm_said_header(&said, "X-Dm-Reason"), *shown = dm_said_header(&said, "X-Dm-Agent-Token");
    if (strcmp(dm_said_header(&said, "X-Dm-Kind"), "pass") != 0)
        fail_msg("refused: %s", reason);
    if (agent == NULL)
        assert_null(shown);
    else
        assert_string_equal(shown != NULL ? shown : "", agent);
}

static void refuses(const char *id, const char *token, const char *reason)
{
    DM_AUTO_SAID said = knock(id, "49983", token);
    assert_string_equal(dm_said_header(&said, "X-Dm-Kind"), "refuse");
    assert_string_equal(dm_said_header(&said, "X-Dm-Reason"), reason);
    assert_null(dm_said_header(&said, "X-Dm-Agent-Token"));
}

/* In the audit: who was let into it, and until when. */
static int64_t lines_of(const char *id)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.audit WHERE verb = 'sandbox.access' AND who LIKE 'person:%%'"
            " AND object = 'sandbox:%s' AND (detail->>'until_s')::bigint > 0",
            id);
    return dm_rig_number(&rig, sql);
}

static void a_page_is_let_in(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make(""), other = make("");
    give(&who, b.id, token);
    opens(b.id, "49983", token, b.token);
    opens(b.id, "49983", b.token, NULL);
    opens(b.id, "8080", token, NULL); /* of what the tenant's servers are shown the door makes nothing */
    refuses(other.id, token, "bad_page");
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'sandbox.access' AND who LIKE 'person:%'"
                                " AND object LIKE 'sandbox:i%' AND (detail->>'until_s')::bigint > 0"),
            1);
}

static void the_answer_says_what_a_client_needs(void **state)
{
    (void)state;
    char path[128];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    access_path(b.id, path);
    DM_AUTO_SAID said = dm_rig_call_in(&rig, &who, "POST", path, NULL);
    assert_int_equal(said.status, 201);
    assert_string_equal(dm_said_str(&said, "sandbox"), b.id);
    assert_true(dm_said_str(&said, "agent_version")[0] != '\0');
    assert_true(dm_said_str(&said, "expires_at")[0] != '\0');
    assert_null(strstr(said.text, b.token));
}

static void who_may_not(void **state)
{
    (void)state;
    char path[128];
    const dm_rig_in viewer = dm_rig_person(&rig, "viewer@a.test", "viewer", false);
    const dm_rig_in stranger = dm_rig_person(&rig, "stranger@a.test", "", false);
    const box b = make("");
    access_path(b.id, path);
    DM_AUTO_SAID seen = dm_rig_call_in(&rig, &viewer, "POST", path, NULL);
    assert_int_equal(seen.status, 403);
    DM_AUTO_SAID unknown = dm_rig_call_in(&rig, &stranger, "POST", path, NULL);
    assert_int_equal(unknown.status, 404);
    DM_AUTO_SAID key = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(key.status, 403);
    assert_int_equal(lines_of(b.id), 0);
}

static void of_what_is_not_there(void **state)
{
    (void)state;
    char path[128];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    (void)snprintf(path, sizeof path, "/sandboxes/%s", b.id);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", path, NULL);
    assert_int_equal(killed.status, 204);
    access_path(b.id, path);
    DM_AUTO_SAID ended = dm_rig_call_in(&rig, &who, "POST", path, NULL);
    assert_int_equal(ended.status, 404);
    access_path("i00000000000000000000", path);
    DM_AUTO_SAID never = dm_rig_call_in(&rig, &who, "POST", path, NULL);
    assert_int_equal(never.status, 404);
    assert_int_equal(lines_of(b.id), 0);
}

static void it_ends_with_its_sandbox(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX], path[128];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    give(&who, b.id, token);
    (void)snprintf(path, sizeof path, "/sandboxes/%s", b.id);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", path, NULL);
    assert_int_equal(killed.status, 204);
    refuses(b.id, token, "not_found");
}

static void it_ends_with_its_session(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX], path[128];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    give(&who, b.id, token);
    (void)snprintf(path, sizeof path, "/v1/auth/sessions/%s", who.session);
    DM_AUTO_SAID ended = dm_rig_call_in(&rig, &who, "DELETE", path, NULL);
    assert_int_equal(ended.status, 204);
    refuses(b.id, token, "late_page");
}

static void it_ends_with_its_right(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    give(&who, b.id, token);
    dm_rig_sql(&rig, "UPDATE dm.member SET role = 'viewer'");
    dm_members_forget(rig.api.members); /* as NOTIFY has it done */
    refuses(b.id, token, "late_page");
    dm_rig_sql(&rig, "DELETE FROM dm.member");
    dm_members_forget(rig.api.members);
    refuses(b.id, token, "late_page");
}

/* As the API would have given it then. */
static void given_ago(const dm_rig_in *who, const char *id, int64_t ago_s, char token[DM_TOKEN_MAX])
{
    dm_clock_fake then;
    dm_clock_fake_init(&then, dm_wall_us(&dm_clock_real) - ago_s * 1000000);
    const dm_signing_config config = {.pool = rig.api.who,
            .master = rig.api.master,
            .clock = &then.base,
            .token_s = 300,
            .access_s = LIFE_S,
            .key_days = 30};
    dm_err err = {0};
    int64_t until_s = 0;
    DM_AUTO(dm_signing) s = NULL;
    assert_int_equal(dm_signing_new(&config, &s, &err), 0);
    if (dm_signing_grant(s, who->session, id, "demo", &until_s, token, &err) < 0)
        fail_msg("%s", err.msg);
}

static void it_ends_by_itself(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    given_ago(&who, b.id, LIFE_S - 30, token);
    opens(b.id, "49983", token, b.token);
    given_ago(&who, b.id, LIFE_S, token);
    refuses(b.id, token, "late_page");
}

/* A session's own token is none, and neither is anything that was changed. */
static void forged_ones_open_nothing(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make("");
    give(&who, b.id, token);
    const char *cookie = strchr(who.cookie, '=');
    refuses(b.id, cookie != NULL ? cookie + 1 : "", "bad_page");
    refuses(b.id, "a.b.c", "bad_page");
    refuses(b.id, ".", "bad_page");
    /* alg none, and nothing behind it */
    refuses(b.id, "eyJhbGciOiJub25lIn0.eyJhdWQiOiJzYW5kYm94In0.", "bad_page");
    for (size_t i = 0; token[i] != '\0'; i += 7) {
        char is = token[i];
        token[i] = is == 'A' ? 'B' : is == '.' ? '_' : 'A';
        DM_AUTO_SAID said = knock(b.id, "49983", token);
        assert_null(dm_said_header(&said, "X-Dm-Agent-Token"));
        token[i] = is;
    }
    opens(b.id, "49983", token, b.token);
}

static void it_wakes_what_the_agents_own_would(void **state)
{
    (void)state;
    char token[DM_TOKEN_MAX], path[128];
    const dm_rig_in who = dm_rig_person(&rig, "dev@a.test", "developer", false);
    const box b = make(",\"autoPause\":true,\"autoResume\":{\"enabled\":true}"), other = make("");
    give(&who, b.id, token);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", b.id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(paused.status, 204);
    char elsewhere[DM_TOKEN_MAX];
    give(&who, other.id, elsewhere);
    refuses(b.id, elsewhere, "bad_page");
    opens(b.id, "49983", token, b.token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(a_page_is_let_in, &rig),
            DM_RIG_TEST(the_answer_says_what_a_client_needs, &rig), DM_RIG_TEST(who_may_not, &rig),
            DM_RIG_TEST(of_what_is_not_there, &rig), DM_RIG_TEST(it_ends_with_its_sandbox, &rig),
            DM_RIG_TEST(it_ends_with_its_session, &rig), DM_RIG_TEST(it_ends_with_its_right, &rig),
            DM_RIG_TEST(it_ends_by_itself, &rig), DM_RIG_TEST(forged_ones_open_nothing, &rig),
            DM_RIG_TEST(it_wakes_what_the_agents_own_would, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
