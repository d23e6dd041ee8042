/* Who asks the same at the same time is answered once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "api/kit/fold.h"
#include "tests/unit/test.h"

typedef struct bench {
    dm_later *later;
    dm_fold *fold;
    dm_later_at at;
    pthread_mutex_t gate;
    atomic_uint ran;
    dm_route route;
    dm_http_config table;
} bench;

/* Says its own number, so that a copy shows. */
static int count(dm_req *req, void *ctx, dm_err *err)
{
    bench *b = ctx;
    char text[16];
    (void)pthread_mutex_lock(&b->gate);
    (void)pthread_mutex_unlock(&b->gate);
    (void)snprintf(text, sizeof text, "%u", atomic_fetch_add(&b->ran, 1) + 1);
    if (dm_req_query(req, "fails").p != NULL)
        return dm_fail(err, DM_E_INVALID, "number %s", text);
    dm_reply_text(&req->reply, 200, "text/plain", dm_str_c(text));
    return dm_reply_header(&req->reply, "X-Number", dm_str_c(text), err);
}

static int ask(dm_req *req, void *ctx, dm_err *err)
{
    bench *b = ctx;
    return dm_fold_ask(b->fold, b->at, req, count, ctx, err);
}

static void start(bench *b)
{
    const dm_later_config config = {
            .threads = {4, 4, 4}, .queue_max = 64, .parked_max = 4, .wait_us = 60 * 1000000, .clock = &dm_clock_real};
    *b = (bench){.route = {.method = "GET", .path = "/{name}", .handle = ask}};
    b->table = (dm_http_config){.routes = &b->route, .nroutes = 1, .ctx = b, .clock = &dm_clock_real};
    (void)pthread_mutex_init(&b->gate, NULL);
    assert_int_equal(dm_later_new(&config, &b->later, NULL), 0);
    assert_int_equal(dm_fold_new(b->later, &b->fold, NULL), 0);
}

static dm_req *request(bench *b, int64_t project, const char *target)
{
    dm_req *req = NULL;
    b->at = (dm_later_at){DM_LATER_READS, {project}};
    assert_true(dm_http_call(&b->table, "GET", target, NULL, 0, (dm_str){NULL, 0}, &req, NULL) >= 0);
    return req;
}

static void stop(bench *b)
{
    dm_later_free(b->later);
    dm_fold_free(b->fold);
}

static void the_same_question_is_asked_once(void **state)
{
    static const char *const targets[] = {"/a?x=1", "/a?x=1", "/a?x=2", "/b?x=1", "/a?x=1"};
    static const int64_t projects[] = {1, 1, 1, 1, 2};
    bench b;
    dm_req *reqs[DM_LEN(targets)];
    (void)state;
    start(&b);
    (void)pthread_mutex_lock(&b.gate);
    for (size_t i = 0; i < DM_LEN(targets); i++)
        reqs[i] = request(&b, projects[i], targets[i]);
    (void)pthread_mutex_unlock(&b.gate);
    stop(&b);
    assert_int_equal(b.ran, DM_LEN(targets) - 1); /* the second one is the first one's */
    for (size_t i = 0; i < DM_LEN(targets); i++)
        assert_int_equal(reqs[i]->reply.status, 200);
    dm_str one = dm_buf_view(&reqs[0]->reply.body), two = dm_buf_view(&reqs[1]->reply.body);
    assert_true(dm_str_eq(one, two));
    assert_true(dm_str_eq_c(one, reqs[1]->reply.headers[0].value));
    for (size_t i = 0; i < DM_LEN(targets); i++)
        dm_req_free(reqs[i]);
}

static void a_failure_is_everybodys(void **state)
{
    bench b;
    dm_req *reqs[2];
    (void)state;
    start(&b);
    (void)pthread_mutex_lock(&b.gate);
    for (size_t i = 0; i < DM_LEN(reqs); i++)
        reqs[i] = request(&b, 1, "/a?fails=1");
    (void)pthread_mutex_unlock(&b.gate);
    stop(&b);
    assert_int_equal(b.ran, 1);
    for (size_t i = 0; i < DM_LEN(reqs); i++) {
        assert_int_equal(reqs[i]->reply.status, 400);
        dm_req_free(reqs[i]);
    }
}

static void one_answer_has_so_many_askers(void **state)
{
    bench b;
    dm_req *reqs[DM_FOLD_MAX + 1];
    (void)state;
    start(&b);
    (void)pthread_mutex_lock(&b.gate);
    for (size_t i = 0; i < DM_LEN(reqs); i++)
        reqs[i] = request(&b, 1, "/a");
    assert_int_equal(reqs[DM_FOLD_MAX]->reply.status, 429);
    (void)pthread_mutex_unlock(&b.gate);
    stop(&b);
    assert_int_equal(b.ran, 1);
    for (size_t i = 0; i < DM_LEN(reqs); i++)
        dm_req_free(reqs[i]);
}

/* When it was answered, the next one asks anew. */
static void an_answer_is_not_kept(void **state)
{
    bench b;
    dm_req *reqs[3];
    (void)state;
    start(&b);
    for (size_t i = 0; i < DM_LEN(reqs); i++) {
        reqs[i] = request(&b, 1, "/a");
        for (int look = 0; look < 2000 && reqs[i]->reply.status == 0; look++)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        assert_int_equal(b.ran, i + 1);
    }
    stop(&b);
    for (size_t i = 0; i < DM_LEN(reqs); i++)
        dm_req_free(reqs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_question_is_asked_once),
            cmocka_unit_test(a_failure_is_everybodys), cmocka_unit_test(one_answer_has_so_many_askers),
            cmocka_unit_test(an_answer_is_not_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
