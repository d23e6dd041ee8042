/* A suspended account, and a budget that is used up: nothing is made or woken, all that runs sleeps with its cause, and
 * none of it is lost. */
/* Covers api/life/hold.c, tenants/sandbox/sql_hold.c. */
#include <stdio.h>

#include "api/life/hold.h"
#include "tenants/sandbox/hold.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static dm_said ask(const char *method, const char *target, const char *body)
{
    return dm_rig_call(&rig, method, target, body);
}

static void is_refused(const char *method, const char *target, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = ask(method, target, body);
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s %s: %d, not %d %s: %s", method, target, said.status, status, rule, said.text);
    assert_null(dm_said_header(&said, "Retry-After"));
    if (status == 429)
        assert_string_equal(dm_said_header(&said, "Should-Retry"), "false");
}

static void carried_out(unsigned want)
{
    unsigned slept = 0;
    dm_err err = {0};
    if (dm_hold_carry_out(&rig.api, &slept, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(slept, want);
}

typedef struct suspension {
    const char *id, *reason;
    int64_t running;
} suspension;

static int do_suspend(dm_pg *c, void *arg, dm_err *err)
{
    suspension *s = arg;
    return dm_suspend(c, "operator:ada", s->id, s->reason, &s->running, err);
}

static int do_unsuspend(dm_pg *c, void *arg, dm_err *err)
{
    const suspension *s = arg;
    return dm_unsuspend(c, "operator:ada", s->id, s->reason, err);
}

static void a_suspended_account_sleeps(void **state)
{
    (void)state;
    enum { N = 45 };
    static char ids[N][32];
    char target[96];
    suspension s = {rig.tenants.demo.project.account_id, "unpaid since May", 0};
    for (int i = 0; i < N; i++)
        dm_rig_create(&rig, "", ids[i]);
    /* Nobody's work is thrown away for a limit on sleepers. */
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'asleep_disk_mib_max', 1 FROM dm.project WHERE slug = 'demo'");
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_suspend, &s, NULL), 0);
    assert_int_equal(s.running, N);
    carried_out(N);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause ="
                                         " 'suspended_unpaid'"),
            N);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(running + vcpus + mem_mib) FROM dm.quota_use"), 0);
    carried_out(0);
    is_refused("POST", "/sandboxes", "{\"templateID\":\"base\"}", 403, "account.suspended");
    (void)snprintf(target, sizeof target, "/sandboxes/%s/connect", ids[0]);
    is_refused("POST", target, "{\"timeout\":60}", 403, "account.suspended");
    (void)snprintf(target, sizeof target, "/sandboxes/%s", ids[0]);
    DM_AUTO_SAID seen = ask("GET", target, NULL);
    assert_int_equal(seen.status, 200);
    DM_AUTO_SAID killed = ask("DELETE", target, NULL);
    assert_int_equal(killed.status, 204);
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_unsuspend, &s, NULL), 0);
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_unsuspend, &s, NULL), DM_HOLD_NONE);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/connect", ids[1]);
    DM_AUTO_SAID woken = ask("POST", target, "{\"timeout\":60}");
    assert_int_equal(woken.status, 201);
    s.id = "00000000-0000-4000-8000-000000000000";
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_suspend, &s, NULL), DM_HOLD_NOBODY);
}

/* One that is not reached runs on, and is tried again. */
static void what_could_not_sleep_is_tried_again(void **state)
{
    (void)state;
    char id[32];
    suspension s = {rig.tenants.demo.project.account_id, "x", 0};
    dm_rig_create(&rig, "", id);
    assert_int_equal(dm_tenantrig_as_ops(&rig.tenants, do_suspend, &s, NULL), 0);
    dm_fakeworker_refuse(rig.worker, "pause", 503, 1);
    carried_out(0);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    carried_out(1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "asleep");
}

static int do_use(dm_pg *c, void *arg, dm_err *err)
{
    return dm_budget_use(c, arg, err);
}

static void use(dm_budget_used u)
{
    char conninfo[256];
    dm_err err = {0};
    dm_pg *c = NULL;
    u.owner = rig.tenants.demo.project.owner;
    u.owner.project.v = 0;
    u.at_us = dm_rig_number(&rig, "SELECT dm.us(now())");
    dm_pgtest_conninfo(rig.tenants.pg, "dm_meter", conninfo);
    if (dm_pg_open(conninfo, &c, &err) < 0 || dm_pg_tx_on(c, &(dm_pg_scope){.read_only = false}, do_use, &u, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(c);
}

static void bound(const char *name, int64_t value)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.account_limit (account_no, name, value) SELECT account_no, '%s', %lld FROM dm.account"
            " WHERE legal_name = 'Demo' ON CONFLICT (account_no, name) DO UPDATE SET value = excluded.value",
            name, (long long)value);
    dm_rig_sql(&rig, sql);
}

/* At the bound, not before it; and when it is raised, at once no more. */
static void a_budget_holds(
        const char *name, dm_budget_used below, dm_budget_used at, const char *rule, const char *cause)
{
    char id[32], sql[160];
    bound(name, 6000);
    dm_rig_create(&rig, "", id);
    use(below);
    carried_out(0);
    use(at);
    use(below); /* what was said before is not unsaid */
    carried_out(1);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause = '%s'", cause);
    assert_int_equal(dm_rig_number(&rig, sql), 1);
    is_refused("POST", "/sandboxes", "{\"templateID\":\"base\"}", 429, rule);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.hold WHERE until ="
                                         " (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month')"
                                         " AT TIME ZONE 'UTC'"),
            1);
    bound(name, 6001); /* no more than what it takes to begin, in seconds or in money */
    is_refused("POST", "/sandboxes", "{\"templateID\":\"base\"}", 429, rule);
    bound(name, 7000);
    dm_rig_create(&rig, "", id);
    bound(name, 6000);
    is_refused("POST", "/sandboxes", "{\"templateID\":\"base\"}", 429, rule);
    /* The month is over. */
    dm_rig_sql(&rig, "UPDATE dm.hold SET until = now() - interval '1 s';"
                     " UPDATE dm.budget_use SET month = (month - interval '1 month')::date");
    dm_rig_create(&rig, "", id);
    carried_out(0);
}

static void an_allowance_is_used_up(void **state)
{
    (void)state;
    a_budget_holds("month_seconds_max", (dm_budget_used){.seconds = 5999}, (dm_budget_used){.seconds = 6000},
            "account.allowance_exhausted", "allowance_exhausted");
}

static void a_cap_is_reached(void **state)
{
    (void)state;
    a_budget_holds("spend_cap_micros", (dm_budget_used){.spent_micros = 5999}, (dm_budget_used){.spent_micros = 6000},
            "account.spend_cap", "spend_cap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(a_suspended_account_sleeps, &rig),
            DM_RIG_TEST(what_could_not_sleep_is_tried_again, &rig), DM_RIG_TEST(an_allowance_is_used_up, &rig),
            DM_RIG_TEST(a_cap_is_reached, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
