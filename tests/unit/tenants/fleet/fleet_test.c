/* Workers as rows, on a real PostgreSQL. Covers tenants/fleet/sql_fleet.c. */
#include <pthread.h>
#include <stdio.h>

#include "base/parse.h"

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
    dm_wk_beat beat;
    bool drain;
    dm_wk_beat_answer told;
    dm_worker_no after;
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
    return dm_fleet_beat(c, w->no, &w->beat, &w->told, err);
}

static int do_seq(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_event_seq(c, w->no, &w->seq, err);
}

static int do_list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_list(c, w->after, 100, &w->rows, NULL, err);
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
    assert_int_equal(run(do_beat, &(work){.no = no, .beat = {.boot = 1}}), 0);
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
    dm_fleet_worker f, before = {.no = {0}};
    for (size_t i = 0; i < dm_pg_count(w.rows); i++) {
        dm_fleet_read(w.rows, i, &f);
        assert_true(f.no.v > before.no.v && f.beat_age_ms >= 0);
        before = f;
    }
    dm_fleet_read(w.rows, 0, &f);
    assert_str(f.name, "one");
    assert_str(f.region, "local");
    const dm_worker_no first = f.no;
    dm_pg_rows_free(w.rows);
    work rest = {.after = first};
    assert_int_equal(run(do_list, &rest), 0);
    assert_int_equal(dm_pg_count(rest.rows), 3);
    dm_pg_rows_free(rest.rows);
}

static int do_find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_find(c, w->no, &w->rows, err);
}

static int do_drain(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_fleet_drain(c, "operator:ada", "disks are swapped", w->no, w->drain, err);
}

/* What a beat says is what is shown; of one that says less, as an older worker does, less is. */
static void a_beat_is_shown(void **state)
{
    static char version[] = "0.1.0", why[] = "its disk is needed as a reserve";
    dm_worker_no no;
    dm_fleet_worker f;
    (void)state;
    assert_int_equal(enrol(two, 2, &no), 0);
    work w = {.no = no,
            .beat = {.boot = 2,
                    .running = 3,
                    .asleep = 4,
                    .pooled = 5,
                    .free_slots = 6,
                    .refusing = true,
                    .why = why,
                    .version = version,
                    .mem_free_mib = 7,
                    .has_mem_free_mib = true}};
    assert_int_equal(run(do_beat, &w), 0);
    assert_false(w.told.drain);
    assert_int_equal(run(do_find, &w), 0);
    dm_fleet_read(w.rows, 0, &f);
    assert_int_equal(f.no.v, no.v);
    assert_int_equal(f.running * 1000 + f.asleep * 100 + f.pooled * 10 + f.free_slots, 3456);
    assert_int_equal(f.mem_free_mib, 7);
    assert_true(f.refusing);
    assert_str(f.why, "its disk is needed as a reserve");
    assert_str(f.version, "0.1.0");
    dm_pg_rows_free(w.rows);
    w = (work){.no = no, .beat = {.boot = 2}};
    assert_int_equal(run(do_beat, &w), 0);
    assert_int_equal(run(do_find, &w), 0);
    dm_fleet_read(w.rows, 0, &f);
    assert_int_equal(f.mem_free_mib, -1);
    assert_null(f.why.p);
    assert_null(f.version.p);
    dm_pg_rows_free(w.rows);
    assert_int_equal(run(do_find, &(work){.no = {999}}), DM_FLEET_NONE);
}

/* Each change is one line of the audit; that it is so already is none. What was written off is past it. */
static void a_drain_is_told_with_the_beat(void **state)
{
    dm_worker_no no;
    (void)state;
    assert_int_equal(enrol(two, 3, &no), 0);
    work w = {.no = no, .drain = true, .beat = {.boot = 3}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(do_drain, &w), 0);
        assert_int_equal(run(do_beat, &w), 0);
        assert_true(w.told.drain);
    }
    assert_string_equal(ask("SELECT count(*) FROM dm.place(1::smallint, 3600, 1) JOIN dm.worker USING (worker_no)"
                            " WHERE name = 'two'"),
            "0");
    w.drain = false;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(do_drain, &w), 0);
        assert_int_equal(run(do_beat, &w), 0);
        assert_false(w.told.drain);
    }
    assert_string_equal(
            ask("SELECT string_agg(concat_ws(' ', who, verb, detail->>'reason', account_no), ', ' ORDER BY audit_no)"
                " FROM dm.audit WHERE verb IN ('worker.drain', 'worker.undrain')"),
            "operator:ada worker.drain disks are swapped 0, operator:ada worker.undrain disks are swapped 0");
    assert_int_equal(run(do_drain, &(work){.no = {999}}), DM_FLEET_NONE);
    (void)ask("UPDATE dm.worker SET state = 'written_off' WHERE name = 'three'");
    assert_int_equal(enrol(three, 9, &no), DM_FLEET_WRITTEN_OFF);
    char sql[128];
    (void)snprintf(sql, sizeof sql, "%s", ask("SELECT worker_no FROM dm.worker WHERE name = 'three'"));
    assert_int_equal(dm_parse_u64(dm_str_c(sql), 1, INT64_MAX, &no.v, NULL), 0);
    assert_int_equal(run(do_drain, &(work){.no = no, .drain = true}), DM_FLEET_WRITTEN_OFF);
    assert_string_equal(ask("SELECT state FROM dm.worker WHERE name = 'three'"), "written_off");
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
            cmocka_unit_test(a_beat_is_shown),
            cmocka_unit_test(a_drain_is_told_with_the_beat),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
