/* How the ledger is, as operators read it. */
/* Covers api/ops/money.c, metering/read/sql_review.c. */
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

static const json_t *row(const dm_said *said, size_t i)
{
    return json_array_get(json_object_get(said->body, "rows"), i);
}

static const char *text(const json_t *of, const char *name)
{
    return json_string_value(json_object_get(of, name));
}

static int64_t number(const json_t *of, const char *name)
{
    return json_integer_value(json_object_get(of, name));
}

static void make(void)
{
    dm_rig_sql(&rig,
            "DELETE FROM dm.reconciliation; DELETE FROM dm.worker_period; DELETE FROM dm.account_period;"
            "SET session_replication_role = replica; DELETE FROM dm.anomaly; DELETE FROM dm.period;"
            "SET session_replication_role = DEFAULT;"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-11-30 04:00Z', 60, now()),"
            " ('2026-11-30 04:01Z', 60, now()), ('2026-11-30 04:02Z', 60, NULL);"
            "INSERT INTO dm.account_period (account_no, period_start, state) SELECT account_no, '2026-11-30 04:02Z', "
            "'open'"
            " FROM dm.account;"
            "INSERT INTO dm.reconciliation (check_no, period_start, compared, differ, detail) VALUES"
            " (5, '2026-11-30 04:00Z', 3, 0, ''), (5, '2026-11-30 04:01Z', 3, 1, 'account 1'),"
            " (6, '2026-11-30 04:01Z', 9, 0, '');"
            "INSERT INTO dm.anomaly (kind, detail, sandbox_id, period_start) VALUES ('late', 'x',"
            " decode(repeat('00', 15) || '01', 'hex'), '2026-11-30 04:01Z'), ('seal', 'y', NULL, NULL)");
}

static void periods_are_shown(void **state)
{
    (void)state;
    make();
    DM_AUTO_SAID said = look("/v1/ops/money/periods?limit=2");
    assert_string_equal(text(row(&said, 0), "start"), "2026-11-30T04:02:00.000000Z");
    assert_true(json_is_null(json_object_get(row(&said, 0), "closed_at")));
    assert_true(number(json_object_get(row(&said, 0), "accounts"), "open") >= 1);
    assert_int_equal(number(row(&said, 1), "anomalies"), 1);
    assert_int_equal(number(json_object_get(row(&said, 1), "reconciliations"), "differ"), 1);
    assert_int_equal(json_array_size(json_object_get(said.body, "rows")), 2);
    char target[400];
    (void)snprintf(target, sizeof target, "/v1/ops/money/periods?limit=2&cursor=%s", text(said.body, "next"));
    DM_AUTO_SAID next = look(target);
    assert_string_equal(text(row(&next, 0), "start"), "2026-11-30T04:00:00.000000Z");
    assert_true(json_is_null(json_object_get(next.body, "next")));
}

static void comparisons_are_shown(void **state)
{
    (void)state;
    make();
    DM_AUTO_SAID said = look("/v1/ops/money/reconciliations?limit=1");
    assert_int_equal(number(row(&said, 0), "number"), 5);
    assert_string_equal(text(row(&said, 0), "detail"), "account 1");
    char target[400];
    (void)snprintf(target, sizeof target, "/v1/ops/money/reconciliations?cursor=%s", text(said.body, "next"));
    DM_AUTO_SAID next = look(target);
    assert_string_equal(text(row(&next, 0), "name"), "journal");
    assert_string_equal(text(row(&next, 1), "period"), "2026-11-30T04:00:00.000000Z");
    DM_AUTO_SAID differing = look("/v1/ops/money/reconciliations?verdict=differs");
    assert_int_equal(number(differing.body, "total"), 1);
    DM_AUTO_SAID bad = dm_rig_operate(&rig, "GET", "/v1/ops/money/reconciliations?verdict=well", NULL);
    assert_int_equal(bad.status, 400);
}

static void anomalies_are_shown(void **state)
{
    (void)state;
    make();
    DM_AUTO_SAID said = look("/v1/ops/money/anomalies");
    assert_string_equal(text(row(&said, 0), "kind"), "seal");
    assert_string_equal(text(row(&said, 1), "sandbox"), "i00000000000000000001");
    DM_AUTO_SAID late = look("/v1/ops/money/anomalies?kind=late");
    assert_int_equal(number(late.body, "total"), 1);
    DM_AUTO_SAID none = look("/v1/ops/money/anomalies?kind=nothing");
    assert_int_equal(number(none.body, "total"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(periods_are_shown, &rig),
            DM_RIG_TEST(comparisons_are_shown, &rig),
            DM_RIG_TEST(anomalies_are_shown, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
