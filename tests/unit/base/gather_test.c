#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/gather.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

enum { THREADS = 12, TIMES = 500 };

typedef struct rounds {
    dm_gather *g;
    pthread_mutex_t gate; /* held: a round does not end */
    atomic_uint under_way, most_under_way, begun, largest;
    unsigned first_of_last; /* of the round that was last */
} rounds;

typedef struct item {
    rounds *in;
    unsigned no;
    atomic_uint done;
} item;

static void count(atomic_uint *most, unsigned n)
{
    unsigned seen = atomic_load(most);
    while (n > seen && !atomic_compare_exchange_weak(most, &seen, n))
        continue;
}

static void do_all(void *ctx, void *const *all, size_t n)
{
    rounds *r = ctx;
    count(&r->most_under_way, atomic_fetch_add(&r->under_way, 1) + 1);
    count(&r->largest, (unsigned)n);
    (void)atomic_fetch_add(&r->begun, 1);
    (void)pthread_mutex_lock(&r->gate);
    r->first_of_last = ((item *)all[0])->no;
    (void)pthread_mutex_unlock(&r->gate);
    for (size_t i = 0; i < n; i++)
        (void)atomic_fetch_add(&((item *)all[i])->done, 1);
    (void)atomic_fetch_sub(&r->under_way, 1);
}

static void begin(rounds *r, unsigned most)
{
    *r = (rounds){.g = NULL};
    (void)pthread_mutex_init(&r->gate, NULL);
    const dm_gather_config config = {.most = most, .fn = do_all, .ctx = r};
    assert_int_equal(dm_gather_new(&config, &r->g, NULL), 0);
}

static void end(rounds *r)
{
    dm_gather_free(r->g);
    (void)pthread_mutex_destroy(&r->gate);
}

static void *go(void *arg)
{
    item *i = arg;
    dm_gather_do(i->in->g, i);
    return NULL;
}

static void *go_often(void *arg)
{
    item *i = arg;
    for (unsigned n = 1; n <= TIMES; n++) {
        dm_gather_do(i->in->g, i);
        assert_int_equal(atomic_load(&i->done), n); /* each time once, and before it comes back */
    }
    return NULL;
}

static void rest(void)
{
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void has_bounds(void **state)
{
    dm_gather *g = NULL;
    dm_err err = {0};
    (void)state;
    static const dm_gather_config bad[] = {{.most = 0}, {.most = DM_GATHER_MOST + 1}};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_gather_new(&bad[i], &g, &err), DM_E_INVALID);
    assert_null(g);
}

static void who_comes_alone_is_done_at_once(void **state)
{
    rounds r;
    (void)state;
    begin(&r, 8);
    item one = {.in = &r, .no = 1};
    (void)go(&one);
    (void)go(&one);
    assert_int_equal(atomic_load(&one.done), 2);
    assert_int_equal(atomic_load(&r.begun), 2);
    end(&r);
}

/* One round is held up; eleven come meanwhile. Of a round of four at most they make three, in the order in which they
 * came. */
static void who_comes_meanwhile_goes_together(void **state)
{
    rounds r;
    item items[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    begin(&r, 4);
    (void)pthread_mutex_lock(&r.gate);
    for (unsigned i = 0; i < THREADS; i++) {
        items[i] = (item){.in = &r, .no = i};
        assert_int_equal(pthread_create(&threads[i], NULL, go, &items[i]), 0);
        for (int ms = 0; ms < 20; ms++)
            rest();
    }
    assert_int_equal(atomic_load(&r.begun), 1);
    (void)pthread_mutex_unlock(&r.gate);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&items[i].done), 1);
    }
    assert_int_equal(atomic_load(&r.begun), 4);
    assert_int_equal(atomic_load(&r.largest), 4);
    assert_int_equal(r.first_of_last, 9); /* 0; 1 to 4; 5 to 8; 9 to 11 */
    end(&r);
}

static void nobody_is_lost_or_done_twice(void **state)
{
    rounds r;
    item items[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    begin(&r, 5);
    for (unsigned i = 0; i < THREADS; i++) {
        items[i] = (item){.in = &r, .no = i};
        assert_int_equal(pthread_create(&threads[i], NULL, go_often, &items[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&r.most_under_way), 1);
    assert_in_range(atomic_load(&r.largest), 1, 5);
    end(&r);
}

static void any_allocation_may_fail(void **state)
{
    const dm_gather_config config = {.most = 1, .fn = do_all};
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO(dm_gather) g = NULL;
        int r = dm_gather_new(&config, &g, NULL);
        assert_int_equal(r, alloc_fail_hit() ? DM_E_NOMEM : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(has_bounds),
            cmocka_unit_test(who_comes_alone_is_done_at_once),
            cmocka_unit_test(who_comes_meanwhile_goes_together),
            cmocka_unit_test(nobody_is_lost_or_done_twice),
            cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
