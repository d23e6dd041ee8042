/* Covers api/dm/project.c, tenants/who/sql_projects.c. */
#include <pthread.h>
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char projects[96]; /* of the demo account */
static const char demo[] = "/v1/projects/demo";

static dm_tenantrig_person person(const char *email, const char *role, bool whole_account)
{
    return dm_tenantrig_add_person(&rig.tenants, email, role, whole_account);
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, path, body);
    if (said.status != status)
        fail_msg("%s %s %s: %d, not %d: %s", method, path, body != NULL ? body : "", said.status, status, said.text);
}

static void refused_by(const dm_tenantrig_person *who, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, "POST", projects, body);
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s: %d, not %d %s: %s", body, said.status, status, rule, said.text);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(projects, sizeof projects, "/v1/accounts/%s/projects", rig.tenants.demo.project.account_id);
    return 0;
}

static void limit_is(int n)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.account_limit (account_no, name, value) SELECT account_no, 'projects_max', %d"
            " FROM dm.account WHERE legal_name = 'Demo' ON CONFLICT (account_no, name) DO UPDATE SET value = %d",
            n, n);
    dm_rig_sql(&rig, sql);
}

static void one_is_made_and_shown(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), dev = person("dev@m.test", "developer", false);
    DM_AUTO_SAID made = dm_rig_as_person(&rig, &own, "POST", projects, "{\"name\":\"Night shift\",\"slug\":\"night\"}");
    assert_int_equal(made.status, 201);
    assert_string_equal(dm_said_str(&made, "slug"), "night");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit a JOIN dm.project p USING (project_no)"
                                         " WHERE p.slug = 'night' AND a.verb = 'project.add'"
                                         " AND a.object = 'project:night'"),
            1);
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "GET", "/v1/projects/night", NULL);
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "name"), "Night shift");
    assert_string_equal(dm_said_str(&said, "region"), "local");
    assert_string_equal(dm_json_c(json_object_get(said.body, "account"), "id"), rig.tenants.demo.project.account_id);
    assert_string_equal(json_string_value(json_array_get(json_object_get(said.body, "roles"), 0)), "owner");
    assert_int_equal(json_integer_value(json_object_get(said.body, "members")), 1);
    expect(&dev, "GET", "/v1/projects/night", NULL, 404); /* he is in the other one */
    expect(&dev, "GET", demo, NULL, 200);
    DM_AUTO_SAID key = dm_rig_call(&rig, "GET", demo, NULL);
    assert_int_equal(key.status, 200);
    assert_int_equal(json_array_size(json_object_get(key.body, "roles")), 0);
}

static void all_are_listed_by_pages(void **state)
{
    (void)state;
    char path[256];
    dm_tenantrig_person view = person("view@m.test", "viewer", true), own = person("own@m.test", "owner", true);
    dm_rig_other(&rig);
    expect(&own, "POST", projects, "{\"name\":\"Two\"}", 201);
    expect(&own, "POST", projects, "{\"name\":\"Three\"}", 201);
    (void)snprintf(path, sizeof path, "%s?limit=2", projects);
    DM_AUTO_SAID first = dm_rig_as_person(&rig, &view, "GET", path, NULL);
    const json_t *rows = json_object_get(first.body, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_object_get(first.body, "total")), 3);
    assert_string_equal(dm_json_c(json_array_get(rows, 0), "slug"), "demo");
    assert_string_equal(dm_json_c(json_array_get(rows, 1), "slug"), "two");
    assert_string_equal(
            json_string_value(json_array_get(json_object_get(json_array_get(rows, 0), "roles"), 0)), "viewer");
    (void)snprintf(path, sizeof path, "%s?limit=2&cursor=%.100s", projects, dm_said_str(&first, "next"));
    DM_AUTO_SAID second = dm_rig_as_person(&rig, &view, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(second.body, "rows")), 1);
    assert_true(json_is_null(json_object_get(second.body, "next")));
    assert_null(strstr(second.text, "other"));
    (void)snprintf(path, sizeof path, "%s?limit=0", projects);
    expect(&view, "GET", path, NULL, 400);
}

static void who_may(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        int add, name;
    } all[] = {{"viewer", 403, 403}, {"developer", 403, 403}, {"billing", 403, 403}, {"admin", 201, 204},
            {"owner", 201, 204}};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        dm_tenantrig_person who = person(all[i].role, all[i].role, true);
        expect(&who, "GET", projects, NULL, 200);
        expect(&who, "POST", projects, "{\"name\":\"New\"}", all[i].add);
        expect(&who, "PATCH", demo, "{\"name\":\"Called so\"}", all[i].name);
    }
    dm_tenantrig_person only = person("only@m.test", "admin", false);
    expect(&only, "GET", projects, NULL, 404);
    expect(&only, "POST", projects, "{\"name\":\"New\"}", 404);
    expect(&only, "PATCH", demo, "{\"name\":\"His\"}", 204);
    DM_AUTO_SAID key = dm_rig_call(&rig, "PATCH", demo, "{\"name\":\"Key's\"}");
    assert_int_equal(key.status, 403);
}

/* Names are anybody's, slugs one project's: without one, one is found. */
static void slugs(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    refused_by(&own, "{\"name\":\"X\",\"slug\":\"demo\"}", 409, "project.slug_taken");
    expect(&own, "POST", projects, "{\"name\":\"X\",\"slug\":\"a\"}", 400);
    expect(&own, "POST", projects, "{\"name\":\"X\",\"slug\":\"Demo\"}", 400);
    expect(&own, "POST", projects, "{\"name\":\"X\",\"slug\":\"01234567-89ab-4def-8123-456789abcdef\"}", 400);
    expect(&own, "POST", projects, "{\"name\":\"\"}", 400);
    expect(&own, "POST", projects, "{}", 400);
    DM_AUTO_SAID marked = dm_rig_as_person(&rig, &own, "POST", projects, "{\"name\":\"Demo\"}");
    assert_int_equal(marked.status, 201);
    assert_memory_equal(dm_said_str(&marked, "slug"), "demo-", 5);
    assert_int_equal(strlen(dm_said_str(&marked, "slug")), 13);
}

static void so_many_and_no_more(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    limit_is(2);
    expect(&own, "POST", projects, "{\"name\":\"Two\"}", 201);
    refused_by(&own, "{\"name\":\"Three\"}", 429, "account.projects_max");
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", "/v1/projects/demo/limits", NULL);
    size_t i;
    const json_t *row = NULL, *found = NULL;
    json_array_foreach(json_object_get(said.body, "rows"), i, row)
    {
        if (strcmp(dm_json_c(row, "name"), "projects_max") == 0)
            found = row;
    }
    assert_int_equal(json_integer_value(json_object_get(found, "limit")), 2);
    assert_int_equal(json_integer_value(json_object_get(found, "used")), 2);
}

static void *add_one(void *arg)
{
    dm_rig_in *in = arg;
    DM_AUTO_SAID said = dm_rig_call_in(&rig, in, "POST", projects, "{\"name\":\"At once\"}");
    in->person.v = said.status;
    return NULL;
}

/* Four hands, room for one. */
static void at_once_as_many_as_there_is_room(void **state)
{
    (void)state;
    dm_rig_in in[4];
    pthread_t threads[4];
    limit_is(2);
    for (size_t i = 0; i < DM_LEN(in); i++)
        in[i] = dm_rig_person(&rig, "own@m.test", i == 0 ? "owner" : "", true);
    for (size_t i = 0; i < DM_LEN(in); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_one, &in[i]), 0);
    int64_t sum = 0;
    for (size_t i = 0; i < DM_LEN(in); i++) {
        (void)pthread_join(threads[i], NULL);
        sum += in[i].person.v;
    }
    assert_int_equal(sum, 201 + 3 * 429);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.project"), 2);
}

static void a_plan_without_prices_here(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_sql(&rig, "UPDATE dm.account SET currency = 'JPY' WHERE legal_name = 'Demo'");
    refused_by(&own, "{\"name\":\"New\"}", 409, "account.prices");
    dm_rig_sql(&rig, "UPDATE dm.account SET currency = 'CNY' WHERE legal_name = 'Demo'");
}

static void is_renamed(void **state)
{
    (void)state;
    char detail[256];
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    expect(&own, "PATCH", demo, "{\"name\":\"Night \\\"shift\\\"\"}", 204);
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "GET", demo, NULL);
    assert_string_equal(dm_said_str(&said, "name"), "Night \"shift\"");
    assert_true(dm_tenantrig_audited(
            &rig.tenants, rig.tenants.demo.project.owner, own.who, "project.change", "project:demo"));
    dm_tenantrig_text(&rig.tenants, "SELECT detail ->> 'was' FROM dm.audit ORDER BY audit_no DESC LIMIT 1", detail);
    assert_string_equal(detail, "Demo");
    expect(&own, "PATCH", demo, "{\"name\":\"X\",\"slug\":\"other\"}", 400); /* a slug is for ever */
    expect(&own, "PATCH", demo, "{\"name\":\"a\\nb\"}", 400);
    expect(&own, "PATCH", demo, "{}", 400);
}

static void a_blocked_account_makes_none(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'why'");
    expect(&own, "POST", projects, "{\"name\":\"New\"}", 403);
    expect(&own, "GET", projects, NULL, 200);
}

static void of_another_tenant(void **state)
{
    (void)state;
    char text[256], path[320];
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_other(&rig);
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.account WHERE legal_name = 'Other'", text);
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/projects", text);
    expect(&own, "GET", path, NULL, 404);
    expect(&own, "POST", path, "{\"name\":\"New\"}", 404);
    expect(&own, "GET", "/v1/projects/other", NULL, 404);
    expect(&own, "PATCH", "/v1/projects/other", "{\"name\":\"Mine\"}", 404);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(one_is_made_and_shown), TEST(all_are_listed_by_pages), TEST(who_may),
            TEST(slugs), TEST(so_many_and_no_more), TEST(at_once_as_many_as_there_is_room),
            TEST(a_plan_without_prices_here), TEST(is_renamed), TEST(a_blocked_account_makes_none),
            TEST(of_another_tenant)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
