/* Covers metering/bill/account.c, metering/bill/books.c: an account with a contract is rated by
 * the contract's books, and what those sell in tiers is charged for the month, on statements that can be recomputed
 * from themselves. */
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* Account 1 is enterprise, with a contract from March 2026 on whose vCPU-seconds in the mainland cost the list's price
 * up to 100, then less; its memory is ten percent off. */
static void contract(rig *r, const char *mode)
{
    char text[2000];
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.contract (account_no, name, valid_from, least_monthly, status, drafted_by, drafted_why, "
            "approved_by) VALUES (1, 'C', '2026-03-01Z', 100, 'approved', 'a', 'x', 'b');"
            "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, contract_no) "
            "VALUES "
            "('mainland', 'resources', 'enterprise', 'CNY', '2026-03-01Z', 1) RETURNING book_id), p AS (INSERT INTO "
            "dm.price (book_id, sku, per_unit, unit, label, list_per_unit, discount_bp, mode) SELECT b.book_id, p.sku, "
            "CASE "
            "WHEN p.sku = 'mem-run' THEN 0.000009747 ELSE p.per_unit END, p.unit, '', CASE WHEN p.sku = 'mem-run' THEN "
            "p.per_unit END, CASE WHEN p.sku = 'mem-run' THEN 1000 END, CASE WHEN p.sku = 'vcpu-run' THEN '%s' END "
            "FROM b, "
            "dm.price p JOIN dm.price_book k ON k.book_id = p.book_id AND k.tier = 'payg' AND k.price_group = "
            "'mainland' "
            "RETURNING book_id, sku) INSERT INTO dm.price_tier (book_id, sku, tier_no, from_qty, per_unit) SELECT "
            "book_id, "
            "sku, 1, 100, 0.00001 FROM p WHERE sku = 'vcpu-run'",
            mode);
    sql(r, text);
    rig_plan(r, 1, -10, "enterprise", 0);
}

/* Runs in both minutes, 110 seconds with one vCPU and a GiB. */
static void run(rig *r)
{
    r->acts[r->nacts++] = (act){.sandbox = 1,
            .epoch = 1,
            .project_no = 1,
            .spec = 3,
            .region_no = 2,
            .grains = 64,
            .run_from = 5,
            .run_to = 115};
    work(r, 0, 120);
    feed(r);
    clock_at(r, 130);
    flush(r);
    assert_int_equal(close_due(r, -1), 2);
}

#define LINES                                                                                                          \
    "SELECT string_agg(concat_ws(' ', kind, sku, tier, qty::text, per_unit::text), ', ' ORDER BY line_no) FROM "       \
    "dm.statement_line WHERE extract(minute FROM period_start) = "
/* What stands in the head's lines of a SKU is what was measured on the pages; and the total is that of all lines. */
#define CHECKS                                                                                                         \
    "SELECT bool_and(s.total = (SELECT sum(amount) FROM dm.statement_line l WHERE l.period_start = s.period_start)) "  \
    "AND "                                                                                                             \
    "(SELECT sum(qty) FROM dm.statement_line WHERE kind = 'measured') = (SELECT sum(qty) FROM dm.statement_line "      \
    "WHERE "                                                                                                           \
    "kind = 'usage' AND project_no IS NULL) FROM dm.statement s"
#define TIERS "SELECT string_agg(convert_from(body, 'UTF8')::jsonb->>'tiers', ' ' ORDER BY number) FROM dm.statement"
#define BALANCED "SELECT sum(amount) = 0 AND count(*) > 0 FROM dm.journal_entry"

static void graduated(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "graduated", 60);
    contract(&r, "graduated");
    run(&r);
    assert_sql(&r, LINES "0",
            "usage mem-run 0 55.000000 0.000009747000, measured vcpu-run 0 55.000000 0.000000000000, usage vcpu-run 0 "
            "55.000000 0.000021700000");
    assert_sql(&r, LINES "1",
            "usage mem-run 0 55.000000 0.000009747000, measured vcpu-run 0 55.000000 0.000000000000, usage vcpu-run 0 "
            "45.000000 0.000021700000, usage vcpu-run 1 10.000000 0.000010000000");
    assert_sql(&r, CHECKS, "t");
    assert_sql(&r, BALANCED, "t");
    assert_sql(&r, TIERS,
            "[{\"sku\": \"vcpu-run\", \"book\": 9, \"after\": \"55.000000\", \"before\": \"0.000000\"}] "
            "[{\"sku\": \"vcpu-run\", \"book\": 9, \"after\": \"110.000000\", \"before\": \"55.000000\"}]");
    rig_close(&r);
}

static void volume(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "volume", 60);
    contract(&r, "volume");
    run(&r);
    assert_sql(&r, LINES "1",
            "usage mem-run 0 55.000000 0.000009747000, measured vcpu-run 0 55.000000 0.000000000000, usage vcpu-run 0 "
            "-55.000000 0.000021700000, usage vcpu-run 1 110.000000 0.000010000000");
    assert_sql(&r, "SELECT sum(amount)::text FROM dm.statement_line WHERE sku = 'vcpu-run'", "0.001100000000000000");
    assert_sql(&r, CHECKS, "t");
    assert_sql(&r, BALANCED, "t");
    rig_close(&r);
}

/* Ten seconds come when the first minute is stated. Memory is corrected; of what is sold in tiers the count goes on as
 * it was stated, and people are told. */
static void what_is_sold_in_tiers_is_not_corrected(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "tierslate", 60);
    contract(&r, "graduated");
    r.acts[r.nacts++] = (act){.sandbox = 1,
            .epoch = 1,
            .project_no = 1,
            .spec = 3,
            .region_no = 2,
            .grains = 64,
            .run_from = 5,
            .run_to = 115};
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    feed(&r);
    flush(&r);
    clock_at(&r, 60 + 602);
    assert_int_equal(close_due(&r, T0), 1);
    rig_bring(&r, kept, 10);
    rig_forget(kept, 10);
    work(&r, 60, 120);
    feed(&r);
    flush(&r);
    clock_at(&r, 120 + 602);
    assert_int_equal(close_due(&r, T0), 1);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', kind, sku, tier, qty, per_unit), ', ' ORDER BY line_no) FROM "
            "dm.statement_line WHERE corrects_period IS NOT NULL",
            "correction mem-run 0 10.000000 0.000009747000");
    assert_sql(&r, TIERS,
            "[{\"sku\": \"vcpu-run\", \"book\": 9, \"after\": \"45.000000\", \"before\": \"0.000000\"}] "
            "[{\"sku\": \"vcpu-run\", \"book\": 9, \"after\": \"100.000000\", \"before\": \"45.000000\"}]");
    assert_sql(&r, "SELECT string_agg(detail, '|') FROM dm.anomaly WHERE kind = 'tiers_late' AND account_no = 1",
            "late evidence changes how much was used of vcpu-run, which is sold in tiers: what was stated stands");
    assert_sql(&r, CHECKS, "t");
    assert_sql(&r, BALANCED, "t");
    rig_close(&r);
}

/* Before it begins, for another account, or where it has no prices, what is everybody's holds. */
static void only_while_and_where_it_holds(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "nocontract", 60);
    contract(&r, "volume");
    assert_sql(&r,
            "SELECT string_agg(book_id::text, ',' ORDER BY book_id) FROM dm.books_of(1, 'enterprise', 'CNY', "
            "'2026-03-01Z', '2026-03-02Z')",
            "4,9");
    assert_sql(&r,
            "SELECT string_agg(book_id || ' ' || extract(epoch FROM holds_to - holds_from)::int, ',' ORDER BY "
            "holds_from, "
            "1) FROM dm.books_of(1, 'enterprise', 'CNY', '2026-02-28 23:00Z', '2026-03-01 02:00Z')",
            "2 3600,4 10800,9 7200");
    assert_sql(&r,
            "SELECT string_agg(book_id::text, ',' ORDER BY book_id) FROM dm.books_of(2, 'enterprise', 'CNY', "
            "'2026-03-01Z', '2026-03-02Z')",
            "2,4");
#define DEAREST "SELECT dm.budget_price(1, 2::smallint, 1::smallint, 3::smallint, 0)::numeric(38, 12)::text"
    assert_sql(&r, DEAREST, "0.000032530000"); /* budgets reckon with the dearest that may be charged, and no draft */
    sql(&r, "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, contract_no, "
            "status, authors, drafted_by) VALUES ('mainland', 'resources', 'enterprise', 'CNY', '2026-03-02Z', 1, "
            "'draft', '{a}', 'a') RETURNING book_id) INSERT INTO dm.price (book_id, sku, per_unit, unit, label) "
            "SELECT b.book_id, p.sku, p.per_unit * 10, p.unit, '' FROM b, dm.price p WHERE p.book_id = 9");
    assert_sql(&r, DEAREST, "0.000032530000");
    assert_sql(&r, "SELECT count(*) FROM dm.books_now(1) b WHERE b > 9", "0");
    sql(&r, "UPDATE dm.contract SET valid_to = '2026-04-01Z'");
    assert_sql(&r,
            "SELECT string_agg(book_id::text, ',' ORDER BY book_id) FROM dm.books_of(1, 'enterprise', 'CNY', "
            "'2026-04-01Z', '2026-04-02Z')",
            "2,4");
    refused(&r, "dm_ops", "UPDATE dm.contract SET status = 'withdrawn'");
    refused(&r, "dm_ops",
            "INSERT INTO dm.contract (account_no, name, valid_from, status, drafted_by, drafted_why, "
            "approved_by) VALUES (1, 'D', '2026-05-01Z', 'approved', 'a', 'x', 'b')");
    refused(&r, "dm_meter", "UPDATE dm.statement_tier SET after_qty = 0");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(graduated),
            cmocka_unit_test(volume),
            cmocka_unit_test(what_is_sold_in_tiers_is_not_corrected),
            cmocka_unit_test(only_while_and_where_it_holds),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
