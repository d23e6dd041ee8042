/* What the door is told at once, and who has to wait; guests here hear and say nothing. That a port is found needs one
 * that does: tests/conformance. */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "workers/host/machine/parts.h"
#include "workers/host/orders.h"
#include "workers/host/parts.h"

static dm_worker worker;
static dm_host host;
static dm_orders all = {.w = &worker};

static int asked(const char *target)
{
    const dm_http_config table = {
            .routes = dm_worker_metrics_routes, .nroutes = dm_worker_metrics_nroutes, .ctx = &all};
    DM_AUTO(dm_req) req = NULL;
    assert_int_equal(dm_http_call(&table, "GET", target, NULL, 0, (dm_str){NULL, 0}, &req, NULL), 0);
    return req->reply.status;
}

static void only_what_runs(void **state)
{
    (void)state;
    dm_box box = {.w = &worker, .epoch = 3, .state = DM_BOX_RUNNING, .slot = -1};
    /* The agent's own port is never asked about: the machine is not looked at. */
    _Alignas(max_align_t) static char machine[16];
    box.machine = (dm_machine *)(void *)machine;
    assert_int_equal(dm_sandbox_id_parse(DM_STR("i0123456789abcdefghij"), &box.id, NULL), 0);
    assert_int_equal(dm_boxes_link(worker.boxes, &box, NULL), 0);
    assert_int_equal(asked("/dial/i0123456789abcdefghij/3/49983"), 204);
    assert_int_equal(asked("/dial/i0123456789abcdefghij/2/49983"), 403);
    assert_int_equal(asked("/dial/i0123456789abcdefghij/2/80"), 403);
    assert_int_equal(asked("/dial/i00000000000000000000/3/80"), 403);
    for (dm_box_state s = 0; s < DM_BOX_STATES; s++) {
        box.state = s;
        assert_int_equal(asked("/dial/i0123456789abcdefghij/3/49983"), s == DM_BOX_RUNNING ? 204 : 403);
    }
    static const char *const bad[] = {"/dial/x/3/80", "/dial/i0123456789abcdefghij/0/80",
            "/dial/i0123456789abcdefghij/3/0", "/dial/i0123456789abcdefghij/3/65536",
            "/dial/i0123456789abcdefghij/99999999999/80"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(asked(bad[i]), 400);
}

/* --- bounds ------------------------------------------------------------------------------------------------- */

/* Eleven sandboxes: nine of project 5, two of project 6. */
enum {
    OF_5 = 9,
    CROWD = OF_5 + 2,
    PORTS = DM_DIALS_MAX / DM_WORKER_SHARE,        /* of one project, */
    REQUESTS = DM_DIALS_WAITING / DM_WORKER_SHARE, /* and requests that wait for them */
};

static dm_req *waits[DM_DIALS_WAITING + 1];
static size_t nwaits;
static int guests[CROWD];

static int mute(dm_vm *vm, int *out, dm_err *err)
{
    int fds[2];
    (void)err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    guests[(size_t)(uintptr_t)vm - 1] = fds[1];
    *out = fds[0];
    return 0;
}

static const dm_vmm_driver muted = {.agent_fd = mute};

/* Whether the question about this port of the nth sandbox waits; else it is answered that the door may try. */
static bool waiting(unsigned nth, unsigned port)
{
    char target[80];
    const dm_http_config table = {
            .routes = dm_worker_metrics_routes, .nroutes = dm_worker_metrics_nroutes, .ctx = &all};
    dm_req *req = NULL;
    (void)snprintf(target, sizeof(target), "/dial/i000000000000000000%02u/1/%u", nth, port);
    int r = dm_http_call(&table, "GET", target, NULL, 0, (dm_str){NULL, 0}, &req, NULL);
    if (r == DM_HTTP_LATER) {
        waits[nwaits++] = req;
        return true;
    }
    assert_int_equal(r, 0);
    assert_int_equal(req->reply.status, 204);
    dm_req_free(req);
    return false;
}

/* Whoever knocks at closed ports of his own takes his share of the places, and the others have theirs. */
static void a_project_has_its_share(void **state)
{
    static dm_box boxes[CROWD];
    static dm_machine machines[CROWD];
    (void)state;
    host.driver = &muted;
    for (unsigned i = 0; i < CROWD; i++) {
        char name[32];
        machines[i] = (dm_machine){.h = &host, .vm = (dm_vm *)(uintptr_t)(i + 1)};
        boxes[i] = (dm_box){.w = &worker, .epoch = 1, .state = DM_BOX_RUNNING, .slot = -1, .machine = &machines[i]};
        boxes[i].admit.project_no = i < OF_5 ? 5 : 6;
        (void)snprintf(name, sizeof(name), "i000000000000000000%02u", i);
        assert_int_equal(dm_sandbox_id_parse(dm_str_c(name), &boxes[i].id, NULL), 0);
        assert_int_equal(dm_boxes_link(worker.boxes, &boxes[i], NULL), 0);
    }
    for (unsigned n = 0; n < PORTS; n++) /* eight of each */
        assert_true(waiting(n / DM_DIALS_EACH, 1000 + n % DM_DIALS_EACH));
    assert_false(waiting(0, 2000));        /* a ninth of one sandbox, */
    assert_false(waiting(OF_5 - 1, 1000)); /* and a first of another of theirs */
    assert_true(waiting(OF_5, 1000));
    unsigned n = PORTS;
    for (; n < REQUESTS; n++)
        assert_true(waiting(0, 1000 + n % DM_DIALS_EACH));
    assert_false(waiting(1, 1000)); /* a port that is waited for already */
    assert_true(waiting(OF_5, 1000));
    for (unsigned port = 1001; port < 1000 + DM_DIALS_EACH; port++)
        assert_true(waiting(OF_5 + 1, port));
    dm_dials_free(dm_steal(&all.dials)); /* nobody is answered any more, and no machine asked */
    for (size_t i = 0; i < nwaits; i++)
        dm_req_free(waits[i]);
    for (unsigned i = 0; i < CROWD; i++) {
        dm_agent_free(machines[i].agent);
        if (guests[i] > 0)
            (void)close(guests[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_runs), cmocka_unit_test(a_project_has_its_share)};
    host.clock = &dm_clock_real;
    worker.h = &host;
    if (dm_loop_new(host.clock, &host.loop, NULL) < 0 || dm_boxes_new(&worker.boxes, NULL) < 0 ||
            dm_dials_new(&worker, &all.dials, NULL) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_dials_free(all.dials);
    dm_loop_free(host.loop);
    return failed;
}
