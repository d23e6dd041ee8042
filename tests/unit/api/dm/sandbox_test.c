/* Covers api/dm/sandbox_act.c, api/dm/sandbox_bulk.c, api/dm/sandbox_create.c, api/dm/sandbox_filter.c,
 * api/dm/sandbox_get.c, api/dm/sandbox_history.c, api/dm/sandbox_line.c, api/dm/sandbox_list.c, api/dm/metrics.c,
 * api/dm/sandbox_usage.c, api/life/create_body.c, api/life/look.c, api/life/once.c, metering/read/sql_usage.c,
 * metering/read/usage.c. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define P "/v1/projects/demo/sandboxes"

static const char *rule_of(const json_t *body)
{
    const char *rule = json_string_value(json_object_get(json_object_get(body, "denial"), "rule"));
    return rule != NULL ? rule : "";
}

static const char *str(const json_t *o, const char *name)
{
    const char *v = json_string_value(json_object_get(o, name));
    return v != NULL ? v : "";
}

static dm_said on(const char *method, const char *id, const char *act, const char *body)
{
    char target[256];
    (void)snprintf(target, sizeof target, P "/%s%s", id, act);
    return dm_rig_call(&rig, method, target, body);
}

static void expect(const char *method, const char *target, const char *body, int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, method, target, body);
    if (said.status != status || (rule[0] != '\0' && strcmp(rule_of(said.body), rule) != 0))
        fail_msg("%s %s: %d, not %d %s: %s", method, target, said.status, status, rule, said.text);
}

/* Made through our own route. */
static void make(const char *more, char id[32])
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"template\":\"base\"%s}", more);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", P, body);
    if (said.status != 201)
        fail_msg("create: %d %s", said.status, said.text);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "id"));
}

static void made_as_asked(void **state)
{
    char id[32];
    (void)state;
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", P,
            "{\"template\":\"base\",\"spec\":\"2c1g\",\"region\":\"local\",\"timeout\":120,\"on_timeout\":\"pause\","
            "\"auto_resume\":true,\"env\":{\"A\":\"b\"},\"metadata\":{\"team\":\"ml\"},\"allow_internet\":false}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, sizeof id, "%s", dm_said_str(&said, "id"));
    assert_int_equal(strlen(id), 21);
    assert_string_equal(dm_said_str(&said, "state"), "running");
    assert_string_equal(dm_said_str(&said, "alias"), "base");
    assert_string_equal(dm_said_str(&said, "region"), "local");
    assert_string_equal(dm_said_str(&said, "on_timeout"), "pause");
    assert_string_equal(dm_said_str(&said, "domain"), "sandbox.test");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(said.body, "spec"), "memory_mib")), 1024);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(said.body, "asked"), "vcpus")), 2);
    assert_int_equal(strlen(str(json_object_get(said.body, "key"), "id")), 36);
    assert_true(json_is_null(json_object_get(said.body, "cause")));
    assert_true(json_is_null(json_object_get(said.body, "month"))); /* nothing has closed: nothing is known */
    assert_string_equal(str(json_object_get(said.body, "metadata"), "team"), "ml");
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    DM_AUTO_SAID same = on("GET", id, "", NULL);
    assert_int_equal(same.status, 200);
    assert_string_equal(dm_said_str(&same, "created_at"), dm_said_str(&said, "created_at"));
}

static void sleeps_when_idle(void **state)
{
    (void)state;
    char is[32];
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", P, "{\"template\":\"base\",\"idle\":60}");
    assert_int_equal(said.status, 201);
    assert_int_equal(json_integer_value(json_object_get(said.body, "idle")), 60);
    assert_int_equal(dm_rig_number(&rig, "SELECT idle_s FROM dm.sandbox"), 60);
    dm_fakeworker_admitted(rig.worker, "idle_s", is, sizeof is);
    assert_string_equal(is, "60");
    DM_AUTO_SAID never = dm_rig_call(&rig, "POST", P, "{\"template\":\"base\"}");
    assert_int_equal(json_integer_value(json_object_get(never.body, "idle")), 0);
}

static void refused_as_e2bs(void **state)
{
    (void)state;
    expect("POST", P, "{\"template\":\"nothing\"}", 404, "template.unknown");
    expect("POST", P, "{\"template\":\"base\",\"region\":\"hk\"}", 400, "region.not_offered");
    expect("POST", P, "{\"template\":\"base\",\"idle\":4}", 400, "request.invalid");
    expect("POST", P, "{\"template\":\"base\",\"idle\":86401}", 400, "request.invalid");
    expect("POST", "/v2/sandboxes", "{\"templateID\":\"base\",\"idle\":60}", 400, "idle.not_offered");
    expect("POST", P, "{\"template\":\"base\",\"gpu\":1}", 400, "gpu.not_offered");
    expect("POST", P, "{\"template\":\"base\",\"timeout\":0}", 400, "project.timeout_s_max");
    expect("POST", P, "{\"template\":\"base\",\"disk_mib\":2048}", 400, "disk.not_offered");
    expect("POST", P, "{\"template\":\"base\",\"spec\":\"big\"}", 400, "request.invalid");
    expect("POST", P, "{\"template\":\"base\",\"on_timeout\":\"sleep\"}", 400, "request.invalid");
    expect("POST", P, "{\"templateID\":\"base\"}", 400, "request.invalid");
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit SELECT account_no, project_no, 'running_max', 0 FROM dm.project"
                     " WHERE slug = 'demo'");
    expect("POST", P, "{\"template\":\"base\"}", 429, "project.running_max");
}

/* Creates of both mouths are counted together. */
static void so_many_a_second(void **state)
{
    dm_clock_fake stands;
    dm_rates *real = rig.api.rates;
    (void)state;
    dm_clock_fake_init(&stands, 1800000000000000);
    assert_int_equal(dm_rates_new(&stands.base, &rig.api.rates, NULL), 0);
    dm_rig_sql(&rig, "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
                     " SELECT account_no, project_no, 'create_rate', 1 FROM dm.project WHERE slug = 'demo'");
    DM_AUTO_SAID first = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    DM_AUTO_SAID second = dm_rig_call(&rig, "POST", P, "{\"template\":\"base\"}");
    DM_AUTO_SAID third = dm_rig_call(&rig, "POST", P, "{\"template\":\"base\"}");
    dm_rates_free(rig.api.rates);
    rig.api.rates = real;
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 201);
    assert_int_equal(third.status, 429);
    assert_string_equal(rule_of(third.body), "project.create_rate");
}

static void created_once(void **state)
{
    const dm_pair key = {DM_STR("Idempotency-Key"), DM_STR("one-of-a-kind")};
    (void)state;
    DM_AUTO_SAID first = dm_rig_call_as(&rig, NULL, "POST", P, "{\"template\":\"base\"}", &key, 1);
    DM_AUTO_SAID second = dm_rig_call_as(&rig, NULL, "POST", P, "{\"template\":\"base\"}", &key, 1);
    DM_AUTO_SAID other = dm_rig_call_as(&rig, NULL, "POST", P, "{\"template\":\"base\",\"timeout\":9}", &key, 1);
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 201);
    assert_string_equal(dm_said_str(&first, "id"), dm_said_str(&second, "id"));
    assert_int_equal(other.status, 422);
}

/* --- acts --------------------------------------------------------------------------------------------------- */

static void through_a_life(void **state)
{
    char id[32];
    (void)state;
    make("", id);
    DM_AUTO_SAID paused = on("POST", id, "/pause", NULL);
    assert_int_equal(paused.status, 200);
    assert_string_equal(dm_said_str(&paused, "state"), "paused");
    assert_string_equal(dm_said_str(&paused, "cause"), "paused");
    assert_string_equal(dm_said_str(&paused, "whose"), "customer");
    DM_AUTO_SAID again = on("POST", id, "/pause", NULL);
    assert_int_equal(again.status, 409);
    assert_string_equal(rule_of(again.body), "sandbox.paused");
    DM_AUTO_SAID awake = on("POST", id, "/resume", "{\"timeout\":100}");
    assert_int_equal(awake.status, 200);
    assert_string_equal(dm_said_str(&awake, "state"), "running");
    assert_int_equal(json_integer_value(json_object_get(awake.body, "epoch")), 2);
    DM_AUTO_SAID running = on("POST", id, "/resume", NULL);
    assert_string_equal(rule_of(running.body), "sandbox.running");
    DM_AUTO_SAID later = on("POST", id, "/timeout", "{\"timeout\":900}");
    assert_int_equal(later.status, 200);
    assert_string_not_equal(dm_said_str(&later, "end_at"), dm_said_str(&awake, "end_at"));
    DM_AUTO_SAID none = on("POST", id, "/timeout", "{}");
    assert_int_equal(none.status, 400);
    DM_AUTO_SAID killed = on("DELETE", id, "", NULL);
    assert_int_equal(killed.status, 200);
    assert_string_equal(dm_said_str(&killed, "state"), "ended");
    assert_string_equal(dm_said_str(&killed, "cause"), "killed");
    DM_AUTO_SAID twice = on("DELETE", id, "", NULL);
    assert_int_equal(twice.status, 404);
    assert_string_equal(rule_of(twice.body), "sandbox.unknown");
    DM_AUTO_SAID seen = on("GET", id, "", NULL); /* what has ended is still shown */
    assert_int_equal(seen.status, 200);
}

/* The first answer may have been lost: the same request with its key is told that it is done. */
static void done_once(void **state)
{
    char id[32], target[128];
    const dm_pair key = {DM_STR("Idempotency-Key"), DM_STR("a-key")};
    (void)state;
    make("", id);
    (void)snprintf(target, sizeof target, P "/%s/pause", id);
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID said = dm_rig_call_as(&rig, NULL, "POST", target, NULL, &key, 1);
        assert_int_equal(said.status, 200);
        assert_string_equal(dm_said_str(&said, "state"), "paused");
    }
    (void)snprintf(target, sizeof target, P "/%s", id);
    DM_AUTO_SAID other = dm_rig_call_as(&rig, NULL, "DELETE", target, NULL, &key, 1);
    assert_int_equal(other.status, 422);
    /* What was refused may be asked for again with the same key. */
    const dm_pair second = {DM_STR("Idempotency-Key"), DM_STR("b-key")};
    (void)snprintf(target, sizeof target, P "/%s/pause", id);
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID said = dm_rig_call_as(&rig, NULL, "POST", target, NULL, &second, 1);
        assert_int_equal(said.status, 409);
        assert_string_equal(rule_of(said.body), "sandbox.paused");
    }
    const dm_pair bad = {DM_STR("Idempotency-Key"), DM_STR("No Key")};
    DM_AUTO_SAID invalid = dm_rig_call_as(&rig, NULL, "POST", target, NULL, &bad, 1);
    assert_int_equal(invalid.status, 400);
}

/* --- many --------------------------------------------------------------------------------------------------- */

static void each_of_many_has_its_outcome(void **state)
{
    char a[32], b[32], body[256];
    (void)state;
    make("", a);
    make("", b);
    (void)snprintf(body, sizeof body, "{\"ids\":[\"%s\",\"i00000000000000000000\",\"%s\",\"%s\"]}", a, b, a);
    for (int i = 0; i < 2; i++) { /* the same once more: what sleeps is done */
        DM_AUTO_SAID said = dm_rig_call(&rig, "POST", P "/pause", body);
        assert_int_equal(said.status, 200);
        assert_int_equal(json_array_size(json_object_get(said.body, "done")), 2);
        const json_t *failed = json_array_get(json_object_get(said.body, "failed"), 0);
        assert_string_equal(str(failed, "id"), "i00000000000000000000");
        assert_string_equal(rule_of(failed), "sandbox.unknown");
        assert_int_equal(json_array_size(json_object_get(said.body, "left")), 0);
    }
    DM_AUTO_SAID killed = dm_rig_call(&rig, "POST", P "/kill", body);
    assert_int_equal(json_array_size(json_object_get(killed.body, "done")), 2);
    DM_AUTO_SAID gone = dm_rig_call(&rig, "POST", P "/kill", body);
    assert_int_equal(json_array_size(json_object_get(gone.body, "done")), 2);
    expect("POST", P "/kill", "{}", 400, "request.invalid");
    expect("POST", P "/kill", "{\"ids\":[]}", 400, "request.invalid");
    expect("POST", P "/kill", "{\"ids\":[\"x\"]}", 400, "request.invalid");
    expect("POST", P "/kill", "{\"ids\":[\"i00000000000000000000\"],\"filter\":{}}", 400, "request.invalid");
    expect("POST", P "/kill", "{\"filter\":{\"state\":\"running\"}}", 400, "request.invalid");
}

static void many_by_a_filter(void **state)
{
    char ids[3][32];
    (void)state;
    make(",\"metadata\":{\"team\":\"ml\"}", ids[0]);
    make(",\"metadata\":{\"team\":\"ml\"}", ids[1]);
    make(",\"metadata\":{\"team\":\"web\"}", ids[2]);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", P "/kill", "{\"filter\":{\"metadata\":{\"team\":\"ml\"}}}");
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(json_object_get(said.body, "done")), 2);
    assert_true(json_is_false(json_object_get(said.body, "more")));
    assert_string_equal(dm_fakeworker_state(rig.worker, ids[2], NULL, NULL), "running");
    DM_AUTO_SAID none = dm_rig_call(&rig, "POST", P "/kill", "{\"filter\":{\"metadata\":{\"team\":\"ml\"}}}");
    assert_int_equal(json_array_size(json_object_get(none.body, "done")), 0);
}

/* --- the list ----------------------------------------------------------------------------------------------- */

static size_t listed(const char *query, int64_t total)
{
    char target[256];
    (void)snprintf(target, sizeof target, P "%s", query);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    int64_t says = json_integer_value(json_object_get(said.body, "total"));
    if (says != total)
        fail_msg("%s: a total of %lld, not %lld", target, (long long)says, (long long)total);
    return json_array_size(json_object_get(said.body, "rows"));
}

static void found_by_what_it_is(void **state)
{
    char ids[4][32], query[128];
    (void)state;
    make(",\"metadata\":{\"team\":\"ml\",\"job\":\"Train-7 of nine\"}", ids[0]);
    make(",\"metadata\":{\"team\":\"ml\"}", ids[1]);
    make(",\"metadata\":{\"team\":\"a=b&c\"}", ids[2]);
    make("", ids[3]);
    DM_AUTO_SAID killed = on("DELETE", ids[1], "", NULL);
    DM_AUTO_SAID paused = on("POST", ids[2], "/pause", NULL);
    assert_int_equal(listed("", 4), 4);
    assert_int_equal(listed("?state=running", 2), 2);
    assert_int_equal(listed("?state=running,paused", 3), 3);
    assert_int_equal(listed("?state=ended&cause=killed", 1), 1);
    assert_int_equal(listed("?cause=killed,paused", 2), 2);
    assert_int_equal(listed("?metadata=team%3Dml", 2), 2);
    assert_int_equal(listed("?metadata=team%3Dml&state=running", 1), 1);
    assert_int_equal(listed("?metadata=team%3Dml&metadata=job%3DTrain-7+of+nine", 1), 1);
    assert_int_equal(listed("?metadata=team%3Da%3Db%26c", 1), 1);
    assert_int_equal(listed("?metadata=team%3D", 0), 0);
    assert_int_equal(listed("?template=base", 4), 4);
    assert_int_equal(listed("?template=nothing", 0), 0);
    assert_int_equal(listed("?q=TRAIN+nine", 1), 1);
    assert_int_equal(listed("?q=train+ten", 0), 0);
    assert_int_equal(listed("?q=.", 0), 0);
    (void)snprintf(query, sizeof query, "?q=%.8s", ids[3]);
    assert_int_equal(listed(query, 1), 1);
    (void)snprintf(query, sizeof query, "?q=%s&state=ended", ids[1]);
    assert_int_equal(listed(query, 1), 1);
    DM_AUTO_SAID one = on("GET", ids[0], "", NULL);
    (void)snprintf(query, sizeof query, "?key=%s", str(json_object_get(one.body, "key"), "id"));
    assert_int_equal(listed(query, 4), 4);
    assert_int_equal(listed("?key=00000000-0000-4000-8000-000000000000", 0), 0);
    static const char *const bad[] = {"?state=asleep", "?cause=x", "?metadata=a", "?limit=0", "?limit=1001",
            "?sort=cost", "?cursor=%21", "?with=all", "?with=month&limit=101", "?template=base:v1"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        (void)snprintf(query, sizeof query, P "%s", bad[i]);
        expect("GET", query, NULL, 400, "request.invalid");
    }
}

/* Of whom it was forked a row says, and by that its own forks are found, and nobody else's. */
static void forks_by_their_parent(void **state)
{
    char parent[32], other[32], target[192], query[192];
    (void)state;
    make(",\"metadata\":{\"team\":\"ml\"}", parent);
    make("", other);
    (void)snprintf(target, sizeof target, "/sandboxes/%s/fork", parent);
    DM_AUTO_SAID forks = dm_rig_call(&rig, "POST", target, "{\"count\":3}");
    assert_int_equal(forks.status, 201);
    const char *child = str(json_object_get(json_array_get(forks.body, 0), "sandbox"), "sandboxID");
    (void)snprintf(query, sizeof query, "?parent=%s", parent);
    assert_int_equal(listed(query, 3), 3);
    DM_AUTO_SAID one = on("GET", child, "", NULL);
    assert_string_equal(dm_said_str(&one, "parent"), parent);
    DM_AUTO_SAID killed = on("DELETE", child, "", NULL);
    assert_int_equal(killed.status, 200);
    (void)snprintf(query, sizeof query, "?parent=%s&state=ended", parent);
    assert_int_equal(listed(query, 1), 1);
    (void)snprintf(query, sizeof query, "?parent=%s&metadata=team%%3Dml&state=running", parent);
    assert_int_equal(listed(query, 2), 2);
    (void)snprintf(query, sizeof query, "?parent=%s&metadata=team%%3Dweb", parent);
    assert_int_equal(listed(query, 0), 0);
    (void)snprintf(query, sizeof query, "?parent=%s", other);
    assert_int_equal(listed(query, 0), 0);
    (void)snprintf(query, sizeof query, P "?parent=%s&q=%s", parent, child);
    expect("GET", query, NULL, 400, "request.invalid");
    expect("GET", P "?parent=nobody", NULL, 400, "request.invalid");
    size_t seen = 0;
    (void)snprintf(target, sizeof target, P "?limit=2&parent=%s", parent);
    for (;;) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
        seen += json_array_size(json_object_get(said.body, "rows"));
        if (seen > 3 || json_is_null(json_object_get(said.body, "next")))
            break;
        (void)snprintf(target, sizeof target, P "?limit=2&parent=%s&cursor=%s", parent, dm_said_str(&said, "next"));
    }
    assert_int_equal(seen, 3);
}

static void pages_of_it(void **state)
{
    enum { MADE = 5 };
    char ids[MADE][32];
    (void)state;
    for (size_t i = 0; i < MADE; i++)
        make("", ids[i]);
    for (int up = 0; up < 2; up++) {
        char target[256];
        size_t seen = 0;
        (void)snprintf(target, sizeof target, P "?limit=2%s", up ? "&sort=created" : "");
        for (;;) {
            DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
            const json_t *rows = json_object_get(said.body, "rows"), *row;
            size_t i;
            json_array_foreach(rows, i, row)
            {
                assert_true(seen < MADE);
                assert_string_equal(str(row, "id"), ids[up ? seen : MADE - 1 - seen]);
                seen++;
            }
            if (json_is_null(json_object_get(said.body, "next")))
                break;
            (void)snprintf(target, sizeof target, P "?limit=2%s&cursor=%s", up ? "&sort=created" : "",
                    dm_said_str(&said, "next"));
        }
        assert_int_equal(seen, MADE);
    }
}

/* --- what became of it -------------------------------------------------------------------------------------- */

static void its_history(void **state)
{
    char id[32], target[192];
    (void)state;
    make("", id);
    DM_AUTO_SAID killed = on("DELETE", id, "", NULL);
    DM_AUTO_SAID said = on("GET", id, "/events", NULL);
    const json_t *rows = json_object_get(said.body, "rows"), *last = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 4); /* starting, running, ending, ended */
    assert_string_equal(str(last, "to"), "ended");
    assert_string_equal(str(last, "cause"), "killed");
    assert_string_equal(str(last, "whose"), "customer");
    assert_true(json_is_false(json_object_get(last, "credit")));
    assert_true(json_is_null(json_object_get(last, "attestation")));
    assert_true(strncmp(str(last, "who"), "key:", 4) == 0);
    DM_AUTO_SAID first = on("GET", id, "/events?sort=at&limit=1", NULL);
    assert_string_equal(str(json_array_get(json_object_get(first.body, "rows"), 0), "to"), "starting");
    (void)snprintf(target, sizeof target, "/events?sort=at&limit=3&cursor=%s", dm_said_str(&first, "next"));
    DM_AUTO_SAID rest = on("GET", id, target, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 3);
    assert_true(json_is_null(json_object_get(rest.body, "next")));
    DM_AUTO_SAID logs = on("GET", id, "/logs?search=ended", NULL);
    assert_int_equal(json_array_size(json_object_get(logs.body, "rows")), 1);
    DM_AUTO_SAID warnings = on("GET", id, "/logs?level=warn", NULL);
    assert_int_equal(json_array_size(json_object_get(warnings.body, "rows")), 0);
    DM_AUTO_SAID bad = on("GET", id, "/logs?level=loud", NULL);
    assert_int_equal(bad.status, 400);
}

/* A period that has closed: it ran for a minute and a half, slept for half of one, and a second is missing. */
static void how_it_spent_its_seconds(void **state)
{
    char id[32], sql[2048];
    (void)state;
    make("", id);
    (void)snprintf(sql, sizeof sql,
            "SET session_replication_role = replica; SELECT dm.add_partitions(extract(epoch FROM now() - interval '1 "
            "day')::bigint, extract(epoch FROM now())::bigint);"
            "DELETE FROM dm.period; INSERT INTO dm.period (period_start, period_s, closed_at) SELECT"
            " to_timestamp(extract(epoch FROM now())::bigint / 60 * 60 - 180), 180, now();"
            "INSERT INTO dm.usage_period SELECT s.account_no, s.project_no, p.period_start, s.sandbox_id, 1, 1, 1, 1, "
            "1,"
            " repeat('1', 90)::varbit || repeat('0', 90)::varbit, repeat('0', 80)::varbit || repeat('1', 40)::varbit ||"
            " repeat('0', 60)::varbit, '{3,-1,5}' FROM dm.sandbox s, dm.period p;"
            "INSERT INTO dm.usage_gap SELECT account_no, project_no, period_start, sandbox_id, 1,"
            " extract(epoch FROM period_start)::bigint + 130, extract(epoch FROM period_start)::bigint + 131,"
            " 'frames_missing', 'written_off' FROM dm.usage_period");
    dm_rig_sql(&rig, sql);
    DM_AUTO_SAID said = on("GET", id, "/usage", NULL);
    assert_int_equal(said.status, 200);
    const json_t *runs = json_object_get(said.body, "runs");
    static const struct {
        const char *state;
        int64_t s;
    } wanted[] = {{"run", 90}, {"hib", 30}, {"off", 10}, {"gap", 1}, {"off", 49}};
    size_t n = json_array_size(runs);
    assert_int_equal(n, DM_LEN(wanted) + 1); /* and the day before */
    for (size_t i = 0; i < DM_LEN(wanted); i++) {
        const json_t *run = json_array_get(runs, i + 1);
        assert_string_equal(json_string_value(json_array_get(run, 0)), wanted[i].state);
        assert_int_equal(json_integer_value(json_array_get(run, 1)), wanted[i].s);
    }
    const json_t *disk = json_object_get(said.body, "disk_16mib");
    size_t minutes = json_array_size(disk);
    assert_int_equal(json_integer_value(json_array_get(disk, minutes - 3)), 3);
    assert_true(json_is_null(json_array_get(disk, minutes - 2)));
    assert_int_equal(json_array_size(json_object_get(said.body, "gaps")), 1);
    assert_true(dm_said_str(&said, "closed_through")[0] != '\0');
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", P "?with=runs_1h,month", NULL);
    const json_t *row = json_array_get(json_object_get(list.body, "rows"), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "month"), "run_s")), 90);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "month"), "hib_s")), 30);
    assert_true(json_is_null(json_object_get(json_object_get(row, "month"), "amount")));
    assert_true(json_array_size(json_object_get(json_object_get(row, "runs_1h"), "runs")) > 0);
    DM_AUTO_SAID plain = dm_rig_call(&rig, "GET", P, NULL);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(plain.body, "rows"), 0), "runs_1h")));
    DM_AUTO_SAID bad = on("GET", id, "/usage?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", NULL);
    assert_int_equal(bad.status, 400);
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.usage_gap; DELETE FROM dm.usage_period;"
                     "DELETE FROM dm.period");
}

static void what_it_uses_now(void **state)
{
    char id[32];
    (void)state;
    make("", id);
    DM_AUTO_SAID said = on("GET", id, "/metrics", NULL);
    assert_int_equal(said.status, 200);
    assert_true(json_is_object(json_object_get(said.body, "now")) || json_is_null(json_object_get(said.body, "now")));
    DM_AUTO_SAID paused = on("POST", id, "/pause", NULL);
    DM_AUTO_SAID asleep = on("GET", id, "/metrics", NULL);
    assert_int_equal(asleep.status, 200);
    assert_true(json_is_null(json_object_get(asleep.body, "now")));
}

/* Of a sandbox and of the project it is in; of another's nothing. */
static void what_it_used_a_while_ago(void **state)
{
    char id[32], text[900];
    (void)state;
    make("", id);
    (void)snprintf(text, sizeof text,
            "SELECT dm.turn_past(s, 0) FROM (SELECT extract(epoch FROM now())::bigint / 600 * 600 - 600 AS s) x;"
            "INSERT INTO dm.usage_past SELECT extract(epoch FROM now())::bigint / 600 * 600 - 600, account_no, "
            "project_no,"
            " i, ARRAY[30, 600, 64, 16, 1024, 7, 8] || array_fill(0, ARRAY[63]) FROM dm.sandbox, "
            "unnest(ARRAY[sandbox_id,"
            " '']) i WHERE sandbox_id = dm.sandbox_of('%s')",
            id);
    dm_rig_sql(&rig, text);
    for (int project = 0; project < 2; project++) {
        DM_AUTO_SAID said = project ? dm_rig_call(&rig, "GET", "/v1/projects/demo/metrics", NULL)
                                    : on("GET", id, "/metrics?from=2020-01-01T00:00:00Z", NULL);
        const json_t *past = project ? said.body : json_object_get(said.body, "past");
        const json_t *point = json_array_get(json_object_get(past, "points"), 0);
        assert_int_equal(said.status, 200);
        assert_int_equal(json_array_size(json_object_get(past, "points")), 1);
        assert_int_equal(json_integer_value(json_object_get(past, "step_s")), project ? 60 : 3480);
        assert_int_equal(json_integer_value(json_object_get(point, "running_s")), 30);
        assert_int_equal(json_integer_value(json_object_get(point, "cpu_ms")), 6000);
        assert_int_equal(json_integer_value(json_object_get(point, "mem_own")), 64LL << 20);
        assert_int_equal(json_integer_value(json_object_get(point, "mem_shared")), 16LL << 20);
        assert_int_equal(json_integer_value(json_object_get(point, "net_out")), 8 << 10);
        assert_int_equal(json_object_get(point, "cpu_pct") == NULL, project);
    }
    DM_AUTO_SAID bad = on("GET", id, "/metrics?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", NULL);
    assert_int_equal(bad.status, 400);
    dm_rig_other(&rig);
    DM_AUTO_SAID other = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/projects/other/metrics", NULL, NULL, 0);
    assert_int_equal(other.status, 200);
    assert_int_equal(json_array_size(json_object_get(other.body, "points")), 0);
    DM_AUTO_SAID ours = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/projects/demo/metrics", NULL, NULL, 0);
    assert_int_equal(ours.status, 404);
    dm_rig_sql(&rig, "DELETE FROM dm.usage_past");
}

/* --- whose it is -------------------------------------------------------------------------------------------- */

static void nobody_elses(void **state)
{
    static const char *const asks[][2] = {{"GET", ""}, {"DELETE", ""}, {"POST", "/pause"}, {"POST", "/resume"},
            {"POST", "/timeout"}, {"GET", "/events"}, {"GET", "/logs"}, {"GET", "/usage"}, {"GET", "/metrics"}};
    char id[32], target[128];
    (void)state;
    make("", id);
    dm_rig_other(&rig);
    for (size_t i = 0; i < DM_LEN(asks); i++) {
        const char *body = strcmp(asks[i][1], "/timeout") == 0 ? "{\"timeout\":9}" : NULL;
        for (int own = 0; own < 2; own++) { /* by his own project, and by ours */
            (void)snprintf(
                    target, sizeof target, "/v1/projects/%s/sandboxes/%s%s", own ? "other" : "demo", id, asks[i][1]);
            DM_AUTO_SAID said = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, asks[i][0], target, body, NULL, 0);
            if (said.status != 404)
                fail_msg("%s %s: %d", asks[i][0], target, said.status);
        }
    }
    DM_AUTO_SAID list = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", "/v1/projects/other/sandboxes", NULL, NULL, 0);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 0);
    (void)snprintf(target, sizeof target, "{\"ids\":[\"%s\"]}", id);
    DM_AUTO_SAID many =
            dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "POST", "/v1/projects/other/sandboxes/kill", target, NULL, 0);
    assert_int_equal(json_array_size(json_object_get(many.body, "done")), 0);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    DM_AUTO_SAID nobody = dm_rig_call_as(&rig, "", "GET", P, NULL, NULL, 0);
    assert_int_equal(nobody.status, 401);
}

static void a_blocked_account_looks_and_kills(void **state)
{
    char id[32];
    (void)state;
    make("", id);
    dm_rig_sql(&rig, "UPDATE dm.account SET blocked = 'unpaid'");
    expect("POST", P, "{\"template\":\"base\"}", 403, "auth.forbidden");
    expect("POST", P "/pause", "{\"filter\":{}}", 403, "auth.forbidden");
    DM_AUTO_SAID paused = on("POST", id, "/pause", NULL);
    assert_int_equal(paused.status, 403);
    DM_AUTO_SAID seen = on("GET", id, "/events", NULL);
    assert_int_equal(seen.status, 200);
    DM_AUTO_SAID killed = on("DELETE", id, "", NULL);
    assert_int_equal(killed.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(made_as_asked, &rig), DM_RIG_TEST(sleeps_when_idle, &rig),
            DM_RIG_TEST(refused_as_e2bs, &rig), DM_RIG_TEST(created_once, &rig), DM_RIG_TEST(so_many_a_second, &rig),
            DM_RIG_TEST(through_a_life, &rig), DM_RIG_TEST(done_once, &rig),
            DM_RIG_TEST(each_of_many_has_its_outcome, &rig), DM_RIG_TEST(many_by_a_filter, &rig),
            DM_RIG_TEST(found_by_what_it_is, &rig), DM_RIG_TEST(forks_by_their_parent, &rig),
            DM_RIG_TEST(pages_of_it, &rig), DM_RIG_TEST(its_history, &rig), DM_RIG_TEST(how_it_spent_its_seconds, &rig),
            DM_RIG_TEST(what_it_uses_now, &rig), DM_RIG_TEST(what_it_used_a_while_ago, &rig),
            DM_RIG_TEST(nobody_elses, &rig), DM_RIG_TEST(a_blocked_account_looks_and_kills, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
