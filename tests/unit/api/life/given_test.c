/* What was given away outlives the process that gave it: a child is killed, and its next life looks. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/life/given.h"
#include "tests/unit/test.h"

enum { MAX = 8 };

static char path[64];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/dm-given-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

static dm_given_one one(uint8_t n)
{
    dm_given_one o = {.worker = {n + 100u}};
    memset(o.id.b, n, sizeof o.id.b);
    return o;
}

static dm_given *opened(void)
{
    dm_given *g = NULL;
    dm_err err = {0};
    if (dm_given_open(path, MAX, &g, &err) < 0)
        fail_msg("%s", err.msg);
    return g;
}

/* How many are left; that of n is among them when its bit is set. */
static unsigned left(dm_given *g, uint64_t *which)
{
    dm_given_one o;
    unsigned n = 0;
    *which = 0;
    while (dm_given_left(g, &o) != DM_GIVEN_NONE) {
        assert_int_equal(o.worker.v, o.id.b[0] + 100u);
        *which |= UINT64_C(1) << o.id.b[0];
        n++;
    }
    return n;
}

static void a_child_is_killed(const uint8_t *keep, size_t n, uint8_t drop)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dm_given *g = NULL;
        dm_given_one o;
        if (dm_given_open(path, MAX, &g, NULL) < 0)
            _exit(1);
        while (dm_given_left(g, &o) != DM_GIVEN_NONE)
            ;
        for (size_t i = 0; i < n; i++) {
            o = one(keep[i]);
            int slot = dm_given_keep(g, &o);
            if (keep[i] == drop)
                dm_given_drop(g, slot);
        }
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void a_killed_process_leaves_what_it_gave(void **state)
{
    uint64_t which;
    (void)state;
    a_child_is_killed((const uint8_t[]){1, 2, 3}, 3, 2);
    DM_AUTO(dm_given) g = opened();
    assert_int_equal(left(g, &which), 2);
    assert_int_equal(which, 1 << 1 | 1 << 3);
}

/* What is left and not dropped is left again; what is dropped is not. */
static void what_is_dropped_is_gone(void **state)
{
    dm_given_one o;
    uint64_t which;
    (void)state;
    a_child_is_killed((const uint8_t[]){1, 2, 3}, 3, 0);
    dm_given *g = opened();
    int slots[3];
    for (int i = 0; i < 3; i++)
        slots[i] = dm_given_left(g, &o);
    assert_int_equal(dm_given_left(g, &o), DM_GIVEN_NONE);
    dm_given_drop(g, slots[0]);
    dm_given_drop(g, slots[2]);
    dm_given_drop(g, DM_GIVEN_NONE);
    dm_given_free(g);
    g = opened();
    assert_int_equal(left(g, &which), 1);
    dm_given_free(g);
}

static void full_is_full(void **state)
{
    uint64_t which;
    dm_given_one o = one(5);
    int slot = DM_GIVEN_NONE;
    (void)state;
    DM_AUTO(dm_given) g = opened();
    assert_int_equal(left(g, &which), 0);
    for (int i = 0; i < MAX; i++) {
        slot = dm_given_keep(g, &o);
        assert_true(slot >= 0 && slot < MAX);
    }
    assert_int_equal(dm_given_keep(g, &o), DM_GIVEN_NONE);
    dm_given_drop(g, slot);
    assert_int_equal(dm_given_keep(g, &o), slot);
}

/* Two that live never have one file. */
static void another_process_has_it(void **state)
{
    dm_given *other = NULL;
    dm_err err = {0};
    (void)state;
    DM_AUTO(dm_given) g = opened();
    assert_int_equal(dm_given_open(path, MAX, &other, &err), DM_E_CONFLICT);
}

static void foreign_bytes_are_nobodys(void **state)
{
    static const char text[] = "this is no record, and neither is what comes after it, however long it goes on";
    uint64_t which;
    (void)state;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, text, sizeof text), sizeof text);
    (void)close(fd);
    DM_AUTO(dm_given) g = opened();
    assert_int_equal(left(g, &which), 0);
    dm_given_one o = one(1);
    assert_int_equal(dm_given_keep(g, &o), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_killed_process_leaves_what_it_gave, begin, end),
            cmocka_unit_test_setup_teardown(what_is_dropped_is_gone, begin, end),
            cmocka_unit_test_setup_teardown(full_is_full, begin, end),
            cmocka_unit_test_setup_teardown(another_process_has_it, begin, end),
            cmocka_unit_test_setup_teardown(foreign_bytes_are_nobodys, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
