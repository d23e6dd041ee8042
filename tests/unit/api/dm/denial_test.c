/* What was refused is there for its owner, and nobody else; a flood of it takes a bounded number of rows. */
/* Covers api/dm/denial.c, api/kit/refusals.c, tenants/plan/sql_denials.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static void written(void)
{
    dm_err err = {0};
    uint64_t dropped = 0;
    if (dm_refusals_write(rig.api.refusals, rig.api.ops, &dropped, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(dropped, 0);
}

static int clean(void **state)
{
    dm_err err = {0};
    uint64_t dropped = 0;
    int r = dm_refusals_write(rig.api.refusals, rig.api.ops, &dropped, &err);
    return r < 0 ? r : dm_rig_after(state);
}

static void expect(const char *key, const char *method, const char *target, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_call_as(&rig, key, method, target, body, NULL, 0);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", target, said.status, status, said.text);
}

static dm_said list(const char *query)
{
    char target[256];
    (void)snprintf(target, sizeof target, "/v1/projects/demo/denials%s", query);
    dm_said said = dm_rig_call(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return said;
}

static json_t *rows_of(const dm_said *said)
{
    return json_object_get(said->body, "rows");
}

static const char *rule_of(const dm_said *said, size_t i)
{
    const char *rule = dm_json_c(json_object_get(json_array_get(rows_of(said), i), "denial"), "rule");
    return rule != NULL ? rule : "";
}

static int64_t limit_denied(const char *name, const char *binds)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/projects/demo/limits", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(&said), i, row)
    {
        if (strcmp(dm_json_c(row, "name"), name) == 0 && strcmp(dm_json_c(row, "binds"), binds) == 0)
            return json_integer_value(json_object_get(row, "denied_24h"));
    }
    return -1;
}

static void of_each_kind(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'running_max', 0 FROM dm.project WHERE slug = 'demo'");
    expect(NULL, "POST", "/sandboxes", "{\"templateID\":\"base\"}", 429); /* a denial of a handler */
    expect(NULL, "POST", "/sandboxes", "{", 400);                         /* a failure of one */
    expect(NULL, "GET", "/sandboxes/i00000000000000000001", NULL, 404);   /* of a sandbox */
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect(NULL, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}", 403);                /* of the gate */
    expect("e2b_0000000000000000000000000000000000000000", "GET", "/sandboxes", NULL, 401); /* nobody's */
    written();
    DM_AUTO_SAID said = list("");
    assert_int_equal(json_array_size(rows_of(&said)), 4);
    assert_string_equal(rule_of(&said, 0), "auth.forbidden");
    assert_string_equal(rule_of(&said, 1), "sandbox.unknown");
    assert_string_equal(rule_of(&said, 2), "request.invalid");
    assert_string_equal(rule_of(&said, 3), "project.running_max");
    const json_t *unknown = json_array_get(rows_of(&said), 1), *full = json_array_get(rows_of(&said), 3);
    assert_string_equal(dm_json_c(unknown, "sandbox"), "i00000000000000000001");
    assert_true(json_is_null(json_object_get(full, "sandbox")));
    assert_int_equal(json_integer_value(json_object_get(full, "count")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(full, "denial"), "limit")), 0);
    assert_non_null(strstr(dm_json_c(full, "who"), dm_json_c(full, "key")));
    assert_int_equal(limit_denied("running_max", "project"), 1);
    assert_int_equal(limit_denied("running_max", "account"), 0);
}

static void from_to_rule_and_pages(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        expect(NULL, "GET", "/sandboxes/i00000000000000000001", NULL, 404);
    expect(NULL, "POST", "/sandboxes", "{", 400);
    written();
    DM_AUTO_SAID one = list("?rule=request.invalid");
    assert_int_equal(json_array_size(rows_of(&one)), 1);
    DM_AUTO_SAID none = list("?rule=nonsense");
    assert_int_equal(json_array_size(rows_of(&none)), 0);
    DM_AUTO_SAID later = list("?from=2999-01-01T00:00:00Z");
    assert_int_equal(json_array_size(rows_of(&later)), 0);
    DM_AUTO_SAID before = list("?to=2001-01-01T00:00:00Z");
    assert_int_equal(json_array_size(rows_of(&before)), 0);
    char query[256];
    DM_AUTO_SAID first = list("?limit=3");
    assert_int_equal(json_array_size(rows_of(&first)), 3);
    (void)snprintf(query, sizeof query, "?limit=3&cursor=%s", dm_said_str(&first, "next"));
    DM_AUTO_SAID rest = list(query);
    assert_int_equal(json_array_size(rows_of(&rest)), 1);
    assert_true(json_is_null(json_object_get(rest.body, "next")));
    assert_int_equal(json_integer_value(json_object_get(rest.body, "total")), 4);
    assert_true(json_is_false(json_object_get(rest.body, "total_is_least")));
    expect(NULL, "GET", "/v1/projects/demo/denials?from=yesterday", NULL, 400);
}

/* Of one rule: so many rows an hour, and no refusal uncounted. */
static void a_flood_takes_so_many_rows(void **state)
{
    (void)state;
    enum { WRITES = 12, EACH = 50 };
    for (int w = 0; w < WRITES; w++) {
        for (int i = 0; i < EACH; i++)
            expect(NULL, "GET", "/sandboxes/i00000000000000000001", NULL, 404);
        written();
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.denial"), 60);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(count) FROM dm.denial"), WRITES * EACH);
}

/* Many rules of one project take a quarter of the places; another's refusal has one. */
static void a_project_has_its_share(void **state)
{
    (void)state;
    enum { RULES = DM_REFUSALS_MAX / DM_SHARE };
    dm_refusals *r = NULL;
    dm_err err = {0};
    uint64_t dropped = 0;
    const dm_owner demo = rig.tenants.demo.project.owner;
    const dm_owner beside = {.account = demo.account, .project = {demo.project.v + 1000}};
    char rule[32];
    assert_int_equal(dm_refusals_new(&dm_clock_real, &r, &err), 0);
    for (int i = 0; i < RULES + 7; i++) {
        (void)snprintf(rule, sizeof rule, "r%d", i);
        const dm_denial d = {.what = "x", .rule = rule, .retry_after_s = -1, .cure = "", .doc = ""};
        dm_refusals_add(r, &(dm_refusal){.owner = demo, .who = "key:x", .sandbox = {"", 0}, .denial = &d});
    }
    const dm_denial d = {.what = "x", .rule = "other", .retry_after_s = -1, .cure = "", .doc = ""};
    dm_refusals_add(r, &(dm_refusal){.owner = beside, .who = "key:y", .sandbox = {"", 0}, .denial = &d});
    assert_int_equal(dm_refusals_write(r, rig.api.ops, &dropped, &err), 0);
    assert_int_equal(dropped, 7);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.denial"), RULES + 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.denial WHERE rule = 'other'"), 1);
    dm_refusals_free(r);
}

static void kept_for_a_week(void **state)
{
    (void)state;
    expect(NULL, "GET", "/sandboxes/i00000000000000000001", NULL, 404);
    written();
    dm_rig_sql(&rig, "UPDATE dm.denial SET at = now() - interval '7 days 1 s'");
    expect(NULL, "POST", "/sandboxes", "{", 400);
    written();
    DM_AUTO_SAID said = list("");
    assert_int_equal(json_array_size(rows_of(&said)), 1);
    assert_string_equal(rule_of(&said, 0), "request.invalid");
}

static void whose_they_are_to_read(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    expect(NULL, "GET", "/sandboxes/i00000000000000000001", NULL, 404);
    written();
    DM_AUTO_SAID theirs = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/projects/other/denials", NULL, NULL, 0);
    assert_int_equal(theirs.status, 200);
    assert_int_equal(json_array_size(rows_of(&theirs)), 0);
    expect(DM_RIG_OTHER_KEY, "GET", "/v1/projects/demo/denials", NULL, 404);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = '{sandbox.read}'");
    expect(NULL, "GET", "/v1/projects/demo/denials", NULL, 403);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = NULL");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, NULL, clean, &rig)
    const struct CMUnitTest tests[] = {TEST(of_each_kind), TEST(from_to_rule_and_pages),
            TEST(a_flood_takes_so_many_rows), TEST(a_project_has_its_share), TEST(kept_for_a_week),
            TEST(whose_they_are_to_read)};
#undef TEST
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
