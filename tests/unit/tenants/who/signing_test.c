/* Covers tenants/who/sql_signing.c. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tenants/who/signing.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

enum { DAYS = 30, TOKEN_S = 300, REPLICAS = 4 };
static const char session[] = "0b6dbf0e-5f0a-4a6e-9a53-0f7c3c1f6f11";

static dm_tenantrig rig;
static dm_pg_pool *pool;
static dm_master *master;
static dm_clock_fake mono; /* its wall is the machine's, moved by the test */

static int start(void **state)
{
    (void)state;
    char conninfo[256], path[300];
    dm_pgtest_conninfo(rig.pg, "dm_who", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = REPLICAS, .wait_ms = 5000, .statement_ms = 5000};
    (void)snprintf(path, sizeof path, "%s/master.key", dm_pgtest_dir(rig.pg));
    int r = dm_master_open(path, &master, NULL);
    return r < 0 ? r : dm_pg_pool_new(&config, &pool, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_pg_pool_free(pool);
    dm_master_free(master);
    return 0;
}

static dm_signing *replica(void)
{
    const dm_signing_config config = {
            .pool = pool, .master = master, .clock = &mono.base, .token_s = TOKEN_S, .key_days = DAYS};
    dm_signing *s = NULL;
    assert_int_equal(dm_signing_new(&config, &s, NULL), 0);
    return s;
}

static int fresh(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "DELETE FROM dm.token_key");
    dm_clock_fake_init(&mono, dm_wall_us(&dm_clock_real));
    return 0;
}

static void write_by(dm_signing *s, char out[DM_TOKEN_MAX])
{
    dm_err err = {0};
    if (dm_signing_write(s, DM_TOKEN_PERSON, session, out, &err) < 0)
        fail_msg("%s", err.msg);
}

static int read_by(dm_signing *s, const char *text)
{
    dm_token_claims c;
    dm_err err = {0};
    int r = dm_signing_read(s, dm_str_c(text), DM_TOKEN_PERSON, &c, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

static int64_t count(const char *where)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.token_key WHERE %s", where);
    return dm_tenantrig_number(&rig, sql);
}

static void *sign_first(void *arg)
{
    char text[DM_TOKEN_MAX];
    dm_err err = {0};
    return dm_signing_write(arg, DM_TOKEN_PERSON, session, text, &err) < 0 ? arg : NULL;
}

/* All of them at once want the first key: there is one. */
static void replicas_agree(void **state)
{
    (void)state;
    dm_signing *all[REPLICAS];
    pthread_t threads[REPLICAS];
    char text[DM_TOKEN_MAX];
    for (int i = 0; i < REPLICAS; i++)
        all[i] = replica();
    for (int i = 0; i < REPLICAS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_first, all[i]), 0);
    for (int i = 0; i < REPLICAS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(count("true"), 1);
    write_by(all[0], text);
    for (int i = 0; i < REPLICAS; i++) {
        assert_int_equal(read_by(all[i], text), 0);
        dm_signing_free(all[i]);
    }
}

/* The private half is sealed: neither as it is, nor under another's name. */
static void a_key_at_rest_is_sealed(void **state)
{
    (void)state;
    DM_AUTO(dm_signing) s = replica();
    dm_err err = {0};
    assert_int_equal(dm_signing_look(s, &err), 0);
    assert_int_equal(count("position('PRIVATE'::bytea in sealed) > 0"), 0);
    assert_int_equal(count("position('PUBLIC' in public_pem) > 0"), 1);
    dm_tenantrig_sql(&rig, "UPDATE dm.token_key SET kid = '0123456789abcdef'");
    assert_int_equal(dm_signing_look(s, &err), DM_E_CORRUPT);
}

/* By age: the new one signs a little later, when all have heard; what the old one signed is good to its end. */
static void keys_take_turns(void **state)
{
    (void)state;
    DM_AUTO(dm_signing) a = replica();
    DM_AUTO(dm_signing) b = replica();
    char old[DM_TOKEN_MAX], still[DM_TOKEN_MAX], next[DM_TOKEN_MAX], kid[DM_TOKEN_KID], kid2[DM_TOKEN_KID];
    write_by(a, old);
    dm_tenantrig_sql(&rig, "UPDATE dm.token_key SET signs_from = now() - interval '31 days'");
    dm_signing_forget(a);
    write_by(a, still);
    assert_int_equal(count("true"), 2);
    assert_int_equal(count("valid_to IS NULL AND signs_from > now()"), 1);
    assert_int_equal(count("valid_to > now() + interval '300 s'"), 1);
    assert_int_equal(dm_token_kid(dm_str_c(old), kid), 0);
    assert_int_equal(dm_token_kid(dm_str_c(still), kid2), 0);
    assert_string_equal(kid, kid2);
    dm_clock_fake_move(&mono, 11000000);
    write_by(a, next);
    assert_int_equal(dm_token_kid(dm_str_c(next), kid2), 0);
    assert_string_not_equal(kid, kid2);
    assert_int_equal(read_by(b, next), 0);
    assert_int_equal(read_by(b, old), 0);
    assert_int_equal(read_by(a, old), 0);
    /* Nobody makes a third. */
    dm_signing_forget(b);
    write_by(b, next);
    assert_int_equal(count("true"), 2);
    dm_tenantrig_sql(&rig, "UPDATE dm.token_key SET valid_to = now() WHERE valid_to IS NOT NULL");
    dm_signing_forget(b);
    assert_int_equal(read_by(b, old), DM_TOKEN_BAD);
    assert_int_equal(read_by(b, next), 0);
}

/* A key that nobody has told of is looked for, and strangers' names cost the database one look a second. */
static void an_unknown_name_is_looked_for(void **state)
{
    (void)state;
    DM_AUTO(dm_signing) a = replica();
    DM_AUTO(dm_signing) b = replica();
    char first[DM_TOKEN_MAX], second[DM_TOKEN_MAX];
    write_by(a, first);
    assert_int_equal(read_by(b, first), 0);
    dm_tenantrig_sql(&rig, "DELETE FROM dm.token_key");
    dm_signing_forget(a);
    write_by(a, second); /* by a key that b has not met */
    assert_int_equal(read_by(b, second), DM_TOKEN_BAD);
    dm_clock_fake_move(&mono, 999999);
    assert_int_equal(read_by(b, second), DM_TOKEN_BAD);
    dm_clock_fake_move(&mono, 1);
    assert_int_equal(read_by(b, second), 0);
    assert_int_equal(read_by(b, first), DM_TOKEN_BAD);
}

/* A new key is told. */
static void rotation_is_heard(void **state)
{
    (void)state;
    DM_AUTO(dm_signing) s = replica();
    char conninfo[256];
    dm_pg_note note = {.channel = ""};
    dm_err err = {0};
    dm_pg *ear = NULL;
    dm_buf_init(&note.payload, 100);
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &ear, &err), 0);
    assert_int_equal(dm_pg_script(ear, "LISTEN dm_token_keys", &err), 0);
    assert_int_equal(dm_signing_look(s, &err), 0);
    assert_int_equal(dm_pg_wait_notify(ear, 5000, &note, &err), 0);
    dm_pg_close(ear);
    dm_buf_done(&note.payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(replicas_agree, fresh),
            cmocka_unit_test_setup(a_key_at_rest_is_sealed, fresh), cmocka_unit_test_setup(keys_take_turns, fresh),
            cmocka_unit_test_setup(an_unknown_name_is_looked_for, fresh),
            cmocka_unit_test_setup(rotation_is_heard, fresh)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
