/* Covers base/cond.c. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/exec.h"

#include "tests/unit/test.h"

/* A gate that jobs wait at, so that a test knows what the threads are doing. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    unsigned inside;
} gate;

typedef struct job {
    dm_job job;
    gate *gate;
    atomic_uint *ran;
    bool frees;
} job;

static void pass_gate(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->inside++;
    (void)pthread_cond_broadcast(&g->moved);
    while (!g->open)
        (void)pthread_cond_wait(&g->moved, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void wait_inside(gate *g, unsigned n)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->inside < n)
        (void)pthread_cond_wait(&g->moved, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void open_gate(gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->open = true;
    (void)pthread_cond_broadcast(&g->moved);
    (void)pthread_mutex_unlock(&g->lock);
}

static void run(dm_job *j)
{
    job *self = (job *)(void *)j;
    if (self->gate != NULL)
        pass_gate(self->gate);
    atomic_fetch_add(self->ran, 1);
    if (self->frees)
        free(self);
}

static void a_full_queue_takes_nothing(void **state)
{
    (void)state;
    dm_exec *e = NULL;
    assert_int_equal(dm_exec_new(2, 3, &e, NULL), 0);
    gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    atomic_uint ran = 0;
    job jobs[6];
    for (size_t i = 0; i < DM_LEN(jobs); i++)
        jobs[i] = (job){.job.fn = run, .gate = &g, .ran = &ran};
    assert_int_equal(dm_exec_submit(e, &jobs[0].job), 0);
    assert_int_equal(dm_exec_submit(e, &jobs[1].job), 0);
    wait_inside(&g, 2); /* both threads are busy: from here on all wait */
    for (size_t i = 2; i < 5; i++)
        assert_int_equal(dm_exec_submit(e, &jobs[i].job), 0);
    assert_int_equal(dm_exec_waiting(e), 3);
    assert_int_equal(dm_exec_submit(e, &jobs[5].job), DM_EXEC_FULL);
    assert_int_equal(dm_exec_waiting(e), 3);
    assert_int_equal(atomic_load(&ran), 0);
    open_gate(&g);
    dm_exec_free(e); /* runs what is queued */
    assert_int_equal(atomic_load(&ran), 5);
}

static void jobs_may_free_themselves(void **state)
{
    (void)state;
    DM_AUTO(dm_exec) e = NULL;
    assert_int_equal(dm_exec_new(4, 1000, &e, NULL), 0);
    atomic_uint ran = 0;
    for (unsigned i = 0; i < 1000; i++) {
        job *j = malloc(sizeof(*j));
        assert_non_null(j);
        *j = (job){.job.fn = run, .ran = &ran, .frees = true};
        assert_int_equal(dm_exec_submit(e, &j->job), 0);
    }
    dm_exec_free(dm_steal(&e));
    assert_int_equal(atomic_load(&ran), 1000);
}

static void look_at_mask(dm_job *j)
{
    sigset_t set;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    job *self = (job *)(void *)j;
    if (sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGCHLD) == 1)
        atomic_fetch_add(self->ran, 1);
}

static void threads_take_no_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    dm_exec *e = NULL;
    assert_int_equal(dm_exec_new(1, 1, &e, NULL), 0);
    atomic_uint ran = 0;
    job j = {.job.fn = look_at_mask, .ran = &ran};
    assert_int_equal(dm_exec_submit(e, &j.job), 0);
    dm_exec_free(e);
    assert_int_equal(atomic_load(&ran), 1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    for (int s = 1; s < SIGRTMIN; s++)
        assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

static void bounds_are_checked(void **state)
{
    (void)state;
    dm_exec *e = NULL;
    assert_int_equal(dm_exec_new(0, 1, &e, NULL), DM_E_INVALID);
    assert_int_equal(dm_exec_new(1, 0, &e, NULL), DM_E_INVALID);
    assert_int_equal(dm_exec_new(DM_EXEC_THREADS_MAX + 1, 1, &e, NULL), DM_E_INVALID);
    assert_null(e);
    dm_exec_free(NULL);
}

/* Each job waits inside, so that it takes a thread of its own: as many are there as were asked for. */
static void the_largest_pool_has_all_its_threads(void **state)
{
    (void)state;
    dm_exec *e = NULL;
    static job jobs[DM_EXEC_THREADS_MAX];
    gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    atomic_uint ran = 0;
    assert_int_equal(dm_exec_new(DM_EXEC_THREADS_MAX, DM_EXEC_THREADS_MAX, &e, NULL), 0);
    for (size_t i = 0; i < DM_LEN(jobs); i++) {
        jobs[i] = (job){.job.fn = run, .gate = &g, .ran = &ran};
        assert_int_equal(dm_exec_submit(e, &jobs[i].job), 0);
    }
    wait_inside(&g, DM_LEN(jobs));
    assert_int_equal(dm_exec_waiting(e), 0);
    open_gate(&g);
    dm_exec_free(e);
    assert_int_equal(atomic_load(&ran), DM_LEN(jobs));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_full_queue_takes_nothing),
            cmocka_unit_test(jobs_may_free_themselves),
            cmocka_unit_test(threads_take_no_signals),
            cmocka_unit_test(bounds_are_checked),
            cmocka_unit_test(the_largest_pool_has_all_its_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
