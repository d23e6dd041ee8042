/* Covers tenants/who/sql_attempt.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tenants/who/attempt.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

enum { THREADS = 4 };

static dm_tenantrig rig;
static dm_pg_pool *pool;

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_pgtest_conninfo(rig.pg, "dm_who", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = THREADS, .wait_ms = 20000, .statement_ms = 20000};
    return dm_pg_pool_new(&config, &pool, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_pg_pool_free(pool);
    return 0;
}

typedef struct
try {
    dm_attempt all[2];
    size_t n;
    int64_t wait_s;
}
try;

static int take(dm_pg *c, void *arg, dm_err *err)
{
    try *t = arg;
    return dm_attempt_take(c, t->all, t->n, &t->wait_s, err);
}

static int give_back(dm_pg *c, void *arg, dm_err *err)
{
    try *t = arg;
    return dm_attempt_give_back(c, t->all, t->n, err);
}

static int run(dm_pg_fn fn, try *t)
{
    static const dm_pg_scope nobody = {.account_no = 0};
    dm_err err = {0};
    int r = dm_pg_tx(pool, &nobody, fn, t, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

static try at(const char *address, const char *subject)
{
    try t = {.n = 0};
    if (address != NULL)
        assert_int_equal(dm_attempt_of("address", dm_str_c(address), DM_ATTEMPT_ADDRESS_FREE, &t.all[t.n++], NULL), 0);
    if (subject != NULL)
        assert_int_equal(dm_attempt_of("subject", dm_str_c(subject), DM_ATTEMPT_FREE, &t.all[t.n++], NULL), 0);
    return t;
}

/* As if so many seconds had passed. */
static void pass(int64_t seconds)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.attempt SET next_at = next_at - make_interval(secs => %lld), last_at = last_at -"
            " make_interval(secs => %lld)",
            (long long)seconds, (long long)seconds);
    dm_tenantrig_sql(&rig, sql);
}

static int fresh(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "DELETE FROM dm.attempt");
    return 0;
}

/* The wait that the last failure brought, whatever of it has passed. */
static int64_t wait_now(void)
{
    return dm_tenantrig_number(
            &rig, "SELECT coalesce(extract(epoch FROM max(next_at - last_at)), 0)::bigint FROM dm.attempt");
}

static void waits_double_up_to_a_quarter_of_an_hour(void **state)
{
    (void)state;
    try t = at(NULL, "anna");
    for (int i = 0; i < DM_ATTEMPT_FREE; i++) {
        assert_int_equal(wait_now(), 0);
        assert_int_equal(run(take, &t), 0);
    }
    for (int64_t wait = 1; wait < 3000; wait *= 2) {
        assert_int_equal(wait_now(), wait < DM_ATTEMPT_WAIT_MAX_S ? wait : DM_ATTEMPT_WAIT_MAX_S);
        pass(wait);
        assert_int_equal(run(take, &t), 0);
    }
    assert_int_equal(run(take, &t), DM_ATTEMPT_WAIT);
    assert_in_range(t.wait_s, 1, DM_ATTEMPT_WAIT_MAX_S);
    /* Another one is not held up, and a day makes all good. */
    try other = at(NULL, "ben");
    assert_int_equal(run(take, &other), 0);
    pass(86401);
    for (int i = 0; i < DM_ATTEMPT_FREE; i++)
        assert_int_equal(run(take, &t), 0);
}

static void what_was_right_does_not_count(void **state)
{
    (void)state;
    try t = at("192.0.2.1", "anna");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(run(take, &t), 0);
        assert_int_equal(run(give_back, &t), 0);
    }
}

/* One that refuses leaves the others as they were. */
static void all_or_none(void **state)
{
    (void)state;
    try subject = at(NULL, "anna"), both = at("192.0.2.1", "anna"), address = at("192.0.2.1", NULL);
    assert_int_equal(run(take, &address), 0);
    assert_int_equal(run(take, &subject), 0);
    dm_tenantrig_sql(&rig, "UPDATE dm.attempt SET failures = 7, next_at = now() + interval '1 hour'"
                           " WHERE name = sha256('subject:anna')");
    for (int i = 0; i < 100; i++)
        assert_int_equal(run(take, &both), DM_ATTEMPT_WAIT);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT min(failures) FROM dm.attempt"), 1);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT max(failures) FROM dm.attempt"), 7);
}

/* --- the bound ---------------------------------------------------------------------------------------------- */

static atomic_int looked_at;

static void *guess(void *arg)
{
    for (int i = 0; i < 10000 / THREADS; i++) {
        try t = *(const try *)arg;
        static const dm_pg_scope nobody = {.account_no = 0};
        int r = dm_pg_tx(pool, &nobody, take, &t, NULL);
        if (r == 0)
            atomic_fetch_add(&looked_at, 1);
        else if (r != DM_ATTEMPT_WAIT)
            return arg;
    }
    return NULL;
}

static int guesses(try t)
{
    pthread_t threads[THREADS];
    atomic_store(&looked_at, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &t), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    return atomic_load(&looked_at);
}

/* Four at a time, as fast as they go: ten waits have room in 1,023 s, and no more can have passed. */
static void ten_thousand_at_once(void **state)
{
    (void)state;
    int subject = guesses(at(NULL, "anna")), address = guesses(at("192.0.2.1", NULL));
    print_message("10,000 wrong passwords at once: %d of one account and %d of one address are looked at\n", subject,
            address);
    assert_in_range(subject, DM_ATTEMPT_FREE, DM_ATTEMPT_FREE + 10);
    assert_in_range(address, DM_ATTEMPT_ADDRESS_FREE, DM_ATTEMPT_ADDRESS_FREE + 10);
}

/* A guesser who waits exactly as long as he has to, for a day. */
static void a_day_of_guessing(void **state)
{
    (void)state;
    try t = at(NULL, "anna");
    int64_t now_s = 0;
    int looked = 0;
    while (now_s < 86400) {
        if (run(take, &t) == 0) {
            looked++;
            continue;
        }
        pass(t.wait_s);
        now_s += t.wait_s;
    }
    print_message("a day of guessing: %d are looked at, the bound is %d\n", looked, DM_ATTEMPT_DAY_MAX);
    assert_in_range(looked, DM_ATTEMPT_DAY_MAX - 10, DM_ATTEMPT_DAY_MAX);
}

static void old_ones_are_swept(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "old-%d", i);
        try t = at(NULL, name);
        assert_int_equal(run(take, &t), 0);
    }
    pass(86401);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "new-%d", i);
        try t = at(NULL, name);
        assert_int_equal(run(take, &t), 0);
    }
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.attempt"), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(waits_double_up_to_a_quarter_of_an_hour, fresh),
            cmocka_unit_test_setup(what_was_right_does_not_count, fresh), cmocka_unit_test_setup(all_or_none, fresh),
            cmocka_unit_test_setup(ten_thousand_at_once, fresh), cmocka_unit_test_setup(a_day_of_guessing, fresh),
            cmocka_unit_test_setup(old_ones_are_swept, fresh)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
