/* Covers tenants/who/sql_caller.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tenants/who/auth.h"
#include "tenants/who/key.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static dm_pg_pool *pool;
static dm_auth *auth;
static dm_clock_fake clock_fake;

enum { KEEP_MS = 5000 };

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 2, .wait_ms = 1000, .statement_ms = 5000};
    dm_clock_fake_init(&clock_fake, 1800000000000000);
    int r = dm_pg_pool_new(&config, &pool, NULL);
    return r < 0 ? r : dm_auth_new(pool, &clock_fake.base, KEEP_MS, &auth, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_auth_free(auth);
    dm_pg_pool_free(pool);
    return 0;
}

static void sql(const char *text)
{
    dm_tenantrig_sql(&rig, text);
}

static int find(dm_caller *c)
{
    dm_err err = {0};
    int r = dm_auth_find(auth, dm_str_c(rig.demo.key.key.s), c, &err);
    if (r < 0)
        print_message("%s\n", err.msg);
    return r;
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
    assert_int_equal(c.limits.at_once.running_max, 1000);
    assert_int_equal(c.limits.account.running_max, 1000);
    dm_err err;
    assert_int_equal(dm_auth_find(auth, DM_STR("e2b_00"), &c, &err), DM_AUTH_UNKNOWN);
    assert_int_equal(dm_auth_find(auth, DM_STR(""), &c, &err), DM_AUTH_UNKNOWN);
}

typedef struct asking {
    const dm_caller *caller;
    int64_t now_us;
    dm_limits limits;
} asking;

static int ask_limits(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    return dm_auth_limits(c, a->caller, a->now_us, &a->limits, err);
}

/* The running_max of a caller who was found before. */
static int64_t limits_now(const dm_caller *caller, int64_t now_us)
{
    asking a = {.caller = caller, .now_us = now_us};
    assert_int_equal(dm_tenantrig_as_api(&rig, caller->owner, ask_limits, &a, NULL), 0);
    return a.limits.at_once.running_max;
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
    assert_int_equal(c.limits.at_once.running_max, 7);
    assert_int_equal(c.limits.account.running_max, 7);
    assert_int_equal(c.limits.vcpus_max, 2);
    sql("INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 9 FROM dm.project");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.limits.at_once.running_max, 9);
    assert_int_equal(c.limits.account.running_max, 7);
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
    assert_true(dm_auth_met(auth, dm_str_c(rig.demo.key.key.s))); /* too old to be believed, and met all the same */
    assert_int_equal(find(&c), DM_AUTH_UNKNOWN);
    assert_false(dm_auth_met(auth, dm_str_c(rig.demo.key.key.s)));
    sql("UPDATE dm.api_key SET revoked_at = NULL");
    assert_int_equal(find(&c), 0); /* what is unknown is not kept */
    assert_true(dm_auth_met(auth, dm_str_c(rig.demo.key.key.s)));
    assert_false(dm_auth_met(auth, DM_STR("e2b_00")));
}

/* What is past its end binds no more, however long an answer is kept; and whoever stood in line meanwhile is asked
 * about again. The database's clock is moved by moving the end. */
static void no_limit_outlives_its_end(void **state)
{
    (void)state;
    static const int64_t half_an_hour_us = 1800000000;
    dm_auth *patient = NULL;
    dm_caller c, late;
    dm_err err = {0};
    assert_int_equal(dm_auth_new(pool, &clock_fake.base, 3600000, &patient, &err), 0);
    sql("INSERT INTO dm.project_limit (account_no, project_no, name, value, until)"
        " SELECT account_no, project_no, 'running_max', 7, now() + interval '30 min' FROM dm.project;"
        "INSERT INTO dm.account_limit (account_no, name, value, until)"
        " SELECT account_no, 'vcpus_max', 2, now() - interval '1 s' FROM dm.account");
    assert_int_equal(dm_auth_find(patient, dm_str_c(rig.demo.key.key.s), &c, &err), 0);
    assert_int_equal(c.limits.at_once.running_max, 7);
    assert_int_equal(c.limits.vcpus_max, 8);
    sql("UPDATE dm.project_limit SET until = now() - interval '1 s'");
    assert_int_equal(dm_auth_find(patient, dm_str_c(rig.demo.key.key.s), &late, &err), 0);
    assert_int_equal(late.limits.at_once.running_max, 7); /* kept, and still in time as far as anybody was told */
    assert_int_equal(limits_now(&c, dm_mono_us(&clock_fake.base)), 7);
    dm_clock_fake_move(&clock_fake, half_an_hour_us);
    assert_int_equal(dm_auth_find(patient, dm_str_c(rig.demo.key.key.s), &late, &err), 0);
    assert_int_equal(late.limits.at_once.running_max, 1000);
    assert_int_equal(limits_now(&c, dm_mono_us(&clock_fake.base)), 1000);
    dm_auth_free(patient);
    sql("DELETE FROM dm.project_limit; DELETE FROM dm.account_limit");
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
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &ear, &err), 0);
    assert_int_equal(dm_pg_script(ear, "LISTEN dm_keys", &err), 0);
    for (size_t i = 0; i < DM_LEN(changes); i++) {
        dm_pg_note note = {.channel = ""};
        dm_buf_init(&note.payload, 8192);
        sql(changes[i]);
        if (dm_pg_wait_notify(ear, 2000, &note, &err) != 0)
            fail_msg("not heard: %s", changes[i]);
        dm_buf_done(&note.payload);
    }
    dm_pg_close(ear);
}

/* The key's own end counts in the answer that was kept. */
static void never_past_the_keys_end(void **state)
{
    (void)state;
    dm_caller c;
    sql("UPDATE dm.api_key SET expires_at = now() + interval '2 s'");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    sql("UPDATE dm.api_key SET revoked_at = now()"); /* nobody tells this one */
    assert_int_equal(find(&c), 0);
    dm_clock_fake_move(&clock_fake, 2000001);
    assert_int_equal(find(&c), DM_AUTH_UNKNOWN);
    sql("UPDATE dm.api_key SET revoked_at = NULL, expires_at = now()");
    assert_int_equal(find(&c), DM_AUTH_UNKNOWN);
    sql("UPDATE dm.api_key SET expires_at = NULL");
    assert_int_equal(find(&c), 0);
}

static void only_what_it_was_made_for(void **state)
{
    (void)state;
    dm_caller c;
    sql("UPDATE dm.api_key SET rights = '{sandbox.read,member.change,nonsense}'");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.rights, UINT64_C(1) << DM_RIGHT_SANDBOX_READ);
    sql("UPDATE dm.api_key SET rights = NULL");
    dm_auth_forget(auth);
    assert_int_equal(find(&c), 0);
    assert_int_equal(c.rights, dm_rights_of(DM_ROLE_KEY));
}

/* --- several replicas --------------------------------------------------------------------------------------- */

/* One of them: keys that it believes for a minute, and an ear for what changes. */
typedef struct replica {
    dm_pg_pool *pool;
    dm_auth *auth;
    dm_pg *ear;
    pthread_t thread;
    atomic_bool stop;
} replica;

static void *hear(void *arg)
{
    replica *r = arg;
    while (!atomic_load(&r->stop)) {
        dm_pg_note note = {.channel = ""};
        dm_buf_init(&note.payload, 8192);
        if (dm_pg_wait_notify(r->ear, 100, &note, NULL) == 0)
            dm_auth_forget(r->auth);
        dm_buf_done(&note.payload);
    }
    return NULL;
}

static void begin(replica *r)
{
    char conninfo[256];
    dm_err err = {0};
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 2, .wait_ms = 5000, .statement_ms = 20000};
    assert_int_equal(dm_pg_pool_new(&config, &r->pool, &err), 0);
    assert_int_equal(dm_auth_new(r->pool, &dm_clock_real, 60000, &r->auth, &err), 0);
    assert_int_equal(dm_pg_open(conninfo, &r->ear, &err), 0);
    assert_int_equal(dm_pg_script(r->ear, "LISTEN dm_keys", &err), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, hear, r), 0);
}

static void end(replica *r)
{
    atomic_store(&r->stop, true);
    (void)pthread_join(r->thread, NULL);
    dm_auth_free(r->auth);
    dm_pg_close(r->ear);
    dm_pg_pool_free(r->pool);
}

static int key_add(dm_pg *c, void *arg, dm_err *err)
{
    const dm_caller by = dm_caller_of_operator("operator:ada", rig.demo.project.owner);
    return dm_key_add(c, &by, &(dm_key_new){.name = DM_STR_INIT("leaked")}, arg, err);
}

static int key_revoke(dm_pg *c, void *arg, dm_err *err)
{
    const dm_caller by = dm_caller_of_operator("operator:ada", rig.demo.project.owner);
    return dm_key_revoke(c, &by, ((dm_key_made *)arg)->id, err);
}

/* How long it still lets the key in, in ms; patience is for a machine that is busy with something else. */
static int64_t believed_ms(replica *r, const dm_key_made *key, int64_t since_ms)
{
    enum { PATIENCE_MS = 20000 };
    dm_caller c;
    dm_err err = {0};
    while (dm_auth_find(r->auth, dm_str_c(key->key.s), &c, &err) == 0) {
        if (dm_mono_ms(&dm_clock_real) - since_ms > PATIENCE_MS)
            fail_msg("a revoked key is believed for more than %d ms", PATIENCE_MS);
    }
    return dm_mono_ms(&dm_clock_real) - since_ms;
}

/* A hundred keys, each known to both, each revoked through one connection: both refuse it, a hundred times of a
 * hundred, long before the minute is over for which they would believe it. How quickly is shown and not judged: six of
 * these may run at once. */
static void what_is_revoked_is_refused_everywhere(void **state)
{
    (void)state;
    enum { ROUNDS = 100 };
    replica both[2] = {{.stop = false}, {.stop = false}};
    int64_t worst = 0;
    for (size_t i = 0; i < DM_LEN(both); i++)
        begin(&both[i]);
    for (int round = 0; round < ROUNDS; round++) {
        dm_key_made key;
        dm_caller c;
        dm_err err = {0};
        assert_int_equal(dm_tenantrig_as_ops(&rig, key_add, &key, &err), 0);
        for (size_t i = 0; i < DM_LEN(both); i++)
            assert_int_equal(dm_auth_find(both[i].auth, dm_str_c(key.key.s), &c, &err), 0);
        assert_int_equal(dm_tenantrig_as_ops(&rig, key_revoke, &key, &err), 0);
        int64_t since = dm_mono_ms(&dm_clock_real);
        for (size_t i = 0; i < DM_LEN(both); i++) {
            int64_t ms = believed_ms(&both[i], &key, since);
            worst = ms > worst ? ms : worst;
        }
    }
    print_message("refused everywhere after %lld ms at the most\n", (long long)worst);
    for (size_t i = 0; i < DM_LEN(both); i++)
        end(&both[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_it_is), cmocka_unit_test(the_nearest_limit_wins),
            cmocka_unit_test(kept_for_a_while), cmocka_unit_test(no_limit_outlives_its_end),
            cmocka_unit_test(changes_are_heard), cmocka_unit_test(never_past_the_keys_end),
            cmocka_unit_test(only_what_it_was_made_for), cmocka_unit_test(what_is_revoked_is_refused_everywhere)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
