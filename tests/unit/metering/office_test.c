/* Of several meters one holds the office, and another has it when that one is gone: stopped, silent, or cut off from
 * the broker. */
/* Covers metering/sql_office.c. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "metering/office.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

enum { PATIENCE_S = 60 };
#define ONE "00000000-0000-4000-8000-000000000001"
#define TWO "00000000-0000-4000-8000-000000000002"

static cluster pg;
static PGconn *super;

/* A meter that waits for the office on a thread of its own. */
typedef struct one {
    dm_office *office;
    atomic_bool reaches;
    atomic_int came; /* what the wait came to; -1: it waits */
    int stop[2];
    pthread_t thread;
} one;

static bool reach(void *arg)
{
    return atomic_load((atomic_bool *)arg);
}

static void *wait_for(void *arg)
{
    one *m = arg;
    dm_err err;
    int r = dm_office_wait(m->office, m->stop[0], &err);
    atomic_store(&m->came, r < 0 ? 99 : r);
    return NULL;
}

static void begin(one *m, const char *name, const char *owner, int64_t takeover_s, bool reaches)
{
    dm_err err;
    dm_office_config c = {.db = cluster_conninfo(&pg, "office", "dm_meter"),
            .who = {.name = name, .owner = owner, .version = "test"},
            .takeover_s = takeover_s,
            .reach = reach,
            .reach_arg = &m->reaches};
    atomic_store(&m->reaches, reaches);
    atomic_store(&m->came, -1);
    assert_int_equal(pipe(m->stop), 0);
    assert_int_equal(dm_office_new(&c, &m->office, &err), 0);
    assert_int_equal(pthread_create(&m->thread, NULL, wait_for, m), 0);
}

static void end(one *m)
{
    assert_int_equal(write(m->stop[1], "", 1), 1);
    assert_int_equal(pthread_join(m->thread, NULL), 0);
    dm_office_free(m->office);
    (void)close(m->stop[0]);
    (void)close(m->stop[1]);
}

static void step(void)
{
    const struct timespec t = {.tv_nsec = 20000000};
    (void)nanosleep(&t, NULL);
}

static void until_came(one *m, int what)
{
    for (int i = 0; i < PATIENCE_S * 50 && atomic_load(&m->came) == -1; i++)
        step();
    assert_int_equal(atomic_load(&m->came), what);
}

static void until(const char *question, const char *want)
{
    for (int i = 0; i < PATIENCE_S * 50 && strcmp(cluster_ask(super, question), want) != 0; i++)
        step();
    assert_string_equal(cluster_ask(super, question), want);
}

static int clear(void **state)
{
    (void)state;
    return PQresultStatus(PQexec(super, "TRUNCATE dm.meter_holder, dm.meter_here")) == PGRES_COMMAND_OK ? 0 : -1;
}

static void the_second_has_it_when_the_first_stops(void **state)
{
    one a, b;
    (void)state;
    begin(&a, "a", ONE, 600, true);
    until_came(&a, 0);
    begin(&b, "b", TWO, 600, true);
    until("SELECT count(*) FROM dm.meter_here", "2");
    assert_int_equal(atomic_load(&b.came), -1);
    end(&a);
    until_came(&b, 0);
    assert_string_equal(cluster_ask(super, "SELECT name FROM dm.meter_holder WHERE left_at IS NULL"), "b");
    assert_string_equal(
            cluster_ask(super, "SELECT string_agg(name, ' ') FROM dm.meter_here WHERE beat_at > 'epoch'"), "b");
    end(&b);
}

static void one_that_is_silent_is_not_waited_for(void **state)
{
    one a, b;
    (void)state;
    (void)cluster_ask(super, "INSERT INTO dm.meter_holder (owner, name) VALUES ('" ONE "', 'a')");
    (void)cluster_ask(super, "INSERT INTO dm.meter_here VALUES ('a', '" ONE "', '', true)");
    begin(&b, "b", TWO, 600, true);
    until("SELECT count(*) FROM dm.meter_here", "2");
    assert_int_equal(atomic_load(&b.came), -1);
    (void)cluster_ask(super, "UPDATE dm.meter_here SET beat_at = now() - interval '601 seconds' WHERE name = 'a'");
    until_came(&b, 0);
    /* the first one's next life finds another there, and waits */
    begin(&a, "a", "00000000-0000-4000-8000-000000000003", 600, true);
    until("SELECT count(*) FROM dm.meter_here WHERE beat_at > now() - interval '10 seconds'", "2");
    assert_int_equal(atomic_load(&a.came), -1);
    end(&a);
    end(&b);
}

/* Frozen in the middle of a transaction it would hold its share of the office's row for as long. */
static void what_it_holds_is_taken_from_it(void **state)
{
    one b;
    char session[DM_OFFICE_SESSION], named[300];
    (void)state;
    dm_office_session(ONE, session);
    (void)cluster_ask(super, "INSERT INTO dm.meter_holder (owner, name) VALUES ('" ONE "', 'a')");
    (void)cluster_ask(super, "INSERT INTO dm.meter_here VALUES ('a', '" ONE "', '', true)");
    assert_int_equal(dm_pg_called(cluster_conninfo(&pg, "office", "dm_meter"), session, named, sizeof named, NULL), 0);
    PGconn *frozen = PQconnectdb(named);
    PQclear(PQexec(frozen, "BEGIN"));
    PQclear(PQexec(frozen, "SELECT 1 FROM dm.meter_holder FOR SHARE"));
    begin(&b, "b", TWO, 600, true);
    until("SELECT count(*) FROM dm.meter_here", "2");
    PQclear(PQexec(frozen, "SELECT 1"));
    assert_int_equal(PQstatus(frozen), CONNECTION_OK); /* nothing is taken from one that is heard */
    (void)cluster_ask(super, "UPDATE dm.meter_here SET beat_at = now() - interval '601 seconds' WHERE name = 'a'");
    until_came(&b, 0);
    PQclear(PQexec(frozen, "SELECT 1"));
    assert_int_equal(PQstatus(frozen), CONNECTION_BAD);
    PQfinish(frozen);
    end(&b);
}

static void its_next_life_waits_for_nobody(void **state)
{
    one b;
    (void)state;
    (void)cluster_ask(super, "INSERT INTO dm.meter_holder (owner, name) VALUES ('" ONE "', 'a')");
    (void)cluster_ask(super, "INSERT INTO dm.meter_here VALUES ('a', '" ONE "', '', true)");
    begin(&b, "a", TWO, 600, true);
    until_came(&b, 0);
    assert_string_equal(cluster_ask(super, "SELECT owner FROM dm.meter_holder"), TWO);
    end(&b);
}

static void who_does_not_reach_the_broker_does_not_take_it(void **state)
{
    one a;
    (void)state;
    begin(&a, "a", ONE, 600, false);
    until("SELECT count(*) FROM dm.meter_here WHERE NOT reaches", "1");
    assert_string_equal(cluster_ask(super, "SELECT count(*) FROM dm.meter_holder"), "0");
    assert_int_equal(atomic_load(&a.came), -1);
    atomic_store(&a.reaches, true);
    until_came(&a, 0);
    end(&a);
}

static void who_is_cut_off_leaves_it_to_one_that_is_not(void **state)
{
    one a, b;
    (void)state;
    begin(&a, "a", ONE, 2, true);
    until_came(&a, 0);
    until("SELECT count(*) FROM dm.meter_here WHERE NOT reaches", "1"); /* nobody says that the broker was heard */
    begin(&b, "b", TWO, 600, false);
    until("SELECT count(*) FROM dm.meter_here WHERE NOT reaches", "2");
    assert_false(dm_office_left(a.office)); /* nobody is there who would do better */
    atomic_store(&b.reaches, true);
    until_came(&b, 0);
    assert_true(dm_office_left(a.office));
    end(&a);
    assert_string_equal(cluster_ask(super, "SELECT name FROM dm.meter_holder WHERE left_at IS NULL"), "b");
    end(&b);
}

static void who_stands_by_can_be_stopped(void **state)
{
    one a;
    (void)state;
    begin(&a, "a", ONE, 600, false);
    until("SELECT count(*) FROM dm.meter_here", "1");
    assert_int_equal(write(a.stop[1], "", 1), 1);
    until_came(&a, DM_OFFICE_STOP);
    end(&a);
    assert_string_equal(cluster_ask(super, "SELECT count(*) FROM dm.meter_here WHERE beat_at > 'epoch'"), "0");
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(the_second_has_it_when_the_first_stops, clear),
            cmocka_unit_test_setup(one_that_is_silent_is_not_waited_for, clear),
            cmocka_unit_test_setup(what_it_holds_is_taken_from_it, clear),
            cmocka_unit_test_setup(its_next_life_waits_for_nobody, clear),
            cmocka_unit_test_setup(who_does_not_reach_the_broker_does_not_take_it, clear),
            cmocka_unit_test_setup(who_is_cut_off_leaves_it_to_one_that_is_not, clear),
            cmocka_unit_test_setup(who_stands_by_can_be_stopped, clear),
    };
    if (cluster_make(&pg, "office") < 0)
        return 1;
    super = PQconnectdb(cluster_conninfo(&pg, "office", "postgres"));
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(super);
    return r;
}

int main(void)
{
    return cluster_main(&pg, all);
}
