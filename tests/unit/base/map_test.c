#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

enum { THINGS = 500 };

typedef struct thing {
    bool in, seen;
    struct {
        uint8_t id[12];
    } key;
} thing;

static thing things[THINGS];

static void make_things(void)
{
    for (uint32_t i = 0; i < THINGS; i++) {
        things[i] = (thing){.in = false};
        memcpy(things[i].key.id + 4, &i, sizeof(i));
    }
}

static void init(dm_map *m, size_t max)
{
    dm_map_init(m, offsetof(thing, key), sizeof(things[0].key), max);
}

static int add(dm_map *m, thing *t)
{
    int r = dm_map_reserve(m, "things", NULL);
    if (r == 0)
        dm_map_add(m, t);
    t->in = t->in || r == 0;
    return r;
}

static size_t count_in(void)
{
    size_t n = 0;
    for (size_t i = 0; i < THINGS; i++)
        n += things[i].in;
    return n;
}

/* Each thing is found when it is in, and only then; a walk sees each once. */
static void check(const dm_map *m)
{
    size_t walked = 0;
    for (size_t i = 0; i < THINGS; i++) {
        assert_ptr_equal(dm_map_find(m, &things[i].key), things[i].in ? &things[i] : NULL);
        things[i].seen = false;
    }
    dm_map_walk walk = dm_map_begin(m);
    for (thing *t; (t = dm_map_next(&walk)) != NULL; walked++) {
        assert_true(t->in && !t->seen);
        t->seen = true;
    }
    assert_int_equal(walked, count_in());
    assert_int_equal(m->n, walked);
}

static void finds_what_is_in(void **state)
{
    dm_map m;
    (void)state;
    make_things();
    init(&m, THINGS);
    check(&m);
    for (size_t i = 0; i < THINGS; i++) {
        assert_int_equal(add(&m, &things[i]), 0);
        if (i < 40)
            check(&m);
    }
    check(&m);
    dm_map_done(&m);
    assert_null(dm_map_find(&m, &things[1].key));
    make_things();
    check(&m);
    assert_int_equal(add(&m, &things[7]), 0);
    check(&m);
    dm_map_done(&m);
}

/* Comings and goings by a fixed sequence, the map small and full most of the time, so that runs are long and wrap. */
static void survives_any_coming_and_going(void **state)
{
    dm_map m;
    uint32_t dice = 1;
    (void)state;
    make_things();
    init(&m, 24);
    for (unsigned step = 0; step < 20000; step++) {
        dice = dice * 1664525u + 1013904223u;
        thing *t = &things[(dice >> 16) % 48];
        if (t->in) {
            assert_true(dm_map_remove(&m, t));
            t->in = false;
        } else {
            assert_int_equal(add(&m, t), m.n < 24 || t->in ? 0 : DM_E_LIMIT);
        }
        if (step % 16 == 0)
            check(&m);
    }
    dm_map_done(&m);
}

static void a_walk_may_remove_what_it_is_given(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 64; which++) {
        dm_map m;
        make_things();
        init(&m, THINGS);
        for (size_t i = 0; i < 24; i++)
            assert_int_equal(add(&m, &things[(which * 7 + i) % THINGS]), 0);
        size_t before = count_in(), walked = 0;
        dm_map_walk walk = dm_map_begin(&m);
        for (thing *t; (t = dm_map_next(&walk)) != NULL; walked++) {
            assert_false(t->seen);
            t->seen = true;
            if (which == 0 || (t->key.id[4] >> which % 3 & 1) != 0) {
                assert_true(dm_map_remove(&m, t));
                t->in = false;
            }
        }
        assert_int_equal(walked, before);
        check(&m);
        dm_map_done(&m);
    }
}

static void only_the_very_thing_is_removed(void **state)
{
    dm_map m;
    (void)state;
    make_things();
    init(&m, THINGS);
    assert_false(dm_map_remove(&m, &things[0]));
    assert_int_equal(add(&m, &things[3]), 0);
    thing twin = things[3];
    assert_false(dm_map_remove(&m, &twin));
    assert_ptr_equal(dm_map_find(&m, &twin.key), &things[3]);
    assert_true(dm_map_remove(&m, &things[3]));
    assert_false(dm_map_remove(&m, &things[3]));
    dm_map_done(&m);
}

static void has_a_bound(void **state)
{
    dm_map m;
    dm_err err = {0};
    (void)state;
    make_things();
    init(&m, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(add(&m, &things[i]), 0);
    assert_int_equal(dm_map_reserve(&m, "things", &err), DM_E_LIMIT);
    assert_string_equal(err.msg, "more than 3 things");
    check(&m);
    assert_true(dm_map_remove(&m, &things[1]));
    things[1].in = false;
    assert_int_equal(add(&m, &things[4]), 0);
    check(&m);
    dm_map_done(&m);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        dm_map m;
        int r = 0;
        make_things();
        init(&m, THINGS);
        for (size_t i = 0; r == 0 && i < 100; i++)
            r = add(&m, &things[i]);
        assert_int_equal(r, alloc_fail_hit() ? DM_E_NOMEM : 0);
        check(&m);
        dm_map_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(finds_what_is_in),
            cmocka_unit_test(survives_any_coming_and_going),
            cmocka_unit_test(a_walk_may_remove_what_it_is_given),
            cmocka_unit_test(only_the_very_thing_is_removed),
            cmocka_unit_test(has_a_bound),
            cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
