#include <stdio.h>

#include "tenants/limits.h"
#include "tenants/who/uses.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static dm_pg_pool *pool, *away;
static dm_uses *uses;

enum { KEYS = 1000 };

static int64_t of(const char *condition)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.api_key WHERE %s", condition);
    return dm_tenantrig_number(&rig, sql);
}

static void write_uses(void)
{
    dm_err err = {0};
    if (dm_uses_write(uses, pool, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Ten thousand requests of a thousand keys are one statement; the latest of each counts. */
static void many_are_written_at_once(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask)"
                           " SELECT account_no, project_no, 'many', sha256(i::text::bytea), 'm' FROM dm.project,"
                           " generate_series(1, 1000) i WHERE slug = 'demo'");
    int64_t first = dm_tenantrig_number(&rig, "SELECT min(key_no) FROM dm.api_key WHERE name = 'many'");
    for (int64_t round = 0; round < 10; round++)
        for (int64_t i = 0; i < KEYS; i++)
            dm_uses_add(uses, (dm_key_no){first + i}, 1800000000000000 + round * 1000000 + i);
    write_uses();
    assert_int_equal(of("name = 'many' AND dm.us(last_used_at) = 1800000009000000 + key_no -"
                        " (SELECT min(key_no) FROM dm.api_key WHERE name = 'many')"),
            KEYS);
    assert_int_equal(of("name <> 'many' AND last_used_at IS NOT NULL"), 0);
}

/* Another replica has written a later time already. */
static void the_latest_counts(void **state)
{
    (void)state;
    int64_t key = dm_tenantrig_number(&rig, "SELECT max(key_no) FROM dm.api_key");
    dm_tenantrig_sql(&rig, "UPDATE dm.api_key SET last_used_at = dm.ts(1900000000000000)"
                           " WHERE key_no = (SELECT max(key_no) FROM dm.api_key)");
    dm_uses_add(uses, (dm_key_no){key}, 1850000000000000);
    write_uses();
    assert_int_equal(of("last_used_at = dm.ts(1900000000000000)"), 1);
}

/* A key that was used is nobody's news: replicas need not ask about all keys anew each half minute. */
static void nobody_is_told(void **state)
{
    (void)state;
    char conninfo[256];
    dm_err err = {0};
    dm_pg *ear = NULL;
    dm_pg_note note = {.channel = ""};
    dm_buf_init(&note.payload, 8192);
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &ear, &err), 0);
    assert_int_equal(dm_pg_script(ear, "LISTEN dm_keys", &err), 0);
    dm_uses_add(uses, (dm_key_no){dm_tenantrig_number(&rig, "SELECT max(key_no) FROM dm.api_key")}, 1950000000000000);
    write_uses();
    assert_int_equal(dm_pg_wait_notify(ear, 200, &note, &err), DM_E_TIMEOUT);
    dm_buf_done(&note.payload);
    dm_pg_close(ear);
}

/* What could not be written is written the next time. */
static void a_database_that_is_away(void **state)
{
    (void)state;
    dm_err err = {0};
    int64_t key = dm_tenantrig_number(&rig, "SELECT min(key_no) FROM dm.api_key WHERE name = 'many'");
    dm_uses_add(uses, (dm_key_no){key}, 1960000000000000);
    assert_int_equal(dm_uses_write(uses, away, &err), DM_E_UNAVAILABLE);
    assert_int_equal(of("last_used_at = dm.ts(1960000000000000)"), 0);
    write_uses();
    assert_int_equal(of("last_used_at = dm.ts(1960000000000000)"), 1);
}

/* More keys than have room are not remembered, and harm nothing. */
static void more_than_there_is_room_for(void **state)
{
    (void)state;
    int64_t key = dm_tenantrig_number(&rig, "SELECT max(key_no) FROM dm.api_key");
    dm_uses_add(uses, (dm_key_no){key}, 1970000000000000);
    for (int64_t i = 1; i <= 2 * DM_USES_MAX; i++)
        dm_uses_add(uses, (dm_key_no){key + i}, 1970000000000000);
    write_uses();
    assert_int_equal(of("last_used_at = dm.ts(1970000000000000)"), 1);
}

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_pgtest_conninfo(rig.pg, "dm_ops", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 2, .wait_ms = 1000, .statement_ms = 20000};
    const dm_pg_config nowhere = {
            .conninfo = "host=/nonexistent dbname=x", .max = 1, .wait_ms = 100, .statement_ms = 1000};
    int r = dm_pg_pool_new(&config, &pool, NULL);
    if (r == 0)
        r = dm_pg_pool_new(&nowhere, &away, NULL);
    return r < 0 ? r : dm_uses_new(&uses, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_uses_free(uses);
    dm_pg_pool_free(pool);
    dm_pg_pool_free(away);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_are_written_at_once), cmocka_unit_test(the_latest_counts),
            cmocka_unit_test(nobody_is_told), cmocka_unit_test(a_database_that_is_away),
            cmocka_unit_test(more_than_there_is_room_for)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
