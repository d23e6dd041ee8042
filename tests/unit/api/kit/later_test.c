/* Requests at the same time, through a real listener: who waits for whom, and what each is told. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "api/life/sweep.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
enum { CROWD = 12 };

typedef struct asker {
    pthread_t thread;
    char method[8], path[128], body[128];
    int status;
} asker;

static void *ask(void *arg)
{
    asker *a = arg;
    DM_AUTO_SAID said = dm_rig_ask(&rig, a->method, a->path, a->body);
    a->status = said.status;
    return NULL;
}

static asker asker_of(const char *method, const char *id, const char *rest, const char *body)
{
    asker a = {.status = 0};
    (void)snprintf(a.method, sizeof a.method, "%s", method);
    (void)snprintf(a.path, sizeof a.path, "/sandboxes/%s%s", id, rest);
    (void)snprintf(a.body, sizeof a.body, "%s", body);
    return a;
}

static void begin(asker *a, size_t n, void *(*how)(void *))
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&a[i].thread, NULL, how, &a[i]), 0);
}

static void finish(asker *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_join(a[i].thread, NULL), 0);
}

static void run(asker *a, size_t n)
{
    begin(a, n, ask);
    finish(a, n);
}

/* Until so many requests wait for a sandbox. A look now and then decides nothing: the number stays when it is reached,
 * for what they wait for is held. */
static void wait_parked(unsigned n)
{
    for (int look = 0; look < 2000; look++) {
        if (dm_later_parked(rig.api.later) == n)
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail_msg("%u requests wait, not %u", dm_later_parked(rig.api.later), n);
}

/* The crowd begins at once; one of it has its order at the worker, all others wait for that one; then it goes on. */
static void run_on_one_order(asker *a, size_t n, void *(*how)(void *), const char *verb)
{
    unsigned before = dm_fakeworker_count(rig.worker, verb);
    dm_fakeworker_hold(rig.worker, verb);
    begin(a, n, how);
    assert_true(dm_fakeworker_await(rig.worker, verb, before + 1));
    wait_parked((unsigned)n - 1);
    dm_fakeworker_release(rig.worker, verb);
    finish(a, n);
    assert_int_equal(dm_fakeworker_count(rig.worker, verb), before + 1);
}

static void create(char id[32])
{
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "sandboxID"));
}

static size_t with_status(const asker *a, size_t n, int status)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += a[i].status == status;
    return found;
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT coalesce(sum(running), 0) FROM dm.quota_use");
}

/* Pauses at once are one pause; all are told it is done. One that comes later is told it was done before. */
static void pauses(void **state)
{
    (void)state;
    char id[32];
    asker a[CROWD];
    create(id);
    int64_t before = running();
    for (size_t i = 0; i < CROWD; i++)
        a[i] = asker_of("POST", id, "/pause", "{}");
    run_on_one_order(a, CROWD, ask, "pause");
    assert_int_equal(with_status(a, CROWD, 204), CROWD);
    assert_int_equal(running(), before - 2);
    a[0] = asker_of("POST", id, "/pause", "{}");
    run(a, 1);
    assert_int_equal(a[0].status, 409);

    /* Wakes at once are one wake. */
    for (size_t i = 0; i < CROWD; i++)
        a[i] = asker_of("POST", id, i % 2 == 0 ? "/connect" : "/resume", "{\"timeout\":30}");
    run_on_one_order(a, CROWD, ask, "resume");
    assert_int_equal(with_status(a, CROWD, 201) + with_status(a, CROWD, 409), CROWD);
    assert_true(with_status(a, CROWD, 201) >= 1);
    assert_int_equal(running(), before);
}

/* connect in the middle of a pause waits for it and wakes it. */
static void connect_waits_for_a_pause(void **state)
{
    (void)state;
    char id[32];
    int64_t epoch = 0;
    create(id);
    unsigned before = dm_fakeworker_count(rig.worker, "pause");
    asker a[] = {asker_of("POST", id, "/pause", "{}"), asker_of("POST", id, "/connect", "{\"timeout\":30}")};
    dm_fakeworker_hold(rig.worker, "pause");
    begin(a, 1, ask);
    assert_true(dm_fakeworker_await(rig.worker, "pause", before + 1));
    begin(a + 1, 1, ask);
    wait_parked(1);
    dm_fakeworker_release(rig.worker, "pause");
    finish(a, 2);
    assert_int_equal(a[0].status, 204);
    assert_int_equal(a[1].status, 201);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "running");
    assert_int_equal(epoch, 2);
}

/* Whoever gave the order is taken for dead while it is on its way: it comes too late, and the sleeper sleeps on. */
static void a_late_wake_wakes_nobody(void **state)
{
    (void)state;
    char id[32];
    int64_t epoch = 0;
    unsigned done = 0;
    create(id);
    asker sleep_first = asker_of("POST", id, "/pause", "{}"),
          wake = asker_of("POST", id, "/connect", "{\"timeout\":30}");
    run(&sleep_first, 1);
    unsigned before = dm_fakeworker_count(rig.worker, "resume");
    dm_fakeworker_hold(rig.worker, "resume");
    begin(&wake, 1, ask);
    assert_true(dm_fakeworker_await(rig.worker, "resume", before + 1));
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET changed_at = now() - interval '1 h' WHERE state = 'resuming'");
    assert_int_equal(dm_sweep(&rig.api, rig.api.dispatch, &done, NULL), 0);
    assert_int_equal(done, 1);
    dm_fakeworker_release(rig.worker, "resume");
    finish(&wake, 1);
    assert_true(wake.status >= 500);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "asleep");
    assert_int_equal(epoch, 1);
    wake = asker_of("POST", id, "/connect", "{\"timeout\":30}");
    run(&wake, 1);
    assert_int_equal(wake.status, 201);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, &epoch, NULL), "running");
    assert_int_equal(epoch, 3);
}

/* A kill in the middle of anything: it is over, once, and nothing is left that counts. Of two kills at once each may
 * have been the one that did it: the second orders it again, since the first may never have arrived. */
static void kill_during(void **state)
{
    (void)state;
    static const char *const verbs[] = {"pause", "resume"};
    for (size_t i = 0; i < DM_LEN(verbs); i++) {
        char id[32];
        create(id);
        int64_t before = running();
        if (i == 1) {
            asker sleep_first = asker_of("POST", id, "/pause", "{}");
            run(&sleep_first, 1);
        }
        unsigned orders = dm_fakeworker_count(rig.worker, verbs[i]);
        asker a[] = {asker_of("POST", id, i == 0 ? "/pause" : "/connect", i == 0 ? "{}" : "{\"timeout\":30}"),
                asker_of("DELETE", id, "", ""), asker_of("DELETE", id, "", "")};
        dm_fakeworker_hold(rig.worker, verbs[i]);
        begin(a, 1, ask);
        assert_true(dm_fakeworker_await(rig.worker, verbs[i], orders + 1));
        run(a + 1, 2);
        dm_fakeworker_release(rig.worker, verbs[i]);
        finish(a, 1);
        assert_true(with_status(a + 1, 2, 204) >= 1);
        assert_int_equal(with_status(a + 1, 2, 204) + with_status(a + 1, 2, 404), 2);
        assert_int_equal(a[0].status, 404);
        assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
        assert_int_equal(running(), before - 2);
    }
}

/* Its timeout put it to sleep, and the news of it arrives after the connect. */
static void connect_waits_for_the_news(void **state)
{
    (void)state;
    char id[32], text[256];
    create(id);
    asker a = asker_of("POST", id, "/pause", "{}");
    run(&a, 1);
    assert_int_equal(a.status, 204);
    /* Its worker knows that it sleeps; the row does not yet. */
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'running' WHERE state = 'paused';"
                     "UPDATE dm.quota_use SET running = running + 1");
    a = asker_of("POST", id, "/connect", "{\"timeout\":900}");
    dm_fakeworker_refuse(rig.worker, "deadline", 409, 1);
    begin(&a, 1, ask);
    wait_parked(1);
    (void)snprintf(text, sizeof text,
            "{\"events\":[{\"seq\":1,\"sandbox\":\"%s\",\"epoch\":1,\"state\":\"asleep\",\"cause\":\"timeout\","
            "\"detail\":\"\",\"at_us\":1800000000000000}]}",
            id);
    DM_AUTO_SAID told = dm_rig_worker_call(&rig, "/v1/workers/1/events", text);
    finish(&a, 1);
    assert_int_equal(told.status, 200);
    assert_int_equal(a.status, 201);
}

/* The door holds a crowd while one wake is under way, and lets all pass. */
static void *knock(void *arg)
{
    asker *a = arg;
    DM_AUTO_SAID said = dm_rig_ask_as_door(&rig, a->path, a->body);
    a->status = strstr(said.text, "X-Dm-Kind: pass") != NULL ? 200 : 502;
    return NULL;
}

static void the_door_holds_a_crowd(void **state)
{
    (void)state;
    asker a[CROWD];
    DM_AUTO_SAID made = dm_rig_ask(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"autoPause\":true,\"autoResume\":{\"enabled\":true}}");
    const char *id = dm_said_str(&made, "sandboxID");
    asker pause_first = asker_of("POST", id, "/pause", "{}");
    run(&pause_first, 1);
    assert_int_equal(pause_first.status, 204);
    for (size_t i = 0; i < CROWD; i++) {
        a[i] = asker_of("GET", id, "", "8080");
        (void)snprintf(a[i].path, sizeof a[i].path, "%s", id);
    }
    run_on_one_order(a, CROWD, knock, "resume");
    assert_int_equal(with_status(a, CROWD, 200), CROWD);
}

/* Many at once take no more quota than there is, and give all of it back. */
static void quota_in_a_crowd(void **state)
{
    (void)state;
    asker a[CROWD];
    dm_rig_sql(&rig, "DELETE FROM dm.sandbox; UPDATE dm.quota_use SET running = 0;"
                     "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 5 FROM dm.project");
    for (size_t i = 0; i < CROWD; i++) {
        a[i] = asker_of("POST", "", "", "{\"templateID\":\"base\"}");
        (void)snprintf(a[i].path, sizeof a[i].path, "/v2/sandboxes");
    }
    run(a, CROWD);
    assert_int_equal(with_status(a, CROWD, 201), 5);
    assert_int_equal(with_status(a, CROWD, 429), CROWD - 5);
    assert_int_equal(running(), 10);
    DM_AUTO_SAID list = dm_rig_ask(&rig, "GET", "/v2/sandboxes", NULL);
    for (size_t i = 0; i < 5; i++)
        a[i] = asker_of(
                "DELETE", json_string_value(json_object_get(json_array_get(list.body, i), "sandboxID")), "", "");
    run(a, 5);
    assert_int_equal(with_status(a, 5, 204), 5);
    assert_int_equal(running(), 0);
}

/* --- the bounds, without any sandbox ------------------------------------------------------------------------ */

static const dm_later_at somebody = {DM_LATER_ORDERS, {1}};

typedef struct alone {
    dm_later *later;
    dm_clock_fake clock;
    dm_sandbox_id id;
    uint64_t mark;
    int64_t late_us; /* how long the request has been under way when it parks */
    pthread_mutex_t gate;
    dm_route route; /* while a request is out, its table stays */
    dm_http_config table;
} alone;

static int again(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    dm_reply_empty(&req->reply, 200);
    return 0;
}

/* Parks, and is answered 200 when it is called again. */
static int park(dm_req *req, void *ctx, dm_err *err)
{
    alone *a = ctx;
    dm_clock_fake_move(&a->clock, a->late_us);
    return dm_later_park(a->later, somebody, req, again, a, &a->id, a->mark, err);
}

static int pass_the_gate(dm_req *req, void *ctx, dm_err *err)
{
    alone *a = ctx;
    (void)pthread_mutex_lock(&a->gate);
    (void)pthread_mutex_unlock(&a->gate);
    return again(req, ctx, err);
}

static int hop(dm_req *req, void *ctx, dm_err *err)
{
    return dm_later_hop(((alone *)ctx)->later, somebody, req, pass_the_gate, ctx, err);
}

static void alone_start(alone *a, unsigned parked_max)
{
    const dm_later_config config = {.threads = {1, 1, 1},
            .queue_max = 1,
            .parked_max = parked_max,
            .wait_us = 1000000,
            .clock = &a->clock.base};
    *a = (alone){.route = {.method = "GET", .path = "/"}};
    a->table = (dm_http_config){.routes = &a->route, .nroutes = 1, .ctx = a, .clock = &a->clock.base};
    (void)pthread_mutex_init(&a->gate, NULL);
    dm_clock_fake_init(&a->clock, 1800000000000000);
    assert_int_equal(dm_later_new(&config, &a->later, NULL), 0);
    a->mark = dm_later_mark(a->later, &a->id);
}

/* 0, or DM_HTTP_LATER. */
static int request(alone *a, dm_http_handler how, dm_req **req)
{
    a->route.handle = how;
    return dm_http_call(&a->table, "GET", "/", NULL, 0, (dm_str){NULL, 0}, req, NULL);
}

static dm_req *parked(alone *a)
{
    dm_req *req = NULL;
    assert_int_equal(request(a, park, &req), DM_HTTP_LATER);
    return req;
}

static void not_parked(alone *a, int status)
{
    DM_AUTO(dm_req) req = NULL;
    assert_int_equal(request(a, park, &req), 0);
    assert_int_equal(req->reply.status, status);
}

static void is_answered(dm_req *req, int status)
{
    assert_int_equal(req->reply.status, status);
    dm_req_free(req);
}

/* What another replica ended is found by looking again, but not before a while. */
static void a_look_now_and_then(void **state)
{
    (void)state;
    alone a;
    alone_start(&a, 8);
    dm_req *req = parked(&a);
    assert_int_equal(dm_later_parked(a.later), 1);
    dm_later_tick(a.later);
    assert_int_equal(dm_later_parked(a.later), 1);
    dm_clock_fake_move(&a.clock, 300000);
    dm_later_tick(a.later);
    assert_int_equal(dm_later_parked(a.later), 0);
    dm_later_free(a.later); /* when what was called has run */
    is_answered(req, 200);
}

/* It came to rest between the look and the parking. */
static void nothing_is_lost_between(void **state)
{
    (void)state;
    alone a;
    alone_start(&a, 8);
    dm_sandbox_id other = {{1}};
    dm_later_wake(a.later, &a.id);
    dm_req *req = parked(&a);
    assert_int_equal(dm_later_parked(a.later), 0);
    dm_later_wake(a.later, &other);
    a.mark = dm_later_mark(a.later, &a.id);
    dm_req *waits = parked(&a);
    dm_later_wake(a.later, &other);
    assert_int_equal(dm_later_parked(a.later), 1);
    dm_later_free(a.later);
    is_answered(req, 200);
    is_answered(waits, 503); /* the service goes away before it was woken */
}

static void nobody_waits_for_ever_or_without_end(void **state)
{
    (void)state;
    alone a;
    alone_start(&a, 1);
    dm_req *first = parked(&a);
    not_parked(&a, 503);
    a.late_us = 1000001;
    not_parked(&a, 409);
    assert_int_equal(dm_later_parked(a.later), 1);
    dm_later_free(a.later);
    is_answered(first, 503);
}

/* One runs, one is queued, and of three at least one is told that there is no room. */
static void the_pool_has_an_end(void **state)
{
    (void)state;
    enum { ASKED = 3 };
    alone a;
    dm_req *reqs[ASKED] = {NULL};
    size_t refused = 0;
    alone_start(&a, 8);
    (void)pthread_mutex_lock(&a.gate);
    for (size_t i = 0; i < ASKED; i++)
        if (request(&a, hop, &reqs[i]) == 0) {
            assert_int_equal(reqs[i]->reply.status, 503);
            refused++;
        }
    assert_true(refused >= 1 && refused < ASKED);
    (void)pthread_mutex_unlock(&a.gate);
    dm_later_free(a.later);
    for (size_t i = 0; i < ASKED; i++) {
        refused -= reqs[i]->reply.status == 503;
        assert_true(reqs[i]->reply.status == 503 || reqs[i]->reply.status == 200);
        dm_req_free(reqs[i]);
    }
    assert_int_equal(refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pauses), cmocka_unit_test(connect_waits_for_a_pause),
            cmocka_unit_test(connect_waits_for_the_news), cmocka_unit_test(a_late_wake_wakes_nobody),
            cmocka_unit_test(kill_during), cmocka_unit_test(the_door_holds_a_crowd), cmocka_unit_test(quota_in_a_crowd),
            cmocka_unit_test(a_look_now_and_then), cmocka_unit_test(nothing_is_lost_between),
            cmocka_unit_test(nobody_waits_for_ever_or_without_end), cmocka_unit_test(the_pool_has_an_end)};
    dm_rig_start(&rig, 24);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
