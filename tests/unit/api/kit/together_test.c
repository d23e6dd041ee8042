/* Creates of two projects that meet: each is counted where it belongs, whatever becomes of its neighbours. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "api/kit/together.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

enum { EACH = 30, LIMIT = 11, PROJECTS = 2 };
enum { NOW_US = 1000000 };

static dm_rig rig;
static const char *const slugs[PROJECTS] = {"demo", "other"};

typedef struct client {
    pthread_t thread;
    dm_sandbox s;
    dm_limits limits;
    dm_quota_over over;
    int r;
    dm_err err;
    atomic_bool done;
} client;

static client clients[PROJECTS][EACH];

static dm_owner owner_of(const char *slug)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT account_no FROM dm.project WHERE slug = '%s'", slug);
    int64_t account = dm_rig_number(&rig, sql);
    (void)snprintf(sql, sizeof sql, "SELECT project_no FROM dm.project WHERE slug = '%s'", slug);
    return (dm_owner){.account = {account}, .project = {dm_rig_number(&rig, sql)}};
}

static void prepare(client *c, dm_owner owner, unsigned no)
{
    static const dm_limit_totals most = {.running_max = LIMIT, .vcpus_total_max = 1000, .mem_mib_total_max = 100000};
    *c = (client){.limits = {.at_once = most, .account = most}};
    c->s = (dm_sandbox){.owner = owner,
            .id = {.b = {(uint8_t)owner.project.v, [15] = (uint8_t)no}},
            .region_no = 1,
            .key = {1},
            .template_id = DM_STR("base"),
            .build_id = DM_STR("00000000-0000-4000-8000-000000000001"),
            .asked_vcpus = 1,
            .asked_mem_mib = 256,
            .spec_table = 1,
            .spec = 1,
            .disk_mib = 1024,
            .metadata = DM_STR("{\"a \\\"quoted\\\" \\\\ name\":\"of, {two} words\"}"),
            .network = DM_STR("{}"),
            .allow_internet = -1,
            .timeout_s = 60,
            .created_us = NOW_US};
}

static void prepare_all(void)
{
    dm_rig_other(&rig);
    for (size_t p = 0; p < PROJECTS; p++) {
        dm_owner owner = owner_of(slugs[p]);
        for (unsigned i = 0; i < EACH; i++)
            prepare(&clients[p][i], owner, i);
    }
}

static void *add(void *arg)
{
    client *c = arg;
    const dm_sandbox_add_args args = {.limits = &c->limits, .who = "key:test", .lease_s = 3600, .over = &c->over};
    c->r = dm_together_add(rig.api.together, &c->s, &args, &c->err);
    atomic_store(&c->done, true);
    return NULL;
}

static void *begin(void *arg)
{
    client *c = arg;
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_STARTED,
            .who = "key:test",
            .at_us = NOW_US,
            .end_us = 2 * NOW_US,
            .address = DM_STR("10.0.0.1")};
    c->r = dm_together_started(rig.api.together, &c->s, &move, &c->err);
    return NULL;
}

static void go(client *c, void *(*fn)(void *arg))
{
    assert_int_equal(pthread_create(&c->thread, NULL, fn, c), 0);
}

static void come_back(client *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
}

static void all(void *(*fn)(void *arg))
{
    for (size_t i = 0; i < EACH; i++)
        for (size_t p = 0; p < PROJECTS; p++)
            go(&clients[p][i], fn);
    for (size_t i = 0; i < EACH; i++)
        for (size_t p = 0; p < PROJECTS; p++)
            come_back(&clients[p][i]);
}

static int64_t count(size_t p, const char *what)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.%s JOIN dm.project p USING (account_no, project_no)"
            " WHERE p.slug = '%s'",
            what, slugs[p]);
    return dm_rig_number(&rig, sql);
}

static int64_t charged(const char *of)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "SELECT coalesce(sum(q.running * 1000000 + q.vcpus * 100000 + q.mem_mib), 0)"
            " FROM dm.quota_use q WHERE q.project_no %s",
            of);
    return dm_rig_number(&rig, sql);
}

static void each_limit_is_met_exactly(void **state)
{
    enum { OF_ONE = 1000000 + 100000 + 256 };
    (void)state;
    prepare_all();
    all(add);
    for (size_t p = 0; p < PROJECTS; p++) {
        size_t n = 0;
        for (size_t i = 0; i < EACH; i++) {
            const client *c = &clients[p][i];
            n += c->r == 0;
            assert_true(c->r == 0 ? c->s.worker.v != 0 : c->r == DM_SANDBOX_OVER && c->over.current == LIMIT);
        }
        assert_int_equal(n, LIMIT);
        assert_int_equal(count(p, "sandbox"), LIMIT);
        assert_int_equal(count(p, "sandbox_event"), LIMIT);
        assert_int_equal(count(p, "sandbox_label"), LIMIT * (2 + 1 + 6)); /* template, key; a pair; its words */
    }
    assert_int_equal(charged("<> 0"), PROJECTS * LIMIT * OF_ONE);
    assert_int_equal(charged("= 0"), PROJECTS * LIMIT * OF_ONE);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE metadata ->> 'a \"quoted\" \\ name' ="
                                         " 'of, {two} words' AND state = 'starting'"),
            PROJECTS * LIMIT);
}

static void what_one_brings_is_his_alone(void **state)
{
    (void)state;
    prepare_all();
    for (size_t p = 0; p < PROJECTS; p++)
        for (size_t i = 0; i < EACH; i++)
            clients[p][i].limits.at_once.running_max = clients[p][i].limits.account.running_max = 1000;
    for (size_t i = 0; i < EACH; i += 3)
        clients[1][i].s.metadata = DM_STR("{");
    all(add);
    for (size_t p = 0; p < PROJECTS; p++)
        for (size_t i = 0; i < EACH; i++)
            assert_true(p == 1 && i % 3 == 0 ? clients[p][i].r < 0 : clients[p][i].r == 0);
    assert_int_equal(count(0, "sandbox"), EACH);
    assert_int_equal(count(1, "sandbox"), EACH - EACH / 3);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT sum(running) FROM dm.quota_use WHERE project_no <> 0"), 2 * EACH - EACH / 3);
}

static void who_has_no_place_is_charged_nothing(void **state)
{
    (void)state;
    prepare_all();
    for (size_t i = 0; i < EACH; i++)
        clients[0][i].s.region_no = 2;
    all(add);
    for (size_t i = 0; i < EACH; i++)
        assert_int_equal(clients[0][i].r, DM_SANDBOX_NO_PLACE);
    assert_int_equal(count(0, "sandbox"), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT coalesce(sum(q.running), 0) FROM dm.quota_use q JOIN dm.project p"
                                         " USING (account_no, project_no) WHERE p.slug = 'demo'"),
            0);
    assert_int_equal(count(1, "sandbox"), LIMIT);
}

static void rest(void)
{
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Somebody holds the row in which one project is counted. Its creates wait; the other's come and go. */
static void a_row_that_is_held_holds_up_its_own(void **state)
{
    char sql[256];
    dm_err err = {0};
    (void)state;
    prepare_all();
    for (size_t p = 0; p < PROJECTS; p++) {
        (void)add(&clients[p][0]);
        assert_int_equal(clients[p][0].r, 0);
    }
    dm_pg *holder = dm_tenantrig_open(&rig.tenants);
    (void)snprintf(sql, sizeof sql, "BEGIN; SELECT 1 FROM dm.quota_use WHERE project_no = %lld FOR UPDATE",
            (long long)owner_of("demo").project.v);
    assert_int_equal(dm_pg_script(holder, sql, &err), 0);
    for (size_t i = 1; i < 4; i++)
        go(&clients[0][i], add);
    for (size_t i = 1; i < 8; i++) {
        (void)add(&clients[1][i]);
        assert_int_equal(clients[1][i].r, 0);
    }
    for (int i = 0; i < 20; i++)
        rest();
    for (size_t i = 1; i < 4; i++)
        assert_false(atomic_load(&clients[0][i].done));
    assert_int_equal(dm_pg_script(holder, "ROLLBACK", &err), 0);
    dm_pg_close(holder);
    for (size_t i = 1; i < 4; i++) {
        come_back(&clients[0][i]);
        assert_int_equal(clients[0][i].r, 0);
    }
    assert_int_equal(count(0, "sandbox"), 4);
    assert_int_equal(count(1, "sandbox"), 8);
}

/* Of those that start, some were ended meanwhile: whoever asks is told, and the row stays as it is. */
static void one_that_has_moved_on_is_left(void **state)
{
    (void)state;
    prepare_all();
    all(add);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'ending' WHERE get_byte(sandbox_id, 15) % 2 = 1");
    size_t asked[2] = {0, 0};
    for (size_t p = 0; p < PROJECTS; p++)
        for (size_t i = 0; i < EACH; i++)
            if (clients[p][i].r == 0) {
                asked[i % 2]++;
                go(&clients[p][i], begin);
            } else {
                clients[p][i].thread = 0;
            }
    for (size_t p = 0; p < PROJECTS; p++)
        for (size_t i = 0; i < EACH; i++)
            if (clients[p][i].thread != 0) {
                come_back(&clients[p][i]);
                assert_int_equal(clients[p][i].r, i % 2 == 1 ? DM_SANDBOX_STALE : 0);
                assert_int_equal(clients[p][i].s.state, i % 2 == 1 ? DM_SANDBOX_STARTING : DM_SANDBOX_RUNNING);
            }
    assert_int_equal(asked[0] + asked[1], PROJECTS * LIMIT);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'running' AND address ="
                                         " '10.0.0.1' AND end_at IS NOT NULL"),
            asked[0]);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox_event WHERE from_state = 'starting' AND"
                                         " to_state = 'running' AND who = 'key:test'"),
            asked[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(each_limit_is_met_exactly, &rig),
            DM_RIG_TEST(what_one_brings_is_his_alone, &rig),
            DM_RIG_TEST(who_has_no_place_is_charged_nothing, &rig),
            DM_RIG_TEST(a_row_that_is_held_holds_up_its_own, &rig),
            DM_RIG_TEST(one_that_has_moved_on_is_left, &rig),
    };
    dm_rig_start(&rig, 4);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
