/* Covers metering/invoice/month.c, metering/invoice/make.c, metering/invoice/issue.c, metering/invoice/doc.c,
 * metering/invoice/settle.c, metering/invoice/state.c, metering/invoice/sql_month.c, metering/invoice/sql_make.c,
 * metering/invoice/sql_issue.c, metering/invoice/sql_doc.c, metering/invoice/sql_state.c, metering/kit/journal.c,
 * metering/kit/sql_journal.c. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/invoice/make.h"
#include "metering/invoice/state.h"
#include "metering/wallet/wallet.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

static void a_month_becomes_an_invoice(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "month");
    sql(&r, "UPDATE dm.account SET purchase_order = 'PO 7' WHERE account_no = 1; UPDATE dm.legal_entity SET url = "
            "'https://d.test'");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_minute(&r, 1, MARCH + 72000, 300);
    bill_minute(&r, 2, MARCH + 72000, 3);
    bill_through(&r, APRIL - 60);
    bill_months(&r, APRIL + DAY); /* the ledger is not past its end */
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "0");
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY - 1);
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "0");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r,
            "SELECT concat_ws(' ', number, chain, trim_scale(exact_total), trim_scale(net), trim_scale(total), due_on, "
            "account_no) FROM dm.invoice ORDER BY chain",
            "INV-2026-000001 1 1.630336 1.63 1.63 2026-04-16 1");
    assert_sql(&r, "SELECT string_agg(number, ' ') FROM dm.invoice", "INV-2026-000001 INV-2026-000002");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "1.63");
    assert_string_equal(bill_balance(&r, 0, "rounding"), "-0.00355024"); /* 0.000336 and, of account 2, -0.00388624 */
    assert_sql(&r,
            "SELECT concat_ws(' ', sku, trim_scale(qty), trim_scale(amount), trim_scale(net), seconds) FROM "
            "dm.invoice_line ORDER BY invoice_no, line_no",
            "mem-run 75200 0.814416 0.81 37600");
    assert_sql(&r,
            "SELECT concat_ws(' ', payload->>'number', payload->>'total', payload->>'due') FROM dm.outbox WHERE topic "
            "= "
            "'dm.invoice.v1' ORDER BY outbox_no",
            "INV-2026-000001 1.63 1.63");
    assert_sql(&r, "SELECT concat_ws('|', recipient, subject) FROM dm.mail",
            "pay@one.test|Invoice INV-2026-000001: CNY 1.63, due 2026-04-16");
    assert_sql(&r,
            "SELECT body LIKE '%https://d.test/console/a/00000000-0000-4000-8000-0000000000a1/invoices/INV-2026-"
            "000001%' FROM dm.mail",
            "t");
    assert_sql(&r,
            "SELECT concat_ws(' ', b->>'purchase_order', b->'statements'->>'count', b->'buyer'->>'name', "
            "b->'seller'->>'name', b->'taxes'->0->>'category', b->>'plans') FROM (SELECT convert_from(body, "
            "'UTF8')::jsonb AS b FROM dm.invoice ORDER BY chain) x",
            "PO 7 2 One Dormouse O [\"payg\"]");
    bill_months(&r, APRIL + 2 * DAY); /* once more is nothing */
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "2");
    assert_sql(&r, "SELECT string_agg(month::text, ' ') FROM dm.invoice_round", "2026-03-01");
    bill_whole(&r);
    rig_close(&r);
}

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no = 0;
    return dm_wallet_give(c, arg, &grant_no, err);
}

/* Given credit is off what is taxed, to the last decimal; prepaid money is off what is to be paid, in whole cents. */
static void the_wallet_pays_first(void **state)
{
    rig r;
    dm_err err;
    (void)state;
    bill_open(&r, &pg, "wallet");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_minute(&r, 1, MARCH + 72000, 300);
    bill_through(&r, APRIL);
    static const struct {
        const char *kind, *amount;
    } grants[] = {{"promo", "0.2501"}, {"operator", "0.2499"}, {"paid", "0.505"}};
    for (size_t i = 0; i < DM_LEN(grants); i++) {
        dm_wallet_grant g = {.account_no = {1},
                .kind = grants[i].kind,
                .currency = "CNY",
                .expires_s = DM_BURN_NEVER,
                .idem_key = grants[i].kind,
                .reference = "",
                .who = "operator:ada",
                .why = "",
                .at_s = MARCH};
        assert_int_equal(dm_money_parse(dm_str_c(grants[i].amount), &g.amount, &err), 0);
        if (dm_pg_tx_on(r.pg, &(dm_pg_scope){0}, give, &g, &err) < 0)
            fail_msg("%s", err.msg);
    }
    bill_months(&r, APRIL + DAY);
    assert_sql(&r,
            "SELECT concat_ws(' ', b->'totals'->>'exact', b->'taxes'->0->>'discount', b->'totals'->>'total',"
            " b->'totals'->>'prepaid', b->'totals'->>'due')"
            " FROM (SELECT convert_from(body, 'UTF8')::jsonb AS b FROM dm.invoice) x",
            "1.630336000000000000 0.500000000000000000 1.13 0.50 0.63");
    assert_string_equal(bill_balance(&r, 1, "unbilled"), "0");
    assert_string_equal(bill_balance(&r, 1, "receivable"), "0.63");
    assert_string_equal(bill_balance(&r, 1, "wallet_promo"), "0");
    assert_string_equal(bill_balance(&r, 1, "wallet_paid"), "-0.005");
    bill_months(&r, APRIL + 2 * DAY);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn", "2");
    bill_whole(&r);
    rig_close(&r);
}

/* Less than can be paid is not lost: the next month's invoice is of both. Nothing at all is said to be nothing. */
static void what_is_too_little_is_carried(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "carried");
    bill_minute(&r, 1, MARCH + 36000, 1);
    sql(&r, /* for a minute, what it has costs nothing */
            "UPDATE dm.price_book SET valid_to = dm.ts(1772395200000000) WHERE tier = 'payg' AND price_group = "
            "'mainland'; INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, valid_to) "
            "VALUES "
            "('mainland', 'resources', 'payg', 'CNY', dm.ts(1772395200000000), dm.ts(1772395260000000)), ('mainland', "
            "'resources', 'payg', 'CNY', dm.ts(1772395260000000), NULL); INSERT INTO dm.price SELECT b.book_id, p.sku, "
            "CASE WHEN b.valid_to IS NULL THEN p.per_unit ELSE 0 END, p.unit, p.label FROM dm.price_book b, dm.price p "
            "JOIN dm.price_book o USING (book_id) WHERE b.valid_from > '2026-02-01' AND o.tier = 'payg' AND "
            "o.price_group = 'mainland' AND o.valid_from < '2026-02-01'");
    bill_minute(&r, 2, MARCH + 72000, 5);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', account_no, outcome), ', ' ORDER BY account_no) FROM "
            "dm.invoice_month",
            "1 carried, 2 nothing");
    assert_sql(&r, "SELECT why FROM dm.invoice_month WHERE account_no = 2", "1 statements, and nothing to pay");
    bill_minute(&r, 1, APRIL + 36000, 6);
    bill_through(&r, MAY);
    bill_months(&r, MAY + DAY);
    assert_sql(&r,
            "SELECT concat_ws(' ', number, trim_scale(exact_total), trim_scale(total), period_start AT TIME ZONE "
            "'UTC') "
            "FROM dm.invoice",
            "INV-2026-000001 0.01426544 0.01 2026-03-01 10:00:00");
    assert_sql(&r, "SELECT string_agg(outcome, ' ') FROM dm.invoice_month WHERE account_no = 1", "invoiced invoiced");
    bill_whole(&r);
    rig_close(&r);
}

static void an_account_waits_for_its_periods_and_for_tax(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "waits");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_minute(&r, 2, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    sql(&r, "INSERT INTO dm.account_period VALUES (1, dm.ts(1775001540000000), 'open');"
            "UPDATE dm.tax_rule SET buyer = 'US'");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "0");
    assert_sql(&r, "SELECT string_agg(concat_ws(' ', account_no, detail), ', ') FROM dm.anomaly WHERE kind = 'no_tax'",
            "2 no rule of tax from ZZ to CN");
    sql(&r, "UPDATE dm.tax_rule SET buyer = 'CN'");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT string_agg(account_no::text, ' ') FROM dm.invoice", "2");
    sql(&r, "UPDATE dm.account_period SET state = 'empty' WHERE state = 'open'");
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT string_agg(account_no::text, ' ') FROM dm.invoice", "2 1");
    bill_whole(&r);
    rig_close(&r);
}

static void tax_is_by_rule_and_frozen(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "taxed");
    sql(&r, "UPDATE dm.seller SET country = 'DE', tax_id = 'DE136695976';"
            "UPDATE dm.account SET country = 'AT', tax_id = 'ATU12345675' WHERE account_no IN (1, 2);"
            "UPDATE dm.account SET tax_id_check = 'VIES 2026-03-01' WHERE account_no = 2;"
            "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('DE', 'AT', "
            "'S', 200000, 'AT', '2026-01-01Z');"
            "INSERT INTO dm.tax_rule (seller, buyer, business, category, reverse_charge, jurisdiction, reason_code, "
            "reason, valid_from) VALUES ('DE', 'AT', true, 'AE', true, 'AT', 'VATEX-EU-AE', 'Reverse charge', "
            "'2026-01-01Z')");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_minute(&r, 2, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', category, trim_scale(base), trim_scale(amount)), ', ' ORDER BY "
            "account_no) FROM dm.invoice_tax",
            "S 1.02 0.2, AE 1.02 0");
    assert_string_equal(bill_balance(&r, 0, "tax:AT"), "-0.2");
    sql(&r, "UPDATE dm.account SET country = 'FR', legal_name = 'Moved'; UPDATE dm.seller SET name = 'New'");
    assert_sql(&r, "SELECT tax_id_check IS NULL FROM dm.account WHERE account_no = 2", "t");
    bill_whole(&r); /* the documents are as they were */
    rig_close(&r);
}

/* Who sells is another from a second on: what was issued before has the one, what is issued after the other, and so it
 * stays, whoever comes then. */
static void an_invoice_has_who_sold_when_it_was_issued(void **state)
{
    rig r;
    char text[600];
    (void)state;
    bill_open(&r, &pg, "sellers");
    (void)snprintf(text, sizeof text,
            "UPDATE dm.seller SET valid_to = dm.ts(%d000000); INSERT INTO dm.seller (entity_no, name, address, "
            "country, "
            "tax_id, iban, terms_days, valid_from, status) VALUES (1, 'Dormouse GmbH', 'Hauptstr. 1', 'DE', "
            "'DE136695976', 'DE89370400440532013000', 30, dm.ts(%d000000), 'approved')",
            APRIL + DAY + 1, APRIL + DAY + 1);
    sql(&r, text);
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    bill_minute(&r, 1, APRIL + 36000, 500);
    bill_through(&r, MAY);
    bill_months(&r, MAY + DAY);
    sql(&r, "UPDATE dm.seller SET name = 'Nobody'");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', b->'seller'->>'name', b->'seller'->>'country', b->'seller'->>'iban', "
            "b->>'payment_terms_days', due_on), ', ' ORDER BY chain) FROM (SELECT convert_from(body, 'UTF8')::jsonb AS "
            "b, due_on, chain FROM dm.invoice) x",
            "Dormouse ZZ 14 2026-04-16, Dormouse GmbH DE DE89370400440532013000 30 2026-06-01");
    bill_whole(&r); /* made again from their rows they have the same bytes */
    rig_close(&r);
}

/* --- crashes ------------------------------------------------------------------------------------------------ */

/* The connection dies as the n-th thing is written; nothing of the invoice is there, and its number is given again. */
static void killed_between_any_two_halves(void **state)
{
    static const char *const tables[] = {"invoice_series", "invoice", "invoice_line", "invoice_tax",
            "invoice_statement", "invoice_chain", "journal_txn", "journal_entry", "invoice_state", "invoice_event",
            "outbox", "mail", "invoice_month"};
    rig r;
    (void)state;
    bill_open(&r, &pg, "killed");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    clock_at(&r, APRIL + DAY - T0);
    sql(&r, "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM "
            "pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$");
    for (size_t i = 0; i < DM_LEN(tables); i++) {
        char text[300];
        dm_err err;
        (void)snprintf(text, sizeof text,
                "CREATE TRIGGER die AFTER INSERT OR UPDATE ON dm.%s FOR EACH STATEMENT EXECUTE FUNCTION public.die()",
                tables[i]);
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
        assert_sql(&r,
                "SELECT (SELECT count(*) FROM dm.invoice) + (SELECT count(*) FROM dm.invoice_series) + (SELECT "
                "count(*) "
                "FROM dm.mail) + (SELECT count(*) FROM dm.journal_txn WHERE kind <> 'close')",
                "0");
    }
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT number FROM dm.invoice", "INV-2026-000001");
    bill_whole(&r);
    rig_close(&r);
}

typedef struct fence {
    int asked, at;
} fence;

static int ask_fence(void *arg, dm_pg *c, bool *held, dm_err *err)
{
    fence *f = arg;
    (void)c;
    (void)err;
    *held = ++f->asked < f->at;
    return 0;
}

static void a_zombie_issues_nothing(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "zombies");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_minute(&r, 2, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    clock_at(&r, APRIL + DAY - T0);
    for (int at = 1; at <= 2; at++) {
        dm_err err;
        fence f = {.at = at};
        dm_chore_config c = bill_chores(&r);
        c.held = ask_fence;
        c.held_arg = &f;
        assert_int_equal(dm_invoice_months(&c, &err), DM_CHORE_ZOMBIE);
        char want[8];
        (void)snprintf(want, sizeof want, "%d", at == 1 ? 0 : 1);
        assert_sql(&r, "SELECT least(count(*), 1) FROM dm.invoice", want);
    }
    bill_months(&r, APRIL + DAY);
    assert_sql(&r, "SELECT count(*) FROM dm.invoice", "2");
    bill_whole(&r);
    rig_close(&r);
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

typedef struct maker {
    rig *r;
    int account;
    bool back;
} maker;

enum { TAKEN_BACK = 7 };

static int make_tx(dm_pg *c, void *arg, dm_err *err)
{
    maker *m = arg;
    dm_make what = {.account_no = {m->account}, .from_s = MARCH, .to_s = APRIL, .now_s = APRIL + DAY, .who = "test"};
    int r = dm_invoice_turn(c, what.account_no, err);
    if (r == 0)
        r = dm_make_invoice(c, m->r->service, &what, err);
    return r == 0 && m->back ? TAKEN_BACK : r;
}

/* Several sessions at once, each for an account of its own, with as many issues taken back as are kept. */
static void numbers_have_no_gap_under_rollbacks(void **state)
{
    enum { SESSIONS = 4, TRIES = 6 };
    rig r;
    (void)state;
    bill_open(&r, &pg, "gapless");
    sql(&r, "SET session_replication_role = replica; INSERT INTO dm.account (account_no, legal_name, country, "
            "currency, "
            "tier) OVERRIDING SYSTEM VALUE SELECT 100 + i, 'Many', 'CN', 'CNY', 'payg' FROM generate_series(1, 24) i; "
            "INSERT INTO dm.account_plan SELECT 100 + i, dm.ts(0), 'payg', 0 FROM generate_series(1, 24) i; "
            "SET session_replication_role = DEFAULT");
    bill_minute(&r, 1, MARCH + 36000, 500);
    sql(&r, "SET session_replication_role = replica; INSERT INTO dm.statement SELECT 100 + i, s.period_start, "
            "s.period_s, 1, s.currency, s.total, running_s, hibernated_s, pool_after_s, unattested, body, sha256, "
            "previous_sha256, public_key, signature, closed_at, version, pages FROM dm.statement s, generate_series(1, "
            "24) i; INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sku, tier, "
            "book_id, charge_from, charge_to, seconds, qty, per_unit, amount) SELECT 100 + i, period_start, line_no, "
            "kind, NULL, sku, tier, book_id, charge_from, charge_to, seconds, qty, per_unit, amount FROM "
            "dm.statement_line, generate_series(1, 24) i; SET session_replication_role = DEFAULT");
    pid_t pids[SESSIONS];
    for (int s = 0; s < SESSIONS; s++) {
        pids[s] = fork();
        assert_true(pids[s] >= 0);
        if (pids[s] > 0)
            continue;
        dm_pg *c = NULL;
        dm_err err;
        int bad = cluster_open(&pg, r.db, "dm_meter", &c) != 0;
        for (int i = 0; i < 2 * TRIES && !bad; i++) {
            maker m = {&r, 101 + s * TRIES + i / 2, i % 2 == 0};
            bad = dm_pg_tx_on(c, &(dm_pg_scope){0}, make_tx, &m, &err) != (m.back ? TAKEN_BACK : 0);
        }
        _exit(bad);
    }
    for (int s = 0; s < SESSIONS; s++) {
        int status;
        assert_int_equal(waitpid(pids[s], &status, 0), pids[s]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_sql(&r, "SELECT concat_ws(' ', count(*), min(number), max(number)) FROM dm.invoice",
            "24 INV-2026-000001 INV-2026-000024");
    assert_sql(&r, "SELECT last FROM dm.invoice_series", "24");
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    bill_whole(&r);
    rig_close(&r);
}

static void what_is_issued_is_not_changed(void **state)
{
    rig r;
    (void)state;
    bill_open(&r, &pg, "stays");
    bill_minute(&r, 1, MARCH + 36000, 500);
    bill_through(&r, APRIL);
    bill_months(&r, APRIL + DAY);
    static const char *const wrong[] = {"UPDATE dm.invoice SET due_on = due_on + 1", "DELETE FROM dm.invoice",
            "UPDATE dm.invoice_line SET net = 0", "DELETE FROM dm.invoice_tax", "DELETE FROM dm.invoice_event",
            "UPDATE dm.invoice_statement SET total = 0", "DELETE FROM dm.invoice_statement", "TRUNCATE dm.invoice_line",
            "INSERT INTO dm.invoice_tax SELECT account_no, invoice_no, 9, category, rate_ppm,"
            " reverse_charge, jurisdiction, reason_code, reason, exact, discount, lines, base, amount, rounding FROM"
            " dm.invoice_tax"};
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
            cmocka_unit_test(a_month_becomes_an_invoice),
            cmocka_unit_test(the_wallet_pays_first),
            cmocka_unit_test(what_is_too_little_is_carried),
            cmocka_unit_test(an_account_waits_for_its_periods_and_for_tax),
            cmocka_unit_test(tax_is_by_rule_and_frozen),
            cmocka_unit_test(an_invoice_has_who_sold_when_it_was_issued),
            cmocka_unit_test(killed_between_any_two_halves),
            cmocka_unit_test(a_zombie_issues_nothing),
            cmocka_unit_test(numbers_have_no_gap_under_rollbacks),
            cmocka_unit_test(what_is_issued_is_not_changed),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
