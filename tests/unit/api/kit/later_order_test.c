/* Covers api/kit/later.c: in which order those that wait for the same sandbox are called again. */
#include <stdio.h>
#include <time.h>

#include "api/kit/later.h"
#include "tests/unit/test.h"

enum { WAITING = 3, CALLS_MAX = 8 };

typedef struct bench {
    dm_later *later;
    dm_sandbox_id id, other;
    char called[CALLS_MAX]; /* by whom, in order; on the pool's one thread until all are done */
    atomic_uint ncalled;
} bench;

/* Waits once, then is done. */
static int again(dm_req *req, void *ctx, dm_err *err)
{
    bench *b = ctx;
    (void)err;
    unsigned n = atomic_load(&b->ncalled);
    b->called[n] = req->params[0].p[0];
    dm_reply_empty(&req->reply, 204);
    atomic_store(&b->ncalled, n + 1);
    return 0;
}

static int park(dm_req *req, void *ctx, dm_err *err)
{
    bench *b = ctx;
    const dm_sandbox_id *id = req->params[0].p[0] == 'x' ? &b->other : &b->id;
    return dm_later_park(
            b->later, (dm_later_at){DM_LATER_ORDERS, {1}}, req, again, b, id, dm_later_mark(b->later, id), err);
}

static const dm_route routes[] = {{"POST", "/wait/{name}", 0, 0, park}};

static void wait_called(bench *b, unsigned n)
{
    for (int look = 0; look < 2000 && atomic_load(&b->ncalled) < n; look++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    assert_int_equal(atomic_load(&b->ncalled), n);
}

/* Who came first is served first, whether a wake or a tick calls; whoever waits for another sandbox of the same bucket
 * stays where he is. */
static void oldest_first(void **state)
{
    (void)state;
    static const char *const names[] = {"/wait/a", "/wait/x", "/wait/b", "/wait/c"};
    bench b = {.id = {.b = {1}}, .other = {.b = {2}}};
    dm_req *reqs[DM_LEN(names) + 1] = {NULL};
    const dm_later_config config = {
            .threads = {1, 1, 1}, .queue_max = 16, .parked_max = 16, .wait_us = 60 * 1000000, .clock = &dm_clock_real};
    const dm_http_config table = {.routes = routes, .nroutes = DM_LEN(routes), .ctx = &b, .clock = &dm_clock_real};
    assert_int_equal(dm_later_new(&config, &b.later, NULL), 0);
    for (size_t i = 0; i < DM_LEN(names); i++)
        assert_int_equal(dm_http_call(&table, "POST", names[i], NULL, 0, DM_STR(""), &reqs[i], NULL), DM_HTTP_LATER);
    assert_int_equal(dm_later_parked(b.later), WAITING + 1);
    dm_later_wake(b.later, &b.id);
    wait_called(&b, WAITING);
    assert_string_equal(b.called, "abc");
    assert_int_equal(dm_later_parked(b.later), 1);

    /* The next stands behind the one that is left. */
    assert_int_equal(
            dm_http_call(&table, "POST", "/wait/d", NULL, 0, DM_STR(""), &reqs[DM_LEN(names)], NULL), DM_HTTP_LATER);
    for (int look = 0; look < 2000 && atomic_load(&b.ncalled) < WAITING + 2; look++) {
        dm_later_tick(b.later);
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_string_equal(b.called, "abcxd");
    dm_later_free(b.later); /* the last answer is whole */
    for (size_t i = 0; i < DM_LEN(reqs); i++) {
        assert_int_equal(reqs[i]->reply.status, 204);
        dm_req_free(reqs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(oldest_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
