/* Covers tenants/who/sql_account.c, tenants/plan/sql_audit.c. */
#include <stdio.h>

#include "tenants/who/account.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

typedef struct adding {
    dm_account_new fresh;
    dm_account made;
} adding;

static int add(dm_pg *c, void *arg, dm_err *err)
{
    adding *a = arg;
    return dm_account_add(c, "operator:ada", &a->fresh, &a->made, err);
}

static void is_added_and_told(void **state)
{
    (void)state;
    char object[64], sql[256];
    dm_err err = {0};
    adding a = {.fresh = {.legal_name = "Ada & Co", .country = "GB", .currency = "CNY", .tier = "payg"}};
    assert_int_equal(dm_tenantrig_as_ops(&rig, add, &a, &err), 0);
    assert_true(dm_uuid_ok(dm_str_c(a.made.id)));
    (void)snprintf(sql, sizeof sql,
            "SELECT account_no FROM dm.account WHERE id = '%s' AND legal_name = 'Ada & Co' AND country = 'GB'"
            " AND currency = 'CNY' AND tier = 'payg' AND blocked IS NULL AND NOT banned",
            a.made.id);
    assert_int_equal(dm_tenantrig_number(&rig, sql), a.made.no.v);
    (void)snprintf(object, sizeof object, "account:%s", a.made.id);
    assert_true(dm_tenantrig_audited(&rig, (dm_owner){.account = a.made.no}, "operator:ada", "account.add", object));
}

/* What is refused leaves neither a row nor a line. */
static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        dm_account_new fresh;
        int is;
    } cases[] = {{{"Ada", "GB", "CNY", "nosuch"}, DM_ACCOUNT_NO_TIER}, {{"", "GB", "CNY", "payg"}, DM_E_INVALID},
            {{"Ada", "GBR", "CNY", "payg"}, DM_E_INVALID}, {{"Ada", "GB", "USD", "payg"}, DM_ACCOUNT_NO_PRICES}};
    int64_t accounts = dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.account");
    int64_t audits = dm_tenantrig_audits(&rig);
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_err err = {0};
        adding a = {.fresh = cases[i].fresh};
        assert_int_equal(dm_tenantrig_as_ops(&rig, add, &a, &err), cases[i].is);
    }
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.account"), accounts);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(is_added_and_told), cmocka_unit_test(what_cannot_be_is_refused)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
