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
    assert_int_equal(l.at_once.running_max, 9);
    assert_int_equal(l.account.running_max, 5);
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
    char all[2][256];
    dm_str rest, name;
    dm_tenantrig_text(&rig, "SELECT string_agg(DISTINCT name, ',') FROM dm.tier_limit WHERE name < 'i'", all[0]);
    dm_tenantrig_text(&rig, "SELECT string_agg(DISTINCT name, ',') FROM dm.tier_limit WHERE name >= 'i'", all[1]);
    size_t n = 0;
    for (size_t half = 0; half < 2; half++) {
        rest = dm_str_c(all[half]);
        for (; dm_str_split(&rest, ',', &name); n++)
            if (dm_limit_named(name) == NULL)
                fail_msg("%.*s is not known", (int)name.n, name.p);
    }
    assert_true(n >= 5);
    assert_null(dm_limit_named(DM_STR("")));
    assert_null(dm_limit_named(DM_STR("running")));
    assert_null(dm_limit_named(DM_STR("account_running_max"))); /* it is the account's running_max */
}

/* --- setting ------------------------------------------------------------------------------------------------ */

typedef struct setting {
    dm_limit_of of;
    const char *which, *name;
    int64_t value;
    const char *reason;
    int64_t until_us;
} setting;

static int set(dm_pg *c, void *arg, dm_err *err)
{
    const setting *s = arg;
    const dm_limit_new fresh = {.who = "operator:ada",
            .of = s->of,
            .which = s->which,
            .name = s->name,
            .value = s->value,
            .reason = s->reason,
            .until_us = s->until_us};
    return dm_limit_set(c, &fresh, err);
}

static int try(dm_limit_of of, const char *which, const char *name, int64_t value)
{
    dm_err err = {0};
    setting s = {.of = of, .which = which, .name = name, .value = value};
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

/* --- overrides ---------------------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
    return dm_tenantrig_number(&rig, "SELECT dm.us(now())");
}

static int override(setting s)
{
    dm_err err = {0};
    return dm_tenantrig_as_ops(&rig, set, &s, &err);
}

static void an_override_says_who_and_why(void **state)
{
    (void)state;
    char is[256], want[256];
    const setting s = {DM_LIMIT_OF_PROJECT, "demo", "running_max", 5, "a launch", now_us() + 3600000000};
    assert_int_equal(override(s), 0);
    (void)snprintf(want, sizeof want, "5 operator:ada a launch %lld", (long long)s.until_us);
    dm_tenantrig_text(&rig,
            "SELECT concat_ws(' ', value, set_by, reason, dm.us(until)) FROM dm.project_limit"
            " WHERE name = 'running_max'",
            is);
    assert_string_equal(is, want);
    dm_tenantrig_text(&rig, "SELECT detail->>'reason' FROM dm.audit ORDER BY audit_no DESC LIMIT 1", is);
    assert_string_equal(is, "a launch");
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.audit WHERE detail->>'until' IS NOT NULL AND"
                                               " (detail->>'until')::timestamptz > now()"),
            1);
}

/* What has no history by the clock has no end by the clock. */
static void an_allowance_and_a_tier_have_no_end(void **state)
{
    (void)state;
    const char *id = rig.demo.project.account_id;
    int64_t audits = dm_tenantrig_audits(&rig);
    assert_int_equal(override((setting){DM_LIMIT_OF_ACCOUNT, id, "included_seconds", 5, NULL, now_us() + 1000000}),
            DM_LIMIT_NO_UNTIL);
    assert_int_equal(
            override((setting){DM_LIMIT_OF_TIER, "payg", "vcpus_max", 5, NULL, now_us() + 1000000}), DM_LIMIT_NO_UNTIL);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

typedef struct reading {
    dm_owner owner;
    dm_limit_list list;
} reading;

static int do_list(dm_pg *c, void *arg, dm_err *err)
{
    reading *r = arg;
    return dm_limit_list_read(c, r->owner, &r->list, err);
}

static const dm_limit_is *find(const dm_limit_list *l, const char *name, bool account)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->of[i].row->name, name) == 0 && l->of[i].account == account)
            return &l->of[i];
    return NULL;
}

/* The nearest that has not ended; the account's beside the project's where it binds all its projects. */
static void the_list_says_whose_it_is(void **state)
{
    (void)state;
    const char *id = rig.demo.project.account_id;
    reading r = {.owner = rig.demo.project.owner};
    dm_tenantrig_sql(&rig,
            "DELETE FROM dm.project_limit; DELETE FROM dm.account_limit; DELETE FROM dm.quota_use;"
            "INSERT INTO dm.quota_use (account_no, project_no, running, asleep_mib)"
            " SELECT account_no, n, 4 + n, 32 FROM dm.project p, LATERAL (VALUES (0), (p.project_no)) v (n)"
            " WHERE slug = 'demo'");
    assert_int_equal(override((setting){DM_LIMIT_OF_ACCOUNT, id, "running_max", 50, "", 0}), 0);
    assert_int_equal(
            override((setting){DM_LIMIT_OF_PROJECT, "demo", "running_max", 9, "trial", now_us() + 3600000000}), 0);
    assert_int_equal(override((setting){DM_LIMIT_OF_PROJECT, "demo", "disk_mib_max", 7, "over", now_us() - 1}), 0);
    assert_int_equal(dm_tenantrig_as_api(&rig, r.owner, do_list, &r, NULL), 0);
    const dm_limit_is *own = find(&r.list, "running_max", false), *all = find(&r.list, "running_max", true);
    assert_true(own != NULL && own->limit == 9 && own->of == DM_LIMIT_OF_PROJECT && own->until_us > now_us());
    assert_int_equal(own->used, 4 + r.owner.project.v);
    assert_true(dm_str_eq_c(own->set_by, "operator:ada") && dm_str_eq_c(own->reason, "trial"));
    assert_true(all != NULL && all->limit == 50 && all->of == DM_LIMIT_OF_ACCOUNT && all->used == 4);
    const dm_limit_is *disk = find(&r.list, "disk_mib_max", false);
    assert_true(disk != NULL && disk->limit == 204800 && disk->of == DM_LIMIT_OF_TIER);
    assert_null(find(&r.list, "disk_mib_max", true));
    assert_int_equal(find(&r.list, "asleep_disk_mib_max", false)->used, 32);
    dm_limit_list_done(&r.list);
    /* Another account's rows are not there: row-level security sees to it, whatever is asked. */
    dm_owner stranger = {.account = {r.owner.account.v + 1000}};
    assert_int_equal(dm_tenantrig_as_api(&rig, stranger, do_list, &r, NULL), 0);
    assert_int_equal(r.list.n, 0);
    dm_limit_list_done(&r.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_nobody_set_forbids),
            cmocka_unit_test(what_cannot_be_read_is_ours), cmocka_unit_test(the_names_are_the_migrations),
            cmocka_unit_test(the_last_one_counts), cmocka_unit_test(what_cannot_be_is_refused),
            cmocka_unit_test(an_override_says_who_and_why), cmocka_unit_test(an_allowance_and_a_tier_have_no_end),
            cmocka_unit_test(the_list_says_whose_it_is)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
