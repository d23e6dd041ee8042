/* Who somebody is by his cookie: where a path names a project or an account he is what he is there, below /v1/ops an
 * operator is one, and nowhere else is a cookie worth anything. */
/* Covers api/kit/gate.c, tenants/who/member.c. */
#include <stdio.h>

#include "api/kit/cookie.h"
#include "api/kit/gate.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_http_config table;

/* --- routes that only say who came -------------------------------------------------------------------------- */

static int say(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    const dm_caller *c = &dm_session_of(req)->caller;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "who", c->who);
    dm_jw_kc(&w, "slug", c->slug);
    dm_jw_ki64(&w, "account", c->owner.account.v);
    dm_jw_ki64(&w, "project", c->owner.project.v);
    dm_jw_end(&w);
    return 0;
}

#define OURS(right, standing) DM_SCOPE(DM_RIGHT_##right, DM_STANDING_##standing) | DM_SCOPE_COOKIE
static const dm_route routes[] = {
        {"GET", "/v1/projects/{slug}/box", OURS(SANDBOX_READ, ANY), 0, say},
        {"POST", "/v1/projects/{slug}/box", OURS(SANDBOX_CREATE, GOOD), 0, say},
        {"DELETE", "/v1/projects/{slug}/box", OURS(SANDBOX_KILL, ANY), 0, say},
        {"GET", "/v1/accounts/{id}/bill", OURS(BILLING_READ, ANY), 0, say},
        {"GET", "/v1/self", OURS(SELF, ANY), 0, say},
        {"GET", "/v1/statements", OURS(BILLING_READ, ANY), 0, say},
        {"GET", "/v1/ops/health", OURS(OPS_READ, ANY), 0, say},
        {"POST", "/v1/ops/drain", OURS(OPS_CHANGE, ANY), 0, say},
        {"POST", "/v1/ops/auth/password", OURS(OPS_SELF, ANY), 0, say},
        {"GET", "/v2/sandboxes", DM_SCOPE(DM_RIGHT_SANDBOX_READ, DM_STANDING_ANY) | DM_SCOPE_ANY_ORIGIN, 0, say},
};

static dm_said ask(const dm_rig_in *in, const char *method, const char *target)
{
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(in->cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}};
    return dm_rig_call_on(&table, method, target, headers, DM_LEN(headers), "");
}

static const char *rule_of(const dm_said *s)
{
    const char *rule = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return rule != NULL ? rule : "";
}

static void expect(const dm_rig_in *in, const char *method, const char *target, int status, const char *says)
{
    DM_AUTO_SAID said = ask(in, method, target);
    if (said.status != status || strstr(said.text, says) == NULL)
        fail_msg("%s %s: %d, not %d with \"%s\": %s", method, target, said.status, status, says, said.text);
}

static const char *account_path(const char *name)
{
    static char path[128];
    char id[256], sql[200];
    (void)snprintf(sql, sizeof sql, "SELECT id FROM dm.account WHERE legal_name = '%s'", name);
    dm_tenantrig_text(&rig.tenants, sql, id);
    (void)snprintf(path, sizeof path, "/v1/accounts/%.40s/bill", id);
    return path;
}

static const char *demo_account(void)
{
    char name[256];
    dm_tenantrig_text(&rig.tenants, "SELECT legal_name FROM dm.account WHERE legal_name <> 'Other'", name);
    return account_path(name);
}

/* --- people ------------------------------------------------------------------------------------------------- */

static void a_person_is_what_he_is_there(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    dm_rig_in viewer = dm_rig_person(&rig, "v@x.test", "viewer", false),
              owner = dm_rig_person(&rig, "o@x.test", "owner", true),
              billing = dm_rig_person(&rig, "b@x.test", "billing", true),
              nobody = dm_rig_person(&rig, "n@x.test", "", true);
    expect(&viewer, "GET", "/v1/projects/demo/box", 200, "\"slug\":\"demo\"");
    expect(&viewer, "GET", "/v1/projects/demo/box", 200, "person:");
    expect(&viewer, "POST", "/v1/projects/demo/box", 403, "this needs the right sandbox.create");
    expect(&owner, "POST", "/v1/projects/demo/box", 200, "\"slug\":\"demo\"");
    expect(&billing, "GET", "/v1/projects/demo/box", 403, "this needs the right sandbox.read");
    expect(&billing, "GET", demo_account(), 200, "\"project\":0");
    expect(&owner, "GET", demo_account(), 200, "person:");
    /* A role in a project is none in its account. */
    expect(&viewer, "GET", demo_account(), 404, "account not found");
    expect(&nobody, "GET", "/v1/projects/demo/box", 404, "project not found");
    /* What is another's looks like what is not there. */
    static const char *const others[] = {
            "/v1/projects/other/box", "/v1/projects/nowhere/box", "/v1/projects/%27/box", "/v1/projects/Demo/box"};
    for (size_t i = 0; i < DM_LEN(others); i++)
        expect(&owner, "GET", others[i], 404, "project not found");
    expect(&owner, "GET", account_path("Other"), 404, "account not found");
    expect(&owner, "GET", "/v1/accounts/x/bill", 404, "account not found");
    /* By himself he is himself. */
    expect(&nobody, "GET", "/v1/self", 200, "\"account\":0");
    expect(&owner, "GET", "/v1/statements", 403, "this needs the right billing.read");
    expect(&owner, "GET", "/v1/ops/health", 401, "auth.key"); /* his cookie is not an operator's */
}

/* A role that is taken away, and one that is given, count at once (where nothing is kept; where it is, by NOTIFY). */
static void roles_are_asked_for(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "developer", false);
    expect(&in, "POST", "/v1/projects/demo/box", 200, "person:");
    dm_rig_sql(&rig, "UPDATE dm.member SET role = 'viewer'");
    expect(&in, "POST", "/v1/projects/demo/box", 403, "sandbox.create");
    dm_rig_sql(&rig, "DELETE FROM dm.member");
    expect(&in, "GET", "/v1/projects/demo/box", 404, "project not found");
}

static void what_is_kept_is_forgotten(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "developer", false);
    DM_AUTO(dm_members) kept = NULL;
    dm_caller c;
    assert_int_equal(dm_members_new(rig.api.who, &dm_clock_real, 60000, &kept, NULL), 0);
    assert_int_equal(dm_members_of_project(kept, in.person, DM_STR("demo"), &c, NULL), 0);
    dm_rig_sql(&rig, "DELETE FROM dm.member");
    assert_int_equal(dm_members_of_project(kept, in.person, DM_STR("demo"), &c, NULL), 0);
    /* Whose it is and what it is of are in its name. */
    assert_int_equal(
            dm_members_of_project(kept, (dm_person_no){in.person.v + 1}, DM_STR("demo"), &c, NULL), DM_MEMBER_NONE);
    assert_int_equal(dm_members_of_account(kept, in.person, DM_STR("demo"), &c, NULL), DM_MEMBER_NONE);
    dm_members_forget(kept);
    assert_int_equal(dm_members_of_project(kept, in.person, DM_STR("demo"), &c, NULL), DM_MEMBER_NONE);
}

static void standing_binds_people_too(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "admin", true);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect(&in, "GET", "/v1/projects/demo/box", 200, "person:");
    expect(&in, "POST", "/v1/projects/demo/box", 403, "team is blocked: unpaid");
    expect(&in, "DELETE", "/v1/projects/demo/box", 200, "person:");
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = true");
    expect(&in, "GET", "/v1/projects/demo/box", 403, "team is banned");
    expect(&in, "GET", "/v1/self", 200, "person:");
}

/* --- operators ---------------------------------------------------------------------------------------------- */

static void an_operator_is_one_below_ops(void **state)
{
    (void)state;
    dm_rig_in op = dm_rig_operator(&rig, "olga");
    expect(&op, "GET", "/v1/ops/health", 200, "\"operator:olga\"");
    expect(&op, "POST", "/v1/ops/drain", 200, "\"operator:olga\"");
    expect(&op, "GET", "/v1/projects/demo/box", 401, "auth.key");
    expect(&op, "GET", "/v1/self", 401, "auth.key");
    /* Before his first sign-in is through: what belongs to that. */
    dm_rig_sql(&rig, "UPDATE dm.operator SET totp_from = NULL");
    expect(&op, "GET", "/v1/ops/health", 403, "this needs the right ops.read");
    expect(&op, "POST", "/v1/ops/auth/password", 200, "\"operator:olga\"");
    dm_rig_sql(&rig, "UPDATE dm.operator SET disabled_at = now()");
    expect(&op, "POST", "/v1/ops/auth/password", 401, "auth.session");
    /* A person's token in an operator's cookie, and the other way round. */
    dm_rig_in person = dm_rig_person(&rig, "a@x.test", "owner", true), forged = person;
    (void)snprintf(forged.cookie, sizeof forged.cookie, "dormouse_ops=%s", strchr(person.cookie, '=') + 1);
    expect(&forged, "GET", "/v1/ops/health", 401, "auth.session");
}

/* --- sessions ----------------------------------------------------------------------------------------------- */

static void an_ended_session_is_refused(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    expect(&in, "GET", "/v1/self", 200, "person:");
    dm_rig_sql(&rig, "UPDATE dm.session SET ended_at = now(), ended_why = 'everywhere'");
    DM_AUTO_SAID said = ask(&in, "GET", "/v1/self");
    assert_int_equal(said.status, 401);
    assert_string_equal(rule_of(&said), "auth.session");
    static const char *const bad[] = {"dormouse_session=", "dormouse_session=x", "dormouse_session=a.b.c"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        (void)snprintf(in.cookie, sizeof in.cookie, "%s", bad[i]);
        expect(&in, "GET", "/v1/self", 401, "auth.session");
    }
    (void)snprintf(in.cookie, sizeof in.cookie, "theme=dark");
    expect(&in, "GET", "/v1/self", 401, "auth.key");
}

static int status_of(const char *cookie)
{
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(cookie)}};
    DM_AUTO_SAID said = dm_rig_call_on(&table, "GET", "/v1/self", headers, DM_LEN(headers), "");
    return said.status;
}

#define REFUSED(...)                                                                                                   \
    do {                                                                                                               \
        (void)snprintf(cookie, sizeof cookie, __VA_ARGS__);                                                            \
        if (status_of(cookie) != 401)                                                                                  \
            fail_msg("taken: %s", cookie);                                                                             \
    } while (0)

/* Two of a name, bytes of any kind, and more of them than any token has: nobody's, and no harm. */
static void hostile_cookies_are_nobodys(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    char cookie[20480], lots[8001];
    memset(lots, 'a', sizeof lots - 1);
    lots[sizeof lots - 1] = '\0';
    assert_int_equal(status_of(in.cookie), 200);
    REFUSED("%s; %s", in.cookie, in.cookie);
    REFUSED("%s; dormouse_session=", in.cookie);
    REFUSED("dormouse_session=x; %s", in.cookie);
    REFUSED("%s%s", in.cookie, lots);
    REFUSED("dormouse_session=%s", lots);
    REFUSED("dormouse_session=%s.%s.%.86s", lots, lots, lots);
    REFUSED("dormouse_session=\x80\xff\x01.\xc3\x28.\xfe");
    REFUSED("%s\xff", in.cookie);
    REFUSED("%s\x01", in.cookie);
    REFUSED("\x80%s", in.cookie);
    REFUSED("\"%s\"", in.cookie);
    /* Beside them ours is what it was. */
    (void)snprintf(cookie, sizeof cookie, "%s=%s; =; ;; \xff\x80=\x01; %s; dormouse_sessio=x", lots, lots, in.cookie);
    assert_int_equal(status_of(cookie), 200);
}

/* What is in a token, under a head that says it needs no signature, or another kind, and under a signature of zeros. */
static void a_forged_token_is_nobodys(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    /* {"alg":"none","typ":"JWT"} and the same with None, NONE, HS256 */
    static const char *const heads[] = {"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0",
            "eyJhbGciOiJOT05FIiwidHlwIjoiSldUIn0", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"};
    char cookie[4096], zeros[87];
    memset(zeros, 'A', 86);
    zeros[86] = '\0';
    const char *head = strchr(in.cookie, '=') + 1, *body = strchr(head, '.') + 1, *sig = strchr(body, '.') + 1;
    int head_n = (int)(body - head - 1), body_n = (int)(sig - body - 1);
    assert_int_equal(status_of(in.cookie), 200);
    for (size_t i = 0; i < DM_LEN(heads); i++) {
        REFUSED("dormouse_session=%s.%.*s.", heads[i], body_n, body);
        REFUSED("dormouse_session=%s.%.*s", heads[i], body_n, body);
        REFUSED("dormouse_session=%s.%.*s.%s", heads[i], body_n, body, zeros);
        REFUSED("dormouse_session=%s.%.*s.%s", heads[i], body_n, body, sig);
    }
    REFUSED("dormouse_session=%.*s.%.*s.%s", head_n, head, body_n, body, zeros);
    REFUSED("dormouse_session=%.*s.%.*s.", head_n, head, body_n, body);
    dm_rig_in other = dm_rig_person(&rig, "b@x.test", "viewer", true);
    REFUSED("dormouse_session=%.*s.%.*s.%s", head_n, head, body_n, body, strrchr(other.cookie, '.') + 1);
}

/* Over TLS another name is asked for, and this one is nothing. */
static void tls_has_its_own_cookie(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    char safe[DM_TOKEN_MAX + 64];
    (void)snprintf(safe, sizeof safe, "__Host-%s", in.cookie);
    for (int i = 0; i < 2; i++) {
        const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(i == 0 ? safe : in.cookie)},
                {DM_STR("X-Forwarded-Proto"), DM_STR("https")}};
        DM_AUTO_SAID said = dm_rig_call_on(&table, "GET", "/v1/self", headers, 2, "");
        assert_int_equal(said.status, i == 0 ? 200 : 401);
    }
}

static void a_key_wins_and_elsewhere_is_all(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    const dm_pair both[] = {{DM_STR("Cookie"), dm_str_c(in.cookie)}, {DM_STR("X-API-KEY"), dm_str_c(rig.key)}},
                  wrong[] = {{DM_STR("Cookie"), dm_str_c(in.cookie)}, {DM_STR("X-API-KEY"), DM_STR("e2b_11")}};
    DM_AUTO_SAID key = dm_rig_call_on(&table, "POST", "/v1/projects/demo/box", both, 2, "");
    assert_int_equal(key.status, 200); /* no page's request: no header of one is asked for */
    assert_ptr_equal(strstr(dm_said_str(&key, "who"), "key:"), dm_said_str(&key, "who"));
    DM_AUTO_SAID bad = dm_rig_call_on(&table, "GET", "/v1/self", wrong, 2, "");
    assert_int_equal(bad.status, 401);
    assert_string_equal(rule_of(&bad), "auth.key");
    expect(&in, "GET", "/v2/sandboxes", 401, "auth.key");
    /* The same of the real tables: no cookie opens a route but those of /v1. */
    const dm_http_config *tables[] = {&rig.table, &rig.worker_table};
    for (size_t t = 0; t < DM_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->nroutes; i++) {
            const dm_route *r = &tables[t]->routes[i];
            bool cookie = (r->scope & DM_SCOPE_COOKIE) != 0, v1 = dm_str_starts(dm_str_c(r->path), DM_STR("/v1/"));
            if (cookie != (v1 && t == 0) || (cookie && (r->scope & DM_SCOPE_ANY_ORIGIN) != 0))
                fail_msg("%s %s", r->method, r->path);
        }
}

/* --- another page's requests -------------------------------------------------------------------------------- */

static void another_pages_change_nothing(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true);
    const dm_pair cookie = {DM_STR("Cookie"), dm_str_c(in.cookie)}, csrf = {DM_STR("Dormouse-Csrf"), DM_STR("1")},
                  sibling = {DM_STR("Sec-Fetch-Site"), DM_STR("same-site")}, host = {DM_STR("Host"), DM_STR("c.test")},
                  foreign = {DM_STR("Origin"), DM_STR("http://box.c.test")},
                  ours = {DM_STR("Origin"), DM_STR("http://c.test")},
                  own = {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")};
    const dm_pair form[] = {cookie};
    const dm_pair refused[][4] = {{cookie, host}, {cookie, host, csrf}, {cookie, host, ours}, {cookie, host, own},
            {cookie, host, csrf, sibling}, {cookie, host, csrf, foreign}};
    static const char *const methods[] = {"POST", "DELETE"};
    for (size_t i = 0; i < DM_LEN(methods); i++) {
        for (size_t k = 0; k < DM_LEN(refused); k++) {
            size_t n = 4;
            while (refused[k][n - 1].name.p == NULL)
                n--;
            DM_AUTO_SAID said = dm_rig_call_on(&table, methods[i], "/v1/projects/demo/box", refused[k], n, "");
            assert_int_equal(said.status, 403);
            assert_string_equal(rule_of(&said), "auth.csrf");
        }
        const dm_pair page[] = {cookie, host, csrf, ours};
        DM_AUTO_SAID said = dm_rig_call_on(&table, methods[i], "/v1/projects/demo/box", page, DM_LEN(page), "");
        assert_int_equal(said.status, 200);
    }
    DM_AUTO_SAID reads = dm_rig_call_on(&table, "GET", "/v1/projects/demo/box", form, DM_LEN(form), "");
    assert_int_equal(reads.status, 200);
    assert_null(dm_said_header(&reads, "Access-Control-Allow-Origin"));
    /* Nor does a preflight let one ask. */
    const dm_pair wants = {DM_STR("Access-Control-Request-Headers"), DM_STR("dormouse-csrf")};
    DM_AUTO_SAID preflight = dm_rig_call_on(&table, "OPTIONS", "/v1/projects/demo/box", &wants, 1, "");
    assert_null(dm_said_header(&preflight, "Access-Control-Allow-Origin"));
    assert_null(dm_said_header(&preflight, "Access-Control-Allow-Headers"));
}

static void a_person_has_a_rate(void **state)
{
    (void)state;
    dm_rig_in in = dm_rig_person(&rig, "a@x.test", "owner", true),
              other = dm_rig_person(&rig, "b@x.test", "owner", true), op = dm_rig_operator(&rig, "olga");
    const dm_rate_config rate = {.every_us = 3600000000, .burst = 3, .clock = &dm_clock_real};
    assert_int_equal(dm_rate_new(&rate, &rig.api.person_rate, NULL), 0);
    for (int i = 0; i < 3; i++)
        expect(&in, "GET", "/v1/self", 200, "person:");
    expect(&in, "GET", "/v1/self", 429, "request.rate");
    expect(&other, "GET", "/v1/self", 200, "person:");
    expect(&op, "GET", "/v1/ops/health", 200, "operator:");
    dm_rate_free(rig.api.person_rate);
    rig.api.person_rate = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(a_person_is_what_he_is_there, &rig),
            DM_RIG_TEST(roles_are_asked_for, &rig), DM_RIG_TEST(what_is_kept_is_forgotten, &rig),
            DM_RIG_TEST(standing_binds_people_too, &rig), DM_RIG_TEST(an_operator_is_one_below_ops, &rig),
            DM_RIG_TEST(an_ended_session_is_refused, &rig), DM_RIG_TEST(hostile_cookies_are_nobodys, &rig),
            DM_RIG_TEST(a_forged_token_is_nobodys, &rig), DM_RIG_TEST(tls_has_its_own_cookie, &rig),
            DM_RIG_TEST(a_key_wins_and_elsewhere_is_all, &rig), DM_RIG_TEST(another_pages_change_nothing, &rig),
            DM_RIG_TEST(a_person_has_a_rate, &rig)};
    dm_rig_start(&rig, 0);
    table = rig.table;
    table.routes = routes;
    table.nroutes = DM_LEN(routes);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
