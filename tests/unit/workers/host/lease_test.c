/* How a worker keeps to the leases of its projects, before an API of the test's own that keeps one pool of seconds:
 * exactly so many seconds run as the pool has, nobody sleeps who was not refused, what ran before a crash is told after
 * it, and whoever has no bound is asked about once. */
#include "tests/support/workerrig.h"

/* The other side: a pool of seconds of one project, reckoned from what the worker says alone. */
typedef struct pool {
    int64_t bound; /* -1: none */
    int64_t slice;
    int64_t told[16]; /* of each period since RIG_T0, the most that was said */
    int64_t asks, left_told, running_told;
    bool away;
    const char *state; /* of the last answer */
} pool;

static int64_t used(const pool *p)
{
    int64_t n = 0;
    for (size_t i = 0; i < DM_LEN(p->told); i++)
        n += p->told[i];
    return n;
}

static void hear_ran(pool *p, const json_t *list)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        dm_lease_ran m;
        assert_int_equal(dm_lease_ran_read(one, &m, NULL), 0);
        if (m.project_no != 5)
            continue;
        int64_t *of = &p->told[(m.period_start - RIG_T0) / RIG_PERIOD];
        *of = m.seconds > *of ? m.seconds : *of;
    }
}

static dm_lease_grant granted(pool *p, const dm_lease_ask *a)
{
    static char cause[] = "allowance_exhausted";
    dm_lease_grant g = {.project_no = a->project_no, .state = DM_LEASE_FREE};
    int64_t most = p->bound - used(p), want = a->need_s + p->slice * a->running;
    if (p->bound < 0 || a->project_no != 5)
        return g;
    g.left_s = want < most ? want : most;
    g.left_s = g.left_s > a->left_s ? g.left_s : a->left_s;
    g.state = want <= most ? DM_LEASE_GRANTED : g.left_s > a->left_s ? DM_LEASE_LAST : DM_LEASE_REFUSED;
    g.cause = g.state == DM_LEASE_GRANTED ? NULL : cause;
    p->left_told = a->left_s;
    p->running_told = a->running;
    return g;
}

static void answer(rig *r, pool *p, dm_str text)
{
    DM_AUTO(json_t) body = NULL;
    DM_AUTO(json_t) back = NULL;
    DM_AUTO_BUF out;
    dm_lease_asks m;
    dm_jw w;
    size_t i;
    const json_t *one;
    dm_buf_init(&out, 1 << 20);
    assert_int_equal(dm_json_load(text, DM_WK_BODY_MAX, &body, NULL), 0);
    assert_int_equal(dm_lease_asks_read(body, &m, NULL), 0);
    hear_ran(p, m.ran);
    dm_jw_init(&w, &out);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "cap_s", 30);
    dm_jw_key(&w, "leases");
    dm_jw_arr(&w);
    json_array_foreach(m.asks, i, one)
    {
        dm_lease_ask a;
        assert_int_equal(dm_lease_ask_read(one, &a, NULL), 0);
        const dm_lease_grant g = granted(p, &a);
        p->state = dm_lease_state_name(g.state);
        dm_lease_grant_write(&w, &g);
    }
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
    dm_lease_asks_done(&m);
    assert_int_equal(dm_json_load(dm_buf_view(&out), DM_WK_BODY_MAX, &back, NULL), 0);
    assert_int_equal(dm_leases_heard(r->w, back, NULL), 0);
}

static void ask(rig *r, pool *p)
{
    DM_AUTO_BUF text;
    dm_jw w;
    dm_buf_init(&text, 1 << 20);
    if (!dm_leases_want(r->w))
        return;
    dm_jw_init(&w, &text);
    dm_leases_ask(r->w, &w);
    p->asks++;
    if (p->away)
        dm_leases_unheard(r->w);
    else
        answer(r, p, dm_buf_view(&text));
}

static bool none_pausing(rig *r)
{
    bool none = true;
    for (unsigned i = 1; i <= RIG_SLOTS; i++)
        none = none && (box(r, i) == NULL || box(r, i)->state != DM_BOX_PAUSING);
    return none;
}

/* Each second is framed, asked about, and what is put to sleep in it sleeps in it. */
static void seconds(rig *r, pool *p, int n)
{
    while (n-- > 0) {
        rig_seconds(r, 1);
        rig_until(r, none_pausing(r));
        ask(r, p);
        rig_until(r, none_pausing(r));
        rig_settle(r);
    }
}

static void start(rig *r, unsigned n, int lease_s)
{
    assert_int_equal(status_of(r, rig_admit(r, "start", n, 1, (admitting){.lease_s = lease_s})), 201);
}

static unsigned ran_in_all(rig *r)
{
    const evidence *e = proof(r);
    unsigned n = 0;
    for (unsigned i = 1; i <= RIG_SLOTS; i++) {
        for (uint32_t epoch = 1; epoch <= 3; epoch++)
            n += ev_count(e, i, epoch, DM_SAMPLE_RUN);
    }
    return n;
}

static unsigned asleep(rig *r)
{
    unsigned n = 0;
    for (unsigned i = 1; i <= RIG_SLOTS; i++)
        n += box(r, i) != NULL && box(r, i)->state == DM_BOX_ASLEEP && box(r, i)->cause == DM_CAUSE_ALLOWANCE_EXHAUSTED;
    return n;
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void exactly_the_pool_is_run(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (int bound = 40; bound < 44; bound++) { /* whatever is left of it for three */
        pool p = {.bound = bound, .slice = 3};
        rig_close(r);
        (void)rig_setup(state);
        for (unsigned n = 1; n <= 3; n++) {
            start(r, n, DM_LEASE_FIRST_S);
            seconds(r, &p, (int)n);
        }
        seconds(r, &p, 30);
        assert_int_equal(asleep(r), 3);
        assert_int_equal(ran_in_all(r), bound);
        assert_int_equal(procs_alive(r), 0);
        seconds(r, &p, 5);
        assert_int_equal(used(&p), bound);
        int64_t asks = p.asks;
        seconds(r, &p, 5); /* nothing runs, and nothing is asked */
        assert_int_equal(p.asks, asks);
    }
}

/* Near the end slices are of a second, and it is still exact: each second is asked for in the one before. */
static void a_second_at_a_time(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = 25, .slice = 1};
    start(r, 1, DM_LEASE_FIRST_S);
    start(r, 2, DM_LEASE_FIRST_S);
    seconds(r, &p, 20);
    assert_int_equal(asleep(r), 2);
    assert_int_equal(ran_in_all(r), 25);
}

/* Told with what was left when somebody could still be asked: then nobody sleeps, however long, and the alarm is
 * raised; and the first refusal that is heard puts all of them to sleep. */
static void who_cannot_ask_runs_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = 1000, .slice = 4};
    start(r, 1, DM_LEASE_FIRST_S);
    seconds(r, &p, 6);
    p.away = true;
    seconds(r, &p, 29);
    assert_int_equal(dm_leases_beyond(r->w), 0);
    seconds(r, &p, 20);
    assert_int_equal(dm_leases_beyond(r->w), 1);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(status_of(r, rig_admit(r, "start", 2, 1, (admitting){0})), 503); /* no more of it meanwhile */
    assert_true(dm_leases_take(r->w, 6));
    p.away = false;
    p.bound = 20;
    seconds(r, &p, 2);
    assert_int_equal(asleep(r), 1);
    seconds(r, &p, 2);
    assert_int_equal(used(&p), ran_in_all(r));
}

static void without_a_bound_it_is_asked_once(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = -1};
    start(r, 1, 0);
    seconds(r, &p, 60);
    assert_int_equal(p.asks, 1);
    dm_leases_changed(r->w, 7);
    p.bound = 70; /* what has run before counts */
    p.slice = 3;
    seconds(r, &p, 1);
    assert_string_equal(p.state, "granted");
    dm_leases_changed(r->w, 7);
    seconds(r, &p, 30);
    assert_int_equal(asleep(r), 1);
    assert_int_equal(used(&p), 70);
    assert_int_equal(ran_in_all(r), 70);
}

static void after_a_crash_it_is_asked_anew(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = 30, .slice = 2};
    start(r, 1, DM_LEASE_FIRST_S);
    start(r, 2, DM_LEASE_FIRST_S);
    seconds(r, &p, 4);
    p.away = true;
    seconds(r, &p, 3);
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    rig_settle(r);
    p.away = false;
    seconds(r, &p, 30);
    assert_int_equal(asleep(r), 2);
    assert_int_equal(ran_in_all(r), 30);
    assert_int_equal(used(&p), 30);
}

static void what_is_left_is_given_back(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = 1000, .slice = 60};
    start(r, 1, DM_LEASE_FIRST_S);
    seconds(r, &p, 5);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    seconds(r, &p, 2);
    assert_int_equal(p.running_told, 0);
    assert_int_equal(p.left_told, 0);
    assert_int_equal(used(&p), ran_in_all(r));
}

/* A second in which one slept and woke is one second, as the bill has it. */
static void a_second_of_two_lives_is_one(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    pool p = {.bound = 1000, .slice = 10};
    start(r, 1, DM_LEASE_FIRST_S);
    seconds(r, &p, 3);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_admit(r, "resume", 1, 2, (admitting){.lease_s = DM_LEASE_FIRST_S})), 201);
    seconds(r, &p, 4);
    assert_int_equal(status_of(r, rig_kill(r, 1, 2)), 200);
    seconds(r, &p, 2);
    assert_int_equal(used(&p), 8); /* of 100 ms in second 0 to 100 ms in second 7 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(exactly_the_pool_is_run, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_second_at_a_time, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(who_cannot_ask_runs_on, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(without_a_bound_it_is_asked_once, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(after_a_crash_it_is_asked_anew, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(what_is_left_is_given_back, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_second_of_two_lives_is_one, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
