/* Covers api/dm/usage.c, metering/read/sql_days.c. */
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char path[96];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/usage", rig.tenants.demo.project.account_id);
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.usage_day;"
                     "INSERT INTO dm.usage_day SELECT a.account_no, x.* FROM dm.account a, (VALUES"
                     " ('2026-03-10'::date, 1, 'tpla', 0::bigint, '', 100::bigint, 20::bigint, 0::numeric, 0::numeric),"
                     " ('2026-03-10', 1, 'tpla', 0, 'vcpu-run', 0, 0, 100, 0.5),"
                     " ('2026-03-10', 1, 'tplb', 0, '', 200, 0, 0, 0),"
                     " ('2026-03-11', 1, 'tplb', 0, '', 7, 0, 0, 0),"
                     " ('2026-03-11', 1, 'tplb', 0, 'disk-hib', 0, 0, 9, 0.25),"
                     " ('2026-03-10', 0, '', 0, 'minutes', 0, 0, 5, 0.000000000000000001),"
                     " ('2026-03-11', 0, '', 0, 'minutes', 0, 0, 5, 1)) x WHERE a.legal_name = 'Demo';"
                     "RESET session_replication_role");
    return 0;
}

/* Sandboxes of the same days: two of a team that has a name, one that has none, and one of nobody's row. */
static void sandboxes(void)
{
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.usage_sandbox; DELETE FROM dm.sandbox;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, key_no, template_id,"
            " build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, metadata)"
            " SELECT a.account_no, 1, decode(lpad(x.id, 32, '0'), 'hex'), 'running', 1, 1, 1, 'tpla', "
            "gen_random_uuid(), 1,"
            " 256, 1, 1, 1024, false, 300, x.metadata::jsonb FROM dm.account a, (VALUES"
            " ('01', '{\"team\": \"ml\"}'), ('02', '{\"team\": \"ml\", \"run\": \"7\"}'), ('03', '{\"team\": \"\"}'))"
            " x (id, metadata) WHERE a.legal_name = 'Demo';"
            "INSERT INTO dm.usage_sandbox SELECT a.account_no, x.day::date, x.project, decode(CASE WHEN x.id = '' THEN "
            "''"
            " ELSE lpad(x.id, 32, '0') END, 'hex'), x.r, x.h, x.a FROM dm.account a, (VALUES"
            " ('2026-03-10', 1, '01', 100, 20, 0.5), ('2026-03-10', 1, '02', 200, 0, 0), ('2026-03-11', 1, '03', 7, 0,"
            " 0.25), ('2026-03-11', 1, '04', 0, 9, 0), ('2026-03-10', 0, '', 0, 0, 0.000000000000000001),"
            " ('2026-03-11', 0, '', 0, 0, 1)) x (day, project, id, r, h, a) WHERE a.legal_name = 'Demo';"
            "RESET session_replication_role");
}

static dm_said get(const dm_tenantrig_person *who, const char *query)
{
    char target[200];
    (void)snprintf(target, sizeof target, "%s%s", path, query);
    return dm_rig_as_person(&rig, who, "GET", target, NULL);
}

/* "key running amount split", one row after the other. */
static void expect(const dm_tenantrig_person *who, const char *query, const char *want)
{
    DM_AUTO_SAID said = get(who, query);
    char got[1000] = "";
    size_t i, n = 0;
    const json_t *row;
    if (said.status != 200)
        fail_msg("%s: %d: %s", query, said.status, said.text);
    json_array_foreach(json_object_get(said.body, "rows"), i, row)
    {
        const json_t *ran = json_object_get(row, "running_s");
        n += (size_t)snprintf(got + n, sizeof got - n, "%s %lld %s%s, ",
                json_is_null(json_object_get(row, "key")) ? "-" : dm_json_c(row, "key"),
                json_is_null(ran) ? -1LL : (long long)json_integer_value(ran), dm_json_c(row, "amount"),
                json_is_true(json_object_get(row, "split")) ? " split" : "");
    }
    assert_string_equal(got, want);
}

#define MARCH "&from=1773100800&to=1773273600" /* the 10th and the 11th */

static void by_what_is_asked(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@u.test", "owner", true);
    expect(&own, "?group=day" MARCH, "2026-03-10 300 0.500000000000000001, 2026-03-11 7 1.250000000000000000, ");
    /* the one part that there is goes to whom two thirds of it are due */
    expect(&own, "?group=template" MARCH, "tpla 100 0.500000000000000000, tplb 207 1.250000000000000001 split, ");
    expect(&own, "?group=sku" MARCH,
            "disk-hib -1 0.250000000000000000, minutes -1 1.000000000000000001, vcpu-run -1 0.500000000000000000, ");
    expect(&own, "?group=key" MARCH, "- 307 1.750000000000000001 split, ");
    expect(&own, "?group=template&from=1773100800&to=1773187200",
            "tpla 100 0.500000000000000000, tplb 200 0.000000000000000001 split, ");
    expect(&own, "?group=day&project=nobodys" MARCH, "");
    DM_AUTO_SAID project = get(&own, "?group=project" MARCH);
    assert_int_equal(json_array_size(json_object_get(project.body, "rows")), 1);
    assert_non_null(dm_said_str(&project, "currency"));
    DM_AUTO_SAID page = get(&own, "?group=template&limit=1" MARCH);
    const char *next = dm_said_str(&page, "next");
    char query[200];
    assert_non_null(next);
    (void)snprintf(query, sizeof query, "?group=template&limit=1&cursor=%s" MARCH, next);
    expect(&own, query, "tplb 207 1.250000000000000001 split, ");
}

/* The dearest first; ids in base 36. */
#define FIRST "i00000000000000000001 100 0.500000000000000000, "
#define SECOND "i00000000000000000002 200 0.000000000000000001 split, "
#define THIRD "i00000000000000000003 7 1.250000000000000000 split, "
#define FOURTH "i00000000000000000004 0 0.000000000000000000, "

static void by_sandbox_and_tag(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@s.test", "owner", true);
    sandboxes();
    expect(&own, "?group=sandbox" MARCH, THIRD FIRST SECOND FOURTH);
    expect(&own, "?group=sandbox&sort=key" MARCH, FIRST SECOND THIRD FOURTH);
    expect(&own, "?group=tag:team" MARCH,
            " 7 1.250000000000000000 split, ml 300 0.500000000000000001 split, - 0 0.000000000000000000, ");
    expect(&own, "?group=tag:run" MARCH, "- 107 1.750000000000000000 split, 7 200 0.000000000000000001 split, ");
    expect(&own, "?group=sandbox&project=nobodys" MARCH, "");
    /* page by page, each from where the one before ended, also when that one is no more */
    char query[240] = "?group=sandbox&limit=1" MARCH, got[400] = "";
    static const char *const rows[] = {THIRD, FIRST, SECOND, FOURTH};
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        expect(&own, query, rows[i]);
        DM_AUTO_SAID page = get(&own, query);
        assert_int_equal(json_integer_value(json_object_get(page.body, "total")), DM_LEN(rows));
        assert_string_equal(dm_said_str(&page, "amount"), "1.750000000000000001");
        const char *next = dm_said_str(&page, "next");
        assert_int_equal(json_is_null(json_object_get(page.body, "next")), i + 1 == DM_LEN(rows));
        if (i + 1 < DM_LEN(rows))
            (void)snprintf(got, sizeof got, "%s", next);
        (void)snprintf(query, sizeof query, "?group=sandbox&limit=1&cursor=%s" MARCH, got);
    }
    (void)snprintf(query, sizeof query, "?group=sandbox&sort=key&cursor=%s" MARCH, got);
    DM_AUTO_SAID other = get(&own, query);
    assert_int_equal(other.status, 400);
}

/* Whose memory it began with stands beside what it came to. */
static void forks_name_their_parent(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@f.test", "owner", true);
    sandboxes();
    dm_rig_sql(&rig, "SET session_replication_role = replica; UPDATE dm.sandbox SET parent_id = decode"
                     "(lpad('01', 32, '0'), 'hex') WHERE sandbox_id = decode(lpad('02', 32, '0'), 'hex');"
                     "RESET session_replication_role");
    DM_AUTO_SAID said = get(&own, "?group=sandbox&sort=key" MARCH);
    const json_t *rows = json_object_get(said.body, "rows");
    assert_int_equal(json_array_size(rows), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *parent = json_object_get(json_array_get(rows, i), "parent");
        assert_non_null(parent);
        assert_int_equal(json_is_null(parent), i != 1);
    }
    assert_string_equal(dm_json_c(json_array_get(rows, 1), "parent"), "i00000000000000000001");
    DM_AUTO_SAID days = get(&own, "?group=day" MARCH);
    assert_null(json_object_get(json_array_get(json_object_get(days.body, "rows"), 0), "parent"));
}

/* What is given back is split as what is charged is: nothing of it gets lost. */
static void what_is_given_back_is_split_too(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@b.test", "owner", true);
    sandboxes();
    dm_rig_sql(&rig, "SET session_replication_role = replica; UPDATE dm.usage_day SET amount = -0.000000000000000002"
                     " WHERE sku = 'minutes' AND day = '2026-03-10'; UPDATE dm.usage_sandbox SET amount ="
                     " -0.000000000000000002 WHERE project_no = 0 AND day = '2026-03-10';"
                     "RESET session_replication_role");
    expect(&own, "?group=template&from=1773100800&to=1773187200",
            "tpla 100 0.499999999999999999 split, tplb 200 -0.000000000000000001 split, ");
    expect(&own, "?group=sandbox&from=1773100800&to=1773187200",
            "i00000000000000000001 100 0.499999999999999999 split, i00000000000000000002 200 -0.000000000000000001"
            " split, ");
}

/* Beyond what a question adds up for itself: how far it is, and the meter is asked for it, once. */
static void what_is_not_added_up_yet_is_asked_for(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@y.test", "owner", true);
    sandboxes();
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.usage_settled;"
                     "INSERT INTO dm.usage_settled (account_no, day, settled) SELECT account_no, d::date, d < "
                     "'2026-03-11' FROM dm.account, generate_series(timestamp '2026-03-10', '2026-03-12', '1 day') d;"
                     "INSERT INTO dm.usage_owed (account_no, period_start, documents) SELECT account_no, '2026-03-11 "
                     "07:00Z', 513 FROM dm.account WHERE legal_name = 'Demo'; RESET session_replication_role");
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID said = get(&own, "?group=sandbox" MARCH);
        const json_t *denial = json_object_get(said.body, "denial");
        assert_int_equal(said.status, 503);
        assert_string_equal(dm_json_c(denial, "rule"), "usage.not_yet");
        assert_int_equal(json_integer_value(json_object_get(denial, "limit")), 2);
        assert_int_equal(json_integer_value(json_object_get(denial, "current")), 1);
        assert_int_equal(json_integer_value(json_object_get(denial, "retry_after_s")), 10);
    }
    /* of this account, and of the days that were asked for */
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.usage_settled WHERE asked IS NOT NULL"), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.usage_settled s JOIN dm.account a USING (account_no)"
                                         " WHERE s.asked IS NOT NULL AND s.day = '2026-03-11' AND a.legal_name = "
                                         "'Demo'"),
            1);
    expect(&own, "?group=day" MARCH, "2026-03-10 300 0.500000000000000001, 2026-03-11 7 1.250000000000000000, ");
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.usage_owed; DELETE FROM dm.usage_settled;"
                     "RESET session_replication_role");
    expect(&own, "?group=sandbox" MARCH, THIRD FIRST SECOND FOURTH);
}

static void what_cannot_be_asked(void **state)
{
    (void)state;
    dm_tenantrig_person own = dm_tenantrig_add_person(&rig.tenants, "owner@w.test", "owner", true);
    static const char *const wrong[] = {"?group=moon", "?group=tag:", "?group=tag", "?sort=up", "?group=tag:a&sort=key",
            "?from=5&to=5", "?from=0&to=99999999", "?from=x", "?to=-1", "?cursor=x"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        DM_AUTO_SAID said = get(&own, wrong[i]);
        if (said.status != 400)
            fail_msg("%s: %d", wrong[i], said.status);
    }
    DM_AUTO_SAID other =
            dm_rig_as_person(&rig, &own, "GET", "/v1/accounts/00000000-0000-4000-8000-00000000ffff/usage", NULL);
    assert_int_equal(other.status, 404);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(by_what_is_asked), TEST(by_sandbox_and_tag), TEST(forks_name_their_parent),
            TEST(what_is_given_back_is_split_too), TEST(what_is_not_added_up_yet_is_asked_for),
            TEST(what_cannot_be_asked)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
