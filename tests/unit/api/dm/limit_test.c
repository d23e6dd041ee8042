/* Covers api/dm/limit.c. */
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static const json_t *find(const dm_said *said, const char *name, const char *binds)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(said->body, "rows"), i, row)
    {
        if (strcmp(dm_json_c(row, "name"), name) == 0 && strcmp(dm_json_c(row, "binds"), binds) == 0)
            return row;
    }
    fail_msg("no %s of the %s: %s", name, binds, said->text);
    return NULL;
}

static void expect(const char *key, const char *target, int status)
{
    DM_AUTO_SAID said = dm_rig_call_as(&rig, key, "GET", target, NULL, NULL, 0);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", target, said.status, status, said.text);
}

static int64_t number(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

static void what_binds_what_is_used_and_who_set_it(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value, set_by, reason, until)"
                     " SELECT account_no, project_no, 'running_max', 7, 'operator:ada', 'a launch', '2999-01-01Z'"
                     " FROM dm.project WHERE slug = 'demo'");
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/projects/demo/limits", NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_json_c(said.body, "tier"), "payg");
    const json_t *own = find(&said, "running_max", "project"), *all = find(&said, "running_max", "account");
    assert_int_equal(number(own, "limit"), 7);
    assert_int_equal(number(own, "used"), 1);
    assert_string_equal(dm_json_c(own, "set_by"), "project");
    assert_string_equal(dm_json_c(own, "who"), "operator:ada");
    assert_string_equal(dm_json_c(own, "reason"), "a launch");
    assert_string_equal(dm_json_c(own, "until"), "2999-01-01T00:00:00.000000Z");
    assert_int_equal(number(all, "limit"), 1000);
    assert_int_equal(number(all, "used"), 1);
    assert_string_equal(dm_json_c(all, "set_by"), "tier");
    assert_null(json_object_get(all, "who"));
    assert_true(json_is_null(json_object_get(find(&said, "vcpus_max", "project"), "used")));
}

/* What was refused is refused no more in the moment in which the override is there, and again when it is over. */
static void an_override_binds_until_its_end(void **state)
{
    (void)state;
    static const char body[] = "{\"templateID\":\"base\"}";
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value, until)"
                     " SELECT account_no, project_no, 'running_max', 0, now() + interval '1 h' FROM dm.project");
    DM_AUTO_SAID no = dm_rig_call(&rig, "POST", "/sandboxes", body);
    assert_int_equal(no.status, 429);
    dm_rig_sql(&rig, "UPDATE dm.project_limit SET until = now() - interval '1 s'");
    DM_AUTO_SAID yes = dm_rig_call(&rig, "POST", "/sandboxes", body);
    assert_int_equal(yes.status, 201);
}

static void whose_they_are_to_read(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    expect(NULL, "/v1/projects/demo/limits", 200);
    expect(DM_RIG_OTHER_KEY, "/v1/projects/other/limits", 200);
    expect(DM_RIG_OTHER_KEY, "/v1/projects/demo/limits", 404);
    expect("", "/v1/projects/demo/limits", 401);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect(NULL, "/v1/projects/demo/limits", 200);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = '{sandbox.read}'");
    expect(NULL, "/v1/projects/demo/limits", 403);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = '{limit.read}'");
    expect(NULL, "/v1/projects/demo/limits", 200);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(what_binds_what_is_used_and_who_set_it, &rig),
            DM_RIG_TEST(an_override_binds_until_its_end, &rig), DM_RIG_TEST(whose_they_are_to_read, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
