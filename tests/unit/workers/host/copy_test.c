/* Checkpoints: made of one that runs or sleeps, which goes on; others start from them; and whatever fails, hangs, dies
 * or comes between, nothing is left that nobody needs, and nothing goes that somebody stands on. */
#include "tests/support/workerrig.h"
#include "workers/host/copy.h"

static bool making(const rig *r, const char *name)
{
    char with[64];
    (void)snprintf(with, sizeof(with), "%s.making", name);
    return has_checkpoint(r, with);
}

static void nothing_of(rig *r, const char *name)
{
    rig_until(r, !has_checkpoint(r, name) && !making(r, name));
}

static rig_order *start_from(rig *r, unsigned n, const char *name)
{
    return rig_admit(r, "start", n, 1, (admitting){.checkpoint = name});
}

static rig_order *release(rig *r, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/checkpoints/%s/release", name);
    return rig_ask(r, "POST", path, "");
}

/* Who asks for its end only if it is unused is told that it is used, and then it stays, also across a restart. */
static void what_is_used_is_let_go_by_force_alone(void **state)
{
    rig *r = *state;
    const char *unused = "/v1/checkpoints/cp-k/release?unused=1";
    NEED_ROOT();
    run(r, 1, 3);
    assert_int_equal(status_of(r, rig_copy(r, 1, 3, "cp-k", true)), 200);
    assert_int_equal(status_of(r, start_from(r, 2, "cp-k")), 201);
    rig_order *o = rig_ask(r, "POST", unused, "");
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "used"), "true");
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 200);
    o = rig_ask(r, "POST", unused, "");
    assert_string_equal((status_of(r, o), said(o, "used")), "true");
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    rig_seconds(r, 61);
    assert_true(has_checkpoint(r, "cp-k")); /* it is kept */
    o = rig_ask(r, "POST", unused, "");
    assert_string_equal((status_of(r, o), said(o, "used")), "false");
    nothing_of(r, "cp-k");
    o = rig_ask(r, "POST", unused, ""); /* and once more */
    assert_string_equal((status_of(r, o), said(o, "used")), "false");
}

static void children_stand_on_it_and_it_goes_with_the_last(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 3);
    rig_seconds(r, 2);
    rig_order *o = rig_copy(r, 1, 3, "cp-a", false);
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "name"), "cp-a");
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 3));
    assert_int_equal(r->quiesced, 0); /* who talks to it goes on */
    assert_int_equal(r->calls[CALL_STOP], 1);
    assert_int_equal(status_of(r, rig_copy(r, 1, 3, "cp-a", false)), 200); /* the same order again */
    assert_int_equal(r->calls[CALL_STOP], 1);
    assert_int_equal(status_of(r, start_from(r, 2, "cp-a")), 201);
    assert_non_null(strstr(r->told, "\"fresh\":true"));
    assert_int_equal(status_of(r, start_from(r, 3, "cp-a")), 201);
    assert_string_equal(box(r, 2)->base, "cp-a");
    assert_false(box(r, 2)->machine == NULL);
    assert_int_equal(dm_store_counted(r->w->store, "cp-a"), 2);
    assert_int_equal(status_of(r, start_from(r, 4, "cp-b")), 404);
    rig_seconds(r, 61); /* nobody holds it any more */
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    assert_int_equal(status_of(r, rig_pause(r, 3, 1)), 200);
    assert_true(has_checkpoint(r, "cp-a")); /* one sleeps on it */
    assert_int_equal(status_of(r, rig_kill(r, 1, 3)), 200);
    assert_int_equal(status_of(r, rig_resume(r, 3, 2)), 201);
    assert_true(has_checkpoint(r, "cp-a"));
    assert_int_equal(dm_store_counted(r->w->store, "cp-a"), 1);
    assert_int_equal(status_of(r, rig_kill(r, 3, 2)), 200);
    nothing_of(r, "cp-a");
    rig_seconds(r, 2);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 2, 1, DM_SAMPLE_RUN), 62); /* billed as any other */
}

/* One that slept, and wakes as if nothing had been. */
static void a_sleeper_is_copied_asleep(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-s", true)), 200);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_true(has_image(r, 1, 1));
    assert_int_equal(status_of(r, start_from(r, 2, "cp-s")), 201);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-t", true)), 409); /* of a life that is over */
}

/* Whichever step fails, it runs on and nothing is left. */
static void one_that_fails_leaves_nothing(void **state)
{
    static const rig_call calls[] = {CALL_STOP, CALL_SAVE};
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    for (size_t i = 0; i < DM_LEN(calls); i++) {
        r->fails[calls[i]] = DM_E_IO;
        assert_true(status_of(r, rig_copy(r, 1, 1, i == 0 ? "cp-e" : "cp-f", true)) >= 500);
        assert_string_equal(state_of(r, 1), "running");
        assert_int_equal(procs_alive(r), 1);
        assert_true(r->procs[0].running || r->procs[1].running);
        nothing_of(r, i == 0 ? "cp-e" : "cp-f");
        rig_settle(r);
    }
    /* The base is not as it should be: it is found when its copy is made whole. */
    char ram[PATH_MAX];
    (void)snprintf(ram, sizeof(ram), "%s/%s/ram", r->templates, box(r, 1)->base);
    assert_int_equal(truncate(ram, 2), 0);
    assert_true(status_of(r, rig_copy(r, 1, 1, "cp-h", true)) >= 400);
    nothing_of(r, "cp-h");
    assert_int_equal(truncate(ram, 1), 0);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-g", true)), 200);
    rig_seconds(r, 2);
    assert_string_equal(events_of(r, 1), "");
}

/* Its VM dies in a step, or cannot be made to run again: it ends, as with any other death. */
static void a_vm_that_dies_in_it_has_ended(void **state)
{
    static const rig_call calls[] = {CALL_STOP, CALL_SAVE, CALL_RUN, CALL_RUN};
    rig *r = *state;
    char name[16];
    NEED_ROOT();
    for (size_t i = 0; i < DM_LEN(calls); i++) {
        (void)snprintf(name, sizeof(name), "cp-d%zu", i);
        run(r, 1 + (unsigned)i, 1);
        if (i + 1 < DM_LEN(calls))
            r->dies[calls[i]] = true;
        else
            r->fails[calls[i]] = DM_E_IO;
        assert_true(status_of(r, rig_copy(r, 1 + (unsigned)i, 1, name, false)) >= 400);
        rig_until(r, strcmp(state_of(r, 1 + (unsigned)i), "ended") == 0);
        rig_until(r, strcmp(events_of(r, 1 + (unsigned)i), "ended 1 vmm_crashed") == 0);
        rig_until(r, procs_alive(r) == 0);
        nothing_of(r, name);
        rig_settle(r);
        rig_forget(r);
    }
}

static void a_pause_waits_for_it(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    r->hangs[CALL_SAVE] = true;
    rig_order *copy = rig_copy(r, 1, 1, "cp-p", true), *other = rig_copy(r, 1, 1, "cp-q", true);
    rig_until(r, r->calls[CALL_SAVE] == 1);
    rig_order *pause = rig_pause(r, 1, 1), *again = rig_pause(r, 1, 1);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-r", true)), 409); /* it is about to sleep */
    assert_false(told(copy) || told(pause));
    assert_string_equal(state_of(r, 1), "running");
    rig_let(r, CALL_SAVE);
    assert_int_equal(status_of(r, copy), 200);
    assert_int_equal(status_of(r, other), 200);
    assert_int_equal(status_of(r, pause), 200);
    assert_int_equal(status_of(r, again), 200);
    assert_string_equal(said(pause, "state"), "asleep");
    assert_true(has_image(r, 1, 1));
    assert_true(has_checkpoint(r, "cp-p") && has_checkpoint(r, "cp-q"));
}

static void a_kill_does_not_wait(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    r->hangs[CALL_SAVE] = true;
    rig_order *copy = rig_copy(r, 1, 1, "cp-k", false), *pause;
    rig_until(r, r->calls[CALL_SAVE] == 1);
    pause = rig_pause(r, 1, 1);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_int_equal(status_of(r, copy), 409);
    assert_int_equal(status_of(r, pause), 200);
    assert_string_equal(said(pause, "state"), "ended");
    r->hangs[CALL_SAVE] = false;
    nothing_of(r, "cp-k");
    rig_until(r, r->h.slots_free == RIG_SLOTS);
}

static void so_many_of_one_and_no_more(void **state)
{
    rig *r = *state;
    char name[16];
    rig_order *o[DM_COPIES_MAX];
    NEED_ROOT();
    run(r, 1, 1);
    r->hangs[CALL_STOP] = true;
    for (int i = 0; i < DM_COPIES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "cp-%d", i);
        o[i] = rig_copy(r, 1, 1, name, false);
    }
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-more", false)), 429);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-1", false)), 429);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "../x", false)), 400);
    rig_let(r, CALL_STOP);
    for (int i = 0; i < DM_COPIES_MAX; i++)
        assert_int_equal(status_of(r, o[i]), 200);
}

/* The worker dies while a copy is made, and when all are there: what is kept, and what somebody stands on, is found
 * again; the rest goes. */
static void a_crash_leaves_what_is_needed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-kept", true)), 200);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-held", false)), 200);
    assert_int_equal(status_of(r, rig_copy(r, 1, 1, "cp-stood", false)), 200);
    assert_int_equal(status_of(r, start_from(r, 2, "cp-stood")), 201);
    rig_settle(r);
    r->hangs[CALL_SAVE] = true;
    (void)rig_copy(r, 1, 1, "cp-half", true);
    rig_until(r, making(r, "cp-half"));
    rig_crash(r);
    r->hangs[CALL_SAVE] = false;
    rig_until(r, dm_worker_took_stock(r->w));
    nothing_of(r, "cp-half");
    nothing_of(r, "cp-held");
    assert_true(has_checkpoint(r, "cp-kept"));
    assert_true(has_checkpoint(r, "cp-stood"));
    assert_string_equal(state_of(r, 1), "running");
    assert_string_equal(state_of(r, 2), "running");
    assert_int_equal(dm_store_counted(r->w->store, "cp-stood"), 1);
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 200);
    assert_int_equal(status_of(r, rig_resume(r, 2, 2)), 201);
    assert_int_equal(status_of(r, rig_kill(r, 2, 2)), 200);
    nothing_of(r, "cp-stood");
    assert_int_equal(status_of(r, release(r, "cp-kept")), 200);
    nothing_of(r, "cp-kept");
    assert_int_equal(status_of(r, release(r, "cp-kept")), 200); /* again is fine */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(children_stand_on_it_and_it_goes_with_the_last, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(what_is_used_is_let_go_by_force_alone, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_sleeper_is_copied_asleep, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(one_that_fails_leaves_nothing, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_vm_that_dies_in_it_has_ended, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_pause_waits_for_it, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_kill_does_not_wait, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(so_many_of_one_and_no_more, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_crash_leaves_what_is_needed, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
