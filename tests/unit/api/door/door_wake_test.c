/* Covers api/door/door.c, api/life/wake.c: what one wake by traffic costs the database, and what it leads to. */
#include <stdio.h>

#include "base/file.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { WAKE_MOST = 3, LOG_MAX = 64 << 20 };

/* PostgreSQL writes down each statement of dm_api before it carries it out, and each transaction says whose it is. */
static unsigned transactions(void)
{
    static const char begin[] = ": SELECT set_config('dm.account_no'";
    char path[160];
    unsigned n = 0;
    dm_err err = {0};
    DM_AUTO_BUF log;
    dm_buf_init(&log, LOG_MAX);
    (void)snprintf(path, sizeof path, "%s/postgres.log", dm_pgtest_dir(rig.tenants.pg));
    if (dm_file_read(path, &log, &err) < 0)
        fail_msg("%s", err.msg);
    for (const char *at = log.p; (at = memmem(at, (size_t)(log.p + log.len - at), begin, sizeof begin - 1)) != NULL;
            at += sizeof begin - 1)
        n++;
    return n;
}

typedef struct sleeper {
    char id[32], token[80];
} sleeper;

static void pause_it(const char *id)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(paused.status, 204);
}

static sleeper make(void)
{
    sleeper s;
    DM_AUTO_SAID made = dm_rig_call(&rig, "POST", "/v2/sandboxes",
            "{\"templateID\":\"base\",\"autoPause\":true,\"autoResume\":{\"enabled\":true}}");
    assert_int_equal(made.status, 201);
    (void)snprintf(s.id, sizeof s.id, "%s", dm_said_str(&made, "sandboxID"));
    (void)snprintf(s.token, sizeof s.token, "%s", dm_said_str(&made, "envdAccessToken"));
    pause_it(s.id);
    return s;
}

static dm_said knock(const char *id, const char *link)
{
    const dm_pair named[] = {{DM_STR("X-Dm-Sid"), dm_str_c(id)}, {DM_STR("X-Dm-Port"), DM_STR("8080")},
            {DM_STR("X-Dm-Uri"), DM_STR("/")}, {DM_STR("X-Dm-Method"), DM_STR("GET")},
            {DM_STR("X-Dm-Host"), DM_STR("a.test")}};
    const dm_pair bare[] = {{DM_STR("X-Dm-Bare"), DM_STR("1")}, {DM_STR("X-Dm-Uri"), dm_str_c(link)},
            {DM_STR("X-Dm-Method"), DM_STR("GET")}, {DM_STR("X-Dm-Host"), DM_STR("a.test")}};
    return link != NULL ? dm_rig_call_as(&rig, "", "GET", "/door", NULL, bare, DM_LEN(bare))
                        : dm_rig_call_as(&rig, "", "GET", "/door", NULL, named, DM_LEN(named));
}

static void leads_to(const dm_said *said, const char *id, int64_t epoch, const char *port)
{
    char route[128];
    (void)snprintf(route, sizeof route, "%s/%lld/10.77.0.2/%s", id, (long long)epoch, port);
    if (dm_said_header(said, "X-Dm-Path") == NULL)
        fail_msg("refused: %s", dm_said_header(said, "X-Dm-Reason"));
    assert_string_equal(dm_said_header(said, "X-Dm-Kind"), "pass");
    assert_string_equal(dm_said_header(said, "X-Dm-Path"), route);
    assert_string_equal(dm_said_header(said, "X-Dm-Up"), "w1");
    assert_string_equal(dm_said_header(said, "X-Dm-Host"), "a.test");
}

static void a_wake_is_three_transactions(void **state)
{
    (void)state;
    sleeper s = make();
    unsigned before = transactions();
    DM_AUTO_SAID woken = knock(s.id, NULL);
    unsigned after = transactions();
    leads_to(&woken, s.id, 2, "8080");
    if (after - before > WAKE_MOST)
        fail_msg("%u transactions", after - before);
    DM_AUTO_SAID awake = knock(s.id, NULL);
    assert_int_equal(transactions() - after, 1);
    leads_to(&awake, s.id, 2, "8080");
}

/* Whom a link is of is looked for once, and not again behind the hop. */
static void a_link_costs_no_more(void **state)
{
    (void)state;
    char link[512];
    sleeper s = make();
    dm_rig_sign("a", "read", s.token, "", link);
    DM_AUTO_SAID first = knock(NULL, link); /* its signer is known from now on */
    leads_to(&first, s.id, 2, "49983");
    pause_it(s.id);
    unsigned before = transactions();
    DM_AUTO_SAID woken = knock(NULL, link);
    unsigned after = transactions();
    leads_to(&woken, s.id, 3, "49983");
    if (after - before > WAKE_MOST)
        fail_msg("%u transactions", after - before);
}

static const char *reason(const char *id)
{
    static char word[32];
    DM_AUTO_SAID said = knock(id, NULL);
    const char *why = dm_said_header(&said, "X-Dm-Reason");
    (void)snprintf(word, sizeof word, "%s", why != NULL ? why : "pass");
    return word;
}

/* Each no of a wake keeps its reason, and leaves the sleeper asleep. */
static void every_no_has_its_reason(void **state)
{
    (void)state;
    sleeper s = make();
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 0 FROM dm.project");
    assert_string_equal(reason(s.id), "quota");
    dm_rig_sql(&rig, "DELETE FROM dm.project_limit; UPDATE dm.account SET blocked = 'x'");
    assert_string_equal(reason(s.id), "blocked");
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = NULL, banned = true");
    assert_string_equal(reason(s.id), "blocked");
    dm_rig_sql(&rig, "UPDATE dm.account SET banned = false");
    dm_fakeworker_refuse(rig.worker, "resume", 503, 1);
    assert_string_equal(reason(s.id), "away");
    dm_fakeworker_away(rig.worker, true);
    assert_string_equal(reason(s.id), "away");
    dm_fakeworker_away(rig.worker, false);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'pausing'"); /* in this rig nobody waits */
    assert_string_equal(reason(s.id), "stuck");
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'paused'");
    dm_fakeworker_refuse(rig.worker, "resume", 404, 1);
    assert_string_equal(reason(s.id), "not_found");
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(a_wake_is_three_transactions, &rig),
            DM_RIG_TEST(a_link_costs_no_more, &rig), DM_RIG_TEST(every_no_has_its_reason, &rig)};
    dm_rig_start(&rig, 0);
    dm_rig_sql(&rig, "ALTER ROLE dm_api SET log_statement = 'all'");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
