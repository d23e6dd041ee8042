/* Covers tenants/admin/act.c, tenants/admin/money_act.c, tenants/admin/money_book.c, tenants/admin/money_list.c,
 * tenants/admin/list.c: what an operator types about
 * money: what one orders or drafts another approves, and the audit has both. */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"

#include "tests/support/adminrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static char out[DM_ADMINRIG_PRINTED], account[DM_UUID_TEXT];

#define ADA "operator:ada"
#define BEN "operator:ben"

static void must(const char *who, const char *command, dm_admin_args args)
{
    dm_adminrig_must(&rig, who, command, args, out);
}

static void refused(const char *command, dm_admin_args args, int code, const char *words)
{
    dm_err err = {0};
    int64_t before = dm_tenantrig_audits(&rig);
    int r = dm_adminrig_run(&rig, ADA, command, args, out, &err);
    if (r != code || strstr(err.msg, words) == NULL)
        fail_msg("%s: %d %s", command, r, err.msg);
    assert_int_equal(dm_tenantrig_audits(&rig), before);
}

/* The only row of a list, its member of that name. */
static void one_is(const char *list, const char *state, const char *member, const char *want)
{
    DM_AUTO(json_t) rows = NULL;
    must(ADA, list, (dm_admin_args){.account = account, .state = state, .json = true});
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &rows, NULL), 0);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(dm_json_c(json_array_get(rows, 0), member), want);
    must(ADA, list, (dm_admin_args){.account = account, .state = state});
    assert_non_null(strstr(out, member)); /* and so do people read it */
    assert_non_null(strstr(out, want));
}

static const char *last_of_the_audit(void)
{
    static char text[256];
    dm_tenantrig_text(&rig,
            "SELECT concat_ws(' ', who, verb, detail->>'reason') FROM dm.audit ORDER BY audit_no DESC LIMIT 1", text);
    return text;
}

static int make(void **state)
{
    (void)state;
    dm_tenantrig_start(&rig);
    (void)snprintf(account, sizeof account, "%s", rig.demo.project.account_id);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    dm_tenantrig_stop(&rig);
    return 0;
}

static void a_credit_waits_for_a_second_person(void **state)
{
    (void)state;
    char id[DM_UUID_TEXT];
#define PROMO(amount, why)                                                                                             \
    (dm_admin_args){.account = account, .kind = "promo", .value = amount, .currency = "CNY", .reason = why}
    refused("credit-order", PROMO("20", NULL), DM_E_INVALID, "--reason");
    refused("credit-order", PROMO("0", "x"), DM_E_INVALID, "--value");
    refused("credit-order", PROMO(NULL, "x"), DM_E_INVALID, "--value");
    refused("credit-order", (dm_admin_args){.account = account, .kind = "gift", .reason = "x"}, DM_E_INVALID, "--kind");
    refused("credit-order", (dm_admin_args){.account = account, .kind = "paid", .reason = "x"}, DM_E_INVALID,
            "--reference");
    refused("credit-order",
            (dm_admin_args){.account = account, .kind = "promo", .value = "2", .currency = "USD", .reason = "x"},
            DM_E_INVALID, "another currency");
    must(ADA, "credit-order", PROMO("20.000000000000000001", "a day without service"));
    assert_non_null(strstr(out, "DORMOUSE_STATE=approved\n"));
    assert_string_equal(last_of_the_audit(), "operator:ada credit.order a day without service");
    one_is("credit-list", "approved", "amount", "20.000000000000000001");
    must(ADA, "credit-order", PROMO("100000", "much"));
    assert_non_null(strstr(out, "DORMOUSE_STATE=waiting\n"));
    dm_tenantrig_text(&rig, "SELECT id FROM dm.wallet_order WHERE amount = 100000", out);
    (void)snprintf(id, sizeof id, "%.36s", out);
    const dm_admin_args that = {.account = account, .id = id, .reason = "seen"};
    refused("credit-approve", that, DM_E_CONFLICT, "does not approve it");
    must(BEN, "credit-approve", that);
    assert_string_equal(last_of_the_audit(), "operator:ben credit.approve seen");
    refused("credit-withdraw", (dm_admin_args){.account = account, .id = "x", .reason = "x"}, DM_E_INVALID, "--id");
}

static void rules_and_sellers_are_approved_by_another(void **state)
{
    static const char *const nouns[] = {"tax", "seller"};
    (void)state;
    dm_tenantrig_sql(&rig,
            "SET session_replication_role = replica; INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm,"
            " jurisdiction, valid_from, status, drafted_by, drafted_at) VALUES ('DE', 'AT', 'S', 200000, 'AT',"
            " '2130-01-01Z', 'draft', 'operator:ada', now());"
            "INSERT INTO dm.seller (entity_no, name, country, terms_days, valid_from, status, drafted_by, drafted_at)"
            " VALUES (1, 'Dormouse GmbH', 'DE', 14, '2130-01-01Z', 'draft', 'operator:ada', now());"
            "RESET session_replication_role");
    one_is("tax-list", "draft", "buyer", "AT");
    one_is("seller-list", "draft", "name", "Dormouse GmbH");
    for (size_t i = 0; i < DM_LEN(nouns); i++) {
        char no[24], approve[24], withdraw[24], sql[120], words[80];
        (void)snprintf(approve, sizeof approve, "%s-approve", nouns[i]);
        (void)snprintf(withdraw, sizeof withdraw, "%s-withdraw", nouns[i]);
        (void)snprintf(sql, sizeof sql, "SELECT %s FROM dm.%s WHERE status = 'draft'", i == 0 ? "rule_no" : "seller_no",
                i == 0 ? "tax_rule" : "seller");
        (void)snprintf(no, sizeof no, "%lld", (long long)dm_tenantrig_number(&rig, sql));
        refused(approve, (dm_admin_args){.reason = "x"}, DM_E_INVALID, "--no");
        refused(approve, (dm_admin_args){.no = "9999", .reason = "x"}, DM_E_NOTFOUND, "no such");
        refused(approve, (dm_admin_args){.no = no, .reason = "x"}, DM_E_CONFLICT, "does not approve it");
        must(BEN, approve, (dm_admin_args){.no = no, .reason = "read"});
        (void)snprintf(words, sizeof words, "operator:ben %s.approve read", i == 0 ? "tax_rule" : "seller");
        assert_string_equal(last_of_the_audit(), words);
        refused(withdraw, (dm_admin_args){.no = no, .reason = "x"}, DM_E_CONFLICT, "no draft");
    }
}

/* What is not there is named, and so is what is missing. */
static void what_is_not_there_is_named(void **state)
{
    static const char nobody[] = "00000000-0000-4000-8000-0000000000ff";
    (void)state;
    refused("book-approve", (dm_admin_args){.no = "1", .reason = "x"}, DM_E_INVALID, "--hash");
    refused("book-approve",
            (dm_admin_args){.no = "9999",
                    .reason = "x",
                    .hash = "0000000000000000000000000000000000000000000000000000000000000000"},
            DM_E_NOTFOUND, "no such price book");
    refused("book-withdraw", (dm_admin_args){.no = "9999", .reason = "x"}, DM_E_NOTFOUND, "no such price book");
    refused("contract-approve", (dm_admin_args){.id = nobody, .reason = "x"}, DM_E_NOTFOUND, "no such contract");
    refused("contract-end", (dm_admin_args){.id = nobody, .reason = "x"}, DM_E_INVALID, "--until");
    refused("order-approve", (dm_admin_args){.no = "9999", .reason = "x"}, DM_E_NOTFOUND, "order");
    refused("invoice-void", (dm_admin_args){.account = account, .reason = "x"}, DM_E_INVALID, "--number");
    refused("invoice-void", (dm_admin_args){.account = account, .number = "INV-1", .reason = "x"}, DM_E_NOTFOUND,
            "invoice");
    refused("credit-list", (dm_admin_args){.account = nobody}, DM_E_NOTFOUND, "no account");
    refused("invoice-list", (dm_admin_args){.state = "moon"}, DM_E_INVALID, "--state");
    static const char *const lists[] = {"invoice-list", "order-list", "bank-list", "contract-list"};
    for (size_t i = 0; i < DM_LEN(lists); i++) {
        must(ADA, lists[i], (dm_admin_args){.json = true});
        assert_string_equal(out, "[]\n");
    }
}

static void file_with(const char *name, const char *text, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", dm_pgtest_dir(rig.pg), name);
    assert_int_equal(dm_file_write(path, dm_str_c(text), 0600, NULL), 0);
}

#define PRICES(vcpu)                                                                                                   \
    "\"prices\":[{\"sku\":\"vcpu-run\",\"per_unit\":\"" vcpu "\"},{\"sku\":\"mem-run\",\"per_unit\":\"0.00001711\"},"  \
    "{\"sku\":\"disk-run-over-30\",\"per_unit\":\"0.0000004\"},{\"sku\":\"disk-hib\",\"per_unit\":\"0.0000004\"},"     \
    "{\"sku\":\"snapshot\",\"per_unit\":\"0.0000004\"}]"
#define BOOK(by, begins)                                                                                               \
    "{\"price_group\":\"other\",\"tier\":\"payg\",\"currency\":\"CNY\",\"rated_by\":\"" by                             \
    "\",\"valid_from\":\"" begins "\"," PRICES("0.00003") "}"

/* Drafted, read, changed, read again, and approved by another as it was read last. */
static void a_price_book_goes_through_its_life(void **state)
{
    (void)state;
    char path[256], no[24], hash[72], stale[72];
    DM_AUTO(json_t) drafts = NULL;
    refused("book-draft", (dm_admin_args){.reason = "x"}, DM_E_INVALID, "--file");
    file_with("book.json", BOOK("luck", "2130-01-01T00:00:00Z"), path);
    refused("book-draft", (dm_admin_args){.file = path, .reason = "x"}, DM_E_INVALID, "rated_by");
    file_with("book.json", BOOK("resources", "2130-01-01T00:00:00.5Z"), path);
    refused("book-draft", (dm_admin_args){.file = path, .reason = "x"}, DM_E_INVALID, "valid_from");
    file_with("book.json", BOOK("resources", "2130-01-01T00:00:00Z"), path);
    refused("book-draft", (dm_admin_args){.file = path}, DM_E_INVALID, "--reason");
    must(ADA, "book-draft", (dm_admin_args){.file = path, .reason = "a new year"});
    assert_string_equal(last_of_the_audit(), "operator:ada book.draft a new year");
    assert_int_equal(strncmp(out, "DORMOUSE_BOOK=", 14), 0);
    (void)snprintf(no, sizeof no, "%.*s", (int)strcspn(out + 14, "\n"), out + 14);
    must(ADA, "book-list", (dm_admin_args){.state = "draft"});
    assert_non_null(strstr(out, "2130-01-01T00:00:00"));
    must(ADA, "book-list", (dm_admin_args){.state = "draft", .json = true});
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &drafts, NULL), 0);
    assert_int_equal(json_array_size(drafts), 1);
    (void)snprintf(stale, sizeof stale, "%s", dm_json_c(json_array_get(drafts, 0), "sha256"));
    file_with("book.json", "{\"valid_from\":\"2130-01-01T00:00:00Z\"," PRICES("0.00004") "}", path);
    must(ADA, "book-edit", (dm_admin_args){.no = no, .file = path, .reason = "dearer"});
    must(BEN, "book-show", (dm_admin_args){.no = no});
    DM_AUTO(json_t) book = NULL;
    assert_int_equal(dm_json_load(dm_str_c(out), sizeof out, &book, NULL), 0);
    assert_non_null(strstr(out, "0.000040000000"));
    (void)snprintf(hash, sizeof hash, "%s", dm_json_c(book, "sha256"));
    assert_string_not_equal(hash, stale);
    refused("book-approve", (dm_admin_args){.no = no, .hash = hash, .reason = "x"}, DM_E_CONFLICT, "does not approve");
    refused("book-simulate", (dm_admin_args){.no = no, .month = "2026-3", .reason = "x"}, DM_E_INVALID, "--month");
    refused("book-simulate", (dm_admin_args){.no = no, .month = "2026-03", .reason = "x"}, DM_E_CONFLICT,
            "concerns nobody");
    dm_err err = {0};
    const dm_admin_args old = {.no = no, .hash = stale, .reason = "as I saw it"};
    assert_int_equal(dm_adminrig_run(&rig, BEN, "book-approve", old, out, &err), DM_E_CONFLICT);
    assert_non_null(strstr(err.msg, "--hash"));
    must(BEN, "book-approve", (dm_admin_args){.no = no, .hash = hash, .reason = "read"});
    assert_string_equal(last_of_the_audit(), "operator:ben book.approve read");
    refused("book-edit", (dm_admin_args){.no = no, .file = path, .reason = "x"}, DM_E_CONFLICT, "no draft");
    must(BEN, "book-withdraw", (dm_admin_args){.no = no, .reason = "after all"});
    refused("book-show", (dm_admin_args){.no = "9999"}, DM_E_NOTFOUND, "no price book");
}

static void invoices_are_ordered(void **state)
{
    (void)state;
    char path[256];
    refused("invoice-issue", (dm_admin_args){.account = account, .month = "03-2026", .reason = "x"}, DM_E_INVALID,
            "--month");
    must(ADA, "invoice-issue", (dm_admin_args){.account = account, .month = "2026-02", .reason = "they ask early"});
    assert_non_null(strstr(out, "DORMOUSE_STATE=ordered\n"));
    assert_string_equal(last_of_the_audit(), "operator:ada invoice.issue they ask early");
    one_is("order-list", "ordered", "kind", "issue");
    one_is("order-list", "ordered", "month", "2026-02-01");
#define OF_ONE(...) (dm_admin_args){.account = account, .number = "INV-2026-000001", .reason = "x", __VA_ARGS__}
    refused("invoice-pay", OF_ONE(.value = "0", .on = "2026-04-02"), DM_E_INVALID, "--value");
    refused("invoice-pay", OF_ONE(.value = "12.50", .on = "2026-04"), DM_E_INVALID, "--on");
    refused("invoice-pay", OF_ONE(.value = "12.50", .on = "2026-04-02"), DM_E_NOTFOUND, "invoice");
    file_with("lines.json", "[{\"line\": 0, \"net\": \"2.50\"}]", path);
    refused("invoice-credit", OF_ONE(.file = path), DM_E_INVALID, "--file");
    file_with("lines.json", "[]", path);
    refused("invoice-credit", OF_ONE(.file = path), DM_E_INVALID, "--file");
    file_with("lines.json", "[{\"line\": 1, \"net\": \"2.50\"}]", path);
    refused("invoice-credit", OF_ONE(.file = path), DM_E_NOTFOUND, "invoice");
    dm_tenantrig_sql(&rig,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.invoice (account_no, kind, number, entity_no, chain, currency, period_start, period_end, "
            "issued_at, due_on, exact_total, discount, net, tax, total, prepaid, rounding, frozen, body, sha256, "
            "previous_sha256, public_key, signature) SELECT account_no, 'invoice', 'INV-2026-000001', 1, 1, currency, "
            "'2026-03-01Z', '2026-04-01Z', '2026-04-02Z', '2026-04-16', 80, 0, 80, 0, 80, 0, 0, '{}', '{}', "
            "sha256('{}'), decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 64), "
            "'hex') FROM dm.account WHERE legal_name = 'Demo';"
            "INSERT INTO dm.invoice_state (account_no, invoice_no, status, open, due_on) SELECT account_no, "
            "invoice_no, 'issued', total, due_on FROM dm.invoice");
    must(ADA, "invoice-pay", OF_ONE(.value = "12.50", .on = "2026-04-02", .reference = "transfer \"17\""));
    dm_tenantrig_text(
            &rig, "SELECT kind || ' ' || detail::text FROM dm.invoice_order ORDER BY order_no DESC LIMIT 1", out);
    assert_string_equal(out, "pay {\"reference\": \"transfer \\\"17\\\"\", \"received_on\": \"2026-04-02\"}");
    must(ADA, "invoice-credit", OF_ONE(.file = path));
    dm_tenantrig_text(
            &rig, "SELECT kind || ' ' || detail::text FROM dm.invoice_order ORDER BY order_no DESC LIMIT 1", out);
    assert_string_equal(out, "credit {\"lines\": [{\"net\": \"2.50\", \"line\": 1}]}");
    must(ADA, "invoice-credit", OF_ONE(.month = NULL));
    dm_tenantrig_text(
            &rig, "SELECT kind || ' ' || detail::text FROM dm.invoice_order ORDER BY order_no DESC LIMIT 1", out);
    assert_string_equal(out, "credit {}");
}

static void a_file_of_the_bank_is_handed_in_once(void **state)
{
    (void)state;
    char path[256], first[64];
    (void)snprintf(path, sizeof path, "%s/camt.xml", dm_pgtest_dir(rig.pg));
    assert_int_equal(dm_file_write(path, DM_STR("<Document/>"), 0600, NULL), 0);
    refused("bank-import", (dm_admin_args){.reason = "x"}, DM_E_INVALID, "--file");
    must(ADA, "bank-import", (dm_admin_args){.file = path, .reason = "of today"});
    (void)snprintf(first, sizeof first, "%.60s", out);
    assert_non_null(strstr(first, "DORMOUSE_FILE="));
    must(BEN, "bank-import", (dm_admin_args){.file = path, .reason = "again"});
    assert_string_equal(out, first);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.bank_file"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_credit_waits_for_a_second_person),
            cmocka_unit_test(rules_and_sellers_are_approved_by_another),
            cmocka_unit_test(what_is_not_there_is_named),
            cmocka_unit_test(a_price_book_goes_through_its_life),
            cmocka_unit_test(invoices_are_ordered),
            cmocka_unit_test(a_file_of_the_bank_is_handed_in_once),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
