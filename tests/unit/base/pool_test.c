#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/pool.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

typedef struct handle {
    atomic_bool held;
    bool unmade;
} handle;

static void unmake(void *p)
{
    ((handle *)p)->unmade = true;
}

static dm_pool *pool_of(unsigned max)
{
    dm_pool *p = NULL;
    assert_int_equal(dm_pool_new(max, "test handles", unmake, &p, NULL), 0);
    return p;
}

static void has_a_bound(void **state)
{
    dm_pool *p = NULL;
    dm_err err = {0};
    (void)state;
    assert_int_equal(dm_pool_new(0, "test handles", unmake, &p, &err), DM_E_INVALID);
    assert_int_equal(dm_pool_new(DM_POOL_MAX + 1, "test handles", unmake, &p, &err), DM_E_INVALID);
    assert_null(p);
}

static void gives_the_warmest_first(void **state)
{
    DM_AUTO(dm_pool) p = pool_of(3);
    handle a = {.unmade = false}, b = {.unmade = false};
    void *got = &got;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
        assert_null(got); /* never needed before: the caller makes one */
    }
    dm_pool_give(p, 0, &a);
    dm_pool_give(p, 0, &b);
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    assert_ptr_equal(got, &b);
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    assert_ptr_equal(got, &a);
    dm_pool_give(p, 0, &b);
    dm_pool_give(p, 0, &a);
}

static void refuses_when_the_time_is_over(void **state)
{
    DM_AUTO(dm_pool) p = pool_of(1);
    dm_err err = {0};
    void *got = &got;
    (void)state;
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    int64_t before = dm_mono_ms(&dm_clock_real);
    got = &got;
    assert_int_equal(dm_pool_take(p, 0, 30, &got, &err), DM_E_UNAVAILABLE);
    assert_true(dm_mono_ms(&dm_clock_real) - before >= 30);
    assert_ptr_equal(got, &got); /* untouched */
    assert_string_equal(err.msg, "all 1 test handles are in use");
    /* A place that comes back empty can be taken again. */
    dm_pool_give(p, 0, NULL);
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    assert_null(got);
    dm_pool_give(p, 0, NULL);
}

static void frees_what_is_left(void **state)
{
    dm_pool *p = pool_of(2);
    handle kept = {.unmade = false}, lost = {.unmade = false};
    void *got = NULL;
    (void)state;
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    dm_pool_give(p, 0, &kept);
    dm_pool_give(p, 0, NULL);
    dm_pool_free(p);
    assert_true(kept.unmade);
    assert_false(lost.unmade);
    dm_pool_free(NULL);
}

/* --- many threads ------------------------------------------------------------------------------------------- */

enum { PLACES = 3, THREADS = 8, TURNS = 2000 };

typedef struct shared {
    dm_pool *pool;
    atomic_uint alive, too_many, twice, refused;
} shared;

static handle *make(shared *s)
{
    handle *h = calloc(1, sizeof *h);
    if (h != NULL && atomic_fetch_add(&s->alive, 1) >= PLACES)
        atomic_fetch_add(&s->too_many, 1);
    return h;
}

/* Every seventh turn leaves its place empty, as a connection that broke does. */
static void *take_turns(void *arg)
{
    shared *s = arg;
    for (unsigned i = 1; i <= TURNS; i++) {
        void *got = NULL;
        if (dm_pool_take(s->pool, 0, 60000, &got, NULL) != 0) {
            atomic_fetch_add(&s->refused, 1);
            continue;
        }
        handle *h = got != NULL ? got : make(s);
        if (h != NULL && atomic_exchange(&h->held, true))
            atomic_fetch_add(&s->twice, 1);
        if (i % 16 == 0)
            (void)sched_yield();
        if (h != NULL)
            atomic_store(&h->held, false);
        if (h != NULL && i % 7 == 0) {
            free(h);
            h = NULL;
            atomic_fetch_sub(&s->alive, 1);
        }
        dm_pool_give(s->pool, 0, h);
    }
    return NULL;
}

/* A wake-up that got lost would show as a refusal after a minute. */
static void threads_never_share_a_handle(void **state)
{
    shared s = {.alive = 0};
    pthread_t threads[THREADS];
    (void)state;
    assert_int_equal(dm_pool_new(PLACES, "test handles", free, &s.pool, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &s), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&s.refused), 0);
    assert_int_equal(atomic_load(&s.twice), 0);
    assert_int_equal(atomic_load(&s.too_many), 0);
    dm_pool_free(s.pool);
}

static void *wait_for_one(void *arg)
{
    void *got = NULL;
    if (dm_pool_take(arg, 0, 60000, &got, NULL) == 0)
        dm_pool_give(arg, 0, got);
    return NULL;
}

static void who_waits_is_counted(void **state)
{
    DM_AUTO(dm_pool) p = pool_of(1);
    pthread_t threads[2];
    void *got = NULL;
    (void)state;
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    assert_int_equal(dm_pool_waiting(p), 0);
    for (size_t i = 0; i < DM_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_one, p), 0);
    while (dm_pool_waiting(p) < DM_LEN(threads))
        (void)sched_yield();
    dm_pool_give(p, 0, NULL);
    for (size_t i = 0; i < DM_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(dm_pool_waiting(p), 0);
}

/* --- whose turn it is --------------------------------------------------------------------------------------- */

/* One who wants a place, and what came of it: the how manieth he was. */
typedef struct one {
    dm_pool *pool;
    int64_t party;
    atomic_int *served;
    int place; /* 0: not yet */
    pthread_t thread;
} one;

static void *want(void *arg)
{
    one *o = arg;
    void *got = NULL;
    if (dm_pool_take(o->pool, o->party, 60000, &got, NULL) == 0) {
        o->place = atomic_fetch_add(o->served, 1) + 1;
        dm_pool_give(o->pool, o->party, got);
    }
    return NULL;
}

static void begin(one *o, dm_pool *p, int64_t party, atomic_int *served)
{
    unsigned before = dm_pool_waiting(p);
    *o = (one){.pool = p, .party = party, .served = served};
    assert_int_equal(pthread_create(&o->thread, NULL, want, o), 0);
    while (dm_pool_waiting(p) == before)
        (void)sched_yield();
}

/* Also where who gives takes again at once, which who runs can do before who sleeps has woken. */
static void who_came_first_is_first(void **state)
{
    DM_AUTO(dm_pool) p = pool_of(1);
    one all[5];
    atomic_int served = 0;
    void *got = NULL;
    (void)state;
    assert_int_equal(dm_pool_take(p, 1, 0, &got, NULL), 0);
    for (size_t i = 0; i < DM_LEN(all); i++)
        begin(&all[i], p, (int64_t)i % 2, &served);
    dm_pool_give(p, 1, NULL);
    assert_int_equal(dm_pool_take(p, 1, 60000, &got, NULL), 0);
    assert_int_equal(atomic_load(&served), DM_LEN(all));
    for (size_t i = 0; i < DM_LEN(all); i++) {
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
        assert_int_equal(all[i].place, i + 1);
    }
    dm_pool_give(p, 1, NULL);
}

static void a_party_leaves_a_quarter_to_others(void **state)
{
    DM_AUTO(dm_pool) p = pool_of(4);
    one mine, others;
    atomic_int served = 0;
    void *got = NULL;
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(dm_pool_take(p, 7, 0, &got, NULL), 0);
    dm_err err = {0};
    assert_int_equal(dm_pool_take(p, 7, 0, &got, &err), DM_E_UNAVAILABLE);
    begin(&mine, p, 7, &served);
    /* who came later, and is another, or nobody, goes on meanwhile */
    assert_int_equal(dm_pool_take(p, 8, 0, &got, NULL), 0);
    dm_pool_give(p, 8, NULL);
    assert_int_equal(dm_pool_take(p, 0, 0, &got, NULL), 0);
    begin(&others, p, 8, &served);
    dm_pool_give(p, 0, NULL);
    assert_int_equal(pthread_join(others.thread, NULL), 0);
    assert_int_equal(others.place, 1);
    assert_int_equal(dm_pool_waiting(p), 1);
    dm_pool_give(p, 7, NULL);
    assert_int_equal(pthread_join(mine.thread, NULL), 0);
    assert_int_equal(mine.place, 2);
    for (int i = 0; i < 2; i++)
        dm_pool_give(p, 7, NULL);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO(dm_pool) p = NULL;
        int r = dm_pool_new(2, "test handles", unmake, &p, NULL);
        assert_int_equal(r, alloc_fail_hit() ? DM_E_NOMEM : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(has_a_bound),
            cmocka_unit_test(gives_the_warmest_first),
            cmocka_unit_test(refuses_when_the_time_is_over),
            cmocka_unit_test(frees_what_is_left),
            cmocka_unit_test(threads_never_share_a_handle),
            cmocka_unit_test(who_waits_is_counted),
            cmocka_unit_test(who_came_first_is_first),
            cmocka_unit_test(a_party_leaves_a_quarter_to_others),
            cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
