/* An operator looks as a tenant: he reads what its people read, changes nothing, is in its audit from the first moment
 * to the last, and sees no longer than his own session goes on. */
/* Covers api/ops/lookas.c, tenants/who/lookas.c, tenants/who/sql_lookas.c, api/kit/gate.c, api/dm/me.c. */
#include <stdio.h>

#include "api/kit/cookie.h"
#include "api/listen.h"
#include "tenants/who/lookas.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

typedef struct view {
    dm_rig_in in;
    char id[DM_UUID_TEXT], cookie[256];
} view;

static const char *rule_of(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static const char *account(const char *rest)
{
    static char text[2][160];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/accounts/%s%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static const char *ops_account(const char *rest)
{
    static char text[160];
    (void)snprintf(text, sizeof text, "/v1/ops/accounts/%s%s", rig.tenants.demo.project.account_id, rest);
    return text;
}

/* The value of the cookie that the answer sets, as a browser keeps it. */
static void keep_cookie(const dm_said *s, char out[256])
{
    const char *set = dm_said_header(s, "Set-Cookie");
    assert_non_null(set);
    assert_non_null(strstr(set, "HttpOnly; SameSite=Strict"));
    (void)snprintf(out, 256, "%.*s", (int)strcspn(set, ";"), set);
}

static view begin(const char *name)
{
    view v = {.in = dm_rig_operator(&rig, name)};
    DM_AUTO_SAID said = dm_rig_call_in(&rig, &v.in, "POST", ops_account("/impersonate"), "{\"reason\":\"ticket 12\"}");
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    (void)snprintf(v.id, sizeof v.id, "%s", dm_said_str(&said, "id"));
    keep_cookie(&said, v.cookie);
    return v;
}

/* As the page of the look asks: with all cookies of the browser, and the look's name. */
static dm_said see(const view *v, const char *named, const char *method, const char *target)
{
    char cookies[4096];
    (void)snprintf(cookies, sizeof cookies, "%s; %s", v->in.cookie, v->cookie);
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(cookies)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}, {DM_STR("Dormouse-Look"), dm_str_c(named)}};
    return dm_rig_call_on(&rig.table, method, target, headers, named[0] != '\0' ? 4 : 3, NULL);
}

#define SEES(v, method, target, want, rule)                                                                            \
    do {                                                                                                               \
        DM_AUTO_SAID said_ = see(v, (v)->id, method, target);                                                          \
        if (said_.status != (want) || strcmp(rule_of(&said_), rule) != 0)                                              \
            fail_msg("%s %s: %d %s, not %d %s: %s", method, target, said_.status, rule_of(&said_), want, rule,         \
                    said_.text);                                                                                       \
    } while (0)

static const char *audit_line(int back)
{
    static char text[256];
    char sql[300];
    (void)snprintf(sql, sizeof sql,
            "SELECT concat_ws(' ', who, verb, detail->>'reason', detail->>'why') FROM dm.audit WHERE account_no ="
            " (SELECT account_no FROM dm.project WHERE slug = 'demo') ORDER BY audit_no DESC OFFSET %d LIMIT 1",
            back);
    dm_tenantrig_text(&rig.tenants, sql, text);
    return text;
}

static int do_over(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_lookas_over(c, err);
}

static void sweep(void)
{
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_over, NULL, NULL), 0);
}

/* --- what it sees ------------------------------------------------------------------------------------------- */

static void it_sees_what_its_people_see(void **state)
{
    (void)state;
    char id[32], target[128];
    dm_rig_create(&rig, "", id);
    view v = begin("ada");
    static const char *const project[] = {"sandboxes", "limits", "denials", "keys", "members", "invitations", "audit"};
    for (size_t i = 0; i < DM_LEN(project); i++) {
        (void)snprintf(target, sizeof target, "/v1/projects/demo/%s", project[i]);
        SEES(&v, "GET", target, 200, "");
    }
    (void)snprintf(target, sizeof target, "/v1/projects/demo/sandboxes/%s", id);
    SEES(&v, "GET", target, 200, "");
    static const char *const whole[] = {"/members", "/invitations", "/audit"};
    for (size_t i = 0; i < DM_LEN(whole); i++)
        SEES(&v, "GET", account(whole[i]), 200, "");
    /* Its own cookie is worth nothing without its name: so nobody sees a tenant by mistake. */
    DM_AUTO_SAID bare = see(&v, "", "GET", "/v1/projects/demo/sandboxes");
    assert_string_equal(rule_of(&bare), "auth.key");
    /* A stream and a download name it in the query. */
    (void)snprintf(target, sizeof target, "/v1/projects/demo/audit?look=%s", v.id);
    DM_AUTO_SAID download = see(&v, "", "GET", target);
    assert_int_equal(download.status, 200);
}

static void it_says_what_it_is(void **state)
{
    (void)state;
    view v = begin("ada");
    DM_AUTO_SAID me = see(&v, v.id, "GET", "/v1/me");
    assert_int_equal(me.status, 200);
    assert_true(json_is_null(json_object_get(me.body, "user")));
    const json_t *is = json_object_get(me.body, "impersonation");
    assert_string_equal(dm_json_c(is, "who"), DM_RIG_OPERATOR);
    assert_string_equal(dm_json_c(is, "why"), "ticket 12");
    assert_true(json_is_string(json_object_get(is, "until")));
    const json_t *p = json_array_get(json_object_get(me.body, "projects"), 0);
    assert_string_equal(dm_json_c(p, "slug"), "demo");
    assert_string_equal(json_string_value(json_array_get(json_object_get(p, "roles"), 0)), "look");
    assert_string_equal(dm_json_c(json_array_get(json_object_get(me.body, "accounts"), 0), "id"),
            rig.tenants.demo.project.account_id);
    DM_AUTO_SAID now = dm_rig_call_in(&rig, &v.in, "GET", "/v1/ops/impersonation", NULL);
    assert_string_equal(dm_said_str(&now, "id"), v.id);
    assert_string_equal(dm_said_str(&now, "name"), "Demo");
    assert_in_range(
            dm_rig_number(&rig, "SELECT extract(epoch FROM until - now())::int FROM dm.look"), 14 * 60, 15 * 60);
}

/* --- what it does not --------------------------------------------------------------------------------------- */

/* Every route of ours that changes something, from the table itself; and each that is not for looking at. */
static void it_changes_nothing(void **state)
{
    (void)state;
    char target[256];
    size_t tried = 0;
    view v = begin("ada");
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    for (size_t i = 0; i < rig.table.nroutes; i++) {
        const dm_route *route = &rig.table.routes[i];
        bool changes = strcmp(route->method, "GET") != 0;
        if ((route->scope & DM_SCOPE_COOKIE) == 0 || (route->scope & 0xff) == DM_RIGHT_NONE || !changes ||
                strncmp(route->path, "/v1/ops/", 8) == 0)
            continue;
        const char *rest = strchr(route->path, '}');
        (void)snprintf(target, sizeof target, "%s",
                strncmp(route->path, "/v1/accounts/", 13) == 0 ? account(rest + 1) : route->path);
        if (strncmp(route->path, "/v1/projects/", 13) == 0)
            (void)snprintf(target, sizeof target, "/v1/projects/demo%s", rest + 1);
        for (char *c; (c = strpbrk(target, "{}")) != NULL;)
            *c = 'x';
        SEES(&v, route->method, target, 403, "look.read_only");
        tried++;
    }
    assert_in_range(tried, 20, 1000);
    static const char *const own[] = {"/v1/me/access-tokens", "/v1/auth/sessions"};
    for (size_t i = 0; i < DM_LEN(own); i++)
        SEES(&v, "GET", own[i], 403, "look.read_only");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits);
    /* What was refused to an operator is not in the tenant's list of refusals. */
    uint64_t dropped;
    assert_int_equal(dm_refusals_write(rig.api.refusals, rig.api.ops, &dropped, NULL), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.denial"), 0);
}

/* What reaches into a sandbox is not for looking, whatever its method. */
static void it_reaches_into_nothing(void **state)
{
    (void)state;
    static const struct {
        dm_right right;
        bool may;
    } cases[] = {{DM_RIGHT_SANDBOX_REACH, false}, {DM_RIGHT_KEY_CHANGE, false}, {DM_RIGHT_SELF, false},
            {DM_RIGHT_OPS_READ, false}, {DM_RIGHT_BILLING_READ, true}, {DM_RIGHT_AUDIT_READ, true}};
    for (size_t i = 0; i < DM_LEN(cases); i++)
        assert_int_equal(dm_may(dm_rights_of(DM_ROLE_LOOK), cases[i].right), cases[i].may);
}

/* Another's, and what is not there, are the same to it, as to a member. */
static void it_sees_one_account_alone(void **state)
{
    (void)state;
    char id[256], target[128];
    dm_rig_other(&rig);
    view v = begin("ada");
    SEES(&v, "GET", "/v1/projects/other/sandboxes", 404, "request.unknown");
    SEES(&v, "GET", "/v1/projects/nowhere/sandboxes", 404, "request.unknown");
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.account WHERE legal_name = 'Other'", id);
    (void)snprintf(target, sizeof target, "/v1/accounts/%.40s/members", id);
    SEES(&v, "GET", target, 404, "request.unknown");
    SEES(&v, "GET", "/v1/statements", 403, "look.read_only"); /* by a key alone */
    /* His own cookie opens what it opened before, and no more: a look is none below /v1/ops, and no session. */
    SEES(&v, "GET", ops_account(""), 200, "");
    DM_AUTO_SAID e2b = see(&v, v.id, "GET", "/v2/sandboxes");
    assert_int_equal(e2b.status, 401);
    /* Neither a block nor a suspension keeps him from seeing. */
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = true, blocked = 'x' WHERE legal_name = 'Demo'");
    SEES(&v, "GET", "/v1/projects/demo/sandboxes", 200, "");
}

static void a_name_without_its_proof(void **state)
{
    (void)state;
    view a = begin("ada"), b = begin("bob"), mixed = a, forged = a;
    (void)snprintf(mixed.id, sizeof mixed.id, "%s", b.id);
    SEES(&mixed, "GET", "/v1/projects/demo/sandboxes", 401, "look.over");
    forged.cookie[strlen(forged.cookie) - 1] ^= 1;
    SEES(&forged, "GET", "/v1/projects/demo/sandboxes", 401, "look.over");
    (void)snprintf(forged.cookie, sizeof forged.cookie, "dormouse_look=%s", forged.id);
    SEES(&forged, "GET", "/v1/projects/demo/sandboxes", 401, "look.over");
    forged.cookie[0] = '\0';
    SEES(&forged, "GET", "/v1/projects/demo/sandboxes", 401, "look.over");
    /* A person who has signed in does not become himself by a look that failed. */
    dm_rig_in owner = dm_rig_person(&rig, "o@x.test", "owner", true);
    forged.in = owner;
    SEES(&forged, "GET", "/v1/projects/demo/sandboxes", 401, "look.over");
    SEES(&a, "GET", "/v1/projects/demo/sandboxes", 200, "");
}

/* --- its life ----------------------------------------------------------------------------------------------- */

static void the_tenant_reads_of_it(void **state)
{
    (void)state;
    int64_t before = dm_tenantrig_audits(&rig.tenants);
    view v = begin("ada");
    assert_string_equal(audit_line(0), "operator:ada look.begin ticket 12");
    DM_AUTO_SAID end = dm_rig_call_in(&rig, &v.in, "DELETE", "/v1/ops/impersonation", NULL);
    assert_int_equal(end.status, 204);
    assert_non_null(strstr(dm_said_header(&end, "Set-Cookie"), "Max-Age=0"));
    assert_string_equal(audit_line(0), "operator:ada look.end ended");
    SEES(&v, "GET", "/v1/me", 401, "look.over");
    DM_AUTO_SAID again = dm_rig_call_in(&rig, &v.in, "DELETE", "/v1/ops/impersonation", NULL);
    assert_int_equal(again.status, 204);
    DM_AUTO_SAID none = dm_rig_call_in(&rig, &v.in, "GET", "/v1/ops/impersonation", NULL);
    assert_int_equal(none.status, 404);
    assert_string_equal(rule_of(&none), "look.none");
    sweep();
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), before + 2);
}

static void it_ends_by_itself(void **state)
{
    (void)state;
    view v = begin("ada");
    dm_rig_sql(&rig, "UPDATE dm.look SET begun_at = now() - interval '15 minutes', until = now()");
    SEES(&v, "GET", "/v1/me", 401, "look.over");
    sweep();
    assert_string_equal(audit_line(0), "operator:ada look.end over");
    view next = begin("ada");
    SEES(&next, "GET", "/v1/me", 200, "");
    sweep();
    assert_string_equal(audit_line(0), "operator:ada look.begin ticket 12");
}

static void another_takes_its_place(void **state)
{
    (void)state;
    view v = begin("ada"), w = v;
    DM_AUTO_SAID said = dm_rig_call_in(&rig, &v.in, "POST", ops_account("/impersonate"), "{\"reason\":\"once more\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(w.id, sizeof w.id, "%s", dm_said_str(&said, "id"));
    keep_cookie(&said, w.cookie);
    SEES(&v, "GET", "/v1/me", 401, "look.over");
    SEES(&w, "GET", "/v1/me", 200, "");
    assert_string_equal(audit_line(1), "operator:ada look.end another");
}

/* However the operator's own session ends, and when he is no operator any more. */
static void it_ends_with_its_operator(void **state)
{
    (void)state;
    static const char *const ends[] = {"UPDATE dm.session SET ended_at = now(), ended_why = 'signed_out'",
            "UPDATE dm.session SET expires_at = now()", "UPDATE dm.operator SET disabled_at = now()",
            "UPDATE dm.operator SET one_time = true", "UPDATE dm.operator SET totp_from = NULL"};
    for (size_t i = 0; i < DM_LEN(ends); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "op%zu", i);
        view v = begin(name);
        SEES(&v, "GET", "/v1/me", 200, "");
        dm_rig_sql(&rig, ends[i]);
        SEES(&v, "GET", "/v1/me", 401, "look.over");
        sweep();
        assert_non_null(strstr(audit_line(0), "look.end session"));
        dm_rig_clean(&rig);
    }
}

static void it_wants_a_reason_and_an_account(void **state)
{
    (void)state;
    DM_AUTO_SAID mute = dm_rig_operate(&rig, "POST", ops_account("/impersonate"), "{}");
    assert_string_equal(rule_of(&mute), "ops.reason");
    static const char *const nobody[] = {"x", "00000000-0000-0000-0000-000000000000"};
    for (size_t i = 0; i < DM_LEN(nobody); i++) {
        char target[128];
        (void)snprintf(target, sizeof target, "/v1/ops/accounts/%s/impersonate", nobody[i]);
        DM_AUTO_SAID none = dm_rig_operate(&rig, "POST", target, "{\"reason\":\"x\"}");
        assert_string_equal(rule_of(&none), "account.unknown");
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.look"), 0);
    DM_AUTO_SAID key = dm_rig_call(&rig, "POST", ops_account("/impersonate"), "{\"reason\":\"x\"}");
    assert_int_equal(key.status, 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(it_sees_what_its_people_see, &rig),
            DM_RIG_TEST(it_says_what_it_is, &rig),
            DM_RIG_TEST(it_changes_nothing, &rig),
            DM_RIG_TEST(it_reaches_into_nothing, &rig),
            DM_RIG_TEST(it_sees_one_account_alone, &rig),
            DM_RIG_TEST(a_name_without_its_proof, &rig),
            DM_RIG_TEST(the_tenant_reads_of_it, &rig),
            DM_RIG_TEST(it_ends_by_itself, &rig),
            DM_RIG_TEST(another_takes_its_place, &rig),
            DM_RIG_TEST(it_ends_with_its_operator, &rig),
            DM_RIG_TEST(it_wants_a_reason_and_an_account, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
