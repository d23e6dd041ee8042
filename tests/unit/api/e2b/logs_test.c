/* Covers api/e2b/logs.c, tenants/sandbox/sql_sandbox.c: of a history longer than an answer, the part that was asked
 * for. */
#include <stdio.h>

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char id[32];

/* Event n of EVENTS happened FIRST_MS + n / 4 ms: four share each millisecond, as a sleep's may. The one of number
 * WARNS was our fault. */
enum { EVENTS = 3000, MOST = 1000, WARNS = 17, SHARED = 4 };
static const long long first_ms = 1700000000000;

static void long_life(void)
{
    char sql[1024];
    dm_rig_create(&rig, "", id);
    (void)snprintf(sql, sizeof sql,
            "DELETE FROM dm.sandbox_event;"
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, cause, why, who)"
            " SELECT account_no, project_no, sandbox_id, dm.ts((%lld + n / %d) * 1000), 1, 'paused',"
            " CASE n WHEN %d THEN 'vmm_crashed' ELSE 'timeout' END, 'n' || n || '.', 'test'"
            " FROM dm.sandbox, generate_series(0, %d) n ORDER BY n",
            first_ms, SHARED, WARNS, EVENTS - 1);
    dm_rig_sql(&rig, sql);
}

/* query ends in "=" where ms, when it is not below 0, is to follow. */
static dm_said ask(bool v2, const char *query, long long ms)
{
    char target[224], number[24] = "";
    if (ms >= 0)
        (void)snprintf(number, sizeof number, "%lld", ms);
    (void)snprintf(target, sizeof target, "%s/sandboxes/%s/logs%s%s", v2 ? "/v2" : "", id, query, number);
    dm_said said = dm_rig_call(&rig, "GET", target, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", target, said.status, said.text);
    return said;
}

static long number_of(const json_t *entry)
{
    const char *message = json_string_value(json_object_get(entry, "message"));
    assert_non_null(message);
    assert_memory_equal(message, "paused: n", 9);
    return strtol(message + 9, NULL, 10);
}

static void holds(const json_t *list, size_t n, long from, int step)
{
    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(number_of(json_array_get(list, i)), from + (long)i * step);
}

static void the_part_that_was_asked_for(void **state)
{
    (void)state;
    long_life();
    DM_AUTO_SAID newest = ask(true, "", -1);
    holds(json_object_get(newest.body, "logs"), MOST, EVENTS - 1, -1);
    DM_AUTO_SAID oldest = ask(true, "?direction=forward", -1);
    holds(json_object_get(oldest.body, "logs"), MOST, 0, 1);
    DM_AUTO_SAID middle = ask(true, "?direction=forward&limit=8&cursor=", first_ms + 500);
    holds(json_object_get(middle.body, "logs"), 8, 2000, 1);
    DM_AUTO_SAID before = ask(true, "?limit=8&cursor=", first_ms + 500);
    holds(json_object_get(before.body, "logs"), 8, 2003, -1);
    DM_AUTO_SAID late = ask(true, "?cursor=", 4611686018427386);
    holds(json_object_get(late.body, "logs"), MOST, EVENTS - 1, -1);

    DM_AUTO_SAID first = ask(false, "", -1); /* the newest, told oldest first */
    holds(json_object_get(first.body, "logEntries"), MOST, EVENTS - MOST, 1);
    assert_int_equal(json_array_size(json_object_get(first.body, "logs")), MOST);
    DM_AUTO_SAID since = ask(false, "?limit=5000&start=", first_ms + 1);
    holds(json_object_get(since.body, "logEntries"), MOST, SHARED, 1);
    DM_AUTO_SAID none = ask(false, "?limit=", 0);
    assert_int_equal(json_array_size(json_object_get(none.body, "logs")), 0);
}

/* What is looked for is found wherever it is, and not only among the last. */
static void the_needle(void **state)
{
    (void)state;
    long_life();
    DM_AUTO_SAID warned = ask(true, "?level=warn", -1);
    holds(json_object_get(warned.body, "logs"), 1, WARNS, 1);
    DM_AUTO_SAID failed = ask(true, "?level=error", -1);
    assert_int_equal(json_array_size(json_object_get(failed.body, "logs")), 0);
    DM_AUTO_SAID found = ask(true, "?search=paused:%20n3.", -1);
    holds(json_object_get(found.body, "logs"), 1, 3, 1);
}

/* Page by page in both directions, the cursor being the last line's millisecond: all is seen, and each answer goes on
 * in the order of the one before, the lines of the shared millisecond among them. */
static void pages_lose_nothing(void **state)
{
    (void)state;
    long_life();
    for (int up = 0; up < 2; up++) {
        long at = up ? -1 : EVENTS, last = up ? EVENTS - 1 : 0;
        long long cursor = up ? 0 : first_ms + EVENTS;
        for (int page = 0; at != last; page++) {
            assert_true(page < EVENTS / (100 - SHARED) + 1);
            DM_AUTO_SAID said = ask(true, up ? "?limit=100&direction=forward&cursor=" : "?limit=100&cursor=", cursor);
            const json_t *list = json_object_get(said.body, "logs");
            size_t n = json_array_size(list);
            assert_true(n > 0);
            long begins = number_of(json_array_get(list, 0));
            assert_true(up ? begins <= at + 1 : begins >= at - 1); /* no gap */
            holds(list, n, begins, up ? 1 : -1);
            at = number_of(json_array_get(list, n - 1));
            cursor = first_ms + at / SHARED;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(the_part_that_was_asked_for, &rig), DM_RIG_TEST(the_needle, &rig),
            DM_RIG_TEST(pages_lose_nothing, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
