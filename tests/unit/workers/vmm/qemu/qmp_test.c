/* The client against a QEMU of the test's own making, and once with the words of a real one. */
/* Covers workers/vmm/qemu/qmp_msg.c. */
#include <stdio.h>

#include "tests/support/vmmrig.h"
#include "workers/vmm/qemu/qmp.h"

#define GREETING                                                                                                       \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "                                 \
    "\"package\": \"Debian 1:10.0.2+ds-2+deb13u1~bpo12+1\"}, \"capabilities\": [\"oob\"]}}\r\n"

typedef struct owner {
    unsigned ready, events, ends, dones;
    char version[64], event[64], reason[64];
    int r;
    dm_err err;
    dm_qmp *qmp;
    bool free_on_done;
} owner;

static void on_ready(void *arg, const char *version)
{
    owner *o = arg;
    o->ready++;
    (void)snprintf(o->version, sizeof(o->version), "%s", version);
}

static void on_event(void *arg, const char *name, const json_t *data)
{
    owner *o = arg;
    o->events++;
    (void)snprintf(o->event, sizeof(o->event), "%s", name);
    const char *reason = json_string_value(json_object_get(data, "reason"));
    (void)snprintf(o->reason, sizeof(o->reason), "%s", reason != NULL ? reason : "");
}

static void on_end(void *arg, const dm_err *why)
{
    owner *o = arg;
    o->ends++;
    o->err = *why;
}

static void on_done(void *arg, int r, const json_t *value, const dm_err *err)
{
    owner *o = arg;
    o->dones++;
    o->r = r;
    assert_true((r == 0) == (value != NULL));
    if (r < 0)
        o->err = *err;
    if (o->free_on_done)
        dm_qmp_free(dm_steal(&o->qmp));
}

static void open_qmp(rig *g, owner *o)
{
    const dm_qmp_config c = {.on_ready = on_ready, .on_event = on_event, .on_end = on_end, .arg = o};
    assert_int_equal(dm_qmp_new(g->loop, g->ours, &c, &o->qmp, NULL), 0);
    g->ours = -1;
}

static void greet(rig *g, owner *o)
{
    char line[256];
    open_qmp(g, o);
    rig_say(g, GREETING);
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "{\"execute\":\"qmp_capabilities\",\"id\":1}");
    rig_say(g, "{\"return\": {}, \"id\": 1}\r\n");
    rig_until(g, &o->ready, 1);
}

static int ask(owner *o, const char *command, unsigned ms)
{
    return dm_qmp_call(o->qmp, command, (dm_str){.n = 0}, -1, ms, on_done, o, &o->err);
}

static void greets(void **state)
{
    rig *g = *state;
    owner o = {0};
    greet(g, &o);
    assert_string_equal(o.version, "10.0.2 Debian 1:10.0.2+ds-2+deb13u1~bpo12+1");
    dm_qmp_free(o.qmp);
}

static void answers_are_matched_by_id(void **state)
{
    rig *g = *state;
    owner o = {0};
    char line[256];
    greet(g, &o);
    assert_int_equal(ask(&o, "stop", 1000), 0);
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "{\"execute\":\"stop\",\"id\":2}");
    /* An answer to what somebody before us had half written, an event, then ours. */
    rig_say(g, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n"
               "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"STOP\"}\r\n"
               "{\"return\": {}, \"id\": 7}\r\n"
               "{\"return\": {}, \"id\": 2}\r\n");
    rig_until(g, &o.dones, 1);
    assert_int_equal(o.r, 0);
    assert_int_equal(o.events, 1);
    assert_string_equal(o.event, "STOP");
    assert_int_equal(ask(&o, "cont", 1000), 0);
    rig_say(g, "{\"id\": 3, \"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\r\n");
    rig_until(g, &o.dones, 2);
    assert_int_equal(o.r, DM_E_DENIED);
    assert_says(o.err, "QEMU says: no");
    dm_qmp_free(o.qmp);
}

static void shutdown_has_a_reason(void **state)
{
    rig *g = *state;
    owner o = {0};
    greet(g, &o);
    rig_say(g, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", "
               "\"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n");
    rig_until(g, &o.events, 1);
    assert_string_equal(o.reason, "guest-reset");
    dm_qmp_free(o.qmp);
}

static void deadline_passes_and_late_answer_is_dropped(void **state)
{
    rig *g = *state;
    owner o = {0};
    greet(g, &o);
    assert_int_equal(ask(&o, "stop", 20), 0);
    assert_int_equal(ask(&o, "query-status", 5000), 0);
    rig_until(g, &o.dones, 1);
    assert_int_equal(o.r, DM_E_TIMEOUT);
    rig_say(g, "{\"return\": {}, \"id\": 2}\r\n{\"return\": {}, \"id\": 3}\r\n");
    rig_until(g, &o.dones, 2);
    assert_int_equal(o.r, 0);
    assert_int_equal(o.ends, 0);
    dm_qmp_free(o.qmp);
}

static void end_fails_what_is_under_way(void **state)
{
    rig *g = *state;
    owner o = {0};
    greet(g, &o);
    assert_int_equal(ask(&o, "a", 5000), 0);
    assert_int_equal(ask(&o, "b", 5000), 0);
    dm_fd_closep(&g->peer);
    rig_until(g, &o.ends, 1);
    assert_int_equal(o.dones, 2);
    assert_int_equal(ask(&o, "c", 5000), DM_E_UNAVAILABLE);
    dm_qmp_free(o.qmp);
}

static void may_be_freed_by_an_answer(void **state)
{
    rig *g = *state;
    owner o = {.free_on_done = true};
    greet(g, &o);
    assert_int_equal(ask(&o, "a", 5000), 0);
    assert_int_equal(ask(&o, "b", 5000), 0);
    dm_fd_closep(&g->peer); /* the first failure frees it: the second must not be told */
    rig_until(g, &o.dones, 1);
    rig_pump(g, 5000);
    assert_int_equal(o.dones, 1);
    assert_int_equal(o.ends, 0);
}

static void too_many_calls(void **state)
{
    rig *g = *state;
    owner o = {0};
    greet(g, &o);
    for (int i = 0; i < DM_QMP_CALLS; i++)
        assert_int_equal(ask(&o, "a", 5000), 0);
    assert_int_equal(ask(&o, "a", 5000), DM_E_LIMIT);
    dm_qmp_free(o.qmp);
}

static void nonsense_ends_it(void **state)
{
    static const char *const lines[] = {"hello\n", "[]\n", "{}\n", "{\"return\": {}, \"id\": \"x\"}\n", GREETING,
            "{\"event\": 5}\n", "{\"event\": \"X\", \"data\": []}\n", "{\"event\": \"a\\nb\"}\n",
            "{\"return\": {}, \"id\": -1}\n"};
    rig *g = *state;
    for (size_t i = 0; i < DM_LEN(lines); i++) {
        owner o = {0};
        rig_connect(g);
        greet(g, &o);
        rig_say(g, lines[i]);
        rig_until(g, &o.ends, 1);
        assert_int_equal(o.err.code, DM_E_PROTO);
        dm_qmp_free(o.qmp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(greets, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(answers_are_matched_by_id, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(shutdown_has_a_reason, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(deadline_passes_and_late_answer_is_dropped, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(end_fails_what_is_under_way, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(may_be_freed_by_an_answer, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(too_many_calls, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(nonsense_ends_it, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
