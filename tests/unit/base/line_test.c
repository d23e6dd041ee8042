#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/line.h"

#include "tests/unit/test.h"

enum { PARTS = 4, THREADS = 8, PLACES = 40, JOBS_MAX = 128, CROWD = 1, OTHER = 2 };

/* Jobs wait at a gate, so that a test knows what the threads are doing, and write down in which order they passed. */
typedef struct bench {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    unsigned inside[4], passed;
    char order[JOBS_MAX];
    dm_line *line;
} bench;

typedef struct job {
    dm_line_job job;
    bench *of;
    unsigned party;
    char name;
} job;

static void pass(dm_line_job *j)
{
    job *self = (job *)(void *)j;
    bench *b = self->of;
    (void)pthread_mutex_lock(&b->lock);
    b->inside[self->party]++;
    (void)pthread_cond_broadcast(&b->moved);
    while (!b->open)
        (void)pthread_cond_wait(&b->moved, &b->lock);
    b->order[b->passed++] = self->name;
    b->inside[self->party]--;
    (void)pthread_cond_broadcast(&b->moved);
    (void)pthread_mutex_unlock(&b->lock);
}

static void start(bench *b, unsigned threads, unsigned places, unsigned parts)
{
    const dm_line_config config = {.threads = threads, .places_max = places, .parts = parts};
    *b = (bench){.open = false};
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->moved, NULL);
    assert_int_equal(dm_line_new(&config, &b->line, NULL), 0);
}

static void wait_inside(bench *b, unsigned party, unsigned n)
{
    (void)pthread_mutex_lock(&b->lock);
    while (b->inside[party] != n)
        (void)pthread_cond_wait(&b->moved, &b->lock);
    (void)pthread_mutex_unlock(&b->lock);
}

static void open_gate(bench *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->open = true;
    (void)pthread_cond_broadcast(&b->moved);
    (void)pthread_mutex_unlock(&b->lock);
}

static int join(bench *b, job *j, unsigned party, char name)
{
    *j = (job){.job.fn = pass, .of = b, .party = party, .name = name};
    return dm_line_join(b->line, party, &j->job);
}

/* A party that holds all it can leaves threads and places to the next. */
static void a_crowd_has_its_share_and_no_more(void **state)
{
    (void)state;
    bench b;
    job jobs[JOBS_MAX], last;
    size_t n = 0;
    int r;
    start(&b, THREADS, PLACES, PARTS);
    assert_int_equal(dm_line_share(b.line), THREADS / PARTS);
    assert_int_equal(dm_line_places(b.line), PLACES / PARTS);
    while ((r = join(&b, &jobs[n], CROWD, 'a')) == 0)
        n++;
    assert_int_equal(r, DM_LINE_CROWDED);
    assert_int_equal(n, THREADS / PARTS + PLACES / PARTS);
    wait_inside(&b, CROWD, THREADS / PARTS);
    assert_int_equal(join(&b, &last, OTHER, 'b'), 0);
    wait_inside(&b, OTHER, 1); /* at once, though all of the crowd stands before it */
    open_gate(&b);
    dm_line_free(b.line); /* runs all */
    assert_int_equal(b.passed, n + 1);
}

/* Where there is one thread, they take turns; of one party each comes in its order. */
static void parties_take_turns(void **state)
{
    (void)state;
    bench b;
    job first, jobs[6];
    start(&b, 1, PLACES, 1);
    assert_int_equal(join(&b, &first, 3, '-'), 0);
    wait_inside(&b, 3, 1);
    assert_int_equal(join(&b, &jobs[0], CROWD, 'a'), 0);
    assert_int_equal(join(&b, &jobs[1], CROWD, 'b'), 0);
    assert_int_equal(join(&b, &jobs[2], CROWD, 'c'), 0);
    assert_int_equal(join(&b, &jobs[3], OTHER, 'x'), 0);
    assert_int_equal(join(&b, &jobs[4], OTHER, 'y'), 0);
    open_gate(&b);
    dm_line_free(b.line);
    assert_string_equal(b.order, "-axbyc");
}

static void the_line_has_an_end(void **state)
{
    (void)state;
    bench b;
    job jobs[5];
    start(&b, 1, 2, 1);
    assert_int_equal(join(&b, &jobs[0], CROWD, 'a'), 0);
    wait_inside(&b, CROWD, 1);
    assert_int_equal(dm_line_waiting(b.line), 0);
    assert_int_equal(join(&b, &jobs[1], CROWD, 'b'), 0);
    assert_int_equal(join(&b, &jobs[2], OTHER, 'c'), 0);
    assert_int_equal(join(&b, &jobs[3], OTHER, 'd'), DM_LINE_FULL);
    assert_int_equal(dm_line_waiting(b.line), 2);
    open_gate(&b);
    dm_line_free(b.line);
    assert_string_equal(b.order, "acb"); /* who had the thread comes after who had not */
}

static void what_cannot_be(void **state)
{
    (void)state;
    static const dm_line_config none[] = {{.threads = 0, .places_max = 1}, {.threads = 1, .places_max = 0},
            {.threads = DM_EXEC_THREADS_MAX + 1, .places_max = 1}};
    dm_line *l = NULL;
    for (size_t i = 0; i < DM_LEN(none); i++)
        assert_int_equal(dm_line_new(&none[i], &l, NULL), DM_E_INVALID);
    dm_line_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_crowd_has_its_share_and_no_more),
            cmocka_unit_test(parties_take_turns), cmocka_unit_test(the_line_has_an_end),
            cmocka_unit_test(what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
