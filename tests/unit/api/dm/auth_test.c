/* Signing up, in and out, as the console does it. */
/* Covers api/dm/sign_up.c, api/dm/sign_in.c, api/dm/session.c, api/dm/forget.c, api/dm/password.c, api/dm/totp.c,
 api/dm/prove.c,
 * api/dm/me.c, api/dm/proof.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

#include "tenants/who/attempt.h"
#include "tenants/who/totp.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_clock_fake clock_fake; /* codes are one's own in each step: so time is moved */

/* --- a browser ---------------------------------------------------------------------------------------------- */

typedef struct browser {
    char session[DM_TOKEN_MAX], refresh[256], device[256];
    bool ops;
    const char *address;
} browser;

static void keep(const dm_req *req, const char *name, char *out, size_t cap)
{
    for (size_t i = 0; i < req->reply.nheaders; i++) {
        const char *v = req->reply.headers[i].value;
        size_t n = strlen(name);
        if (strcmp(req->reply.headers[i].name, "Set-Cookie") == 0 && strncmp(v, name, n) == 0 && v[n] == '=')
            (void)snprintf(out, cap, "%.*s", (int)strcspn(v + n + 1, ";"), v + n + 1);
    }
}

static dm_said ask(browser *b, const char *method, const char *target, const char *body)
{
    char cookie[2048];
    const char *session = b->ops ? "dormouse_ops" : "dormouse_session",
               *refresh = b->ops ? "dormouse_ops_refresh" : "dormouse_refresh";
    (void)snprintf(cookie, sizeof cookie, "theme=dark%s%s%s%s%s%s%s%s%s", b->session[0] ? "; " : "",
            b->session[0] ? session : "", b->session[0] ? "=" : "", b->session, b->refresh[0] ? "; " : "",
            b->refresh[0] ? refresh : "", b->refresh[0] ? "=" : "", b->refresh, "");
    if (b->device[0] != '\0')
        (void)snprintf(cookie + strlen(cookie), sizeof cookie - strlen(cookie), "; dormouse_device=%s", b->device);
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")},
            {DM_STR("X-Forwarded-For"), dm_str_c(b->address != NULL ? b->address : "192.0.2.1")},
            {DM_STR("User-Agent"), DM_STR("Mozilla/5.0 (test)")}};
    dm_said said = dm_rig_call_on(&rig.table, method, target, headers, DM_LEN(headers), body);
    keep(said.req, session, b->session, sizeof b->session);
    keep(said.req, refresh, b->refresh, sizeof b->refresh);
    keep(said.req, "dormouse_device", b->device, sizeof b->device);
    return said;
}

static const char *rule_of(const dm_said *s)
{
    const char *rule = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return rule != NULL ? rule : "";
}

#define EXPECT(b, method, target, body, want, rule)                                                                    \
    do {                                                                                                               \
        DM_AUTO_SAID said_ = ask(b, method, target, body);                                                             \
        if (said_.status != (want) || strcmp(rule_of(&said_), rule) != 0)                                              \
            fail_msg("%s %s: %d %s, not %d %s: %s", method, target, said_.status, rule_of(&said_), want, rule,         \
                    said_.text);                                                                                       \
    } while (0)

/* The token in the newest letter to somebody, which is wiped. */
static const char *letter(const char *to, const char *path)
{
    static char token[256];
    char sql[512];
    (void)snprintf(sql, sizeof sql,
            "SELECT coalesce((SELECT substring(body from '/console/%s/([0-9a-f]{64})') FROM dm.mail WHERE recipient = "
            "lower('%s')"
            " ORDER BY mail_no DESC LIMIT 1), '')",
            path, to);
    dm_tenantrig_text(&rig.tenants, sql, token);
    return token;
}

static int64_t letters(void)
{
    return dm_rig_number(&rig, "SELECT count(*) FROM dm.mail");
}

#define PW "correct horse"

static void sign_up(const char *email, const char *password)
{
    browser b = {.ops = false};
    char body[512];
    (void)snprintf(body, sizeof body,
            "{\"email\":\"%s\",\"password\":\"%s\",\"name\":\"Anna\",\"project\":\"My Agents!\"}", email, password);
    DM_AUTO_SAID said = ask(&b, "POST", "/v1/auth/sign-up", body);
    if (said.status != 202)
        fail_msg("%d %s", said.status, said.text);
    assert_string_equal(dm_said_str(&said, "message"), "a letter is on its way to that address");
    assert_string_equal(b.session, "");
}

static browser person(const char *email)
{
    browser b = {.ops = false};
    char body[512];
    sign_up(email, PW);
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"password\":\"" PW "\"}", letter(email, "confirm"));
    EXPECT(&b, "POST", "/v1/auth/confirm", body, 200, "");
    return b;
}

static const char *in_as(const char *email, const char *password)
{
    static char body[512];
    (void)snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    return body;
}

/* Nobody waits. */
static void forgive(void)
{
    dm_rig_sql(&rig, "DELETE FROM dm.attempt");
}

static int clean_people(void **state)
{
    dm_rig_clean(&rig);
    dm_rig_sql(&rig,
            "DELETE FROM dm.quota_use USING dm.account a WHERE a.tier = 'free' AND quota_use.account_no = a.account_no;"
            "DELETE FROM dm.project USING dm.account a WHERE a.tier = 'free' AND project.account_no = a.account_no;"
            "SET session_replication_role = replica;"
            "DELETE FROM dm.account_plan USING dm.account a WHERE a.tier = 'free' AND account_plan.account_no = "
            "a.account_no;"
            "DELETE FROM dm.account WHERE tier = 'free'");
    (void)state;
    return 0;
}
#define PEOPLE_TEST(test) cmocka_unit_test_teardown(test, clean_people)

/* --- up ----------------------------------------------------------------------------------------------------- */

static void sign_up_confirm_me(void **state)
{
    (void)state;
    browser b = person("Anna@X.Test"), nobody = {.ops = false};
    DM_AUTO_SAID me = ask(&b, "GET", "/v1/me", NULL);
    assert_int_equal(me.status, 200);
    const json_t *user = json_object_get(me.body, "user"),
                 *project = json_array_get(json_object_get(me.body, "projects"), 0),
                 *account = json_array_get(json_object_get(me.body, "accounts"), 0),
                 *deployment = json_object_get(me.body, "deployment");
    assert_string_equal(dm_json_c(user, "email"), "anna@x.test");
    assert_string_equal(dm_json_c(project, "slug"), "my-agents");
    assert_string_equal(dm_json_c(project, "name"), "My Agents!");
    assert_string_equal(json_string_value(json_array_get(json_object_get(project, "roles"), 0)), "owner");
    assert_string_equal(dm_json_c(account, "tier"), "free");
    assert_string_equal(dm_json_c(account, "id"), dm_json_c(project, "account"));
    assert_true(json_is_null(json_object_get(me.body, "operator")));
    assert_true(json_is_null(json_object_get(me.body, "impersonation")));
    assert_string_equal(dm_json_c(deployment, "api_url"), "http://c.test:3000");
    assert_true(json_is_null(json_object_get(deployment, "sandbox_url")));
    assert_string_equal(dm_json_c(deployment, "region"), "local");
    assert_int_equal(json_integer_value(json_object_get(deployment, "period_s")), 60);
    EXPECT(&b, "GET", "/v1/projects/my-agents/limits", NULL, 200, "");
    EXPECT(&nobody, "GET", "/v1/me", NULL, 401, "auth.key");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'account.sign_up'"), 1);
    /* Another one of that name gets another slug. */
    browser c = person("ben@x.test");
    DM_AUTO_SAID his = ask(&c, "GET", "/v1/me", NULL);
    const char *slug = dm_json_c(json_array_get(json_object_get(his.body, "projects"), 0), "slug");
    assert_int_equal(strncmp(slug, "my-agents-", 10), 0);
    assert_int_equal(json_array_size(json_object_get(his.body, "projects")), 1);
}

/* The same answer, a letter to the owner (one an hour), and nothing of his is touched. */
static void a_known_address_signs_up_again(void **state)
{
    (void)state;
    browser b = person("anna@x.test");
    int64_t before = letters();
    sign_up("anna@x.test", "another horse");
    sign_up("ANNA@x.test", "another horse");
    assert_int_equal(letters(), before + 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.person"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.account WHERE tier = 'free'"), 1);
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "another horse"), 401, "auth.credentials");
}

static void what_cannot_sign_up(void **state)
{
    (void)state;
    browser b = {.ops = false};
    static const char *const bad[] = {"{}", "{\"email\":\"x\",\"password\":\"" PW "\",\"name\":\"A\"}",
            "{\"email\":\"a@b\",\"password\":\"short\",\"name\":\"A\"}", "{\"email\":\"a@b\",\"password\":\"" PW "\"}",
            "{\"email\":\"a@b\",\"password\":\"" PW "\",\"name\":\"\"}"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        EXPECT(&b, "POST", "/v1/auth/sign-up", bad[i], 400, "request.invalid");
    char *was = rig.config.sign_up;
    static const char good[] = "{\"email\":\"a@b\",\"password\":\"" PW "\",\"name\":\"A\"}",
                      guess[] = "{\"email\":\"a@b\",\"password\":\"" PW "\",\"name\":\"A\",\"invitation\":\"x\"}";
    char invited[] = "invited", closed[] = "closed";
    rig.config.sign_up = invited;
    EXPECT(&b, "POST", "/v1/auth/sign-up", good, 403, "auth.sign_up");
    EXPECT(&b, "POST", "/v1/auth/sign-up", guess, 202, "");
    rig.config.sign_up = closed;
    EXPECT(&b, "POST", "/v1/auth/sign-up", guess, 403, "auth.sign_up");
    rig.config.sign_up = was;
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.person"), 0);
}

/* To that address alone, once; he is what he was invited to be and has no account of his own. */
static void by_invitation(void **state)
{
    (void)state;
    browser b = {.ops = false};
    char of[256], path[128], token[256], body[256];
    const dm_rig_in own = dm_rig_person(&rig, "own@x.test", "owner", true);
    dm_tenantrig_text(&rig.tenants,
            "SELECT a.id FROM dm.account a JOIN dm.project p USING (account_no) WHERE p.slug = 'demo'", of);
    (void)snprintf(path, sizeof path, "/v1/accounts/%.40s/invitations", of);
    DM_AUTO_SAID made = dm_rig_call_in(&rig, &own, "POST", path, "{\"email\":\"anna@x.test\",\"role\":\"billing\"}");
    assert_int_equal(made.status, 201);
    dm_tenantrig_text(&rig.tenants,
            "SELECT substring(body FROM '/invite/([0-9a-f]{40})') FROM dm.mail ORDER BY mail_no DESC LIMIT 1", token);
    static const char ask_with[] =
            "{\"email\":\"%s@x.test\",\"password\":\"" PW "\",\"name\":\"A\",\"invitation\":\"%.64s\"}";
    (void)snprintf(body, sizeof body, ask_with, "eve", token);
    EXPECT(&b, "POST", "/v1/auth/sign-up", body, 202, "");
    (void)snprintf(body, sizeof body, ask_with, "anna", "no link");
    EXPECT(&b, "POST", "/v1/auth/sign-up", body, 202, "");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.person"), 1);
    (void)snprintf(body, sizeof body, ask_with, "anna", token);
    EXPECT(&b, "POST", "/v1/auth/sign-up", body, 202, "");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    DM_AUTO_SAID me = ask(&b, "GET", "/v1/me", NULL);
    const json_t *account = json_array_get(json_object_get(me.body, "accounts"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(account, "roles"), 0)), "billing");
    assert_int_equal(json_array_size(json_object_get(me.body, "accounts")), 1);
}

/* Whoever follows the link of what another has signed up in his name cannot open it with a password of his own. */
static void confirming_wants_the_password(void **state)
{
    (void)state;
    browser b = {.ops = false};
    char body[256], token[128];
    sign_up("anna@x.test", PW);
    (void)snprintf(token, sizeof token, "%s", letter("anna@x.test", "confirm"));
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 401, "auth.credentials"); /* not confirmed */
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"password\":\"another horse\"}", token);
    EXPECT(&b, "POST", "/v1/auth/confirm", body, 401, "auth.credentials");
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"password\":\"" PW "\"}", token);
    EXPECT(&b, "POST", "/v1/auth/confirm", body, 200, "");
    EXPECT(&b, "POST", "/v1/auth/confirm", body, 400, "auth.link");
    EXPECT(&b, "POST", "/v1/auth/confirm", "{\"token\":\"x\",\"password\":\"" PW "\"}", 400, "auth.link");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
}

/* --- in and out --------------------------------------------------------------------------------------------- */

static void in_and_out(void **state)
{
    (void)state;
    browser b = person("anna@x.test"), other = {.ops = false};
    EXPECT(&other, "POST", "/v1/auth/sign-in", in_as("Anna@x.test", PW), 200, "");
    EXPECT(&other, "GET", "/v1/me", NULL, 200, "");
    browser thief = other;
    EXPECT(&other, "POST", "/v1/auth/sign-out", NULL, 204, "");
    assert_string_equal(other.session, "");
    assert_string_equal(other.refresh, "");
    EXPECT(&thief, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&thief, "POST", "/v1/auth/refresh", NULL, 401, "auth.session");
    EXPECT(&other, "POST", "/v1/auth/sign-out", NULL, 204, ""); /* once more is no fault */
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
}

static void wrong_ones_look_alike(void **state)
{
    (void)state;
    browser b = person("anna@x.test"), c = {.ops = false};
    DM_AUTO_SAID wrong = ask(&c, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "wrong horse"));
    DM_AUTO_SAID unknown = ask(&c, "POST", "/v1/auth/sign-in", in_as("nobody@x.test", "wrong horse"));
    assert_int_equal(wrong.status, 401);
    assert_string_equal(wrong.text, unknown.text);
    assert_int_equal(wrong.req->reply.nheaders, unknown.req->reply.nheaders);
    EXPECT(&c, "POST", "/v1/auth/sign-in", in_as("no address", PW), 400, "request.invalid");
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
}

static void another_page_signs_nobody_in(void **state)
{
    (void)state;
    browser b = person("anna@x.test");
    static const char *const posts[] = {"/v1/auth/sign-in", "/v1/auth/refresh", "/v1/auth/sign-out", "/v1/auth/sign-up",
            "/v1/auth/reset", "/v1/auth/second", "/v1/auth/confirm", "/v1/auth/reset/confirm"};
    for (size_t i = 0; i < DM_LEN(posts); i++) {
        const dm_pair site = {DM_STR("Sec-Fetch-Site"), DM_STR("same-site")};
        bool empty = strstr(posts[i], "refresh") != NULL || strstr(posts[i], "sign-out") != NULL;
        DM_AUTO_SAID said =
                dm_rig_call_on(&rig.table, "POST", posts[i], &site, 1, empty ? NULL : in_as("anna@x.test", PW));
        assert_int_equal(said.status, 403);
        assert_string_equal(rule_of(&said), "auth.csrf");
    }
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
}

/* --- turns -------------------------------------------------------------------------------------------------- */

static void a_reuse_ends_the_family(void **state)
{
    (void)state;
    browser b = person("anna@x.test"), thief = b, elsewhere = {.ops = false};
    EXPECT(&elsewhere, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&b, "POST", "/v1/auth/refresh", NULL, 204, "");
    assert_string_not_equal(b.refresh, thief.refresh);
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&thief, "POST", "/v1/auth/refresh", NULL, 401, "auth.session");
    EXPECT(&b, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&b, "POST", "/v1/auth/refresh", NULL, 401, "auth.session");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.session WHERE ended_why = 'reused'"), 1);
    EXPECT(&elsewhere, "GET", "/v1/me", NULL, 200, ""); /* another sign-in is another family */
}

static void a_forgery_changes_nothing(void **state)
{
    (void)state;
    browser b = person("anna@x.test"), forger = b;
    char *last = &forger.refresh[strlen(forger.refresh) - 1];
    *last = *last == '0' ? '1' : '0';
    EXPECT(&forger, "POST", "/v1/auth/refresh", NULL, 401, "auth.session");
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&b, "POST", "/v1/auth/refresh", NULL, 204, "");
}

static void sessions_are_seen_and_ended(void **state)
{
    (void)state;
    browser a = person("anna@x.test"), b = {.ops = false}, eve = person("eve@x.test");
    char path[128];
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    DM_AUTO_SAID list = ask(&a, "GET", "/v1/auth/sessions", NULL);
    const json_t *rows = json_object_get(list.body, "rows"), *row;
    const char *other = NULL;
    size_t i, here = 0;
    assert_int_equal(json_array_size(rows), 2);
    json_array_foreach(rows, i, row)
    {
        if (json_is_true(json_object_get(row, "current")))
            here++;
        else
            other = dm_json_c(row, "id");
        assert_string_equal(dm_json_c(row, "agent"), "Mozilla/5.0 (test)");
        assert_string_equal(dm_json_c(row, "address"), "192.0.2.1");
    }
    assert_int_equal(here, 1);
    (void)snprintf(path, sizeof path, "/v1/auth/sessions/%s", other);
    EXPECT(&eve, "DELETE", path, NULL, 404, "request.unknown");
    EXPECT(&a, "DELETE", path, NULL, 204, "");
    EXPECT(&a, "DELETE", path, NULL, 404, "request.unknown");
    EXPECT(&a, "DELETE", "/v1/auth/sessions/x", NULL, 404, "request.unknown");
    EXPECT(&b, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&a, "POST", "/v1/auth/sign-out-everywhere", NULL, 204, "");
    EXPECT(&b, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&eve, "GET", "/v1/me", NULL, 200, "");
}

/* --- passwords ---------------------------------------------------------------------------------------------- */

static void another_password(void **state)
{
    (void)state;
    browser a = person("anna@x.test"), b = {.ops = false};
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&a, "POST", "/v1/auth/password", "{\"old\":\"wrong horse\",\"new\":\"another horse\"}", 401,
            "auth.credentials");
    EXPECT(&a, "POST", "/v1/auth/password", "{\"old\":\"" PW "\",\"new\":\"short\"}", 400, "request.invalid");
    EXPECT(&a, "POST", "/v1/auth/password", "{\"old\":\"" PW "\",\"new\":\"" PW "\"}", 400, "request.invalid");
    EXPECT(&a, "POST", "/v1/auth/password", "{\"old\":\"" PW "\",\"new\":\"another horse\"}", 204, "");
    EXPECT(&a, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&b, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 401, "auth.credentials");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "another horse"), 200, "");
}

static void a_lost_password(void **state)
{
    (void)state;
    browser a = person("anna@x.test"), b = {.ops = false};
    char body[256];
    int64_t before = letters();
    DM_AUTO_SAID known = ask(&b, "POST", "/v1/auth/reset", "{\"email\":\"anna@x.test\"}");
    DM_AUTO_SAID unknown = ask(&b, "POST", "/v1/auth/reset", "{\"email\":\"nobody@x.test\"}");
    assert_int_equal(known.status, 202);
    assert_string_equal(known.text, unknown.text);
    assert_int_equal(letters(), before + 1);
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"password\":\"short\"}", letter("anna@x.test", "reset"));
    EXPECT(&b, "POST", "/v1/auth/reset/confirm", body, 400, "request.invalid");
    (void)snprintf(
            body, sizeof body, "{\"token\":\"%s\",\"password\":\"another horse\"}", letter("anna@x.test", "reset"));
    EXPECT(&b, "POST", "/v1/auth/reset/confirm", body, 204, "");
    assert_string_equal(b.session, "");
    EXPECT(&b, "POST", "/v1/auth/reset/confirm", body, 400, "auth.link");
    EXPECT(&a, "GET", "/v1/me", NULL, 401, "auth.session");
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "another horse"), 200, "");
    /* Past its time it works no more. */
    EXPECT(&b, "POST", "/v1/auth/reset", "{\"email\":\"anna@x.test\"}", 202, "");
    dm_rig_sql(&rig, "UPDATE dm.person_link SET expires_at = now()");
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"password\":\"" PW "\"}", letter("anna@x.test", "reset"));
    EXPECT(&b, "POST", "/v1/auth/reset/confirm", body, 400, "auth.link");
}

/* A letter's commit waits for the disk, which is some milliseconds that tell: so nobody's writes, too. */
static void nobodys_letter_is_a_commit_too(void **state)
{
    (void)state;
    static const char rows[] = "SELECT count(*) FROM dm.attempt";
    browser b = {.ops = false};
    EXPECT(&b, "POST", "/v1/auth/reset", "{\"email\":\"nobody@x.test\"}", 202, "");
    int64_t counted = dm_rig_number(&rig, rows), sent = letters();
    EXPECT(&b, "POST", "/v1/auth/reset", "{\"email\":\"nobody@x.test\"}", 202, "");
    assert_int_equal(dm_rig_number(&rig, rows), counted + 1);
    assert_int_equal(letters(), sent);
}

/* What settings ask for is what the next right sign-in makes of it. */
static void a_hash_of_before_is_renewed(void **state)
{
    (void)state;
    browser a = person("anna@x.test");
    rig.config.password_passes = 2;
    EXPECT(&a, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "wrong horse"), 401, "auth.credentials");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.person WHERE password LIKE '%,t=1,%'"), 1);
    EXPECT(&a, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    rig.config.password_passes = 1;
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.person WHERE password LIKE '%,t=2,%'"), 1);
    EXPECT(&a, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
}

/* --- how often ---------------------------------------------------------------------------------------------- */

/* Strangers are held up, he on his own device is not, and a letter helps him on a new one. */
static void strangers_lock_nobody_out(void **state)
{
    (void)state;
    browser mine = person("anna@x.test"), stranger = {.address = "198.51.100.7"}, fresh = {.address = "203.0.113.9"};
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        DM_AUTO_SAID said = ask(&stranger, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "wrong horse"));
        if (said.status == 429) {
            refused++;
            assert_string_equal(rule_of(&said), "auth.wait");
            assert_in_range(strtol(dm_said_header(&said, "Retry-After"), NULL, 10), 1, 900);
        } else {
            assert_int_equal(said.status, 401);
        }
    }
    assert_in_range(refused, 40, 55);
    dm_rig_sql(&rig, "UPDATE dm.attempt SET next_at = now() + interval '10 minutes' WHERE next_at > last_at");
    EXPECT(&mine, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&fresh, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 429, "auth.wait");
    char body[256];
    EXPECT(&fresh, "POST", "/v1/auth/reset", "{\"email\":\"anna@x.test\"}", 202, "");
    (void)snprintf(
            body, sizeof body, "{\"token\":\"%s\",\"password\":\"another horse\"}", letter("anna@x.test", "reset"));
    EXPECT(&fresh, "POST", "/v1/auth/reset/confirm", body, 204, "");
    EXPECT(&fresh, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "another horse"), 200, "");
    /* A device is counted too, by itself; another's is none of this one's. */
    browser stolen = {.address = "198.51.100.7"};
    memcpy(stolen.device, mine.device, sizeof stolen.device);
    refused = 0;
    for (int i = 0; i < 20; i++) {
        DM_AUTO_SAID said = ask(&stolen, "POST", "/v1/auth/sign-in", in_as("anna@x.test", "wrong horse"));
        refused += said.status == 429;
    }
    assert_in_range(refused, 5, 15);
    int64_t counted = dm_rig_number(&rig, "SELECT count(*) FROM dm.attempt");
    EXPECT(&stolen, "POST", "/v1/auth/sign-in", in_as("ben@x.test", "wrong horse"), 401, "auth.credentials");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.attempt"), counted + 1); /* as a stranger to Ben */
}

/* --- the second factor -------------------------------------------------------------------------------------- */

/* The code that an app shows, from the secret as it is stored. */
static const char *code_now(const char *table)
{
    static char code[8];
    char sql[200], hex[256];
    (void)snprintf(sql, sizeof sql,
            "SELECT encode(totp_sealed, 'hex') || ' ' || id FROM dm.%s WHERE totp_sealed IS NOT NULL", table);
    dm_tenantrig_text(&rig.tenants, sql, hex);
    uint8_t raw[80];
    char bound[64], *id = strchr(hex, ' ') + 1;
    size_t n = (size_t)(id - hex - 1) / 2;
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, DM_TOTP_SECRET);
    assert_int_equal(dm_parse_hex((dm_str){hex, 2 * n}, raw, n, NULL), 0);
    (void)snprintf(bound, sizeof bound, "%s:totp:%s", table, id);
    assert_int_equal(dm_secret_open_as(rig.api.master, bound, (dm_str){(const char *)raw, n}, &plain, NULL), 0);
    assert_int_equal(dm_totp_code((const uint8_t *)plain.p, dm_wall_us(&clock_fake.base) / 30000000, code, NULL), 0);
    return code;
}

static void next_step(void)
{
    dm_clock_fake_move(&clock_fake, 30000000);
}

static void second_factor(void **state)
{
    (void)state;
    browser a = person("anna@x.test"), b = {.ops = false};
    char body[1024], ticket[600], code[8], recovery[32];
    EXPECT(&a, "POST", "/v1/auth/totp/confirm", "{\"code\":\"123456\"}", 409, "request.refused");
    EXPECT(&a, "POST", "/v1/auth/totp", "{\"password\":\"wrong horse\"}", 401, "auth.credentials");
    DM_AUTO_SAID set = ask(&a, "POST", "/v1/auth/totp", "{\"password\":\"" PW "\"}");
    assert_int_equal(set.status, 200);
    assert_int_equal(strlen(dm_said_str(&set, "secret")), 32);
    assert_non_null(strstr(dm_said_str(&set, "uri"), "otpauth://totp/Dormouse:anna@x.test?secret="));
    /* Not before it is confirmed. */
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&a, "POST", "/v1/auth/totp/confirm", "{\"code\":\"abcdef\"}", 401, "auth.code");
    (void)snprintf(body, sizeof body, "{\"code\":\"%s\"}", code_now("person"));
    DM_AUTO_SAID on = ask(&a, "POST", "/v1/auth/totp/confirm", body);
    assert_int_equal(on.status, 200);
    const json_t *codes = json_object_get(on.body, "recovery_codes");
    assert_int_equal(json_array_size(codes), DM_RECOVERY_CODES);
    (void)snprintf(recovery, sizeof recovery, "%s", json_string_value(json_array_get(codes, 3)));
    EXPECT(&a, "POST", "/v1/auth/totp", "{\"password\":\"" PW "\"}", 409, "request.refused");
    /* The password alone opens nothing from now on. */
    memset(&b, 0, sizeof b);
    DM_AUTO_SAID first = ask(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW));
    assert_int_equal(first.status, 200);
    assert_string_equal(b.session, "");
    (void)snprintf(ticket, sizeof ticket, "%s", dm_said_str(&first, "ticket"));
    (void)snprintf(code, sizeof code, "%s", code_now("person"));
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"%s\"}", ticket, code);
    EXPECT(&b, "POST", "/v1/auth/second", body, 401, "auth.code"); /* it was used to confirm */
    next_step();
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"%s\"}", ticket, code_now("person"));
    EXPECT(&b, "POST", "/v1/auth/second", body, 200, "");
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
    EXPECT(&b, "POST", "/v1/auth/second", body, 401, "auth.code");
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"recovery\":\"%s\"}", ticket, recovery);
    EXPECT(&b, "POST", "/v1/auth/second", body, 200, "");
    EXPECT(&b, "POST", "/v1/auth/second", body, 401, "auth.code"); /* a recovery code is good once */
    /* A ticket is for what was shown: not after five minutes, another password, or of another kind. */
    forgive();
    ticket[10] ^= 1;
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"123456\"}", ticket);
    EXPECT(&b, "POST", "/v1/auth/second", body, 401, "auth.credentials");
    ticket[10] ^= 1;
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"%s\"}", ticket, code_now("person"));
    EXPECT(&b, "POST", "/v1/ops/auth/second", body, 401, "auth.credentials");
    dm_clock_fake_move(&clock_fake, 300000000);
    EXPECT(&b, "POST", "/v1/auth/second", body, 401, "auth.credentials");
    /* And without it again. */
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&a, "POST", "/v1/auth/refresh", NULL, 204, "");
    EXPECT(&a, "POST", "/v1/auth/totp/remove", "{\"password\":\"" PW "\"}", 204, "");
    memset(&b, 0, sizeof b);
    EXPECT(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW), 200, "");
    EXPECT(&b, "GET", "/v1/me", NULL, 200, "");
}

/* A million codes are too many to try. */
static void codes_cannot_be_guessed(void **state)
{
    (void)state;
    browser a = person("anna@x.test"), b = {.ops = false};
    char body[1024];
    EXPECT(&a, "POST", "/v1/auth/totp", "{\"password\":\"" PW "\"}", 200, "");
    (void)snprintf(body, sizeof body, "{\"code\":\"%s\"}", code_now("person"));
    EXPECT(&a, "POST", "/v1/auth/totp/confirm", body, 200, "");
    DM_AUTO_SAID first = ask(&b, "POST", "/v1/auth/sign-in", in_as("anna@x.test", PW));
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"x\"}", dm_said_str(&first, "ticket"));
    int waits = 0;
    for (int i = 0; i < 40; i++) {
        DM_AUTO_SAID said = ask(&b, "POST", "/v1/auth/second", body);
        waits += said.status == 429;
    }
    assert_in_range(waits, 25, 35);
}

/* --- operators ---------------------------------------------------------------------------------------------- */

/* A one-time password opens nothing but the way to a password and a second factor. */
/* Her password is hers, her second factor made; its step is used up. */
static browser first_sign_in(void)
{
    browser o = {.ops = true};
    char body[1024], encoded[DM_PASSWORD_TEXT], sql[512];
    const dm_password_cost cost = dm_api_password_cost(&rig.api);
    assert_int_equal(dm_password_hash(&cost, DM_STR("one-time password"), encoded, NULL), 0);
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.operator (email, name, password) VALUES ('olga@ops.test', 'olga', '%s')", encoded);
    dm_rig_sql(&rig, sql);
    DM_AUTO_SAID in = ask(&o, "POST", "/v1/ops/auth/sign-in", in_as("olga@ops.test", "one-time password"));
    assert_int_equal(in.status, 200);
    assert_true(json_is_true(json_object_get(in.body, "must_change_password")));
    EXPECT(&o, "GET", "/v1/ops/me", NULL, 200, "");
    EXPECT(&o, "GET", "/v1/me", NULL, 401, "auth.key");
    EXPECT(&o, "POST", "/v1/ops/auth/prove", "{\"code\":\"123456\"}", 409, "request.refused");
    EXPECT(&o, "POST", "/v1/ops/auth/password", "{\"old\":\"one-time password\",\"new\":\"a better one\"}", 204, "");
    EXPECT(&o, "POST", "/v1/ops/auth/totp", "{\"password\":\"a better one\"}", 200, "");
    (void)snprintf(body, sizeof body, "{\"code\":\"%s\"}", code_now("operator"));
    EXPECT(&o, "POST", "/v1/ops/auth/totp/confirm", body, 200, "");
    return o;
}

static void an_operators_first_sign_in(void **state)
{
    (void)state;
    char body[1024];
    browser p = {.ops = false}, o = first_sign_in();
    EXPECT(&p, "POST", "/v1/auth/sign-in", in_as("olga@ops.test", "a better one"), 401, "auth.credentials");
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.operator WHERE NOT one_time AND totp_from IS NOT NULL"), 1);
    next_step();
    browser again = {.ops = true};
    DM_AUTO_SAID first = ask(&again, "POST", "/v1/ops/auth/sign-in", in_as("olga@ops.test", "a better one"));
    assert_string_equal(again.session, "");
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"%s\"}", dm_said_str(&first, "ticket"),
            code_now("operator"));
    EXPECT(&again, "POST", "/v1/ops/auth/second", body, 200, "");
    EXPECT(&again, "POST", "/v1/ops/auth/refresh", NULL, 204, "");
    EXPECT(&again, "GET", "/v1/ops/me", NULL, 200, "");
    DM_AUTO_SAID list = ask(&again, "GET", "/v1/ops/auth/sessions", NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 2);
    EXPECT(&again, "POST", "/v1/ops/auth/sign-out-everywhere", NULL, 204, "");
    EXPECT(&o, "GET", "/v1/ops/me", NULL, 401, "auth.session");
    /* An operator's long cookie refreshes no person. */
    EXPECT(&o, "POST", "/v1/ops/auth/refresh", NULL, 401, "auth.session");
}

/* --- once more ---------------------------------------------------------------------------------------------- */

static char suspend_path[160];

static void ago(const char *how_long)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql, "UPDATE dm.session SET proven_at = now() - interval '%s'", how_long);
    dm_rig_sql(&rig, sql);
}

static void is_proven_until(browser *o, bool proven)
{
    DM_AUTO_SAID me = ask(o, "GET", "/v1/ops/me", NULL);
    assert_int_equal(json_is_string(json_object_get(me.body, "proven_until")), proven);
}

/* What is about money asks for a factor that was shown within ten minutes, and for nothing else does. */
static void money_asks_for_it_once_more(void **state)
{
    (void)state;
    static const char suspend[] = "{\"reason\":\"unpaid\"}";
    char body[200], target[160];
    browser o = first_sign_in();
    (void)snprintf(
            suspend_path, sizeof suspend_path, "/v1/ops/accounts/%s/suspend", rig.tenants.demo.project.account_id);
    is_proven_until(&o, true); /* by the code that made it hers */
    EXPECT(&o, "POST", suspend_path, suspend, 200, "");
    ago("9 minutes 50 seconds");
    EXPECT(&o, "POST", suspend_path, suspend, 200, "");
    ago("10 minutes");
    is_proven_until(&o, false);
    static const char *const acts[] = {"suspend", "unsuspend", "tier"};
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        (void)snprintf(target, sizeof target, "/v1/ops/accounts/%s/%s", rig.tenants.demo.project.account_id, acts[i]);
        EXPECT(&o, "POST", target, "{\"tier\":\"enterprise\",\"reason\":\"x\"}", 403, "proof.needed");
    }
    (void)snprintf(target, sizeof target, "/v1/ops/accounts/%s/limits", rig.tenants.demo.project.account_id);
    EXPECT(&o, "POST", target, "{\"name\":\"spend_cap_micros\",\"limit\":1,\"reason\":\"x\"}", 403, "proof.needed");
    EXPECT(&o, "POST", target, "{\"name\":\"running_max\",\"limit\":9,\"reason\":\"x\"}", 200, "");
    dm_rig_sql(&rig, "UPDATE dm.session SET proven_at = NULL");
    EXPECT(&o, "POST", suspend_path, suspend, 403, "proof.needed");
    /* Shown again: by a code that is new, or by one on paper. */
    (void)snprintf(body, sizeof body, "{\"code\":\"%s\"}", code_now("operator"));
    EXPECT(&o, "POST", "/v1/ops/auth/prove", body, 401, "auth.code"); /* it was used */
    EXPECT(&o, "POST", "/v1/ops/auth/prove", "{}", 400, "request.invalid");
    next_step();
    (void)snprintf(body, sizeof body, "{\"code\":\"%s\"}", code_now("operator"));
    EXPECT(&o, "POST", "/v1/ops/auth/prove", body, 200, "");
    is_proven_until(&o, true);
    EXPECT(&o, "POST", suspend_path, suspend, 200, "");
    EXPECT(&o, "POST", target, "{\"name\":\"spend_cap_micros\",\"limit\":1,\"reason\":\"x\"}", 200, "");
}

/* Guesses are counted with those of the sign-in, whichever the door. */
static void guesses_are_counted_as_at_the_sign_in(void **state)
{
    (void)state;
    browser o = first_sign_in(), again = {.ops = true};
    char body[1024];
    next_step();
    for (int i = 0; i < DM_ATTEMPT_FREE; i++)
        EXPECT(&o, "POST", "/v1/ops/auth/prove", "{\"recovery\":\"ABCD-EFGH-IJKL-MNOP\"}", 401, "auth.code");
    EXPECT(&o, "POST", "/v1/ops/auth/prove", "{\"recovery\":\"ABCD-EFGH-IJKL-MNOP\"}", 429, "auth.wait");
    dm_rig_sql(&rig, "UPDATE dm.attempt SET next_at = now() + interval '1 minute' WHERE next_at > now()");
    DM_AUTO_SAID first = ask(&again, "POST", "/v1/ops/auth/sign-in", in_as("olga@ops.test", "a better one"));
    (void)snprintf(body, sizeof body, "{\"ticket\":\"%s\",\"code\":\"%s\"}", dm_said_str(&first, "ticket"),
            code_now("operator"));
    EXPECT(&again, "POST", "/v1/ops/auth/second", body, 429, "auth.wait");
}

int main(void)
{
    const struct CMUnitTest tests[] = {PEOPLE_TEST(sign_up_confirm_me), PEOPLE_TEST(a_known_address_signs_up_again),
            PEOPLE_TEST(what_cannot_sign_up), PEOPLE_TEST(by_invitation), PEOPLE_TEST(confirming_wants_the_password),
            PEOPLE_TEST(in_and_out), PEOPLE_TEST(wrong_ones_look_alike), PEOPLE_TEST(another_page_signs_nobody_in),
            PEOPLE_TEST(a_reuse_ends_the_family), PEOPLE_TEST(a_forgery_changes_nothing),
            PEOPLE_TEST(sessions_are_seen_and_ended), PEOPLE_TEST(another_password), PEOPLE_TEST(a_lost_password),
            PEOPLE_TEST(nobodys_letter_is_a_commit_too), PEOPLE_TEST(a_hash_of_before_is_renewed),
            PEOPLE_TEST(strangers_lock_nobody_out), PEOPLE_TEST(second_factor), PEOPLE_TEST(codes_cannot_be_guessed),
            PEOPLE_TEST(an_operators_first_sign_in), PEOPLE_TEST(money_asks_for_it_once_more),
            PEOPLE_TEST(guesses_are_counted_as_at_the_sign_in)};
    dm_rig_start(&rig, 0);
    dm_clock_fake_init(&clock_fake, dm_wall_us(&dm_clock_real));
    rig.api.clock = &clock_fake.base;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
