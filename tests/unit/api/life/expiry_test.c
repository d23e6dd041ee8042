/* How long one may sleep: noticed, woken, told of once, ended once; no limit, no end; and nothing without its notice.
 */
/* Covers api/life/expiry.c, tenants/sandbox/sql_expiry.c, tenants/who/sql_keepers.c. */
#include <pthread.h>
#include <stdio.h>

#include "api/life/dispatch.h"
#include "api/life/expiry.h"
#include "api/life/sweep.h"
#include "tenants/sandbox/expiry.h"
#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { NOTICE_H = 72, IDS = 32 };

static int64_t number(const char *sql)
{
    return dm_rig_number(&rig, sql);
}

static void limit_is(int days)
{
    char sql[320];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.project_limit (account_no, project_no, name, value) SELECT account_no, project_no,"
            " 'asleep_days_max', %d FROM dm.project WHERE slug = 'demo'"
            " ON CONFLICT (account_no, project_no, name) DO UPDATE SET value = excluded.value",
            days);
    dm_rig_sql(&rig, sql);
}

/* One that has slept for so many hours. */
static void sleeper(int hours, char id[IDS])
{
    char path[96], sql[256];
    dm_rig_create(&rig, "", id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(said.status, 204);
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.sandbox SET paused_at = now() - interval '%d h' WHERE state = 'paused' AND paused_at ="
            " (SELECT max(paused_at) FROM dm.sandbox WHERE state = 'paused')",
            hours);
    dm_rig_sql(&rig, sql);
}

static void wake(const char *id)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, "{\"timeout\":60}");
    assert_int_equal(said.status, 201);
}

static void carry_out(unsigned noticed, unsigned ended)
{
    int64_t after = 0;
    dm_expiry_done done;
    dm_err err = {0};
    if (dm_expiry_carry_out(&rig.api, &after, &done, &err) < 0)
        fail_msg("%s", err.msg);
    if (done.noticed != noticed || done.ended != ended)
        fail_msg("%u noticed, %u ended; not %u, %u", done.noticed, done.ended, noticed, ended);
}

/* As if all that was done had been done so many hours ago. */
static void hours_pass(int hours)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.sandbox SET paused_at = paused_at - interval '%d h';"
            "UPDATE dm.expiry SET noticed_at = noticed_at - interval '%d h', expires_at = expires_at - interval '%d h';"
            "UPDATE dm.expiry_day SET noticed_on = ((noticed_on + interval '12 h') - interval '%d h')::date",
            hours, hours, hours, hours);
    dm_rig_sql(&rig, sql);
}

static const char notices[] = "SELECT count(*) FROM dm.expiry";
static const char letters[] = "SELECT count(*) FROM dm.mail WHERE cause LIKE 'retention:%'";
static const char ending[] = "SELECT count(*) FROM dm.sandbox WHERE state = 'ending' AND cause = 'retention_expired'";

/* What its line says: "" for null. */
static void shown(const char *id, char out[40])
{
    char path[96], email[48];
    (void)snprintf(email, sizeof email, "v%lld@m.test", (long long)number("SELECT count(*) FROM dm.person"));
    dm_tenantrig_person dev = dm_tenantrig_add_person(&rig.tenants, email, "viewer", true);
    (void)snprintf(path, sizeof path, "/v1/projects/demo/sandboxes/%s", id);
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &dev, "GET", path, NULL);
    assert_int_equal(said.status, 200);
    const json_t *at = json_object_get(said.body, "expires_at");
    assert_true(json_is_null(at) || json_is_string(at));
    (void)snprintf(out, 40, "%s", json_is_string(at) ? json_string_value(at) : "");
    DM_AUTO_SAID e2b = dm_rig_call(&rig, "GET", "/v2/sandboxes?state=paused,running", NULL);
    assert_int_equal(e2b.status, 200);
    assert_null(strstr(e2b.text, "expires_at"));
}

static void its_people_are_told(void **state)
{
    (void)state;
    char near[IDS], far[IDS], at[40];
    (void)dm_tenantrig_add_person(&rig.tenants, "own@m.test", "owner", true);
    (void)dm_tenantrig_add_person(&rig.tenants, "adm@m.test", "admin", false);
    (void)dm_tenantrig_add_person(&rig.tenants, "dev@m.test", "developer", true);
    limit_is(30);
    sleeper(30 * 24 - NOTICE_H, near);
    sleeper(20 * 24, far);
    carry_out(1, 0);
    assert_int_equal(number(letters), 2);
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE recipient = 'dev@m.test'"), 0);
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.mail WHERE strpos(body, '%s') > 0 AND strpos(body, '1 in all') > 0", near);
    assert_int_equal(number(sql), 2);
    assert_int_equal(number("SELECT count(*) FROM dm.expiry WHERE expires_at >= noticed_at + interval '72 h'"), 1);
    shown(near, at);
    assert_string_not_equal(at, "");
    shown(far, at);
    assert_string_equal(at, "");
    carry_out(0, 0); /* once */
    assert_int_equal(number(letters), 2);
}

static void ends_after_its_notice(void **state)
{
    (void)state;
    char id[IDS];
    unsigned done = 0;
    dm_err err = {0};
    limit_is(30);
    sleeper(29 * 24, id);
    assert_true(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0") > 0);
    carry_out(1, 0);
    hours_pass(NOTICE_H - 1);
    carry_out(0, 0);
    hours_pass(2);
    carry_out(0, 1);
    carry_out(0, 0);
    assert_int_equal(number(ending), 1);
    assert_int_equal(number(notices), 0);
    assert_int_equal(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0"), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox JOIN dm.sandbox_event e USING (sandbox_id) WHERE e.who = "
                            "'policy:retention'"),
            1);
    assert_int_equal(dm_sweep(&rig.api, rig.api.dispatch, &done, &err), 0);
    assert_int_equal(
            number("SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'retention_expired'"), 1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    assert_int_equal(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0"), 0);
}

/* Whoever wakes it need know nothing of the notice, and the next sleep has days of its own. */
static void a_wake_voids_it(void **state)
{
    (void)state;
    char id[IDS], at[40], path[96];
    limit_is(30);
    sleeper(30 * 24, id);
    carry_out(1, 0);
    wake(id);
    shown(id, at);
    assert_string_equal(at, "");
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, NULL);
    assert_int_equal(said.status, 204);
    shown(id, at);
    assert_string_equal(at, "");
    dm_rig_sql(&rig, "UPDATE dm.expiry SET noticed_at = now() - interval '80 h', expires_at = now() - interval '1 h'");
    carry_out(0, 0); /* due, of a sleep that is over: it is swept away and ends nothing */
    assert_int_equal(number(notices), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox WHERE state = 'paused'"), 1);
    /* And one whose notice lay there when it was noticed again. */
    dm_rig_sql(&rig,
            "DELETE FROM dm.expiry_day; UPDATE dm.sandbox SET paused_at = now() - interval '31 d';"
            "INSERT INTO dm.expiry SELECT account_no, project_no, sandbox_id, epoch - 1, now() - interval '1 h',"
            " now() + interval '1 h' FROM dm.sandbox");
    carry_out(1, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.expiry e JOIN dm.sandbox s USING (sandbox_id, epoch)"
                            " WHERE e.expires_at >= now() + interval '71 h'"),
            1);
}

static void a_raised_limit_voids_it(void **state)
{
    (void)state;
    char id[IDS], at[40];
    limit_is(30);
    sleeper(30 * 24, id);
    carry_out(1, 0);
    limit_is(90);
    carry_out(0, 0);
    assert_int_equal(number(notices), 0);
    shown(id, at);
    assert_string_equal(at, "");
    /* Raised in the moment before the end, too. */
    limit_is(30);
    dm_rig_sql(&rig, "DELETE FROM dm.expiry_day");
    carry_out(1, 0);
    hours_pass(NOTICE_H + 1);
    limit_is(90);
    carry_out(0, 0);
    assert_int_equal(number(ending), 0);
    assert_int_equal(number(notices), 0);
}

/* Lowered today, it gives the full notice; lowered after the notice, it brings nothing forward. */
static void a_lowered_limit_gives_its_notice(void **state)
{
    (void)state;
    char id[IDS];
    limit_is(30);
    sleeper(20 * 24, id);
    carry_out(0, 0);
    limit_is(1);
    carry_out(1, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.expiry WHERE expires_at = noticed_at + interval '72 h'"), 1);
    limit_is(0);
    hours_pass(NOTICE_H - 1);
    carry_out(0, 0);
    assert_int_equal(number(ending), 0);
    hours_pass(2);
    /* A notice that was made longer meanwhile is longer for all: this one was too short, and is given again. */
    rig.config.retention_notice_h = 2 * NOTICE_H;
    carry_out(1, 0);
    rig.config.retention_notice_h = NOTICE_H;
    assert_int_equal(number(ending), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.expiry WHERE expires_at = noticed_at + interval '144 h'"), 1);
}

static void without_a_limit_nothing_ends(void **state)
{
    (void)state;
    char id[IDS];
    sleeper(5000 * 24, id);
    carry_out(0, 0);
    assert_int_equal(number(notices), 0);
    /* The account's binds, until it ends by itself; the project's own wins. */
    dm_rig_sql(&rig, "INSERT INTO dm.account_limit (account_no, name, value, until) SELECT account_no,"
                     " 'asleep_days_max', 30, now() - interval '1 s' FROM dm.project WHERE slug = 'demo'");
    carry_out(0, 0);
    dm_rig_sql(&rig, "UPDATE dm.account_limit SET until = NULL");
    limit_is(INT32_MAX);
    carry_out(0, 0);
    dm_rig_sql(&rig, "DELETE FROM dm.project_limit");
    carry_out(1, 0);
}

/* Whose project is held could wake nothing: no notice, and a notice from before is none. */
static void what_cannot_be_woken_is_kept(void **state)
{
    (void)state;
    char id[IDS];
    limit_is(30);
    sleeper(40 * 24, id);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'x'");
    carry_out(0, 0);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = NULL");
    carry_out(1, 0);
    hours_pass(NOTICE_H + 1);
    dm_rig_sql(&rig, "INSERT INTO dm.hold (account_no, cause, set_by) SELECT account_no, 'suspended_unpaid', 'x'"
                     " FROM dm.project WHERE slug = 'demo'");
    carry_out(0, 0);
    assert_int_equal(number(ending), 0);
    assert_int_equal(number(notices), 0);
    dm_rig_sql(&rig, "DELETE FROM dm.hold");
    carry_out(1, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.expiry WHERE expires_at > now() + interval '71 h'"), 1);
}

/* All that is noticed stands in a letter: what comes due after the day's letter waits for the next day's. */
static void no_notice_without_a_letter(void **state)
{
    (void)state;
    char ids[12][IDS], late[IDS];
    (void)dm_tenantrig_add_person(&rig.tenants, "own@m.test", "owner", true);
    limit_is(30);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value) SELECT account_no, project_no,"
                     " 'create_rate', 1000 FROM dm.project WHERE slug = 'demo'");
    for (size_t i = 0; i < DM_LEN(ids); i++)
        sleeper(31 * 24 + (int)i, ids[i]);
    carry_out(12, 0);
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE strpos(body, '12 in all') > 0 AND"
                            " strpos(body, 'and 2 more') > 0"),
            1);
    sleeper(31 * 24, late);
    carry_out(0, 0);
    assert_int_equal(number(letters), 1);
    hours_pass(24);
    dm_rig_sql(&rig, "UPDATE dm.mail SET cause = replace(cause, 'retention:', 'retention:old:')"); /* of that day */
    carry_out(1, 0);
    assert_int_equal(number(letters), 2);
}

typedef struct replica {
    pthread_t thread;
    dm_expiry_done done;
    int r;
} replica;

static void *turn(void *arg)
{
    replica *o = arg;
    int64_t after = 0;
    dm_err err = {0};
    o->r = dm_expiry_carry_out(&rig.api, &after, &o->done, &err);
    return NULL;
}

static void both(unsigned noticed, unsigned ended)
{
    replica two[2] = {{.r = 0}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&two[i].thread, NULL, turn, &two[i]), 0);
    for (size_t i = 0; i < 2; i++)
        (void)pthread_join(two[i].thread, NULL);
    assert_true(two[0].r == 0 && two[1].r == 0);
    assert_int_equal(two[0].done.noticed + two[1].done.noticed, noticed);
    assert_int_equal(two[0].done.ended + two[1].done.ended, ended);
}

static void two_replicas_do_it_once(void **state)
{
    (void)state;
    enum { N = 3 };
    char ids[N][IDS];
    (void)dm_tenantrig_add_person(&rig.tenants, "own@m.test", "owner", true);
    limit_is(30);
    for (size_t i = 0; i < N; i++)
        sleeper(31 * 24, ids[i]);
    both(N, 0);
    assert_int_equal(number(letters), 1);
    hours_pass(NOTICE_H + 1);
    both(0, N);
    assert_int_equal(number(ending), N);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox JOIN dm.sandbox_event e USING (sandbox_id) WHERE e.who = "
                            "'policy:retention'"),
            N);
    assert_int_equal(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0"), 0);
}

typedef struct waker {
    char id[IDS];
    int status;
} waker;

static void *connect_to(void *arg)
{
    waker *w = arg;
    char path[96];
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", w->id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, "{\"timeout\":60}");
    w->status = said.status;
    return NULL;
}

/* In the same moment: it is awake, or it is gone. */
static void woken_or_gone(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        waker w = {.status = 0};
        replica other = {.r = 0};
        pthread_t thread;
        limit_is(30);
        sleeper(31 * 24, w.id);
        carry_out(1, 0);
        hours_pass(NOTICE_H + 1);
        assert_int_equal(pthread_create(&thread, NULL, connect_to, &w), 0);
        assert_int_equal(pthread_create(&other.thread, NULL, turn, &other), 0);
        (void)pthread_join(thread, NULL);
        (void)pthread_join(other.thread, NULL);
        assert_int_equal(other.r, 0);
        assert_int_equal(other.done.ended, w.status != 201);
        assert_int_equal(number("SELECT count(*) FROM dm.sandbox WHERE state = 'running'"), w.status == 201);
        assert_int_equal(number(ending), w.status != 201);
        (void)dm_rig_after((void *[]){&rig});
    }
}

typedef struct cut_off {
    dm_owner owner;
    dm_expiry_due due;
    bool give;
} cut_off;

/* Does the whole step, and dies before the commit. */
static int dies(dm_pg *c, void *arg, dm_err *err)
{
    cut_off *k = arg;
    dm_expiry_told told;
    bool ended;
    int r = k->give ? dm_expiry_notice(c, k->owner, NOTICE_H * 3600, &told, err)
                    : dm_expiry_end_one(c, &k->due, NOTICE_H * 3600, dm_wall_us(rig.api.clock), &ended, err);
    return r < 0 ? r : 17;
}

static int first_due(dm_pg *c, void *arg, dm_err *err)
{
    cut_off *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_expiries_due(c, &rows, err);
    return r < 0 ? r : dm_expiry_due_read(rows, 0, &k->due, err);
}

static void whoever_dies_leaves_nothing_half_done(void **state)
{
    (void)state;
    char id[IDS];
    dm_err err = {0};
    cut_off k = {.owner = rig.tenants.demo.project.owner, .give = true};
    (void)dm_tenantrig_add_person(&rig.tenants, "own@m.test", "owner", true);
    limit_is(30);
    sleeper(31 * 24, id);
    assert_int_equal(dm_api_tx_ops_of(&rig.api, k.owner, dies, &k, &err), 17);
    assert_int_equal(number(notices) + number(letters) + number("SELECT count(*) FROM dm.expiry_day"), 0);
    carry_out(1, 0);
    assert_int_equal(number(letters), 1);
    hours_pass(NOTICE_H + 1);
    assert_int_equal(dm_api_tx_ops(&rig.api, first_due, &k, &err), 0);
    k.give = false;
    assert_int_equal(dm_api_tx_ops(&rig.api, dies, &k, &err), 17);
    assert_int_equal(number(notices), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox WHERE state = 'paused'"), 1);
    carry_out(0, 1);
    assert_int_equal(number(ending), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(its_people_are_told, &rig), DM_RIG_TEST(ends_after_its_notice, &rig),
            DM_RIG_TEST(a_wake_voids_it, &rig), DM_RIG_TEST(a_raised_limit_voids_it, &rig),
            DM_RIG_TEST(a_lowered_limit_gives_its_notice, &rig), DM_RIG_TEST(without_a_limit_nothing_ends, &rig),
            DM_RIG_TEST(what_cannot_be_woken_is_kept, &rig), DM_RIG_TEST(no_notice_without_a_letter, &rig),
            DM_RIG_TEST(two_replicas_do_it_once, &rig), DM_RIG_TEST(woken_or_gone, &rig),
            DM_RIG_TEST(whoever_dies_leaves_nothing_half_done, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
