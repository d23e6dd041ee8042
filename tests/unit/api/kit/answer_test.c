/* Covers api/kit/answer.c, api/life/deny.c: what our log keeps of a refusal of ours, and a client is not told. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* The lines of one request, of a log that keeps warnings. */
typedef struct listener {
    int out[2];
    dm_log *log;
    char text[4096];
} listener;

static void listen(listener *l)
{
    assert_int_equal(pipe2(l->out, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(dm_log_new(l->out[1], "test", DM_WARN, &dm_clock_real, &l->log, NULL), 0);
    rig.table.log = l->log;
}

static const char *heard(listener *l)
{
    ssize_t n = read(l->out[0], l->text, sizeof l->text - 1);
    l->text[n > 0 ? n : 0] = '\0';
    rig.table.log = NULL;
    dm_log_free(l->log);
    (void)close(l->out[0]);
    (void)close(l->out[1]);
    return l->text;
}

static void has(const char *line, const char *what)
{
    if (strstr(line, what) == NULL)
        fail_msg("no %s in: %s", what, line);
}

static void the_log_has_the_reason(void **state)
{
    (void)state;
    char id[32], path[64];
    listener l;
    dm_rig_create(&rig, "", id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);

    dm_fakeworker_away(rig.worker, true);
    listen(&l);
    DM_AUTO_SAID away = dm_rig_call(&rig, "POST", path, "{}");
    const char *line = heard(&l);
    assert_int_equal(away.status, 503);
    has(line, "\"event\":\"http.refused\"");
    has(line, "\"level\":\"warn\"");
    has(line, "\"rule\":\"worker.away\"");
    has(line, "\"route\":\"/sandboxes/{id}/pause\"");
    has(line, id);
    has(line, "\"error\":\"unavailable\"");
    has(line, "\"message\":\"worker: ");
    assert_null(strstr(away.text, "worker: "));
    dm_fakeworker_away(rig.worker, false);

    dm_fakeworker_refuse(rig.worker, "pause", 500, 1);
    listen(&l);
    DM_AUTO_SAID refused = dm_rig_call(&rig, "POST", path, "{}");
    line = heard(&l);
    assert_int_equal(refused.status, 500);
    has(line, "\"level\":\"error\"");
    has(line, "\"rule\":\"worker.refused\"");
    has(line, "the worker said 500: ");
    assert_null(strstr(refused.text, "the worker said"));
}

/* What a client can mend is no event of ours. */
static void a_clients_fault_is_not_logged(void **state)
{
    (void)state;
    listener l;
    listen(&l);
    DM_AUTO_SAID unknown = dm_rig_call(&rig, "POST", "/sandboxes/i00000000000000000000/pause", "{}");
    const char *line = heard(&l);
    assert_int_equal(unknown.status, 404);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(the_log_has_the_reason, &rig), DM_RIG_TEST(a_clients_fault_is_not_logged, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
