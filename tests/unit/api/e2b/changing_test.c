/* Covers api/e2b/connect.c, api/e2b/pause.c, api/e2b/timeout.c: a request that has waited long enough for another's
 * transition. In this rig nothing waits at all. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static void told_to_come_again(const char *id, const char *rest, const char *body)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/sandboxes/%s%s", id, rest);
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", path, body);
    const json_t *denial = json_object_get(said.body, "denial");
    if (said.status != 503)
        fail_msg("%s: %d %s", path, said.status, said.text);
    assert_string_equal(json_string_value(json_object_get(denial, "rule")), "state.changing");
    assert_int_equal(json_integer_value(json_object_get(denial, "retry_after_s")), 1);
    assert_string_equal(dm_said_header(&said, "Retry-After"), "1");
    assert_null(dm_said_header(&said, "Should-Retry"));
}

/* A 409 to a pause reads "it sleeps already" in every client: it is said of what sleeps. */
static void nothing_is_said_that_is_not_so(void **state)
{
    (void)state;
    char id[32];
    dm_rig_create(&rig, "", id);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'resuming'");
    told_to_come_again(id, "/pause", "{}");
    told_to_come_again(id, "/connect", "{\"timeout\":30}");
    told_to_come_again(id, "/timeout", "{\"timeout\":30}");
    told_to_come_again(id, "/refreshes", "{\"duration\":30}");
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET state = 'pausing'");
    told_to_come_again(id, "/pause", "{}"); /* another's, whose end nobody knows yet */
    told_to_come_again(id, "/connect", "{\"timeout\":30}");
    told_to_come_again(id, "/resume", "{\"timeout\":30}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(nothing_is_said_that_is_not_so, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
