/* Covers metering/bill/by_sandbox.c, metering/bill/sql_by_sandbox.c, metering/read/sql_days.c: what statements of all
 * kinds come to by each grouping, on ledgers that real evidence made, while it is being added up and after. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/bill/by_sandbox.h"
#include "metering/read/days.h"
#include "metering/rules/money.h"
#include "tests/support/bundlerig.h"
#include "tests/unit/test.h"

enum { DAYS_AROUND = 40 * 86400 };

static cluster pg;

typedef struct asking {
    int account;
    dm_days_asked asked;
    dm_days days;
} asking;

static int ask_tx(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    return dm_read_days(c, (dm_account_no){a->account}, &a->asked, &a->days, err);
}

static void read_page(bundlerig *b, asking *a)
{
    dm_err err = {0};
    int r = dm_pg_tx_on(b->api, &(dm_pg_scope){.account_no = a->account}, ask_tx, a, &err);
    if (r != 0)
        fail_msg("account %d, group %d: %d %s", a->account, (int)a->asked.by, r, err.msg);
}

/* All pages of a grouping: what their rows sum to, and that each comes once and in order. */
static void sum_of(bundlerig *b, int account, dm_days_by by, bool by_cost, int64_t limit, char out[DM_MONEY_TEXT])
{
    char cost[DM_DAYS_AT_MAX] = "", ord[80] = "", whole[DM_MONEY_TEXT];
    asking a = {.account = account,
            .asked = {.by = by,
                    .from = T0 - DAYS_AROUND,
                    .to = T0 + DAYS_AROUND,
                    .tag = DM_STR("team"),
                    .by_cost = by_cost,
                    .limit = limit}};
    dm_money sum = {0}, one, last = {0};
    int64_t rows = 0;
    do {
        read_page(b, &a);
        for (size_t i = 0; i < a.days.n; i++, rows++) {
            dm_days_row row = dm_days_row_of(&a.days, i);
            assert_int_equal(dm_money_parse(row.amount, &one, NULL), 0);
            assert_int_equal(dm_money_add(sum, one, &sum, NULL), 0);
            if (rows > 0 && by_cost)
                assert_true(dm_money_cmp(one, last) <= 0);
            last = one;
            (void)snprintf(cost, sizeof cost, "%.*s", (int)row.cost.n, row.cost.p);
            (void)snprintf(ord, sizeof ord, "%.*s", (int)row.ord.n, row.ord.p);
        }
        assert_int_equal(dm_str_to_array(a.days.amount, whole, sizeof whole, NULL), 0);
        a.asked.cost = dm_str_c(cost);
        a.asked.ord = dm_str_c(ord);
    } while (a.days.n == (size_t)limit);
    assert_int_equal(rows, a.days.total);
    dm_days_done(&a.days);
    dm_money_print(sum, out);
    assert_string_equal(out, whole);
}

/* first: the grouping to begin with; what is by day is not added up later, and asked once. */
static void all_sum_to_the_statements(bundlerig *b, dm_days_by first, int64_t limit)
{
    char text[160], got[DM_MONEY_TEXT];
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        (void)snprintf(text, sizeof text,
                "SELECT round(coalesce(sum(total), 0), 18) FROM dm.statement WHERE account_no = %d", account);
        const char *want = ask(&b->r, text);
        for (int by = (int)first; by <= DM_DAYS_BY_TAG; by++) {
            sum_of(b, account, (dm_days_by)by, by == DM_DAYS_BY_TAG || account % 2 == 0, limit, got);
            if (strcmp(got, want) != 0)
                fail_msg("account %d, group %d: %s, stated %s", account, by, got, want);
        }
    }
}

static int add(bundlerig *b, rig_fence *f)
{
    dm_err err = {0};
    dm_chore_config c = {.pg = b->r.pg, .clock = &dm_clock_real, .held = rig_ask_fence, .held_arg = f};
    int r = dm_by_sandbox(&c, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

#define OWED "SELECT coalesce(sum(documents - added), 0) FROM dm.usage_owed"

/* The meter is taken over at one document or another, and goes on; nobody who looks meanwhile sees a half. */
static void each_statement_counts_once(void **state)
{
    bundlerig b;
    char before[32];
    (void)state;
    bundlerig_open(&b, &pg, "by_sandbox", 5, 503);
    sql(&b.r, "SET session_replication_role = replica; UPDATE dm.sandbox SET metadata = jsonb_build_object('team',"
              " chr(97 + get_byte(sandbox_id, 15) % 5)) WHERE get_byte(sandbox_id, 15) % 7 > 0;"
              "SET session_replication_role = DEFAULT");
    all_sum_to_the_statements(&b, DM_DAYS_BY_DAY, 400);
    assert_sql(&b.r, "SELECT count(*) FROM dm.usage_sandbox", "0");
    for (int at = 2, n = 0; n < 2; n++, at = 2 + (at * 3) % 7) {
        rig_fence f = {.at = at, .lost = true};
        (void)snprintf(before, sizeof before, "%s", ask(&b.r, OWED));
        assert_int_equal(add(&b, &f), DM_CHORE_ZOMBIE);
        assert_string_not_equal(ask(&b.r, OWED), before);
        all_sum_to_the_statements(&b, DM_DAYS_BY_SANDBOX, 400);
    }
    for (int turn = 0; turn < 10; turn++) {
        rig_fence f = {0};
        assert_int_equal(add(&b, &f), 0);
    }
    assert_sql(&b.r, OWED, "0");
    all_sum_to_the_statements(&b, DM_DAYS_BY_SANDBOX, 90);
    all_sum_to_the_statements(&b, DM_DAYS_BY_TAG, 3);
    /* of each sandbox what its lines are, and its time as by template and key */
    assert_sql(&b.r,
            "SELECT count(*) FROM (SELECT account_no, sandbox_id, sum(amount) AS a FROM dm.usage_sandbox GROUP BY 1, "
            "2) u"
            " FULL JOIN (SELECT account_no, coalesce(sandbox_id, '') AS sandbox_id, sum(amount) AS a FROM"
            " dm.statement_line GROUP BY 1, 2) l USING (account_no, sandbox_id)"
            " WHERE coalesce(u.a, 0) <> coalesce(l.a, 0)",
            "0");
    assert_sql(&b.r,
            "SELECT count(*) FROM (SELECT account_no, day, project_no, sum(running_s) AS r, sum(hibernated_s) AS h FROM"
            " dm.usage_sandbox GROUP BY 1, 2, 3) u FULL JOIN (SELECT account_no, day, project_no, sum(running_s) AS r,"
            " sum(hibernated_s) AS h FROM dm.usage_day GROUP BY 1, 2, 3) d USING (account_no, day, project_no)"
            " WHERE (coalesce(u.r, 0), coalesce(u.h, 0)) <> (coalesce(d.r, 0), coalesce(d.h, 0))",
            "0");
    bundlerig_close(&b);
}

static void an_id_is_its_bytes(void **state)
{
    rig r;
    char text[120], hex[2 * DM_SANDBOX_ID_BYTES + 1];
    (void)state;
    rig_open(&r, &pg, "ids", 60);
    static const char *const names[] = {"i00000000000000000000", "i00000000000000000001", "i0000000000zzzzzzzzzz",
            "i00000000010000000000", "izzzzzzzzzzzzzzzzzzzz", "i7f3k0q9a1b2c3d4e5f6g"};
    for (size_t i = 0; i < DM_LEN(names); i++) {
        dm_sandbox_id id;
        assert_int_equal(dm_sandbox_id_parse(dm_str_c(names[i]), &id, NULL), 0);
        dm_hex(id.b, sizeof id.b, hex);
        (void)snprintf(text, sizeof text, "SELECT encode(dm.sandbox_of('%s'), 'hex')", names[i]);
        assert_sql(&r, text, hex);
    }
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_statement_counts_once), cmocka_unit_test(an_id_is_its_bytes)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
