/* What an account was charged as FOCUS, each version before a table of rules (tests/support/focusrule.h), and against
 * the invoices; and faults that are planted into good rows, each of which the rule that it breaks has to find. */
/* Covers metering/export/data/focus.c, metering/export/data/sql_focus.c. */
#include <stdio.h>

#include "base/json.h"

#include "metering/rules/money.h"
#include "tests/support/exportrig.h"
#include "tests/support/focusrule.h"
#include "tests/unit/test.h"

static cluster pg;

static const char *const versions[] = {"1.2", "1.3", "1.4"};

static void made(desk *d, const char *version, dm_buf *out)
{
    char set[32];
    (void)snprintf(set, sizeof set, "focus-%s", version);
    desk_make(d, 1, set, "jsonl", "2026-03-01", "2026-06-01", out);
}

/* What the rows of an invoice bill, with all 18 decimals; NULL: of none. */
static void billed(dm_str rows, const char *invoice, char out[DM_MONEY_TEXT])
{
    dm_str rest = rows, line;
    dm_money sum = {0}, m;
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        const char *of = dm_json_c(row, "InvoiceId");
        if (invoice == NULL ? of != NULL : of == NULL || strcmp(of, invoice) != 0)
            continue;
        assert_int_equal(dm_money_parse(dm_json_text(row, "BilledCost"), &m, NULL), 0);
        assert_int_equal(dm_money_add(sum, m, &sum, NULL), 0);
    }
    dm_money_print(sum, out);
}

static void every_version_is_well_formed_and_sums(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "versions");
    desk_rich(&d);
    for (size_t i = 0; i < DM_LEN(versions); i++) {
        DM_AUTO_BUF rows;
        char why[FOCUS_WHY] = "", sum[DM_MONEY_TEXT];
        made(&d, versions[i], &rows);
        if (!focus_ok(dm_buf_view(&rows), versions[i], why))
            fail_msg("FOCUS %s: %s", versions[i], why);
        static const char *const numbers[] = {
                "INV-2026-000001", "INV-2026-000003", "INV-2026-000004", "CN-2026-000001"};
        for (size_t k = 0; k < DM_LEN(numbers); k++) {
            char text[200];
            (void)snprintf(text, sizeof text,
                    "SELECT CASE kind WHEN 'invoice' THEN total ELSE -total END FROM dm.invoice WHERE number = '%s'",
                    numbers[k]);
            billed(dm_buf_view(&rows), numbers[k], sum);
            assert_string_equal(sum, ask(&d.r, text));
        }
        billed(dm_buf_view(&rows), "INV-2026-000002", sum); /* it was voided */
        assert_string_equal(sum, "0.000000000000000000");
        billed(dm_buf_view(&rows), NULL, sum);
        assert_string_equal(sum, "0.000000000000000000");
    }
    desk_close(&d);
}

/* --- faults ------------------------------------------------------------------------------------------------- */

/* Into the first row of a category in which the cell is filled (or of any in which it is not): the cell's new value,
 * NULL for null, "" to take the column away. */
static const struct {
    const char *category, *column, *value, *rule;
} faults[] = {
        {"Usage", "BilledCost", "", "column-is-there"},
        {"Usage", "ServiceProviderName", "", "column-is-there"},
        {"Usage", "BillingCurrency", NULL, "never-null"},
        {"Tax", "ServiceCategory", NULL, "never-null"},
        {"Usage", "ProviderName", "Dormouse", "column-of-another-version"},
        {"Usage", "Provider", "Dormouse", "column-of-another-version"},
        {"Usage", "BilledCost", "1e-3", "cell-is-well-formed"},
        {"Usage", "BilledCost", "1,000.5", "cell-is-well-formed"},
        {"Usage", "ListUnitPrice", "-0.5", "cell-is-well-formed"},
        {"Usage", "ChargePeriodStart", "2026-03-01T10:00:00.000000Z", "cell-is-well-formed"},
        {"Usage", "ChargePeriodStart", "2026-03-01 10:00:00", "cell-is-well-formed"},
        {"Usage", "ChargeCategory", "usage", "cell-is-well-formed"},
        {"Credit", "ChargeClass", "Corrected", "cell-is-well-formed"},
        {"Usage", "PricingUnit", "core second", "cell-is-well-formed"},
        {"Usage", "BillingCurrency", "cny", "cell-is-well-formed"},
        {"Usage", "ResourceId", " i0", "cell-is-well-formed"},
        {"Usage", "Tags", "team=a", "cell-is-well-formed"},
        {"Usage", "SkuPriceDetails", "{", "cell-is-well-formed"},
        {"Tax", "PricingQuantity", "1", "tax-has-no-quantity"},
        {"Tax", "SkuPriceId", "vcpu-run.b1.t0", "tax-has-no-sku-price"},
        {"Usage", "PricingQuantity", NULL, "usage-has-a-quantity"},
        {"Usage", "ListUnitPrice", NULL, "usage-has-a-list-price"},
        {"Usage", "SkuId", NULL, "usage-has-a-sku"},
        {"Usage", "ConsumedQuantity", NULL, "usage-is-consumed"},
        {"Usage", "ChargeFrequency", "One-Time", "usage-is-frequent"},
        {"Credit", "ConsumedQuantity", "1", "only-usage-is-consumed"},
        {"Usage", "ConsumedUnit", NULL, "consumed-has-a-unit"},
        {"Usage", "ResourceType", NULL, "resource-has-a-type"},
        {"Credit", "ResourceType", "Sandbox", "type-of-a-resource"},
        {"Usage", "SubAccountType", NULL, "sub-account-has-a-type"},
        {"Tax", "SubAccountName", "a", "name-of-a-sub-account"},
        {"Adjustment", "SkuMeter", "a", "meter-of-a-sku"},
        {"Usage", "ListCost", "0.000000000000000001", "list-cost-is-a-product"},
        {"Usage", "ContractedCost", "0.000000000000000001", "contracted-cost-is-a-product"},
        {"Usage", "PricingQuantity", "47.000001", "list-cost-is-a-product"},
        {"Credit", "EffectiveCost", "0", "credit-in-effect-is-what-is-billed"},
        {"Adjustment", "ListCost", "0", "adjustment-at-list-is-what-is-billed"},
        {"Usage", "ChargePeriodEnd", "2026-03-01T10:00:00Z", "charge-period-is-one"},
        {"Usage", "BillingPeriodEnd", "2026-03-01T00:00:00Z", "billing-period-is-one"},
        {"Usage", "ChargeClass", "Correction", "correction-is-of-a-month-before"},
        {"Usage", "ServiceCategory", "Storage", "service-has-one-category"},
        {"Usage", "SkuMeter", "Something", "sku-has-one-meter"},
        {"Tax", "BillingCurrency", "EUR", "invoice-has-one-currency"},
        {"Tax", "BillingAccountName", "Other", "account-has-one-name"},
};

/* The first rows and the last, which have one of each kind. */
static void shorten(dm_buf *rows)
{
    enum { FIRST = 40, LAST = 16 };
    dm_str rest = dm_buf_view(rows), line;
    size_t n = 0, i = 0;
    DM_AUTO_BUF some;
    dm_buf_init(&some, 1 << 20);
    for (const char *p = rows->p; p < rows->p + rows->len; p++)
        n += *p == '\n';
    for (; dm_str_split(&rest, '\n', &line) && i < n; i++)
        if (i < FIRST || i >= n - LAST) {
            (void)dm_buf_str(&some, line);
            (void)dm_buf_ch(&some, '\n');
        }
    dm_buf_reset(rows);
    (void)dm_buf_str(rows, dm_buf_view(&some));
    assert_int_equal(dm_buf_ok(&some, NULL), 0);
}

/* The rows, with that fault in one of them. */
static bool plant(dm_str rows, size_t fault, dm_buf *out)
{
    dm_str rest = rows, line;
    bool planted = false;
    dm_buf_reset(out);
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        const char *column = faults[fault].column, *value = faults[fault].value;
        if (!planted && dm_str_eq_c(dm_json_text(row, "ChargeCategory"), faults[fault].category) &&
                (value != NULL || dm_json_c(row, column) != NULL)) {
            planted = true;
            if (value != NULL && value[0] == '\0')
                (void)json_object_del(row, column);
            else
                (void)json_object_set_new(row, column, value != NULL ? json_string(value) : json_null());
        }
        char *text = json_dumps(row, JSON_COMPACT);
        (void)dm_buf_c(out, text);
        (void)dm_buf_ch(out, '\n');
        free(text);
    }
    return planted && dm_buf_ok(out, NULL) == 0;
}

static void each_fault_breaks_its_rule(void **state)
{
    (void)state;
    desk d = {0};
    DM_AUTO_BUF rows;
    DM_AUTO_BUF wrong;
    desk_open(&d, &pg, "faults");
    desk_rich(&d);
    made(&d, "1.4", &rows);
    shorten(&rows);
    dm_buf_init(&wrong, 1 << 20);
    for (size_t i = 0; i < DM_LEN(faults); i++) {
        char why[FOCUS_WHY] = "";
        if (!plant(dm_buf_view(&rows), i, &wrong))
            fail_msg("%s of %s: no row has one", faults[i].column, faults[i].category);
        bool ok = focus_ok(dm_buf_view(&wrong), "1.4", why);
        if (ok || strncmp(why, faults[i].rule, strlen(faults[i].rule)) != 0 || why[strlen(faults[i].rule)] != ':')
            fail_msg("%s = %s: %s, not by %s", faults[i].column, faults[i].value, ok ? "unnoticed" : why,
                    faults[i].rule);
    }
    desk_close(&d);
}

/* --- what stands in rows ------------------------------------------------------------------------------------ */

static void what_a_discount_and_a_correction_look_like(void **state)
{
    (void)state;
    desk d = {0};
    DM_AUTO_BUF rows;
    char text[DM_MONEY_TEXT];
    desk_open(&d, &pg, "looks");
    desk_rich(&d);
    made(&d, "1.3", &rows);
    dm_str rest = dm_buf_view(&rows), line;
    size_t discounted = 0, corrections = 0, tagged = 0, credits = 0;
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        dm_money list, contracted, ninth = {0};
        assert_int_equal(dm_money_parse(dm_json_text(row, "ListCost"), &list, NULL), 0);
        assert_int_equal(dm_money_parse(dm_json_text(row, "ContractedCost"), &contracted, NULL), 0);
        if (dm_str_eq_c(dm_json_text(row, "SkuId"), "mem-run") &&
                dm_str_eq_c(dm_json_text(row, "ChargeCategory"), "Usage")) {
            for (int i = 0; i < 9; i++)
                assert_int_equal(dm_money_add(ninth, list, &ninth, NULL), 0);
            assert_true(ninth.v == contracted.v * 10); /* ten percent off the list's price */
            discounted++;
        }
        if (dm_str_eq_c(dm_json_text(row, "ChargeClass"), "Correction")) {
            assert_true(dm_str_starts(dm_json_text(row, "ChargePeriodStart"), DM_STR("2026-03-01T")));
            assert_false(dm_str_starts(dm_json_text(row, "BillingPeriodStart"), DM_STR("2026-03-01T")));
            corrections++;
        }
        credits += dm_str_eq_c(dm_json_text(row, "x_Kind"), "credit");
        tagged += dm_json_c(row, "Tags") != NULL;
    }
    dm_money_print((dm_money){0}, text);
    assert_true(discounted >= 1800);
    assert_true(corrections >= 3); /* what came late, and the credit note with its tax */
    assert_int_equal(credits, 1);
    assert_int_equal(tagged, 16);
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_version_is_well_formed_and_sums),
            cmocka_unit_test(each_fault_breaks_its_rule),
            cmocka_unit_test(what_a_discount_and_a_correction_look_like),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
