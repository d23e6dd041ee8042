/* CII D16B, the syntax of UN/CEFACT: its names and its order; what stands in them is einvoice.h's. It is also what a
 * PDF carries (Factur-X). */
#include <stdio.h>

#include "metering/export/einvoice.h"
#include "metering/export/format.h"
#include "metering/export/say.h"

#define CII "urn:un:unece:uncefact:data:standard:"

static void amount(dm_xml *x, const dm_invoice *v, const char *name, dm_money m)
{
    char text[DM_MONEY_TEXT];
    dm_say_amount(v, m, text);
    dm_xml_leaf_c(x, name, text);
}

static void day(dm_xml *x, const char *name, const char *text)
{
    char bare[16];
    if (text[0] == '\0')
        return;
    dm_einvoice_day(text, bare);
    dm_xml_open(x, name);
    dm_xml_leaf_of(x, "udt:DateTimeString", "format", "102", bare);
    dm_xml_close(x);
}

/* --- head --------------------------------------------------------------------------------------------------- */

static void head(dm_xml *x, const dm_einvoice *e)
{
    dm_xml_open(x, "rsm:ExchangedDocumentContext");
    dm_xml_leaf_in(x, "ram:GuidelineSpecifiedDocumentContextParameter", "ram:ID", DM_STR(DM_EINVOICE_PROFILE));
    dm_xml_close(x);
    dm_xml_open(x, "rsm:ExchangedDocument");
    dm_xml_leaf(x, "ram:ID", e->v->number);
    dm_xml_leaf_c(x, "ram:TypeCode", e->v->credit_note ? "381" : "380");
    day(x, "ram:IssueDateTime", e->issued);
    dm_xml_leaf_in(x, "ram:IncludedNote", "ram:Content", dm_str_c(e->note));
    dm_xml_close(x);
}

/* --- tax ---------------------------------------------------------------------------------------------------- */

static void rate(dm_xml *x, const dm_invoice_tax *t)
{
    char text[DM_MONEY_TEXT];
    dm_say_rate(t->rate_ppm, text);
    if (!dm_str_eq_c(t->category, "O"))
        dm_xml_leaf_c(x, "ram:RateApplicablePercent", text);
}

/* Of a line, or of what is taken off. */
static void category(dm_xml *x, const char *name, const dm_invoice_tax *t)
{
    dm_xml_open(x, name);
    dm_xml_leaf_c(x, "ram:TypeCode", "VAT");
    dm_xml_leaf(x, "ram:CategoryCode", t->category);
    rate(x, t);
    dm_xml_close(x);
}

static void taxes(dm_xml *x, const dm_invoice *v)
{
    for (size_t i = 0; i < v->ntaxes; i++) {
        const dm_invoice_tax *t = &v->taxes[i];
        dm_xml_open(x, "ram:ApplicableTradeTax");
        amount(x, v, "ram:CalculatedAmount", t->amount);
        dm_xml_leaf_c(x, "ram:TypeCode", "VAT");
        dm_xml_leaf(x, "ram:ExemptionReason", t->reason);
        amount(x, v, "ram:BasisAmount", t->base);
        dm_xml_leaf(x, "ram:CategoryCode", t->category);
        dm_xml_leaf(x, "ram:ExemptionReasonCode", t->reason_code);
        rate(x, t);
        dm_xml_close(x);
    }
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static void line(dm_xml *x, const dm_invoice *v, size_t i)
{
    dm_einvoice_line l;
    char number[DM_MONEY_TEXT];
    dm_einvoice_line_of(v, i, &l);
    (void)snprintf(number, sizeof number, "%zu", i + 1);
    dm_xml_open(x, "ram:IncludedSupplyChainTradeLineItem");
    dm_xml_open(x, "ram:AssociatedDocumentLineDocument");
    dm_xml_leaf_c(x, "ram:LineID", number);
    dm_xml_leaf_in(x, "ram:IncludedNote", "ram:Content", dm_str_c(l.note));
    dm_xml_close(x);
    dm_xml_leaf_in(x, "ram:SpecifiedTradeProduct", "ram:Name", dm_str_c(l.name));
    dm_xml_open(x, "ram:SpecifiedLineTradeAgreement");
    dm_xml_leaf_in(x, "ram:NetPriceProductTradePrice", "ram:ChargeAmount", dm_str_c(l.price));
    dm_xml_close(x);
    dm_xml_open(x, "ram:SpecifiedLineTradeDelivery");
    dm_xml_leaf_of(x, "ram:BilledQuantity", "unitCode", l.unit, l.qty);
    dm_xml_close(x);
    dm_xml_open(x, "ram:SpecifiedLineTradeSettlement");
    category(x, "ram:ApplicableTradeTax", &v->taxes[v->lines[i].tax]);
    dm_xml_leaf_in(x, "ram:SpecifiedTradeSettlementLineMonetarySummation", "ram:LineTotalAmount", dm_str_c(l.net));
    dm_xml_close(x);
    dm_xml_close(x);
}

/* --- who ---------------------------------------------------------------------------------------------------- */

static void registration(dm_xml *x, const char *scheme, const char *id)
{
    if (id[0] == '\0')
        return;
    dm_xml_open(x, "ram:SpecifiedTaxRegistration");
    dm_xml_leaf_of(x, "ram:ID", "schemeID", scheme, id);
    dm_xml_close(x);
}

static void party(dm_xml *x, const char *name, const dm_einvoice_party *p)
{
    dm_xml_open(x, name);
    dm_xml_leaf(x, "ram:Name", p->name);
    dm_xml_leaf_in(x, "ram:SpecifiedLegalOrganization", "ram:ID", p->legal_id);
    dm_xml_open(x, "ram:PostalTradeAddress");
    dm_xml_leaf_c(x, "ram:LineOne", p->line[0]);
    dm_xml_leaf_c(x, "ram:LineTwo", p->line[1]);
    dm_xml_leaf_c(x, "ram:LineThree", p->line[2]);
    dm_xml_leaf(x, "ram:CountryID", p->country);
    dm_xml_close(x);
    if (p->email.n > 0) {
        dm_xml_open(x, "ram:URIUniversalCommunication");
        dm_xml_open(x, "ram:URIID");
        dm_xml_attr(x, "schemeID", "EM");
        dm_xml_text(x, p->email);
        dm_xml_close(x);
        dm_xml_close(x);
    }
    registration(x, "FC", p->other);
    registration(x, "VA", p->vat);
    dm_xml_close(x);
}

static void agreement(dm_xml *x, const dm_einvoice *e)
{
    dm_xml_open(x, "ram:ApplicableHeaderTradeAgreement");
    party(x, "ram:SellerTradeParty", &e->seller);
    party(x, "ram:BuyerTradeParty", &e->buyer);
    dm_xml_leaf_in(x, "ram:BuyerOrderReferencedDocument", "ram:IssuerAssignedID", e->v->purchase_order);
    dm_xml_close(x);
}

/* --- what is owed ------------------------------------------------------------------------------------------- */

static void means(dm_xml *x, const dm_einvoice *e)
{
    if (!e->paid_by_transfer)
        return;
    dm_xml_open(x, "ram:SpecifiedTradeSettlementPaymentMeans");
    dm_xml_leaf_c(x, "ram:TypeCode", "30");
    dm_xml_leaf_in(x, "ram:PayeePartyCreditorFinancialAccount", "ram:IBANID", e->v->seller.iban);
    dm_xml_leaf_in(x, "ram:PayeeSpecifiedCreditorFinancialInstitution", "ram:BICID", e->v->seller.bic);
    dm_xml_close(x);
}

static void allowances(dm_xml *x, const dm_invoice *v)
{
    for (size_t i = 0; i < v->ntaxes; i++) {
        const dm_invoice_tax *t = &v->taxes[i];
        const dm_money off = {t->lines.v - t->base.v};
        if (off.v == 0)
            continue;
        dm_xml_open(x, "ram:SpecifiedTradeAllowanceCharge");
        dm_xml_leaf_in(x, "ram:ChargeIndicator", "udt:Indicator", DM_STR("false"));
        amount(x, v, "ram:ActualAmount", off);
        dm_xml_leaf_c(x, "ram:ReasonCode", "95");
        dm_xml_leaf_c(x, "ram:Reason", "Credit");
        category(x, "ram:CategoryTradeTax", t);
        dm_xml_close(x);
    }
}

static void totals(dm_xml *x, const dm_invoice *v)
{
    const dm_money off = {v->lines_sum.v - v->net.v};
    char tax[DM_MONEY_TEXT];
    dm_say_amount(v, v->tax, tax);
    dm_xml_open(x, "ram:SpecifiedTradeSettlementHeaderMonetarySummation");
    amount(x, v, "ram:LineTotalAmount", v->lines_sum);
    if (off.v != 0)
        amount(x, v, "ram:AllowanceTotalAmount", off);
    amount(x, v, "ram:TaxBasisTotalAmount", v->net);
    dm_xml_leaf_of(x, "ram:TaxTotalAmount", "currencyID", v->currency, tax);
    amount(x, v, "ram:GrandTotalAmount", v->total);
    if (v->prepaid.v != 0)
        amount(x, v, "ram:TotalPrepaidAmount", v->prepaid);
    amount(x, v, "ram:DuePayableAmount", v->due);
    dm_xml_close(x);
}

static void settlement(dm_xml *x, const dm_einvoice *e)
{
    const dm_invoice *v = e->v;
    dm_xml_open(x, "ram:ApplicableHeaderTradeSettlement");
    if (e->paid_by_transfer)
        dm_xml_leaf(x, "ram:PaymentReference", v->number);
    dm_xml_leaf_c(x, "ram:InvoiceCurrencyCode", v->currency);
    means(x, e);
    taxes(x, v);
    dm_xml_open(x, "ram:BillingSpecifiedPeriod");
    day(x, "ram:StartDateTime", e->from);
    day(x, "ram:EndDateTime", e->to);
    dm_xml_close(x);
    allowances(x, v);
    dm_xml_open(x, "ram:SpecifiedTradePaymentTerms");
    dm_xml_leaf_c(x, "ram:Description", e->terms);
    day(x, "ram:DueDateDateTime", e->due);
    dm_xml_close(x);
    totals(x, v);
    dm_xml_leaf_in(x, "ram:InvoiceReferencedDocument", "ram:IssuerAssignedID", v->refers_to);
    dm_xml_close(x);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void document(dm_xml *x, const dm_einvoice *e)
{
    dm_xml_open(x, "rsm:CrossIndustryInvoice");
    dm_xml_attr(x, "xmlns:rsm", CII "CrossIndustryInvoice:100");
    dm_xml_attr(x, "xmlns:ram", CII "ReusableAggregateBusinessInformationEntity:100");
    dm_xml_attr(x, "xmlns:udt", CII "UnqualifiedDataType:100");
    head(x, e);
    dm_xml_open(x, "rsm:SupplyChainTradeTransaction");
    for (size_t i = 0; i < e->v->nlines; i++)
        line(x, e->v, i);
    agreement(x, e);
    dm_xml_open(x, "ram:ApplicableHeaderTradeDelivery"); /* the schema wants it, and there is nothing to say in it */
    dm_xml_close(x);
    settlement(x, e);
    dm_xml_close(x);
    dm_xml_close(x);
}

static int write_cii(const dm_export_doc *d, dm_buf *out, dm_err *err)
{
    return dm_einvoice_write(d, document, out, err);
}

const dm_export_format dm_export_cii = {.name = "cii", .media = "application/xml", .ending = "xml", .write = write_cii};
