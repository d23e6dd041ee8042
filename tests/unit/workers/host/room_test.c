/* What a worker refuses for want of room: sizes beyond what it gives away, and images that its disk is not there for.
 * What runs runs on. */
/* Covers workers/host/life.c, workers/host/worker.c, workers/host/boxes.c, workers/host/machine/host.c,
 * workers/host/machine/disk.c. */
#include "tests/support/workerrig.h"

/* So much of the host's memory that sizes may sum up to mib, or a little more. */
static void gives_away(rig *r, uint64_t mib)
{
    uint64_t all = dm_host_mem_mib();
    r->h.conf.mem_overcommit_pct = (mib * 100 + all - 1) / all;
    assert_true(dm_host_mem_to_give_mib(&r->h) >= mib);
}

static const char *why(rig *r)
{
    return said(rig_ask(r, "GET", "/v1/worker", ""), "why");
}

static void sizes_sum_up_to_what_is_given_away(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    gives_away(r, 1024);
    uint64_t left = dm_worker_mem_free_mib(r->w);
    run(r, 1, 1);
    assert_int_equal(dm_worker_mem_free_mib(r->w), left - 256);
    unsigned spawned = r->calls[CALL_SPAWN];
    rig_order *large = rig_admit(r, "start", 2, 1, (admitting){.spec = 5}); /* 4 GiB */
    assert_true(told(large));                                               /* at once: no machine is made for it */
    assert_int_equal(status_of(r, large), 503);
    assert_string_equal(state_of(r, 2), "gone");
    assert_int_equal(r->calls[CALL_SPAWN], spawned);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201); /* what is given is given, however often it is asked for */
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_int_equal(dm_worker_mem_free_mib(r->w), left);
}

static void a_sleeper_needs_none_until_it_wakes(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(dm_boxes_mem_mib(r->w->boxes), 0);
    r->h.conf.mem_overcommit_pct = 0;
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 503);
    assert_string_equal(state_of(r, 1), "asleep");
    r->h.conf.mem_overcommit_pct = 400;
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_int_equal(dm_boxes_mem_mib(r->w->boxes), 256);
    assert_int_equal(dm_boxes_asleep_mib(r->w->boxes), 0);
}

/* What slept and what runs counts the same in the next life. */
static void a_crash_changes_nothing_of_it(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    run(r, 2, 1);
    assert_int_equal(status_of(r, rig_pause(r, 2, 1)), 200);
    uint64_t asleep = dm_boxes_asleep_mib(r->w->boxes);
    assert_true(asleep >= 1); /* its files are small */
    rig_settle(r);
    rig_crash(r);
    rig_until(r, dm_worker_took_stock(r->w));
    assert_int_equal(dm_boxes_mem_mib(r->w->boxes), 256);
    assert_int_equal(dm_boxes_asleep_mib(r->w->boxes), asleep);
}

static void below_the_reserve_nothing_is_taken_in(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    r->h.conf.disk_reserve_mib = UINT32_MAX;
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 503);
    assert_string_equal(why(r), "its disk is needed as a reserve");
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 503);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 1));
    r->h.conf.disk_reserve_mib = 0;
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
}

/* The call's bound is its project's: no image that is larger is made for it. */
static void a_call_brings_its_room(void **state)
{
    rig *r = *state;
    char path[128];
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2); /* 4 MiB of memory are its own */
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/pause", box_name(1));
    rig_order *small = rig_ask(r, "POST", path, "{\"epoch\":1,\"cause\":\"paused\",\"room_mib\":3}");
    assert_int_equal(status_of(r, small), 429);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(r->quiesced, 0);
    rig_order *enough = rig_ask(r, "POST", path, "{\"epoch\":1,\"cause\":\"paused\",\"room_mib\":1000}");
    assert_int_equal(status_of(r, enough), 200);
    assert_string_not_equal(said(enough, "image_mib"), "0");
}

/* Its time is up and the disk is full: it runs on, and is tried again until there is room. */
static void a_timeout_waits_for_room(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *o = rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 3, .pause_on_timeout = true});
    assert_int_equal(status_of(r, o), 201);
    r->h.conf.disk_reserve_mib = UINT32_MAX;
    rig_seconds(r, 20);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 1));
    r->h.conf.disk_reserve_mib = 0;
    rig_seconds(r, 6);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    assert_string_equal(events_of(r, 1), "asleep 1 timeout");
}

/* Half of the reserve is for those whose time is up. */
static void a_timeout_may_take_half_of_the_reserve(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *o = rig_admit(r, "start", 1, 1, (admitting){.timeout_s = 3, .pause_on_timeout = true});
    assert_int_equal(status_of(r, o), 201);
    r->h.conf.disk_reserve_mib = dm_host_disk_free_mib(&r->h) + 1024;
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 503);
    rig_seconds(r, 4);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
}

int main(void)
{
#define ROOM_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {ROOM_TEST(sizes_sum_up_to_what_is_given_away),
            ROOM_TEST(a_sleeper_needs_none_until_it_wakes), ROOM_TEST(a_crash_changes_nothing_of_it),
            ROOM_TEST(below_the_reserve_nothing_is_taken_in), ROOM_TEST(a_call_brings_its_room),
            ROOM_TEST(a_timeout_waits_for_room), ROOM_TEST(a_timeout_may_take_half_of_the_reserve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
