#include <stdio.h>

#include "api/kit/strangers.h"
#include "tests/unit/test.h"

enum { PER_MIN = 60, SECOND_US = 1000000, SPAN_US = DM_STRANGERS_TURNS * DM_STRANGERS_TURN_S * SECOND_US };

static const dm_str here = DM_STR_INIT("192.0.2.1"), there = DM_STR_INIT("192.0.2.2"), nobody = {.p = NULL};
static dm_clock_fake clock_fake;
static dm_strangers *strangers;

static int start(void **state)
{
    (void)state;
    dm_clock_fake_init(&clock_fake, 1800000000000000);
    return dm_strangers_new(PER_MIN, &clock_fake.base, &strangers, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_strangers_free(strangers);
    return 0;
}

static dm_str key_no(unsigned n)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "e2b_%08x", n);
    return dm_str_c(text);
}

static void guess(dm_str address, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        dm_strangers_add(strangers, address);
}

/* Of so many keys, how many may be looked up now. */
static unsigned admitted(dm_str address, unsigned of)
{
    unsigned n = 0;
    for (unsigned i = 0; i < of; i++)
        n += dm_strangers_wait_us(strangers, address, key_no(i)) == 0;
    return n;
}

static void some_are_nothing(void **state)
{
    (void)state;
    guess(here, PER_MIN - 1);
    assert_int_equal(admitted(here, 1000), 1000);
    guess(here, 1);
    assert_in_range(admitted(here, 8000), 800, 1200); /* an eighth */
    assert_int_equal(admitted(there, 1000), 1000);
    assert_int_equal(admitted(nobody, 1000), 1000);
    assert_int_equal(admitted(DM_STR("nonsense"), 1000), 1000);
}

/* One number a client, whatever he asks; none for who is none, and for this machine. */
static void who_is_there_has_a_number(void **state)
{
    (void)state;
    int64_t name = dm_strangers_name(strangers, DM_STR("10.1.2.3"));
    assert_true(name > 0);
    assert_true(dm_strangers_name(strangers, DM_STR("10.1.2.3")) == name);
    assert_true(dm_strangers_name(strangers, DM_STR("10.1.2.4")) != name);
    int64_t net = dm_strangers_name(strangers, DM_STR("2001:db8:1:2::3"));
    assert_true(net > 0 && dm_strangers_name(strangers, DM_STR("2001:db8:1:2:9::")) == net);
    static const char *const nobodies[] = {"127.0.0.1", "::1", "nonsense", "", "10.1.2.3, 10.1.2.4"};
    for (size_t i = 0; i < DM_LEN(nobodies); i++)
        assert_int_equal(dm_strangers_name(strangers, dm_str_c(nobodies[i])), 0);
}

/* Whoever comes back when he was told to is heard, whatever others send meanwhile. */
static void each_key_has_its_turn(void **state)
{
    (void)state;
    guess(here, 1000);
    for (unsigned i = 0; i < 200; i++) {
        int64_t wait = dm_strangers_wait_us(strangers, here, key_no(i));
        assert_in_range(wait, 0, SPAN_US - DM_STRANGERS_TURN_S * SECOND_US);
        if (wait > 0) /* else it has its turn, and a moment later that may be over */
            dm_clock_fake_move(&clock_fake, (wait + SECOND_US - 1) / SECOND_US * SECOND_US + 50000);
        guess(here, 1000);
        assert_int_equal(dm_strangers_wait_us(strangers, here, key_no(i)), 0);
        dm_clock_fake_move(&clock_fake, 333333);
        guess(here, 1000);
    }
}

static void it_is_over_soon_after(void **state)
{
    (void)state;
    guess(here, 100000);
    dm_clock_fake_move(&clock_fake, SECOND_US);
    assert_int_equal(admitted(here, 1000), 1000);
    guess(here, 1);
    assert_true(admitted(here, 1000) < 1000);
}

/* A client of IPv6 has 2^64 addresses. */
static void a_network_is_one_client(void **state)
{
    (void)state;
    char text[64];
    for (unsigned i = 0; i < PER_MIN; i++) {
        (void)snprintf(text, sizeof text, "2001:db8:1:2:%x::%x", i + 1, i * 7);
        dm_strangers_add(strangers, dm_str_c(text));
    }
    assert_true(admitted(DM_STR("2001:db8:1:2::99"), 1000) < 1000);
    assert_int_equal(admitted(DM_STR("2001:db8:1:3::99"), 1000), 1000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(some_are_nothing), TEST(each_key_has_its_turn), TEST(it_is_over_soon_after),
            TEST(a_network_is_one_client), TEST(who_is_there_has_a_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
