/* Covers tenants/plan/sql_limits.c. */
#include <stdio.h>

#include "tenants/plan/limits.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

/* --- reading ------------------------------------------------------------------------------------------------ */

static void what_nobody_set_forbids(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_limits l;
    assert_int_equal(dm_limits_read(DM_STR("{\"vcpus_max\":4,\"running_max\":9,\"included_seconds\":7,\"new\":1}"),
                             DM_STR("{\"vcpus_max\":8,\"running_max\":5}"), &l, &err),
            0);
    assert_int_equal(l.vcpus_max, 4);
    assert_int_equal(l.running_max, 9);
    assert_int_equal(l.account_running_max, 5);
    assert_int_equal(l.mem_mib_max, 0);
    assert_int_equal(l.disk_mib_max, 0);
    assert_int_equal(l.timeout_s_max, 0);
}

/* Our own database wrote it: what is wrong with it is no fault of the caller's. */
static void what_cannot_be_read_is_ours(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{", "{\"vcpus_max\":\"4\"}", "{\"vcpus_max\":-1}"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        dm_err err = {0};
        dm_limits l = {.vcpus_max = 77};
        assert_int_equal(dm_limits_read(dm_str_c(bad[i]), DM_STR("{}"), &l, &err), DM_E_INTERNAL);
        assert_says(err, "limits of the project");
        assert_int_equal(dm_limits_read(DM_STR("{}"), dm_str_c(bad[i]), &l, &err), DM_E_INTERNAL);
        assert_says(err, "limits of the account");
        assert_int_equal(l.vcpus_max, 77);
        assert_int_equal(dm_limits_read(dm_str_c(bad[i]), DM_STR("{}"), &l, NULL), DM_E_INTERNAL);
    }
}

/* Every limit that a tier has by the migrations may be set by its name. */
static void the_names_are_the_migrations(void **state)
{
    (void)state;
    char all[256];
    dm_tenantrig_text(&rig, "SELECT string_agg(DISTINCT name, ',') FROM dm.tier_limit", all);
    dm_str rest = dm_str_c(all), name;
    size_t n = 0;
    for (; dm_str_split(&rest, ',', &name); n++)
        if (!dm_limit_known(name))
            fail_msg("%.*s is not known", (int)name.n, name.p);
    assert_true(n >= 5);
    assert_false(dm_limit_known(DM_STR("")));
    assert_false(dm_limit_known(DM_STR("running")));
    assert_false(dm_limit_known(DM_STR("account_running_max"))); /* it is the account's running_max */
}

/* --- setting ------------------------------------------------------------------------------------------------ */

typedef struct setting {
    dm_limit_of of;
    const char *which, *name;
    int64_t value;
} setting;

static int set(dm_pg *c, void *arg, dm_err *err)
{
    const setting *s = arg;
    return dm_limit_set(c, "operator:ada", s->of, s->which, s->name, s->value, err);
}

static int try(dm_limit_of of, const char *which, const char *name, int64_t value)
{
    dm_err err = {0};
    setting s = {of, which, name, value};
    return dm_tenantrig_as_ops(&rig, set, &s, &err);
}

static void the_last_one_counts(void **state)
{
    (void)state;
    char object[128];
    const dm_owner demo = rig.demo.project.owner, account = {.account = demo.account}, nobody = {.account = {0}};
    const char *id = rig.demo.project.account_id;
    for (int64_t value = 3; value >= 0; value -= 3) {
        assert_int_equal(try(DM_LIMIT_OF_PROJECT, "demo", "vcpus_max", value), 0);
        assert_int_equal(dm_tenantrig_number(&rig, "SELECT value FROM dm.project_limit"), value);
        (void)snprintf(object, sizeof object, "limit:demo:vcpus_max=%d", (int)value);
        assert_true(dm_tenantrig_audited(&rig, demo, "operator:ada", "limit.set", object));
        assert_int_equal(try(DM_LIMIT_OF_ACCOUNT, id, "vcpus_max", value), 0);
        assert_int_equal(dm_tenantrig_number(&rig, "SELECT value FROM dm.account_limit"), value);
        (void)snprintf(object, sizeof object, "limit:%s:vcpus_max=%d", id, (int)value);
        assert_true(dm_tenantrig_audited(&rig, account, "operator:ada", "limit.set", object));
        assert_int_equal(try(DM_LIMIT_OF_TIER, "payg", "vcpus_max", value), 0);
        assert_int_equal(
                dm_tenantrig_number(&rig, "SELECT value FROM dm.tier_limit WHERE tier = 'payg' AND name = 'vcpus_max'"),
                value);
        (void)snprintf(object, sizeof object, "limit:payg:vcpus_max=%d", (int)value);
        assert_true(dm_tenantrig_audited(&rig, nobody, "operator:ada", "limit.set", object));
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    int64_t audits = dm_tenantrig_audits(&rig);
    assert_int_equal(try(DM_LIMIT_OF_PROJECT, "demo", "nonsense", 1), DM_LIMIT_UNKNOWN);
    assert_int_equal(try(DM_LIMIT_OF_PROJECT, "nosuch", "vcpus_max", 1), DM_LIMIT_OF_NOBODY);
    assert_int_equal(
            try(DM_LIMIT_OF_ACCOUNT, "00000000-0000-4000-8000-000000000000", "vcpus_max", 1), DM_LIMIT_OF_NOBODY);
    assert_int_equal(try(DM_LIMIT_OF_TIER, "nosuch", "vcpus_max", 1), DM_LIMIT_OF_NOBODY);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_nobody_set_forbids),
            cmocka_unit_test(what_cannot_be_read_is_ours), cmocka_unit_test(the_names_are_the_migrations),
            cmocka_unit_test(the_last_one_counts), cmocka_unit_test(what_cannot_be_is_refused)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
