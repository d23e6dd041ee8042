/* Covers api/dm/audit.c, api/dm/csv.c, tenants/plan/sql_audit.c. */
#include <stdio.h>

#include "api/dm/csv.h"
#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_tenantrig_person owner;

static void line(const char *project, const char *who, const char *verb, const char *object, const char *detail)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.audit (account_no, project_no, who, verb, object, detail) SELECT a.account_no, coalesce("
            "(SELECT project_no FROM dm.project WHERE slug = '%s'), 0), '%s', '%s', '%s', '%s' FROM dm.account a"
            " WHERE a.legal_name = 'Demo'",
            project, who, verb, object, detail);
    dm_rig_sql(&rig, sql);
}

static int begin(void **state)
{
    (void)state;
    owner = dm_tenantrig_add_person(&rig.tenants, "own@a.test", "owner", true);
    return 0;
}

static dm_said ask(const char *what)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/v1/projects/demo/audit%s", what);
    return dm_rig_as_person(&rig, &owner, "GET", path, NULL);
}

static size_t count(const char *what)
{
    DM_AUTO_SAID said = ask(what);
    if (said.status != 200)
        fail_msg("%s: %d %s", what, said.status, said.text);
    return json_array_size(json_object_get(said.body, "rows"));
}

static void is_searched(void **state)
{
    (void)state;
    line("demo", "person:s1", "s.one", "x:1", "{\"a\": 1}");
    line("demo", "person:s1", "s.two", "x:2", "{}");
    line("demo", "operator:s2", "s.two", "x:3", "{}");
    line("", "person:s1", "s.account", "x:4", "{}");
    assert_int_equal(count("?who=person:s1"), 2);
    assert_int_equal(count("?verb=s.two"), 2);
    assert_int_equal(count("?verb=s."), 3);
    assert_int_equal(count("?verb=s.&who=operator:s2"), 1);
    assert_int_equal(count("?verb=s.&from=2999-01-01T00:00:00Z"), 0);
    assert_int_equal(count("?verb=s.&to=2000-01-01T00:00:00Z"), 0);
    assert_int_equal(count("?verb=s.&from=2000-01-01T00:00:00Z&to=2999-01-01T00:00:00Z"), 3);
    DM_AUTO_SAID one = ask("?verb=s.one");
    const json_t *row = json_array_get(json_object_get(one.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "object"), "x:1");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "detail"), "a")), 1);
    /* The account's shows all its projects' lines and its own. */
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/audit?verb=s.", rig.tenants.demo.project.account_id);
    DM_AUTO_SAID all = dm_rig_as_person(&rig, &owner, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(all.body, "rows")), 4);
}

static void pages(void **state)
{
    (void)state;
    char query[256] = "?verb=p.x&limit=2";
    for (int i = 0; i < 5; i++)
        line("demo", "person:p", "p.x", i == 4 ? "newest" : "x", "{}");
    for (int page = 0; page < 3; page++) {
        DM_AUTO_SAID said = ask(query);
        const json_t *rows = json_object_get(said.body, "rows");
        assert_int_equal(json_array_size(rows), page < 2 ? 2 : 1);
        if (page == 0)
            assert_string_equal(dm_json_c(json_array_get(rows, 0), "object"), "newest");
        assert_int_equal(json_is_null(json_object_get(said.body, "next")), page == 2);
        assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 5);
        (void)snprintf(query, sizeof query, "?verb=p.x&limit=2&cursor=%s", dm_said_str(&said, "next"));
    }
}

static void as_a_table(void **state)
{
    (void)state;
    line("demo", "person:c", "c.x", "=HYPERLINK(\"http://evil\")", "{\"b\": \"c\"}");
    DM_AUTO_SAID said = ask("?verb=c.x&format=csv");
    assert_int_equal(said.status, 200);
    assert_true(dm_str_starts(dm_str_c(said.text), DM_STR("\"at\",\"who\",\"verb\",\"object\",\"detail\"\r\n\"20")));
    assert_non_null(strstr(
            said.text, ",\"person:c\",\"c.x\",\"'=HYPERLINK(\"\"http://evil\"\")\",\"{\"\"b\"\": \"\"c\"\"}\"\r\n"));
    assert_non_null(strstr(dm_said_header(&said, "Content-Disposition"), "attachment"));
    static const char *const guarded[] = {"=1", "+1", "-1", "@x", "\tx", "\rx", "\nx"};
    for (size_t i = 0; i < DM_LEN(guarded); i++) {
        DM_AUTO_BUF b;
        const dm_str cell = dm_str_c(guarded[i]);
        dm_buf_init(&b, 64);
        dm_csv_line(&b, &cell, 1);
        assert_memory_equal(b.p, "\"'", 2);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"?from=x", "?to=1", "?format=xml", "?limit=0", "?limit=1001", "?cursor=x"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO_SAID said = ask(bad[i]);
        assert_int_equal(said.status, 400);
    }
    static const struct {
        const char *role;
        bool whole;
        int status;
    } roles[] = {{"viewer", false, 403}, {"developer", false, 403}, {"billing", true, 403}, {"admin", false, 200}};
    for (size_t i = 0; i < DM_LEN(roles); i++) {
        char email[64];
        (void)snprintf(email, sizeof email, "%s@a.test", roles[i].role);
        dm_tenantrig_person p = dm_tenantrig_add_person(&rig.tenants, email, roles[i].role, roles[i].whole);
        DM_AUTO_SAID said = dm_rig_as_person(&rig, &p, "GET", "/v1/projects/demo/audit", NULL);
        assert_int_equal(said.status, roles[i].status);
    }
    dm_rig_other(&rig);
    DM_AUTO_SAID theirs = dm_rig_as_person(&rig, &owner, "GET", "/v1/projects/other/audit", NULL);
    assert_int_equal(theirs.status, 404);
    DM_AUTO_SAID key = dm_rig_call(&rig, "GET", "/v1/projects/demo/audit", NULL);
    assert_int_equal(key.status, 403);
}

/* Nobody changes it: not the superuser, not the owner of the table, not where triggers are looked past. */
static void is_only_added_to(void **state)
{
    (void)state;
    static const char *const tries[] = {"UPDATE dm.audit SET who = 'x'", "DELETE FROM dm.audit", "TRUNCATE dm.audit",
            "SET ROLE dm_migrate; DELETE FROM dm.audit",
            "SET session_replication_role = replica; DELETE FROM dm.audit"};
    line("demo", "person:k", "k.x", "x", "{}");
    int64_t n = dm_rig_number(&rig, "SELECT count(*) FROM dm.audit");
    for (size_t i = 0; i < DM_LEN(tries); i++) {
        dm_err err = {0};
        dm_pg *c = dm_tenantrig_open(&rig.tenants);
        assert_true(dm_pg_script(c, tries[i], &err) < 0);
        assert_says(err, "only added to");
        dm_pg_close(c);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.audit"), n);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {
            TEST(is_searched), TEST(pages), TEST(as_a_table), TEST(what_is_refused), TEST(is_only_added_to)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
