/* A project that is removed: asked for, asleep, taken back or ended, and closed; each step may be done again, and none
 * is passed over. */
/* Covers api/life/removal.c, tenants/sandbox/sql_removal.c. */
#include <pthread.h>
#include <stdio.h>

#include "api/life/dispatch.h"
#include "api/life/hold.h"
#include "api/life/removal.h"
#include "api/life/sweep.h"
#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static const char demo[] = "/v1/projects/demo";
static const char yes[] = "{\"confirm\":\"demo\"}";

static dm_tenantrig_person person(const char *email, const char *role, bool whole_account)
{
    return dm_tenantrig_add_person(&rig.tenants, email, role, whole_account);
}

static void refused_by(const dm_tenantrig_person *who, const char *method, const char *path, const char *body,
        int status, const char *rule)
{
    DM_AUTO_SAID said =
            who != NULL ? dm_rig_as_person(&rig, who, method, path, body) : dm_rig_call(&rig, method, path, body);
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s %s: %d, not %d %s: %s", method, path, said.status, status, rule, said.text);
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, path, body);
    if (said.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, path, said.status, status, said.text);
}

static int64_t number(const char *sql)
{
    return dm_rig_number(&rig, sql);
}

static void sleep_all(unsigned want)
{
    unsigned slept = 0;
    dm_err err = {0};
    if (dm_hold_carry_out(&rig.api, &slept, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(slept, want);
}

static void carry_out(unsigned want_ended, unsigned want_closed)
{
    unsigned ended = 0, closed = 0;
    dm_err err = {0};
    if (dm_removal_carry_out(&rig.api, &ended, &closed, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(ended, want_ended);
    assert_int_equal(closed, want_closed);
}

static void sweep(unsigned want)
{
    unsigned done = 0;
    dm_err err = {0};
    if (dm_sweep(&rig.api, rig.api.dispatch, &done, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(done, want);
}

static void notice_is_over(void)
{
    dm_rig_sql(&rig, "UPDATE dm.project SET removal_ends = now() - interval '1 s' WHERE slug = 'demo'");
}

static void its_owner_asks_once(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), adm = person("adm@m.test", "admin", true);
    (void)person("only@m.test", "admin", false);
    (void)person("dev@m.test", "developer", true);
    expect(&adm, "DELETE", demo, yes, 403);
    refused_by(&own, "DELETE", demo, "{\"confirm\":\"dem\"}", 400, "project.confirm");
    expect(&own, "DELETE", demo, "{}", 400);
    DM_AUTO_SAID before = dm_rig_as_person(&rig, &own, "GET", demo, NULL);
    assert_true(json_is_null(json_object_get(before.body, "removal")));
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &own, "DELETE", demo, yes);
    assert_int_equal(said.status, 202);
    const json_t *removal = json_object_get(said.body, "removal");
    assert_string_equal(dm_json_c(removal, "asked_by"), own.who);
    assert_true(dm_tenantrig_audited(
            &rig.tenants, rig.tenants.demo.project.owner, own.who, "project.remove", "project:demo"));
    assert_int_equal(number("SELECT count(*) FROM dm.project WHERE removal_ends = removal_at + interval '168 h'"), 1);
    /* To owners and admins, and to each of them once. */
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE cause LIKE 'removal:%'"), 3);
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE recipient = 'dev@m.test'"), 0);
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    DM_AUTO_SAID again = dm_rig_as_person(&rig, &own, "DELETE", demo, "{\"confirm\":\"Demo\"}"); /* or by its name */
    assert_int_equal(again.status, 202);
    assert_string_equal(dm_json_c(json_object_get(again.body, "removal"), "ends_at"), dm_json_c(removal, "ends_at"));
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE cause LIKE 'removal:%'"), 3);
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits);
}

/* From the answer on nothing is made or woken; what ran sleeps, whatever the limit on sleepers says. */
static void nothing_of_it_runs(void **state)
{
    (void)state;
    char ids[2][32], path[96];
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'asleep_disk_mib_max', 1 FROM dm.project WHERE slug = 'demo'");
    for (size_t i = 0; i < 2; i++)
        dm_rig_create(&rig, "", ids[i]);
    expect(&own, "DELETE", demo, yes, 202);
    refused_by(NULL, "POST", "/sandboxes", "{\"templateID\":\"base\"}", 403, "project.removing");
    refused_by(&own, "POST", "/v1/projects/demo/keys", "{\"name\":\"x\"}", 403, "project.removing");
    sleep_all(2);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause = 'paused'"), 2);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox_event WHERE who = 'policy:removal'"), 4);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", ids[0]);
    refused_by(NULL, "POST", path, "{\"timeout\":60}", 403, "project.removing");
    carry_out(0, 0); /* its notice lasts */
    (void)snprintf(path, sizeof path, "/sandboxes/%s", ids[0]);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", path, NULL);
    assert_int_equal(killed.status, 204);
}

static void is_taken_back(void **state)
{
    (void)state;
    char id[32], path[96];
    static const char restore[] = "/v1/projects/demo/restore";
    dm_tenantrig_person own = person("own@m.test", "owner", true), dev = person("dev@m.test", "developer", true);
    dm_tenantrig_person adm = person("adm@m.test", "admin", false);
    dm_rig_create(&rig, "", id);
    expect(&own, "POST", restore, NULL, 200); /* nothing is to be taken back, and nothing is said of it */
    expect(&own, "DELETE", demo, yes, 202);
    sleep_all(1);
    expect(&dev, "POST", restore, NULL, 403);
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &adm, "POST", restore, NULL);
    assert_int_equal(said.status, 200);
    assert_true(json_is_null(json_object_get(said.body, "removal")));
    assert_true(dm_tenantrig_audited(
            &rig.tenants, rig.tenants.demo.project.owner, adm.who, "project.restore", "project:demo"));
    assert_int_equal(number("SELECT count(*) FROM dm.hold"), 0);
    sleep_all(0);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    DM_AUTO_SAID woken = dm_rig_call(&rig, "POST", path, "{\"timeout\":60}");
    assert_int_equal(woken.status, 201);
    /* Asked for anew it is another removal, with letters of its own. */
    expect(&own, "DELETE", demo, yes, 202);
    assert_int_equal(number("SELECT count(*) FROM dm.mail WHERE recipient = 'own@m.test'"), 2);
}

/* The order of the end: sandboxes, then keys and members; money and the audit stay. Each step is tried twice. */
static void is_ended_when_the_notice_is_over(void **state)
{
    (void)state;
    enum { N = 3 };
    char ids[N][32];
    dm_tenantrig_person own = person("own@m.test", "owner", true), only = person("only@m.test", "developer", false);
    for (size_t i = 0; i < N; i++)
        dm_rig_create(&rig, "", ids[i]);
    expect(&own, "POST", "/v1/projects/demo/invitations", "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 201);
    expect(&own, "DELETE", demo, yes, 202);
    sleep_all(N);
    assert_true(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0") > 0);
    notice_is_over();
    refused_by(&own, "POST", "/v1/projects/demo/restore", NULL, 409, "project.removed");
    carry_out(N, 0);
    assert_int_equal(
            number("SELECT count(*) FROM dm.sandbox WHERE state = 'ending' AND cause = 'retention_expired'"), N);
    assert_int_equal(number("SELECT asleep_mib FROM dm.quota_use WHERE project_no <> 0"), 0);
    expect(&only, "GET", demo, NULL, 200); /* until it is closed it is there */
    sweep(N);
    assert_int_equal(
            number("SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'retention_expired'"), N);
    assert_string_equal(dm_fakeworker_state(rig.worker, ids[0], NULL, NULL), ""); /* it has let go of it */
    carry_out(0, 1);
    carry_out(0, 0);
    assert_int_equal(number("SELECT asleep_mib + running FROM dm.quota_use WHERE project_no <> 0"), 0);
    DM_AUTO_SAID key = dm_rig_call(&rig, "GET", "/sandboxes", NULL);
    assert_int_equal(key.status, 401);
    expect(&own, "GET", demo, NULL, 404);
    expect(&only, "GET", demo, NULL, 404);
    DM_AUTO_SAID me = dm_rig_as_person(&rig, &own, "GET", "/v1/me", NULL);
    assert_int_equal(json_array_size(json_object_get(me.body, "projects")), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.member WHERE project_no <> 0"), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.invitation WHERE withdrawn_at IS NULL"), 0);
    assert_int_equal(
            number("SELECT count(*) FROM dm.audit WHERE verb = 'project.removed' AND who = 'policy:removal'"), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.project WHERE slug = 'demo' AND removed_at IS NOT NULL"), 1);
    assert_int_equal(number("SELECT dm.projects_in(account_no) FROM dm.project WHERE slug = 'demo'"), 0);
}

/* What could not be put to sleep in all that time ends all the same; what nobody can end yet holds up no other. */
static void what_ran_on_ends(void **state)
{
    (void)state;
    char ids[2][32];
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    for (size_t i = 0; i < 2; i++)
        dm_rig_create(&rig, "", ids[i]);
    expect(&own, "DELETE", demo, yes, 202);
    notice_is_over();
    carry_out(2, 0);
    assert_int_equal(number("SELECT running FROM dm.quota_use WHERE project_no <> 0"), 0);
    carry_out(0, 1); /* no door opens to what is ending: the project is closed, and the sweep ends the rest */
    sweep(2);
    assert_int_equal(number("SELECT count(*) FROM dm.sandbox WHERE state = 'ended'"), 2);
}

typedef struct taker {
    dm_rig_in in;
    int status;
} taker;

static void *take_back(void *arg)
{
    taker *t = arg;
    DM_AUTO_SAID said = dm_rig_call_in(&rig, &t->in, "POST", "/v1/projects/demo/restore", NULL);
    t->status = said.status;
    return NULL;
}

static void *carry(void *arg)
{
    unsigned *ended = arg, closed;
    dm_err err = {0};
    return dm_removal_carry_out(&rig.api, ended, &closed, &err) < 0 ? arg : NULL;
}

/* Taken back and carried out in the same moment: it is whole, or it is gone. */
static void back_or_gone(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        char id[32];
        unsigned ended = 0;
        pthread_t threads[2];
        dm_tenantrig_person own = person("own@m.test", "owner", true);
        taker t = {.in = dm_rig_person(&rig, "own@m.test", "", true)};
        dm_rig_create(&rig, "", id);
        expect(&own, "DELETE", demo, yes, 202);
        dm_rig_sql(
                &rig, "UPDATE dm.project SET removal_ends = clock_timestamp() + interval '5 ms' WHERE slug = 'demo'");
        assert_int_equal(pthread_create(&threads[0], NULL, take_back, &t), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, carry, &ended), 0);
        for (size_t i = 0; i < 2; i++)
            (void)pthread_join(threads[i], NULL);
        assert_true(t.status == 200 || t.status == 409);
        assert_true(t.status == 409 || ended == 0);
        assert_int_equal(number("SELECT count(*) FROM dm.project WHERE removal_at IS NOT NULL AND slug = 'demo'"),
                t.status == 409);
        (void)dm_rig_after((void *[]){&rig});
    }
}

/* What a project offers to all is everybody's: `base` is the demo project's, and goes on when that is gone. */
static void what_it_offers_stays(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_other(&rig);
    expect(&own, "DELETE", demo, yes, 202);
    notice_is_over();
    carry_out(0, 1);
    assert_int_equal(number("SELECT count(*) FROM dm.project WHERE slug = 'demo' AND removed_at IS NOT NULL"), 1);
    static const char *const names[] = {"{\"templateID\":\"base\"}", "{\"templateID\":\"demo/base\"}"};
    for (size_t i = 0; i < DM_LEN(names); i++) {
        DM_AUTO_SAID said = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v2/sandboxes", names[i], NULL, 0);
        if (said.status != 201)
            fail_msg("%d %s", said.status, said.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(its_owner_asks_once, &rig), DM_RIG_TEST(nothing_of_it_runs, &rig),
            DM_RIG_TEST(is_taken_back, &rig), DM_RIG_TEST(is_ended_when_the_notice_is_over, &rig),
            DM_RIG_TEST(what_ran_on_ends, &rig), DM_RIG_TEST(back_or_gone, &rig),
            DM_RIG_TEST(what_it_offers_stays, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
