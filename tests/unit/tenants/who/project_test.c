/* Covers tenants/who/sql_project.c. */
#include <stdio.h>

#include "tenants/who/project.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

typedef struct work {
    const char *account, *slug, *name, *region;
    dm_project project;
} work;

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_project_add(c, "operator:ada", w->account, w->slug, w->name, w->region, &w->project, err);
}

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_project_find(c, w->slug, &w->project, err);
}

static void is_added_told_and_found(void **state)
{
    (void)state;
    dm_err err = {0};
    work made = {.account = rig.demo.project.account_id, .slug = "a-project_1", .name = "A", .region = "local"};
    assert_int_equal(dm_tenantrig_as_ops(&rig, add, &made, &err), 0);
    assert_int_equal(made.project.owner.account.v, rig.demo.project.owner.account.v);
    assert_int_not_equal(made.project.owner.project.v, rig.demo.project.owner.project.v);
    assert_true(dm_uuid_ok(dm_str_c(made.project.id)));
    assert_true(dm_tenantrig_audited(&rig, made.project.owner, "operator:ada", "project.add", "project:a-project_1"));
    work found = {.slug = "a-project_1"};
    assert_int_equal(dm_tenantrig_as_ops(&rig, find, &found, &err), 0);
    assert_int_equal(found.project.owner.account.v, made.project.owner.account.v);
    assert_int_equal(found.project.owner.project.v, made.project.owner.project.v);
    assert_string_equal(found.project.id, made.project.id);
    assert_string_equal(found.project.account_id, rig.demo.project.account_id);
    work none = {.slug = "nosuch"};
    assert_int_equal(dm_tenantrig_as_ops(&rig, find, &none, &err), DM_PROJECT_NONE);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    const char *account = rig.demo.project.account_id;
    const struct {
        work w;
        int is;
    } cases[] = {
            {{.account = "00000000-0000-4000-8000-000000000000", .slug = "x", .name = "X", .region = "local"},
                    DM_PROJECT_NONE},
            {{.account = account, .slug = "x", .name = "X", .region = "moon"}, DM_PROJECT_NONE},
            {{.account = account, .slug = "demo", .name = "X", .region = "local"}, DM_E_EXISTS},
            {{.account = account, .slug = "A B", .name = "X", .region = "local"}, DM_E_INVALID},
            {{.account = account, .slug = "", .name = "X", .region = "local"}, DM_E_INVALID},
            {{.account = account, .slug = "x", .name = "", .region = "local"}, DM_E_INVALID},
    };
    int64_t projects = dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.project");
    int64_t audits = dm_tenantrig_audits(&rig);
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_err err = {0};
        work w = cases[i].w;
        assert_int_equal(dm_tenantrig_as_ops(&rig, add, &w, &err), cases[i].is);
    }
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.project"), projects);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(is_added_told_and_found), cmocka_unit_test(what_cannot_be_is_refused)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
