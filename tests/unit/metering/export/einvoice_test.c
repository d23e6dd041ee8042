/* What EN 16931 says of a document, and what it cannot; what the strangers' judges say is tests/conformance/documents.
 */
/* Covers metering/export/einvoice.c, metering/export/say.c, metering/export/ubl.c, metering/export/cii.c,
 * metering/export/format.c. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/export/einvoice.h"
#include "metering/export/format.h"
#include "metering/export/say.h"
#include "tests/support/docrig.h"
#include "tests/unit/test.h"

static dm_export_doc *made(const char *name)
{
    DM_AUTO_BUF body;
    dm_export_doc *doc = NULL;
    dm_buf_init(&body, DOC_BODY_MAX);
    assert_true(doc_make(name, &body));
    assert_int_equal(dm_export_doc_read(dm_buf_view(&body), &doc, NULL), 0);
    return doc;
}

static void refused(dm_export_doc *doc, const char *words)
{
    dm_einvoice e;
    dm_err err = {0};
    assert_int_equal(dm_einvoice_of(&doc->v, &e, &err), DM_E_INVALID);
    assert_says(err, words);
    for (size_t i = 0; i < 2; i++) {
        DM_AUTO_BUF out;
        dm_buf_init(&out, DM_EXPORT_BYTES_MAX);
        assert_int_equal(dm_export_at(i)->write(doc, &out, &err), DM_E_INVALID);
        assert_int_equal(out.len, 0);
    }
}

static void what_it_cannot_say_is_refused(void **state)
{
    (void)state;
    DM_AUTO(dm_export_doc) dinar = made("dinar");
    refused(dinar, "KWD has 3 decimals");
    DM_AUTO(dm_export_doc) one = made("one");
    dm_invoice was = one->v;
    one->v.seller.country = DM_STR("ZZ");
    refused(one, "the seller has no country");
    one->v = was;
    one->v.buyer.name = DM_STR("");
    refused(one, "the buyer has no name");
    one->v = was;
    one->v.seller.tax_id.n = 0;
    refused(one, "the seller has no tax id");
    DM_AUTO(dm_export_doc) out = made("outside");
    out->v.seller.legal_id.n = 0;
    refused(out, "a register of companies");
    DM_AUTO(dm_export_doc) two = made("two");
    two->v.taxes[1].rate_ppm = two->v.taxes[0].rate_ppm;
    refused(two, "two taxes of one category and rate");
    two->v.taxes[1].category = DM_STR("O");
    refused(two, "stands beside another");
}

static void numbers_of_tax_are_said_where_they_may(void **state)
{
    dm_einvoice e;
    (void)state;
    DM_AUTO(dm_export_doc) one = made("one");
    assert_int_equal(dm_einvoice_of(&one->v, &e, NULL), 0);
    assert_string_equal(e.seller.vat, "DE136695976");
    assert_string_equal(e.buyer.vat, "DE811907980"); /* without the blanks that people write */
    one->v.buyer.country = DM_STR("GR");
    one->v.buyer.tax_id = DM_STR("EL094259216");
    assert_int_equal(dm_einvoice_of(&one->v, &e, NULL), 0);
    assert_string_equal(e.buyer.vat, "EL094259216");
    one->v.buyer.country = DM_STR("CN");
    one->v.buyer.tax_id = DM_STR("91330106MA2CFK7B0X"); /* begins with no country */
    one->v.seller.tax_id = DM_STR("30/123/45678");
    assert_int_equal(dm_einvoice_of(&one->v, &e, NULL), 0);
    assert_string_equal(e.buyer.vat, "");
    assert_str(e.buyer.legal_id, "91330106MA2CFK7B0X");
    assert_string_equal(e.seller.vat, "");
    assert_string_equal(e.seller.other, "3012345678");
    DM_AUTO(dm_export_doc) out = made("outside");
    assert_int_equal(dm_einvoice_of(&out->v, &e, NULL), 0);
    assert_string_equal(e.seller.vat, ""); /* BR-O-02 */
}

static void days_addresses_and_what_is_to_be_paid(void **state)
{
    dm_einvoice e;
    char day[16];
    (void)state;
    DM_AUTO(dm_export_doc) one = made("one");
    one->v.buyer.address = DM_STR(" a \n\nb\nc\nd");
    assert_int_equal(dm_einvoice_of(&one->v, &e, NULL), 0);
    assert_string_equal(e.buyer.line[0], "a");
    assert_string_equal(e.buyer.line[1], "b");
    assert_string_equal(e.buyer.line[2], "c, d");
    assert_string_equal(e.issued, "2026-03-02");
    assert_string_equal(e.due, "2026-03-16");
    assert_string_equal(e.from, "2026-02-01");
    assert_string_equal(e.to, "2026-02-28"); /* the last day of it, not the one behind */
    dm_einvoice_day(e.to, day);
    assert_string_equal(day, "20260228");
    assert_true(e.paid_by_transfer);
    one->v.seller.iban.n = 0;
    assert_int_equal(dm_einvoice_of(&one->v, &e, NULL), 0);
    assert_false(e.paid_by_transfer);
    DM_AUTO(dm_export_doc) settled = made("settled");
    assert_int_equal(dm_einvoice_of(&settled->v, &e, NULL), 0);
    assert_false(e.paid_by_transfer);
    assert_string_equal(e.terms, "Paid");
    DM_AUTO(dm_export_doc) credit = made("credit");
    assert_int_equal(dm_einvoice_of(&credit->v, &e, NULL), 0);
    assert_true(e.due[0] == '\0' && !e.paid_by_transfer);
    assert_string_equal(e.terms, "Credited against invoice INV-2026-000042");
}

static void lines_have_quantity_price_and_exact_figures(void **state)
{
    dm_einvoice_line l;
    (void)state;
    DM_AUTO(dm_export_doc) doc = made("twelve");
    dm_einvoice_line_of(&doc->v, 0, &l);
    assert_string_equal(l.unit, "SEC");
    assert_string_equal(l.qty, "28800");
    assert_string_equal(l.price, "0.0000342");
    assert_string_equal(l.net, "0.99"); /* by the largest remainder: 0.98496 has one of the larger */
    assert_string_equal(l.name, "vCPU, running, project project 1");
    assert_string_equal(l.note, "Exact amount EUR 0.984960000000000000; price book 3, tier 0");
    dm_einvoice_line_of(&doc->v, 3, &l);
    assert_string_equal(l.name, "Memory, running (GiB-Seconds), project project 1");
    assert_string_equal(l.unit, "C62");
    assert_true(l.qty[0] == '-' && l.price[0] != '-' && l.net[0] == '-');
    assert_non_null(strstr(l.note, "; correction"));
    dm_einvoice_line_of(&doc->v, 11, &l);
    assert_string_equal(l.qty, "1");
    assert_string_equal(l.price, "12.50");
    assert_string_equal(l.net, "12.50");
    assert_string_equal(l.name, "Setup");
    doc->v.lines[11].net.v = -doc->v.lines[11].net.v;
    dm_einvoice_line_of(&doc->v, 11, &l);
    assert_string_equal(l.qty, "-1"); /* BR-27: a price is not negative */
    assert_string_equal(l.price, "12.50");
    DM_AUTO(dm_export_doc) credit = made("credit");
    dm_einvoice_line_of(&credit->v, 1, &l);
    assert_non_null(strstr(l.note, "; of line 2 of the invoice"));
}

/* Names as long as they come are cut between characters, and figures lose nothing but zeros. */
static void texts_stay_texts(void **state)
{
    char rate[DM_MONEY_TEXT], name[3 * DM_EINVOICE_TEXT + 1];
    dm_einvoice_line l;
    static const struct {
        const char *in, *out;
        size_t keep;
    } trims[] = {{"1.500", "1.5", 0}, {"1.000", "1", 0}, {"1.000", "1.00", 2}, {"100", "100", 0}, {"-0.10", "-0.1", 0}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(trims); i++) {
        char figure[32];
        (void)snprintf(figure, sizeof figure, "%s", trims[i].in);
        dm_say_trim(figure, trims[i].keep);
        assert_string_equal(figure, trims[i].out);
    }
    dm_say_rate(88750, rate);
    assert_string_equal(rate, "8.875");
    dm_say_rate(190000, rate);
    assert_string_equal(rate, "19");
    DM_AUTO(dm_export_doc) doc = made("one");
    for (size_t i = 0; i + 3 < sizeof name; i += 3)
        memcpy(name + i, "\xe6\x9d\xad", 4);
    doc->v.lines[0].project_name = dm_str_c(name);
    dm_einvoice_line_of(&doc->v, 0, &l);
    assert_true(strlen(l.name) < DM_EINVOICE_TEXT && strlen(l.name) > DM_EINVOICE_TEXT - 4);
    assert_true(dm_utf8_ok(dm_str_c(l.name)));
    assert_str(dm_say_sku(DM_STR("minutes")), "Running minutes");
    assert_str(dm_say_sku(DM_STR("Setup")), "Setup");
}

static void the_registry_knows_them_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; dm_export_at(i) != NULL; i++)
        assert_ptr_equal(dm_export_find(dm_str_c(dm_export_at(i)->name)), dm_export_at(i));
    assert_null(dm_export_find(DM_STR("doc")));
    assert_null(dm_export_find(DM_STR("")));
    assert_ptr_equal(dm_export_find(DM_STR("cii")), &dm_export_cii);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_it_cannot_say_is_refused),
            cmocka_unit_test(numbers_of_tax_are_said_where_they_may),
            cmocka_unit_test(days_addresses_and_what_is_to_be_paid),
            cmocka_unit_test(lines_have_quantity_price_and_exact_figures),
            cmocka_unit_test(texts_stay_texts),
            cmocka_unit_test(the_registry_knows_them_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
