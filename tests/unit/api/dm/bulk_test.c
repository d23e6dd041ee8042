/* Covers api/dm/sandbox_bulk.c: an act on many goes through the line for stops, many hands at once, and is answered by
 * whichever is through last. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define P "/v1/projects/demo/sandboxes"
enum { MADE = 20 };

static void many_hands_and_one_answer(void **state)
{
    (void)state;
    for (int i = 0; i < MADE; i++) {
        DM_AUTO_SAID made = dm_rig_ask(&rig, "POST", P, "{\"template\":\"base\",\"metadata\":{\"team\":\"ml\"}}");
        if (made.status != 201)
            fail_msg("create: %d %s", made.status, made.text);
    }
    static const char *const acts[] = {"/pause", "/kill"};
    for (size_t i = 0; i < DM_LEN(acts); i++) {
        char target[64];
        (void)snprintf(target, sizeof target, P "%s", acts[i]);
        DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", target, "{\"filter\":{\"metadata\":{\"team\":\"ml\"}}}");
        if (said.status != 200 || json_array_size(json_object_get(said.body, "done")) != MADE)
            fail_msg("%s: %d %s", target, said.status, said.text);
        assert_int_equal(json_array_size(json_object_get(said.body, "failed")), 0);
        assert_int_equal(json_array_size(json_object_get(said.body, "left")), 0);
    }
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended'"), MADE);
    assert_int_equal(dm_rig_number(&rig, "SELECT max(running) FROM dm.quota_use"), 0);
}

/* Each is kept for its owner, like one alone; of many alike a count. */
static void what_is_refused_is_kept(void **state)
{
    enum { UNKNOWN = 20 };
    char body[UNKNOWN * 32 + 32] = "{\"ids\":[";
    uint64_t dropped = 0;
    dm_err err = {0};
    (void)state;
    for (int i = 0; i < UNKNOWN; i++) {
        size_t n = strlen(body);
        (void)snprintf(body + n, sizeof body - n, "%s\"i000000000000000000%02d\"", i > 0 ? "," : "", i);
    }
    (void)strncat(body, "]}", sizeof body - strlen(body) - 1);
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", P "/kill", body);
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(json_object_get(said.body, "failed")), UNKNOWN);
    assert_int_equal(dm_refusals_write(rig.api.refusals, rig.api.ops, &dropped, &err), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT coalesce(sum(count), 0) FROM dm.denial WHERE rule = 'sandbox.unknown'"
                                         " AND sandbox LIKE 'i000000000000000000%'"),
            UNKNOWN);
    assert_true(dm_rig_number(&rig, "SELECT count(*) FROM dm.denial") < UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(many_hands_and_one_answer, &rig), DM_RIG_TEST(what_is_refused_is_kept, &rig)};
    dm_rig_start(&rig, 8);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
