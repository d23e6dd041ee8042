/* A host that is written off, with all that was on it, on a real PostgreSQL; and the commands that an operator has for
 * accounts and workers. */
/* Covers tenants/admin/writeoff.c, tenants/sandbox/sandbox.c, tenants/admin/commands.c. */
#include <stdio.h>

#include "tenants/admin/admin.h"
#include "tenants/admin/writeoff.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

enum { MANY = 70 }; /* more than two transactions take */

static cluster pg;

static const char *ask(const char *sql)
{
    return cluster_ask(pg.super, sql);
}

static void sandboxes(int from, int to, const char *state, int worker)
{
    char text[1000];
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, cause, region_no, worker_no, "
            "key_no, template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, "
            "started_at) SELECT 1, 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), '%s', 1, CASE WHEN '%s' = 'paused' THEN "
            "'paused' END, 1, %d, 1, 'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', 1, 512, 1, 4, "
            "1024, false, 300, now() FROM generate_series(%d, %d) n",
            state, state, worker, from, to);
    (void)ask(text);
}

static void what_ran_there_ends_and_gives_its_quota_back(void **state)
{
    dm_written_off done;
    (void)state;
    sandboxes(1, MANY, "running", 1);
    sandboxes(101, 103, "paused", 1);
    sandboxes(104, 104, "ending", 1);
    sandboxes(105, 105, "starting", 1);
    sandboxes(201, 202, "running", 2);
    (void)ask("INSERT INTO dm.quota_use (account_no, project_no, running, vcpus, mem_mib) VALUES (1, 1, 73, 730, "
              "730000), (1, 0, 73, 730, 730000)");
    assert_int_equal(dm_write_off(pg.ops, &dm_clock_real, "operator:test", NULL, (dm_worker_no){9}, &done, NULL),
            DM_WRITE_OFF_NONE);
    dm_err err = {0};
    if (dm_write_off(pg.ops, &dm_clock_real, "operator:test", "w1", (dm_worker_no){0}, &done, &err) != 0)
        fail_msg("%s", err.msg);
    assert_int_equal(done.worker.v, 1);
    assert_int_equal(done.ended, MANY + 5);
    assert_string_equal(ask("SELECT string_agg(DISTINCT state || ' ' || cause || ' ' || (ended_at IS NOT NULL), ',') "
                            "FROM dm.sandbox WHERE worker_no = 1"),
            "ended host_lost true");
    assert_string_equal(ask("SELECT count(*) FROM dm.sandbox WHERE worker_no = 2 AND state = 'running'"), "2");
    assert_string_equal(ask("SELECT string_agg(running::text, ',') FROM dm.quota_use"), "2,2");
    assert_string_equal(
            ask("SELECT count(*) || min(who) FROM dm.sandbox_event WHERE to_state = 'ended'"), "75operator:test");
    assert_string_equal(
            ask("SELECT string_agg(verb || ' ' || object, ',') FROM dm.audit"), "worker.write_off worker:1:w1");
    assert_string_equal(
            ask("SELECT state || ' ' || (gone_at IS NOT NULL) FROM dm.worker WHERE worker_no = 1"), "written_off true");
}

/* A run that died in the middle is gone on with; one that did not finds nothing. */
static void once_more_goes_on(void **state)
{
    dm_written_off done;
    (void)state;
    sandboxes(301, 303, "paused", 1);
    assert_int_equal(dm_write_off(pg.ops, &dm_clock_real, "operator:test", NULL, (dm_worker_no){1}, &done, NULL), 0);
    assert_int_equal(done.ended, 3);
    assert_int_equal(dm_write_off(pg.ops, &dm_clock_real, "operator:test", "w1", (dm_worker_no){0}, &done, NULL), 0);
    assert_int_equal(done.ended, 0);
    assert_string_equal(ask("SELECT count(*) FROM dm.audit WHERE verb = 'worker.write_off'"), "1");
}

static int command(const char *name, dm_admin_args a, dm_err *err)
{
    const dm_admin_command *c = dm_admin_find(name);
    assert_non_null(c);
    a.who = "operator:test";
    return c->run(pg.ops, &a, err);
}

static void an_operator_has_a_command_for_each(void **state)
{
    dm_err err = {0};
    char id[64];
    (void)state;
    assert_null(dm_admin_find("worker-praise"));
    assert_int_equal(command("account-add", (dm_admin_args){.name = "New", .country = "CN", .currency = "CNY"}, &err),
            DM_E_INVALID);
    assert_non_null(strstr(err.msg, "--tier"));
    assert_int_equal(command("account-add",
                             (dm_admin_args){.name = "New", .country = "CN", .currency = "USD", .tier = "payg"}, &err),
            DM_E_INVALID);
    assert_int_equal(command("account-add",
                             (dm_admin_args){.name = "New", .country = "CN", .currency = "CNY", .tier = "payg"}, &err),
            0);
    (void)snprintf(id, sizeof id, "%s", ask("SELECT id FROM dm.account WHERE legal_name = 'New'"));
    assert_int_equal(command("tier-set", (dm_admin_args){.account = "New", .tier = "payg"}, &err), DM_E_INVALID);
    assert_int_equal(command("tier-set", (dm_admin_args){.account = id, .tier = "gold"}, &err), DM_E_NOTFOUND);
    assert_int_equal(command("tier-set", (dm_admin_args){.account = id, .tier = "pro"}, &err), DM_E_INVALID);
    assert_int_equal(command("tier-set", (dm_admin_args){.account = id, .tier = "enterprise"}, &err), 0);
    assert_string_equal(ask("SELECT tier FROM dm.account WHERE legal_name = 'New'"), "enterprise");
    assert_int_equal(command("worker-list", (dm_admin_args){.who = NULL}, &err), 0);
    assert_int_equal(command("worker-write-off", (dm_admin_args){.who = NULL}, &err), DM_E_INVALID);
    assert_int_equal(command("worker-write-off", (dm_admin_args){.name = "w2", .no = "2"}, &err), DM_E_INVALID);
    assert_int_equal(command("worker-write-off", (dm_admin_args){.no = "two"}, &err), DM_E_INVALID);
    assert_int_equal(command("worker-write-off", (dm_admin_args){.name = "w9"}, &err), DM_E_NOTFOUND);
    assert_int_equal(command("worker-write-off", (dm_admin_args){.no = "2"}, &err), 0);
    assert_string_equal(ask("SELECT state FROM dm.worker WHERE name = 'w2'"), "written_off");
}

static int start(void **state)
{
    (void)state;
    if (cluster_make(&pg, "admin") < 0)
        return -1;
    (void)ask("INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('One', 'CN', 'CNY', 'payg');"
              "INSERT INTO dm.project (account_no, slug, name, region_no) VALUES (1, 'one', 'One', 1);"
              "INSERT INTO dm.worker (name, region_no, boot, door, accel, slots, mem_mib) VALUES ('w1', 1, 1, 'w1', "
              "'tcg', 4, 1), ('w2', 1, 1, 'w2', 'tcg', 4, 1)");
    return 0;
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_ran_there_ends_and_gives_its_quota_back),
            cmocka_unit_test(once_more_goes_on),
            cmocka_unit_test(an_operator_has_a_command_for_each),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
