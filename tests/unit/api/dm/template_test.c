/* What a project may make sandboxes of: its own and what is everybody's, with its own use of each and nobody else's. */
/* Covers api/dm/template.c, tenants/sandbox/sql_usable.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define T "/v1/projects/demo/templates"
#define MINE "000000000000000mine0"
#define SHOWN "00000000000000shown0"
#define HIDDEN "0000000000000hidden0"

static const char *str(const json_t *o, const char *name)
{
    const char *v = json_string_value(json_object_get(o, name));
    return v != NULL ? v : "";
}

static int64_t num(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static const json_t *row(const dm_said *s, size_t i)
{
    return json_array_get(json_object_get(s->body, "rows"), i);
}

static dm_said get(const char *key, const char *target)
{
    dm_said said = dm_rig_call_as(&rig, key, "GET", target, NULL, NULL, 0);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return said;
}

static int clean(void **state)
{
    dm_rig_sql(&rig, "DELETE FROM dm.template_tag WHERE template_id LIKE '0000%'; DELETE FROM dm.template_build WHERE"
                     " template_id LIKE '0000%'; DELETE FROM dm.template WHERE template_id LIKE '0000%'");
    return dm_rig_after(state);
}

/* A template of a project with a build that is ready, which the tag default names, and one that is not. */
static void make(const char *slug, const char *id, const char *alias, bool public)
{
    char sql[2048];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.template (account_no, project_no, template_id, public, created_at) SELECT account_no,"
            " project_no, '%s', %s, now() + interval '1 h' FROM dm.project WHERE slug = '%s';",
            id, public ? "true" : "false", slug);
    dm_rig_sql(&rig, sql);
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.template_alias SELECT account_no, project_no, '%s', template_id FROM dm.template t"
            " WHERE template_id = '%s';"
            "INSERT INTO dm.template_build (account_no, project_no, template_id, status, image, vcpus, mem_mib,"
            " disk_mib, created_at) SELECT account_no, project_no, template_id, s, 'base', 2, 512, 1024,"
            " now() + (s = 'building')::int * interval '1 s' FROM dm.template,"
            " unnest(ARRAY['ready', 'building']) s WHERE template_id = '%s';"
            "INSERT INTO dm.template_tag (account_no, project_no, template_id, tag, build_id) SELECT account_no,"
            " project_no, template_id, 'default', build_id FROM dm.template_build WHERE template_id = '%s'"
            " AND status = 'ready'",
            alias, id, id, id);
    dm_rig_sql(&rig, sql);
}

static void its_own_and_everybodys(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    make("other", HIDDEN, "hidden", false);
    make("other", SHOWN, "shown", true);
    make("demo", MINE, "mine", false);
    DM_AUTO_SAID said = get(NULL, T);
    assert_int_equal(num(said.body, "total"), 3);
    assert_string_equal(str(row(&said, 0), "id"), MINE);
    assert_string_equal(str(row(&said, 1), "id"), SHOWN);
    const json_t *mine = row(&said, 0), *shown = row(&said, 1);
    assert_true(json_is_true(json_object_get(mine, "own")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(mine, "names"), 0)), "demo/mine");
    assert_string_equal(str(json_object_get(mine, "build"), "status"), "ready"); /* the tag's, not the newest */
    assert_int_equal(num(json_object_get(json_object_get(mine, "build"), "spec"), "memory_mib"), 512);
    assert_int_equal(num(mine, "build_count"), 2);
    assert_true(json_is_false(json_object_get(shown, "own")));
    assert_int_equal(num(shown, "build_count"), 1); /* what another has not finished is his own */
    DM_AUTO_SAID others = get(DM_RIG_OTHER_KEY, "/v1/projects/other/templates");
    assert_int_equal(num(others.body, "total"), 3); /* both of his, and the demo's public one */
    assert_null(strstr(others.text, MINE));
    DM_AUTO_SAID foreign = dm_rig_call(&rig, "GET", "/v1/projects/other/templates", NULL);
    assert_int_equal(foreign.status, 404);
}

static void one_with_its_builds(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    make("demo", MINE, "mine", false);
    make("other", SHOWN, "shown", true);
    make("other", HIDDEN, "hidden", false);
    DM_AUTO_SAID mine = get(NULL, T "/mine");
    const json_t *builds = mine.body;
    assert_string_equal(dm_said_str(&mine, "id"), MINE);
    assert_int_equal(num(builds, "total"), 2);
    const json_t *newest = json_array_get(json_object_get(builds, "rows"), 0);
    assert_string_equal(str(newest, "status"), "building");
    assert_int_equal(json_array_size(json_object_get(newest, "tags")), 0);
    DM_AUTO_SAID first = get(NULL, T "/" MINE "?limit=1");
    char target[256];
    (void)snprintf(target, sizeof target, T "/mine?limit=1&cursor=%s", dm_said_str(&first, "next"));
    DM_AUTO_SAID second = get(NULL, target);
    builds = second.body;
    assert_string_equal(str(json_array_get(json_object_get(builds, "rows"), 0), "status"), "ready");
    assert_true(json_is_null(json_object_get(builds, "next")));
    DM_AUTO_SAID shown = get(NULL, T "/" SHOWN);
    builds = shown.body;
    assert_int_equal(json_array_size(json_object_get(builds, "rows")), 1);
    static const char *const none[] = {T "/" HIDDEN, T "/hidden", T "/nothing", T "/%27"};
    for (size_t i = 0; i < DM_LEN(none); i++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", none[i], NULL);
        assert_int_equal(said.status, 404);
        assert_non_null(strstr(said.text, "template.unknown"));
    }
}

static void by_pages(void **state)
{
    char target[256];
    (void)state;
    make("demo", MINE, "mine", false);
    DM_AUTO_SAID first = get(NULL, T "?limit=1");
    assert_string_equal(str(row(&first, 0), "id"), MINE);
    assert_int_equal(num(first.body, "total"), 2);
    (void)snprintf(target, sizeof target, T "?limit=1&cursor=%s", dm_said_str(&first, "next"));
    DM_AUTO_SAID second = get(NULL, target);
    assert_string_equal(json_string_value(json_array_get(json_object_get(row(&second, 0), "aliases"), 0)), "base");
    assert_true(json_is_null(json_object_get(second.body, "next")));
    assert_int_equal(num(second.body, "total"), 2);
    DM_AUTO_SAID bad = dm_rig_call(&rig, "GET", T "?cursor=x", NULL);
    assert_int_equal(bad.status, 400);
}

/* What this project started of it, and not what others did. */
static void its_own_use(void **state)
{
    char id[32], target[64];
    (void)state;
    dm_rig_other(&rig);
    DM_AUTO_SAID before = get(NULL, T "/base");
    assert_int_equal(num(json_object_get(before.body, "spawns"), "started"), 0);
    assert_true(json_is_null(json_object_get(json_object_get(before.body, "spawns"), "last_at")));
    dm_rig_create(&rig, "", id);
    (void)snprintf(target, sizeof target, "/sandboxes/%s", id);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", target, NULL);
    assert_int_equal(killed.status, 204);
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID after = get(NULL, T "/base");
    const json_t *spawns = json_object_get(after.body, "spawns");
    assert_int_equal(num(spawns, "started"), 2);
    assert_int_equal(num(spawns, "running"), 1);
    assert_true(json_is_string(json_object_get(spawns, "last_at")));
    DM_AUTO_SAID others = get(DM_RIG_OTHER_KEY, "/v1/projects/other/templates/base");
    assert_int_equal(num(json_object_get(others.body, "spawns"), "started"), 0);
    assert_int_equal(num(json_object_get(others.body, "spawns"), "running"), 0);
}

static void to_whoever_may_read(void **state)
{
    (void)state;
    dm_rig_in viewer = dm_rig_person(&rig, "v@x.test", "viewer", false),
              billing = dm_rig_person(&rig, "b@x.test", "billing", true);
    DM_AUTO_SAID seen = dm_rig_call_in(&rig, &viewer, "GET", T, NULL);
    assert_int_equal(seen.status, 200);
    DM_AUTO_SAID not = dm_rig_call_in(&rig, &billing, "GET", T, NULL);
    assert_int_equal(not .status, 403);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    DM_AUTO_SAID blocked = dm_rig_call(&rig, "GET", T, NULL);
    assert_int_equal(blocked.status, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, NULL, clean, &rig)
    const struct CMUnitTest tests[] = {TEST(its_own_and_everybodys), TEST(one_with_its_builds), TEST(by_pages),
            TEST(its_own_use), TEST(to_whoever_may_read)};
#undef TEST
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
