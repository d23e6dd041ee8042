#include "metering/rules/invoice.h"

#include <assert.h>
#include <stdio.h>

#include "base/parse.h"

#include "metering/rules/rate.h"
#include "metering/rules/statement.h"

void dm_day_text(int64_t second, char out[32])
{
    dm_time_text(second, out);
    char *t = strchr(out, 'T');
    if (t != NULL)
        *t = '\0';
}

dm_invoice_party dm_invoice_party_of(const json_t *obj)
{
    return (dm_invoice_party){.name = dm_json_text(obj, "name"),
            .address = dm_json_text(obj, "address"),
            .country = dm_json_text(obj, "country"),
            .tax_id = dm_json_text(obj, "tax_id"),
            .legal_id = dm_json_text(obj, "legal_id"),
            .email = dm_json_text(obj, "email"),
            .iban = dm_json_text(obj, "iban"),
            .bic = dm_json_text(obj, "bic")};
}

static const struct {
    const char *unit, *code; /* there is no code for GiB-seconds: "one", and the name says it */
} units[DM_SKU_COUNT] = {
        [DM_SKU_DISK_HIB] = {"GiB-Seconds", "C62"},
        [DM_SKU_DISK_RUN_OVER_30] = {"GiB-Seconds", "C62"},
        [DM_SKU_MEM_RUN] = {"GiB-Seconds", "C62"},
        [DM_SKU_MINUTES] = {"Minutes", "MIN"},
        [DM_SKU_SNAPSHOT] = {"GiB-Seconds", "C62"},
        [DM_SKU_VCPU_RUN] = {"Core-Seconds", "SEC"},
};

const char *dm_invoice_unit(dm_str sku)
{
    dm_sku which;
    return dm_sku_parse(sku, &which, NULL) == 0 ? units[which].unit : "Units";
}

const char *dm_invoice_unit_code(dm_str sku)
{
    dm_sku which;
    return dm_sku_parse(sku, &which, NULL) == 0 ? units[which].code : "C62";
}

/* --- members ------------------------------------------------------------------------------------------------ */

static void put_money(dm_jw *w, const char *name, dm_money m)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(m, text);
    dm_jw_kc(w, name, text);
}

static void put_minor(dm_jw *w, const char *name, dm_money m, unsigned decimals)
{
    char text[DM_MONEY_TEXT];
    if (dm_minor_print(m, decimals, text, NULL) < 0)
        dm_buf_fail(w->b, DM_E_INTERNAL); /* what is printed so was rounded */
    else
        dm_jw_kc(w, name, text);
}

static void put_time(dm_jw *w, const char *name, int64_t second)
{
    char text[32];
    dm_time_text(second, text);
    dm_jw_kc(w, name, text);
}

static void put_digest(dm_jw *w, const char *name, const dm_digest *d)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d->b, sizeof(d->b), hex);
    dm_jw_kc(w, name, hex);
}

/* 0 is none. */
static void put_number(dm_jw *w, const char *name, int64_t v)
{
    if (v != 0)
        dm_jw_ki64(w, name, v);
    else
        dm_jw_kc(w, name, NULL);
}

void dm_invoice_party_write(dm_jw *w, const char *name, const dm_invoice_party *p)
{
    dm_jw_key(w, name);
    dm_jw_obj(w);
    dm_jw_kmaybe(w, "address", p->address);
    dm_jw_kmaybe(w, "bic", p->bic);
    dm_jw_kmaybe(w, "country", p->country);
    dm_jw_kmaybe(w, "email", p->email);
    dm_jw_kmaybe(w, "iban", p->iban);
    dm_jw_kmaybe(w, "legal_id", p->legal_id);
    dm_jw_kmaybe(w, "name", p->name);
    dm_jw_kmaybe(w, "tax_id", p->tax_id);
    dm_jw_end(w);
}

static void put_price(dm_jw *w, const dm_invoice_line *l)
{
    char text[DM_MONEY_TEXT];
    dm_price_print(l->per_unit, text);
    dm_jw_kc(w, "per_unit", l->priced ? text : NULL);
}

static void put_qty(dm_jw *w, const dm_invoice_line *l)
{
    char text[DM_MONEY_TEXT];
    dm_qty_print(l->qty, text);
    dm_jw_kc(w, "qty", l->priced ? text : NULL);
}

static void put_line(dm_jw *w, const dm_invoice *v, size_t i)
{
    const dm_invoice_line *l = &v->lines[i];
    dm_jw_obj(w);
    put_money(w, "amount", l->amount);
    put_number(w, "book", l->priced ? l->book : 0);
    dm_jw_kstr(w, "kind", l->kind);
    dm_jw_ku64(w, "line", i + 1);
    put_minor(w, "net", l->net, v->decimals);
    put_number(w, "of_line", l->of_line);
    put_price(w, l);
    dm_jw_kmaybe(w, "project", l->project);
    dm_jw_kmaybe(w, "project_name", l->project_name);
    put_number(w, "project_no", l->project.p != NULL ? l->project_no.v : 0);
    put_qty(w, l);
    dm_jw_ki64(w, "seconds", l->seconds);
    dm_jw_kstr(w, "sku", l->sku);
    dm_jw_ku64(w, "tax", l->tax + 1);
    dm_jw_ku64(w, "tier", l->tier);
    dm_jw_kc(w, "unit", dm_invoice_unit(l->sku));
    dm_jw_kc(w, "unit_code", dm_invoice_unit_code(l->sku));
    dm_jw_end(w);
}

static void put_tax(dm_jw *w, const dm_invoice *v, const dm_invoice_tax *x)
{
    char rate[32];
    (void)snprintf(rate, sizeof rate, "%u.%04u", x->rate_ppm / 10000, x->rate_ppm % 10000);
    dm_jw_obj(w);
    put_minor(w, "allowance", (dm_money){x->lines.v - x->base.v}, v->decimals); /* both in range, of one sign or near */
    put_minor(w, "amount", x->amount, v->decimals);
    put_minor(w, "base", x->base, v->decimals);
    dm_jw_kstr(w, "category", x->category);
    put_money(w, "discount", x->discount);
    put_money(w, "exact", x->exact);
    dm_jw_kstr(w, "jurisdiction", x->jurisdiction);
    put_minor(w, "lines", x->lines, v->decimals);
    dm_jw_kc(w, "rate", rate);
    dm_jw_kmaybe(w, "reason", x->reason);
    dm_jw_kmaybe(w, "reason_code", x->reason_code);
    dm_jw_kbool(w, "reverse_charge", x->reverse_charge);
    put_money(w, "rounding", x->rounding);
    dm_jw_end(w);
}

static void put_totals(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "totals");
    dm_jw_obj(w);
    put_minor(w, "allowance", (dm_money){v->lines_sum.v - v->net.v}, v->decimals);
    put_minor(w, "due", v->due, v->decimals);
    put_money(w, "exact", v->exact);
    put_minor(w, "lines", v->lines_sum, v->decimals);
    put_minor(w, "net", v->net, v->decimals);
    put_minor(w, "prepaid", v->prepaid, v->decimals);
    put_money(w, "rounding", v->rounding);
    put_minor(w, "tax", v->tax, v->decimals);
    put_minor(w, "total", v->total, v->decimals);
    dm_jw_end(w);
}

static void put_statements(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "statements");
    dm_jw_obj(w);
    dm_jw_ki64(w, "count", v->statements);
    put_number(w, "first", v->first_statement);
    put_number(w, "last", v->last_statement);
    put_digest(w, "root", &v->statements_root);
    dm_jw_end(w);
}

/* --- lists -------------------------------------------------------------------------------------------------- */

static void put_commitment(dm_jw *w, const dm_invoice_commitment *c)
{
    char month[32];
    dm_str rest = c->invoices, one;
    dm_day_text(c->month_s, month);
    dm_jw_obj(w);
    put_money(w, "before", c->before);
    put_money(w, "charges", c->charges);
    dm_jw_kstr(w, "contract", c->contract);
    dm_jw_key(w, "invoices");
    dm_jw_arr(w);
    while (rest.n > 0 && dm_str_split(&rest, ',', &one))
        dm_jw_str(w, one);
    dm_jw_arr_end(w);
    put_money(w, "least", c->least);
    put_number(w, "line", c->line);
    dm_jw_kstr(w, "month", (dm_str){month, strlen("YYYY-MM")});
    dm_jw_end(w);
}

static void put_commitments(dm_jw *w, const dm_invoice *v)
{
    if (v->ncommitments == 0)
        return;
    dm_jw_key(w, "commitments");
    dm_jw_arr(w);
    for (size_t i = 0; i < v->ncommitments; i++)
        put_commitment(w, &v->commitments[i]);
    dm_jw_arr_end(w);
}

static void put_books(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "books");
    dm_jw_arr(w);
    for (size_t i = 0; i < v->nbooks; i++) {
        dm_jw_obj(w);
        dm_jw_ki64(w, "id", v->books[i].id);
        put_digest(w, "sha256", &v->books[i].sha256);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void put_plans(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "plans");
    dm_jw_arr(w);
    for (size_t i = 0; i < v->nplans; i++)
        dm_jw_str(w, v->plans[i]);
    dm_jw_arr_end(w);
}

static void put_lines(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "lines");
    dm_jw_arr(w);
    for (size_t i = 0; i < v->nlines; i++)
        put_line(w, v, i);
    dm_jw_arr_end(w);
}

static void put_taxes(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "taxes");
    dm_jw_arr(w);
    for (size_t i = 0; i < v->ntaxes; i++)
        put_tax(w, v, &v->taxes[i]);
    dm_jw_arr_end(w);
}

static void put_due(dm_jw *w, const dm_invoice *v)
{
    char day[32];
    dm_day_text(v->due_s, day);
    dm_jw_kc(w, "due", v->credit_note ? NULL : day);
}

static void put_period(dm_jw *w, const dm_invoice *v)
{
    dm_jw_key(w, "period");
    dm_jw_obj(w);
    put_time(w, "end", v->period_end);
    put_time(w, "start", v->period_start);
    dm_jw_end(w);
}

int dm_invoice_body(const dm_invoice *v, dm_buf *b, dm_err *err)
{
    dm_jw writer, *w = &writer;
    dm_jw_init(w, b);
    dm_jw_obj(w);
    dm_jw_kc(w, "account", v->account);
    put_books(w, v);
    dm_invoice_party_write(w, "buyer", &v->buyer);
    dm_jw_ki64(w, "chain", v->chain);
    put_commitments(w, v);
    dm_jw_kc(w, "currency", v->currency);
    put_due(w, v);
    dm_jw_kc(w, "formula", DM_INVOICE_FORMULA);
    put_time(w, "issued", v->issued_s);
    dm_jw_kc(w, "kind", v->credit_note ? "credit_note" : "invoice");
    put_lines(w, v);
    dm_jw_kstr(w, "number", v->number);
    dm_jw_key(w, "payment_terms_days");
    if (v->credit_note)
        dm_jw_null(w);
    else
        dm_jw_i64(w, v->terms_days);
    put_period(w, v);
    put_plans(w, v);
    put_digest(w, "previous", &v->previous);
    dm_jw_kmaybe(w, "purchase_order", v->purchase_order);
    dm_jw_kmaybe(w, "reason", v->reason);
    dm_jw_kmaybe(w, "refers_to", v->refers_to);
    dm_invoice_party_write(w, "seller", &v->seller);
    put_statements(w, v);
    dm_jw_kmaybe(w, "tax_id_check", v->tax_id_check);
    put_taxes(w, v);
    put_totals(w, v);
    dm_jw_ki64(w, "version", v->ncommitments > 0 ? DM_INVOICE_VERSION_COMMITTED : DM_INVOICE_VERSION);
    dm_jw_end(w);
    return dm_buf_ok(b, err);
}
