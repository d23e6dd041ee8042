/* UBL 2.1: the names and the order of OASIS's schemas, invoice and credit note; what stands in them is einvoice.h's. */
#include <stdio.h>

#include "metering/export/einvoice.h"
#include "metering/export/format.h"
#include "metering/export/say.h"

#define UBL "urn:oasis:names:specification:ubl:schema:xsd:"

static void amount(dm_xml *x, const dm_invoice *v, const char *name, dm_money m)
{
    char text[DM_MONEY_TEXT];
    dm_say_amount(v, m, text);
    dm_xml_leaf_of(x, name, "currencyID", v->currency, text);
}

static void scheme(dm_xml *x, const char *id)
{
    dm_xml_leaf_in(x, "cac:TaxScheme", "cbc:ID", dm_str_c(id));
}

/* --- who ---------------------------------------------------------------------------------------------------- */

static void address(dm_xml *x, const dm_einvoice_party *p)
{
    dm_xml_open(x, "cac:PostalAddress");
    dm_xml_leaf_c(x, "cbc:StreetName", p->line[0]);
    dm_xml_leaf_c(x, "cbc:AdditionalStreetName", p->line[1]);
    dm_xml_leaf_in(x, "cac:AddressLine", "cbc:Line", dm_str_c(p->line[2]));
    dm_xml_leaf_in(x, "cac:Country", "cbc:IdentificationCode", p->country);
    dm_xml_close(x);
}

static void tax_number(dm_xml *x, const char *id, const char *of)
{
    if (id[0] == '\0')
        return;
    dm_xml_open(x, "cac:PartyTaxScheme");
    dm_xml_leaf_c(x, "cbc:CompanyID", id);
    scheme(x, of);
    dm_xml_close(x);
}

static void party(dm_xml *x, const char *name, const dm_einvoice_party *p)
{
    dm_xml_open(x, name);
    dm_xml_open(x, "cac:Party");
    if (p->email.n > 0) {
        dm_xml_open(x, "cbc:EndpointID");
        dm_xml_attr(x, "schemeID", "EM");
        dm_xml_text(x, p->email);
        dm_xml_close(x);
    }
    address(x, p);
    tax_number(x, p->vat, "VAT");
    tax_number(x, p->other, "TAX");
    dm_xml_open(x, "cac:PartyLegalEntity");
    dm_xml_leaf(x, "cbc:RegistrationName", p->name);
    dm_xml_leaf(x, "cbc:CompanyID", p->legal_id);
    dm_xml_close(x);
    dm_xml_close(x);
    dm_xml_close(x);
}

/* --- head --------------------------------------------------------------------------------------------------- */

static void head(dm_xml *x, const dm_einvoice *e)
{
    const dm_invoice *v = e->v;
    dm_xml_leaf_c(x, "cbc:CustomizationID", DM_EINVOICE_PROFILE);
    dm_xml_leaf(x, "cbc:ID", v->number);
    dm_xml_leaf_c(x, "cbc:IssueDate", e->issued);
    dm_xml_leaf_c(x, "cbc:DueDate", e->due);
    if (v->credit_note)
        dm_xml_leaf_c(x, "cbc:CreditNoteTypeCode", "381");
    else
        dm_xml_leaf_c(x, "cbc:InvoiceTypeCode", "380");
    dm_xml_leaf_c(x, "cbc:Note", e->note);
    dm_xml_leaf_c(x, "cbc:DocumentCurrencyCode", v->currency);
    dm_xml_open(x, "cac:InvoicePeriod");
    dm_xml_leaf_c(x, "cbc:StartDate", e->from);
    dm_xml_leaf_c(x, "cbc:EndDate", e->to);
    dm_xml_close(x);
    dm_xml_leaf_in(x, "cac:OrderReference", "cbc:ID", v->purchase_order);
    if (v->refers_to.n > 0) {
        dm_xml_open(x, "cac:BillingReference");
        dm_xml_leaf_in(x, "cac:InvoiceDocumentReference", "cbc:ID", v->refers_to);
        dm_xml_close(x);
    }
}

static void payment(dm_xml *x, const dm_einvoice *e)
{
    const dm_invoice_party *seller = &e->v->seller;
    if (e->paid_by_transfer) {
        dm_xml_open(x, "cac:PaymentMeans");
        dm_xml_leaf_c(x, "cbc:PaymentMeansCode", "30");
        dm_xml_leaf(x, "cbc:PaymentID", e->v->number);
        dm_xml_open(x, "cac:PayeeFinancialAccount");
        dm_xml_leaf(x, "cbc:ID", seller->iban);
        dm_xml_leaf_in(x, "cac:FinancialInstitutionBranch", "cbc:ID", seller->bic);
        dm_xml_close(x);
        dm_xml_close(x);
    }
    dm_xml_leaf_in(x, "cac:PaymentTerms", "cbc:Note", dm_str_c(e->terms));
}

/* --- sums --------------------------------------------------------------------------------------------------- */

static void category(dm_xml *x, const char *name, const dm_invoice_tax *t, bool reasons)
{
    char rate[DM_MONEY_TEXT];
    dm_say_rate(t->rate_ppm, rate);
    dm_xml_open(x, name);
    dm_xml_leaf(x, "cbc:ID", t->category);
    if (!dm_str_eq_c(t->category, "O"))
        dm_xml_leaf_c(x, "cbc:Percent", rate);
    if (reasons) {
        dm_xml_leaf(x, "cbc:TaxExemptionReasonCode", t->reason_code);
        dm_xml_leaf(x, "cbc:TaxExemptionReason", t->reason);
    }
    scheme(x, "VAT");
    dm_xml_close(x);
}

static void allowances(dm_xml *x, const dm_invoice *v)
{
    for (size_t i = 0; i < v->ntaxes; i++) {
        const dm_invoice_tax *t = &v->taxes[i];
        const dm_money off = {t->lines.v - t->base.v};
        if (off.v == 0)
            continue;
        dm_xml_open(x, "cac:AllowanceCharge");
        dm_xml_leaf_c(x, "cbc:ChargeIndicator", "false");
        dm_xml_leaf_c(x, "cbc:AllowanceChargeReasonCode", "95");
        dm_xml_leaf_c(x, "cbc:AllowanceChargeReason", "Credit");
        amount(x, v, "cbc:Amount", off);
        category(x, "cac:TaxCategory", t, false);
        dm_xml_close(x);
    }
}

static void taxes(dm_xml *x, const dm_invoice *v)
{
    dm_xml_open(x, "cac:TaxTotal");
    amount(x, v, "cbc:TaxAmount", v->tax);
    for (size_t i = 0; i < v->ntaxes; i++) {
        dm_xml_open(x, "cac:TaxSubtotal");
        amount(x, v, "cbc:TaxableAmount", v->taxes[i].base);
        amount(x, v, "cbc:TaxAmount", v->taxes[i].amount);
        category(x, "cac:TaxCategory", &v->taxes[i], true);
        dm_xml_close(x);
    }
    dm_xml_close(x);
}

static void totals(dm_xml *x, const dm_invoice *v)
{
    const dm_money off = {v->lines_sum.v - v->net.v};
    dm_xml_open(x, "cac:LegalMonetaryTotal");
    amount(x, v, "cbc:LineExtensionAmount", v->lines_sum);
    amount(x, v, "cbc:TaxExclusiveAmount", v->net);
    amount(x, v, "cbc:TaxInclusiveAmount", v->total);
    if (off.v != 0)
        amount(x, v, "cbc:AllowanceTotalAmount", off);
    if (v->prepaid.v != 0)
        amount(x, v, "cbc:PrepaidAmount", v->prepaid);
    amount(x, v, "cbc:PayableAmount", v->due);
    dm_xml_close(x);
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static void line(dm_xml *x, const dm_invoice *v, size_t i)
{
    dm_einvoice_line l;
    char number[DM_MONEY_TEXT];
    dm_einvoice_line_of(v, i, &l);
    (void)snprintf(number, sizeof number, "%zu", i + 1);
    dm_xml_open(x, v->credit_note ? "cac:CreditNoteLine" : "cac:InvoiceLine");
    dm_xml_leaf_c(x, "cbc:ID", number);
    dm_xml_leaf_c(x, "cbc:Note", l.note);
    dm_xml_leaf_of(x, v->credit_note ? "cbc:CreditedQuantity" : "cbc:InvoicedQuantity", "unitCode", l.unit, l.qty);
    dm_xml_leaf_of(x, "cbc:LineExtensionAmount", "currencyID", v->currency, l.net);
    dm_xml_open(x, "cac:Item");
    dm_xml_leaf_c(x, "cbc:Name", l.name);
    category(x, "cac:ClassifiedTaxCategory", &v->taxes[v->lines[i].tax], false);
    dm_xml_close(x);
    dm_xml_open(x, "cac:Price");
    dm_xml_leaf_of(x, "cbc:PriceAmount", "currencyID", v->currency, l.price);
    dm_xml_close(x);
    dm_xml_close(x);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void document(dm_xml *x, const dm_einvoice *e)
{
    const dm_invoice *v = e->v;
    dm_xml_open(x, v->credit_note ? "CreditNote" : "Invoice");
    dm_xml_attr(x, "xmlns", v->credit_note ? UBL "CreditNote-2" : UBL "Invoice-2");
    dm_xml_attr(x, "xmlns:cac", UBL "CommonAggregateComponents-2");
    dm_xml_attr(x, "xmlns:cbc", UBL "CommonBasicComponents-2");
    head(x, e);
    party(x, "cac:AccountingSupplierParty", &e->seller);
    party(x, "cac:AccountingCustomerParty", &e->buyer);
    payment(x, e);
    allowances(x, v);
    taxes(x, v);
    totals(x, v);
    for (size_t i = 0; i < v->nlines; i++)
        line(x, v, i);
    dm_xml_close(x);
}

static int write_ubl(const dm_export_doc *d, dm_buf *out, dm_err *err)
{
    return dm_einvoice_write(d, document, out, err);
}

const dm_export_format dm_export_ubl = {.name = "ubl", .media = "application/xml", .ending = "xml", .write = write_ubl};
