/* Chores are done when they are due, and one that fails holds up no other. */
#include <stdatomic.h>
#include <time.h>

#include "metering/chores.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

enum { PATIENCE_S = 60 };

static cluster pg;
static atomic_int good, bad, asked;

static int does(const dm_chore_config *c, dm_err *err)
{
    assert_non_null(c->pg);
    (void)err;
    (void)atomic_fetch_add(&good, 1);
    return 0;
}

static int fails(const dm_chore_config *c, dm_err *err)
{
    (void)c;
    (void)atomic_fetch_add(&bad, 1);
    return dm_fail(err, DM_E_INVALID, "it never goes well");
}

static int is_a_zombie(const dm_chore_config *c, dm_err *err)
{
    (void)c;
    (void)err;
    (void)atomic_fetch_add(&asked, 1);
    return DM_CHORE_ZOMBIE;
}

static void until(atomic_int *what, int n)
{
    const struct timespec step = {.tv_nsec = 5000000};
    for (int i = 0; i < PATIENCE_S * 200 && atomic_load(what) < n; i++)
        (void)nanosleep(&step, NULL);
    assert_true(atomic_load(what) >= n);
}

static dm_chores *start(const dm_chore *list)
{
    dm_err err;
    dm_chores *out = NULL;
    dm_chores_config c = {
            .db = cluster_conninfo(&pg, "chores", "dm_meter"), .chores = list, .with = {.clock = &dm_clock_real}};
    if (dm_chores_new(&c, &out, &err) < 0)
        fail_msg("%s", err.msg);
    return out;
}

static void one_that_fails_holds_up_no_other(void **state)
{
    static const dm_chore list[] = {{"fails", 1, fails}, {"does", 1, does}, {NULL, 0, NULL}};
    (void)state;
    atomic_store(&good, 0);
    atomic_store(&bad, 0);
    DM_AUTO(dm_chores) c = start(list);
    until(&good, 50);
    until(&bad, 2); /* it is tried again, and later each time: not as often as the other */
    dm_chores_free(dm_steal(&c));
    assert_true(atomic_load(&bad) < atomic_load(&good));
}

static void who_is_a_zombie_does_none_any_more(void **state)
{
    static const dm_chore list[] = {{"zombie", 1, is_a_zombie}, {"does", 1, does}, {NULL, 0, NULL}};
    const struct timespec while_ = {.tv_nsec = 50000000};
    (void)state;
    atomic_store(&good, 0);
    atomic_store(&asked, 0);
    DM_AUTO(dm_chores) c = start(list);
    until(&asked, 1);
    (void)nanosleep(&while_, NULL);
    dm_chores_free(dm_steal(&c));
    assert_int_equal(atomic_load(&asked), 1);
    assert_int_equal(atomic_load(&good), 0);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_that_fails_holds_up_no_other),
            cmocka_unit_test(who_is_a_zombie_does_none_any_more),
    };
    return cluster_make(&pg, "chores") < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
