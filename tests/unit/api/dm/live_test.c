/* What changes in a project, as it changes: at whichever replica it was changed, to whoever may see it, from where he
 * left off. */
/* Covers api/dm/live.c, api/dm/live_hub.c, api/dm/live_read.c, api/dm/live_tail.c, tenants/sandbox/sql_changed.c,
 * metering/read/sql_cost.c.
 */
#include <stdio.h>

#include "api/dm/live.h"
#include "api/listen.h"
#include "tests/support/apirig.h"
#include "tests/support/eventsource.h"
#include "tests/unit/test.h"

enum { SOON_MS = 20000, MOMENT_MS = 700 };
#define LIVE "/v1/projects/demo/live"
#define DM_AUTO_EVENTS __attribute__((cleanup(dm_eventsource_close), unused)) dm_eventsource

static dm_rig rig;

/* Another replica on the same database; by hand, its rounds are turned by the test, on a clock of its own. */
typedef struct replica {
    dm_api api;
    dm_http *http;
    char socket[128];
    dm_clock_fake clock;
} replica;

static void replica_start(replica *o, bool by_hand)
{
    dm_err err = {0};
    memset(o, 0, sizeof *o);
    memcpy(&o->api, &rig.api, sizeof o->api);
    dm_clock_fake_init(&o->clock, 1000000);
    if (by_hand)
        o->api.clock = &o->clock.base;
    if (dm_live_new(&o->api, 64, !by_hand, &o->api.live, &err) < 0)
        fail_msg("%s", err.msg);
    dm_http_config http = dm_api_http(&o->api);
    (void)snprintf(o->socket, sizeof o->socket, "%s/other.sock", dm_pgtest_dir(rig.tenants.pg));
    http.listen_address = NULL;
    http.unix_path = o->socket;
    http.clock = &dm_clock_real;
    if (dm_http_new(&http, &o->http, &err) < 0)
        fail_msg("%s", err.msg);
}

static void replica_stop(replica *o)
{
    dm_http_stop(o->http, 2000);
    dm_live_free(o->api.live);
    dm_http_free(o->http);
}

static void watch_on(dm_eventsource *e, const char *socket, const char *target, const char *since)
{
    char header[512];
    (void)snprintf(header, sizeof header, "X-API-KEY: %s\r\n%s%s%s", rig.key, since != NULL ? "Last-Event-ID: " : "",
            since != NULL ? since : "", since != NULL ? "\r\n" : "");
    dm_eventsource_open(e, socket, target, header);
    assert_int_equal(e->status, 200);
}

static void watch_as(dm_eventsource *e, const dm_rig_in *in)
{
    char header[2048];
    (void)snprintf(header, sizeof header, "Cookie: %s\r\n", in->cookie);
    dm_eventsource_open(e, rig.socket, LIVE, header);
    assert_int_equal(e->status, 200);
}

static void expect(dm_eventsource *e, const char *name)
{
    if (!dm_eventsource_until(e, name, SOON_MS))
        fail_msg("no %s came", name);
}

/* Rounds by hand, until a stream that has just begun is met. */
static void met(replica *o, dm_eventsource *e)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + SOON_MS;
    do
        dm_live_round(o->api.live);
    while (!dm_eventsource_next(e, 5) && dm_mono_ms(&dm_clock_real) < until);
}

static const char *str(const json_t *o, const char *name)
{
    const char *v = json_string_value(json_object_get(o, name));
    return v != NULL ? v : "";
}

static int64_t num(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void create(char id[32])
{
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now()"); /* it beats: a test may take longer than it is believed */
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v1/projects/demo/sandboxes", "{\"template\":\"base\"}");
    if (said.status != 201)
        fail_msg("create: %d %s", said.status, said.text);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "id"));
}

static void act(const char *method, const char *id, const char *what)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/v1/projects/demo/sandboxes/%s%s", id, what);
    DM_AUTO_SAID said = dm_rig_ask(&rig, method, target, NULL);
    if (said.status != 200)
        fail_msg("%s %s: %d %s", method, target, said.status, said.text);
}

/* Until that sandbox is told to be in that state. */
static void becomes(dm_eventsource *e, const char *id, const char *state)
{
    do
        expect(e, "sandbox");
    while (strcmp(str(e->data, "id"), id) != 0 || strcmp(str(e->data, "state"), state) != 0);
}

/* --- what is told ------------------------------------------------------------------------------------------- */

static void all_of_it_and_then_what_changes(void **state)
{
    char id[32], target[128];
    DM_AUTO_EVENTS e;
    (void)state;
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    assert_int_equal(num(json_object_get(e.data, "counts"), "running"), 0);
    assert_int_equal(json_array_size(json_object_get(e.data, "sandboxes")), 0);
    assert_int_equal(json_array_size(json_object_get(e.data, "denials")), 0);
    assert_true(json_is_object(json_object_get(e.data, "cost")));
    assert_true(json_is_null(json_object_get(json_object_get(e.data, "cost"), "month"))); /* nothing closed: unknown */
    assert_true(json_is_null(json_object_get(json_object_get(e.data, "cost"), "as_of")));
    create(id);
    becomes(&e, id, "running");
    (void)snprintf(target, sizeof target, "/v1/projects/demo/sandboxes?q=%s", id);
    DM_AUTO_SAID list = dm_rig_ask(&rig, "GET", target, NULL);
    assert_true(json_equal(e.data, json_array_get(json_object_get(list.body, "rows"), 0))); /* one shape */
    expect(&e, "counts");
    assert_int_equal(num(e.data, "running"), 1);
    assert_int_equal(num(e.data, "created_1m"), 1);
    act("POST", id, "/pause");
    becomes(&e, id, "paused");
    act("POST", id, "/resume");
    becomes(&e, id, "running");
    (void)snprintf(target, sizeof target, "/sandboxes/%s/timeout", id);
    DM_AUTO_SAID longer = dm_rig_ask(&rig, "POST", target, "{\"timeout\":900}"); /* a change that is no transition */
    assert_int_equal(longer.status, 204);
    becomes(&e, id, "running");
    act("DELETE", id, "");
    becomes(&e, id, "ended");
    assert_string_equal(str(e.data, "cause"), "killed");
    expect(&e, "counts");
    assert_int_equal(num(e.data, "running"), 0);
}

static void whichever_replica_it_was_changed_at(void **state)
{
    char id[32];
    replica other;
    DM_AUTO_EVENTS here, there;
    (void)state;
    replica_start(&other, false);
    watch_on(&here, rig.socket, LIVE, NULL);
    watch_on(&there, other.socket, LIVE, NULL);
    expect(&here, "snapshot");
    expect(&there, "snapshot");
    create(id);
    becomes(&there, id, "running");
    becomes(&here, id, "running");
    dm_eventsource_close(&there);
    replica_stop(&other);
}

/* What is refused, and how often, as the list of refusals has it. */
static void refusals(void **state)
{
    dm_err err = {0};
    uint64_t dropped;
    DM_AUTO_EVENTS e;
    (void)state;
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID none = dm_rig_ask(&rig, "GET", "/sandboxes/i00000000000000000001", NULL);
        assert_int_equal(none.status, 404);
        assert_int_equal(dm_refusals_write(rig.api.refusals, rig.api.ops, &dropped, &err), 0);
        expect(&e, "denial");
        assert_string_equal(str(json_object_get(e.data, "denial"), "rule"), "sandbox.unknown");
        assert_int_equal(num(e.data, "count"), 1);
    }
    dm_rig_sql(&rig, "UPDATE dm.denial SET count = 7, last_at = clock_timestamp() WHERE denial_no ="
                     " (SELECT min(denial_no) FROM dm.denial)");
    expect(&e, "denial");
    assert_int_equal(num(e.data, "count"), 7);
}

#define ALERT                                                                                                          \
    "INSERT INTO dm.alert (account_no, project_no, month, budget, kind, mark, used, bound) SELECT account_no, "

/* An account's concerns each of its projects. */
static void alerts(void **state)
{
    DM_AUTO_EVENTS e;
    (void)state;
    dm_rig_sql(&rig, ALERT "0, '2026-11-01', 'money', 'percent', 50, 5, 10 FROM dm.project WHERE slug = 'demo'");
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    const json_t *one = json_array_get(json_object_get(e.data, "alerts"), 0);
    assert_int_equal(num(one, "mark"), 50);
    assert_true(json_is_null(json_object_get(one, "project")));
    dm_rig_sql(&rig, ALERT "project_no, '2026-11-01', 'seconds', 'percent', 80, 8, 10 FROM dm.project");
    expect(&e, "alert");
    assert_int_equal(num(e.data, "mark"), 80);
    assert_string_equal(str(e.data, "project"), "demo");
    dm_rig_sql(&rig, ALERT "0, '2026-11-01', 'money', 'ends', 0, 8, 10 FROM dm.project WHERE slug = 'demo'");
    expect(&e, "alert");
    assert_string_equal(str(e.data, "kind"), "ends");
}

/* A period that closes, and what the project has come to with it; a line of another project is not its own. */
static void a_period_closes(void **state)
{
    DM_AUTO_EVENTS e;
    (void)state;
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.period;"
                     "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-03-10T09:00Z', 3600,"
                     " now())");
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    assert_string_equal(str(json_object_get(e.data, "cost"), "as_of"), "2026-03-10T10:00:00.000000Z");
    assert_true(json_is_null(json_object_get(json_object_get(e.data, "cost"), "hour")));
    dm_rig_sql(&rig,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sku, charge_from,"
            " charge_to, seconds, qty, per_unit, amount) SELECT p.account_no, v.at::timestamptz, v.no, 'usage',"
            " p.project_no + v.other, 'vcpu-run', v.at::timestamptz, v.at::timestamptz, 1, 1, v.amount, v.amount"
            " FROM dm.project p, (VALUES ('2026-02-28T23:00Z', 1, 0, 100), ('2026-03-01T00:00Z', 1, 0, 0.5),"
            " ('2026-03-10T10:00Z', 1, 0, 0.25), ('2026-03-10T10:00Z', 2, 1000, 7)) v (at, no, other, amount)"
            " WHERE p.slug = 'demo';"
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s,"
            " hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature) SELECT account_no,"
            " '2026-03-10T10:00Z', 3600, 1, 'CNY', 0.25, 1, 0, 0, '', sha256(''), sha256(''), '\\x00',"
            " sha256('') || sha256('') FROM dm.project WHERE slug = 'demo';"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-03-10T10:00Z', 3600, now())");
    expect(&e, "cost");
    assert_string_equal(str(e.data, "hour"), "0.250000000000000000");
    assert_string_equal(str(e.data, "month"), "0.750000000000000000");
    assert_string_equal(str(e.data, "currency"), "CNY");
    assert_string_equal(str(e.data, "as_of"), "2026-03-10T11:00:00.000000Z");
    expect(&e, "period");
    assert_string_equal(str(e.data, "closed_through"), "2026-03-10T11:00:00.000000Z");
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.statement_line; DELETE FROM dm.statement; "
                     "DELETE FROM dm.usage_owed;"
                     "DELETE FROM dm.period");
}

/* What is open is told as it grows, and what of it a statement has taken comes as the cost. */
static void what_is_open_moves(void **state)
{
    DM_AUTO_EVENTS e;
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; INSERT INTO dm.period (period_start, period_s, closed_at)"
            " VALUES ('2026-03-10T09:00Z', 3600, now());"
            "INSERT INTO dm.spend_open SELECT account_no, project_no + v.other, '2026-03-10T10:00Z', v.part, v.amount, "
            "7,"
            " 0.001, 2, now() FROM dm.project, (VALUES (0, 0, 0.25), (0, 1, 0.5), (1000, 0, 9)) v (other, part, amount)"
            " WHERE slug = 'demo'");
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    const json_t *open = json_object_get(e.data, "spend");
    assert_string_equal(str(open, "amount"), "0.750000000000000000");
    expect(&e, "spend");
    assert_string_equal(str(e.data, "amount"), "0.750000000000000000");
    assert_string_equal(str(e.data, "per_second"), "0.002000000000000000");
    assert_string_equal(str(e.data, "currency"), "CNY");
    assert_int_equal(json_integer_value(json_object_get(e.data, "running")), 4);
    assert_int_equal(json_integer_value(json_object_get(e.data, "running_seconds")), 14);
    assert_non_null(str(e.data, "as_of"));
    dm_rig_sql(&rig, "SET session_replication_role = replica; UPDATE dm.spend_open SET amount = amount + 0.25,"
                     " running_s = 8, through = now() - interval '2 minutes' WHERE part = 1");
    expect(&e, "spend");
    assert_string_equal(str(e.data, "amount"), "1.000000000000000000");
    assert_string_equal(str(e.data, "per_second"), "0.001000000000000000"); /* what is not heard of comes to nothing */
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.spend_open;"
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sku, charge_from,"
            " charge_to, seconds, qty, per_unit, amount) SELECT account_no, '2026-03-10T10:00Z', 1, 'usage', "
            "project_no,"
            " 'vcpu-run', '2026-03-10T10:00Z', '2026-03-10T11:00Z', 1, 1, 1, 1 FROM dm.project WHERE slug = 'demo';"
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s,"
            " hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature) SELECT account_no,"
            " '2026-03-10T10:00Z', 3600, 1, 'CNY', 1, 1, 0, 0, '', sha256(''), sha256(''), '\\x00',"
            " sha256('') || sha256('') FROM dm.project WHERE slug = 'demo'");
    expect(&e, "spend");
    assert_string_equal(str(e.data, "amount"), "0");
    assert_true(json_is_null(json_object_get(e.data, "as_of")));
    expect(&e, "cost");
    assert_string_equal(str(e.data, "month"), "1.000000000000000000");
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.statement_line; DELETE FROM dm.statement; "
                     "DELETE FROM dm.usage_owed; DELETE FROM dm.period");
}

static void once_for_who_cannot_hold_it(void **state)
{
    char id[32];
    (void)state;
    create(id);
    DM_AUTO_SAID said = dm_rig_ask(&rig, "GET", LIVE "?once=1", NULL);
    assert_int_equal(said.status, 200);
    assert_int_equal(num(json_object_get(said.body, "counts"), "running"), 1);
    assert_string_equal(str(json_array_get(json_object_get(said.body, "sandboxes"), 0), "id"), id);
    DM_AUTO_SAID bad = dm_rig_ask(&rig, "GET", LIVE "?once=2", NULL);
    assert_int_equal(bad.status, 400);
}

/* --- coming again ------------------------------------------------------------------------------------------- */

static void from_where_he_left_off(void **state)
{
    char a[32], b[32], last[32];
    replica other;
    DM_AUTO_EVENTS e;
    (void)state;
    create(a);
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    (void)snprintf(last, sizeof last, "%s", e.last);
    dm_eventsource_close(&e);
    create(b); /* while he is away */
    replica_start(&other, false);
    watch_on(&e, other.socket, LIVE, last); /* and at another replica */
    assert_true(dm_eventsource_next(&e, SOON_MS));
    assert_string_equal(e.name, "sandbox"); /* no snapshot: what he missed */
    while (strcmp(str(e.data, "id"), b) != 0)
        expect(&e, "sandbox");
    expect(&e, "counts");
    assert_int_equal(num(e.data, "running"), 2);
    dm_eventsource_close(&e);
    watch_on(&e, other.socket, LIVE "?since=1", NULL); /* of long ago */
    assert_true(dm_eventsource_next(&e, SOON_MS));
    assert_string_equal(e.name, "snapshot");
    dm_eventsource_close(&e);
    watch_on(&e, other.socket, LIVE, "9999999999999999999"); /* none of ours */
    assert_true(dm_eventsource_next(&e, SOON_MS));
    assert_string_equal(e.name, "snapshot");
    dm_eventsource_close(&e);
    replica_stop(&other);
}

/* So many sandboxes, as rows alone. */
static void rows(unsigned n)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, key_no, template_id,"
            " build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, metadata)"
            " SELECT p.account_no, p.project_no, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'running', 1, 1, 1, 'x',"
            " gen_random_uuid(), 1, 256, 1, 1, 1024, true, 60, jsonb_build_object('k', repeat('v', 500))"
            " FROM dm.project p, generate_series(1, %u) n WHERE p.slug = 'demo'",
            n);
    dm_rig_sql(&rig, sql);
}

static void touched(void)
{
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET changed_at = clock_timestamp()");
}

/* Of so many at once a snapshot is told, for each alone would be no news any more. */
static void too_many_to_tell(void **state)
{
    replica other;
    DM_AUTO_EVENTS e;
    (void)state;
    replica_start(&other, true);
    rows(300);
    watch_on(&e, other.socket, LIVE, NULL);
    met(&other, &e);
    assert_string_equal(e.name, "snapshot");
    touched();
    dm_live_round(other.api.live);
    assert_true(dm_eventsource_next(&e, SOON_MS));
    assert_string_equal(e.name, "snapshot");
    assert_int_equal(num(json_object_get(e.data, "counts"), "running"), 300);
    assert_null(json_object_get(e.data, "cost")); /* it has not changed, and is not summed up for each of these */
    dm_eventsource_close(&e);
    replica_stop(&other);
}

static void who_does_not_read_is_dropped(void **state)
{
    char last[32];
    replica other;
    DM_AUTO_EVENTS e, reads;
    (void)state;
    replica_start(&other, true);
    rows(100);
    watch_on(&e, other.socket, LIVE, NULL);
    watch_on(&reads, other.socket, LIVE, NULL);
    met(&other, &reads);
    for (int i = 0; i < 30; i++) { /* a hundred kilobytes each */
        touched();
        dm_live_round(other.api.live);
        for (int k = 0; k < 100; k++)
            expect(&reads, "sandbox");
    }
    touched();
    dm_live_round(other.api.live);
    expect(&reads, "sandbox"); /* who reads has all of it, */
    while (dm_eventsource_next(&e, SOON_MS))
        (void)snprintf(last, sizeof last, "%s", e.last);
    assert_true(dm_eventsource_ends(&e, SOON_MS)); /* who does not is let go, */
    dm_eventsource_close(&e);
    watch_on(&e, other.socket, LIVE, last); /* and may come again */
    met(&other, &e);
    assert_string_equal(e.name, "sandbox");
    dm_eventsource_close(&e);
    dm_eventsource_close(&reads);
    replica_stop(&other);
}

static void a_beat_while_nothing_changes(void **state)
{
    replica other;
    DM_AUTO_EVENTS e;
    (void)state;
    replica_start(&other, true);
    watch_on(&e, other.socket, LIVE, NULL);
    met(&other, &e);
    assert_string_equal(e.name, "snapshot");
    dm_clock_fake_move(&other.clock, 14000000);
    dm_live_round(other.api.live);
    assert_false(dm_eventsource_next(&e, MOMENT_MS));
    dm_clock_fake_move(&other.clock, 1000000);
    dm_live_round(other.api.live);
    assert_true(dm_eventsource_next(&e, SOON_MS));
    assert_string_equal(e.name, "beat");
    assert_true(str(e.data, "as_of")[0] != '\0');
    dm_eventsource_close(&e);
    replica_stop(&other);
}

/* --- who may ------------------------------------------------------------------------------------------------ */

static void what_he_may_see(void **state)
{
    DM_AUTO_EVENTS e;
    (void)state;
    dm_rig_in billing = dm_rig_person(&rig, "b@x.test", "billing", true);
    DM_AUTO_SAID not = dm_rig_call_in(&rig, &billing, "GET", LIVE, NULL);
    assert_int_equal(not .status, 403);
    DM_AUTO_SAID others = dm_rig_ask(&rig, "GET", "/v1/projects/nowhere/live", NULL);
    assert_int_equal(others.status, 404);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = '{sandbox.read}' WHERE made_by NOT LIKE 'person:%'");
    dm_auth_forget(rig.api.auth);
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    assert_true(json_is_array(json_object_get(e.data, "sandboxes")));
    assert_true(json_is_null(json_object_get(e.data, "cost")));
    assert_true(json_is_null(json_object_get(e.data, "denials")));
    dm_rig_sql(&rig, "UPDATE dm.api_key SET rights = NULL; UPDATE dm.account SET blocked = 'unpaid'");
    dm_auth_forget(rig.api.auth);
    dm_eventsource_close(&e);
    watch_on(&e, rig.socket, LIVE, NULL); /* a blocked account still sees */
    expect(&e, "snapshot");
}

/* As soon as it is heard that something about who may has changed (api/main.c hears it). */
static void as_long_as_he_may(void **state)
{
    char id[32];
    DM_AUTO_EVENTS stays, signs_out, leaves;
    (void)state;
    dm_rig_in a = dm_rig_person(&rig, "a@x.test", "viewer", false),
              b = dm_rig_person(&rig, "b@x.test", "viewer", false),
              c = dm_rig_person(&rig, "c@x.test", "viewer", false);
    watch_as(&stays, &a);
    watch_as(&signs_out, &b);
    watch_as(&leaves, &c);
    expect(&stays, "snapshot");
    expect(&signs_out, "snapshot");
    expect(&leaves, "snapshot");
    dm_rig_sql(&rig, "UPDATE dm.session SET ended_at = now() FROM dm.person p WHERE session.person_no = p.person_no AND"
                     " p.email = 'b@x.test';"
                     "DELETE FROM dm.member USING dm.person p WHERE member.person_no = p.person_no AND"
                     " p.email = 'c@x.test'");
    dm_live_doubt(rig.api.live);
    assert_true(dm_eventsource_ends(&signs_out, SOON_MS));
    assert_true(dm_eventsource_ends(&leaves, SOON_MS));
    create(id);
    becomes(&stays, id, "running");
}

/* An operator who looks as the tenant, until the look is over. */
static void as_long_as_he_looks(void **state)
{
    char id[32], target[256], header[4096];
    DM_AUTO_EVENTS e;
    (void)state;
    dm_rig_in op = dm_rig_operator(&rig, "ann");
    (void)snprintf(target, sizeof target, "/v1/ops/accounts/%s/impersonate", rig.tenants.demo.project.account_id);
    DM_AUTO_SAID look = dm_rig_call_in(&rig, &op, "POST", target, "{\"reason\":\"ticket 12\"}");
    assert_int_equal(look.status, 201);
    const char *cookie = dm_said_header(&look, "Set-Cookie");
    assert_non_null(cookie);
    (void)snprintf(header, sizeof header, "Cookie: %.*s\r\nDormouse-Look: %s\r\n", (int)strcspn(cookie, ";"), cookie,
            dm_said_str(&look, "id"));
    dm_eventsource_open(&e, rig.socket, LIVE, header);
    assert_int_equal(e.status, 200);
    expect(&e, "snapshot");
    dm_live_doubt(rig.api.live); /* it goes on */
    create(id);
    becomes(&e, id, "running");
    dm_rig_sql(&rig, "UPDATE dm.look SET until = now() - interval '1 s'"); /* as its quarter of an hour passes */
    assert_true(dm_eventsource_ends(&e, SOON_MS));
}

static void a_key_that_is_revoked(void **state)
{
    DM_AUTO_EVENTS e;
    (void)state;
    watch_on(&e, rig.socket, LIVE, NULL);
    expect(&e, "snapshot");
    dm_rig_sql(&rig, "UPDATE dm.api_key SET revoked_at = now()");
    dm_auth_forget(rig.api.auth);
    dm_live_doubt(rig.api.live);
    bool ended = dm_eventsource_ends(&e, SOON_MS);
    dm_rig_sql(&rig, "UPDATE dm.api_key SET revoked_at = NULL");
    dm_auth_forget(rig.api.auth);
    assert_true(ended);
}

static void so_many_at_once(void **state)
{
    dm_eventsource all[DM_LIVE_MINE_MAX];
    (void)state;
    for (size_t i = 0; i < DM_LEN(all); i++)
        watch_on(&all[i], rig.socket, LIVE, NULL);
    DM_AUTO_SAID one_more = dm_rig_ask(&rig, "GET", LIVE, NULL);
    assert_int_equal(one_more.status, 429);
    assert_non_null(strstr(one_more.text, "live.at_once"));
    for (size_t i = 0; i < DM_LEN(all); i++)
        expect(&all[i], "snapshot");
    for (size_t i = 0; i < DM_LEN(all); i++)
        dm_eventsource_close(&all[i]);
    for (int tries = 0;; tries++) { /* who has left is missed within two seconds */
        dm_eventsource e;
        char header[128];
        (void)snprintf(header, sizeof header, "X-API-KEY: %s\r\n", rig.key);
        dm_eventsource_open(&e, rig.socket, LIVE, header);
        int status = e.status;
        dm_eventsource_close(&e);
        if (status == 200)
            break;
        assert_true(tries < 100000);
    }
}

int main(void)
{
#define TEST(name) DM_RIG_TEST(name, &rig)
    const struct CMUnitTest tests[] = {TEST(all_of_it_and_then_what_changes), TEST(whichever_replica_it_was_changed_at),
            TEST(refusals), TEST(alerts), TEST(a_period_closes), TEST(what_is_open_moves),
            TEST(once_for_who_cannot_hold_it), TEST(from_where_he_left_off), TEST(too_many_to_tell),
            TEST(who_does_not_read_is_dropped), TEST(a_beat_while_nothing_changes), TEST(what_he_may_see),
            TEST(as_long_as_he_may), TEST(as_long_as_he_looks), TEST(a_key_that_is_revoked), TEST(so_many_at_once)};
#undef TEST
    dm_rig_start(&rig, 4);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
