/* Covers tenants/sandbox/sql_quota.c. */
#include "tenants/sandbox/quota.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

typedef struct taking {
    dm_owner owner;
    dm_quota_size size;
    dm_limits limits;
    dm_quota_over over;
} taking;

static int do_take(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    return dm_quota_take(c, t->owner, &t->size, &t->limits, &t->over, err);
}

static int do_give(dm_pg *c, void *arg, dm_err *err)
{
    const taking *t = arg;
    return dm_quota_give(c, t->owner, &t->size, 0, err);
}

static int take(dm_owner owner, int64_t project_max, int64_t account_max, dm_quota_over *over)
{
    dm_err err = {0};
    taking t = {.owner = owner,
            .size = {2, 512},
            .limits = {.at_once = {project_max, 1000, 1000000}, .account = {account_max, 1000, 1000000}}};
    int r = dm_tenantrig_as_api(&rig, owner, do_take, &t, &err);
    *over = t.over;
    return r;
}

static int give(dm_owner owner, dm_err *err)
{
    taking t = {.owner = owner, .size = {2, 512}};
    return dm_tenantrig_as_api(&rig, owner, do_give, &t, err);
}

/* Of both rows: the projects' together, and the account's own. */
static void counted(int64_t projects, int64_t account)
{
    assert_int_equal(
            dm_tenantrig_number(&rig, "SELECT coalesce(sum(running), 0) FROM dm.quota_use WHERE project_no > 0"),
            projects);
    assert_int_equal(
            dm_tenantrig_number(&rig, "SELECT coalesce(sum(running), 0) FROM dm.quota_use WHERE project_no = 0"),
            account);
}

static dm_owner beside(void)
{
    dm_owner owner = rig.demo.project.owner;
    owner.project.v = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'beside'");
    return owner;
}

static int clean(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "DELETE FROM dm.quota_use");
    return 0;
}

/* No more, by whose limit, and where he stands; and nothing is charged. */
static void no_more(dm_owner owner, int64_t project_max, int64_t account_max, bool account, int64_t current)
{
    dm_quota_over over;
    assert_int_equal(take(owner, project_max, account_max, &over), DM_QUOTA_OVER);
    assert_int_equal(over.account, account);
    assert_int_equal(over.limit, account ? account_max : project_max);
    assert_int_equal(over.current, current);
}

static void some_more(dm_owner owner, int64_t project_max, int64_t account_max)
{
    dm_quota_over over;
    assert_int_equal(take(owner, project_max, account_max, &over), 0);
}

static void is_charged_to_project_and_account(void **state)
{
    (void)state;
    const dm_owner demo = rig.demo.project.owner;
    dm_err err = {0};
    some_more(demo, 2, 9);
    some_more(demo, 2, 9);
    some_more(beside(), 2, 9);
    counted(3, 3);
    assert_int_equal(give(demo, &err), 0);
    counted(2, 2);
    some_more(demo, 2, 9);
    assert_int_equal(give(demo, &err), 0);
    assert_int_equal(give(demo, &err), 0);
    assert_int_equal(give(beside(), &err), 0);
    counted(0, 0);
}

static void the_projects_bound_is_its_own(void **state)
{
    (void)state;
    some_more(rig.demo.project.owner, 1, 9);
    no_more(rig.demo.project.owner, 1, 9, false, 1);
    counted(1, 1);
    some_more(beside(), 1, 9);
    counted(2, 2);
}

static void the_accounts_bound_is_for_all(void **state)
{
    (void)state;
    some_more(rig.demo.project.owner, 9, 2);
    some_more(beside(), 9, 2);
    no_more(rig.demo.project.owner, 9, 2, true, 2);
    no_more(beside(), 9, 2, true, 2);
    counted(2, 2);
}

/* A limit that was lowered below what runs lets nothing new in; one of 0 forbids, also the first. */
static void nothing_above_a_bound_that_was_lowered(void **state)
{
    (void)state;
    const dm_owner demo = rig.demo.project.owner;
    no_more(demo, 0, 9, false, 0);
    no_more(demo, 9, 0, true, 0);
    counted(0, 0);
    for (int i = 0; i < 3; i++)
        some_more(demo, 9, 9);
    no_more(demo, 2, 9, false, 3);
    no_more(demo, 9, 2, true, 3);
    counted(3, 3);
}

/* More is never given back than was taken: that would be our mistake, and is said. */
static void nothing_is_given_twice(void **state)
{
    (void)state;
    const dm_owner demo = rig.demo.project.owner;
    dm_err err = {0};
    assert_int_equal(give(demo, &err), DM_E_INTERNAL);
    assert_says(err, "no quota row");
    some_more(demo, 9, 9);
    assert_int_equal(give(demo, &err), 0);
    assert_true(give(demo, &err) < 0);
    counted(0, 0);
}

static void is_over(const dm_limits *limits, const dm_quota_size *size, dm_quota_what what, bool account, int64_t limit)
{
    dm_err err = {0};
    taking t = {.owner = rig.demo.project.owner, .size = *size, .limits = *limits};
    assert_int_equal(dm_tenantrig_as_api(&rig, t.owner, do_take, &t, &err), DM_QUOTA_OVER);
    assert_int_equal(t.over.what, what);
    assert_int_equal(t.over.account, account);
    assert_int_equal(t.over.limit, limit);
}

/* vCPUs and memory of all that runs bind as the number does, for the project and for its account; what is charged is
 * given back to the last MiB. */
static void the_totals_bind_too(void **state)
{
    (void)state;
    const dm_owner demo = rig.demo.project.owner;
    const dm_limits room = {.at_once = {9, 8, 4096}, .account = {9, 8, 4096}};
    const dm_quota_size some = {3, 1024}, cpus = {6, 256}, memory = {1, 3584};
    dm_err err = {0};
    taking t = {.owner = demo, .size = some, .limits = room};
    assert_int_equal(dm_tenantrig_as_api(&rig, demo, do_take, &t, &err), 0);
    is_over(&room, &cpus, DM_QUOTA_VCPUS, false, 8);
    is_over(&room, &memory, DM_QUOTA_MEM, false, 4096);
    is_over(&(dm_limits){.at_once = {9, 99, 99999}, .account = {9, 8, 99999}}, &cpus, DM_QUOTA_VCPUS, true, 8);
    is_over(&(dm_limits){.at_once = {9, 99, 99999}, .account = {9, 99, 4096}}, &memory, DM_QUOTA_MEM, true, 4096);
    is_over(&(dm_limits){.at_once = {9, 2, 99999}, .account = {9, 99, 4096}}, &some, DM_QUOTA_VCPUS, false, 2);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT sum(vcpus * 100000 + mem_mib) FROM dm.quota_use"), 602048);
    assert_int_equal(dm_tenantrig_as_api(&rig, demo, do_give, &t, &err), 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT sum(running + vcpus + mem_mib) FROM dm.quota_use"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(is_charged_to_project_and_account, clean),
            cmocka_unit_test_teardown(the_projects_bound_is_its_own, clean),
            cmocka_unit_test_teardown(the_accounts_bound_is_for_all, clean),
            cmocka_unit_test_teardown(nothing_above_a_bound_that_was_lowered, clean),
            cmocka_unit_test_teardown(the_totals_bind_too, clean),
            cmocka_unit_test_teardown(nothing_is_given_twice, clean)};
    dm_tenantrig_start(&rig);
    dm_tenantrig_sql(&rig, "INSERT INTO dm.project (account_no, slug, name, region_no)"
                           " SELECT account_no, 'beside', 'Beside', region_no FROM dm.project WHERE slug = 'demo'");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
