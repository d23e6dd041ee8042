/* How far the evidence is, and what of it is missing, as operators read it. */
/* Covers api/ops/evidence.c, metering/read/sql_evidence.c. */
#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;

static dm_said look(const char *target)
{
    dm_said said = dm_rig_operate(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return said;
}

/* All rows of a list, a page of `limit` at a time: `member` of each, joined by spaces. */
static const char *all_of(const char *target, const char *member)
{
    static char text[600];
    char at[900];
    (void)snprintf(at, sizeof at, "%s", target);
    text[0] = '\0';
    for (int pages = 0; pages < 20; pages++) {
        DM_AUTO_SAID said = look(at);
        size_t i;
        const json_t *row;
        json_array_foreach(json_object_get(said.body, "rows"), i, row)
        {
            char *one = json_dumps(json_object_get(row, member), JSON_ENCODE_ANY | JSON_COMPACT);
            size_t n = strlen(text);
            (void)snprintf(text + n, sizeof text - n, "%s%s", n > 0 ? " " : "", one);
            free(one);
        }
        const char *next = json_string_value(json_object_get(said.body, "next"));
        if (next == NULL)
            return text;
        (void)snprintf(at, sizeof at, "%s&cursor=%s", target, next);
    }
    fail_msg("%s has no end", target);
    return text;
}

static void make(void)
{
    dm_rig_sql(&rig,
            "DELETE FROM dm.reconciliation; DELETE FROM dm.worker_period; DELETE FROM dm.account_period;"
            "SET session_replication_role = replica; DELETE FROM dm.period; DELETE FROM dm.frame_gap;"
            "DELETE FROM dm.usage_gap; DELETE FROM dm.outbox; DELETE FROM dm.consumer_offset;"
            "SET session_replication_role = DEFAULT;"
            "INSERT INTO dm.period (period_start, period_s) SELECT '2026-11-30 04:00Z'::timestamptz + i * interval '1 "
            "minute', 60 FROM generate_series(0, 4) i;"
            /* the first period there was nobody; then it was whole, had a gap, was late, and did not swear */
            "INSERT INTO dm.worker_period SELECT (SELECT min(worker_no) FROM dm.worker), '2026-11-30 "
            "04:00Z'::timestamptz + i * interval '1 minute', i <> 3, i < 4 FROM generate_series(1, 4) i;"
            "INSERT INTO dm.frame_gap (worker_no, worker_boot, first_frame, last_frame, from_s, to_s) SELECT "
            "(SELECT min(worker_no) FROM dm.worker), 1, 10 * i, 10 * i + 4, 1796011325 + i, 1796011330 + i FROM "
            "generate_series(0, 2) i;"
            "INSERT INTO dm.usage_gap (account_no, project_no, period_start, sandbox_id, epoch, from_s, to_s, cause, "
            "resolution) SELECT (SELECT account_no FROM dm.account ORDER BY 1 LIMIT 1), 1, '2026-11-30 "
            "04:02Z'::timestamptz - i % 2 * interval '1 minute', decode(lpad(to_hex(i / 2 + 1), 32, '0'), 'hex'), 1, "
            "1796011325 + i, 1796011326 + 2 * i, 'frames_missing', 'written_off' FROM generate_series(0, 4) i;"
            "INSERT INTO dm.consumer_offset (topic, part, next_offset, owner, generation) SELECT t, p, CASE p WHEN 1 "
            "THEN -2 ELSE 7 END, gen_random_uuid(), 3 FROM unnest('{dm.usage.v1,dm.attest.v1}'::text[]) t, "
            "generate_series(0, 1) p;"
            "INSERT INTO dm.outbox (topic, key, payload) VALUES"
            " ('dm.usage.dlq.v1', '0', jsonb_build_object('count', 2, 'detail', 'x', 'offset', 5, 'partition', 0,"
            "   'reason', 'seal', 'timestamp_ms', 9, 'topic', 'dm.usage.v1', 'value', encode('abcde', 'base64'))),"
            " ('dm.statement.v1', '0', '{}'),"
            " ('dm.usage.dlq.v1', '1', jsonb_build_object('count', 1, 'detail', 'y', 'reason', 'malformed', 'topic',"
            "   'dm.usage.v1', 'value', translate(encode(convert_to(repeat('z', 40000), 'UTF8'), 'base64'), E'\\n', "
            "''))),"
            " ('dm.usage.dlq.v1', '1', '{\"detail\": \"z\", \"reason\": \"after_end\", \"sandbox\": \"i1\"}')");
}

static void the_grid_is_shown(void **state)
{
    (void)state;
    make();
    DM_AUTO_SAID said = look("/v1/ops/money/watermarks");
    const json_t *row = json_array_get(json_object_get(said.body, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(said.body, "periods")), 5);
    assert_string_equal(
            json_string_value(json_array_get(json_object_get(said.body, "periods"), 0)), "2026-11-30T04:00:00.000000Z");
    DM_AUTO_MEM char *cells = json_dumps(json_object_get(row, "cells"), JSON_COMPACT);
    assert_string_equal(cells, "[\"none\",\"ok\",\"gap\",\"late\",\"unattested\"]");
    DM_AUTO_SAID two = look("/v1/ops/money/watermarks?periods=2&limit=1");
    assert_int_equal(json_array_size(json_object_get(two.body, "periods")), 2);
    static const char *const bad[] = {"periods=0", "periods=49", "cursor=x"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        char target[100];
        (void)snprintf(target, sizeof target, "/v1/ops/money/watermarks?%s", bad[i]);
        DM_AUTO_SAID no = dm_rig_operate(&rig, "GET", target, NULL);
        assert_int_equal(no.status, 400);
    }
}

static void partitions_are_shown(void **state)
{
    (void)state;
    make();
    assert_string_equal(all_of("/v1/ops/money/partitions?limit=1", "topic"),
            "\"dm.attest.v1\" \"dm.attest.v1\" \"dm.usage.v1\" \"dm.usage.v1\"");
    assert_string_equal(all_of("/v1/ops/money/partitions?limit=3", "next_offset"), "7 null 7 null");
}

static void gaps_have_names(void **state)
{
    (void)state;
    make();
    assert_string_equal(all_of("/v1/ops/money/gaps?limit=1", "sandbox"),
            "\"i00000000000000000001\" \"i00000000000000000002\" \"i00000000000000000003\" "
            "\"i00000000000000000001\" \"i00000000000000000002\"");
    assert_string_equal(all_of("/v1/ops/money/gaps?limit=2", "seconds"), "1 3 5 2 4");
    assert_string_equal(all_of("/v1/ops/money/gaps?period=2026-11-30T04:01:00Z", "seconds"), "2 4");
    assert_string_equal(all_of("/v1/ops/money/gaps?account=00000000-0000-4000-8000-0000000000ff", "seconds"), "");
    DM_AUTO_SAID one = look("/v1/ops/money/gaps?limit=1");
    assert_int_equal(json_integer_value(json_object_get(one.body, "total")), 5);
    assert_string_equal(
            json_string_value(json_object_get(json_array_get(json_object_get(one.body, "rows"), 0), "from")),
            "2026-11-30T04:02:05.000000Z");
    static const char *const bad[] = {"period=now", "account=x", "cursor=ZzoxOng"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        char target[100];
        (void)snprintf(target, sizeof target, "/v1/ops/money/gaps?%s", bad[i]);
        DM_AUTO_SAID no = dm_rig_operate(&rig, "GET", target, NULL);
        assert_int_equal(no.status, 400);
    }
}

static void lost_frames_are_shown(void **state)
{
    (void)state;
    make();
    assert_string_equal(all_of("/v1/ops/money/lost-frames?limit=1", "first_frame"), "20 10 0");
    assert_string_equal(all_of("/v1/ops/money/lost-frames?worker=999", "first_frame"), "");
}

static void dead_letters_say_why(void **state)
{
    (void)state;
    make();
    assert_string_equal(all_of("/v1/ops/money/dead-letters?limit=1", "reason"), "\"after_end\" \"malformed\" \"seal\"");
    assert_string_equal(all_of("/v1/ops/money/dead-letters?", "bytes"), "0 40000 5");
    assert_string_equal(all_of("/v1/ops/money/dead-letters?", "topic"), "null \"dm.usage.v1\" \"dm.usage.v1\"");
    assert_string_equal(all_of("/v1/ops/money/dead-letters?reason=seal", "place"),
            "{\"offset\":5,\"partition\":0,\"timestamp_ms\":9}");
    assert_string_equal(all_of("/v1/ops/money/dead-letters?reason=seal", "value"), "\"YWJjZGU=\"");
    DM_AUTO_SAID large = look("/v1/ops/money/dead-letters?reason=malformed"); /* no more than a part of it */
    assert_int_equal(
            json_string_length(json_object_get(json_array_get(json_object_get(large.body, "rows"), 0), "value")), 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(the_grid_is_shown, &rig),
            DM_RIG_TEST(partitions_are_shown, &rig),
            DM_RIG_TEST(gaps_have_names, &rig),
            DM_RIG_TEST(lost_frames_are_shown, &rig),
            DM_RIG_TEST(dead_letters_say_why, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
