/* What one project may hold of what all share, and that the next one notices nothing. Covers api/kit/later.c. */
#include <pthread.h>

#include "api/kit/later.h"
#include "tests/unit/test.h"

enum { THREADS = 8, QUEUE = 16, PARKED = 12, MANY = 64 };

typedef struct bench {
    dm_later *later;
    dm_later_at at; /* of the next request */
    dm_sandbox_id id;
    pthread_mutex_t gate;
    dm_route route; /* while a request is out, its table stays */
    dm_http_config table;
} bench;

static int answer(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    dm_reply_empty(&req->reply, 200);
    return 0;
}

static int wait_at_gate(dm_req *req, void *ctx, dm_err *err)
{
    bench *b = ctx;
    (void)pthread_mutex_lock(&b->gate);
    (void)pthread_mutex_unlock(&b->gate);
    return answer(req, ctx, err);
}

static int hop_and_wait(dm_req *req, void *ctx, dm_err *err)
{
    const bench *b = ctx;
    return dm_later_hop(b->later, b->at, req, wait_at_gate, ctx, err);
}

static int hop(dm_req *req, void *ctx, dm_err *err)
{
    const bench *b = ctx;
    return dm_later_hop(b->later, b->at, req, answer, ctx, err);
}

static int park(dm_req *req, void *ctx, dm_err *err)
{
    const bench *b = ctx;
    return dm_later_park(b->later, b->at, req, answer, ctx, &b->id, dm_later_mark(b->later, &b->id), err);
}

static void start(bench *b)
{
    const dm_later_config config = {.threads = {THREADS, THREADS, THREADS},
            .queue_max = QUEUE,
            .parked_max = PARKED,
            .wait_us = 60 * 1000000,
            .clock = &dm_clock_real};
    *b = (bench){.route = {.method = "GET", .path = "/"}};
    b->table = (dm_http_config){.routes = &b->route, .nroutes = 1, .ctx = b, .clock = &dm_clock_real};
    (void)pthread_mutex_init(&b->gate, NULL);
    assert_int_equal(dm_later_new(&config, &b->later, NULL), 0);
}

static dm_req *ask(bench *b, dm_http_handler how, dm_later_line line, int64_t project)
{
    dm_req *req = NULL;
    b->route.handle = how;
    b->at = (dm_later_at){line, {project}};
    assert_true(dm_http_call(&b->table, "GET", "/", NULL, 0, (dm_str){NULL, 0}, &req, NULL) >= 0);
    return req;
}

/* Until one is refused: how many were not. */
static size_t ask_all(bench *b, dm_http_handler how, int64_t project, dm_req *reqs[MANY])
{
    size_t n = 0;
    while (n < MANY) {
        reqs[n] = ask(b, how, DM_LATER_ORDERS, project);
        if (reqs[n]->reply.status != 0)
            break;
        n++;
    }
    assert_true(n < MANY);
    assert_int_equal(reqs[n]->reply.status, 429);
    return n;
}

static void done(bench *b, dm_req *reqs[], size_t n)
{
    dm_later_free(b->later);
    for (size_t i = 0; i < n; i++)
        dm_req_free(reqs[i]);
}

static void a_quarter_of_a_line(void **state)
{
    (void)state;
    bench b;
    dm_req *reqs[MANY], *others[2];
    start(&b);
    (void)pthread_mutex_lock(&b.gate);
    size_t n = ask_all(&b, hop_and_wait, 1, reqs);
    assert_int_equal(n, THREADS / DM_SHARE + QUEUE / DM_SHARE);
    /* Another project is served at once, and so is the same one in another line. */
    others[0] = ask(&b, hop, DM_LATER_ORDERS, 2);
    others[1] = ask(&b, hop, DM_LATER_STOPS, 1);
    for (size_t i = 0; i < DM_LEN(others); i++)
        for (int look = 0; look < 2000 && others[i]->reply.status == 0; look++)
            (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    assert_int_equal(others[0]->reply.status, 200);
    assert_int_equal(others[1]->reply.status, 200);
    (void)pthread_mutex_unlock(&b.gate);
    done(&b, reqs, n + 1);
    dm_req_free(others[0]);
    dm_req_free(others[1]);
}

static void a_quarter_of_what_waits(void **state)
{
    (void)state;
    bench b;
    dm_req *reqs[MANY], *other;
    start(&b);
    size_t n = ask_all(&b, park, 1, reqs);
    assert_int_equal(n, PARKED / DM_SHARE);
    other = ask(&b, park, DM_LATER_ORDERS, 2);
    assert_int_equal(other->reply.status, 0);
    assert_int_equal(dm_later_parked(b.later), n + 1);
    dm_later_wake(b.later, &b.id);
    assert_int_equal(dm_later_parked(b.later), 0);
    dm_req_free(reqs[n]);
    reqs[n] = ask(&b, park, DM_LATER_ORDERS, 1); /* its places are free again */
    assert_int_equal(reqs[n]->reply.status, 0);
    done(&b, reqs, n + 1);
    dm_req_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_quarter_of_a_line), cmocka_unit_test(a_quarter_of_what_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
