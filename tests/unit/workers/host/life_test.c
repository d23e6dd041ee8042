/* The life of a sandbox on its worker: each row of the table with what it leaves in the journal, what the API and the
 * door are told, and what is billed; and the orders that come twice, late, or in the middle of something else. */
/* Covers workers/host/drain.c, workers/host/seconds.c, workers/host/orders.c, workers/host/live.c,
 * workers/host/machine/machine.c, workers/host/machine/job.c. */
#include "base/parse.h"

#include "tests/support/workerrig.h"

/* --- the rows of the table ---------------------------------------------------------------------------------- */

static int64_t said_number(const rig_order *o, const char *member)
{
    int64_t n = 0;
    assert_int_equal(dm_parse_i64(dm_str_c(said(o, member)), INT64_MIN, INT64_MAX, &n, NULL), 0);
    return n;
}

static void it_runs_from_the_second_it_was_handed_out_in(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_seconds(r, 3);
    rig_order *o = rig_start(r, 1, 4);
    assert_false(told(o));
    assert_string_equal(state_of(r, 1), "starting");
    assert_int_equal(status_of(r, o), 201);
    assert_true(live(r, 1, 4)); /* before anybody is told */
    assert_string_equal(said(o, "epoch"), "4");
    assert_string_equal(said(o, "pooled"), "false");
    assert_int_equal(said_number(o, "started_us") / 1000000 - RIG_T0, 3);
    assert_int_equal(said_number(o, "end_us") - said_number(o, "started_us"), 3600ll * 1000000);
    assert_int_equal(r->resumed, 1);
    assert_non_null(strstr(r->told, "\"generation\":4"));
    assert_non_null(strstr(r->told, "\"fresh\":true"));
    assert_int_equal(dm_boxes_running(r->w->boxes), 1);
    rig_seconds(r, 2);
    assert_int_equal(status_of(r, rig_kill(r, 1, 4)), 200);
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 4, DM_SAMPLE_RUN), 3); /* seconds 3, 4 and 5 */
    assert_string_equal(events_of(r, 1), "ended 4 killed");
    assert_false(live(r, 1, 4));
    assert_int_equal(procs_alive(r), 0);
    assert_int_equal(dm_boxes_running(r->w->boxes), 0);
    rig_until(r, r->h.slots_free == RIG_SLOTS);
}

/* A start that fails at any step leaves nothing, bills nothing and says nothing to the API but its answer. */
static void a_start_that_fails_leaves_nothing(void **state)
{
    static const rig_call calls[] = {CALL_SPAWN, CALL_LOAD, CALL_RUN};
    rig *r = *state;
    NEED_ROOT();
    for (size_t i = 0; i < 2 * DM_LEN(calls); i++) {
        if (i % 2 == 0)
            r->fails[calls[i / 2]] = DM_E_IO;
        else
            r->dies[calls[i / 2]] = true;
        rig_order *o = rig_start(r, 1, 1);
        assert_true(status_of(r, o) >= 500);
        assert_string_equal(state_of(r, 1), "gone");
        assert_int_equal(procs_alive(r), 0);
        rig_until(r, r->h.slots_free == RIG_SLOTS);
        rig_forget(r);
        dm_clock_fake_move(&r->clock, 6 * 1000000); /* the pool tries again after a while */
    }
    r->confused = true;
    assert_true(status_of(r, rig_start(r, 1, 1)) >= 400);
    r->confused = false;
    rig_seconds(r, 70);
    evidence *e = proof(r);
    assert_int_equal(e->nkeys, 0);
    assert_string_equal(events_of(r, 1), "");
    assert_false(live(r, 1, 1));
    run(r, 1, 1); /* the same order again, and nothing is in its way */
}

static rig_order *look_over(rig *r, unsigned n, const char *over)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s?over=%s", box_name(n), over);
    return rig_ask(r, "GET", path, "");
}

static void it_sleeps_and_wakes(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 5);
    rig_order *o = rig_pause(r, 1, 1);
    assert_false(told(o));
    assert_string_equal(state_of(r, 1), "pausing");
    assert_false(live(r, 1, 1)); /* the door lets nobody in while it falls asleep */
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "asleep");
    assert_string_equal(said(o, "cause"), "paused");
    assert_true(has_image(r, 1, 1));
    assert_int_equal(procs_alive(r), 0);
    assert_int_equal(r->quiesced, 1);
    assert_int_equal(dm_boxes_asleep(r->w->boxes), 1);
    assert_int_equal(dm_boxes_running(r->w->boxes), 0);
    assert_string_equal(events_of(r, 1), "asleep 1 paused");
    rig_seconds(r, 70);
    assert_int_equal(status_of(r, look_over(r, 1, "x")), 400);
    assert_int_equal(status_of(r, look_over(r, 1, "1")), 200);
    rig_order *wake = rig_resume(r, 1, 2);
    assert_false(told(wake));
    assert_string_equal(state_of(r, 1), "waking");
    assert_int_equal(dm_boxes_asleep(r->w->boxes), 1);
    assert_int_equal(status_of(r, wake), 201);
    assert_non_null(strstr(r->told, "\"fresh\":false"));
    assert_non_null(strstr(r->told, "\"generation\":2"));
    assert_int_equal(status_of(r, look_over(r, 1, "2")), 200); /* it runs in it already */
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_true(live(r, 1, 2));
    assert_true(has_image(r, 1, 1)); /* until there is a newer one */
    rig_seconds(r, 3);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6);  /* 0 to 5 */
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 70); /* 6 to 75, in which it woke */
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 3);  /* 75 to 77 */
    assert_int_equal(status_of(r, rig_pause(r, 1, 2)), 200);
    assert_true(has_image(r, 1, 2));
    assert_false(has_image(r, 1, 1));
    assert_int_equal(status_of(r, rig_kill(r, 1, 2)), 200);
    assert_false(has_image(r, 1, 2));
    rig_seconds(r, 60);
    e = proof(r);
    assert_int_equal(ev_cause(e, 1, 2), DM_CAUSE_KILLED);
    assert_string_equal(events_of(r, 1), "asleep 1 paused, asleep 2 paused, ended 2 killed");
    assert_string_equal(state_of(r, 1), "gone"); /* its last period is attested */
}

/* While the VM lives a pause that fails lets the guest run on; its seconds never stopped. */
static void a_pause_that_fails_runs_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2);
    r->fails[CALL_SAVE] = DM_E_IO;
    rig_order *o = rig_pause(r, 1, 1);
    assert_true(status_of(r, o) >= 500);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 1));
    assert_false(has_image(r, 1, 1));
    assert_int_equal(procs_alive(r), 1);
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 4);
    assert_string_equal(events_of(r, 1), "");
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200); /* and another may succeed */
    assert_true(has_image(r, 1, 1));
}

/* What was asked with which epoch comes too late, it sleeps on; the next one wakes it. */
static void a_wake_that_is_over(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_order *o = look_over(r, 1, "2");
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "asleep");
    assert_int_equal(status_of(r, look_over(r, 1, "1")), 200); /* it stays over */
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 409);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201);
}

/* A guest that stands still after a pause that failed, and cannot be made to run again, is not billed as running. */
static void a_guest_that_stays_stopped_has_ended(void **state)
{
    static const rig_call calls[] = {CALL_STOP, CALL_SAVE};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(calls); i++) {
        run(r, 1 + i, 1);
        rig_seconds(r, 2);
        r->fails[calls[i]] = DM_E_IO;
        r->fails[CALL_RUN] = DM_E_TIMEOUT;
        rig_order *o = rig_pause(r, 1 + i, 1);
        assert_int_equal(status_of(r, o), 200);
        assert_string_equal(said(o, "state"), "ended");
        assert_string_equal(said(o, "cause"), "vmm_crashed");
        assert_string_equal(events_of(r, 1 + i), "ended 1 vmm_crashed");
        rig_settle(r);
        assert_int_equal(procs_alive(r), 0);
    }
}

static void a_vm_that_dies_while_it_falls_asleep_has_ended(void **state)
{
    static const rig_call calls[] = {CALL_STOP, CALL_SAVE};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(calls); i++) {
        run(r, 1 + i, 1);
        rig_seconds(r, 2);
        r->dies[calls[i]] = true;
        rig_order *o = rig_pause(r, 1 + i, 1);
        assert_int_equal(status_of(r, o), 200);
        assert_string_equal(said(o, "state"), "ended"); /* what it says is true, and not what was asked for */
        assert_string_equal(said(o, "cause"), "vmm_crashed");
        assert_string_equal(events_of(r, 1 + i), "ended 1 vmm_crashed");
        assert_false(has_image(r, 1 + i, 1));
        assert_int_equal(dm_boxes_running(r->w->boxes), 0);
    }
}

/* A failed wake leaves the sleeper as it was: it goes on paying for its disk, under its old epoch, and may be woken. */
static void a_wake_that_fails_is_asleep_as_before(void **state)
{
    static const rig_call calls[] = {CALL_SPAWN, CALL_LOAD, CALL_RUN};
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 5);
    for (int i = 0; i < (int)(2 * DM_LEN(calls)); i++) {
        if (i % 2 == 0)
            r->fails[calls[i / 2]] = DM_E_NOTFOUND; /* must not sound as if the sandbox were not here */
        else
            r->dies[calls[i / 2]] = true;
        assert_true(status_of(r, rig_resume(r, 1, 2 + i)) >= 500);
        assert_string_equal(state_of(r, 1), "asleep");
        assert_int_equal(box(r, 1)->epoch, 1);
        assert_int_equal(procs_alive(r), 0);
        assert_true(has_image(r, 1, 1));
        assert_int_equal(dm_boxes_asleep(r->w->boxes), 1);
    }
    assert_int_equal(status_of(r, rig_resume(r, 1, 9)), 201);
    rig_seconds(r, 60);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 5); /* 1 to 5, in which it woke */
    assert_int_equal(e->nkeys, 2);
    assert_int_equal(ev_count(e, 1, 9, DM_SAMPLE_RUN), 60);
    assert_string_equal(events_of(r, 1), "asleep 1 paused");
}

static rig_proc *awake(rig *r)
{
    rig_proc *p = r->procs;
    while (!p->running)
        p++;
    return p;
}

/* The wake of one that sleeps, up to the moment in which its guest has been told to run and says nothing. */
static rig_order *roused(rig *r, unsigned n, int epoch)
{
    unsigned runs = r->calls[CALL_RUN];
    r->deaf = true;
    rig_order *o = rig_resume(r, n, epoch);
    rig_until(r, r->calls[CALL_RUN] == runs + 1 && dm_box_roused(box(r, n)));
    rig_settle(r);
    return o;
}

/* Its memory and its processor were there for it: they are billed, and it sleeps in the image that it had. */
static void a_wake_that_nobody_answers_is_billed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 10);
    rig_order *o = roused(r, 1, 2);
    const dm_slot *slot = &r->h.slots[box(r, 1)->slot].net;
    assert_true(slot->down); /* and it reaches nobody meanwhile */
    assert_false(live(r, 1, 2));
    rig_seconds(r, 4);
    assert_false(told(o));
    assert_string_equal(state_of(r, 1), "waking");
    assert_int_equal(ev_count(proof(r), 1, 2, DM_SAMPLE_RUN), 4); /* its seconds are framed as they pass */
    rig_seconds(r, 1);
    assert_int_equal(status_of(r, o), 504);
    assert_string_equal(said(o, "cause"), "wake_unanswered");
    assert_string_equal(state_of(r, 1), "asleep");
    assert_string_equal(events_of(r, 1), "asleep 1 paused, asleep 2 wake_unanswered");
    assert_true(has_image(r, 1, 1));
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 45);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 10);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 6);  /* 10.1 to 15.1 */
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_HIB), 44); /* to the end of the minute */
    r->deaf = false;
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201); /* one that answers is awake as ever */
    assert_false(r->h.slots[box(r, 1)->slot].net.down);
    assert_int_equal(status_of(r, rig_pause(r, 1, 3)), 200);
    assert_true(has_image(r, 1, 3));
    assert_false(has_image(r, 1, 1));
}

/* What the guest says wrong is as good as no answer, and so is that it goes. */
static void what_is_no_answer_is_billed(void **state)
{
    static const dm_vm_event ends[] = {{DM_VM_GUEST_SHUTDOWN, 0}, {DM_VM_GUEST_PANIC, 0}};
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 5);
    r->confused = true;
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 504);
    r->confused = false;
    for (unsigned i = 0; i < DM_LEN(ends); i++) {
        rig_order *o = roused(r, 1, 3 + (int)i);
        rig_vm_ended(awake(r), ends[i]);
        assert_int_equal(status_of(r, o), 504);
        assert_string_equal(said(o, "cause"), "wake_unanswered");
    }
    assert_true(has_image(r, 1, 1));
    rig_seconds(r, 2);
    evidence *e = proof(r);
    for (uint32_t epoch = 2; epoch <= 4; epoch++)
        assert_int_equal(ev_count(e, 1, epoch, DM_SAMPLE_RUN), 1);
}

/* Where the VMM fails it was never awake. */
static void a_vmm_that_dies_unanswered_bills_nothing(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 5);
    rig_order *o = roused(r, 1, 2);
    rig_vm_ended(awake(r), (dm_vm_event){DM_VM_SIGNALLED, 11});
    assert_true(status_of(r, o) >= 500);
    assert_string_equal(said(o, "cause"), "");
    assert_string_equal(state_of(r, 1), "asleep");
    assert_int_equal(box(r, 1)->epoch, 1);
    assert_string_equal(events_of(r, 1), "asleep 1 paused");
    rig_seconds(r, 55);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 0);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 59);
    r->deaf = false;
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201);
}

static void killed_before_it_answered(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 5);
    rig_order *o = roused(r, 1, 2);
    rig_seconds(r, 2);
    assert_int_equal(status_of(r, rig_kill(r, 1, 2)), 200);
    assert_int_equal(status_of(r, o), 409);
    assert_string_equal(events_of(r, 1), "asleep 1 paused, ended 2 killed");
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_false(has_image(r, 1, 1));
    rig_seconds(r, 60);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 3);
    assert_int_equal(ev_cause(e, 1, 2), DM_CAUSE_KILLED);
}

static void a_vm_may_end_by_itself(void **state)
{
    static const struct {
        dm_vm_event how;
        const char *cause, *detail;
    } ways[] = {{{DM_VM_GUEST_SHUTDOWN, 0}, "guest_shutdown", ""}, {{DM_VM_GUEST_PANIC, 0}, "guest_panic", ""},
            {{DM_VM_SIGNALLED, 9}, "vmm_crashed", "the VMM died of signal 9"},
            {{DM_VM_EXITED, 3}, "vmm_crashed", "the VMM exited with status 3"}};
    rig *r = *state;
    char want[64];
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(ways); i++) {
        run(r, 1 + i, 1);
        rig_proc *p = r->procs;
        while (!p->alive)
            p++;
        dm_box *b = box(r, 1 + i);
        rig_vm_ended(p, ways[i].how);
        assert_string_equal(state_of(r, 1 + i), "ended");
        (void)snprintf(want, sizeof(want), "ended 1 %s", ways[i].cause);
        assert_string_equal(events_of(r, 1 + i), want);
        assert_string_equal(b->detail, ways[i].detail);
        assert_false(live(r, 1 + i, 1));
        rig_settle(r);
        rig_until(r, r->h.slots_free == RIG_SLOTS);
    }
    rig_seconds(r, 61);
    evidence *e = proof(r);
    for (unsigned i = 0; i < DM_LEN(ways); i++) {
        assert_int_equal(ev_count(e, 1 + i, 1, DM_SAMPLE_RUN), 1);
        assert_string_equal(dm_cause_get(ev_cause(e, 1 + i, 1))->name, ways[i].cause);
    }
}

/* --- an end at any moment ----------------------------------------------------------------------------------- */

static void killed_while_it_starts_it_never_was(void **state)
{
    static const rig_call calls[] = {CALL_LOAD, CALL_RUN};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(calls); i++) {
        r->hangs[calls[i]] = true;
        rig_order *start = rig_start(r, 1, 1);
        rig_until(r, r->calls[calls[i]] == 1);
        rig_order *kill = rig_kill(r, 1, 1);
        assert_int_equal(status_of(r, kill), 200);
        assert_string_equal(said(kill, "state"), "ended");
        assert_int_equal(status_of(r, start), 409);
        assert_string_equal(state_of(r, 1), "gone");
        assert_int_equal(dm_boxes_running(r->w->boxes), 0);
        rig_let(r, calls[i]);
        rig_until(r, rig_ready(r) == 1 - i); /* what was made for it serves the next one, who has it */
    }
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 2);
    assert_int_equal(proof(r)->nkeys, 0);
    assert_string_equal(events_of(r, 1), "");
}

static void killed_while_it_falls_asleep(void **state)
{
    static const rig_call calls[] = {CALL_STOP, CALL_SAVE};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(calls); i++) {
        run(r, 1 + i, 1);
        rig_seconds(r, 2);
        r->hangs[calls[i]] = true;
        rig_order *pause = rig_pause(r, 1 + i, 1);
        rig_until(r, r->calls[calls[i]] == 1);
        rig_order *kill = rig_kill(r, 1 + i, 1);
        assert_int_equal(status_of(r, kill), 200);
        assert_string_equal(said(kill, "state"), "ended");
        assert_string_equal(said(kill, "cause"), "killed");
        assert_int_equal(status_of(r, pause), 200);
        assert_string_equal(said(pause, "state"), "ended");
        r->hangs[calls[i]] = false;
        rig_until(r, r->h.slots_free == RIG_SLOTS);
        assert_false(has_image(r, 1 + i, 1));
        assert_string_equal(events_of(r, 1 + i), "ended 1 killed");
    }
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 3);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_HIB), 0);
}

/* A VMM gives back its memory, and nobody waits for that: who sleeps is asleep, who ends has ended. Its slot is left
 * when it is gone. */
static void what_dies_slowly_holds_up_its_slot_alone(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    run(r, 2, 1);
    rig_linger(r);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    rig_settle(r);
    assert_string_equal(events_of(r, 1), "asleep 1 paused");
    assert_string_equal(events_of(r, 2), "ended 1 killed");
    assert_int_equal(r->h.slots_free, RIG_SLOTS - 2);
    assert_int_equal(r->h.slots_leaving, 2);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201); /* elsewhere */
    rig_bury_vmms(r);
    rig_until(r, r->h.slots_free == RIG_SLOTS - 1);
    assert_int_equal(r->h.slots_leaving, 0);
}

static void killed_while_it_wakes(void **state)
{
    static const rig_call calls[] = {CALL_SPAWN, CALL_LOAD, CALL_RUN};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(calls); i++) {
        run(r, 1 + i, 1);
        assert_int_equal(status_of(r, rig_pause(r, 1 + i, 1)), 200);
        rig_seconds(r, 5);
        unsigned before = r->calls[calls[i]];
        r->hangs[calls[i]] = true;
        rig_order *wake = rig_resume(r, 1 + i, 2);
        rig_until(r, r->calls[calls[i]] == before + 1);
        rig_order *kill = rig_kill(r, 1 + i, 2);
        assert_int_equal(status_of(r, kill), 200);
        assert_int_equal(status_of(r, wake), 409);
        r->hangs[calls[i]] = false;
        assert_false(has_image(r, 1 + i, 1));
        rig_until(r, r->h.slots_free == RIG_SLOTS);
        assert_int_equal(dm_boxes_asleep(r->w->boxes), 0);
        assert_string_equal(events_of(r, 1 + i), "asleep 1 paused, ended 1 killed");
    }
    rig_seconds(r, 60);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 1);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 5);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 0); /* it was never handed out */
}

/* --- again, late, out of turn ------------------------------------------------------------------------------- */

static void orders_may_come_twice(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *a = rig_start(r, 1, 3), *b = rig_start(r, 1, 3);
    assert_int_equal(status_of(r, a), 201);
    assert_int_equal(status_of(r, b), 201);
    assert_string_equal(said(a, "started_us"), said(b, "started_us"));
    rig_seconds(r, 1);
    rig_order *c = rig_start(r, 1, 3);
    assert_int_equal(status_of(r, c), 201);
    assert_string_equal(said(a, "started_us"), said(c, "started_us"));
    assert_int_equal(r->resumed, 1);
    a = rig_pause(r, 1, 3);
    b = rig_pause(r, 1, 3);
    assert_int_equal(status_of(r, a), 200);
    assert_int_equal(status_of(r, b), 200);
    c = rig_pause(r, 1, 3);
    assert_int_equal(status_of(r, c), 200);
    assert_string_equal(said(a, "at_us"), said(c, "at_us"));
    assert_int_equal(r->calls[CALL_SAVE], 1);
    a = rig_resume(r, 1, 4);
    b = rig_resume(r, 1, 4);
    assert_int_equal(status_of(r, a), 201);
    assert_int_equal(status_of(r, b), 201);
    assert_string_equal(said(a, "started_us"), said(b, "started_us"));
    assert_int_equal(r->resumed, 2);
    a = rig_kill(r, 1, 4);
    b = rig_kill(r, 1, 4);
    assert_int_equal(status_of(r, a), 200);
    assert_int_equal(status_of(r, b), 200);
    c = rig_kill(r, 1, 4);
    assert_int_equal(status_of(r, c), 200);
    assert_string_equal(said(a, "at_us"), said(c, "at_us"));
    assert_int_equal(status_of(r, rig_pause(r, 1, 4)), 200); /* it says that it has ended */
    assert_string_equal(events_of(r, 1), "asleep 3 paused, ended 4 killed");
}

static void an_epoch_that_is_over_orders_nothing(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 5);
    assert_int_equal(status_of(r, rig_start(r, 1, 4)), 409);
    assert_int_equal(status_of(r, rig_pause(r, 1, 4)), 409);
    assert_int_equal(status_of(r, rig_kill(r, 1, 4)), 409);
    rig_order *o = rig_ask(r, "POST", "/v1/sandboxes/x/deadline", "{}");
    assert_int_equal(status_of(r, o), 400);
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/deadline", box_name(1));
    o = rig_ask(r, "POST", path, "{\"epoch\":4,\"end_us\":9,\"pause_on_timeout\":false}");
    assert_int_equal(status_of(r, o), 409);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(status_of(r, rig_resume(r, 1, 6)), 409); /* it does not sleep */
    assert_int_equal(status_of(r, rig_start(r, 1, 6)), 409);
    assert_int_equal(status_of(r, rig_pause(r, 1, 5)), 200);
    assert_int_equal(status_of(r, rig_resume(r, 1, 5)), 409); /* a wake has a new epoch */
    assert_int_equal(status_of(r, rig_start(r, 1, 6)), 409);  /* a sleeper is not started */
    r->hangs[CALL_LOAD] = true;
    rig_order *wake = rig_resume(r, 1, 7);
    assert_int_equal(status_of(r, rig_resume(r, 1, 6)), 409); /* older than the one that is under way */
    assert_int_equal(status_of(r, rig_resume(r, 1, 8)), 409);
    assert_int_equal(status_of(r, rig_pause(r, 1, 7)), 409);
    rig_let(r, CALL_LOAD);
    assert_int_equal(status_of(r, wake), 201);
    assert_int_equal(status_of(r, rig_kill(r, 1, 7)), 200);
    assert_int_equal(status_of(r, rig_start(r, 1, 7)), 404); /* it was, and is no more */
    assert_int_equal(status_of(r, rig_resume(r, 1, 8)), 404);
    assert_int_equal(status_of(r, rig_resume(r, 2, 1)), 404);
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 404);
}

/* While the record of a transition is on its way to the disk, whoever asks again waits for it too. */
static void nobody_is_told_what_is_not_durable(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *o[6];
    o[0] = rig_start(r, 1, 1);
    rig_until(r, box(r, 1)->machine != NULL); /* files and slot are made; the rest needs no disk */
    rig_freeze(r);
    rig_until(r, box(r, 1)->state == DM_BOX_RUNNING);
    o[1] = rig_start(r, 1, 1);
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_false(told(o[0]) || told(o[1]) || live(r, 1, 1));
    rig_thaw(r);
    assert_int_equal(status_of(r, o[0]), 201);
    assert_int_equal(status_of(r, o[1]), 201);
    rig_settle(r);
    o[2] = rig_pause(r, 1, 1);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    o[3] = rig_pause(r, 1, 1);
    assert_int_equal(told(o[3]), told(o[2]));
    assert_int_equal(status_of(r, o[3]), 200);
    rig_settle(r);
    rig_freeze(r);
    o[4] = rig_kill(r, 1, 1);
    assert_string_equal(state_of(r, 1), "ended");
    o[5] = rig_kill(r, 1, 1);
    rig_order *late = rig_pause(r, 1, 1);
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_false(told(o[4]) || told(o[5]) || told(late));
    rig_thaw(r);
    assert_int_equal(status_of(r, o[4]), 200);
    assert_int_equal(status_of(r, o[5]), 200);
    assert_int_equal(status_of(r, late), 200);
}

/* A pause may overtake the journal: who waits for the start hears that it sleeps. */
static void a_pause_before_the_start_is_durable(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *start = rig_start(r, 1, 1);
    rig_until(r, box(r, 1)->state == DM_BOX_RUNNING);
    rig_order *pause = rig_pause(r, 1, 1);
    assert_int_equal(status_of(r, pause), 200);
    assert_string_equal(said(pause, "state"), "asleep");
    assert_int_equal(status_of(r, start), 409);
    rig_settle(r);
    assert_false(live(r, 1, 1));
    rig_seconds(r, 61);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 1);
}

/* The same, and then it runs on after all: the start is as good as told, also to who asks again. */
static void a_pause_before_the_start_is_durable_fails(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *start = rig_start(r, 1, 1);
    rig_until(r, box(r, 1)->state == DM_BOX_RUNNING);
    r->fails[CALL_SAVE] = DM_E_IO;
    rig_order *pause = rig_pause(r, 1, 1);
    assert_int_equal(status_of(r, pause), 500);
    assert_true(told(start));
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_true(live(r, 1, 1));
}

/* The disk is slow, and a period ends before the end of a sandbox is on it: whoever waits for that end is still told.
 */
static void an_end_across_the_end_of_a_period_is_told(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 59);
    rig_settle(r);
    rig_freeze(r);
    rig_order *kill = rig_kill(r, 1, 1);
    dm_clock_fake_move(&r->clock, 1000000);
    rig_until(r, r->w->at.last_second == RIG_T0 + 59);
    assert_false(told(kill));
    rig_thaw(r);
    assert_int_equal(status_of(r, kill), 200);
    assert_string_equal(said(kill, "cause"), "killed");
    rig_seconds(r, 60);
    assert_string_equal(state_of(r, 1), "gone");
}

static void bodies_that_are_no_orders(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/sandboxes", "{")), 400);
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/sandboxes", "{}")), 400);
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.spec = 99})), 400);
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.image = "nowhere"})), 404);
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.image = "../base"})), 400);
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.previous = "12"})), 400);
    assert_string_equal(state_of(r, 1), "gone");
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_stop(r, "pause", 1, 1, "whim")), 400);
    assert_int_equal(status_of(r, rig_stop(r, "pause", 1, 1, "restore_failed")), 400); /* nothing sleeps with that */
    assert_int_equal(status_of(r, rig_stop(r, "kill", 1, 1, "paused")), 400);
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/kill", box_name(1));
    assert_int_equal(status_of(r, rig_ask(r, "POST", path, "[]")), 400);
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/deadline", box_name(1));
    assert_int_equal(status_of(r, rig_ask(r, "POST", path, "{\"epoch\":1}")), 400);
    assert_string_equal(state_of(r, 1), "running");
}

/* --- time --------------------------------------------------------------------------------------------------- */

static void when_its_time_is_up_it_ends_or_sleeps(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 10})), 201);
    assert_int_equal(
            status_of(r, rig_admit(r, "start", 2, 1, (admitting){.timeout_s = 10, .pause_on_timeout = true})), 201);
    rig_seconds(r, 9);
    assert_string_equal(state_of(r, 1), "running");
    rig_seconds(r, 2);
    rig_until(r, box(r, 2)->state == DM_BOX_ASLEEP);
    rig_settle(r);
    assert_string_equal(events_of(r, 1), "ended 1 timeout");
    assert_string_equal(events_of(r, 2), "asleep 1 timeout");
    rig_seconds(r, 52);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 11); /* half of the last second is a second */
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_TIMEOUT);
}

static void a_deadline_moves_both_ways(void **state)
{
    rig *r = *state;
    char path[128], body[128];
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 10})), 201);
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/deadline", box_name(1));
    (void)snprintf(
            body, sizeof(body), "{\"epoch\":1,\"end_us\":%lld,\"pause_on_timeout\":false}", (RIG_T0 + 30) * 1000000);
    assert_int_equal(status_of(r, rig_ask(r, "POST", path, body)), 200);
    rig_seconds(r, 20);
    assert_string_equal(state_of(r, 1), "running");
    (void)snprintf(body, sizeof(body), "{\"epoch\":1,\"end_us\":%lld,\"pause_on_timeout\":true}",
            (RIG_T0 + 5) * 1000000); /* it is past */
    assert_int_equal(status_of(r, rig_ask(r, "POST", path, body)), 200);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    rig_settle(r);
    assert_int_equal(status_of(r, rig_ask(r, "POST", path, body)), 409); /* a sleeper has none */
    rig_seconds(r, 30);
    assert_string_equal(state_of(r, 1), "asleep");
}

/* Seconds follow the monotonic clock: a step of the wall, either way, bills no second twice and leaves none out. It is
 * told as an error of the clock, and small differences are leant against. */
static void the_wall_may_step(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 3);
    r->clock.wall += 3600ll * 1000000;
    rig_seconds(r, 3);
    assert_int_equal(r->w->time.err_us, 3600ll * 1000000);
    r->clock.wall -= 2 * 3600ll * 1000000;
    rig_seconds(r, 3);
    assert_true(r->w->time.err_us > 1000000);
    r->clock.wall = r->clock.mono - r->w->time.mono_us + r->w->time.wall_us + 500 * 1000;
    int64_t lead = r->w->time.wall_us;
    rig_seconds(r, 5);
    assert_true(r->w->time.wall_us > lead && r->w->time.wall_us <= lead + 6000);
    evidence *e = proof(r);
    unsigned n = ev_count(e, 1, 1, DM_SAMPLE_RUN);
    assert_int_equal(n, e->frames - (e->seconds[0] == 1 ? 0 : 1)); /* every framed second, once each */
    for (size_t s = 0; s < n; s++)
        assert_int_equal(e->seconds[s], 1);
}

/* A worker that was held up frames what it missed, second by second. */
static void seconds_that_were_slept_through_are_framed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    dm_clock_fake_move(&r->clock, 150 * 1000000ll);
    rig_until(r, r->w->at.last_second == RIG_T0 + 149);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 150);
    assert_true(e->ended[0] && e->ended[1] && !e->ended[2]);
}

/* --- refusing and draining ---------------------------------------------------------------------------------- */

static void without_room_for_evidence_nothing_starts(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    r->conf.journal_bytes_max = 1; /* for the next boot */
    rig_settle(r);
    rig_crash(r);
    rig_settle(r);
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 503);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 503);
    rig_order *o = rig_ask(r, "GET", "/v1/worker", "");
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "refusing"), "true");
    assert_string_equal(said(o, "why"), "there is no room for evidence");
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200); /* ending needs no room */
}

static void a_drain_puts_all_to_sleep(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    run(r, 2, 1);
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/worker/drain", "")), 200);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP && box(r, 2)->state == DM_BOX_ASLEEP);
    assert_string_equal(events_of(r, 1), "asleep 1 operator_drained");
    assert_int_equal(status_of(r, rig_start(r, 3, 1)), 503);
    rig_until(r, dm_worker_idle(r->w));
    rig_order *o = rig_ask(r, "GET", "/v1/worker", "");
    assert_string_equal(said(o, "idle"), "true");
    assert_string_equal(said(o, "asleep"), "2");
}

static void all_slots_may_be_taken(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 1; i <= RIG_SLOTS; i++)
        run(r, i, 1);
    assert_int_equal(status_of(r, rig_start(r, 9, 1)), 429);
    assert_string_equal(state_of(r, 9), "gone");
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_until(r, r->h.slots_free == 1);
    run(r, 9, 1);
}

static void what_people_look_at(void **state)
{
    rig *r = *state;
    char path[128];
    NEED_ROOT();
    run(r, 1, 1);
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/usage", box_name(1));
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_ask(r, "GET", path, "")), 409);
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/usage", box_name(2));
    assert_int_equal(status_of(r, rig_ask(r, "GET", path, "")), 404);
    dm_http_config c = {.routes = dm_worker_metrics_routes,
            .nroutes = dm_worker_metrics_nroutes,
            .ctx = &r->ctx,
            .clock = &r->clock.base};
    DM_AUTO(dm_req) req = NULL;
    dm_err err;
    assert_int_equal(dm_http_call(&c, "GET", "/metrics", NULL, 0, DM_STR(""), &req, &err), 0);
    dm_str text = dm_buf_view(&req->reply.body);
    assert_non_null(memmem(text.p, text.n, "dm_worker_sandboxes_asleep 1\n", 29));
}

/* Another worker's identity is not taken over: its evidence and ours cannot share a journal. */
static void an_identity_is_for_ever(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    dm_wk_enrolled other = {.worker_no = 2, .region_no = 2, .period_s = RIG_PERIOD};
    dm_worker_enrolled(r->w, &other, 0);
    other = (dm_wk_enrolled){.worker_no = 1, .region_no = 2, .period_s = 2 * RIG_PERIOD};
    dm_worker_enrolled(r->w, &other, 0);
    assert_int_equal(r->w->at.no.v, 1);
    assert_int_equal(r->w->at.period_s, RIG_PERIOD);
}

static void events_go_when_they_were_taken(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 1; i <= 3; i++) {
        run(r, i, 1);
        assert_int_equal(status_of(r, rig_kill(r, i, 1)), 200);
        rig_until(r, r->h.slots_free == RIG_SLOTS);
    }
    assert_int_equal(dm_events_held(r->w->events), 3);
    dm_events_acked(r->w->events, r->w->journal, 2);
    assert_int_equal(dm_events_held(r->w->events), 1);
    assert_int_equal(dm_events_after(r->w->events, NULL)->seq, 3);
    dm_events_acked(r->w->events, r->w->journal, 1); /* late */
    dm_events_acked(r->w->events, r->w->journal, 4); /* never told */
    assert_int_equal(dm_events_taken(r->w->events), 2);
    dm_events_acked(r->w->events, r->w->journal, 3);
    assert_null(dm_events_after(r->w->events, NULL));
    run(r, 4, 1);
    assert_int_equal(status_of(r, rig_kill(r, 4, 1)), 200);
    assert_int_equal(dm_events_after(r->w->events, NULL)->seq, 4);
    dm_worker_durable(r->w, 1, 50);
    dm_worker_durable(r->w, 1, 40);
    assert_int_equal(r->w->at.durable_frame, 50);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
            TEST(it_runs_from_the_second_it_was_handed_out_in),
            TEST(a_start_that_fails_leaves_nothing),
            TEST(it_sleeps_and_wakes),
            TEST(a_wake_that_is_over),
            TEST(a_pause_that_fails_runs_on),
            TEST(a_guest_that_stays_stopped_has_ended),
            TEST(a_vm_that_dies_while_it_falls_asleep_has_ended),
            TEST(a_wake_that_fails_is_asleep_as_before),
            TEST(a_wake_that_nobody_answers_is_billed),
            TEST(what_is_no_answer_is_billed),
            TEST(a_vmm_that_dies_unanswered_bills_nothing),
            TEST(killed_before_it_answered),
            TEST(a_vm_may_end_by_itself),
            TEST(killed_while_it_starts_it_never_was),
            TEST(killed_while_it_falls_asleep),
            TEST(what_dies_slowly_holds_up_its_slot_alone),
            TEST(killed_while_it_wakes),
            TEST(orders_may_come_twice),
            TEST(an_epoch_that_is_over_orders_nothing),
            TEST(nobody_is_told_what_is_not_durable),
            TEST(a_pause_before_the_start_is_durable),
            TEST(a_pause_before_the_start_is_durable_fails),
            TEST(an_end_across_the_end_of_a_period_is_told),
            TEST(bodies_that_are_no_orders),
            TEST(when_its_time_is_up_it_ends_or_sleeps),
            TEST(a_deadline_moves_both_ways),
            TEST(the_wall_may_step),
            TEST(seconds_that_were_slept_through_are_framed),
            TEST(without_room_for_evidence_nothing_starts),
            TEST(a_drain_puts_all_to_sleep),
            TEST(all_slots_may_be_taken),
            TEST(what_people_look_at),
            TEST(an_identity_is_for_ever),
            TEST(events_go_when_they_were_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
