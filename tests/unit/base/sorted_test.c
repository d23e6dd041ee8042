#include <stdint.h>

#include "base/sorted.h"

#include "tests/unit/test.h"

typedef struct pair {
    uint32_t key, value;
} pair;

static int by_key(const void *element, const void *key)
{
    uint32_t a = ((const pair *)element)->key, b = *(const uint32_t *)key;
    return a < b ? -1 : a > b;
}

static size_t place(const pair *v, size_t n, uint32_t key, bool *there)
{
    return dm_sorted_place(v, n, sizeof(*v), &key, by_key, there);
}

static void finds_each_and_each_gap(void **state)
{
    pair v[33];
    bool there;
    (void)state;
    for (uint32_t n = 0; n < DM_LEN(v); n++) {
        for (uint32_t i = 0; i < n; i++)
            v[i] = (pair){2 * i + 1, i};
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(place(v, n, 2 * i + 1, &there), i);
            assert_true(there);
            assert_int_equal(place(v, n, 2 * i, &there), i);
            assert_false(there);
        }
        assert_int_equal(place(v, n, 2 * n, &there), n);
        assert_false(there);
    }
}

/* Of several with one key the first. */
static void equals_have_a_front(void **state)
{
    const pair v[] = {{1, 0}, {2, 0}, {2, 1}, {2, 2}, {3, 0}};
    bool there;
    (void)state;
    assert_int_equal(place(v, DM_LEN(v), 2, &there), 1);
    assert_true(there);
}

static void stays_in_order(void **state)
{
    pair v[64];
    size_t n = 0;
    bool there;
    (void)state;
    for (uint32_t i = 0; i < DM_LEN(v); i++) {
        uint32_t key = i * 37 % DM_LEN(v);
        size_t at = place(v, n, key, &there);
        assert_false(there);
        dm_sorted_open(v, n, sizeof(*v), at);
        v[at] = (pair){key, i};
        n++;
    }
    for (uint32_t i = 0; i < DM_LEN(v); i++)
        assert_int_equal(v[i].key, i);
    dm_sorted_close(v, &n, sizeof(*v), 60, 4);
    dm_sorted_close(v, &n, sizeof(*v), 0, 10);
    dm_sorted_close(v, &n, sizeof(*v), 5, 1);
    dm_sorted_close(v, &n, sizeof(*v), 0, 0);
    assert_int_equal(n, 49);
    assert_int_equal(v[0].key, 10);
    assert_int_equal(v[4].key, 14);
    assert_int_equal(v[5].key, 16);
    assert_int_equal(v[48].key, 59);
    dm_sorted_close(v, &n, sizeof(*v), 0, n);
    assert_int_equal(n, 0);
}

static void nothing_is_an_array_too(void **state)
{
    size_t n = 0;
    bool there = true;
    (void)state;
    assert_int_equal(place(NULL, 0, 7, &there), 0);
    assert_false(there);
    dm_sorted_close(NULL, &n, sizeof(pair), 0, 0);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(finds_each_and_each_gap),
            cmocka_unit_test(equals_have_a_front),
            cmocka_unit_test(stays_in_order),
            cmocka_unit_test(nothing_is_an_array_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
