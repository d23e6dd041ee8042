/* Sleep when idle: who has had nothing to do for as long as he was created for sleeps, with that cause, and nobody
 * else. */
/* Covers workers/host/idle.c. */
#include "tests/support/workerrig.h"
#include "workers/host/idle.h"
#include "workers/host/parts.h"

static const dm_sample still = {.cpu_used_us = DM_IDLE_CPU_US};

static void run_idle(rig *r, unsigned n, int64_t idle_s)
{
    run(r, n, 1);
    box(r, n)->admit.idle_s = idle_s;
    dm_idle_afresh(box(r, n));
}

static void seconds(dm_box *b, int64_t from, int64_t n, uint32_t cpu_us, uint64_t net_bytes)
{
    const dm_sample s = {.cpu_used_us = cpu_us};
    for (int64_t i = 0; i < n; i++)
        dm_idle_second(b, &s, net_bytes, from + i);
}

static void who_has_nothing_to_do_sleeps(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run_idle(r, 1, 10);
    seconds(box(r, 1), 100, 10, still.cpu_used_us, DM_IDLE_NET);
    r->w->copy_ends->idle(r->w);
    assert_string_equal(state_of(r, 1), "running"); /* nine have passed since the first */
    seconds(box(r, 1), 110, 1, still.cpu_used_us, DM_IDLE_NET);
    r->w->copy_ends->idle(r->w);
    rig_until(r, strcmp(state_of(r, 1), "asleep") == 0);
    assert_int_equal(box(r, 1)->cause, DM_CAUSE_IDLE);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_int_equal(box(r, 1)->idle.since_s, 0); /* its time begins anew */
}

static void work_and_traffic_begin_it_anew(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run_idle(r, 1, 10);
    run_idle(r, 2, 10);
    run_idle(r, 3, 0);
    for (int64_t at = 100; at < 160; at += 10) {
        seconds(box(r, 1), at, 1, DM_IDLE_CPU_US + 1, 0);
        seconds(box(r, 1), at + 1, 9, 0, 0);
        seconds(box(r, 2), at, 1, 0, DM_IDLE_NET + 1);
        seconds(box(r, 2), at + 1, 9, 0, 0);
        seconds(box(r, 3), at, 10, 0, 0);
        r->w->copy_ends->idle(r->w);
    }
    for (unsigned n = 1; n <= 3; n++)
        assert_string_equal(state_of(r, n), "running");
}

/* One that could not be put to sleep is tried again when it has been idle for as long again. */
static void what_cannot_sleep_runs_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run_idle(r, 1, 5);
    seconds(box(r, 1), 100, 6, 0, 0);
    seconds(box(r, 1), 106, 1, 0, 0); /* lined up once */
    assert_ptr_equal(r->w->idle, box(r, 1));
    assert_null(box(r, 1)->idle.next);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200); /* another was quicker */
    r->w->copy_ends->idle(r->w);
    assert_null(r->w->idle);
    assert_int_equal(box(r, 1)->cause, DM_CAUSE_PAUSED);
}

/* The order says it, the journal keeps it, and each second that is measured counts. */
static void seconds_are_measured(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.idle_s = 5})), 201);
    assert_int_equal(box(r, 1)->admit.idle_s, 5);
    rig_seconds(r, 3);
    assert_true(box(r, 1)->idle.since_s > 0);
    rig_crash(r);
    assert_int_equal(box(r, 1)->admit.idle_s, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(who_has_nothing_to_do_sleeps, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(work_and_traffic_begin_it_anew, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(what_cannot_sleep_runs_on, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(seconds_are_measured, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
