/* Covers api/ops/sandbox.c, tenants/sandbox/seen.c, tenants/sandbox/sql_seen.c, api/life/kill.c. */
#include <stdio.h>

#include "api/life/sweep.h"
#include "tenants/sandbox/sandbox.h"
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const char *rule(const dm_said *s)
{
    const char *v = json_string_value(json_object_get(json_object_get(s->body, "denial"), "rule"));
    return v != NULL ? v : "";
}

static size_t found(const char *query)
{
    char target[256];
    (void)snprintf(target, sizeof target, "/v1/ops/sandboxes?%s", query);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return json_array_size(json_object_get(said.body, "rows"));
}

static void of_all_tenants(void **state)
{
    (void)state;
    char one[32], two[32], query[128];
    dm_rig_create(&rig, "", one);
    dm_rig_create(&rig, "", two);
    dm_rig_other(&rig);
    DM_AUTO_SAID said =
            dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v2/sandboxes", "{\"templateID\":\"demo/base\"}", NULL, 0);
    assert_int_equal(said.status, 201);
    assert_int_equal(found(""), 3);
    assert_int_equal(found("project=demo"), 2);
    assert_int_equal(found("project=other&state=running"), 1);
    assert_int_equal(found("state=paused"), 0);
    assert_int_equal(found("worker=1"), 3);
    assert_int_equal(found("worker=2"), 0);
    (void)snprintf(query, sizeof query, "account=%s", rig.tenants.demo.project.account_id);
    assert_int_equal(found(query), 2);
    (void)snprintf(query, sizeof query, "id=%.12s", one);
    assert_int_equal(found(query), 1);
    (void)snprintf(query, sizeof query, "id=%s", one);
    assert_int_equal(found(query), 1);
    DM_AUTO_SAID row = dm_rig_operate(&rig, "GET", "/v1/ops/sandboxes?project=other", NULL);
    const json_t *s = json_array_get(json_object_get(row.body, "rows"), 0);
    assert_string_equal(dm_json_c(s, "id"), dm_said_str(&said, "sandboxID"));
    assert_string_equal(dm_json_c(s, "account_name"), "Other");
    assert_string_equal(dm_json_c(s, "state"), "running");
    assert_int_equal(json_integer_value(json_object_get(s, "worker")), 1);
    assert_int_equal(json_integer_value(json_object_get(s, "mem_mib")), 256);
    assert_null(strstr(row.text, "token"));
    assert_true(json_is_null(json_object_get(s, "expires_at")));
    dm_rig_sql(&rig,
            "INSERT INTO dm.expiry SELECT account_no, project_no, sandbox_id, epoch, now(), "
            "'2027-01-31T12:00:00Z' FROM dm.sandbox; UPDATE dm.sandbox SET state = 'paused', cause = 'paused', "
            "paused_at = now() WHERE sandbox_id "
            "IN (SELECT sandbox_id FROM dm.sandbox JOIN dm.project p USING (project_no) WHERE slug = 'other')");
    DM_AUTO_SAID asleep = dm_rig_operate(&rig, "GET", "/v1/ops/sandboxes?project=other", NULL);
    s = json_array_get(json_object_get(asleep.body, "rows"), 0);
    assert_string_equal(dm_json_c(s, "expires_at"), "2027-01-31T12:00:00.000000Z");
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET epoch = epoch + 1 WHERE state = 'paused'"); /* another sleep */
    DM_AUTO_SAID awake = dm_rig_operate(&rig, "GET", "/v1/ops/sandboxes?project=other", NULL);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(awake.body, "rows"), 0), "expires_at")));
    static const char *const bad[] = {
            "state=happy", "worker=x", "account=x", "id=q", "id=I0", "id=i000000000000000000000"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        char target[96];
        (void)snprintf(target, sizeof target, "/v1/ops/sandboxes?%s", bad[i]);
        DM_AUTO_SAID no = dm_rig_operate(&rig, "GET", target, NULL);
        assert_int_equal(no.status, 400);
    }
}

/* Newest first, each of them once. */
static void page_by_page(void **state)
{
    (void)state;
    char ids[5][32], target[256] = "/v1/ops/sandboxes?limit=2", last[32] = "";
    size_t n = 0;
    for (size_t i = 0; i < DM_LEN(ids); i++)
        dm_rig_create(&rig, "", ids[i]);
    for (int page = 0; target[0] != '\0'; page++) {
        assert_true(page < 4);
        DM_AUTO_SAID said = dm_rig_operate(&rig, "GET", target, NULL);
        const json_t *rows = json_object_get(said.body, "rows");
        for (size_t i = 0; i < json_array_size(rows); i++, n++)
            (void)snprintf(last, sizeof last, "%s", dm_json_c(json_array_get(rows, i), "id"));
        assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 5);
        target[0] = '\0';
        if (!json_is_null(json_object_get(said.body, "next")))
            (void)snprintf(target, sizeof target, "/v1/ops/sandboxes?limit=2&cursor=%s", dm_said_str(&said, "next"));
    }
    assert_int_equal(n, 5);
    assert_string_equal(last, ids[0]);
}

static const char *text_of(const char *sql)
{
    static char text[256];
    dm_tenantrig_text(&rig.tenants, sql, text);
    return text;
}

/* Its owner reads who did it, and why. */
static void one_is_ended(void **state)
{
    (void)state;
    char id[32], target[64], want[128];
    int64_t epoch, end_us;
    dm_rig_create(&rig, "", id);
    (void)snprintf(target, sizeof target, "/v1/ops/sandboxes/%s", id);
    DM_AUTO_SAID mute = dm_rig_operate(&rig, "DELETE", target, NULL);
    assert_int_equal(mute.status, 400);
    assert_string_equal(rule(&mute), "ops.reason");
    DM_AUTO_SAID said = dm_rig_operate(&rig, "DELETE", target, "{\"reason\":\"it attacks others\"}");
    assert_int_equal(said.status, 204);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, &end_us), "");
    assert_string_equal(text_of("SELECT state || ' ' || cause FROM dm.sandbox"), "ended operator_killed");
    (void)snprintf(want, sizeof want, "demo operator:ada sandbox.kill sandbox:%s it attacks others", id);
    assert_string_equal(text_of("SELECT concat_ws(' ', p.slug, who, verb, object, detail->>'reason') FROM dm.audit"
                                " JOIN dm.project p USING (account_no, project_no) ORDER BY audit_no DESC LIMIT 1"),
            want);
    DM_AUTO_SAID again = dm_rig_operate(&rig, "DELETE", target, "{\"reason\":\"x\"}");
    assert_int_equal(again.status, 404);
    assert_int_equal(found("state=ended"), 1);
    assert_int_equal(found(""), 0);
}

/* Its worker is away: no door opens to it from now on, and whoever finishes it ends it for the same reason. */
static void what_its_worker_did_not_hear_the_sweep_finishes(void **state)
{
    (void)state;
    char id[32], target[64];
    unsigned done = 0;
    dm_err err = {0};
    dm_rig_create(&rig, "", id);
    (void)snprintf(target, sizeof target, "/v1/ops/sandboxes/%s", id);
    dm_fakeworker_away(rig.worker, true);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "DELETE", target, "{\"reason\":\"it attacks others\"}");
    assert_int_equal(said.status, 503);
    dm_fakeworker_away(rig.worker, false);
    assert_int_equal(dm_sweep(&rig.api, rig.api.dispatch, &done, &err), 0);
    assert_int_equal(done, 1);
    assert_string_equal(text_of("SELECT state || ' ' || cause FROM dm.sandbox"), "ended operator_killed");
}

typedef struct condemning {
    dm_sandbox_id id;
    int outcome;
} condemning;

static int condemn(dm_pg *c, void *arg, dm_err *err)
{
    condemning *w = arg;
    w->outcome = dm_sandbox_condemn(c, &w->id, "operator:ada", "too many", dm_wall_us(&dm_clock_real), err);
    return w->outcome;
}

/* The command line's way: a row alone, which the API's sweep carries out. One that sleeps too; none twice. */
static void a_row_is_enough(void **state)
{
    (void)state;
    char id[32], target[64];
    unsigned done = 0;
    dm_err err = {0};
    condemning w = {.outcome = 0};
    dm_rig_create(&rig, "", id);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", target, NULL);
    assert_int_equal(paused.status, 204);
    assert_int_equal(dm_sandbox_id_parse(dm_str_c(id), &w.id, &err), 0);
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, condemn, &w, &err), 0);
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, condemn, &w, &err), DM_SANDBOX_NONE);
    (void)snprintf(target, sizeof target, "/sandboxes/%s", id);
    DM_AUTO_SAID gone = dm_rig_call(&rig, "GET", target, NULL);
    assert_int_equal(gone.status, 404);
    assert_int_equal(dm_sweep(&rig.api, rig.api.dispatch, &done, &err), 0);
    assert_string_equal(text_of("SELECT state || ' ' || cause FROM dm.sandbox"), "ended operator_killed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(of_all_tenants, &rig),
            DM_RIG_TEST(page_by_page, &rig),
            DM_RIG_TEST(one_is_ended, &rig),
            DM_RIG_TEST(what_its_worker_did_not_hear_the_sweep_finishes, &rig),
            DM_RIG_TEST(a_row_is_enough, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
