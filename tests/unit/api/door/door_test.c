/* Covers api/door/page.c, api/door/signed.c, api/door/verdict.c. */
#include <stdio.h>

#include "base/parse.h"

#include "api/door/signed.h"
#include "api/door/signers.h"
#include "api/door/verdict.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

typedef struct visit {
    const char *sid, *port, *uri, *token, *access, *agent, *accept, *mode, *reason, *method, *bare;
} visit;

static dm_said knock(const char *path, const visit *v)
{
    dm_pair h[16];
    size_t n = 0;
    const struct {
        const char *name, *value;
    } all[] = {{"X-Dm-Sid", v->sid}, {"X-Dm-Port", v->port}, {"X-Dm-Uri", v->uri != NULL ? v->uri : "/"},
            {"X-Dm-Host", "host.test:3002"}, {"X-Dm-Method", v->method != NULL ? v->method : "GET"},
            {"X-Dm-Token", v->token}, {"X-Dm-Access-Token", v->access}, {"User-Agent", v->agent}, {"Accept", v->accept},
            {"Sec-Fetch-Mode", v->mode}, {"X-Dm-Reason", v->reason}, {"X-Dm-Bare", v->bare}};
    for (size_t i = 0; i < DM_LEN(all); i++)
        if (all[i].value != NULL)
            h[n++] = (dm_pair){dm_str_c(all[i].name), dm_str_c(all[i].value)};
    return dm_rig_call_as(&rig, "", "GET", path, NULL, h, n);
}

/* What nginx makes of it: it is told all in headers, and says it. */
static dm_said page_of(const visit *v)
{
    dm_said s = knock("/door/page", v);
    dm_err err = {0};
    assert_int_equal(s.status, 200);
    assert_string_equal(s.text, "");
    s.status = (int)strtol(dm_said_header(&s, "X-Dm-Said"), NULL, 10);
    (void)snprintf(s.text, sizeof s.text, "%s", dm_said_header(&s, "X-Dm-Page"));
    if (dm_json_load(dm_str_c(s.text), sizeof s.text, &s.body, &err) < 0)
        s.body = NULL;
    return s;
}

static void expect(const visit *v, const char *kind, const char *status)
{
    DM_AUTO_SAID said = knock("/door", v);
    assert_int_equal(said.status, 200);
    const char *reason = dm_said_header(&said, "X-Dm-Reason");
    char is[16];
    visit refused = *v;
    refused.reason = reason;
    DM_AUTO_SAID page = page_of(&refused);
    (void)snprintf(is, sizeof is, "%d", reason != NULL ? page.status : 200);
    if (strcmp(dm_said_header(&said, "X-Dm-Kind"), kind) != 0 || strcmp(is, status) != 0)
        fail_msg("%s:%s %s: %s %s", v->sid, v->port, v->uri, dm_said_header(&said, "X-Dm-Kind"), reason);
}

static void passes(void **state)
{
    (void)state;
    char id[32], route[128];
    dm_rig_create(&rig, "", id);
    const visit v = {.sid = id, .port = "8080", .uri = "/a?b"};
    DM_AUTO_SAID said = knock("/door", &v);
    (void)snprintf(route, sizeof route, "%s/1/10.77.0.2/8080", id);
    assert_string_equal(dm_said_header(&said, "X-Dm-Kind"), "pass");
    assert_string_equal(dm_said_header(&said, "X-Dm-Up"), "w1");
    assert_string_equal(dm_said_header(&said, "X-Dm-Path"), route);
    assert_string_equal(dm_said_header(&said, "X-Dm-Host"), "host.test:3002");
}

static void refuses(void **state)
{
    (void)state;
    char id[32], path[64];
    dm_rig_create(&rig, "", id);
    expect(&(visit){.sid = id, .port = "0"}, "refuse", "400");
    expect(&(visit){.sid = id, .port = "65536"}, "refuse", "400");
    expect(&(visit){.sid = id}, "refuse", "400");
    expect(&(visit){.port = "80"}, "refuse", "400");
    expect(&(visit){.sid = "Bad", .port = "80"}, "refuse", "400");
    expect(&(visit){.sid = "nosuch", .port = "80"}, "refuse", "502");
    expect(&(visit){.sid = "i00000000000000000000", .port = "80"}, "refuse", "502");
    expect(&(visit){.sid = id, .port = "49983", .uri = "/init"}, "refuse", "404");
    expect(&(visit){.sid = id, .port = "49983", .uri = "/x/..//%69nit?y"}, "refuse", "404");
    expect(&(visit){.sid = "i00000000000000000000", .port = "49983", .uri = "/freeze"}, "refuse", "404");
    expect(&(visit){.sid = id, .port = "8080", .uri = "/init"}, "pass", "200");
    expect(&(visit){.sid = id, .port = "49983", .uri = "/initial"}, "pass", "200");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "502");
    (void)snprintf(path, sizeof path, "/sandboxes/%s", id);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", path, NULL);
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "502");
}

static void traffic_tokens_and_masks(void **state)
{
    (void)state;
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"network\":{\"allowPublicTraffic\":false,\"maskRequestHost\":\"x${PORT}.y:${"
            "PORT}\"}}");
    assert_int_equal(made.status, 201);
    const char *id = dm_said_str(&made, "sandboxID"), *token = dm_said_str(&made, "trafficAccessToken");
    assert_true(strlen(token) >= 32);
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "403");
    expect(&(visit){.sid = id, .port = "8080", .token = "wrong"}, "refuse", "403");
    expect(&(visit){.sid = id, .port = "49983"}, "pass", "200");
    DM_AUTO_SAID said = knock("/door", &(visit){.sid = id, .port = "8080", .token = token});
    assert_string_equal(dm_said_header(&said, "X-Dm-Kind"), "pass");
    assert_string_equal(dm_said_header(&said, "X-Dm-Host"), "x8080.y:8080");

    DM_AUTO_SAID missing = page_of(&(visit){.sid = id, .port = "8080", .reason = "no_token"});
    assert_int_equal(missing.status, 403);
    assert_string_equal(dm_said_str(&missing, "message"),
            "Sandbox is secured with traffic access token. Token header 'e2b-traffic-access-token' is missing");
    DM_AUTO_SAID wrong = page_of(&(visit){.sid = id, .port = "8080", .reason = "bad_token"});
    assert_string_equal(dm_said_str(&wrong, "message"), "Sandbox is secured with traffic access token. Provided token "
                                                        "in header 'e2b-traffic-access-token' is invalid");
}

/* Woken by traffic, when it may be, by whom it may be, for as long as it was made for. */
static void wakes(void **state)
{
    (void)state;
    char path[64];
    int64_t end_us = 0;
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"timeout\":420,\"autoPause\":true,\"autoResume\":{\"enabled\":true}}");
    const char *id = dm_said_str(&made, "sandboxID"), *token = dm_said_str(&made, "envdAccessToken");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(paused.status, 204);
    expect(&(visit){.sid = id, .port = "49983"}, "refuse", "403");
    expect(&(visit){.sid = id, .port = "49983", .access = "wrong"}, "refuse", "403");
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 0 FROM dm.project");
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "429");
    dm_rig_sql(&rig, "DELETE FROM dm.project_limit; UPDATE dm.account SET blocked = 'x'");
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "403");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = NULL");
    dm_fakeworker_refuse(rig.worker, "resume", 503, 1);
    expect(&(visit){.sid = id, .port = "8080"}, "refuse", "503");
    unsigned woken = dm_fakeworker_count(rig.worker, "resume");
    dm_fakeworker_mute(rig.worker, 2);
    for (int i = 0; i < 4; i++) /* traffic wakes one that does not answer twice, and then waits like anybody */
        expect(&(visit){.sid = id, .port = "8080"}, "refuse", "503");
    assert_int_equal(dm_fakeworker_count(rig.worker, "resume"), woken + 2);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET paused_at = clock_timestamp() - interval '10 s'");

    int64_t now_us = dm_wall_us(&dm_clock_real);
    DM_AUTO_SAID said = knock("/door", &(visit){.sid = id, .port = "49983", .access = token, .uri = "/health"});
    assert_string_equal(dm_said_header(&said, "X-Dm-Kind"), "pass");
    (void)dm_fakeworker_state(rig.worker, id, NULL, &end_us);
    assert_true(end_us >= now_us + 420 * 1000000LL && end_us < now_us + 430 * 1000000LL);
    DM_AUTO_SAID again = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(again.status, 204);
    expect(&(visit){.sid = id, .port = "8080"}, "pass", "200");
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use"), 2);
}

static void pages(void **state)
{
    (void)state;
    static const char browser[] = "Mozilla/5.0 (X11)";
    const visit gone = {.sid = "i00000000000000000000", .port = "8080", .reason = "not_found"};
    DM_AUTO_SAID json = page_of(&gone);
    assert_int_equal(json.status, 502);
    assert_string_equal(json.text,
            "{\"sandboxId\":\"i00000000000000000000\",\"message\":\"The sandbox was not found\",\"code\":502}");
    assert_string_equal(dm_said_header(&json, "X-Dm-Type"), "application/json; charset=utf-8");
    assert_non_null(strstr(dm_said_header(&json, "Dormouse-Denial"), "\"rule\":\"sandbox.unknown\""));

    visit v = gone;
    v.agent = browser;
    DM_AUTO_SAID html = page_of(&v);
    assert_int_equal(html.status, 502);
    assert_string_equal(dm_said_header(&html, "X-Dm-Type"), "text/html; charset=utf-8");
    assert_memory_equal(html.text, "<html", 5);
    assert_string_equal(html.text + strlen(html.text) - 7, "</html>");
    assert_non_null(strstr(html.text, "Sandbox Not Found"));
    assert_non_null(strstr(html.text, "i00000000000000000000"));
    v.mode = "cors";
    DM_AUTO_SAID script = page_of(&v);
    assert_string_equal(dm_said_header(&script, "X-Dm-Type"), "application/json; charset=utf-8");
    v.mode = "navigate";
    v.accept = "text/html, application/json";
    DM_AUTO_SAID accepts = page_of(&v);
    assert_string_equal(dm_said_header(&accepts, "X-Dm-Type"), "application/json; charset=utf-8");

    DM_AUTO_SAID internal = page_of(&(visit){.sid = "nosuch", .port = "49983", .uri = "/init?x", .reason = "internal"});
    assert_int_equal(internal.status, 404);
    assert_string_equal(dm_said_str(&internal, "path"), "/init");
    assert_non_null(strstr(dm_said_str(&internal, "message"), "reserved for the E2B control plane"));
    DM_AUTO_SAID bad = page_of(&(visit){.sid = "<b>", .port = "80", .agent = browser, .reason = "bad"});
    assert_int_equal(bad.status, 400);
    assert_null(strstr(bad.text, "<b>"));

    /* What was decided stays decided, though the sandbox is there now. */
    char id[32];
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID late = page_of(&(visit){.sid = id, .port = "80", .reason = "quota"});
    assert_int_equal(late.status, 429);
    static const char *const none[] = {"pass", "wake", "search", "", "nonsense"};
    for (size_t i = 0; i < DM_LEN(none); i++) {
        DM_AUTO_SAID odd = page_of(&(visit){.sid = id, .port = "80", .reason = none[i]});
        assert_int_equal(odd.status, 503);
    }
}

/* --- signed links ------------------------------------------------------------------------------------------- */

static void expect_route(const visit *v, const char *id)
{
    DM_AUTO_SAID said = knock("/door", v);
    assert_string_equal(dm_said_header(&said, "X-Dm-Kind"), "pass");
    const char *route = dm_said_header(&said, "X-Dm-Path");
    assert_memory_equal(route, id, strlen(id));
    assert_non_null(strstr(route, "/49983"));
}

/* The SDKs' own test vector, and what is refused before anybody's token is tried. */
static void reads_signed_links(void **state)
{
    (void)state;
    static const char vector[] =
            "/files?path=hello.txt&username=user&signature=v1_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E";
    static const struct {
        const char *uri, *method;
        int is;
    } odd[] = {{vector, "PUT", DM_SIGNED_NOT}, {"/files", "GET", DM_SIGNED_NOT},
            {"/files?path=a", "GET", DM_SIGNED_NOT}, {"/file?signature=x", "GET", DM_SIGNED_NOT},
            {"/files?signature", "GET", DM_SIGNED_NOT}, {"/files?signature=v1_abc", "GET", DM_SIGNED_WRONG},
            {"/files?signature=v2_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E", "GET", DM_SIGNED_WRONG},
            {"/files?signature=v1_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E&path=a&path=a", "GET", DM_SIGNED_WRONG},
            {"/files?signature=v1_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E&signature_expiration=soon", "GET",
                    DM_SIGNED_WRONG}};
    DM_AUTO_SIGNED url = {.stem = NULL};
    bool right = false;
    assert_int_equal(dm_signed_read(dm_str_c(vector), DM_STR("GET"), &url, NULL), 0);
    assert_true(url.until_s == INT64_MAX);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dm_signed_by(&url, DM_STR("0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0"), &right, NULL), 0);
        assert_true(right);
        assert_int_equal(dm_signed_by(&url, DM_STR("0tQG31xiMp0IOQfaz9dcwi72L1CPo8e1"), &right, NULL), 0);
        assert_false(right);
    }
    for (size_t i = 0; i < DM_LEN(odd); i++) {
        DM_AUTO_SIGNED none = {.stem = NULL};
        if (dm_signed_read(dm_str_c(odd[i].uri), dm_str_c(odd[i].method), &none, NULL) != odd[i].is)
            fail_msg("%s %s", odd[i].method, odd[i].uri);
    }
}

/* A link that names nobody finds its sandbox by whose token made it, however many others there are; a token of another
 * is not his; what is gone is not found. */
static void finds_signers(void **state)
{
    (void)state;
    enum { CROWD = 5 };
    char id[CROWD][32], token[CROWD][80], uri[512], path[64];
    for (size_t i = 0; i < CROWD; i++) {
        DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        assert_int_equal(made.status, 201);
        (void)snprintf(id[i], sizeof id[i], "%s", dm_said_str(&made, "sandboxID"));
        (void)snprintf(token[i], sizeof token[i], "%s", dm_said_str(&made, "envdAccessToken"));
        dm_rig_sign("a b.txt", "read", token[i], "", uri);
        expect_route(&(visit){.bare = "1", .uri = uri}, id[i]);
    }
    for (size_t i = 0; i < CROWD; i++) {
        dm_rig_sign("/x/+%.txt", "write", token[i], "99", uri); /* late: the agent says so */
        expect_route(&(visit){.bare = "1", .uri = uri, .method = "POST"}, id[i]);
        expect(&(visit){.bare = "1", .uri = uri}, "refuse", "401");
    }
    dm_rig_sign("a", "read", "no such token", "", uri);
    expect(&(visit){.bare = "1", .uri = uri}, "refuse", "401");
    expect(&(visit){.bare = "1", .uri = "/files?path=a"}, "refuse", "400");
    expect(&(visit){.bare = "1", .uri = "/files?path=a&signature=v1_"}, "refuse", "401");

    dm_rig_sign("a", "read", token[0], "", uri);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id[0]);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(paused.status, 204);
    expect(&(visit){.bare = "1", .uri = uri}, "refuse", "502");
    (void)snprintf(path, sizeof path, "/sandboxes/%s", id[0]);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", path, NULL);
    assert_int_equal(killed.status, 204);
    expect(&(visit){.bare = "1", .uri = uri}, "refuse", "502");
    dm_signers_free(rig.api.signers); /* a replica that starts now */
    assert_int_equal(dm_signers_new(rig.api.db, rig.api.master, rig.api.clock, &rig.api.signers, NULL), 0);
    expect(&(visit){.bare = "1", .uri = uri}, "refuse", "401");
    dm_rig_sign("a", "read", token[1], "", uri);
    expect_route(&(visit){.bare = "1", .uri = uri}, id[1]);

    DM_AUTO_SAID page = page_of(&(visit){.bare = "1", .reason = "bad_sign", .agent = "Mozilla/5.0"});
    assert_int_equal(page.status, 401);
    assert_string_equal(page.text, "{\"code\":401,\"message\":\"invalid signature\"}");
    DM_AUTO_SAID busy = page_of(&(visit){.bare = "1", .reason = "busy"});
    assert_int_equal(busy.status, 429);
    assert_string_equal(dm_said_header(&busy, "Retry-After"), "1");
}

/* A link in force wakes what traffic may wake, named or not; a late one does not. */
static void links_wake(void **state)
{
    (void)state;
    char path[64], uri[512], late[512];
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"autoPause\":true,\"autoResume\":{\"enabled\":true}}");
    const char *id = dm_said_str(&made, "sandboxID"), *token = dm_said_str(&made, "envdAccessToken");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    dm_rig_sign("a", "read", token, "", uri);
    dm_rig_sign("a", "read", token, "99", late);
    for (int named = 0; named < 2; named++) {
        visit v = {.uri = late};
        if (named)
            v.sid = id, v.port = "49983";
        else
            v.bare = "1";
        DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
        assert_int_equal(paused.status, 204);
        expect(&v, "refuse", "401");
        v.uri = uri;
        v.method = "POST"; /* signed for reading */
        expect(&v, "refuse", named ? "403" : "401");
        v.method = "GET";
        v.access = "wrong";
        expect(&v, "refuse", "403");
        v.access = NULL;
        expect_route(&v, id);
    }
    DM_AUTO_SAID page = page_of(&(visit){.bare = "1", .reason = "late_sign"});
    assert_string_equal(page.text, "{\"code\":401,\"message\":\"signature is already expired\"}");
}

static void internal_paths(void **state)
{
    (void)state;
    char path[64];
    static const char *const private[] = {
            "/init", "/init?a=b", "//init", "/./init", "/a/../init", "/%69nit", "/init/", "/upgrade", "/fsthaw"};
    static const char *const open[] = {"/", "", "/initx", "/a/init", "/init/x", "/%zz", "/health", "/Init"};
    for (size_t i = 0; i < DM_LEN(private); i++)
        if (!dm_door_internal(dm_str_c(private[i]), path))
            fail_msg("%s is private", private[i]);
    for (size_t i = 0; i < DM_LEN(open); i++)
        if (dm_door_internal(dm_str_c(open[i]), path))
            fail_msg("%s is open", open[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(passes, &rig), DM_RIG_TEST(refuses, &rig),
            DM_RIG_TEST(traffic_tokens_and_masks, &rig), DM_RIG_TEST(wakes, &rig), DM_RIG_TEST(pages, &rig),
            cmocka_unit_test(internal_paths), cmocka_unit_test(reads_signed_links), DM_RIG_TEST(finds_signers, &rig),
            DM_RIG_TEST(links_wake, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
