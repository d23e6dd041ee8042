/* Invoices of accounts that pay by the hour: what the wallet has settled statement by statement, the tax on it, and
 * what it left. */
/* Covers metering/invoice/make.c, metering/invoice/settle.c, metering/invoice/sql_make.c, metering/wallet/settle.c. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/check/check.h"
#include "metering/rules/tax.h"
#include "metering/wallet/chores.h"
#include "metering/wallet/wallet.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

#define FIRST "INV-2026-000001"
#define SECOND "INV-2026-000002"

static void given(rig *r, const char *kind, const char *amount)
{
    bill_give(r, 1, kind, amount, MARCH);
}

static void settle(rig *r, int64_t now)
{
    bill_settle(r, now);
}

/* Account 1 pays by the hour, with a fifth of it as tax. */
static void hourly(rig *r, const char *db, bool taxed)
{
    bill_open(r, &pg, db);
    sql(r, "UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = 1");
    if (taxed)
        sql(r, "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', "
               "'CN', 'S', 200000, 'CN', '2026-01-01Z')");
}

/* In March it comes to CNY 1.630336, in two statements, the second of 0.611376; the wallet is asked after each. */
static void march(rig *r)
{
    bill_minute(r, 1, MARCH + 36000, 500);
    settle(r, MARCH + 36600);
    bill_minute(r, 1, MARCH + 72000, 300);
    settle(r, MARCH + 72600);
    bill_through(r, APRIL);
}

/* What is not invoiced and not settled stands as unbilled, to the last decimal. */
static void whole(rig *r)
{
    bill_whole(r);
    assert_sql(r,
            "SELECT count(*) FROM dm.account a WHERE coalesce((SELECT sum(e.amount) FROM dm.journal_entry e JOIN "
            "dm.ledger_account l USING (ledger_no) WHERE l.account_no = a.account_no AND l.name = 'unbilled'), 0) <> "
            "coalesce((SELECT sum(s.total - coalesce((SELECT sum(b.promo + b.paid) FROM dm.wallet_burn b WHERE "
            "b.account_no = s.account_no AND b.statement_no = s.number), 0)) FROM dm.statement s WHERE s.account_no = "
            "a.account_no AND NOT EXISTS (SELECT FROM dm.invoice_statement i WHERE i.account_no = s.account_no AND "
            "i.period_start = s.period_start AND i.live)), 0)",
            "0");
    assert_sql(r,
            "SELECT (SELECT coalesce(sum(remaining), 0) FROM dm.wallet_grant) = (SELECT coalesce(-sum(e.amount), 0) "
            "FROM dm.journal_entry e JOIN dm.ledger_account l USING (ledger_no) WHERE l.name LIKE 'wallet%')",
            "t");
}

/* Of the newest document: exact, discount, tax, total, prepaid, due. */
#define SUMS                                                                                                           \
    "SELECT concat_ws(' ', trim_scale((b->'totals'->>'exact')::numeric), trim_scale((b->'taxes'->0->>'discount')"      \
    "::numeric), b->'totals'->>'tax', b->'totals'->>'total', b->'totals'->>'prepaid', b->'totals'->>'due') FROM "      \
    "(SELECT convert_from(body, 'UTF8')::jsonb AS b FROM dm.invoice ORDER BY chain DESC LIMIT 1) x"

/* --- tax ---------------------------------------------------------------------------------------------------- */

static uint64_t some(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (*seed >> 33) % below;
}

/* What a wallet keeps is by the rule that its invoice will have. */
static void the_wallet_knows_the_invoices_rule(void **state)
{
    static const char *const sellers[] = {"*", "DE", "CN"}, *const buyers[] = {"*", "EU", "FR", "CN"};
    static const char *const holds[] = {"NULL", "true", "false"};
    enum { RULES = 3 * 4 * 3, MANY = 80 };
    rig r;
    dm_tax_rule all[RULES];
    size_t n;
    uint64_t seed = 7;
    (void)state;
    bill_open(&r, &pg, "rules");
    for (int turn = 0; turn < MANY; turn++) {
        char text[512], rate[32];
        const dm_tax_rule *rule = NULL;
        const char *buyer = buyers[2 + some(&seed, 2)], *seller = sellers[1 + some(&seed, 2)];
        bool business = some(&seed, 2) == 1;
        sql(&r, "DELETE FROM dm.tax_rule");
        n = 0;
        for (int i = 0; i < RULES; i++) {
            unsigned ago = (unsigned)some(&seed, 2);
            if (some(&seed, 4) != 0)
                continue;
            all[n] = (dm_tax_rule){.no = i,
                    .seller = sellers[i % 3],
                    .buyer = buyers[i / 3 % 4],
                    .business = i / 12 == 0 ? -1 : i / 12 == 1,
                    .rate_ppm = (uint32_t)(i + 1) * 1000,
                    .from_s = -(int64_t)ago,
                    .to_s = INT64_MAX};
            (void)snprintf(text, sizeof text,
                    "INSERT INTO dm.tax_rule (rule_no, seller, buyer, business, category, rate_ppm, jurisdiction, "
                    "valid_from) OVERRIDING SYSTEM VALUE VALUES (%d, '%s', '%s', %s, 'S', %u, 'x', now() - interval '1 "
                    "hour' - interval '%u days')",
                    i, all[n].seller, all[n].buyer, holds[i / 12], all[n].rate_ppm, ago);
            sql(&r, text);
            n++;
        }
        (void)snprintf(text, sizeof text,
                "UPDATE dm.seller SET country = '%s'; UPDATE dm.account SET country = '%s', tax_id = '%s' WHERE "
                "account_no = 1; UPDATE dm.account SET tax_id_check = %s WHERE account_no = 1",
                seller, buyer, business ? "X1" : "", business ? "'by hand'" : "NULL");
        sql(&r, text);
        const dm_tax_case of = {.seller = seller,
                .buyer = buyer,
                .area = strcmp(buyer, "FR") == 0 ? "EU" : "",
                .business = business,
                .at_s = 1};
        bool found = dm_tax_find(all, n, &of, &rule) == 0;
        (void)snprintf(rate, sizeof rate, "%u", found ? rule->rate_ppm : 0);
        assert_sql(&r, "SELECT dm.tax_ppm(1)", rate);
    }
    rig_close(&r);
}

/* --- whole months ------------------------------------------------------------------------------------------- */

static void what_the_wallet_paid_is_invoiced_as_paid(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "paid", true);
    given(&r, "paid", "10");
    bill_minute(&r, 2, MARCH + 36000, 500);
    march(&r);
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.01896 0 0.20 1.22 0.00 1.22"); /* who pays by the month */
    assert_sql(&r, "SELECT string_agg(number || ' ' || account_no, ', ' ORDER BY chain) FROM dm.invoice",
            FIRST " 1, " SECOND " 2");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_sql(&r,
            "SELECT concat_ws(' ', trim_scale(exact_total), trim_scale(discount), trim_scale(tax), trim_scale(total), "
            "trim_scale(prepaid)) FROM dm.invoice WHERE account_no = 1",
            "1.630336 0 0.33 1.96 1.96");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-8.04");
    assert_string_equal(bill_balance(&r, 0, "tax:CN"), "-0.53");
    assert_sql(&r, "SELECT concat_ws('|', recipient, subject, split_part(body, E'\n', 1)) FROM dm.mail",
            "pay@one.test|Invoice " FIRST ": CNY 1.96, paid|Invoice " FIRST " of CNY 1.96 is there. It is paid.");
    assert_sql(&r, "SELECT string_agg(DISTINCT outcome, ' ') FROM dm.invoice_month", "invoiced");
    bill_months(&r, APRIL + 2 * DAY); /* once more, and the wallet's turn once more, is nothing */
    settle(&r, APRIL + 2 * DAY);
    assert_sql(&r, "SELECT count(*) || ' ' || (SELECT count(*) FROM dm.invoice) FROM dm.wallet_burn", "3 2");
    whole(&r);
    rig_close(&r);
}

/* What is rounded off goes back: to the wallet, as money. */
static void more_than_is_to_be_paid_goes_back(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "rest", false);
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0 0.00 1.63 1.63 0.00");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-8.37");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    assert_sql(&r, "SELECT concat_ws(' ', kind, trim_scale(amount), reference) FROM dm.wallet_grant WHERE grant_no = 2",
            "paid 0.000336 " FIRST);
    whole(&r);
    rig_close(&r);
}

/* Given credit is no payment: it lowers what is taxed, in the statements that it settled. */
static void given_credit_lowers_what_is_taxed(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "promo", true);
    given(&r, "promo", "0.63");
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0.63 0.20 1.20 1.20 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_promo"), "0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-8.8");
    whole(&r);
    rig_close(&r);
}

static void all_of_it_given_is_all_of_it_paid(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "given", true);
    given(&r, "promo", "5");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 1.630336 0.00 0.00 0.00 0.00");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "wallet_promo"), "-3.369664");
    whole(&r);
    rig_close(&r);
}

/* --- what the wallet has not -------------------------------------------------------------------------------- */

/* It covers what was stated and not the tax; nothing; part of a statement, and parts of a fen. */
/* What a month is short of its least is on its invoice, as for others: the wallet gives what it has, given money first.
 */
static void a_least_is_charged_with_the_month(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "least", true);
    sql(&r, "INSERT INTO dm.contract (id, account_no, name, valid_from, valid_to, least_monthly, status, drafted_by, "
            "drafted_why, approved_by) VALUES ('00000000-0000-4000-8000-0000000000c1', 1, 'C', '2026-03-01Z', "
            "'2026-05-01Z', 2, 'approved', 'a', 'x', 'b')");
    given(&r, "paid", "1.2");
    march(&r);
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "0"); /* of 1.630336 the wallet had so much */
    given(&r, "promo", "0.5");
    given(&r, "paid", "0.2");
    bill_months(&r, APRIL + DAY);
    /* 0.369664 is short; of what is open, 0.8, half a unit is given: 1.5 is taxed, 1.8, of which 1.4 are paid */
    assert_sql(&r, SUMS, "2 0.5 0.30 1.80 1.40 0.40");
    assert_sql(&r,
            "SELECT concat_ws(' ', month, trim_scale(charges), trim_scale(before), trim_scale(amount)) FROM "
            "dm.invoice_commitment",
            "2026-03-01 1.630336 0 0.369664");
    assert_string_equal(bill_status(&r, FIRST), "issued 0.4");
    assert_string_equal(bill_balance(&r, 0, "revenue:commitment"), "-0.369664");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0.4");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    given(&r, "paid", "10");
    bill_through(&r, MAY); /* nothing ran */
    bill_months(&r, MAY + DAY);
    assert_sql(&r, SUMS, "2 0 0.40 2.40 2.40 0.00");
    assert_string_equal(bill_status(&r, SECOND), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-7.6");
    bill_months(&r, MAY + 2 * DAY);
    assert_sql(&r, "SELECT count(*) FROM dm.invoice_commitment", "2");
    bill_whole(&r);
    rig_close(&r);
}

static void what_is_left_is_payable(void **state)
{
    static const struct {
        const char *db, *paid, *sums, *status, *left;
    } cases[] = {
            {"short", "1.7", "1.630336 0 0.33 1.96 1.70 0.26", "issued 0.26", "0"},
            {"nothing", NULL, "1.630336 0 0.33 1.96 0.00 1.96", "issued 1.96", "0"},
            {"part", "1.2345", "1.630336 0 0.33 1.96 1.23 0.73", "issued 0.73", "-0.0045"},
            {"little", "0.004", "1.630336 0 0.33 1.96 0.00 1.96", "issued 1.96", "-0.004"},
            {"fen", "1.96", "1.630336 0 0.33 1.96 1.96 0.00", "paid 0", "0"},
    };
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        rig r;
        hourly(&r, cases[i].db, true);
        if (cases[i].paid != NULL)
            given(&r, "paid", cases[i].paid);
        march(&r);
        bill_months(&r, APRIL + DAY);
        assert_sql(&r, SUMS, cases[i].sums);
        assert_string_equal(bill_status(&r, FIRST), cases[i].status);
        assert_string_equal(bill_balance(&r, 1, "wallet_paid"), cases[i].left);
        assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
        whole(&r);
        /* what comes to the wallet afterwards does not pay it a second time */
        given(&r, "paid", "5");
        settle(&r, APRIL + DAY);
        assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn WHERE at > dm.ts(1775088000000000)", "0");
        whole(&r);
        rig_close(&r);
    }
}

/* A wallet that came late gives at the issue: first what was given, off the tax, then what was paid. */
static void the_issue_takes_what_the_hours_left(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "late", true);
    given(&r, "paid", "0.5");
    march(&r);
    given(&r, "promo", "0.630336");
    given(&r, "paid", "1");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0.630336 0.20 1.20 1.20 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-0.3");
    whole(&r);
    rig_close(&r);
}

/* --- changes of mind ---------------------------------------------------------------------------------------- */

static void a_change_of_cycle_charges_nothing_twice(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "cycle", true);
    given(&r, "paid", "1.2");
    bill_minute(&r, 1, MARCH + 36000, 500);
    settle(&r, MARCH + 36600);
    sql(&r, "UPDATE dm.account SET billing_cycle = 'monthly' WHERE account_no = 1");
    bill_minute(&r, 1, MARCH + 72000, 300);
    settle(&r, MARCH + 72600);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0 0.33 1.96 1.20 0.76");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    whole(&r);
    rig_close(&r);
}

/* An operator's order before the month is over: the hours to come are settled, those that are invoiced are not. */
static void what_is_invoiced_early_is_not_settled_again(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "early", true);
    given(&r, "paid", "0.5");
    bill_minute(&r, 1, MARCH + 36000, 500);
    settle(&r, MARCH + 36600);
    int order = bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, MARCH + 40000);
    char text[100];
    (void)snprintf(text, sizeof text, "SELECT state FROM dm.invoice_order WHERE order_no = %d", order);
    assert_sql(&r, text, "done");
    assert_sql(&r, SUMS, "1.01896 0 0.20 1.22 0.50 0.72");
    int draft = bill_order(&r, "draft", "2026-03-01", "NULL", "'{}'");
    given(&r, "paid", "10");
    bill_minute(&r, 1, MARCH + 72000, 300);
    settle(&r, MARCH + 72600);
    assert_sql(&r,
            "SELECT string_agg(statement_no || ' ' || trim_scale(paid), ', ' ORDER BY burn_no) FROM "
            "dm.wallet_burn WHERE kind = 'statement'",
            "1 0.5, 2 0.611376");
    bill_orders(&r, MARCH + 73000);
    (void)snprintf(text, sizeof text,
            "SELECT outcome->'draft'->'totals'->>'prepaid' FROM dm.invoice_order WHERE order_no = %d", draft);
    assert_sql(&r, text, "0.61");
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "0.611376 0 0.12 0.73 0.73 0.00");
    whole(&r);
    rig_close(&r);
}

static void what_the_wallet_settled_is_not_voided(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "void", true);
    given(&r, "paid", "0.004");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_string_equal(bill_status(&r, FIRST), "issued 1.96");
    (void)bill_order(&r, "void", FIRST, "1", "'{}'");
    bill_orders(&r, APRIL + DAY);
    assert_sql(&r, "SELECT outcome->>'why' FROM dm.invoice_order",
            "something of it is paid, credited or settled: write a credit note");
    whole(&r);
    rig_close(&r);
}

/* --- corrections -------------------------------------------------------------------------------------------- */

/* A statement of the minute that says of the first statement's that so much was too much. */
static void too_much(rig *r, int64_t start, int number, const char *amount)
{
    char text[1900];
    bill_minute(r, 1, start, 1);
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica;"
            "WITH was AS (SELECT s.period_start, s.total FROM dm.statement s WHERE s.account_no = 1 AND s.number = %d)"
            ", l AS (INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, sku, tier, charge_from, "
            "charge_to, seconds, qty, per_unit, amount, corrects_period, book_id, project_no, region_no) SELECT 1, "
            "was.period_start, 1000, 'correction', 'mem-run', 0, c.period_start, c.period_start, 0, -1, %s, -%s, "
            "c.period_start, x.book_id, x.project_no, x.region_no FROM was, dm.statement c JOIN dm.statement_line x "
            "USING (account_no, period_start) WHERE c.account_no = 1 AND c.number = 1 AND x.sku = 'mem-run' AND "
            "x.kind = 'usage' LIMIT 1)"
            ", j AS (UPDATE dm.journal_entry e SET amount = e.amount - sign(e.amount) * %s FROM dm.journal_txn t WHERE "
            "t.id = e.txn AND t.kind = 'close' AND t.account_no = 1 AND t.number = (SELECT max(number) FROM "
            "dm.journal_txn WHERE account_no = 1 AND kind = 'close'))"
            "UPDATE dm.statement s SET total = s.total - %s FROM was WHERE s.account_no = 1 AND s.period_start = "
            "was.period_start; SET session_replication_role = DEFAULT",
            number, amount, amount, amount, amount);
    sql(r, text);
}

/* March was invoiced with what was given off its tax; what April takes back of it is money, and off April's tax. */
static void a_correction_of_an_invoiced_month(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "corrected", true);
    given(&r, "promo", "0.9");
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0.9 0.15 0.88 0.88 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-9.12");
    bill_minute(&r, 1, APRIL + DAY + 36000, 500);
    settle(&r, APRIL + DAY + 36600);
    too_much(&r, APRIL + DAY + 72000, 4, "0.500000000000");
    settle(&r, APRIL + DAY + 72600);
    assert_sql(&r,
            "SELECT concat_ws(' ', trim_scale(sum(promo)), trim_scale(sum(paid))) FROM dm.wallet_burn WHERE "
            "statement_no > 2",
            "0 0.52099792"); /* 1.01896, and 0.00203792 less 0.5 */
    bill_through(&r, MAY);
    bill_months(&r, MAY + DAY);
    assert_sql(&r, SUMS, "0.52099792 0 0.10 0.62 0.62 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_promo"), "0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-8.5");
    whole(&r);
    rig_close(&r);
}

/* Less than nothing in April: its word waits for May's, and what went back to the wallet is not lost with it. */
static void what_is_below_nothing_is_carried(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "below", true);
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    too_much(&r, APRIL + DAY + 36000, 3, "0.500000000000");
    settle(&r, APRIL + DAY + 36600);
    bill_through(&r, MAY);
    bill_months(&r, MAY + DAY);
    assert_sql(&r, "SELECT outcome || ' ' || why FROM dm.invoice_month ORDER BY month DESC LIMIT 1",
            "carried CNY -0.497962080000000000 is carried into the next");
    whole(&r);
    bill_minute(&r, 1, MAY + DAY + 36000, 500);
    settle(&r, MAY + DAY + 36600);
    bill_through(&r, 1780272000);
    bill_months(&r, 1780272000 + DAY);
    assert_sql(&r, SUMS, "0.52099792 0 0.10 0.62 0.62 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-7.42"); /* 10 less 1.96 and 0.62 */
    whole(&r);
    rig_close(&r);
}

static void a_credit_note_pays_back_into_the_wallet(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "note", true);
    given(&r, "promo", "0.63");
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-8.8");
    (void)bill_order(&r, "credit", FIRST, "0.5", "'{\"lines\": [{\"line\": 1, \"net\": \"0.50\"}]}'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_sql(&r, "SELECT outcome::text FROM dm.invoice_order",
            "{\"number\": \"CN-2026-000001\", \"to_wallet\": \"0.600000000000000000\"}");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-9.4");
    (void)bill_order(&r, "credit", FIRST, "0.5", "'{}'"); /* and all that is left */
    bill_orders(&r, APRIL + 3 * DAY);
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-10");
    assert_string_equal(bill_balance(&r, 0, "tax:CN"), "0");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    whole(&r);
    rig_close(&r);
}

/* --- comparison, crashes ------------------------------------------------------------------------------------ */

static void compared(rig *r, const char *want)
{
    dm_err err = {0};
    char text[600];
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica; DELETE FROM dm.reconciliation;"
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES (dm.ts(%d000000), 60, now()) ON CONFLICT "
            "DO NOTHING; SET session_replication_role = DEFAULT",
            APRIL + DAY);
    sql(r, text);
    clock_at(r, APRIL + DAY + 120 - T0);
    dm_chore_config c = bill_chores(r);
    if (dm_check(&c, &err) != 0)
        fail_msg("%s", err.msg);
    assert_sql(r,
            "SELECT compared || ' ' || differ FROM dm.reconciliation WHERE check_no = 7 AND period_start = "
            "'2026-04-02 00:00Z'",
            want);
}

static void the_comparison_finds_what_the_wallet_did_not_give(void **state)
{
    rig r;
    (void)state;
    hourly(&r, "compared", false);
    given(&r, "promo", "0.63");
    given(&r, "paid", "10");
    march(&r);
    bill_months(&r, APRIL + DAY);
    compared(&r, "2 0");
    static const char *const faults[] = {"UPDATE dm.wallet_burn SET paid = paid - 0.01, promo = promo + 0.01 WHERE "
                                         "burn_no = 1",
            "UPDATE dm.wallet_burn SET statement_no = 7 WHERE burn_no = 2",
            "UPDATE dm.wallet_grant SET idem_key = 'other' WHERE idem_key LIKE '%:rest'",
            "UPDATE dm.invoice SET prepaid = prepaid - 0.01"};
    for (size_t i = 0; i < DM_LEN(faults); i++) {
        sql(&r, "SET session_replication_role = replica; CREATE TABLE kept_burn AS TABLE dm.wallet_burn; CREATE TABLE "
                "kept_grant AS TABLE dm.wallet_grant; CREATE TABLE kept_invoice AS TABLE dm.invoice");
        sql(&r, faults[i]);
        compared(&r, "2 1");
        sql(&r, "SET session_replication_role = replica; DELETE FROM dm.wallet_burn; DELETE FROM dm.wallet_grant; "
                "DELETE FROM dm.invoice; INSERT INTO dm.wallet_burn OVERRIDING SYSTEM VALUE TABLE kept_burn; INSERT "
                "INTO dm.wallet_grant OVERRIDING SYSTEM VALUE TABLE kept_grant; INSERT INTO dm.invoice OVERRIDING "
                "SYSTEM VALUE TABLE kept_invoice; DROP TABLE kept_burn, kept_grant, kept_invoice; SET "
                "session_replication_role = DEFAULT");
    }
    compared(&r, "2 0");
    rig_close(&r);
}

/* The connection dies as each of these is written: nothing of the invoice is there, and the wallet is as it was. */
static void killed_between_any_two_halves(void **state)
{
    static const char *const tables[] = {"wallet_burn", "wallet_burn_part", "invoice", "invoice_statement",
            "journal_txn", "journal_entry", "wallet_grant", "invoice_state", "invoice_event", "outbox", "mail",
            "invoice_month"};
    rig r;
    (void)state;
    hourly(&r, "killed", false);
    given(&r, "paid", "0.5");
    march(&r);
    given(&r, "paid", "1.3");
    clock_at(&r, APRIL + DAY - T0);
    sql(&r, "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM "
            "pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$");
    for (size_t i = 0; i < DM_LEN(tables); i++) {
        char text[300];
        dm_err err;
        dm_pg *c = NULL;
        (void)snprintf(text, sizeof text,
                "CREATE TRIGGER die AFTER INSERT OR UPDATE ON dm.%s FOR EACH STATEMENT EXECUTE FUNCTION public.die()",
                tables[i]);
        sql(&r, text);
        assert_int_equal(cluster_open(&pg, r.db, "dm_meter", &c), 0);
        dm_chore_config conf = bill_chores(&r);
        conf.pg = c;
        if (dm_invoice_months(&conf, &err) >= 0)
            fail_msg("it lived through %s", tables[i]);
        dm_pg_close(c);
        (void)snprintf(text, sizeof text, "DROP TRIGGER die ON dm.%s", tables[i]);
        sql(&r, text);
        assert_sql(&r,
                "SELECT (SELECT count(*) FROM dm.invoice) || ' ' || (SELECT count(*) FROM dm.wallet_burn) || ' ' || "
                "(SELECT trim_scale(sum(remaining)) FROM dm.wallet_grant)",
                "0 1 1.3");
        whole(&r);
    }
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, SUMS, "1.630336 0 0.00 1.63 1.63 0.00");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-0.17");
    whole(&r);
    rig_close(&r);
}

/* The wallet settles while the month is invoiced: whoever comes second sees what the first did. */
static void both_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        rig r;
        char db[16];
        (void)snprintf(db, sizeof db, "both%d", i);
        hourly(&r, db, true);
        bill_minute(&r, 1, MARCH + 36000, 500);
        bill_minute(&r, 1, MARCH + 72000, 300);
        bill_through(&r, APRIL);
        given(&r, "paid", "1.96");
        clock_at(&r, APRIL + DAY - 1 - T0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        dm_pg *c = NULL;
        dm_err err;
        dm_chore_config conf = bill_chores(&r);
        conf.invoice_delay_s = 0; /* as a setting may say, while the wallet settles the month still */
        if (pid == 0) {
            conf.pg = cluster_open(&pg, r.db, "dm_meter", &c) == 0 ? c : NULL;
            _exit(conf.pg == NULL || dm_wallet_chore_settle(&conf, &err) != 0);
        }
        int status;
        assert_int_equal(dm_invoice_months(&conf, &err), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_sql(&r, SUMS, "1.630336 0 0.33 1.96 1.96 0.00");
        assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "0");
        whole(&r);
        rig_close(&r);
    }
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_wallet_knows_the_invoices_rule),
            cmocka_unit_test(what_the_wallet_paid_is_invoiced_as_paid),
            cmocka_unit_test(more_than_is_to_be_paid_goes_back),
            cmocka_unit_test(given_credit_lowers_what_is_taxed),
            cmocka_unit_test(all_of_it_given_is_all_of_it_paid),
            cmocka_unit_test(a_least_is_charged_with_the_month),
            cmocka_unit_test(what_is_left_is_payable),
            cmocka_unit_test(the_issue_takes_what_the_hours_left),
            cmocka_unit_test(a_change_of_cycle_charges_nothing_twice),
            cmocka_unit_test(what_is_invoiced_early_is_not_settled_again),
            cmocka_unit_test(what_the_wallet_settled_is_not_voided),
            cmocka_unit_test(a_correction_of_an_invoiced_month),
            cmocka_unit_test(what_is_below_nothing_is_carried),
            cmocka_unit_test(a_credit_note_pays_back_into_the_wallet),
            cmocka_unit_test(the_comparison_finds_what_the_wallet_did_not_give),
            cmocka_unit_test(killed_between_any_two_halves),
            cmocka_unit_test(both_at_once),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
