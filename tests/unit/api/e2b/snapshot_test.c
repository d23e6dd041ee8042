/* Snapshots: made, named, begun from, listed and let go; their limits; and what is true when the worker refuses, is
 * away or is not understood, or whoever made one died in between. */
/* Covers api/life/snapshot.c, api/e2b/snapshot.c, tenants/sandbox/sql_snapshot.c. */
#include <stdio.h>

#include "api/life/snapshot.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char box[32];

static int64_t number(const char *sql)
{
    return dm_rig_number(&rig, sql);
}

static int64_t rows(const char *state)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.snapshot WHERE state = '%s'", state);
    return number(sql);
}

static dm_said make(const char *of, const char *body)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/sandboxes/%s/snapshots", of);
    return dm_rig_call(&rig, "POST", target, body);
}

static void made(const char *body, char id[128])
{
    DM_AUTO_SAID said = make(box, body);
    if (said.status != 201)
        fail_msg("%s: %d: %s", body, said.status, said.text);
    (void)snprintf(id, 128, "%s", dm_said_str(&said, "snapshotID"));
}

static void refused(const dm_said *said, int status, const char *rule)
{
    const char *is = dm_json_c(json_object_get(said->body, "denial"), "rule");
    if (said->status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%d, not %d %s: %s", said->status, status, rule, said->text);
}

/* As the JavaScript client does it. */
static dm_said drop(const char *id)
{
    char target[512] = "/templates/";
    size_t n = strlen(target);
    for (const char *p = id; *p != '\0'; p++)
        n += (size_t)snprintf(target + n, sizeof target - n, *p == '/' || *p == ':' ? "%%%02X" : "%c", *p);
    return dm_rig_call(&rig, "DELETE", target, NULL);
}

static dm_said begin_from(const char *id)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"templateID\":\"%s\",\"timeout\":60}", id);
    return dm_rig_call(&rig, "POST", "/v2/sandboxes", body);
}

static size_t listed(const char *query, const char *first)
{
    char target[256];
    (void)snprintf(target, sizeof target, "/snapshots%s", query);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
    assert_int_equal(said.status, 200);
    if (first != NULL)
        assert_string_equal(dm_json_c(json_array_get(said.body, 0), "snapshotID"), first);
    return json_array_size(said.body);
}

static unsigned swept(void)
{
    unsigned done = 0;
    dm_err err = {0};
    if (dm_snapshots_sweep(&rig.api, rig.api.dispatch, &done, &err) < 0)
        fail_msg("%s", err.msg);
    return done;
}

static void due_now(void)
{
    dm_rig_sql(&rig, "UPDATE dm.snapshot SET due_at = now() - interval '1 s'");
}

static void one_begins_others_and_outlives_its_sandbox(void **state)
{
    (void)state;
    char id[128], checkpoint[128], target[64];
    dm_rig_create(&rig, ",\"metadata\":{\"k\":\"v\"}", box);
    made("{}", id);
    assert_string_equal(id + 20, ":default");
    assert_int_equal(number("SELECT image_mib FROM dm.snapshot WHERE state = 'kept'"), DM_FAKE_IMAGE_MIB);
    (void)snprintf(target, sizeof target, "/sandboxes/%s", box);
    DM_AUTO_SAID killed = dm_rig_call(&rig, "DELETE", target, NULL);
    assert_int_equal(killed.status, 204);
    char begun[2][32] = {"", ""};
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID said = begin_from(id);
        if (said.status != 201)
            fail_msg("%d: %s", said.status, said.text);
        assert_string_equal(dm_said_str(&said, "alias"), "base"); /* it stays the template that it was made of */
        assert_string_not_equal(dm_said_str(&said, "sandboxID"), begun[0]);
        (void)snprintf(begun[i], sizeof begun[i], "%s", dm_said_str(&said, "sandboxID"));
        dm_fakeworker_admitted(rig.worker, "checkpoint", checkpoint, sizeof checkpoint);
        assert_int_equal(strncmp(checkpoint, "\"cp-", 4), 0);
    }
    assert_int_equal(
            number("SELECT count(*) FROM dm.sandbox_event WHERE why LIKE 'asked to start from a snapshot of i%'"), 2);
    DM_AUTO_SAID in_use = drop(id);
    refused(&in_use, 400, "snapshot.in_use");
    assert_int_equal(rows("kept"), 1);
    assert_int_equal(listed("", id), 1);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(target, sizeof target, "/sandboxes/%s", begun[i]);
        DM_AUTO_SAID ended = dm_rig_call(&rig, "DELETE", target, NULL);
        assert_int_equal(ended.status, 204);
    }
    DM_AUTO_SAID gone = drop(id);
    assert_int_equal(gone.status, 204);
}

static void it_ends_once(void **state)
{
    (void)state;
    char id[128];
    dm_rig_create(&rig, "", box);
    made("{\"name\":\"one\"}", id);
    assert_string_equal(id, "demo/one:default");
    DM_AUTO_SAID first = drop(id);
    if (first.status != 204)
        fail_msg("%d: %s", first.status, first.text);
    DM_AUTO_SAID again = drop(id);
    refused(&again, 404, "snapshot.unknown");
    DM_AUTO_SAID begun = begin_from(id);
    assert_int_equal(begun.status, 404);
    DM_AUTO_SAID template = drop("base");
    refused(&template, 403, "template_change.not_offered");
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 0);
    DM_AUTO_SAID none = drop("nothing:at-all");
    refused(&none, 404, "snapshot.unknown");
}

static void a_name_means_the_newest(void **state)
{
    (void)state;
    char id[128], again[128], tagged[128], unnamed[128], query[64];
    dm_rig_create(&rig, "", box);
    made("{\"name\":\"Mine\"}", id);
    made("{\"name\":\"demo/mine\"}", again);
    assert_string_equal(id, again);
    assert_int_equal(rows("kept"), 1);
    assert_int_equal(rows("going"), 1);
    unsigned releases = dm_fakeworker_count(rig.worker, "release");
    assert_int_equal(swept(), 1);
    assert_int_equal(dm_fakeworker_count(rig.worker, "release") - releases, 1);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 1);
    made("{\"name\":\"mine:v2\"}", tagged);
    assert_string_equal(tagged, "demo/mine:v2");
    made("{}", unnamed);
    assert_int_equal(listed("", unnamed), 3);
    assert_int_equal(listed("?name=mine", NULL), 2);
    assert_int_equal(listed("?name=mine:v2", tagged), 1);
    assert_int_equal(listed("?name=demo/mine:default", id), 1);
    assert_int_equal(listed("?name=other/mine", NULL), 0);
    assert_int_equal(listed("?name=nobody", NULL), 0);
    assert_int_equal(listed("?sandboxID=i00000000000000000000", NULL), 0);
    (void)snprintf(query, sizeof query, "?sandboxID=%s&limit=2", box);
    assert_int_equal(listed(query, unnamed), 2);
}

static void pages_go_on(void **state)
{
    (void)state;
    char id[128], target[512], seen[3][128];
    dm_rig_create(&rig, "", box);
    for (int i = 0; i < 3; i++)
        made("{}", id);
    (void)snprintf(target, sizeof target, "/snapshots?limit=1");
    for (int i = 0; i < 3; i++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
        assert_int_equal(json_array_size(said.body), 1);
        (void)snprintf(seen[i], sizeof seen[i], "%s", dm_json_c(json_array_get(said.body, 0), "snapshotID"));
        const char *next = dm_said_header(&said, "X-Next-Token");
        assert_int_equal(next != NULL, i < 2);
        (void)snprintf(target, sizeof target, "/snapshots?limit=1&nextToken=%s", next != NULL ? next : "");
    }
    assert_string_equal(seen[0], id);
    assert_string_not_equal(seen[1], seen[0]);
    assert_string_not_equal(seen[2], seen[1]);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *rule;
    } bad[] = {{"{\"memory\":false}", "snapshot.memory"}, {"{\"name\":\"a b\"}", "snapshot.name"},
            {"{\"name\":\"other/mine\"}", "snapshot.name"}, {"{\"name\":\"mine:2c1g\"}", "snapshot.name"},
            {"{\"name\":\"base\"}", "snapshot.name"}, {"{\"name\":1}", "request.invalid"}};
    char target[128];
    dm_rig_create(&rig, "", box);
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        DM_AUTO_SAID said = make(box, bad[i].body);
        refused(&said, 400, bad[i].rule);
    }
    DM_AUTO_SAID none = make("i00000000000000000000", "{}");
    refused(&none, 404, "sandbox.unknown");
    char id[128];
    made("{\"name\":\"mine\"}", id);
    DM_AUTO_SAID sized =
            dm_rig_call(&rig, "POST", "/v1/projects/demo/sandboxes", "{\"template\":\"mine:default\",\"vcpus\":2}");
    refused(&sized, 400, "snapshot.size");
    (void)snprintf(target, sizeof target, "/sandboxes/%s/pause", box);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", target, "{}");
    assert_int_equal(paused.status, 204);
    DM_AUTO_SAID asleep = make(box, "{}");
    refused(&asleep, 404, "snapshot.asleep");
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 1);
}

static void nobody_elses(void **state)
{
    (void)state;
    char id[128], body[256], target[128];
    dm_rig_create(&rig, "", box);
    made("{\"name\":\"mine\"}", id);
    dm_rig_other(&rig);
    (void)snprintf(body, sizeof body, "{\"templateID\":\"%s\"}", id);
    DM_AUTO_SAID begun = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v2/sandboxes", body, NULL, 0);
    assert_int_equal(begun.status, 404);
    DM_AUTO_SAID gone = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "DELETE", "/templates/mine", NULL, NULL, 0);
    assert_int_equal(gone.status, 404);
    DM_AUTO_SAID list = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/snapshots", NULL, NULL, 0);
    assert_int_equal(json_array_size(list.body), 0);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/snapshots", box);
    DM_AUTO_SAID made_of = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", target, "{}", NULL, 0);
    assert_int_equal(made_of.status, 404);
    assert_int_equal(rows("kept"), 1);
}

static void limit(const char *name, int64_t value)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.project_limit (account_no, project_no, name, value) SELECT"
            " account_no, project_no, '%s', %lld FROM dm.project WHERE slug = 'demo'",
            name, (long long)value);
    dm_rig_sql(&rig, sql);
}

static void how_many_is_bounded(void **state)
{
    (void)state;
    char id[128];
    limit("snapshots_max", 2);
    dm_rig_create(&rig, "", box);
    made("{}", id);
    made("{}", id);
    unsigned copies = dm_fakeworker_count(rig.worker, "copy");
    DM_AUTO_SAID over = make(box, "{}");
    refused(&over, 429, "project.snapshots_max");
    assert_int_equal(dm_fakeworker_count(rig.worker, "copy"), copies); /* nothing is made for nobody */
    DM_AUTO_SAID gone = drop(id);
    assert_int_equal(gone.status, 204);
    made("{}", id);
}

/* What it takes is known when it is made: then it is not kept. */
static void what_they_take_is_bounded(void **state)
{
    (void)state;
    char id[128];
    limit("snapshot_mib_max", 2 * DM_FAKE_IMAGE_MIB - 1);
    dm_rig_create(&rig, "", box);
    made("{\"name\":\"kept\"}", id);
    DM_AUTO_SAID over = make(box, "{\"name\":\"kept\"}");
    refused(&over, 429, "project.snapshot_mib_max");
    assert_int_equal(rows("kept"), 1);
    assert_int_equal(rows("going"), 1);
    assert_int_equal(swept(), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 1);
    DM_AUTO_SAID begun = begin_from(id); /* the one that had the name still has it */
    assert_int_equal(begun.status, 201);
}

static void a_worker_says_no(void **state)
{
    (void)state;
    char id[128];
    dm_rig_create(&rig, "", box);
    dm_fakeworker_refuse(rig.worker, "copy", 503, 1);
    DM_AUTO_SAID full = make(box, "{}");
    assert_int_equal(full.status, 503);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 0);
    dm_fakeworker_garble(rig.worker, "copy", 1);
    DM_AUTO_SAID slow = make(box, "{\"name\":\"mine\"}");
    assert_int_equal(slow.status, 504);
    assert_int_equal(rows("going"), 1);
    assert_int_equal(swept(), 0); /* an order may still be on its way to the worker */
    due_now();
    dm_fakeworker_refuse(rig.worker, "release", 409, 1);
    assert_int_equal(swept(), 0);
    assert_int_equal(rows("going"), 1);
    due_now();
    assert_int_equal(swept(), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 0);
    made("{\"name\":\"mine\"}", id);
    dm_fakeworker_refuse(rig.worker, "release", 500, 1);
    DM_AUTO_SAID stays = drop(id);
    assert_int_equal(stays.status, 500);
    assert_int_equal(rows("kept"), 1);
    dm_fakeworker_garble(rig.worker, "release", 1);
    DM_AUTO_SAID unknown = drop(id);
    assert_int_equal(unknown.status, 504);
    assert_int_equal(rows("dropping"), 1);
    assert_int_equal(listed("", NULL), 0);
}

/* Whoever carried it out is gone: an instance of another number, which holds no lock. */
static void what_a_dead_one_left_is_mended(void **state)
{
    (void)state;
    char id[128];
    dm_rig_create(&rig, "", box);
    made("{\"name\":\"mine\"}", id);
    dm_rig_sql(&rig, "UPDATE dm.snapshot SET state = 'making', ordered_by = 77");
    assert_int_equal(swept(), 0);
    assert_int_equal(rows("going"), 1);
    due_now();
    assert_int_equal(swept(), 1);
    made("{\"name\":\"mine\"}", id);
    dm_rig_sql(&rig, "UPDATE dm.snapshot SET state = 'dropping', ordered_by = 77");
    assert_int_equal(swept(), 1);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 0);
    made("{\"name\":\"mine\"}", id);
    DM_AUTO_SAID begun = begin_from(id);
    assert_int_equal(begun.status, 201);
    dm_rig_sql(&rig, "UPDATE dm.snapshot SET state = 'dropping', ordered_by = 77, due_at = now()");
    assert_int_equal(swept(), 1);
    assert_int_equal(rows("kept"), 1); /* somebody stands on it */
    dm_rig_sql(&rig, "UPDATE dm.worker SET state = 'written_off'");
    assert_int_equal(swept(), 0);
    assert_int_equal(number("SELECT count(*) FROM dm.snapshot"), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            DM_RIG_TEST(one_begins_others_and_outlives_its_sandbox, &rig),
            DM_RIG_TEST(it_ends_once, &rig),
            DM_RIG_TEST(a_name_means_the_newest, &rig),
            DM_RIG_TEST(pages_go_on, &rig),
            DM_RIG_TEST(what_cannot_be_is_refused, &rig),
            DM_RIG_TEST(nobody_elses, &rig),
            DM_RIG_TEST(how_many_is_bounded, &rig),
            DM_RIG_TEST(what_they_take_is_bounded, &rig),
            DM_RIG_TEST(a_worker_says_no, &rig),
            DM_RIG_TEST(what_a_dead_one_left_is_mended, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
