#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"

#include "migrations/migrate.h"
#include "tenants/admin/demo.h"
#include "tenants/who/auth.h"
#include "tests/support/pgtest.h"
#include "tests/unit/test.h"

static dm_pgtest *pg;
static dm_pg *ops, *super;
static dm_pg_pool *pool;
static dm_auth *auth;
static dm_clock_fake clock_fake;
static char key_file[256], key[64];

enum { KEEP_MS = 5000 };

static int must(int r, const dm_err *err)
{
    if (r < 0)
        print_message("%s\n", err->msg);
    return r;
}

static int demo(dm_err *err)
{
    const dm_demo want = {.tier = "payg",
            .currency = "CNY",
            .base = {.image = "base", .vcpus = 1, .mem_mib = 256, .disk_mib = 1024},
            .key_file = key_file};
    dm_demo_made made;
    return dm_demo_make(ops, "operator:test", &want, &made, err);
}

static int read_key(dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 128);
    int r = dm_file_read(key_file, &text, err);
    return r < 0 ? r : dm_str_to_array(dm_buf_view(&text), key, sizeof key, err);
}

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_err err = {0};
    dm_migrate_result result;
    if (must(dm_pgtest_start(&pg, &err), &err) < 0)
        return -1;
    (void)snprintf(key_file, sizeof key_file, "%s/key", dm_pgtest_dir(pg));
    dm_pgtest_conninfo(pg, "postgres", conninfo);
    int r = dm_migrate_run(conninfo, DM_SOURCE_DIR "/migrations", &dm_clock_real, NULL, NULL, &result, &err);
    if (r == 0)
        r = dm_pg_open(conninfo, &super, &err);
    dm_pgtest_conninfo(pg, "dm_ops", conninfo);
    if (r == 0)
        r = dm_pg_open(conninfo, &ops, &err);
    if (r == 0)
        r = demo(&err);
    if (r == 0)
        r = read_key(&err);
    dm_pgtest_conninfo(pg, "dm_api", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 2, .wait_ms = 1000, .statement_ms = 5000};
    if (r == 0)
        r = dm_pg_pool_new(&config, &pool, &err);
    dm_clock_fake_init(&clock_fake, 1800000000000000);
    if (r == 0)
        r = dm_auth_new(pool, &clock_fake.base, KEEP_MS, &auth, &err);
    return must(r, &err);
}

static int stop(void **state)
{
    (void)state;
    dm_auth_free(auth);
    dm_pg_pool_free(pool);
    dm_pg_close(ops);
    dm_pg_close(super);
    dm_pgtest_free(pg);
    return 0;
}

static void sql(const char *text)
{
    dm_err err = {0};
    if (dm_pg_script(super, text, &err) < 0)
        fail_msg("%s", err.msg);
}

static int find(dm_caller *c)
{
    dm_err err = {0};
    return must(dm_auth_find(auth, dm_str_c(key), c, &err), &err);
}

static void who_it_is(void **state)
{
    (void)state;
    dm_caller c;
    assert_int_equal(find(&c), 0);
    assert_string_equal(c.slug, "demo");
    assert_string_equal(c.tier, "payg");
    assert_string_equal(c.currency, "CNY");
    assert_string_equal(c.region, "local");
    assert_string_equal(c.blocked, "");
    assert_false(c.banned);
    assert_int_equal(c.limits.vcpus_max, 8);
    assert_int_equal(c.limits.timeout_s_max, 86400);
    assert_int_equal(c.limits.running_max, 1000);
    assert_int_equal(c.limits.account_running_max, 1000);
    dm_err err;
    assert_int_equal(dm_auth_find(auth, DM_STR("e2b_00"), &c, &err), DM_AUTH_UNKNOWN);
    assert_int_equal(dm_auth_find(auth, DM_STR(""), &c, &err), DM_AUTH_UNKNOWN);
}

/* The project's number wins over the account's, which wins over the tier's; the account's own cap stays beside it. */
static void the_nearest_limit_wins(void **state)
{
    (void)state;
    dm_caller c;
    sql("INSERT INTO dm.account_limit SELECT account_no, 'running_max', 7 FROM dm.account;"
        "INSERT INTO dm.account_limit SELECT account_no, 'vcpus_max', 2 FROM dm.account");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.limits.running_max, 7);
    assert_int_equal(c.limits.account_running_max, 7);
    assert_int_equal(c.limits.vcpus_max, 2);
    sql("INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 9 FROM dm.project");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.limits.running_max, 9);
    assert_int_equal(c.limits.account_running_max, 7);
    /* A tier without the row forbids. */
    sql("DELETE FROM dm.project_limit; DELETE FROM dm.account_limit;"
        "DELETE FROM dm.tier_limit WHERE tier = 'payg' AND name = 'disk_mib_max'");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.limits.disk_mib_max, 0);
}

static void kept_for_a_while(void **state)
{
    (void)state;
    dm_caller c;
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    sql("UPDATE dm.api_key SET revoked_at = now()");
    assert_int_equal(find(&c), 0);
    dm_clock_fake_move(&clock_fake, KEEP_MS * 1000LL + 1);
    assert_int_equal(find(&c), DM_AUTH_UNKNOWN);
    sql("UPDATE dm.api_key SET revoked_at = NULL");
    assert_int_equal(find(&c), 0); /* what is unknown is not kept */
}

/* Every change of what a key is for is told. */
static void changes_are_heard(void **state)
{
    (void)state;
    static const char *const changes[] = {"UPDATE dm.api_key SET revoked_at = NULL",
            "UPDATE dm.account SET blocked = NULL", "UPDATE dm.tier_limit SET value = value",
            "INSERT INTO dm.project_limit SELECT account_no, project_no, 'x', 1 FROM dm.project",
            "DELETE FROM dm.project_limit"};
    char conninfo[256];
    dm_err err = {0};
    dm_pg *ear = NULL;
    dm_pgtest_conninfo(pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &ear, &err), 0);
    assert_int_equal(dm_pg_script(ear, "LISTEN dm_keys", &err), 0);
    for (size_t i = 0; i < DM_LEN(changes); i++) {
        DM_AUTO_BUF payload;
        dm_buf_init(&payload, 8192);
        sql(changes[i]);
        if (dm_pg_wait_notify(ear, 2000, &payload, &err) != 0)
            fail_msg("not heard: %s", changes[i]);
    }
    dm_pg_close(ear);
}

/* Once more changes nothing; a key that is no longer valid is replaced in its file. */
static void demo_is_idempotent(void **state)
{
    (void)state;
    char before[64];
    dm_err err = {0};
    dm_caller c;
    memcpy(before, key, sizeof before);
    assert_int_equal(must(demo(&err), &err), 0);
    assert_int_equal(read_key(&err), 0);
    assert_string_equal(key, before);
    sql("UPDATE dm.api_key SET revoked_at = now()");
    dm_auth_forget(auth);
    assert_int_equal(must(demo(&err), &err), 0);
    assert_int_equal(read_key(&err), 0);
    assert_string_not_equal(key, before);
    assert_int_equal(find(&c), 0);
    assert_string_equal(c.slug, "demo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_it_is), cmocka_unit_test(the_nearest_limit_wins),
            cmocka_unit_test(kept_for_a_while), cmocka_unit_test(changes_are_heard),
            cmocka_unit_test(demo_is_idempotent)};
    return cmocka_run_group_tests(tests, start, stop);
}
