/* Workers as rows, on a real PostgreSQL. Covers tenants/fleet/sql_fleet.c. */
#include <pthread.h>
#include <stdio.h>

#include "tenants/fleet/fleet.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static const dm_pg_scope everybody = {.read_only = false};

static const char *ask(const char *sql)
{
    return cluster_ask(pg.super, sql);
}

typedef struct enrolling {
    dm_wk_enrol m;
    dm_worker_no no;
    dm_pg *c;
    int r;
} enrolling;

static int do_enrol(dm_pg *c, void *arg, dm_err *err)
{
    enrolling *e = arg;
    return dm_fleet_enrol(c, &e->m, 1, &e->no, err);
}

static enrolling enrolling_of(char *name, int64_t boot)
{
    static char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", door[] = "w1",
                tcg[] = "tcg";
    return (enrolling){.m = {.name = name,
                               .public_key = key,
                               .boot = boot,
                               .door = door,
                               .accel = tcg,
                               .slots = 4,
                               .mem_mib = 100},
            .c = pg.ops};
}

static int enrol(char *name, int64_t boot, dm_worker_no *no)
{
    enrolling e = enrolling_of(name, boot);
    int r = dm_pg_tx_on(pg.ops, &everybody, do_enrol, &e, NULL);
    if (r == 0)
        *no = e.no;
    return r;
}

static char one[] = "one", two[] = "two", three[] = "three", lost[] = "lost";

static void a_start_burns_no_number(void **state)
{
    dm_worker_no a, again, b;
    (void)state;
    assert_int_equal(enrol(one, 1, &a), 0);
    for (int64_t boot = 2; boot < 12; boot++) {
        assert_int_equal(enrol(one, boot, &again), 0);
        assert_int_equal(again.v, a.v);
    }
    assert_int_equal(enrol(one, 3, &again), DM_FLEET_OLD_BOOT);
    assert_int_equal(enrol(two, 1, &b), 0);
    assert_int_equal(b.v, a.v + 1);
    assert_string_equal(ask("SELECT boot || ' ' || free_slots FROM dm.worker WHERE name = 'one'"), "11 4");
}

static void *enrol_once(void *arg)
{
    enrolling *e = arg;
    e->r = dm_pg_tx_on(e->c, &everybody, do_enrol, e, NULL);
    return NULL;
}

/* Two of one new name at the same moment are one worker. */
static void two_at_once_are_one(void **state)
{
    enum { THREADS = 4 };
    pthread_t t[THREADS];
    enrolling e[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        e[i] = enrolling_of(three, 1);
        assert_int_equal(cluster_open(&pg, "fleet", "dm_ops", &e[i].c), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, enrol_once, &e[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(e[i].r, 0);
        assert_int_equal(e[i].no.v, e[0].no.v);
        dm_pg_close(e[i].c);
    }
    assert_string_equal(ask("SELECT count(*) FROM dm.worker WHERE name = 'three'"), "1");
}

typedef struct work {
    const char *name;
    dm_worker_no no, out;
    int64_t seq;
    dm_pg_rows *rows;
} work;

static int do_write_off(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_write_off(c, "operator:test", w->name, w->no, &w->out, err);
}

static int do_beat(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_beat(c, w->no, &(dm_wk_beat){.boot = 1}, err);
}

static int do_seq(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_event_seq(c, w->no, &w->seq, err);
}

static int do_list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_list(c, 100, &w->rows, err);
}

static int run(dm_pg_fn fn, work *w)
{
    return dm_pg_tx_on(pg.ops, &everybody, fn, w, NULL);
}

static void who_was_written_off_does_not_come_back(void **state)
{
    work w = {.name = lost}, other = {.name = "nobody"};
    dm_worker_no no, back;
    (void)state;
    assert_int_equal(enrol(lost, 1, &no), 0);
    assert_int_equal(run(do_beat, &(work){.no = no}), 0);
    assert_int_equal(run(do_write_off, &other), DM_FLEET_NONE);
    assert_int_equal(run(do_write_off, &w), 0);
    assert_int_equal(w.out.v, no.v);
    (void)ask("UPDATE dm.worker SET gone_at = '2026-03-01Z' WHERE name = 'lost'");
    w = (work){.no = no}; /* once more, by its number: as it was */
    assert_int_equal(run(do_write_off, &w), 0);
    assert_int_equal(w.out.v, no.v);
    assert_string_equal(ask("SELECT state || ' ' || (gone_at = '2026-03-01Z') FROM dm.worker WHERE name = 'lost'"),
            "written_off true");
    assert_string_equal(
            ask("SELECT count(*) || min(who) FROM dm.audit WHERE verb = 'worker.write_off'"), "1operator:test");
    assert_int_equal(enrol(lost, 2, &back), DM_FLEET_WRITTEN_OFF);
    assert_int_equal(run(do_beat, &w), DM_FLEET_NONE);
    assert_int_equal(run(do_seq, &w), DM_FLEET_NONE);
}

static void all_are_listed(void **state)
{
    work w = {.rows = NULL};
    (void)state;
    assert_int_equal(run(do_list, &w), 0);
    assert_int_equal(dm_pg_count(w.rows), 4);
    for (size_t i = 1; i < dm_pg_count(w.rows); i++)
        assert_true(dm_pg_i64(w.rows, i, 0) > dm_pg_i64(w.rows, i - 1, 0));
    assert_true(dm_str_eq_c(dm_pg_str(w.rows, 0, 1), "one"));
    assert_true(dm_str_eq_c(dm_pg_str(w.rows, 0, 2), "local"));
    assert_true(dm_pg_i64(w.rows, 0, 9) >= 0);
    dm_pg_rows_free(w.rows);
}

static int start(void **state)
{
    (void)state;
    return cluster_make(&pg, "fleet");
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_start_burns_no_number),
            cmocka_unit_test(two_at_once_are_one),
            cmocka_unit_test(who_was_written_off_does_not_come_back),
            cmocka_unit_test(all_are_listed),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
