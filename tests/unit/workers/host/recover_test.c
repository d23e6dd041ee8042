/* The worker dies and comes back: what was told is true, what lives is adopted, what does not has ended, and the
 * seconds of all of it are framed once each and sworn to. Each case by itself, and then a crash after any number of
 * turns of a sandbox's life, with the disk as it was or long before. */
/* Covers workers/host/start.c. */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/support/workerrig.h"

/* A VM dies while nobody looks. */
static void vm_dies_unseen(rig *r)
{
    for (size_t i = 0; i < RIG_PROCS; i++)
        r->procs[i].alive = r->procs[i].running = false;
}

static void back(rig *r)
{
    rig_until(r, r->w->adopting == 0);
    rig_settle(r);
}

/* --- case by case ------------------------------------------------------------------------------------------- */

static void what_lived_on_ran_all_the_while(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 3, (admitting){.timeout_s = 100})), 201);
    rig_seconds(r, 5);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 20 * 1000000);
    assert_int_equal(r->w->at.boot, 2);
    back(r);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 3));
    assert_int_equal(procs_alive(r), 1);
    assert_int_equal(dm_boxes_running(r->w->boxes), 1);
    assert_int_equal(r->h.slots_free, RIG_SLOTS - 1);
    assert_string_equal(events_of(r, 1), "");
    rig_seconds(r, 40);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 3, DM_SAMPLE_RUN), 65);
    assert_true(e->key[0].attested[0]);
    assert_int_equal(status_of(r, rig_start(r, 1, 3)), 201); /* the order whose answer was lost */
    rig_seconds(r, 36);
    assert_string_equal(state_of(r, 1), "ended"); /* its time was kept */
    assert_string_equal(events_of(r, 1), "ended 3 timeout");
}

/* The wall was off by three quarters of an hour when the worker was started anew: the host's other clock was not. */
static void seconds_go_on_where_the_wall_is_wrong(void **state)
{
    static const int64_t off_us = 2833 * 1000000LL;
    rig *r = *state;
    NEED_ROOT();
    for (int sign = -1; sign <= 1; sign += 2) {
        unsigned no = sign < 0 ? 1 : 2;
        assert_int_equal(status_of(r, rig_admit(r, "start", no, 3, (admitting){.timeout_s = 3600})), 201);
        rig_seconds(r, 5);
        rig_settle(r);
        r->clock.wall += sign * off_us;
        int64_t second = r->w->at.last_second;
        rig_crash(r);
        back(r);
        rig_seconds(r, 10);
        assert_in_range(r->w->at.last_second, second + 10, second + 12);
        r->clock.wall -= sign * off_us; /* somebody has seen to it */
        rig_seconds(r, 3);
        assert_in_range(r->w->at.last_second, second + 13, second + 15);
        assert_string_equal(state_of(r, no), "running");
    }
}

/* What frames are sealed with outlives the worker, so that one that comes back without the API frames on; without it
 * seconds wait, and none is lost. */
static void frames_wait_for_a_key(void **state)
{
    rig *r = *state;
    char path[PATH_MAX];
    struct stat st;
    NEED_ROOT();
    (void)snprintf(path, sizeof(path), "%s/frame.key", r->data);
    run(r, 1, 1);
    rig_seconds(r, 5);
    rig_settle(r);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    rig_crash(r);
    back(r);
    rig_seconds(r, 5);
    rig_settle(r);
    assert_int_equal(r->w->at.frame_no, 5);
    assert_int_equal(unlink(path), 0);
    rig_crash(r);
    back(r);
    dm_clock_fake_move(&r->clock, 10 * 1000000);
    rig_settle(r);
    assert_int_equal(r->w->at.frame_no, 0);
    rig_enrol(r);
    rig_seconds(r, 5);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 25);
    assert_int_equal(stat(path, &st), 0);
}

/* Its time was up while its worker was away. It ran on, for nobody: it ends at its deadline, and so does the bill. */
static void time_that_was_up_meanwhile_is_not_billed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 5})), 201);
    rig_seconds(r, 3);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 45 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "ended");
    assert_string_equal(events_of(r, 1), "ended 1 timeout");
    assert_int_equal(box(r, 1)->ended_us, box(r, 1)->end_us);
    assert_false(live(r, 1, 1));
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 20);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6); /* from 0.1 to 5.1 */
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_TIMEOUT);
}

/* Its time is up while its worker is away, and its worker is back; no second of the absence is framed as long as time
 * stands. */
static void sleeps_late(rig *r)
{
    assert_int_equal(
            status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 5, .pause_on_timeout = true})), 201);
    rig_seconds(r, 3);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 45 * 1000000);
}

/* The box, and what the API will have in its row. */
static void says_its_deadline(rig *r)
{
    assert_string_equal(events_of(r, 1), "asleep 1 timeout");
    assert_int_equal(box(r, 1)->slept_us, box(r, 1)->end_us);
    assert_int_equal(dm_events_after(r->w->events, NULL)->at_us, box(r, 1)->end_us);
}

/* The same of one that sleeps when its time is up: from its deadline on it pays for its disk. */
static void time_that_was_up_meanwhile_was_slept(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    sleeps_late(r);
    rig_until(r, strcmp(state_of(r, 1), "asleep") == 0);
    back(r);
    says_its_deadline(r);
    assert_true(has_image(r, 1, 1));
    rig_seconds(r, 20);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 54);   /* the rest of the minute that is sampled so far */
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201); /* and it is as good as any */
}

/* The worker dies once more before a second of its absence is framed: the books and the row go on saying the same. */
static void a_late_sleep_stays_at_its_deadline(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    sleeps_late(r);
    rig_until(r, strcmp(state_of(r, 1), "asleep") == 0);
    rig_settle(r);
    rig_crash(r);
    back(r);
    says_its_deadline(r);
    rig_seconds(r, 20);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 54);
}

/* The same where its image alone had become durable. */
static void a_late_sleep_that_was_not_written_down_is_of_its_deadline(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    sleeps_late(r);
    rig_until(r, has_image(r, 1, 1));
    rig_freeze(r);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    says_its_deadline(r);
    rig_seconds(r, 20);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 54);
}

/* And where it was killed instead: until then it had slept. */
static void a_kill_within_a_late_sleep_bills_the_sleep(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    sleeps_late(r);
    r->hangs[CALL_SAVE] = true;
    rig_until(r, strcmp(state_of(r, 1), "pausing") == 0);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_settle(r);
    rig_crash(r);
    back(r);
    rig_seconds(r, 20);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 6);
    assert_string_equal(events_of(r, 1), "ended 1 killed");
}

/* Nobody had been given it: there is nobody it could sleep for. */
static void what_is_nobodys_does_not_sleep_late(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->unclaimed = true;
    sleeps_late(r);
    back(r);
    assert_string_equal(events_of(r, 1), "ended 1 start_failed");
    rig_seconds(r, 20);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 0);
}

/* It cannot be put to sleep: it has its machine, and runs until it can. */
static void what_cannot_sleep_late_runs_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(
            status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 5, .pause_on_timeout = true})), 201);
    rig_seconds(r, 3);
    rig_settle(r);
    rig_crash(r);
    r->fails[CALL_SAVE] = DM_E_IO;
    dm_clock_fake_move(&r->clock, 15 * 1000000);
    rig_until(r, r->calls[CALL_SAVE] == 1);
    rig_until(r, strcmp(state_of(r, 1), "pausing") != 0);
    dm_clock_fake_move(&r->clock, 5 * 1000000);
    rig_until(r, strcmp(state_of(r, 1), "asleep") == 0); /* its timer has asked again */
    back(r);
    assert_string_equal(events_of(r, 1), "asleep 1 timeout");
    rig_seconds(r, 60);
    evidence *e = proof(r);
    uint32_t ran = ev_count(e, 1, 1, DM_SAMPLE_RUN);
    assert_true(ran >= 12 && ran <= 14); /* until its deadline, and from the failed try to the one that did it */
}

/* What was framed is proven and told: an end does not go behind it. */
static void a_deadline_before_the_last_frame_ends_there(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(
            status_of(r, rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 5, .pause_on_timeout = true})), 201);
    r->hangs[CALL_SAVE] = true; /* it is being put to sleep, and runs on in the books */
    rig_seconds(r, 9);
    assert_string_equal(state_of(r, 1), "pausing");
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 30 * 1000000);
    rig_until(r, strcmp(state_of(r, 1), "asleep") == 0);
    back(r);
    rig_seconds(r, 30);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 9);
}

/* A worker that dies while it builds a template leaves a VM that holds a slot's tap: it ends before the next build. */
static void what_was_being_built_is_ended(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    struct stat st;
    NEED_ROOT();
    (void)snprintf(dir, sizeof(dir), "%s/0123456789abcdef-2c512m.new/run", r->templates);
    rig_file(dir, "vmm.json", "{}");
    rig_proc *p = &r->procs[RIG_PROCS - 1];
    *p = (rig_proc){.alive = true, .running = true, .guest = -1};
    (void)snprintf(p->run_dir, sizeof(p->run_dir), "%s", dir);
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    assert_false(p->alive);
    assert_int_not_equal(stat(dir, &st), 0);
    back(r);
    run(r, 1, 1);
}

static void what_died_meanwhile_ended_at_its_last_proven_second(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 5); /* 0 to 4 are framed */
    rig_settle(r);
    vm_dies_unseen(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 20 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "ended");
    assert_string_equal(events_of(r, 1), "ended 1 vmm_crashed");
    assert_false(live(r, 1, 1));
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    rig_seconds(r, 50);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 5);
    assert_true(e->key[0].attested[0]);
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_VMM_CRASHED); /* which gives the customer his credit */
    assert_int_equal(e->second, RIG_T0 + 74);
}

/* It died in the second it began in: that one is billed, and no other. */
static void what_was_never_framed_has_one_second(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_settle(r);
    vm_dies_unseen(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 20 * 1000000);
    back(r);
    rig_seconds(r, 50);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 1);
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_VMM_CRASHED);
}

/* Killed, and the worker died before that was on the disk: nobody was told, and no VM is dead that nobody had killed.
 */
static void what_was_being_killed_lives_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2);
    rig_settle(r);
    rig_freeze(r);
    rig_order *o = rig_kill(r, 1, 1);
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_false(told(o));
    assert_false(live(r, 1, 1)); /* and no request reaches it any more */
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(procs_alive(r), 1);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_string_equal(events_of(r, 1), "ended 1 killed");
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
}

static void a_new_host_has_none_of_them(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    run(r, 2, 1);
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 200);
    (void)snprintf(r->w->kernel_boot, sizeof(r->w->kernel_boot), "another");
    for (int i = 0; i < 400 && proof(r)->frames < 500;
            i++) /* until a segment begins, whose head says which host it is */
        rig_seconds(r, 2);
    rig_crash(r); /* the processes are there, but are not what they seem */
    back(r);
    assert_string_equal(state_of(r, 1), "ended");
    assert_string_equal(events_of(r, 1), "ended 1 host_lost");
    assert_string_equal(state_of(r, 2), "asleep");
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0); /* what nobody claims is let go */
}

static void a_vm_stopped_in_a_pause_runs_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2);
    r->hangs[CALL_SAVE] = true;
    (void)rig_pause(r, 1, 1);
    rig_until(r, r->calls[CALL_SAVE] == 1);
    assert_false(r->procs[0].running);
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(r->procs[0].running);
    assert_true(live(r, 1, 1));
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200); /* the half image is in nobody's way */
    assert_true(has_image(r, 1, 1));
}

/* Its image was whole and its VM gone, and only the record of it was not on the disk. */
static void a_pause_whose_record_is_lost_is_a_sleeper(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 10);
    rig_settle(r);
    rig_order *o = rig_pause(r, 1, 1);
    rig_until(r, has_image(r, 1, 1));
    rig_freeze(r);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    assert_false(told(o));
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 5 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_true(has_image(r, 1, 1));
    assert_int_equal(dm_boxes_asleep(r->w->boxes), 1);
    assert_int_equal(dm_boxes_running(r->w->boxes), 0);
    assert_false(live(r, 1, 1));
    /* The event may have been on the disk before the record: then it is told twice, which changes nothing. */
    assert_int_equal(strncmp(events_of(r, 1), "asleep 1 paused", 15), 0);
    assert_null(strstr(events_of(r, 1), "ended"));
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200); /* the order again */
    rig_seconds(r, 50);
    evidence *e = proof(r);
    assert_true(ev_count(e, 1, 1, DM_SAMPLE_RUN) >= 10); /* as far as it is proven, at least */
    assert_true(ev_count(e, 1, 1, DM_SAMPLE_HIB) >= 40);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
}

/* Why it sleeps is no reason to have ended: sworn to is its end alone, when that has come. */
static void a_sleeper_swears_to_no_end(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_crash(r); /* in the second of both */
    back(r);
    rig_seconds(r, 62);
    assert_int_equal(ev_cause(proof(r), 1, 1), DM_CAUSE_NONE);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_seconds(r, 62);
    assert_int_equal(ev_cause(proof(r), 1, 1), DM_CAUSE_KILLED);
}

static void a_sleeper_sleeps_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 100);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 100 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_int_equal(dm_boxes_asleep(r->w->boxes), 1);
    assert_string_equal(events_of(r, 1), "asleep 1 paused"); /* told again until it is taken */
    rig_seconds(r, 10);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    rig_seconds(r, 40);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 1);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 210); /* 1 to 210, in which it woke */
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 40);
}

static void a_wake_that_was_under_way_is_asleep(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 3);
    r->hangs[CALL_LOAD] = true;
    unsigned loads = r->calls[CALL_LOAD];
    (void)rig_resume(r, 1, 2);
    rig_until(r, r->calls[CALL_LOAD] == loads + 1);
    rig_settle(r);
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_int_equal(box(r, 1)->epoch, 1);
    rig_until(r, r->h.slots_free == RIG_SLOTS); /* the half-made VM is let go */
    assert_int_equal(procs_alive(r), 0);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
}

/* Its guest ran, and had not answered, when the worker died: nobody was told that it runs. What it ran is billed, for
 * as long as it would have been waited for, and it sleeps in the image that it had. */
static void a_wake_that_had_not_answered_is_billed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 10);
    r->deaf = true;
    (void)rig_resume(r, 1, 2);
    rig_until(r, dm_box_roused(box(r, 1)));
    rig_seconds(r, 3);
    rig_settle(r);
    rig_freeze(r);
    dm_clock_fake_move(&r->clock, 20 * 1000000);
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_string_equal(events_of(r, 1), "asleep 1 paused, asleep 2 paused");
    assert_true(has_image(r, 1, 1));
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 30);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_HIB), 10);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN), 6); /* and not the 24 that it ran on for nobody */
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 3)), 200);
    assert_false(has_image(r, 1, 1));
}

/* It is told to run when that stands in the journal, and not before; the worker dies in between. */
static void a_wake_stands_in_the_journal_before_it_runs(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_seconds(r, 3);
    r->hangs[CALL_RUN] = true;
    unsigned runs = r->calls[CALL_RUN];
    (void)rig_resume(r, 1, 2);
    rig_until(r, r->calls[CALL_RUN] == runs + 1);
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 60);
    assert_int_equal(ev_count(proof(r), 1, 2, DM_SAMPLE_RUN), 1); /* it may have run, and what it did nobody saw */
    assert_int_equal(status_of(r, rig_resume(r, 1, 3)), 201);
}

static bool lies_in(const char *dir, const char *words)
{
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[PATH_MAX];
        DM_AUTO_BUF text;
        dm_buf_init(&text, 16 << 20);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && dm_file_read(path, &text, NULL) == 0)
            found = found || memmem(text.p, text.len, words, strlen(words)) != NULL;
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

/* Of one that runs, one that sleeps and one that has ended, over a crash and in a snapshot. */
static void no_secret_lies_in_the_journal(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    NEED_ROOT();
    (void)snprintf(dir, sizeof(dir), "%s/journal", r->data);
    for (unsigned n = 1; n <= 3; n++)
        run(r, n, 1);
    assert_non_null(strstr(r->told, RIG_TOKEN)); /* the guest was told, */
    assert_non_null(strstr(r->told, RIG_ENV));
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 200);
    assert_int_equal(status_of(r, rig_kill(r, 3, 1)), 200);
    rig_settle(r);
    rig_crash(r);
    back(r);
    rig_settle(r);
    assert_true(lies_in(dir, box_name(1)));
    assert_false(lies_in(dir, RIG_TOKEN)); /* and nobody else */
    assert_false(lies_in(dir, RIG_ENV));
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_resume(r, 2, 2)), 201);
    assert_non_null(strstr(r->told, RIG_TOKEN)); /* who wakes is told anew */
}

static void leftovers_are_swept(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    struct stat st;
    NEED_ROOT();
    run(r, 1, 2);
    assert_int_equal(status_of(r, rig_pause(r, 1, 2)), 200);
    run(r, 2, 1);
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.1", r->data, box_name(1));
    rig_file(dir, "disk.ext4", "an image of an older epoch");
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.1.making", r->data, box_name(2));
    rig_file(dir, "delta", "half an image");
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.1", r->data, box_name(3));
    rig_file(dir, "disk.ext4", "nobody's");
    (void)snprintf(dir, sizeof(dir), "%s.1.10.0.0.1", box_name(3));
    rig_file(r->live, dir, "");
    (void)snprintf(dir, sizeof(dir), "%s.9.10.0.0.1", box_name(2));
    rig_file(r->live, dir, "");
    rig_settle(r);
    rig_crash(r);
    back(r);
    assert_true(has_image(r, 1, 2));
    assert_false(has_image(r, 1, 1));
    assert_false(has_image(r, 3, 1));
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.1.making", r->data, box_name(2));
    assert_int_equal(stat(dir, &st), -1);
    assert_false(live(r, 3, 1));
    assert_false(live(r, 2, 9));
    assert_true(live(r, 2, 1));
}

/* The last frame of a period is on the disk and its attestations are not: the next boot swears. */
static void a_period_is_sworn_to_by_the_next_boot(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 59);
    rig_settle(r);
    rig_freeze(r);
    dm_clock_fake_move(&r->clock, 1000000);
    rig_until(r, r->w->at.last_second == RIG_T0 + 59);
    rig_crash(r); /* frame 59 and the oath are lost */
    back(r);
    rig_seconds(r, 2);
    evidence *e = proof(r);
    assert_true(e->ended[0]);
    assert_true(e->key[0].attested[0]);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 62);
    assert_int_equal(e->attests, 2); /* and no period twice */
    rig_crash(r);
    back(r);
    rig_seconds(r, 2);
    assert_int_equal(proof(r)->attests, 2);
}

static void an_ended_box_is_kept_until_it_is_sworn_to(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 3);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_crash(r); /* its last second is not framed yet */
    back(r);
    assert_string_equal(state_of(r, 1), "ended");
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_seconds(r, 60);
    evidence *e = proof(r);
    assert_string_equal(state_of(r, 1), "gone");
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 4);
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_KILLED);
    assert_string_equal(events_of(r, 1), "ended 1 killed");
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "gone");
}

static void acknowledgements_survive(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 1; i <= 2; i++) {
        run(r, i, 1);
        assert_int_equal(status_of(r, rig_pause(r, i, 1)), 200);
    }
    dm_events_acked(r->w->events, r->w->journal, 1);
    rig_settle(r);
    rig_crash(r);
    back(r);
    assert_string_equal(events_of(r, 1), "");
    assert_string_equal(events_of(r, 2), "asleep 1 paused");
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    assert_int_equal(dm_events_seq(r->w->events), 3); /* numbers go on over boots */
    assert_int_equal(dm_events_held(r->w->events), 2);
}

static void two_workers_cannot_have_one_folder(void **state)
{
    rig *r = *state;
    dm_worker *second = NULL;
    dm_err err;
    NEED_ROOT();
    assert_int_equal(dm_worker_new(&r->conf, &r->h, &second, &err), DM_E_EXISTS);
    assert_says(err, "another worker has");
    assert_null(second);
}

/* Many boots over many segments, some of which the ledger already has: the chain of frames never breaks. */
static void boot_after_boot(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    for (int boot = 2; boot < 10; boot++) {
        rig_seconds(r, boot % 3 == 0 ? 0 : 7);
        if (boot % 2 == 0)
            rig_settle(r);
        rig_crash(r);
        assert_int_equal(r->w->at.boot, boot);
        dm_clock_fake_move(&r->clock, (boot % 4) * 1000000);
        back(r);
        assert_string_equal(state_of(r, 1), "running");
    }
    rig_seconds(r, 60);
    evidence *e = proof(r);
    unsigned seconds = (unsigned)(e->second - RIG_T0 + 1);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), seconds);
    assert_true(e->ended[0]);
}

/* --- a crash at any moment ---------------------------------------------------------------------------------- */

enum { STARTS, PAUSES, WAKES, KILLS, STEPS };

typedef struct story {
    rig_order *orders[STEPS];
    unsigned asked;
} story;

static void ask_next(rig *r, story *s)
{
    rig_order **o = &s->orders[s->asked];
    if (s->asked > 0)
        rig_seconds(r, 2);
    if (s->asked == STARTS)
        *o = rig_start(r, 1, 1);
    else if (s->asked == PAUSES)
        *o = rig_pause(r, 1, 1);
    else if (s->asked == WAKES)
        *o = rig_resume(r, 1, 2);
    else
        *o = rig_kill(r, 1, 2);
    s->asked++;
}

typedef struct promised {
    bool start, pause, wake, kill;            /* answered */
    bool claim;                               /* of the start, answered */
    bool pause_asked, wake_asked, kill_asked; /* under way */
} promised;

static promised promise_of(const story *s)
{
    bool t[STEPS];
    for (unsigned i = 0; i < STEPS; i++)
        t[i] = i < s->asked && told(s->orders[i]);
    return (promised){t[STARTS], t[PAUSES], t[WAKES], t[KILLS], claimed(s->orders[STARTS]), s->asked > PAUSES,
            s->asked > WAKES, s->asked > KILLS};
}

static void keeps_its_word(rig *r, const promised *p)
{
    const char *is = state_of(r, 1);
    if (p->kill) {
        assert_string_equal(is, "ended");
    } else if (p->wake && !p->kill_asked) {
        assert_string_equal(is, "running");
        assert_int_equal(box(r, 1)->epoch, 2);
    } else if (p->pause && !p->wake_asked) {
        assert_string_equal(is, "asleep");
    } else if (p->pause && !p->kill_asked) { /* the wake came to be or not, and nothing is lost */
        assert_true(strcmp(is, "asleep") == 0 || strcmp(is, "running") == 0);
    } else if (p->start && !p->pause_asked) {
        assert_string_equal(is, "running");
    } else if (p->start && !p->pause) {
        /* The image was whole or it was not: nothing is lost, also when only the record is missing. */
        assert_true(strcmp(is, "asleep") == 0 || strcmp(is, "running") == 0);
    }
    bool running = strcmp(is, "running") == 0;
    assert_int_equal(procs_alive(r), running);
    assert_int_equal(live(r, 1, 1) || live(r, 1, 2), running);
    if (strcmp(is, "asleep") == 0)
        assert_true(has_image(r, 1, 1));
    assert_int_equal(dm_boxes_running(r->w->boxes), running);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* The story up to a step's order, some turns more, and then the worker dies; `lost` turns before that the disk was the
 * last time written to. */
static void crash_in(rig *r, unsigned step, int turns, int lost, uint64_t *seed)
{
    story s = {0};
    for (ask_next(r, &s); s.asked <= step; ask_next(r, &s))
        assert_true(status_of(r, s.orders[s.asked - 1]) < 300);
    for (int i = 0; i < turns; i++) {
        if (i == turns - lost)
            rig_freeze(r);
        rig_turn(r);
    }
    promised p = promise_of(&s);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, (int64_t)(next(seed) % 3) * 1000000);
    back(r);
    rig_until(r, r->h.slots_free == RIG_SLOTS - dm_boxes_running(r->w->boxes)); /* what nobody claims is let go */
    keeps_its_word(r, &p);
    rig_seconds(r, 62);
    (void)proof(r);
    if (box(r, 1) != NULL && box(r, 1)->state != DM_BOX_ENDED)
        assert_int_equal(status_of(r, rig_kill(r, 1, (int)box(r, 1)->epoch)), 200);
    rig_until(r, r->h.slots_free == RIG_SLOTS && procs_alive(r) == 0);
    rig_seconds(r, 61);
    evidence *e = proof(r);
    assert_string_equal(state_of(r, 1), "gone");
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN) > 0 || !p.claim, true);
    assert_int_equal(ev_count(e, 1, 2, DM_SAMPLE_RUN) > 0 || !p.wake, true);
}

static void a_crash_at_any_moment_breaks_no_promise(void **state)
{
    static const int turns[] = {0, 2, 8, 40, 200};
    uint64_t seed = 11;
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < STEPS * DM_LEN(turns); i++) {
        unsigned step = i % STEPS;
        int n = turns[i / STEPS] + (int)(next(&seed) % 3);
        if (i > 0) {
            rig_close(r);
            rig_open(r);
            rig_enrol(r);
            rig_settle(r);
        }
        crash_in(r, step, n, i % 3 == 0 ? 0 : (int)(next(&seed) % (unsigned)(n + 1)), &seed);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
            TEST(what_lived_on_ran_all_the_while),
            TEST(seconds_go_on_where_the_wall_is_wrong),
            TEST(frames_wait_for_a_key),
            TEST(what_was_being_built_is_ended),
            TEST(time_that_was_up_meanwhile_is_not_billed),
            TEST(time_that_was_up_meanwhile_was_slept),
            TEST(a_late_sleep_stays_at_its_deadline),
            TEST(a_late_sleep_that_was_not_written_down_is_of_its_deadline),
            TEST(a_kill_within_a_late_sleep_bills_the_sleep),
            TEST(what_is_nobodys_does_not_sleep_late),
            TEST(what_cannot_sleep_late_runs_on),
            TEST(a_deadline_before_the_last_frame_ends_there),
            TEST(what_died_meanwhile_ended_at_its_last_proven_second),
            TEST(what_was_never_framed_has_one_second),
            TEST(what_was_being_killed_lives_on),
            TEST(a_new_host_has_none_of_them),
            TEST(a_vm_stopped_in_a_pause_runs_again),
            TEST(a_pause_whose_record_is_lost_is_a_sleeper),
            TEST(a_sleeper_swears_to_no_end),
            TEST(a_sleeper_sleeps_on),
            TEST(a_wake_that_was_under_way_is_asleep),
            TEST(a_wake_that_had_not_answered_is_billed),
            TEST(a_wake_stands_in_the_journal_before_it_runs),
            TEST(no_secret_lies_in_the_journal),
            TEST(leftovers_are_swept),
            TEST(a_period_is_sworn_to_by_the_next_boot),
            TEST(an_ended_box_is_kept_until_it_is_sworn_to),
            TEST(acknowledgements_survive),
            TEST(two_workers_cannot_have_one_folder),
            TEST(boot_after_boot),
            TEST(a_crash_at_any_moment_breaks_no_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
