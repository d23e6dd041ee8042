/* Covers metering/invoice/after.c, metering/invoice/order.c, metering/invoice/status.c, metering/invoice/sql_after.c,
 * metering/invoice/sql_order.c. */
#include "metering/invoice/status.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

#define FIRST "INV-2026-000001"
#define SECOND "INV-2026-000002"

/* Account 1 owes CNY 1.02 and a fifth of it as tax. */
static void owing(rig *r, const char *db)
{
    bill_open(r, &pg, db);
    sql(r, "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', 'CN', "
           "'S', "
           "200000, 'CN', '2026-01-01Z')");
    bill_minute(r, 1, MARCH + 36000, 500);
    bill_through(r, APRIL);
    bill_months(r, APRIL + DAY);
    assert_string_equal(bill_status(r, FIRST), "issued 1.22");
}

static const char *outcome(rig *r, int order)
{
    char text[200];
    (void)snprintf(text, sizeof text,
            "SELECT concat_ws(' ', state, coalesce(outcome->>'why', outcome->>'number')) FROM dm.invoice_order WHERE "
            "order_no = %d",
            order);
    return ask(r, text);
}

static void the_status_follows_from_the_facts(void **state)
{
    const dm_money some = {1};
    (void)state;
    dm_invoice_facts f = {.open = some, .due_s = 10 * DAY};
    assert_string_equal(dm_invoice_status(&f, 11 * DAY - 1), "issued");
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "overdue");
    f.paid = some;
    assert_string_equal(dm_invoice_status(&f, 0), "partially_paid");
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "overdue");
    f.disputed = true;
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "disputed");
    f.uncollectible = true;
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "uncollectible");
    f.open.v = 0;
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "paid");
    f.voided = true;
    assert_string_equal(dm_invoice_status(&f, 11 * DAY), "voided");
}

#define CAME "'{\"received_on\":\"2026-04-10\",\"reference\":\"TX 9\"}'"

static void payments_in_parts_and_more_than_enough(void **state)
{
    rig r;
    (void)state;
    owing(&r, "paid");
    int part = bill_order(&r, "pay", FIRST, "0.50", CAME);
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(outcome(&r, part), "done " FIRST);
    assert_string_equal(bill_status(&r, FIRST), "partially_paid 0.72");
    bill_whole(&r);
    int rest = bill_order(&r, "pay", FIRST, "1.00", CAME);
    int again = bill_order(&r, "pay", FIRST, "0.10", CAME);
    int cents = bill_order(&r, "pay", FIRST, "0.001", CAME);
    int day = bill_order(&r, "pay", FIRST, "0.10", "'{\"received_on\":\"soon\"}'");
    bill_orders(&r, APRIL + 3 * DAY);
    assert_string_equal(outcome(&r, rest), "done " FIRST);
    assert_string_equal(outcome(&r, again), "done " FIRST);
    assert_string_equal(outcome(&r, cents), "refused an amount of parts of a minor unit");
    assert_string_equal(outcome(&r, day), "refused received_on is a day");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-0.38");
    assert_string_equal(bill_balance(&r, 0, "cash"), "1.6");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    assert_sql(&r, "SELECT string_agg(trim_scale(to_wallet)::text, ' ' ORDER BY payment_no) FROM dm.invoice_payment",
            "0 0.28 0.1");
    assert_sql(&r, "SELECT concat_ws(' ', count(*), trim_scale(sum(remaining)), min(kind)) FROM dm.wallet_grant",
            "2 0.38 paid");
    bill_orders(&r, APRIL + 4 * DAY); /* once more is nothing */
    assert_sql(&r, "SELECT count(*) FROM dm.invoice_payment", "3");
    int void_ = bill_order(&r, "void", FIRST, "1.22", "'{}'");
    bill_orders(&r, APRIL + 4 * DAY);
    assert_string_equal(
            outcome(&r, void_), "refused something of it is paid, credited or settled: write a credit note");
    bill_whole(&r);
    rig_close(&r);
}

static void a_void_turns_all_back_and_the_month_is_invoiced_anew(void **state)
{
    rig r;
    (void)state;
    owing(&r, "voided");
    int early = bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(outcome(&r, early), "refused 0 statements, and nothing to pay");
    int order = bill_order(&r, "void", FIRST, "1.22", "'{}'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(outcome(&r, order), "done " FIRST);
    assert_string_equal(bill_status(&r, FIRST), "voided 0");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "1.01896");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    assert_string_equal(bill_balance(&r, 0, "tax:CN"), "0");
    assert_string_equal(bill_balance(&r, 0, "rounding"), "0");
    bill_months(&r, APRIL + 3 * DAY); /* not by itself */
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "1");
    int draft = bill_order(&r, "draft", "2026-03-01", "NULL", "'{}'");
    int issue = bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    int twice = bill_order(&r, "void", FIRST, "1.22", "'{}'");
    bill_orders(&r, APRIL + 3 * DAY);
    assert_sql(&r, "SELECT outcome->'draft'->'totals'->>'total' FROM dm.invoice_order WHERE kind = 'draft'", "1.22");
    assert_string_equal(outcome(&r, draft), "done");
    assert_string_equal(outcome(&r, issue), "done " SECOND);
    assert_string_equal(outcome(&r, twice), "refused it is voided already");
    assert_sql(&r, "SELECT count(DISTINCT exact_total) FROM dm.invoice", "1"); /* void and issue anew: the same sum */
    assert_sql(&r, "SELECT invoice_no FROM dm.invoice_month", "2");
    bill_whole(&r);
    rig_close(&r);
}

/* What is so far of a month that is not over; the rest comes at its end. */
static void an_early_invoice_and_the_rest(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "early");
    bill_minute(&r, 1, MARCH + 36000, 500);
    int order = bill_order(&r, "issue", "2026-03-01", "NULL", "'{}'");
    bill_orders(&r, MARCH + 2 * DAY);
    assert_string_equal(outcome(&r, order), "done " FIRST);
    bill_minute(&r, 1, MARCH + 3 * DAY, 300);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT string_agg(trim_scale(exact_total)::text, ' ' ORDER BY chain) FROM dm.invoice",
            "1.01896 0.611376");
    bill_whole(&r);
    rig_close(&r);
}

#define LINE(n, net) "'{\"lines\":[{\"line\":" n ",\"net\":\"" net "\"}]}'"

static void credit_notes_in_parts_and_no_further(void **state)
{
    rig r;
    (void)state;
    owing(&r, "credited");
    int part = bill_order(&r, "credit", FIRST, "0.10", LINE("1", "0.10"));
    int much = bill_order(&r, "credit", FIRST, "9", LINE("1", "0.50"));
    int none = bill_order(&r, "credit", FIRST, "9", LINE("3", "0.10"));
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(outcome(&r, part), "done CN-2026-000001");
    assert_string_equal(outcome(&r, much), "refused more than is left of a line");
    assert_string_equal(outcome(&r, none), "refused the invoice has no such line");
    assert_string_equal(bill_status(&r, FIRST), "issued 1.1");
    assert_sql(&r,
            "SELECT concat_ws(' ', kind, trim_scale(net), trim_scale(tax), due_on) FROM dm.invoice WHERE number = "
            "'CN-2026-000001'",
            "credit_note 0.1 0.02");
    int all_ = bill_order(&r, "credit", FIRST, "9", "'{}'");
    int more = bill_order(&r, "credit", FIRST, "9", "'{}'");
    bill_orders(&r, APRIL + 3 * DAY);
    assert_string_equal(outcome(&r, all_), "done CN-2026-000002");
    assert_string_equal(outcome(&r, more), "refused nothing is left to credit");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    assert_string_equal(bill_balance(&r, 0, "credits"), "1.02");
    assert_string_equal(bill_balance(&r, 0, "tax:CN"), "0"); /* all of it came back */
    assert_sql(&r, "SELECT string_agg(subject, '|' ORDER BY mail_no) FROM dm.mail",
            "Invoice " FIRST ": CNY 1.22, due 2026-04-16|Credit note CN-2026-000001: CNY 0.12|Credit note "
            "CN-2026-000002: CNY 1.10");
    bill_whole(&r);
    rig_close(&r);
}

static void what_is_credited_of_a_paid_invoice_goes_to_the_wallet(void **state)
{
    rig r;
    (void)state;
    owing(&r, "back");
    (void)bill_order(&r, "pay", FIRST, "1.00", CAME);
    (void)bill_order(&r, "credit", FIRST, "9", "'{}'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_sql(&r, "SELECT outcome->>'to_wallet' FROM dm.invoice_order WHERE kind = 'credit'", "1.000000000000000000");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-1");
    assert_sql(&r, "SELECT concat_ws(' ', trim_scale(remaining), why) FROM dm.wallet_grant",
            "1 credited after it was paid");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    bill_whole(&r);
    rig_close(&r);
}

static void overdue_once_disputed_given_up_and_paid_after_all(void **state)
{
    rig r;
    (void)state;
    owing(&r, "overdue");
    bill_overdue(&r, APRIL + 16 * DAY - 1); /* it is due on the 16th, all day */
    assert_string_equal(bill_status(&r, FIRST), "issued 1.22");
    for (int i = 0; i < 2; i++) {
        bill_overdue(&r, APRIL + 16 * DAY);
        assert_string_equal(bill_status(&r, FIRST), "overdue 1.22");
    }
    assert_sql(&r, "SELECT string_agg(subject, '|' ORDER BY mail_no) FROM dm.mail",
            "Invoice " FIRST ": CNY 1.22, due 2026-04-16|Invoice " FIRST " was due on 2026-04-16");
    assert_sql(&r, "SELECT string_agg(concat_ws(' ', n, status, who), ', ' ORDER BY n) FROM dm.invoice_event",
            "1 issued policy:invoice, 2 overdue policy:overdue");
    (void)bill_order(&r, "dispute", FIRST, "NULL", "'{}'");
    bill_orders(&r, APRIL + 17 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "disputed 1.22");
    (void)bill_order(&r, "settle_dispute", FIRST, "NULL", "'{}'");
    bill_orders(&r, APRIL + 18 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "overdue 1.22");
    (void)bill_order(&r, "uncollectible", FIRST, "1.22", "'{}'");
    bill_orders(&r, APRIL + 19 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "uncollectible 1.22");
    assert_string_equal(bill_balance(&r, 0, "bad_debt"), "1.22");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0");
    bill_whole(&r);
    (void)bill_order(&r, "pay", FIRST, "1.22", CAME);
    bill_orders(&r, APRIL + 20 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    assert_string_equal(bill_balance(&r, 0, "bad_debt"), "0");
    bill_whole(&r);
    rig_close(&r);
}

/* --- who may order ------------------------------------------------------------------------------------------ */

static void much_wants_a_second_person(void **state)
{
    rig r;
    (void)state;
    owing(&r, "second");
    sql(&r, "UPDATE dm.invoice_order_limit SET amount = 1 WHERE currency = 'CNY'; SET ROLE dm_ops;"
            "INSERT INTO dm.invoice_order (account_no, kind, invoice_no, currency, amount, who, why, idem_key, "
            "approved_by, state) VALUES (1, 'void', 1, 'CNY', 1.22, 'operator:ada', 'x', 'k1', 'operator:bob', "
            "'ordered'), (1, 'pay', 1, 'CNY', 1, 'operator:ada', 'x', 'k2', NULL, 'done'); RESET ROLE");
    assert_sql(&r, "SELECT string_agg(state, ' ' ORDER BY order_no) FROM dm.invoice_order", "waiting ordered");
    refused(&r, "dm_ops", "UPDATE dm.invoice_order SET approved_by = 'operator:ada' WHERE idem_key = 'k1'");
    refused(&r, "dm_ops", "UPDATE dm.invoice_order SET approved_by = 'operator:bob' WHERE idem_key = 'k2'");
    refused(&r, "dm_ops", "UPDATE dm.invoice_order SET state = 'ordered'");
    refused(&r, "dm_ops", "UPDATE dm.invoice_order SET amount = 1");
    refused(&r, "dm_meter", "UPDATE dm.invoice_order SET state = 'done' WHERE idem_key = 'k1'");
    refused(&r, "dm_meter", "UPDATE dm.invoice_order SET approved_by = 'operator:eve'");
    refused(&r, "dm_api", "SELECT FROM dm.invoice_order");
    sql(&r, "DELETE FROM dm.invoice_order WHERE idem_key = 'k2'");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "issued 1.22"); /* it waits */
    sql(&r, "SET ROLE dm_ops; UPDATE dm.invoice_order SET approved_by = 'operator:bob' WHERE idem_key = 'k1'; RESET "
            "ROLE");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_string_equal(bill_status(&r, FIRST), "voided 0");
    refused(&r, "dm_ops", "UPDATE dm.invoice_order SET approved_by = 'operator:eve' WHERE idem_key = 'k1'");
    bill_whole(&r);
    rig_close(&r);
}

/* One that the database will not take does not stand before those behind it. */
static void what_cannot_be_done_is_refused(void **state)
{
    rig r;
    (void)state;
    owing(&r, "cannot");
    sql(&r, "INSERT INTO dm.invoice_payment (account_no, invoice_no, currency, amount, received_on, how, reference, "
            "idem_key, at, to_wallet) VALUES (1, 1, 'CNY', 0.01, '2026-04-01', 'bank', '', 'taken', now(), 0.01);"
            "INSERT INTO dm.invoice_order (account_no, kind, invoice_no, currency, amount, detail, who, why, idem_key) "
            "VALUES (1, 'pay', 1, 'CNY', 0.5, " CAME ", 'operator:ada', 'x', 'taken'), (2, 'pay', 1, 'CNY', 0.5, " CAME
            ", 'operator:ada', 'x', 'of another account'), (1, 'pay', 1, 'CNY', 0.5, " CAME
            ", 'operator:ada', 'x', 'good')");
    bill_orders(&r, APRIL + 2 * DAY);
    assert_sql(&r, "SELECT string_agg(state, ' ' ORDER BY order_no) FROM dm.invoice_order", "refused refused done");
    assert_string_equal(bill_status(&r, FIRST), "partially_paid 0.72");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_status_follows_from_the_facts),
            cmocka_unit_test(payments_in_parts_and_more_than_enough),
            cmocka_unit_test(a_void_turns_all_back_and_the_month_is_invoiced_anew),
            cmocka_unit_test(an_early_invoice_and_the_rest),
            cmocka_unit_test(credit_notes_in_parts_and_no_further),
            cmocka_unit_test(what_is_credited_of_a_paid_invoice_goes_to_the_wallet),
            cmocka_unit_test(overdue_once_disputed_given_up_and_paid_after_all),
            cmocka_unit_test(much_wants_a_second_person),
            cmocka_unit_test(what_cannot_be_done_is_refused),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
