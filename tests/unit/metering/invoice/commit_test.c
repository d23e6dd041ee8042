/* What a contract says a month costs at least, whatever comes when: charged once, by no more and no less than the month
 * is short of it, with the month's invoice. */
/* Covers metering/invoice/commit.c, metering/invoice/sql_commit.c, metering/check/sql_check.c. */
#include "metering/check/check.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

#define FIRST "INV-2026-000001"
/* A minute of 500 sandboxes is 1.01896, of 100 0.203792. */

/* Account 1 pays CNY 2 a month at least, from March to June, and a fifth of it as tax. */
static void contracted(rig *r, const char *db)
{
    bill_open(r, &pg, db);
    sql(r, "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', 'CN', "
           "'S', 200000, 'CN', '2026-01-01Z');"
           "INSERT INTO dm.contract (id, account_no, name, valid_from, valid_to, least_monthly, status, drafted_by, "
           "drafted_why, approved_by) VALUES ('00000000-0000-4000-8000-0000000000c1', 1, 'C', '2026-03-01Z', "
           "'2026-06-01Z', 2, 'approved', 'a', 'x', 'b')");
}

/* Sandboxes of that minute of whose seconds nobody knew: they come with the account's next statement. */
static void comes_late(rig *r, int64_t start, unsigned sandboxes)
{
    char text[1600];
    long long at = start;
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica;"
            "CREATE TEMP TABLE made AS SELECT decode(lpad(to_hex(9 * 65536 + i), 32, '0'), 'hex') AS id"
            " FROM generate_series(1, %u) i;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no,"
            " template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s)"
            " SELECT 1, 1, id, 'running', 1, 2, 1, 1, 'aaaaaaaaaaaaaaaaaaaa',"
            " '00000000-0000-4000-8000-000000000001', 1, 2048, 1, 4, 1024, false, 300 FROM made"
            " ON CONFLICT (sandbox_id) DO NOTHING;"
            "INSERT INTO dm.usage_late SELECT 1, 1, dm.ts(%lld000000), id, 1, 1, 4, 2, 1,"
            " (repeat('0', 5) || repeat('1', 47) || repeat('0', 8))::varbit, repeat('0', 60)::varbit, '{64}' FROM made;"
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT 1, dm.ts(%lld000000), id FROM made;"
            "DROP TABLE made; SET session_replication_role = DEFAULT",
            sandboxes, at, at);
    sql(r, text);
}

static void month_of(rig *r, int64_t next, int64_t now)
{
    bill_through(r, next);
    bill_months(r, now);
}

/* What is compared of documents agrees, those that were issued in the minute before this second was over among them. */
static void checked(rig *r, int64_t at)
{
    char text[400];
    dm_err err = {0};
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES (dm.ts(%lld000000), 60, now()) ON "
            "CONFLICT (period_start) DO UPDATE SET closed_at = now()",
            (long long)at);
    sql(r, text);
    clock_at(r, at + 120 - T0);
    dm_chore_config c = bill_chores(r);
    if (dm_check(&c, &err) != 0)
        fail_msg("%s", err.msg);
    assert_sql(r,
            "SELECT coalesce(string_agg(detail, ', '), '') FROM dm.reconciliation WHERE check_no IN (7, 10) AND differ "
            "> "
            "0",
            "");
    (void)snprintf(text, sizeof text,
            "SELECT max(compared) >= 2 FROM dm.reconciliation WHERE check_no = 7 AND period_start = dm.ts(%lld000000)",
            (long long)at);
    assert_sql(r, text, "t");
}

/* month: least, charges, before: amount, by which line, of which invoices. */
#define COMMITTED(number)                                                                                              \
    "SELECT string_agg(concat_ws(' ', month, trim_scale(least), trim_scale(charges), trim_scale(before), "             \
    "trim_scale(amount), line_no, NULLIF(invoices, '')), ', ' ORDER BY month) FROM dm.invoice_commitment JOIN "        \
    "dm.invoice USING "                                                                                                \
    "(account_no, invoice_no) WHERE number = '" number "'"
#define COMES_TO(number)                                                                                               \
    "SELECT concat_ws(' ', trim_scale(exact_total), trim_scale(net), trim_scale(tax), trim_scale(total)) FROM "        \
    "dm.invoice WHERE number = '" number "'"

static void what_a_month_is_short_of_is_a_line(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "short");
    bill_minute(&r, 1, MARCH + 36000, 500);
    month_of(&r, APRIL, APRIL + DAY);
    assert_sql(&r, COMMITTED(FIRST), "2026-03-01 2 1.01896 0 0.98104 3");
    assert_sql(&r, COMES_TO(FIRST), "2 2 0.4 2.4");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', kind, sku, project_no, qty, trim_scale(amount), trim_scale(net), "
            "seconds, "
            "tax_no), ', ' ORDER BY line_no) FROM dm.invoice_line WHERE kind = 'commitment'",
            "commitment commitment 0.98104 0.98 0 1");
    assert_sql(&r,
            "SELECT concat_ws(' ', b->'version', b->'commitments') FROM (SELECT convert_from(body, 'UTF8')::jsonb AS b "
            "FROM dm.invoice) x",
            "2 [{\"line\": 3, \"least\": \"2.000000000000000000\", \"month\": \"2026-03\", \"before\": "
            "\"0.000000000000000000\", \"charges\": \"1.018960000000000000\", \"contract\": "
            "\"00000000-0000-4000-8000-0000000000c1\", \"invoices\": []}]");
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "-0.98104");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "2.4");
    bill_months(&r, APRIL + 2 * DAY); /* once more is nothing */
    assert_sql(&r, "SELECT count(*) FROM dm.invoice_commitment", "1");
    bill_whole(&r);
    checked(&r, APRIL + DAY);
    rig_close(&r);
}

/* Who used more pays what he used; who used nothing has an invoice of nothing else; outside of the contract there is
 * none. */
static void more_than_it_and_nothing_at_all(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "more");
    bill_minute(&r, 1, MARCH - 36000, 5);
    bill_minute(&r, 1, MARCH + 36000, 1000);
    month_of(&r, MARCH, MARCH + DAY);
    month_of(&r, APRIL, APRIL + DAY);
    assert_sql(&r, COMMITTED(FIRST), "");
    assert_sql(&r, COMMITTED("INV-2026-000002"), "2026-03-01 2 2.03792 0 0");
    assert_sql(&r, COMES_TO("INV-2026-000002"), "2.03792 2.04 0.41 2.45");
    month_of(&r, MAY, MAY + DAY);
    month_of(&r, MAY + 31 * DAY, MAY + 32 * DAY);
    month_of(&r, MAY + 61 * DAY, MAY + 62 * DAY); /* June is not of it */
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', number, trim_scale(total), b->'statements'->>'count', b->'period'->>"
            "'start', b->'period'->>'end'), ', ' ORDER BY chain) FROM (SELECT *, convert_from(body, 'UTF8')::jsonb AS "
            "b "
            "FROM dm.invoice) x WHERE chain > 2",
            "INV-2026-000003 2.4 0 2026-04-01T00:00:00Z 2026-05-01T00:00:00Z, INV-2026-000004 2.4 0 "
            "2026-05-01T00:00:00Z 2026-06-01T00:00:00Z");
    assert_sql(&r, "SELECT string_agg(month::text, ' ' ORDER BY month) FROM dm.invoice_round",
            "2026-02-01 2026-03-01 2026-04-01 2026-05-01 2026-06-01");
    bill_whole(&r);
    checked(&r, MAY + DAY);
    rig_close(&r);
}

/* What comes late makes the month dearer and its shortfall smaller: it is not paid for twice, and what exceeds it once.
 */
static void late_evidence_is_not_charged_twice(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "latecommit");
    bill_minute(&r, 1, MARCH + 36000, 500);
    month_of(&r, APRIL, APRIL + DAY);
    comes_late(&r, MARCH + 36000, 100);
    bill_minute(&r, 1, APRIL + 36000, 1000);
    month_of(&r, MAY, MAY + DAY);
    assert_sql(&r, COMMITTED("INV-2026-000002"),
            "2026-03-01 2 1.222752 0.98104 -0.203792 5 " FIRST ", 2026-04-01 2 2.03792 0 0");
    assert_sql(&r, COMES_TO("INV-2026-000002"), "2.03792 2.04 0.41 2.45"); /* nothing but April */
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "-0.777248");
    bill_whole(&r);
    checked(&r, MAY + DAY);
    rig_close(&r);
}

static void beyond_the_least_it_costs(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "beyond");
    bill_minute(&r, 1, MARCH + 36000, 900);
    month_of(&r, APRIL, APRIL + DAY);
    comes_late(&r, MARCH + 36000, 100);
    bill_minute(&r, 1, APRIL + 36000, 1000);
    month_of(&r, MAY, MAY + DAY);
    assert_sql(&r, COMMITTED("INV-2026-000002"),
            "2026-03-01 2 2.03792 0.165872 -0.165872 5 " FIRST ", 2026-04-01 2 2.03792 0 0");
    assert_sql(&r, COMES_TO("INV-2026-000002"), "2.07584 2.08 0.42 2.5");
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "0");
    bill_whole(&r);
    checked(&r, MAY + DAY);
    rig_close(&r);
}

/* What is voided is charged by what is issued in its place, and counted by nothing in between. */
static void voided_and_issued_again(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "recommit");
    bill_minute(&r, 1, MARCH + 36000, 500);
    month_of(&r, APRIL, APRIL + DAY);
    (void)bill_order(&r, "void", FIRST, "2.4", "'{}'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "0");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "1.01896");
    comes_late(&r, MARCH + 36000, 100);
    bill_minute(&r, 1, APRIL + 36000, 1000);
    month_of(&r, MAY, MAY + DAY); /* March is let go, and not this one's */
    assert_sql(&r, COMMITTED("INV-2026-000002"), "2026-04-01 2 2.03792 0 0");
    (void)bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, MAY + 2 * DAY);
    assert_sql(&r, COMMITTED("INV-2026-000003"), "2026-03-01 2 1.222752 0 0.777248 3 INV-2026-000002");
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "-0.777248");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    bill_whole(&r);
    checked(&r, MAY + DAY);
    rig_close(&r);
}

/* A part of a month that is invoiced before its end says nothing of the least; the rest counts it in. */
static void a_part_of_a_month_is_counted_in(void **state)
{
    rig r;
    (void)state;
    contracted(&r, "parts");
    bill_minute(&r, 1, MARCH + 36000, 500);
    (void)bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, MARCH + 2 * DAY);
    assert_sql(&r, COMMITTED(FIRST), "");
    bill_minute(&r, 1, MARCH + 72000, 100);
    bill_through(&r, APRIL);
    int order = bill_order(&r, "draft", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, APRIL + 60);
    char text[200];
    (void)snprintf(text, sizeof text,
            "SELECT outcome->'draft'->'commitments'->0->>'charges' FROM dm.invoice_order WHERE order_no = %d", order);
    assert_sql(&r, text, "1.222752000000000000");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, COMMITTED("INV-2026-000002"), "2026-03-01 2 1.222752 0 0.777248 3 " FIRST);
    (void)bill_order(&r, "credit", "INV-2026-000002", "0.5", "'{\"lines\":[{\"line\":3,\"net\":\"0.50\"}]}'");
    bill_orders(&r, APRIL + 2 * DAY); /* a gift, that no later month asks back */
    assert_sql(&r, "SELECT trim_scale(total) FROM dm.invoice WHERE kind = 'credit_note'", "0.6");
    bill_minute(&r, 1, APRIL + 36000, 1000);
    month_of(&r, MAY, MAY + DAY);
    assert_sql(&r, COMES_TO("INV-2026-000003"), "2.03792 2.04 0.41 2.45");
    bill_whole(&r);
    checked(&r, MAY + DAY);
    rig_close(&r);
}

/* The connection dies as the line's month, its entries or what follows are written: nothing is there, and then all. */
static void killed_in_the_middle(void **state)
{
    static const char *const tables[] = {"invoice_commitment", "journal_entry", "invoice_month"};
    rig r;
    (void)state;
    contracted(&r, "killcommit");
    month_of(&r, APRIL, APRIL + DAY - 1);
    clock_at(&r, APRIL + DAY - T0);
    sql(&r, "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM "
            "pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$");
    for (size_t i = 0; i < DM_LEN(tables); i++) {
        char text[300];
        dm_err err;
        (void)snprintf(text, sizeof text,
                "CREATE TRIGGER die AFTER INSERT ON dm.%s FOR EACH STATEMENT EXECUTE FUNCTION public.die()", tables[i]);
        sql(&r, text);
        dm_pg *c = NULL;
        assert_int_equal(cluster_open(&pg, r.db, "dm_meter", &c), 0);
        dm_chore_config conf = bill_chores(&r);
        conf.pg = c;
        if (dm_invoice_months(&conf, &err) >= 0)
            fail_msg("it lived through %s", tables[i]);
        dm_pg_close(c);
        (void)snprintf(text, sizeof text, "DROP TRIGGER die ON dm.%s", tables[i]);
        sql(&r, text);
        assert_sql(&r, "SELECT (SELECT count(*) FROM dm.invoice) + (SELECT count(*) FROM dm.journal_txn)", "0");
    }
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, COMMITTED(FIRST), "2026-03-01 2 0 0 2 1");
    static const char *const wrong[] = {"UPDATE dm.invoice_commitment SET charges = 0",
            "DELETE FROM dm.invoice_commitment", "TRUNCATE dm.invoice_commitment",
            "INSERT INTO dm.invoice_commitment SELECT account_no, invoice_no, '2026-04-01', contract_no, least, "
            "charges, "
            "before, amount, line_no, invoices FROM dm.invoice_commitment"};
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        refused(&r, "dm_meter", wrong[i]);
        refused(&r, "dm_migrate", wrong[i]);
        refused(&r, "dm_ops", wrong[i]);
        refused(&r, "dm_api", wrong[i]);
    }
    bill_whole(&r);
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_a_month_is_short_of_is_a_line),
            cmocka_unit_test(more_than_it_and_nothing_at_all),
            cmocka_unit_test(late_evidence_is_not_charged_twice),
            cmocka_unit_test(beyond_the_least_it_costs),
            cmocka_unit_test(voided_and_issued_again),
            cmocka_unit_test(a_part_of_a_month_is_counted_in),
            cmocka_unit_test(killed_in_the_middle),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
