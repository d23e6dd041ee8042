/* The table of a machine's steps, walked: each is reached by a call, and from each, whatever succeeds or fails, the
 * call comes to its end. What is done in them is tested with a whole worker (life_test, recover_test). */
/* Covers workers/host/machine/job.c. */
#include "tests/unit/test.h"
#include "workers/host/machine/parts.h"

/* Where calls begin: make, load, warm, adopt, sweep, hand out (with and without a new policy), rouse, tell, sleep. */
static const phase entries[] = {MAKE_FILES, LOAD_DISK, WARM_RUN, ADOPT_SLOT, STRAY_SLOT, HAND_POLICY, HAND_RUN,
        ROUSE_RUN, TELL_RESUME, SLEEP_PLACE};

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
static void an_image_is_made_in_sleep_alone(void **state)
{
    bool sleeps[PHASES] = {false};
    unsigned depth = 0;
    (void)state;
    walk(SLEEP_PLACE, sleeps, &depth);
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
        if (row->next == SLEEP_UNDO || row->on_fail == SLEEP_UNDO)
            assert_int_equal(p, SLEEP_UNNAME);
        if (row->undoes) /* it says so to the end: the call has failed */
            assert_true((row->next == IDLE || dm_machine_phases[row->next].undoes) &&
                        (row->on_fail == IDLE || dm_machine_phases[row->on_fail].undoes));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_row_is_at_its_place),
            cmocka_unit_test(all_are_reached_and_none_is_stuck),
            cmocka_unit_test(an_image_is_made_in_sleep_alone),
            cmocka_unit_test(no_guest_runs_beside_its_whole_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
