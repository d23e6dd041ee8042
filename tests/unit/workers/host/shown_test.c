/* What is shown of a sandbox, and that nobody waits for a guest to hear it. Time stands unless a test moves it, so that
 * a request that waited for anything would never be answered. */
#include "base/parse.h"

#include "tests/support/workerrig.h"

enum { CROWD = 24 };

static const char *usage_of(unsigned n)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/usage", box_name(n));
    return path;
}

static int64_t number(const char *text)
{
    int64_t n = 0;
    assert_int_equal(dm_parse_i64(dm_str_c(text), 0, INT64_MAX, &n, NULL), 0);
    return n;
}

/* A member of what is shown now. */
static const char *shown(rig *r, unsigned n, const char *member)
{
    rig_order *o = rig_ask(r, "GET", usage_of(n), "");
    assert_true(told(o)); /* at once */
    assert_int_equal(status_of(r, o), 200);
    return said(o, member);
}

static void the_last_second_that_was_measured(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_string_equal(shown(r, 1, "second"), "0");
    rig_seconds(r, 2);
    assert_true(number(shown(r, 1, "second")) >= RIG_T0);
    assert_true(number(shown(r, 1, "cpu_used_us")) > 0);
    assert_string_equal(shown(r, 1, "mem_total_mib"), "256"); /* its size */
}

/* The first look finds the worker's own measure; then its guest has been asked. */
static void the_guest_s_word_while_it_is_fresh(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2);
    assert_string_equal(shown(r, 1, "mem_used_mib"), "4");
    rig_seconds(r, 1);
    rig_settle(r);
    assert_string_equal(shown(r, 1, "mem_used_mib"), "2");
    r->confused = true;
    rig_seconds(r, 20);
    assert_string_equal(shown(r, 1, "mem_used_mib"), "2");
    rig_seconds(r, 20);
    assert_string_equal(shown(r, 1, "mem_used_mib"), "4");
}

/* However many ask, and whatever the guest does: they are answered, and the guest is asked now and then. */
static void a_mute_guest_holds_up_nobody(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 2);
    r->deaf = true;
    unsigned before = r->stats;
    for (unsigned second = 0; second < 10; second++) {
        for (unsigned i = 0; i < CROWD; i++)
            (void)shown(r, 1, "second");
        rig_forget(r);
        rig_seconds(r, 1);
    }
    assert_in_range(r->stats - before, 1, 3);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
}

static void nobody_looks_nobody_is_asked(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    rig_seconds(r, 20);
    assert_int_equal(r->stats, 0);
    (void)shown(r, 1, "second");
    rig_seconds(r, 10);
    assert_true(r->stats >= 1);
    rig_seconds(r, 90);
    unsigned then = r->stats;
    rig_seconds(r, 20);
    assert_int_equal(r->stats, then);
}

static void what_does_not_run(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_ask(r, "GET", usage_of(1), "")), 409);
    assert_int_equal(status_of(r, rig_ask(r, "GET", usage_of(2), "")), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(the_last_second_that_was_measured, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(the_guest_s_word_while_it_is_fresh, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(a_mute_guest_holds_up_nobody, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(nobody_looks_nobody_is_asked, rig_setup, rig_teardown),
            cmocka_unit_test_setup_teardown(what_does_not_run, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
