/* What an operator types, what is printed, and what is there afterwards; what each act does is in the tests of the
 * acts. */
/* Covers tenants/admin/demo.c, tenants/sandbox/sql_offer.c, tenants/who/sql_operator.c. */
#include <stdio.h>

#include "base/file.h"

#include "tenants/who/auth.h"
#include "tenants/who/password.h"
#include "tests/support/adminrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

enum { PRINTED_MAX = DM_ADMINRIG_PRINTED };

static const char who[] = "operator:ada";

static int run(const char *command, dm_admin_args args, char out[PRINTED_MAX], dm_err *err)
{
    return dm_adminrig_run(&rig, who, command, args, out, err);
}

/* A line NAME=VALUE of what was printed. */
static const char *printed(const char *out, const char *name)
{
    static char value[2][128];
    static unsigned at;
    char *to = value[at++ % 2];
    const char *line = strstr(out, name);
    assert_true(line != NULL && line[strlen(name)] == '=');
    (void)snprintf(to, sizeof value[0], "%.*s", (int)strcspn(line + strlen(name) + 1, "\n"), line + strlen(name) + 1);
    return to;
}

static void refused(const char *command, dm_admin_args args, int code, const char *words)
{
    char out[PRINTED_MAX];
    dm_err err = {0};
    int64_t before = dm_tenantrig_audits(&rig);
    int r = run(command, args, out, &err);
    if (r != code)
        fail_msg("%s: %d, not %d", command, r, code);
    assert_says(err, words);
    assert_string_equal(out, "");
    assert_int_equal(dm_tenantrig_audits(&rig), before);
}

static int64_t keys(void)
{
    return dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.api_key");
}

/* --- demo --------------------------------------------------------------------------------------------------- */

/* Once more changes nothing; a key that is no longer valid is replaced in its file. */
static void demo_is_idempotent(void **state)
{
    (void)state;
    char out[PRINTED_MAX];
    dm_err err = {0};
    int64_t audits = dm_tenantrig_audits(&rig), made = keys();
    const dm_demo_made before = rig.demo;
    const dm_admin_args args = {.key_file = rig.key_file};
    assert_int_equal(run("demo", args, out, &err), 0);
    assert_string_equal(printed(out, "E2B_API_KEY"), before.key.key.s);
    assert_string_equal(printed(out, "DORMOUSE_ACCOUNT"), before.project.account_id);
    assert_string_equal(printed(out, "DORMOUSE_PROJECT"), before.project.id);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
    assert_int_equal(keys(), made);

    dm_tenantrig_sql(&rig, "UPDATE dm.api_key SET revoked_at = now()");
    assert_int_equal(run("demo", args, out, &err), 0);
    assert_string_not_equal(printed(out, "E2B_API_KEY"), before.key.key.s);
    assert_string_equal(printed(out, "DORMOUSE_PROJECT"), before.project.id);
    assert_int_equal(keys(), made + 1);
    DM_AUTO_BUF file;
    dm_buf_init(&file, 128);
    assert_int_equal(dm_file_read(rig.key_file, &file, &err), 0);
    assert_string_equal(file.p, printed(out, "E2B_API_KEY"));
    assert_int_equal(dm_tenantrig_demo(&rig, &err), 0);
    assert_string_equal(rig.demo.key.key.s, file.p);
}

/* Another make of `base` is another build under the same tag of the same template; the same make is none. */
static void demo_offers_what_it_is_told(void **state)
{
    (void)state;
    char out[PRINTED_MAX], tagged[256];
    dm_err err = {0};
    static const char builds[] = "SELECT count(*) FROM dm.template_build";
    int64_t before = dm_tenantrig_number(&rig, builds);
    const dm_admin_args args = {.key_file = rig.key_file, .vcpus = "2", .mem_mib = "512", .disk_mib = "2048"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run("demo", args, out, &err), 0);
        assert_int_equal(dm_tenantrig_number(&rig, builds), before + 1);
    }
    dm_tenantrig_text(&rig,
            "SELECT concat_ws(' ', b.image, b.vcpus, b.mem_mib, b.disk_mib, b.status)"
            " FROM dm.template_tag JOIN dm.template_build b USING (build_id) WHERE tag = 'default'",
            tagged);
    assert_string_equal(tagged, "base 2 512 2048 ready");
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.template WHERE public"), 1);
    char object[64], id[256];
    dm_tenantrig_text(&rig, "SELECT template_id FROM dm.template", id);
    (void)snprintf(object, sizeof object, "template:%.20s", id);
    assert_true(dm_tenantrig_audited(&rig, rig.demo.project.owner, who, "template.offer", object));
    refused("demo", (dm_admin_args){.vcpus = "0"}, DM_E_INVALID, "--vcpus");
    refused("demo", (dm_admin_args){.mem_mib = "x"}, DM_E_INVALID, "--mem-mib");
    refused("demo", (dm_admin_args){.disk_mib = "99999999999"}, DM_E_INVALID, "--disk-mib");
    refused("demo", (dm_admin_args){.vcpus = "64", .mem_mib = "1048576"}, DM_E_INVALID, "no spec covers");
}

/* --- projects and keys -------------------------------------------------------------------------------------- */

static void projects_and_keys(void **state)
{
    (void)state;
    char out[PRINTED_MAX], key[64], object[160];
    dm_err err = {0};
    dm_project p;
    const char *account = rig.demo.project.account_id;
    assert_int_equal(run("project-add", (dm_admin_args){.account = account, .slug = "shop"}, out, &err), 0);
    char name[256];
    dm_tenantrig_text(&rig,
            "SELECT concat_ws(' ', p.id, p.name, r.name) FROM dm.project p JOIN dm.region r"
            " USING (region_no) WHERE slug = 'shop'",
            name);
    (void)snprintf(object, sizeof object, "%s shop local", printed(out, "DORMOUSE_PROJECT"));
    assert_string_equal(name, object);

    assert_int_equal(run("key-add", (dm_admin_args){.project = "shop", .name = "till"}, out, &err), 0);
    (void)snprintf(key, sizeof key, "%s", printed(out, "DORMOUSE_KEY_ID"));
    assert_int_equal(strlen(printed(out, "E2B_API_KEY")), DM_KEY_TEXT - 1);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.api_key k JOIN dm.project p"
                                               " USING (account_no, project_no) WHERE slug = 'shop'"
                                               " AND k.name = 'till' AND revoked_at IS NULL"),
            1);
    assert_int_equal(run("key-revoke", (dm_admin_args){.id = key}, out, &err), 0);
    assert_string_equal(out, "");
    (void)snprintf(object, sizeof object, "key:%s", key);
    p.owner.account = rig.demo.project.owner.account;
    p.owner.project.v = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'shop'");
    assert_true(dm_tenantrig_audited(&rig, p.owner, who, "key.revoke", object));

    refused("project-add", (dm_admin_args){.slug = "x"}, DM_E_INVALID, "--account is missing");
    refused("project-add", (dm_admin_args){.account = account}, DM_E_INVALID, "--slug is missing");
    refused("project-add", (dm_admin_args){.account = "7", .slug = "x"}, DM_E_INVALID, "UUID");
    refused("project-add", (dm_admin_args){.account = account, .slug = "x", .region = "moon"}, DM_E_NOTFOUND,
            "no such account or region");
    refused("project-add", (dm_admin_args){.account = account, .slug = "shop"}, DM_E_EXISTS, "");
    refused("key-add", (dm_admin_args){.name = "x"}, DM_E_INVALID, "--project is missing");
    refused("key-add", (dm_admin_args){.project = "nosuch"}, DM_E_NOTFOUND, "no project 'nosuch'");
    refused("key-revoke", (dm_admin_args){.id = NULL}, DM_E_INVALID, "--id is missing");
    refused("key-revoke", (dm_admin_args){.id = "x"}, DM_E_INVALID, "UUID");
    refused("key-revoke", (dm_admin_args){.id = key}, DM_E_NOTFOUND, "no valid key");
}

/* --- limits ------------------------------------------------------------------------------------------------- */

static void limits(void **state)
{
    (void)state;
    char out[PRINTED_MAX];
    dm_err err = {0};
    const dm_admin_args project = {.name = "running_max", .value = "7", .project = "demo"};
    const dm_admin_args account = {.name = "running_max", .value = "8", .account = rig.demo.project.account_id};
    const dm_admin_args tier = {.name = "running_max", .value = "9", .tier = "payg"};
    assert_int_equal(run("limit-set", project, out, &err), 0);
    assert_true(dm_tenantrig_audited(&rig, rig.demo.project.owner, who, "limit.set", "limit:demo:running_max=7"));
    assert_int_equal(run("limit-set", account, out, &err), 0);
    assert_int_equal(run("limit-set", tier, out, &err), 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT value FROM dm.project_limit"), 7);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT value FROM dm.account_limit"), 8);
    assert_int_equal(
            dm_tenantrig_number(&rig, "SELECT value FROM dm.tier_limit WHERE tier = 'payg' AND name = 'running_max'"),
            9);
    static const char *const values[] = {"", "-1", "1.5", "9223372036854775808"};
    for (size_t i = 0; i < DM_LEN(values); i++)
        refused("limit-set", (dm_admin_args){.name = "running_max", .value = values[i], .tier = "payg"}, DM_E_INVALID,
                "--value");
    refused("limit-set", (dm_admin_args){.value = "1", .tier = "payg"}, DM_E_INVALID, "--name is missing");
    refused("limit-set", (dm_admin_args){.name = "running_max", .tier = "payg"}, DM_E_INVALID, "--value is missing");
    refused("limit-set", (dm_admin_args){.name = "running_max", .value = "1"}, DM_E_INVALID, "give one of");
    refused("limit-set", (dm_admin_args){.name = "running_max", .value = "1", .tier = "payg", .project = "demo"},
            DM_E_INVALID, "give one of");
    refused("limit-set", (dm_admin_args){.name = "running_max", .value = "1", .account = "x"}, DM_E_INVALID, "UUID");
    refused("limit-set", (dm_admin_args){.name = "nonsense", .value = "1", .tier = "payg"}, DM_E_INVALID,
            "no limit is called");
    refused("limit-set", (dm_admin_args){.name = "running_max", .value = "1", .project = "nosuch"}, DM_E_NOTFOUND,
            "nothing is called");
}

static void overrides(void **state)
{
    (void)state;
    char out[PRINTED_MAX];
    dm_err err = {0};
    const dm_admin_args set = {.name = "running_max",
            .value = "6",
            .project = "demo",
            .reason = "a launch",
            .until = "2999-01-01T00:00:00Z"};
    assert_int_equal(run("limit-set", set, out, &err), 0);
    assert_int_equal(run("limit-list", (dm_admin_args){.project = "demo"}, out, &err), 0);
    const char *line = strstr(out, "running_max              project                     6");
    assert_non_null(line);
    assert_non_null(strstr(line, "2999-01-01T00:00:00"));
    assert_non_null(strstr(line, "operator:ada             a launch\n"));
    refused("limit-set", (dm_admin_args){.name = "running_max", .value = "1", .project = "demo", .until = "soon"},
            DM_E_INVALID, "--until");
    refused("limit-set",
            (dm_admin_args){.name = "running_max", .value = "1", .tier = "payg", .until = "2999-01-01T00:00:00Z"},
            DM_E_INVALID, "--until");
    refused("limit-list", (dm_admin_args){.project = "nosuch"}, DM_E_NOTFOUND, "no project");
    refused("limit-list", (dm_admin_args){.account = "x"}, DM_E_INVALID, "--project is missing");
}

/* The password is printed once and kept as a hash; with --first none is made beside another. */
static void operators(void **state)
{
    (void)state;
    char out[PRINTED_MAX], hash[256], password[32];
    dm_err err = {0};
    const dm_admin_args first = {.name = "ada", .email = "Ada@ops.test", .first = "yes"};
    assert_int_equal(run("operator-add", first, out, &err), 0);
    assert_string_equal(printed(out, "DORMOUSE_OPERATOR"), "ada@ops.test");
    (void)snprintf(password, sizeof password, "%s", printed(out, "DORMOUSE_ONE_TIME_PASSWORD"));
    dm_tenantrig_text(
            &rig, "SELECT password FROM dm.operator WHERE name = 'ada' AND one_time AND totp_from IS NULL", hash);
    assert_int_equal(dm_password_check(hash, dm_str_c(password), NULL), 0);
    assert_true(dm_tenantrig_audited(&rig, (dm_owner){.account = {0}}, who, "operator.add", "operator:ada"));
    assert_int_equal(run("operator-add", first, out, &err), 0);
    assert_string_equal(out, "");
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.operator"), 1);
    refused("operator-add", (dm_admin_args){.name = "ada", .email = "b@ops.test"}, DM_E_EXISTS, "operator");
    refused("operator-add", (dm_admin_args){.name = "No Name", .email = "b@ops.test"}, DM_E_INVALID, "operator");
    refused("operator-add", (dm_admin_args){.name = "ben", .email = "x"}, DM_E_INVALID, "email");
    refused("operator-add", (dm_admin_args){.name = "ben"}, DM_E_INVALID, "email");
}

/* Who owns an account that an operator made: he can sign in at once, and with --first nobody is added to those who are
 * there. */
static void owners(void **state)
{
    (void)state;
    char out[PRINTED_MAX], account[64], hash[256];
    dm_err err = {0};
    assert_int_equal(
            run("account-add", (dm_admin_args){.name = "Owned", .country = "CN", .currency = "CNY", .tier = "payg"},
                    out, &err),
            0);
    (void)snprintf(account, sizeof account, "%s", printed(out, "DORMOUSE_ACCOUNT"));
    const dm_admin_args first = {.account = account, .email = "Eve@Owned.test", .name = "Eve", .first = "yes"};
    assert_int_equal(run("owner-add", first, out, &err), 0);
    assert_string_equal(printed(out, "DORMOUSE_OWNER"), "eve@owned.test");
    dm_tenantrig_text(&rig,
            "SELECT p.password FROM dm.person p JOIN dm.member m USING (person_no) JOIN dm.account a USING (account_no)"
            " WHERE p.email = 'eve@owned.test' AND p.name = 'Eve' AND p.confirmed_at IS NOT NULL AND m.role = 'owner'"
            " AND m.project_no = 0 AND a.legal_name = 'Owned'",
            hash);
    assert_int_equal(dm_password_check(hash, dm_str_c(printed(out, "DORMOUSE_PASSWORD")), NULL), 0);
    assert_int_equal(dm_tenantrig_number(
                             &rig, "SELECT count(*) FROM dm.audit WHERE verb = 'member.add' AND who = 'operator:ada'"),
            1);
    assert_int_equal(run("owner-add", first, out, &err), 0);
    assert_string_equal(out, "");
    refused("owner-add", (dm_admin_args){.account = account, .email = "eve@owned.test"}, DM_E_EXISTS, "already");
    refused("owner-add", (dm_admin_args){.account = account, .email = "x"}, DM_E_INVALID, "email");
    refused("owner-add", (dm_admin_args){.account = "x", .email = "b@owned.test"}, DM_E_INVALID, "no id");
    refused("owner-add", (dm_admin_args){.account = "00000000-0000-0000-0000-000000000000", .email = "b@owned.test"},
            DM_E_NOTFOUND, "no account");
}

/* What the routes do (tests/unit/api/ops/operator_test.c), for when nobody can sign in any more. */
static void operators_are_looked_after(void **state)
{
    (void)state;
    char out[PRINTED_MAX], hash[256];
    dm_err err = {0};
    refused("operator-disable", (dm_admin_args){.name = "ada", .reason = "x"}, DM_E_CONFLICT, "nobody else");
    assert_int_equal(run("operator-add", (dm_admin_args){.name = "ben", .email = "b@ops.test"}, out, &err), 0);
    refused("operator-disable", (dm_admin_args){.name = "ben"}, DM_E_INVALID, "--reason");
    refused("operator-disable", (dm_admin_args){.reason = "x"}, DM_E_INVALID, "--name");
    refused("operator-reset", (dm_admin_args){.name = "nobody", .reason = "x"}, DM_E_NOTFOUND, "no operator");
    assert_int_equal(run("operator-disable", (dm_admin_args){.name = "ben", .reason = "he left"}, out, &err), 0);
    assert_true(dm_tenantrig_audited(&rig, (dm_owner){.account = {0}}, who, "operator.disable", "operator:ben"));
    assert_int_equal(run("operator-list", (dm_admin_args){.json = false}, out, &err), 0);
    assert_non_null(strstr(out, "ben                  disabled   -"));
    assert_int_equal(run("operator-enable", (dm_admin_args){.name = "ben", .reason = "he is back"}, out, &err), 0);
    assert_int_equal(run("operator-reset", (dm_admin_args){.name = "ben", .reason = "lost it"}, out, &err), 0);
    dm_tenantrig_text(&rig, "SELECT password FROM dm.operator WHERE name = 'ben' AND one_time", hash);
    assert_int_equal(dm_password_check(hash, dm_str_c(printed(out, "DORMOUSE_ONE_TIME_PASSWORD")), NULL), 0);
    assert_int_equal(run("operator-list", (dm_admin_args){.json = true}, out, &err), 0);
    assert_non_null(strstr(out, "\"state\":\"new\""));
}

static void token_keys_end(void **state)
{
    (void)state;
    char out[PRINTED_MAX];
    dm_err err = {0};
    dm_tenantrig_sql(&rig, "INSERT INTO dm.token_key (kid, sealed, public_pem) VALUES ('0123456789abcdef', '', '')");
    assert_int_equal(run("token-key-rotate", (dm_admin_args){.who = NULL}, out, &err), 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.token_key WHERE valid_to <= now()"), 1);
    assert_true(dm_tenantrig_audited(&rig, (dm_owner){.account = {0}}, who, "token_key.rotate", "token_key:all"));
}

static void suspension(void **state)
{
    (void)state;
    char out[PRINTED_MAX];
    dm_err err = {0};
    const char *id = rig.demo.project.account_id;
    const dm_owner account = {.account = rig.demo.project.owner.account};
    const dm_admin_args args = {.account = id, .reason = "unpaid"};
    char object[64];
    (void)snprintf(object, sizeof object, "account:%s", id);
    assert_int_equal(run("suspend", args, out, &err), 0);
    assert_string_equal(printed(out, "DORMOUSE_WILL_SLEEP"), "0");
    assert_true(dm_tenantrig_audited(&rig, account, who, "account.suspend", object));
    assert_int_equal(run("unsuspend", args, out, &err), 0);
    assert_true(dm_tenantrig_audited(&rig, account, who, "account.unsuspend", object));
    refused("unsuspend", args, DM_E_NOTFOUND, "is not suspended");
    refused("suspend", (dm_admin_args){.account = id}, DM_E_INVALID, "--reason is missing");
    refused("suspend", (dm_admin_args){.account = "x", .reason = "y"}, DM_E_INVALID, "UUID");
    refused("suspend", (dm_admin_args){.account = "00000000-0000-4000-8000-000000000000", .reason = "y"}, DM_E_NOTFOUND,
            "no account");
}

static void no_other_commands(void **state)
{
    (void)state;
    static const char *const none[] = {"", "dem", "demos", "limit_set"};
    for (size_t i = 0; i < DM_LEN(none); i++)
        assert_null(dm_admin_find(none[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(demo_is_idempotent),
            cmocka_unit_test(demo_offers_what_it_is_told), cmocka_unit_test(projects_and_keys),
            cmocka_unit_test(limits), cmocka_unit_test(overrides), cmocka_unit_test(suspension),
            cmocka_unit_test(operators), cmocka_unit_test(owners), cmocka_unit_test(operators_are_looked_after),
            cmocka_unit_test(token_keys_end), cmocka_unit_test(no_other_commands)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
