#include <stdint.h>

#include "base/grow.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

typedef struct list {
    uint64_t *v;
    size_t n, room;
} list;

static int add(list *l, uint64_t x, size_t max, dm_err *err)
{
    int r = dm_grow(&l->v, &l->room, l->n, max, "numbers", err);
    if (r < 0)
        return r;
    l->v[l->n++] = x;
    return 0;
}

static void keeps_what_is_in_it(void **state)
{
    list l = {0};
    dm_err err;
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(add(&l, i * i, 1000, &err), 0);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(l.v[i], i * i);
    free(l.v);
}

static void doubles_and_never_past_the_bound(void **state)
{
    (void)state;
    for (size_t max = 0; max < 70; max++) {
        list l = {0};
        dm_err err = {0};
        size_t times = 0;
        for (size_t i = 0; i < max; i++) {
            size_t room = l.room;
            assert_int_equal(add(&l, i, max, &err), 0);
            assert_true(l.room <= max);
            times += l.room != room;
        }
        assert_true(times <= 5); /* 8, 16, 32, 64, max */
        uint64_t *v = l.v;
        assert_int_equal(add(&l, 1, max, &err), DM_E_LIMIT);
        assert_non_null(strstr(err.msg, "numbers"));
        assert_ptr_equal(l.v, v);
        assert_int_equal(l.n, max);
        free(l.v);
    }
}

static void a_bound_that_no_memory_holds_is_no_overflow(void **state)
{
    list l = {.room = SIZE_MAX / 8, .n = SIZE_MAX / 8};
    dm_err err = {0};
    (void)state;
    assert_int_equal(add(&l, 1, SIZE_MAX, &err), DM_E_NOMEM); /* its bytes do not fit into a size_t */
    assert_null(l.v);
    assert_int_equal(l.room, SIZE_MAX / 8);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        list l = {0};
        dm_err err = {0};
        int r = 0;
        for (uint64_t i = 0; r == 0 && i < 40; i++)
            r = add(&l, i, 64, &err);
        assert_int_equal(r, alloc_fail_hit() ? DM_E_NOMEM : 0);
        for (uint64_t i = 0; i < l.n; i++)
            assert_int_equal(l.v[i], i);
        free(l.v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(keeps_what_is_in_it),
            cmocka_unit_test(doubles_and_never_past_the_bound),
            cmocka_unit_test(a_bound_that_no_memory_holds_is_no_overflow),
            cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
