/* The worker's end against a guest of the test's own making, who is not always honest. */
/* Covers workers/vmm/agent_line.c. */
#include <stdio.h>
#include <sys/socket.h>

#include "tests/support/vmmrig.h"
#include "workers/vmm/agent.h"

typedef struct owner {
    unsigned dones, events;
    int r;
    dm_err err;
    char answer[256], event[64];
    dm_agent *agent;
    bool free_on_done;
} owner;

static void on_event(void *arg, const char *event, const json_t *line)
{
    owner *o = arg;
    o->events++;
    assert_true(json_is_object(line));
    (void)snprintf(o->event, sizeof(o->event), "%s", event);
}

static void on_done(void *arg, int r, const json_t *answer, const dm_err *err)
{
    owner *o = arg;
    o->dones++;
    o->r = r;
    if (r < 0)
        o->err = *err;
    const char *text = json_string_value(json_object_get(answer, "x"));
    (void)snprintf(o->answer, sizeof(o->answer), "%s", text != NULL ? text : "");
    if (o->free_on_done)
        dm_agent_free(dm_steal(&o->agent));
}

static void open_agent(rig *g, owner *o)
{
    assert_int_equal(dm_agent_new(g->loop, g->ours, on_event, o, &o->agent, NULL), 0);
    g->ours = -1;
}

/* The guest reads the sync and echoes it. */
static void echo_sync(rig *g)
{
    char line[256], echo[300];
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "");
    rig_hear(g, line, sizeof(line));
    assert_true(strncmp(line, "{\"op\":\"sync\",\"nonce\":\"", 22) == 0);
    assert_int_equal(strlen(line), 22 + DM_GUEST_NONCE + 2);
    (void)snprintf(echo, sizeof(echo), "%s\n", line);
    rig_say(g, echo);
}

static void calls_wait_for_the_sync(void **state)
{
    rig *g = *state;
    owner o = {0};
    char line[256];
    open_agent(g, &o);
    assert_int_equal(dm_agent_warm(o.agent, 2, 5000, on_done, &o, NULL), 0);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), 0);
    /* What the guest's memory still had to say is dropped: the end of a line, an answer, an event, an old sync. */
    rig_say(g, "k\":true}\n{\"seq\":1,\"ok\":true,\"x\":\"old\"}\n{\"event\":\"ready\"}\n"
               "{\"op\":\"sync\",\"nonce\":\"00000000000000000000000000000000\"}\n");
    rig_pump(g, 10000);
    assert_int_equal(o.dones, 0);
    assert_int_equal(o.events, 0);
    echo_sync(g);
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "{\"op\":\"warm\",\"seq\":1,\"rounds\":2}");
    rig_pump(g, 5000);
    assert_int_equal(recv(g->peer, line, 1, MSG_DONTWAIT), -1); /* one at a time */
    rig_say(g, "{\"seq\":1,\"ok\":true,\"x\":\"one\"}\n");
    rig_until(g, &o.dones, 1);
    assert_string_equal(o.answer, "one");
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "{\"op\":\"stats\",\"seq\":2}");
    rig_say(g, "{\"event\":\"oom\",\"pid\":5}\n{\"seq\":2,\"ok\":false,\"error\":\"no\\u0007 way\"}\n");
    rig_until(g, &o.dones, 2);
    assert_string_equal(o.event, "oom");
    assert_int_equal(o.r, DM_E_DENIED);
    assert_says(o.err, "no? way");
    dm_agent_free(o.agent);
}

static void resume_has_fresh_seed_and_time(void **state)
{
    rig *g = *state;
    owner o = {0};
    char one[1024], two[1024];
    char name[] = "iabc", host[] = "h", none[] = "", user[] = "user";
    json_t *env = json_pack("{s:s}", "A", "b");
    dm_guest_resume m = {.generation = 3,
            .sandbox = name,
            .template_id = none,
            .hostname = host,
            .token = none,
            .user = user,
            .workdir = none,
            .env = env,
            .fresh = true};
    open_agent(g, &o);
    assert_int_equal(dm_agent_resume(o.agent, &m, 5000, on_done, &o, NULL), 0);
    assert_int_equal(dm_agent_resume(o.agent, &m, 5000, on_done, &o, NULL), 0);
    json_decref(env); /* it was copied */
    memset(name, 'z', 4);
    echo_sync(g);
    rig_hear(g, one, sizeof(one));
    rig_say(g, "{\"seq\":1,\"ok\":true}\n");
    rig_hear(g, two, sizeof(two));
    DM_AUTO(json_t) first = json_loads(one, 0, NULL);
    DM_AUTO(json_t) second = json_loads(two, 0, NULL);
    dm_guest_resume a, b;
    assert_int_equal(dm_guest_resume_read(first, &a, NULL), 0);
    assert_int_equal(dm_guest_resume_read(second, &b, NULL), 0);
    assert_string_equal(a.sandbox, "iabc");
    assert_int_equal(a.generation, 3);
    assert_string_equal(json_string_value(json_object_get(a.env, "A")), "b");
    assert_string_not_equal(a.seed, b.seed);
    int64_t off = dm_wall_us(&dm_clock_real) - a.wall_us;
    assert_in_range(off, 0, 10000000);
    dm_guest_resume_done(&a);
    dm_guest_resume_done(&b);
    dm_agent_free(o.agent);
}

static void late_answer_is_not_anothers(void **state)
{
    rig *g = *state;
    owner o = {0};
    char line[256];
    open_agent(g, &o);
    echo_sync(g);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 30, on_done, &o, NULL), 0);
    rig_until(g, &o.dones, 1);
    assert_int_equal(o.r, DM_E_TIMEOUT);
    assert_int_equal(dm_agent_simple(o.agent, "quiesce", 5000, on_done, &o, NULL), 0);
    rig_hear(g, line, sizeof(line)); /* the stats */
    rig_say(g, "{\"seq\":1,\"ok\":true,\"x\":\"late\"}\n{\"seq\":2,\"ok\":true,\"x\":\"forged\"}\n");
    rig_pump(g, 5000);
    assert_int_equal(o.dones, 1);
    echo_sync(g);
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "{\"op\":\"quiesce\",\"seq\":2}");
    rig_say(g, "{\"seq\":2,\"ok\":true,\"x\":\"right\"}\n");
    rig_until(g, &o.dones, 2);
    assert_string_equal(o.answer, "right");
    assert_int_equal(o.events, 0);
    dm_agent_free(o.agent);
}

static void nobody_answers(void **state)
{
    rig *g = *state;
    owner o = {0};
    open_agent(g, &o);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 40, on_done, &o, NULL), 0);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 20, on_done, &o, NULL), 0);
    rig_until(g, &o.dones, 2);
    assert_int_equal(o.r, DM_E_TIMEOUT);
    dm_agent_free(o.agent);
}

static void a_lie_loses_the_channel(void **state)
{
    static const char *const lies[] = {"{\"seq\":9,\"ok\":true}\n", "{\"seq\":1,\"ok\":1}\n", "nonsense\n", "[]\n",
            "{\"event\":\"Bad Name\"}\n", "{\"event\":7}\n", "{\"op\":\"sync\",\"nonce\":\"short\"}\n",
            "{\"seq\":1,\"seq\":1,\"ok\":true}\n", "{\"event\":\"lost\"}\n"};
    rig *g = *state;
    for (size_t i = 0; i < DM_LEN(lies); i++) {
        owner o = {0};
        rig_connect(g);
        open_agent(g, &o);
        echo_sync(g);
        assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), 0);
        assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), 0);
        rig_say(g, lies[i]);
        rig_until(g, &o.events, 1);
        assert_string_equal(o.event, "lost");
        assert_int_equal(o.dones, 2);
        assert_int_equal(o.r, DM_E_PROTO);
        assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), DM_E_UNAVAILABLE);
        dm_agent_free(o.agent);
    }
}

static void may_be_freed_by_an_answer(void **state)
{
    rig *g = *state;
    owner o = {.free_on_done = true};
    open_agent(g, &o);
    echo_sync(g);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), 0);
    assert_int_equal(dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL), 0);
    rig_say(g, "{\"seq\":1,\"ok\":true}\n{\"seq\":2,\"ok\":true}\n");
    rig_until(g, &o.dones, 1);
    rig_pump(g, 5000);
    assert_int_equal(o.dones, 1);
}

static void on_port(void *arg, int r, const json_t *answer, const dm_err *err)
{
    (void)err;
    assert_int_equal(r, 0);
    dm_agent_port_read(answer, arg);
}

static void asks_for_a_port(void **state)
{
    rig *g = *state;
    owner o = {0};
    char line[256];
    static const struct {
        const char *answer;
        dm_agent_port_at at;
    } rows[] = {{"\"listening\":false", {false, 0}}, {"\"listening\":true", {true, 0}},
            {"\"listening\":true,\"forward\":64512", {true, 64512}},
            {"\"listening\":true,\"forward\":65536", {true, 0}}, {"\"listening\":true,\"forward\":-1", {true, 0}},
            {"\"listening\":1,\"forward\":\"80\"", {false, 0}}};
    open_agent(g, &o);
    echo_sync(g);
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        dm_agent_port_at at = {.forward = 7};
        char said[128], wanted[64];
        assert_int_equal(dm_agent_port(o.agent, 8080, 5000, on_port, &at, NULL), 0);
        rig_hear(g, line, sizeof(line));
        (void)snprintf(wanted, sizeof(wanted), "{\"op\":\"port\",\"seq\":%zu,\"port\":8080}", i + 1);
        assert_string_equal(line, wanted);
        (void)snprintf(said, sizeof(said), "{\"seq\":%zu,\"ok\":true,%s}\n", i + 1, rows[i].answer);
        rig_say(g, said);
        for (int n = 0; n < 1000 && at.forward == 7; n++)
            rig_pump(g, 1000);
        assert_int_equal(at.listening, rows[i].at.listening);
        assert_int_equal(at.forward, rows[i].at.forward);
    }
    dm_agent_free(o.agent);
}

static void the_queue_is_bounded(void **state)
{
    rig *g = *state;
    owner o = {0};
    open_agent(g, &o);
    int r = 0, n = 0;
    while (r == 0 && n < 1000) {
        r = dm_agent_simple(o.agent, "stats", 5000, on_done, &o, NULL);
        n++;
    }
    assert_int_equal(r, DM_E_LIMIT);
    assert_int_equal(n, 33);
    dm_agent_free(o.agent);
    assert_int_equal(o.dones, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(calls_wait_for_the_sync, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(resume_has_fresh_seed_and_time, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(late_answer_is_not_anothers, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(nobody_answers, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(a_lie_loses_the_channel, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(may_be_freed_by_an_answer, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(asks_for_a_port, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(the_queue_is_bounded, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
