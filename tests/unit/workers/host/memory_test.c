/* Each allocation of an order failed in turn: whoever waits for it is told, or will be, or the worker ends and is asked
 * again. Nobody waits for ever. A worker that ends is a child of the test. */
/* Covers workers/host/life.c. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/support/workerrig.h"
#include "tests/unit/alloc_fail.h"

enum { TOLD = 10, WILL_BE, NEVER, NOT_HIT, TURNS = 1000 };

static bool told_now;

static void tell(dm_box_waiter *w, dm_box *b, int r, const dm_err *err)
{
    (void)w;
    (void)b;
    (void)r;
    (void)err;
    told_now = true;
}

static int kill_one(rig *r)
{
    dm_box_waiter waiter = {.fn = tell};
    dm_err err;
    dm_box *b = box(r, 1);
    int x = dm_worker_kill(r->w, b, 1, DM_CAUSE_KILLED, &waiter, &err);
    if (!alloc_fail_hit())
        return NOT_HIT;
    return x < 0 || told_now ? TOLD : b->noting > 0 ? WILL_BE : NEVER;
}

static void who_waits_for_an_end_is_told(void **state)
{
    rig *r = *state;
    unsigned ended = 0;
    int status = 0;
    NEED_ROOT();
    run(r, 1, 1);
    rig_settle(r);
    for (long turn = 0; turn < TURNS && !(WIFEXITED(status) && WEXITSTATUS(status) == NOT_HIT); turn++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)fclose(stderr); /* what an abort says is expected */
            (void)alarm(10);
            alloc_fail_at(turn);
            alloc_fail.on = true;
            _exit(kill_one(r));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) {
            assert_int_equal(WTERMSIG(status), SIGABRT);
            ended++;
            continue;
        }
        assert_int_not_equal(WEXITSTATUS(status), NEVER);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == NOT_HIT);
    assert_true(ended > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(who_waits_for_an_end_is_told, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
