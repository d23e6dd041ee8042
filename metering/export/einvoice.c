#include "metering/export/einvoice.h"

#include <stdio.h>

#include "base/parse.h"

#include "metering/export/say.h"

enum { DECIMALS_MAX = 2 };

/* --- who ---------------------------------------------------------------------------------------------------- */

/* Those whose tax ids are VAT ids: they begin with one of these (BR-CO-09; Greece's with EL). */
static const char vat_prefixes[] =
        "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI ";

static bool is_vat(const char *id, dm_str country)
{
    char prefix[4] = {id[0], id[0] != '\0' ? id[1] : '\0', ' ', '\0'};
    if (strlen(id) < 4)
        return false;
    return strstr(vat_prefixes, prefix) != NULL || (country.n == 2 && memcmp(id, country.p, 2) == 0);
}

/* People write blanks, points and strokes into them. */
static void bare_id(dm_str id, char out[DM_EINVOICE_ID])
{
    size_t n = 0;
    for (size_t i = 0; i < id.n && n + 1 < DM_EINVOICE_ID; i++) {
        if (strchr(" .-/", id.p[i]) == NULL)
            out[n++] = id.p[i];
    }
    out[n] = '\0';
}

/* What an array has no room for is cut between two characters. */
static void append(char out[DM_EINVOICE_TEXT], dm_str s)
{
    size_t at = strlen(out);
    while (s.n > 0) {
        size_t step = dm_utf8_step(s);
        if (step == 0 || at + step >= DM_EINVOICE_TEXT)
            break;
        memcpy(out + at, s.p, step);
        at += step;
        s = (dm_str){s.p + step, s.n - step};
    }
    out[at] = '\0';
}

static void address(dm_str text, dm_einvoice_party *out)
{
    dm_str line;
    for (size_t i = 0; dm_str_split(&text, '\n', &line);) {
        line = dm_str_trim(line);
        if (line.n == 0)
            continue;
        if (i >= DM_LEN(out->line))
            append(out->line[DM_LEN(out->line) - 1], DM_STR(", "));
        append(out->line[i < DM_LEN(out->line) ? i : DM_LEN(out->line) - 1], line);
        i++;
    }
}

static int party(const dm_invoice_party *p, const char *who, bool seller, dm_einvoice_party *out, dm_err *err)
{
    char id[DM_EINVOICE_ID];
    *out = (dm_einvoice_party){.name = p->name, .country = p->country, .legal_id = p->legal_id, .email = p->email};
    if (p->name.n == 0)
        return dm_fail(err, DM_E_INVALID, "the %s has no name, which EN 16931 asks for", who);
    if (p->country.n != 2 || dm_str_eq_c(p->country, "ZZ"))
        return dm_fail(err, DM_E_INVALID, "the %s has no country, which EN 16931 asks for", who);
    address(p->address, out);
    bare_id(p->tax_id, id);
    if (is_vat(id, p->country))
        memcpy(out->vat, id, sizeof id);
    else if (seller)
        memcpy(out->other, id, sizeof id);
    else if (out->legal_id.n == 0)
        out->legal_id = p->tax_id; /* the one number by which the standard lets a buyer be known then */
    return 0;
}

/* --- tax ---------------------------------------------------------------------------------------------------- */

static bool outside(const dm_invoice_tax *x)
{
    return dm_str_eq_c(x->category, "O");
}

static int taxes(const dm_invoice *v, dm_einvoice *out, dm_err *err)
{
    for (size_t t = 0; t < v->ntaxes; t++) {
        if (outside(&v->taxes[t]) && v->ntaxes > 1)
            return dm_fail(err, DM_E_INVALID, "a tax of the category O stands beside another, which EN 16931 forbids");
        for (size_t u = 0; u < t; u++) {
            if (dm_str_eq(v->taxes[u].category, v->taxes[t].category) && v->taxes[u].rate_ppm == v->taxes[t].rate_ppm)
                return dm_fail(err, DM_E_INVALID, "it has two taxes of one category and rate, where EN 16931 has one");
        }
    }
    if (v->ntaxes == 1 && outside(&v->taxes[0])) {
        out->seller.vat[0] = out->buyer.vat[0] = '\0';
        if (out->seller.legal_id.n == 0)
            return dm_fail(err, DM_E_INVALID,
                    "outside the scope of VAT the seller's number in a register of companies is needed, and there is "
                    "none");
    } else if (out->seller.vat[0] == '\0' && out->seller.other[0] == '\0') {
        return dm_fail(err, DM_E_INVALID, "the seller has no tax id, which EN 16931 asks for");
    }
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void days(const dm_invoice *v, dm_einvoice *out)
{
    char day[32];
    const struct {
        int64_t at;
        char *to;
    } each[] = {{v->issued_s, out->issued}, {v->due_s, out->due}, {v->period_start, out->from},
            {v->period_end - 1, out->to}};
    for (size_t i = 0; i < DM_LEN(each); i++) {
        dm_day_text(each[i].at, day);
        (void)snprintf(each[i].to, sizeof out->issued, "%.10s", day);
    }
    if (v->credit_note)
        out->due[0] = '\0';
}

static void words(const dm_invoice *v, dm_einvoice *out)
{
    char exact[DM_MONEY_TEXT], off[DM_MONEY_TEXT], rounding[DM_MONEY_TEXT];
    dm_money_print(v->exact, exact);
    dm_money_print(v->discount, off);
    dm_money_print(v->rounding, rounding);
    if (v->credit_note) {
        append(out->terms, DM_STR("Credited against invoice "));
        append(out->terms, v->refers_to);
        append(out->note, v->reason);
        return;
    }
    (void)snprintf(out->terms, sizeof out->terms, v->due.v == 0 ? "Paid" : "Net %lld days, due %s",
            (long long)v->terms_days, out->due);
    (void)snprintf(out->note, sizeof out->note,
            "%s. Exact sum of all lines %s %s, less a credit of %s, less %s by rounding.", DM_INVOICE_FORMULA,
            v->currency, exact, off, rounding);
}

int dm_einvoice_of(const dm_invoice *v, dm_einvoice *out, dm_err *err)
{
    *out = (dm_einvoice){.v = v};
    if (v->decimals > DECIMALS_MAX)
        return dm_fail(err, DM_E_INVALID, "%s has %u decimals: an amount in EN 16931 has at most %d", v->currency,
                v->decimals, DECIMALS_MAX);
    int r = party(&v->seller, "seller", true, &out->seller, err);
    if (r == 0)
        r = party(&v->buyer, "buyer", false, &out->buyer, err);
    if (r == 0)
        r = taxes(v, out, err);
    if (r < 0)
        return r;
    days(v, out);
    words(v, out);
    out->paid_by_transfer = !v->credit_note && v->due.v > 0 && v->seller.iban.n > 0;
    return 0;
}

/* --- figures ------------------------------------------------------------------------------------------------ */

void dm_einvoice_day(const char *day, char out[16])
{
    (void)snprintf(out, 16, "%.4s%.2s%.2s", day, day + 5, day + 8);
}

/* Priced by nobody: one of what it comes to. */
static void lump(const dm_invoice *v, const dm_invoice_line *l, dm_einvoice_line *out)
{
    const dm_money size = {l->net.v < 0 ? -l->net.v : l->net.v};
    out->unit = "C62";
    (void)snprintf(out->qty, sizeof out->qty, l->net.v < 0 ? "-1" : "1");
    dm_say_amount(v, size, out->price);
}

static void describe(const dm_invoice *v, const dm_invoice_line *l, dm_einvoice_line *out)
{
    char figure[DM_MONEY_TEXT], more[DM_EINVOICE_TEXT / 2];
    dm_str sku = dm_say_sku(l->sku);
    append(out->name, sku);
    if (l->priced && strcmp(out->unit, "C62") == 0) { /* Rec 20 has no code for it, so the name says what is counted */
        (void)snprintf(more, sizeof more, " (%s)", dm_invoice_unit(l->sku));
        append(out->name, dm_str_c(more));
    }
    append(out->name, l->project.p != NULL ? DM_STR(", project ") : DM_STR(""));
    append(out->name, l->project_name);
    dm_money_print(l->amount, figure);
    (void)snprintf(more, sizeof more, "Exact amount %s %s", v->currency, figure);
    append(out->note, dm_str_c(more));
    if (l->priced) {
        (void)snprintf(more, sizeof more, "; price book %lld, tier %u", (long long)l->book, l->tier);
        append(out->note, dm_str_c(more));
    }
    if (l->of_line != 0) {
        (void)snprintf(more, sizeof more, "; of line %u of the invoice", l->of_line);
        append(out->note, dm_str_c(more));
    }
    if (!dm_str_eq_c(l->kind, "usage")) {
        append(out->note, DM_STR("; "));
        append(out->note, l->kind);
    }
}

void dm_einvoice_line_of(const dm_invoice *v, size_t i, dm_einvoice_line *out)
{
    const dm_invoice_line *l = &v->lines[i];
    *out = (dm_einvoice_line){.unit = dm_invoice_unit_code(l->sku)};
    dm_say_amount(v, l->net, out->net);
    if (l->priced) {
        dm_qty_print(l->qty, out->qty);
        dm_say_trim(out->qty, 0);
        dm_price_print(l->per_unit, out->price);
        dm_say_trim(out->price, 0);
    } else {
        lump(v, l, out);
    }
    describe(v, l, out);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

int dm_einvoice_write(const dm_export_doc *d, void (*syntax)(dm_xml *x, const dm_einvoice *e), dm_buf *out, dm_err *err)
{
    dm_einvoice e;
    DM_AUTO(dm_xml) x = NULL;
    int r = dm_einvoice_of(&d->v, &e, err);
    if (r == 0)
        r = dm_xml_new(out, &x, err);
    if (r < 0)
        return r;
    syntax(x, &e);
    return dm_xml_end(x, err);
}
