/* What the door is told at once. That a port is waited for, and where it is found, needs a guest: tests/conformance. */
#include "tests/unit/test.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_runs)};
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
