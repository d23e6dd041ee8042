/* The table of a machine's steps, walked: each is reached by a call, and from each, whatever succeeds or fails, the
 * call comes to its end. What is done in them is tested with a whole worker (life_test, recover_test). */
/* Covers workers/host/machine/job.c. */
#include "tests/unit/test.h"
#include "workers/host/machine/parts.h"

/* Where calls begin: make, load, warm, adopt, sweep, hand out (with and without a new policy), rouse, tell, sleep,
 * copy. */
static const phase entries[] = {MAKE_FILES, LOAD_DISK, WARM_RUN, ADOPT_SLOT, STRAY_SLOT, HAND_POLICY, HAND_RUN,
        ROUSE_RUN, TELL_RESUME, SLEEP_PLACE, COPY_PLACE};

static void each_row_is_at_its_place(void **state)
{
    (void)state;
    for (phase p = 0; p < PHASES; p++) {
        const dm_phase_row *row = &dm_machine_phases[p];
        assert_int_equal(row->at, p);
        assert_non_null(row->begin);
        assert_true(row->why != NULL && *row->why != '\0');
        assert_true(row->next < PHASES && row->next_stopped < PHASES && row->on_fail < PHASES);
    }
}

/* Depth first; a step that is met again on its own path would be a call that never ends. */
static void walk(phase p, bool *seen, unsigned *depth)
{
    const dm_phase_row *row = &dm_machine_phases[p];
    const phase then[] = {row->next, row->next_stopped, row->on_fail};
    seen[p] = true;
    if (p == IDLE)
        return;
    assert_true(++*depth < PHASES);
    for (size_t i = 0; i < DM_LEN(then); i++)
        walk(then[i], seen, depth);
    --*depth;
}

static void all_are_reached_and_none_is_stuck(void **state)
{
    bool seen[PHASES] = {false};
    (void)state;
    for (size_t i = 0; i < DM_LEN(entries); i++) {
        unsigned depth = 0;
        walk(entries[i], seen, &depth);
        assert_int_equal(depth, 0);
    }
    for (phase p = 0; p < PHASES; p++)
        assert_true(seen[p]);
}

/* A machine that is freed takes with it the image that it was making, and no other's. */
static void an_image_is_made_in_sleep_and_copy_alone(void **state)
{
    bool sleeps[PHASES] = {false};
    unsigned depth = 0;
    (void)state;
    walk(SLEEP_PLACE, sleeps, &depth);
    walk(COPY_PLACE, sleeps, &depth);
    for (phase p = 0; p < PHASES; p++)
        assert_int_equal(dm_machine_phases[p].makes_image, p != IDLE && sleeps[p]);
}

/* From the moment at which the image may be whole, no failure lets the guest run before the image has lost its name:
 * whoever finds a whole image takes its VM to be gone. */
static void no_guest_runs_beside_its_whole_image(void **state)
{
    static const phase kept[] = {SLEEP_STOP, SLEEP_SAVE, SLEEP_KEEP};
    (void)state;
    for (size_t i = 0; i < DM_LEN(kept); i++)
        assert_int_equal(dm_machine_phases[kept[i]].on_fail, SLEEP_UNNAME);
    for (phase p = 0; p < PHASES; p++) {
        const dm_phase_row *row = &dm_machine_phases[p];
        if (row->next == SLEEP_UNDO || row->on_fail == SLEEP_UNDO) /* a copy has no name here that could be taken */
            assert_true(p == SLEEP_UNNAME || p == COPY_STOP || p == COPY_SAVE || p == COPY_DISK);
        if (row->undoes) /* it says so to the end: the call has failed */
            assert_true((row->next == IDLE || dm_machine_phases[row->next].undoes) &&
                        (row->on_fail == IDLE || dm_machine_phases[row->on_fail].undoes));
    }
}

/* What becomes of the guest and of the image when a step fails while its VM lives: the way to the end of the call, as
 * the steps that are walked. */
typedef struct failing {
    phase at;
    phase way[4]; /* ends in IDLE */
    bool removed; /* what was made of an image, by the last step; else nothing was made, or it goes with the machine */
} failing;

static void what_each_failure_deletes(void **state)
{
    static const failing all[] = {
            {MAKE_FILES, {IDLE}, false},
            {MAKE_SPAWN, {IDLE}, false},
            {LOAD_DISK, {IDLE}, false},
            {LOAD_STATE, {IDLE}, false}, /* a sleeper's image is another's */
            {WARM_RUN, {IDLE}, false},
            {WARM_AGENT, {IDLE}, false},
            {WARM_STOP, {IDLE}, false},
            {ADOPT_SLOT, {IDLE}, false},
            {ADOPT_VM, {IDLE}, false},
            {ADOPT_RUN, {IDLE}, false},
            {STRAY_SLOT, {IDLE}, false},
            {STRAY_VM, {IDLE}, false},
            {HAND_POLICY, {IDLE}, false},
            {HAND_RUN, {IDLE}, false},
            {HAND_RESUME, {IDLE}, false},
            {ROUSE_RUN, {IDLE}, false},
            {TELL_RESUME, {IDLE}, false},
            {TELL_OPEN, {IDLE}, false},
            {SLEEP_PLACE, {IDLE}, false},
            {SLEEP_QUIESCE, {SLEEP_STOP, SLEEP_SAVE, SLEEP_KEEP, SLEEP_LEAVE}, false}, /* it sleeps all the same */
            {SLEEP_STOP, {SLEEP_UNNAME, SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {SLEEP_SAVE, {SLEEP_UNNAME, SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {SLEEP_KEEP, {SLEEP_UNNAME, SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {SLEEP_LEAVE, {IDLE}, false},
            {SLEEP_UNNAME, {SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {SLEEP_UNDO, {SLEEP_STUCK, IDLE}, false}, /* the guest cannot run: the image goes with its machine */
            {SLEEP_STUCK, {IDLE}, false},
            {SLEEP_CLEAN, {IDLE}, false},
            {COPY_PLACE, {IDLE}, false},
            {COPY_STOP, {SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {COPY_SAVE, {SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {COPY_DISK, {SLEEP_UNDO, SLEEP_CLEAN, IDLE}, true},
            {COPY_RUN, {SLEEP_STUCK, IDLE}, false},
    };
    bool met[PHASES] = {[IDLE] = true};
    (void)state;
    for (size_t i = 0; i < DM_LEN(all); i++) {
        phase p = dm_machine_phases[all[i].at].on_fail, last = IDLE;
        met[all[i].at] = true;
        for (size_t k = 0; k < DM_LEN(all[i].way); k++) {
            assert_int_equal(p, all[i].way[k]);
            if (p == IDLE)
                break;
            last = p;
            p = dm_machine_phases[p].next;
        }
        assert_int_equal(last == SLEEP_CLEAN, all[i].removed);
        /* What is left of an image when the call has failed is the machine's to remove: never a sleeper's that was
         * there before. */
        if (last != IDLE)
            assert_true(dm_machine_phases[all[i].at].makes_image && dm_machine_phases[last].makes_image);
    }
    for (phase p = 0; p < PHASES; p++)
        assert_true(met[p]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_row_is_at_its_place),
            cmocka_unit_test(all_are_reached_and_none_is_stuck),
            cmocka_unit_test(an_image_is_made_in_sleep_and_copy_alone),
            cmocka_unit_test(what_each_failure_deletes),
            cmocka_unit_test(no_guest_runs_beside_its_whole_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
