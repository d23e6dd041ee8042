/* Forks: rows, quota and orders of each child, and that nothing is left where one of them, or the checkpoint, is
 * refused, lost or not answered. */
/* Covers api/life/fork.c, api/e2b/fork.c, tenants/sandbox/sql_sandbox.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char parent[32];

static dm_said fork_of(const char *id, const char *body)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/sandboxes/%s/fork", id);
    return dm_rig_call(&rig, "POST", target, body);
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT coalesce(max(running), 0) FROM dm.quota_use");
}

static int64_t rows(const char *state)
{
    char sql[256];
    (void)snprintf(
            sql, sizeof sql, "SELECT count(*) FROM dm.sandbox WHERE parent_id IS NOT NULL AND state = '%s'", state);
    return dm_rig_number(&rig, sql);
}

static const json_t *entry(const dm_said *s, size_t i, const char *member)
{
    return json_object_get(json_array_get(s->body, i), member);
}

static const char *text(const json_t *o, const char *member)
{
    const char *s = json_string_value(json_object_get(o, member));
    return s != NULL ? s : "";
}

static void children_are_sandboxes_of_their_own(void **state)
{
    (void)state;
    char admitted[128];
    unsigned copies = dm_fakeworker_count(rig.worker, "copy");
    dm_rig_create(&rig, ",\"metadata\":{\"k\":\"v\"},\"envVars\":{\"A\":\"b\"},\"secure\":true", parent);
    DM_AUTO_SAID said = fork_of(parent, "{\"count\":3,\"timeout\":60}");
    if (said.status != 201)
        fail_msg("%d: %s", said.status, said.text);
    assert_int_equal(json_array_size(said.body), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *box = entry(&said, i, "sandbox");
        assert_non_null(box);
        assert_null(entry(&said, i, "error"));
        assert_string_not_equal(text(box, "sandboxID"), parent);
        assert_string_equal(text(box, "alias"), "base");
        assert_int_equal(strlen(text(box, "envdAccessToken")) > 16, 1);
        assert_string_equal(dm_fakeworker_state(rig.worker, text(box, "sandboxID"), NULL, NULL), "running");
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(text(box, "sandboxID"), text(entry(&said, k, "sandbox"), "sandboxID"));
            assert_string_not_equal(text(box, "envdAccessToken"), text(entry(&said, k, "sandbox"), "envdAccessToken"));
        }
    }
    assert_int_equal(running(), 4);
    assert_int_equal(rows("running"), 3);
    assert_int_equal(dm_rig_number(&rig,
                             "SELECT count(*) FROM dm.sandbox c JOIN dm.sandbox p ON p.sandbox_id = c.parent_id WHERE"
                             " c.metadata = p.metadata AND c.template_id = p.template_id AND c.spec = p.spec AND"
                             " c.worker_no = p.worker_no AND c.timeout_s = 60"),
            3);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox_event WHERE why LIKE 'asked to start as a "
                                         "fork of i%'"),
            3);
    assert_int_equal(dm_fakeworker_count(rig.worker, "copy") - copies, 1);
    dm_fakeworker_admitted(rig.worker, "checkpoint", admitted, sizeof admitted);
    assert_int_equal(strncmp(admitted, "\"cp-", 4), 0);
    dm_fakeworker_admitted(rig.worker, "env", admitted, sizeof admitted);
    assert_non_null(strstr(admitted, "\"A\":\"b\""));
    /* And of these as well. */
    char child[32];
    (void)snprintf(child, sizeof child, "%s", text(entry(&said, 0, "sandbox"), "sandboxID"));
    DM_AUTO_SAID again = fork_of(child, "{}");
    assert_int_equal(again.status, 201);
    assert_int_equal(json_array_size(again.body), 1);
}

static void bounds_and_states(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
    } bad[] = {{"{\"count\":0}", 400}, {"{\"count\":101}", 400}, {"{\"count\":-1}", 400}, {"{\"count\":\"x\"}", 400},
            {"{\"timeout\":0}", 400}, {"{\"timeout\":99999999}", 400}};
    char target[128];
    dm_rig_create(&rig, "", parent);
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO_SAID said = fork_of(parent, bad[i].body);
        assert_int_equal(said.status, bad[i].status);
    }
    DM_AUTO_SAID none = fork_of("i00000000000000000000", "{}");
    assert_int_equal(none.status, 404);
    dm_rig_other(&rig);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/fork", parent);
    DM_AUTO_SAID others = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", target, "{}", NULL, 0);
    assert_int_equal(others.status, 404);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/pause", parent);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", target, "{}");
    assert_int_equal(paused.status, 204);
    DM_AUTO_SAID asleep = fork_of(parent, "{}");
    assert_int_equal(asleep.status, 409);
    assert_non_null(strstr(asleep.text, "fork.asleep"));
    assert_int_equal(rows("running") + rows("starting") + rows("ended"), 0);
}

/* Quota is each child's own: the first two are had. Nothing is copied for nobody. */
static void quota_is_met_one_by_one(void **state)
{
    (void)state;
    unsigned copies = dm_fakeworker_count(rig.worker, "copy");
    dm_rig_create(&rig, "", parent);
    dm_rig_sql(&rig, "INSERT INTO dm.account_limit SELECT account_no, 'running_max', 3 FROM dm.account");
    DM_AUTO_SAID said = fork_of(parent, "{\"count\":4}");
    assert_int_equal(said.status, 201);
    unsigned had = 0, refused = 0;
    for (size_t i = 0; i < 4; i++) {
        const json_t *no = entry(&said, i, "error");
        had += entry(&said, i, "sandbox") != NULL;
        refused += no != NULL && json_integer_value(json_object_get(no, "code")) == 429;
    }
    assert_int_equal(had, 2);
    assert_int_equal(refused, 2);
    assert_int_equal(running(), 3);
    DM_AUTO_SAID more = fork_of(parent, "{\"count\":2}");
    assert_int_equal(more.status, 201);
    assert_non_null(entry(&more, 0, "error"));
    assert_int_equal(dm_fakeworker_count(rig.worker, "copy") - copies, 1);
    assert_int_equal(running(), 3);
}

/* Without a checkpoint there is no child: each row has ended and given back what it had. */
static void no_checkpoint_no_children(void **state)
{
    (void)state;
    dm_rig_create(&rig, "", parent);
    dm_fakeworker_refuse(rig.worker, "copy", 503, 1);
    DM_AUTO_SAID full = fork_of(parent, "{\"count\":3}");
    assert_int_equal(full.status, 503);
    assert_int_equal(running(), 1);
    assert_int_equal(rows("ended"), 3);
    dm_fakeworker_garble(rig.worker, "copy", 1);
    DM_AUTO_SAID slow = fork_of(parent, "{\"count\":2}");
    assert_int_equal(slow.status, 504);
    assert_int_equal(running(), 1);
    dm_fakeworker_refuse(rig.worker, "copy", 404, 1);
    DM_AUTO_SAID gone = fork_of(parent, "{}");
    assert_int_equal(gone.status, 404);
    assert_int_equal(running(), 1);
    assert_int_equal(rows("ended"), 6);
    assert_int_equal(rows("starting"), 0);
    DM_AUTO_SAID then = fork_of(parent, "{}");
    assert_int_equal(then.status, 201);
    assert_int_equal(running(), 2);
}

/* One that its worker refuses, or does not answer, is one less; the others run. */
static void a_child_fails_for_itself(void **state)
{
    (void)state;
    unsigned kills = dm_fakeworker_count(rig.worker, "kill");
    dm_rig_create(&rig, "", parent);
    dm_fakeworker_refuse(rig.worker, "start", 503, 1);
    DM_AUTO_SAID said = fork_of(parent, "{\"count\":3}");
    assert_int_equal(said.status, 201);
    unsigned had = 0;
    for (size_t i = 0; i < 3; i++)
        had += entry(&said, i, "sandbox") != NULL;
    assert_int_equal(had, 2);
    assert_int_equal(running(), 3);
    dm_fakeworker_garble(rig.worker, "start", 1);
    DM_AUTO_SAID lost = fork_of(parent, "{\"count\":2}");
    assert_int_equal(lost.status, 201);
    assert_int_equal(running(), 4);
    assert_int_equal(rows("starting"), 0);
    assert_int_equal(
            dm_fakeworker_count(rig.worker, "kill") - kills, 1); /* nobody knows whether it runs: it is told to end */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            DM_RIG_TEST(children_are_sandboxes_of_their_own, &rig),
            DM_RIG_TEST(bounds_and_states, &rig),
            DM_RIG_TEST(quota_is_met_one_by_one, &rig),
            DM_RIG_TEST(no_checkpoint_no_children, &rig),
            DM_RIG_TEST(a_child_fails_for_itself, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
