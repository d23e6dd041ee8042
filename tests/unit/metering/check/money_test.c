/* What became of money in a period agrees: invoices, wallets, payments, exports; and whatever is changed of it
 * afterwards is found by the comparison that is about it. */
/* Covers metering/check/sql_check.c. */
#include "metering/bill/by_sandbox.h"
#include "metering/check/check.h"
#include "metering/wallet/wallet.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

#define FIRST "INV-2026-000001"
#define BANK                                                                                                           \
    "<Document xmlns=''urn:iso:std:iso:20022:tech:xsd:camt.053.001.08''><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id>"     \
    "<IBAN>DE1</IBAN></Id></Acct><Ntry><Amt Ccy=''CNY''>0.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>" \
    "<BookgDt><Dt>2026-04-10</Dt></BookgDt><AcctSvcrRef>R1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>" FIRST       \
    "</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no = 0;
    return dm_wallet_give(c, arg, &grant_no, err);
}

static void given(rig *r, const char *kind, const char *amount, int64_t expires)
{
    dm_err err;
    dm_wallet_grant g = {.account_no = {1},
            .kind = kind,
            .currency = "CNY",
            .expires_s = expires,
            .idem_key = kind,
            .reference = "",
            .who = "operator:ada",
            .why = "",
            .at_s = MARCH};
    assert_int_equal(dm_money_parse(dm_str_c(amount), &g.amount, &err), 0);
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, give, &g, &err) < 0)
        fail_msg("%s", err.msg);
}

static int keep(dm_pg *c, void *arg, dm_err *err)
{
    int64_t hold_no = 0;
    return dm_wallet_hold(c, arg, &hold_no, err);
}

static void check(rig *r)
{
    dm_err err = {0};
    dm_chore_config c = bill_chores(r);
    if (dm_check(&c, &err) != 0)
        fail_msg("%s", err.msg);
}

/* March of an account that has something in its wallet, of which some expires and some is kept: invoiced, paid in part
 * by a bank's file and in part by a word of an operator's, and credited a little. All of that is said to have happened
 * in the minute behind the second of April 2nd; another period, of March, is that of a statement. */
static void a_month_of_money(rig *r, const char *db)
{
    dm_err err;
    bill_open(r, &pg, db);
    given(r, "promo", "0.3", MAY);
    given(r, "operator", "0.2", DM_BURN_NEVER);
    given(r, "paid", "0.505", DM_BURN_NEVER);
    dm_wallet_hold_what kept = {
            .account_no = {1}, .currency = "CNY", .idem_key = "kept", .at_s = MARCH, .until_s = MAY};
    assert_int_equal(dm_money_parse(DM_STR("0.1"), &kept.amount, &err), 0);
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, keep, &kept, &err) < 0)
        fail_msg("%s", err.msg);
    bill_minute(r, 1, MARCH + 36000, 500);
    bill_minute(r, 1, MARCH + 36060, 300);
    bill_minute(r, 2, MARCH + 36000, 700);
    bill_through(r, APRIL);
    bill_months(r, APRIL + DAY);
    sql(r, "SET ROLE dm_ops; INSERT INTO dm.bank_file (digest, body, who, why) SELECT sha256(b), b, 'operator:ada', "
           "'of today' FROM (SELECT convert_to('" BANK "', 'UTF8') AS b) x; RESET ROLE");
    clock_at(r, APRIL + DAY - T0);
    dm_chore_config c = bill_chores(r);
    if (dm_invoice_bank(&c, &err) != 0)
        fail_msg("%s", err.msg);
    (void)bill_order(r, "pay", FIRST, "5", "'{\"received_on\": \"2026-04-11\", \"reference\": \"by hand\"}'");
    (void)bill_order(r, "credit", FIRST, "0.1", "'{\"lines\": [{\"line\": 1, \"net\": \"0.10\"}]}'");
    bill_orders(r, APRIL + DAY);
    assert_sql(
            r, "SELECT string_agg(coalesce(outcome::text, '-'), ' ') FROM dm.invoice_order WHERE state <> 'done'", "");
    char text[700];
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica; UPDATE dm.journal_txn SET booked_at = dm.ts(%d000000);"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES (dm.ts(%d000000), 60, now());"
            "UPDATE dm.period SET closed_at = now();"
            "SET session_replication_role = DEFAULT",
            APRIL + DAY + 1, APRIL + DAY);
    sql(r, text);
    clock_at(r, APRIL + DAY + 120 - T0);
    if (dm_by_sandbox(&c, &err) != 0)
        fail_msg("%s", err.msg);
}

#define OUTCOMES                                                                                                       \
    "SELECT string_agg(check_no || ':' || compared || ':' || differ || ' ' || detail, ', ' ORDER BY check_no) FROM "   \
    "dm.reconciliation WHERE check_no BETWEEN 7 AND 10 AND period_start = '2026-"

static void what_is_whole_agrees(void **state)
{
    rig r;
    (void)state;
    a_month_of_money(&r, "whole");
    bill_whole(&r);
    check(&r);
    /* two invoices, a credit note, two months; a wallet; two payments, an entry, two that came and one in advance */
    assert_sql(&r, OUTCOMES "04-02 00:00Z'", "7:5:0 , 8:1:0 , 9:6:0 , 10:2:0 ");
    assert_sql(&r, OUTCOMES "03-01 10:00Z'", "7:0:0 , 8:0:0 , 9:0:0 , 10:6:0 ");
    rig_close(&r);
}

typedef struct fault {
    int no;          /* the comparison that finds it */
    const char *sql; /* what is done to the ledger, by whoever may do all */
    const char *words;
} fault;

/* Every fault is one of the same ledger, which is put back after it. */
static void each_table(rig *r, bool back)
{
    static const char *const tables[] = {"invoice", "invoice_line", "invoice_tax", "invoice_statement",
            "invoice_payment", "invoice_state", "statement", "journal_txn", "journal_entry", "wallet_grant",
            "wallet_burn_part", "bank_entry", "usage_day", "usage_sandbox", "usage_sandbox_month"};
    for (size_t i = 0; i < DM_LEN(tables); i++) {
        char text[300];
        if (back)
            (void)snprintf(text, sizeof text,
                    "DELETE FROM dm.%s; INSERT INTO dm.%s OVERRIDING SYSTEM VALUE SELECT * FROM kept_%s", tables[i],
                    tables[i], tables[i]);
        else
            (void)snprintf(text, sizeof text, "CREATE TABLE kept_%s AS TABLE dm.%s", tables[i], tables[i]);
        sql(r, text);
    }
}

static void is_found(rig *r, const fault *f)
{
    char text[600];
    (void)snprintf(text, sizeof text,
            "SELECT coalesce(max(detail), 'agrees') FROM dm.reconciliation WHERE check_no = %d AND differ > 0 AND "
            "detail "
            "LIKE '%s'",
            f->no, f->words);
    if (strcmp(ask(r, text), "agrees") != 0)
        return;
    (void)snprintf(text, sizeof text,
            "SELECT string_agg(compared || ' ' || differ || ' ' || detail, '; ') FROM dm.reconciliation WHERE check_no "
            "= %d",
            f->no);
    fail_msg("%s is not found by %d: %s", f->sql, f->no, ask(r, text));
}

static void what_was_changed_is_found(void **state)
{
    static const fault faults[] = {
            {7, "UPDATE dm.invoice SET exact_total = exact_total + 1, rounding = rounding + 1 WHERE chain = 1",
                    FIRST " of account 1: 2.63%"},
            {7, "UPDATE dm.statement SET total = total - 0.000001 WHERE number = 1 AND account_no = 1", FIRST "%"},
            {7, "UPDATE dm.invoice_statement SET number = 9 WHERE number = 1 AND account_no = 1", FIRST "%"},
            {7, "DELETE FROM dm.invoice_line WHERE account_no = 2", "INV-2026-000002 of account 2%"},
            {7, "UPDATE dm.invoice_line SET net = net + 0.01 WHERE account_no = 2", "INV-2026-000002 of account 2%"},
            {7, "UPDATE dm.invoice_tax SET exact = exact - 0.01, rounding = rounding - 0.01 WHERE account_no = 2",
                    "INV-2026-000002%"},
            {7,
                    "UPDATE dm.invoice SET exact_total = exact_total + 0.01, rounding = rounding + 0.01 WHERE "
                    "account_no = 2;"
                    "UPDATE dm.invoice_tax SET exact = exact + 0.01, rounding = rounding + 0.01 WHERE account_no = 2;"
                    "UPDATE dm.invoice_line SET kind = 'fee', amount = amount + 0.01 WHERE account_no = 2;"
                    "UPDATE dm.statement SET total = total + 0.01 WHERE account_no = 2",
                    "INV-2026-000002%"},
            {7, "UPDATE dm.journal_txn SET idem_key = 'other' WHERE kind = 'issue' AND account_no = 2",
                    "INV-2026-000002 of account 2%"},
            {7, "UPDATE dm.invoice SET total = 9, net = 9 - tax, exact_total = 9 - tax WHERE kind = 'credit_note'",
                    "CN-2026-000001%"},
            {7, "UPDATE dm.invoice_statement SET live = false WHERE account_no = 2",
                    "account 2: a statement of 2026-03-01 is in no invoice%"},
            {8, "UPDATE dm.wallet_grant SET remaining = remaining - 0.001 WHERE kind = 'paid'", "account 1: CNY %"},
            {8, "UPDATE dm.wallet_grant SET held = 0 WHERE kind = 'promo'", "account 1: CNY %"},
            {8, "DELETE FROM dm.wallet_burn_part WHERE n = 1", "account 1: CNY %"},
            {8, "UPDATE dm.journal_txn SET kind = 'grant' WHERE kind = 'expiry'", "account 1: CNY %"},
            {8, "UPDATE dm.wallet_grant SET amount = amount + 1, remaining = remaining + 1 WHERE kind = 'operator'",
                    "account 1: CNY %"},
            {8,
                    "DELETE FROM dm.journal_entry USING dm.ledger_account l WHERE l.ledger_no = "
                    "journal_entry.ledger_no AND "
                    "l.name = 'wallet_paid'",
                    "account 1: CNY %"},
            {9, "DELETE FROM dm.invoice_payment WHERE how = 'bank'", "%entry 1 of the bank: CNY 0.5 is no payment%"},
            {9, "DELETE FROM dm.bank_entry", "payment 1 to " FIRST "%"},
            {9, "UPDATE dm.bank_entry SET amount = 0.4", "%payment 1 to " FIRST "%"},
            {9, "UPDATE dm.invoice_payment SET amount = amount + 1 WHERE how = 'operator'", "%payment 2 to " FIRST "%"},
            {9, "UPDATE dm.invoice_state SET paid = paid + 1 WHERE account_no = 1", "payment 1 to " FIRST "%"},
            {9, "UPDATE dm.wallet_grant SET kind = 'promo' WHERE idem_key = 'paid'", "%: 0.505 that nobody paid%"},
            {10, "UPDATE dm.usage_day SET amount = amount + 0.000001 WHERE account_no = 2 AND sku = 'mem-run'",
                    "%account 2%"},
            {10, "DELETE FROM dm.usage_day WHERE account_no = 1", FIRST " of account 1%"},
            {10, "UPDATE dm.usage_sandbox SET amount = amount - 0.000001 WHERE account_no = 2",
                    "%its sandboxes come to%"},
            {10, "DELETE FROM dm.usage_sandbox WHERE account_no = 1", "account 1, 2026-03-01: its sandboxes come to%"},
            {10, "UPDATE dm.usage_sandbox_month SET share = share - 0.000000000000000001 WHERE account_no = 2",
                    "%account 2, 2026-03-01: its sandboxes come to % by month%"},
            {10, "DELETE FROM dm.usage_sandbox_month WHERE account_no = 1", "%account 1, 2026-03-01: % by month%"},
    };
    rig r;
    (void)state;
    a_month_of_money(&r, "changed");
    each_table(&r, false);
    for (size_t i = 0; i < DM_LEN(faults); i++) {
        const fault *f = &faults[i];
        sql(&r, "SET session_replication_role = replica; DELETE FROM dm.reconciliation; DELETE FROM dm.anomaly");
        sql(&r, f->sql);
        check(&r);
        is_found(&r, f);
        assert_sql(&r, "SELECT count(*) > 0 FROM dm.anomaly WHERE kind = 'unreconciled'", "t");
        each_table(&r, true);
    }
    sql(&r, "DELETE FROM dm.reconciliation");
    check(&r);
    assert_sql(&r, "SELECT sum(differ) FROM dm.reconciliation WHERE check_no BETWEEN 7 AND 10", "0");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_whole_agrees),
            cmocka_unit_test(what_was_changed_is_found),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
