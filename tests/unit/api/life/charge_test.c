/* A charge is taken before anything is made, and given back once however it ends: many at once at a limit, some of them
 * refused by the worker, all of them killed. */
/* Covers tenants/sandbox/quota.c. */
#include <pthread.h>
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

enum { CLIENTS = 60, LIMIT = 7, REFUSED = 5 };

static dm_rig rig;

typedef struct client {
    pthread_t thread;
    int status;
    char id[32];
} client;

static void *create(void *arg)
{
    client *c = arg;
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    c->status = said.status;
    (void)snprintf(c->id, sizeof c->id, "%s", dm_said_str(&said, "sandboxID"));
    return NULL;
}

static void *kill_one(void *arg)
{
    client *c = arg;
    char target[64];
    (void)snprintf(target, sizeof target, "/sandboxes/%s", c->id);
    DM_AUTO_SAID said = dm_rig_ask(&rig, "DELETE", target, NULL);
    c->status = said.status;
    return NULL;
}

static void all(client *clients, size_t n, void *(*fn)(void *arg))
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&clients[i].thread, NULL, fn, &clients[i]), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
}

static size_t with_status(const client *clients, int status)
{
    size_t n = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        n += clients[i].status == status;
    return n;
}

/* Both rows count the same, in all that they count. */
static void counted(int64_t n)
{
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.quota_use WHERE project_no = 0 OR project_no ="
                                         " (SELECT project_no FROM dm.project WHERE slug = 'demo')"),
            2);
    assert_int_equal(dm_rig_number(&rig, "SELECT min(running) FROM dm.quota_use"), n);
    assert_int_equal(dm_rig_number(&rig, "SELECT max(running) FROM dm.quota_use"), n);
    assert_int_equal(dm_rig_number(&rig, "SELECT sum(vcpus * 100000 + mem_mib) FROM dm.quota_use"), 2 * n * 100256);
}

static void limit(const char *name, int64_t value)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
            " SELECT account_no, project_no, '%s', %lld FROM dm.project WHERE slug = 'demo'",
            name, (long long)value);
    dm_rig_sql(&rig, sql);
}

/* How many of those that ran were made, and that all is as it was when they are gone. */
static void run(size_t want)
{
    static client clients[CLIENTS];
    client *made[CLIENTS];
    client killed[CLIENTS];
    size_t n = 0;
    memset(clients, 0, sizeof clients);
    all(clients, CLIENTS, create);
    for (size_t i = 0; i < CLIENTS; i++)
        if (clients[i].status == 201)
            made[n++] = &clients[i];
    assert_int_equal(n, want);
    counted((int64_t)n);
    for (size_t i = 0; i < n; i++)
        killed[i] = *made[i];
    all(killed, n, kill_one);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(killed[i].status, 204);
    counted(0);
    assert_int_equal(with_status(clients, 201) + with_status(clients, 429) + with_status(clients, 500), CLIENTS);
}

static void as_many_as_the_limit_and_no_more(void **state)
{
    (void)state;
    limit("running_max", LIMIT);
    run(LIMIT);
}

static void as_many_as_their_memory_allows(void **state)
{
    (void)state;
    limit("mem_mib_total_max", LIMIT * 256 + 255);
    run(LIMIT);
}

/* What a worker refuses is given back, and another may have it. Not how many got it, for that is who came when: that
 * none is lost. */
static void what_is_refused_is_given_back_once(void **state)
{
    (void)state;
    static client clients[CLIENTS];
    limit("running_max", LIMIT);
    dm_fakeworker_refuse(rig.worker, "start", 500, REFUSED);
    memset(clients, 0, sizeof clients);
    all(clients, CLIENTS, create);
    assert_int_equal(with_status(clients, 500), REFUSED);
    counted((int64_t)with_status(clients, 201));
    assert_true(with_status(clients, 201) <= LIMIT);
    for (size_t i = 0; i < CLIENTS; i++)
        if (clients[i].status == 201) {
            (void)kill_one(&clients[i]);
            assert_int_equal(clients[i].status, 204);
        }
    run(LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(as_many_as_the_limit_and_no_more, &rig),
            DM_RIG_TEST(as_many_as_their_memory_allows, &rig), DM_RIG_TEST(what_is_refused_is_given_back_once, &rig)};
    dm_rig_start(&rig, 64);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
