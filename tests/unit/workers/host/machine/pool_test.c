/* Where machines come from: who waits is served in order and within bounds, what is made ahead costs nobody anything,
 * and a host that is full says so. */
/* Covers workers/host/machine/spare.c, workers/host/machine/snapshot.c, workers/host/machine/host.c. */
#include "tests/support/workerrig.h"
#include "workers/host/machine/snapshot.h"

static rig one;

static int open_rig(void **state)
{
    *state = &one;
    if (getuid() != 0)
        return 0;
    rig_open(&one);
    rig_template(&one, "0123456789abcdef-1c512m");
    rig_enrol(&one);
    rig_settle(&one);
    return 0;
}

/* The same worker with a pool. */
static void with_pool(rig *r, unsigned depth, bool cold)
{
    r->conf.pool_size = depth;
    r->cold = cold;
    rig_crash(r);
    rig_until(r, dm_pools_settled(r->w->pools));
}

static dm_pools_count counted(const rig *r)
{
    dm_pools_count n;
    dm_pools_counted(r->w->pools, &n);
    return n;
}

static rig_order *start_512(rig *r, unsigned n)
{
    return rig_admit(r, "start", n, 1, (admitting){.spec = 2});
}

/* --- waiting ------------------------------------------------------------------------------------------------ */

/* Starts of two sizes and a wake: none overtakes another, and so many are made at once as may be. */
static void first_come_first_served(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    r->h.conf.making_max = 1;
    unsigned before = r->calls[CALL_LOAD];
    r->hangs[CALL_LOAD] = true;
    rig_order *orders[] = {rig_start(r, 2, 1), rig_resume(r, 1, 2), start_512(r, 3)};
    for (size_t i = 0; i < DM_LEN(orders); i++) {
        rig_until(r, r->calls[CALL_LOAD] == before + i + 1);
        rig_settle(r);
        assert_int_equal(r->calls[CALL_LOAD], before + i + 1);
        assert_int_equal(counted(r).waiting, DM_LEN(orders) - i);
        for (size_t k = i; k < DM_LEN(orders); k++)
            assert_false(told(orders[k]));
        r->hangs[CALL_LOAD] = false;
        dm_clock_fake_move(&r->clock, 1000);
        rig_until(r, counted(r).waiting < DM_LEN(orders) - i);
        r->hangs[CALL_LOAD] = true;
        assert_int_equal(status_of(r, orders[i]), 201);
    }
    r->hangs[CALL_LOAD] = false;
    assert_int_equal(counted(r).waiting, 0);
}

/* Whoever has nothing yet does not stand behind a crowd of another project. */
static void a_crowd_holds_up_no_other_project(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->h.conf.making_max = 1;
    r->hangs[CALL_SPAWN] = true;
    rig_order *crowd[] = {rig_start(r, 1, 1), rig_start(r, 2, 1)};
    rig_order *other = rig_admit(r, "start", 3, 1, (admitting){.project = 6});
    rig_until(r, r->calls[CALL_SPAWN] == 1);
    rig_let(r, CALL_SPAWN);
    rig_until(r, told(crowd[1]) || told(other));
    assert_true(told(crowd[0]) && !told(crowd[1]));
    assert_int_equal(status_of(r, other), 201);
    assert_int_equal(status_of(r, crowd[1]), 201);
}

static void a_machine_that_fails_fails_one(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->h.conf.making_max = 1;
    r->fails[CALL_LOAD] = DM_E_IO;
    rig_order *unlucky = rig_start(r, 1, 1), *next = rig_start(r, 2, 1);
    assert_true(status_of(r, unlucky) >= 500);
    assert_int_equal(status_of(r, next), 201);
}

/* Who could only wait for somebody else to leave is told so at once, and so is a wake. */
static void a_full_host_says_so(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_start(r, 9, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 9, 1)), 200);
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    r->hangs[CALL_SPAWN] = true;
    rig_order *in[RIG_SLOTS];
    for (unsigned i = 0; i < RIG_SLOTS; i++) {
        in[i] = rig_start(r, i + 1, 1);
        assert_false(told(in[i]));
    }
    rig_order *late = rig_start(r, 4, 1), *wake = rig_resume(r, 9, 2);
    assert_true(told(late));
    assert_int_equal(late->req->reply.status, 429);
    assert_string_equal(said(late, "message"), "all 3 slots are taken");
    assert_int_equal(status_of(r, wake), 429);
    assert_int_equal(box(r, 9)->state, DM_BOX_ASLEEP);
    rig_let(r, CALL_SPAWN);
    for (unsigned i = 0; i < RIG_SLOTS; i++)
        assert_int_equal(status_of(r, in[i]), 201);
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    rig_until(r, r->h.slots_free == 1);
    assert_int_equal(status_of(r, rig_resume(r, 9, 3)), 201);
}

/* The memory is looked at when it is one's turn: who was let in while there was some may not take the reserve. */
static void nobody_takes_the_reserve(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->h.conf.making_max = 1;
    r->hangs[CALL_SPAWN] = true;
    rig_order *first = rig_start(r, 1, 1), *second = rig_start(r, 2, 1);
    rig_until(r, r->calls[CALL_SPAWN] == 1);
    r->h.conf.mem_reserve_mib = UINT64_MAX;
    rig_let(r, CALL_SPAWN);
    assert_int_equal(status_of(r, first), 201);
    assert_int_equal(status_of(r, second), 503);
    assert_string_equal(events_of(r, 2), "");
    r->h.conf.mem_reserve_mib = 64;
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 201);
}

/* What is made for somebody who has left is not lost, unless there is a sleeper in it. */
static void who_leaves_leaves_his_machine(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    r->hangs[CALL_SPAWN] = true;
    rig_order *start = rig_start(r, 2, 1);
    rig_until(r, r->calls[CALL_SPAWN] == 2);
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    assert_int_equal(status_of(r, start), 409);
    rig_let(r, CALL_SPAWN);
    rig_until(r, counted(r).ready == 1);
    r->hangs[CALL_LOAD] = true;
    rig_order *wake = rig_resume(r, 1, 2);
    rig_until(r, r->calls[CALL_LOAD] == 3);
    assert_int_equal(status_of(r, rig_kill(r, 1, 2)), 200);
    assert_int_equal(status_of(r, wake), 409);
    r->hangs[CALL_LOAD] = false;
    rig_until(r, r->h.slots_free == RIG_SLOTS - 1);
    assert_int_equal(counted(r).ready, 1);
}

/* --- made ahead --------------------------------------------------------------------------------------------- */

static void first_ready_then_warm(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->conf.pool_size = 2;
    r->conf.making_max = 1;
    r->cold = true;
    rig_crash(r);
    unsigned spawned = r->calls[CALL_SPAWN], run = r->calls[CALL_RUN];
    rig_until(r, dm_pools_ready(r->w->pools));
    assert_int_equal(counted(r).warm, 0);
    assert_int_equal(r->calls[CALL_RUN] - run, 2);
    rig_until(r, dm_pools_settled(r->w->pools));
    assert_int_equal(counted(r).warm, 2);
    assert_int_equal(r->calls[CALL_SPAWN] - spawned, 3); /* one is bare */
    assert_int_equal(r->calls[CALL_RUN] - run, 4);
    assert_int_equal(r->calls[CALL_STOP], 4);
    for (size_t i = 0; i < RIG_PROCS; i++)
        assert_false(r->procs[i].running);
    rig_seconds(r, 61);
    static evidence e;
    rig_settle(r);
    ev_read(r, &e);
    assert_int_equal(e.nkeys, 0); /* whatever ran in them, nobody pays for it */
    assert_int_equal(r->resumed, 0);
    rig_order *o = rig_start(r, 1, 1);
    assert_int_equal(status_of(r, o), 201);
    assert_string_equal(said(o, "pooled"), "true");
}

static void a_bare_machine_serves_a_wake_and_a_start(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 1, true);
    unsigned before = r->calls[CALL_LOAD];
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_settle(r);
    assert_int_equal(r->calls[CALL_LOAD], before); /* who took it has the processors for himself, for a moment */
    dm_clock_fake_move(&r->clock, 100 * 1000);
    rig_until(r, dm_pools_settled(r->w->pools));
    unsigned spawned = r->calls[CALL_SPAWN];
    rig_order *wake = rig_resume(r, 1, 2);
    rig_until(r, told(wake) || r->calls[CALL_SPAWN] > spawned);
    assert_int_equal(status_of(r, wake), 201);
    assert_string_equal(said(wake, "pooled"), "false");
    assert_non_null(strstr(r->told, "\"fresh\":false"));
    rig_until(r, dm_pools_settled(r->w->pools));
    assert_int_equal(r->calls[CALL_SPAWN], spawned + 1); /* in its place */
}

/* Somebody takes what is ready, and a sleeper is woken while that is made anew: the bare machine is still there. */
static void what_is_made_ahead_leaves_the_bare_one(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 1, true);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    rig_settle(r);
    unsigned spawned = r->calls[CALL_SPAWN], loaded = r->calls[CALL_LOAD];
    r->hangs[CALL_SPAWN] = true;
    dm_clock_fake_move(&r->clock, 100 * 1000);
    rig_until(r, r->calls[CALL_SPAWN] == spawned + 1); /* of the one in its place */
    rig_settle(r);
    assert_int_equal(r->calls[CALL_LOAD], loaded);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    rig_let(r, CALL_SPAWN);
    dm_clock_fake_move(&r->clock, 100 * 1000);
    rig_until(r, dm_pools_settled(r->w->pools));
}

/* A pool is a cache: what it holds gives way to somebody of another size. */
static void what_is_spare_gives_way(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 2, false);
    assert_int_equal(r->h.slots_free, 0);
    assert_int_equal(counted(r).spare, 3);
    rig_order *o = start_512(r, 1);
    assert_int_equal(status_of(r, o), 201);
    assert_int_equal(status_of(r, start_512(r, 2)), 201);
    assert_int_equal(status_of(r, rig_start(r, 3, 1)), 201);
    assert_int_equal(status_of(r, start_512(r, 4)), 429);
}

static void a_spare_that_dies_is_made_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 1, false);
    for (rig_proc *p = r->procs; p < r->procs + RIG_PROCS; p++) {
        if (p->alive && p->vm != NULL)
            rig_vm_ended(p, (dm_vm_event){DM_VM_SIGNALLED, 9});
    }
    assert_int_equal(counted(r).spare, 0);
    unsigned spawned = r->calls[CALL_SPAWN];
    rig_settle(r);
    assert_int_equal(r->calls[CALL_SPAWN], spawned); /* not at once: it may die again */
    dm_clock_fake_move(&r->clock, 6 * 1000000);
    rig_until(r, dm_pools_settled(r->w->pools));
    r->fails[CALL_SPAWN] = DM_E_IO;
    rig_order *o = rig_start(r, 1, 1); /* whoever waits is not made to wait for that */
    assert_int_equal(status_of(r, o), 201);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* A template is as large as a guest's memory: none is made of what is kept for evidence. */
static void no_template_is_made_of_the_reserve(void **state)
{
    rig *r = *state;
    dm_snapshot *s = NULL;
    NEED_ROOT();
    r->h.conf.disk_reserve_mib = UINT32_MAX;
    assert_int_equal(dm_snapshot_new(&r->h, "base", 1, 1024, nothing, NULL, &s, NULL), 0);
    uint32_t slots = r->h.slots_free;
    dm_snapshot_want(s);
    assert_int_equal(dm_snapshot_is(s), DM_SNAPSHOT_FAILED);
    assert_int_equal(dm_snapshot_why(s)->code, DM_E_UNAVAILABLE);
    assert_int_equal(r->h.slots_free, slots);
    dm_snapshot_free(s);
    r->h.conf.disk_reserve_mib = 0;
}

static void a_drain_lets_them_go(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 2, true);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/worker/drain", "")), 200);
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    assert_int_equal(procs_alive(r), 0);
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 503);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 503);
    assert_string_equal(events_of(r, 1), "asleep 1 operator_drained");
}

static void when_the_drain_is_over_they_are_made_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    with_pool(r, 2, true);
    dm_worker_drain(r->w);
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    dm_worker_undrain(r->w);
    rig_until(r, dm_pools_ready(dm_worker_pools(r->w)) && rig_ready(r) == 2);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            POOL_TEST(first_come_first_served),
            POOL_TEST(a_crowd_holds_up_no_other_project),
            POOL_TEST(a_machine_that_fails_fails_one),
            POOL_TEST(a_full_host_says_so),
            POOL_TEST(nobody_takes_the_reserve),
            POOL_TEST(who_leaves_leaves_his_machine),
            POOL_TEST(first_ready_then_warm),
            POOL_TEST(a_bare_machine_serves_a_wake_and_a_start),
            POOL_TEST(what_is_made_ahead_leaves_the_bare_one),
            POOL_TEST(what_is_spare_gives_way),
            POOL_TEST(a_spare_that_dies_is_made_again),
            POOL_TEST(no_template_is_made_of_the_reserve),
            POOL_TEST(a_drain_lets_them_go),
            POOL_TEST(when_the_drain_is_over_they_are_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
