/* Covers api/e2b/connect.c, api/e2b/metrics.c, api/e2b/timeout.c, api/kit/fold.c: a request whose client has gone while
 * it stood in line, through a real listener. The rig has one thread for each line, and another's order keeps it. */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* Sends a request and leaves. Between the two the server is given time to put it in line; were it late, the test would
 * see less, never something else. */
static void ask_and_leave(const char *method, const char *target, const char *body)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[1024];
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.107s", rig.socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: api\r\nX-API-KEY: %s\r\nContent-Length: %zu\r\n\r\n%s",
            method, target, rig.key, strlen(body), body);
    assert_int_equal(dm_write_all(fd, text, strlen(text), NULL), 0);
    (void)nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    (void)close(fd);
}

/* What keeps the thread of a line, and what comes last and has come through the whole line. */
typedef struct way {
    const char *verb, *method, *rest, *body;
    int status;
} way;

static const way orders = {"deadline", "POST", "timeout", "{\"timeout\":500}", 204},
                 reads = {"usage", "GET", "metrics", "", 200};

typedef struct order {
    pthread_t thread;
    const way *by;
    char path[64];
} order;

static void *give_order(void *arg)
{
    order *o = arg;
    DM_AUTO_SAID said = dm_rig_ask(&rig, o->by->method, o->path, o->by->body);
    assert_int_equal(said.status, o->by->status);
    return NULL;
}

/* The one thread waits for the worker. */
static void keep(order *o, const way *by, const char *id)
{
    unsigned before = dm_fakeworker_count(rig.worker, by->verb);
    o->by = by;
    (void)snprintf(o->path, sizeof o->path, "/sandboxes/%s/%s", id, by->rest);
    dm_fakeworker_hold(rig.worker, by->verb);
    assert_int_equal(pthread_create(&o->thread, NULL, give_order, o), 0);
    assert_true(dm_fakeworker_await(rig.worker, by->verb, before + 1));
}

static void come_last(const way *by)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/sandboxes/i00000000000000000000/%s", by->rest);
    DM_AUTO_SAID last = dm_rig_ask(&rig, by->method, path, by->body);
    assert_int_equal(last.status, 404);
}

/* It goes on, and with it whoever stood in line. */
static void let_go(order *o)
{
    dm_fakeworker_release(rig.worker, o->by->verb);
    assert_int_equal(pthread_join(o->thread, NULL), 0);
    come_last(o->by);
}

static void create(char id[32])
{
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "sandboxID"));
}

static void nobody_is_woken_for_nobody(void **state)
{
    (void)state;
    static const char *const rest[] = {"connect", "resume"};
    char busy[32], asleep[32], path[64];
    order o;
    create(busy);
    create(asleep);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", asleep);
    DM_AUTO_SAID paused = dm_rig_ask(&rig, "POST", path, "{}");
    assert_int_equal(paused.status, 204);
    for (size_t i = 0; i < DM_LEN(rest); i++) {
        (void)snprintf(path, sizeof path, "/sandboxes/%s/%s", asleep, rest[i]);
        keep(&o, &orders, busy);
        ask_and_leave("POST", path, "{\"timeout\":30}");
        let_go(&o);
        assert_string_equal(dm_fakeworker_state(rig.worker, asleep, NULL, NULL), "asleep");
        assert_int_equal(dm_fakeworker_count(rig.worker, "resume"), 0);
    }
    DM_AUTO_SAID woken = dm_rig_ask(&rig, "POST", path, "{\"timeout\":30}"); /* who stays is served */
    assert_int_equal(woken.status, 201);
}

static void no_worker_is_asked_for_nobody(void **state)
{
    (void)state;
    char busy[32], id[32], path[160];
    order o;
    create(busy);
    create(id);
    keep(&o, &reads, busy);
    unsigned before = dm_fakeworker_count(rig.worker, "usage");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/metrics", id);
    ask_and_leave("GET", path, "");
    (void)snprintf(path, sizeof path, "/sandboxes/metrics?sandbox_ids=%s", id);
    ask_and_leave("GET", path, "");
    let_go(&o);
    assert_int_equal(dm_fakeworker_count(rig.worker, "usage"), before);
}

/* Of those who ask the same, whoever stays is answered, also when the first one left. */
static void who_stays_is_answered(void **state)
{
    (void)state;
    char busy[32], id[32], path[160];
    order o, stays;
    create(busy);
    create(id);
    keep(&o, &reads, busy);
    unsigned before = dm_fakeworker_count(rig.worker, "usage");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/metrics", id);
    ask_and_leave("GET", path, "");
    ask_and_leave("GET", path, "");
    stays.by = &reads;
    (void)snprintf(stays.path, sizeof stays.path, "/sandboxes/%s/metrics", id);
    assert_int_equal(pthread_create(&stays.thread, NULL, give_order, &stays), 0);
    let_go(&o);
    assert_int_equal(pthread_join(stays.thread, NULL), 0);
    assert_int_equal(dm_fakeworker_count(rig.worker, "usage"), before + 1);
}

static void no_deadline_is_moved_for_nobody(void **state)
{
    (void)state;
    char busy[32], id[32], path[160];
    order o;
    create(busy);
    create(id);
    keep(&o, &orders, busy);
    unsigned before = dm_fakeworker_count(rig.worker, "deadline");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/timeout", id);
    ask_and_leave("POST", path, "{\"timeout\":900}");
    let_go(&o);
    assert_int_equal(dm_fakeworker_count(rig.worker, "deadline"), before);
}

/* What reads and orders hold holds up no end: it has a thread of its own. */
static void an_end_stands_in_no_line(void **state)
{
    (void)state;
    char busy[32], id[32], path[160];
    order first, second;
    create(busy);
    keep(&second, &reads, busy);
    create(id); /* nor does an order behind what is only looked at */
    keep(&first, &orders, busy);
    (void)snprintf(path, sizeof path, "/sandboxes/%s", id);
    DM_AUTO_SAID killed = dm_rig_ask(&rig, "DELETE", path, "");
    assert_int_equal(killed.status, 204);
    let_go(&second);
    let_go(&first);
}

/* Of many sandboxes, no further one when the client leaves in the middle. */
static void nor_for_the_rest(void **state)
{
    (void)state;
    char id[3][32], path[160];
    for (size_t i = 0; i < 3; i++)
        create(id[i]);
    unsigned before = dm_fakeworker_count(rig.worker, "usage");
    dm_fakeworker_hold(rig.worker, "usage");
    (void)snprintf(path, sizeof path, "/sandboxes/metrics?sandbox_ids=%s,%s,%s", id[0], id[1], id[2]);
    ask_and_leave("GET", path, "");
    assert_true(dm_fakeworker_await(rig.worker, "usage", before + 1));
    dm_fakeworker_release(rig.worker, "usage");
    come_last(&reads);
    assert_int_equal(dm_fakeworker_count(rig.worker, "usage"), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(nobody_is_woken_for_nobody, &rig),
            DM_RIG_TEST(no_worker_is_asked_for_nobody, &rig), DM_RIG_TEST(nor_for_the_rest, &rig),
            DM_RIG_TEST(who_stays_is_answered, &rig), DM_RIG_TEST(no_deadline_is_moved_for_nobody, &rig),
            DM_RIG_TEST(an_end_stands_in_no_line, &rig)};
    dm_rig_start(&rig, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
