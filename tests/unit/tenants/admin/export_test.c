/* What an operator types about exports: an entity's and an account's, ordered, looked at, cancelled and copied. */
/* Covers tenants/admin/export.c, tenants/admin/list.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
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
    assert_string_equal(out, "");
    assert_int_equal(dm_tenantrig_audits(&rig), before);
}

static json_t *printed(void)
{
    json_t *j = NULL;
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &j, NULL), 0);
    return j;
}

static const char *ordered(dm_admin_args args)
{
    static char id[2][40];
    static unsigned at;
    char *to = id[at++ % 2];
    must("export-order", args);
    assert_memory_equal(out, "DORMOUSE_EXPORT=", strlen("DORMOUSE_EXPORT="));
    (void)snprintf(to, sizeof id[0], "%.36s", out + strlen("DORMOUSE_EXPORT="));
    return to;
}

#define JOURNAL                                                                                                        \
    (dm_admin_args)                                                                                                    \
    {                                                                                                                  \
        .dataset = "journal", .format = "csv", .from = "2026-03", .reason = "the close"                                \
    }

static void ordered_listed_and_cancelled(void **state)
{
    (void)state;
    const char *account = rig.demo.project.account_id, *id = ordered(JOURNAL);
    assert_true(
            dm_tenantrig_number(&rig,
                    "SELECT count(*) FROM dm.audit WHERE verb = 'export.add' AND detail->>'reason' = 'the close'") ==
            1);
    must("export-list", (dm_admin_args){.json = true});
    DM_AUTO(json_t) list = printed();
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(dm_json_c(json_array_get(list, 0), "id"), id);
    assert_string_equal(dm_json_c(json_array_get(list, 0), "asked_by"), "operator:ada");
    must("export-list", (dm_admin_args){.account = account});
    assert_null(strstr(out, "journal"));
    /* An account's own, in its audit. */
    const char *own = ordered((dm_admin_args){.dataset = "cost",
            .format = "csv",
            .from = "2026-03",
            .to = "2026-04",
            .account = account,
            .reason = "asked"});
    assert_true(
            dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.audit a JOIN dm.account USING (account_no) WHERE verb "
                                      "= 'export.add' AND legal_name = 'Demo'") == 1);
    must("export-list", (dm_admin_args){.account = account});
    assert_non_null(strstr(out, own));
    must("export-show", (dm_admin_args){.id = id});
    DM_AUTO(json_t) one = printed();
    assert_string_equal(dm_json_c(one, "state"), "queued");
    assert_true(json_is_null(json_object_get(one, "manifest")));
    must("export-cancel", (dm_admin_args){.id = id, .reason = "not needed"});
    must("export-cancel", (dm_admin_args){.id = id, .reason = "again"});
    assert_true(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.audit WHERE verb = 'export.cancel'") == 1);
    dm_tenantrig_sql(&rig, "DELETE FROM dm.export");
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    dm_admin_args args = JOURNAL;
    args.reason = NULL;
    refused("export-order", args, DM_E_INVALID, "--reason");
    args = JOURNAL;
    args.dataset = "cost";
    refused("export-order", args, DM_E_INVALID, "journal, tax, ageing, revenue");
    args = JOURNAL;
    args.from = NULL;
    refused("export-order", args, DM_E_INVALID, "--from");
    args = JOURNAL;
    args.entity = "9";
    refused("export-order", args, DM_E_INVALID, "--entity");
    args = JOURNAL;
    args.account = "00000000-0000-4000-8000-00000000000f";
    args.dataset = "cost";
    refused("export-order", args, DM_E_NOTFOUND, "no account");
    refused("export-show", (dm_admin_args){.id = "x"}, DM_E_INVALID, "--id");
    refused("export-show", (dm_admin_args){.id = "00000000-0000-4000-8000-00000000000f"}, DM_E_NOTFOUND,
            "no such export");
    refused("export-cancel", (dm_admin_args){.id = "x"}, DM_E_INVALID, "--reason");
}

static void downloaded_whole_or_not(void **state)
{
    (void)state;
    char folder[256], path[300], to[300], sql[500];
    const char *id = ordered(JOURNAL);
    (void)snprintf(folder, sizeof folder, "%s", dm_pgtest_dir(rig.pg));
    (void)snprintf(path, sizeof path, "%s/made.csv", folder);
    (void)snprintf(to, sizeof to, "%s/copy.csv", folder);
    const dm_admin_args args = {.id = id, .folder = folder, .out = to};
    refused("export-download", args, DM_E_CONFLICT, "it is queued");
    assert_int_equal(dm_file_write(path, DM_STR("day\n"), 0640, NULL), 0);
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.export SET state = 'ready', file = 'made.csv', bytes = 4, digest = sha256('day\n'), manifest = "
            "'{}', ended_at = now(), expires_at = now() + interval '1 d' WHERE id = '%s'",
            id);
    dm_tenantrig_sql(&rig, sql);
    must("export-download", args);
    DM_AUTO_BUF text;
    dm_buf_init(&text, 100);
    assert_int_equal(dm_file_read(to, &text, NULL), 0);
    assert_string_equal(text.p, "day\n");
    /* Not over what is there, and not what is not as it was made. */
    refused("export-download", args, DM_E_EXISTS, "copy.csv");
    assert_int_equal(unlink(to), 0);
    assert_int_equal(dm_file_write(path, DM_STR("dax\n"), 0640, NULL), 0);
    refused("export-download", args, DM_E_CORRUPT, "its hash is another");
    assert_int_not_equal(access(to, F_OK), 0);
    dm_tenantrig_sql(&rig, "UPDATE dm.export SET file = '../made.csv'");
    refused("export-download", args, DM_E_CORRUPT, "leads out");
    dm_tenantrig_sql(&rig, "DELETE FROM dm.export");
}

static int make(void **state)
{
    (void)state;
    dm_tenantrig_start(&rig);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    dm_tenantrig_stop(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(ordered_listed_and_cancelled),
            cmocka_unit_test(what_is_none_is_refused),
            cmocka_unit_test(downloaded_whole_or_not),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
