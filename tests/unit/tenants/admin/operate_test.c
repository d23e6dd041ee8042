/* What an operator types about what there is: what is printed, and what it did. */

#include "base/json.h"

#include "tests/support/adminrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static char out[DM_ADMINRIG_PRINTED];

#define ADA "operator:ada"

static void must(const char *command, dm_admin_args args)
{
    dm_adminrig_must(&rig, ADA, command, args, out);
}

static void refused(const char *command, dm_admin_args args, int code, const char *words)
{
    dm_err err = {0};
    int64_t before = dm_tenantrig_audits(&rig);
    assert_int_equal(dm_adminrig_run(&rig, ADA, command, args, out, &err), code);
    assert_says(err, words);
    assert_int_equal(dm_tenantrig_audits(&rig), before);
}

/* What was printed, as JSON: an array of so many. */
static json_t *rows(size_t n)
{
    json_t *j = NULL;
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &j, NULL), 0);
    assert_int_equal(json_array_size(j), n);
    return j;
}

static const char *last_of_the_audit(void)
{
    static char text[256];
    dm_tenantrig_text(&rig,
            "SELECT concat_ws(' ', who, verb, detail->>'reason') FROM dm.audit ORDER BY audit_no DESC LIMIT 1", text);
    return text;
}

static int make(void **state)
{
    (void)state;
    dm_tenantrig_start(&rig);
    dm_tenantrig_sql(&rig,
            "INSERT INTO dm.worker (name, region_no, boot, door, accel, slots, mem_mib) VALUES"
            " ('w1', 1, 1, 'w1', 'tcg', 4, 4096);"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no,"
            " template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s,"
            " started_at)"
            " SELECT p.account_no, p.project_no, '\\x00000000000000000000000000000024', 'running', 1, 1, w.worker_no,"
            " k.key_no, b.template_id, b.build_id, 1, 256, 1, 1, 1024, true, 300, now()"
            " FROM dm.project p, dm.api_key k, dm.template_build b, dm.worker w;"
            "INSERT INTO dm.quota_use (account_no, project_no, running, vcpus, mem_mib)"
            " SELECT account_no, v.no, 1, 1, 256 FROM dm.project, LATERAL (VALUES (0), (project_no)) v (no)");
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    dm_tenantrig_stop(&rig);
    return 0;
}

static void workers(void **state)
{
    (void)state;
    must("worker-list", (dm_admin_args){.who = NULL});
    assert_non_null(strstr(out, " w1 "));
    refused("worker-drain", (dm_admin_args){.no = "1"}, DM_E_INVALID, "--reason");
    refused("worker-drain", (dm_admin_args){.reason = "x"}, DM_E_INVALID, "--no");
    refused("worker-drain", (dm_admin_args){.no = "77", .reason = "x"}, DM_E_NOTFOUND, "no such worker");
    must("worker-drain", (dm_admin_args){.no = "1", .reason = "new disks"});
    must("worker-list", (dm_admin_args){.json = true});
    DM_AUTO(json_t) drained = rows(1);
    assert_string_equal(dm_json_c(json_array_get(drained, 0), "state"), "draining");
    must("worker-undrain", (dm_admin_args){.no = "1", .reason = "they are in"});
    assert_string_equal(last_of_the_audit(), "operator:ada worker.undrain they are in");
}

static void accounts(void **state)
{
    (void)state;
    const char *id = rig.demo.project.account_id;
    must("account-list", (dm_admin_args){.name = "demo"});
    assert_non_null(strstr(out, id));
    must("account-list", (dm_admin_args){.name = "nobody", .json = true});
    DM_AUTO(json_t) none = rows(0);
    must("account-show", (dm_admin_args){.account = id});
    DM_AUTO(json_t) one = NULL;
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &one, NULL), 0);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(one, "projects"), 0), "slug"), "demo");
    refused("account-show", (dm_admin_args){.account = "x"}, DM_E_INVALID, "UUID");
    refused("account-block", (dm_admin_args){.account = id}, DM_E_INVALID, "--reason");
    refused("account-block", (dm_admin_args){.account = "00000000-0000-0000-0000-000000000000", .reason = "x"},
            DM_E_NOTFOUND, "no account");
    must("account-block", (dm_admin_args){.account = id, .reason = "it mines"});
    assert_string_equal(last_of_the_audit(), "operator:ada account.block it mines");
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.account WHERE blocked = 'it mines'"), 1);
    must("account-unblock", (dm_admin_args){.account = id, .reason = "it does not"});
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.account WHERE blocked IS NOT NULL"), 0);
}

static void sandboxes(void **state)
{
    (void)state;
    static const char id[] = "i00000000000000000010"; /* 36 */
    must("sandbox-list", (dm_admin_args){.state = "running", .no = "1"});
    assert_non_null(strstr(out, id));
    must("sandbox-list", (dm_admin_args){.id = "i1", .json = true});
    DM_AUTO(json_t) none = rows(0);
    must("sandbox-list", (dm_admin_args){.id = "i0000", .project = "demo", .json = true});
    DM_AUTO(json_t) one = rows(1);
    assert_string_equal(dm_json_c(json_array_get(one, 0), "id"), id);
    refused("sandbox-list", (dm_admin_args){.state = "happy"}, DM_E_INVALID, "--state");
    refused("sandbox-kill", (dm_admin_args){.id = id}, DM_E_INVALID, "--reason");
    refused("sandbox-kill", (dm_admin_args){.id = "x", .reason = "x"}, DM_E_INVALID, "--id");
    must("sandbox-kill", (dm_admin_args){.id = id, .reason = "it attacks"});
    assert_string_equal(last_of_the_audit(), "operator:ada sandbox.kill it attacks");
    char is[256];
    dm_tenantrig_text(&rig, "SELECT concat_ws(' ', state, cause, ordered_by) FROM dm.sandbox", is);
    assert_string_equal(is, "ending operator_killed 0"); /* the API's sweep takes it up */
    refused("sandbox-kill", (dm_admin_args){.id = id, .reason = "x"}, DM_E_NOTFOUND, "could be ended");
}

static void limits_as_json(void **state)
{
    (void)state;
    must("limit-list", (dm_admin_args){.project = "demo", .json = true});
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &j, NULL), 0);
    assert_true(json_array_size(j) > 5);
    assert_string_equal(dm_json_c(json_array_get(j, 0), "of"), "tier");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(workers),
            cmocka_unit_test(accounts),
            cmocka_unit_test(sandboxes),
            cmocka_unit_test(limits_as_json),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
