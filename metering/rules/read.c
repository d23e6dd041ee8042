/* An invoice or credit note as its JSON says it. What is reckoned is left out where it can be reckoned anew. */
#include <stdio.h>

#include "base/parse.h"

#include "metering/rules/invoice.h"
#include "metering/rules/said.h"
#include "metering/rules/tier.h"

/* null is 0. */
static int number_of(const json_t *obj, const char *name, int64_t min, int64_t *out, dm_err *err)
{
    *out = 0;
    return json_is_null(json_object_get(obj, name)) ? 0 : dm_json_i64(obj, name, min, INT64_MAX, out, err);
}

static int money_of(const json_t *obj, const char *name, dm_money *out, dm_err *err)
{
    dm_str s;
    int r = dm_json_str(obj, name, &s, err);
    return r != 0 ? DM_E_INVALID : dm_money_parse(s, out, err);
}

/* --- lists -------------------------------------------------------------------------------------------------- */

static int read_priced(const json_t *j, dm_invoice_line *l, dm_err *err)
{
    dm_str qty, price;
    l->priced = !json_is_null(json_object_get(j, "qty"));
    if (!l->priced)
        return 0;
    int r = dm_json_str(j, "qty", &qty, err);
    if (r == 0)
        r = dm_json_str(j, "per_unit", &price, err);
    if (r == 0)
        r = dm_json_i64(j, "book", 1, INT64_MAX, &l->book, err);
    if (r == 0)
        r = dm_qty_parse(qty, &l->qty, err);
    return r == 0 ? dm_price_parse(price, &l->per_unit, err) : DM_E_INVALID;
}

static int read_line(const json_t *j, size_t ntaxes, dm_invoice_line *l, dm_err *err)
{
    int64_t of_line, tax, tier, seconds;
    *l = (dm_invoice_line){.kind = dm_json_text(j, "kind"),
            .sku = dm_json_text(j, "sku"),
            .project = dm_json_text(j, "project"),
            .project_name = dm_json_text(j, "project_name")};
    int r = number_of(j, "project_no", 1, &l->project_no.v, err);
    if (r == 0)
        r = number_of(j, "of_line", 1, &of_line, err);
    if (r == 0)
        r = dm_json_i64(j, "tax", 1, (int64_t)ntaxes, &tax, err);
    if (r == 0)
        r = dm_json_i64(j, "tier", 0, UINT8_MAX, &tier, err);
    if (r == 0)
        r = dm_json_i64(j, "seconds", INT64_MIN, INT64_MAX, &seconds, err);
    if (r == 0)
        r = read_priced(j, l, err);
    if (r == 0)
        r = money_of(j, "amount", &l->amount, err);
    if (r == 0)
        r = money_of(j, "net", &l->net, err);
    if (r != 0 || l->kind.p == NULL || l->sku.p == NULL || of_line > DM_INVOICE_LINES_MAX)
        return DM_E_INVALID;
    l->of_line = (uint32_t)of_line;
    l->tax = (size_t)tax - 1;
    l->tier = (uint32_t)tier;
    l->seconds = seconds;
    return 0;
}

/* "20.0000" */
static int read_rate(const json_t *j, uint32_t *ppm, dm_err *err)
{
    enum { TO_PPM = 100000000 };
    dm_str s;
    dm_price percent;
    int r = dm_json_str(j, "rate", &s, err);
    if (r == 0)
        r = dm_price_parse(s, &percent, err);
    if (r != 0 || percent.v / TO_PPM > DM_TAX_PPM)
        return DM_E_INVALID;
    *ppm = (uint32_t)(percent.v / TO_PPM);
    return 0;
}

static int read_tax(const json_t *j, dm_invoice_tax *x, dm_money *discount, dm_err *err)
{
    dm_money off;
    bool reverse = false;
    *x = (dm_invoice_tax){.category = dm_json_text(j, "category"),
            .jurisdiction = dm_json_text(j, "jurisdiction"),
            .reason_code = dm_json_text(j, "reason_code"),
            .reason = dm_json_text(j, "reason")};
    int r = read_rate(j, &x->rate_ppm, err);
    if (r == 0)
        r = dm_json_bool(j, "reverse_charge", &reverse, err);
    if (r == 0)
        r = money_of(j, "discount", &off, err);
    if (r == 0)
        r = money_of(j, "amount", &x->amount, err);
    if (r != 0 || x->category.p == NULL || x->jurisdiction.p == NULL || off.v < 0)
        return DM_E_INVALID;
    x->reverse_charge = reverse;
    return dm_money_add(*discount, off, discount, err) < 0 ? DM_E_INVALID : 0;
}

static int read_taxes(const json_t *list, dm_invoice *v, dm_err *err)
{
    size_t n = json_array_size(list);
    int r = n == 0 || n > DM_INVOICE_TAXES_MAX ? DM_E_INVALID : 0;
    v->taxes = calloc(n + 1, sizeof(*v->taxes));
    if (v->taxes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for taxes");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_tax(json_array_get(list, i), &v->taxes[i], &v->discount, err);
    v->ntaxes = n;
    return r;
}

static int read_lines(const json_t *list, dm_invoice *v, dm_err *err)
{
    size_t n = json_array_size(list);
    int r = n > DM_INVOICE_LINES_MAX ? DM_E_INVALID : 0;
    v->lines = calloc(n + 1, sizeof(*v->lines));
    if (v->lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for lines");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_line(json_array_get(list, i), v->ntaxes, &v->lines[i], err);
    v->nlines = n;
    return r;
}

/* --- commitments -------------------------------------------------------------------------------------------- */

/* Numbers, with a comma between two: where they begin and end in `names`, which may still move. */
static int read_numbers(const json_t *list, dm_buf *names, dm_str *out, dm_err *err)
{
    size_t from = names->len;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *number = json_string_value(json_array_get(list, i));
        if (number == NULL || strchr(number, ',') != NULL)
            return DM_E_INVALID;
        (void)dm_buf_fmt(names, "%s%s", i > 0 ? "," : "", number);
    }
    *out = (dm_str){NULL, names->len - from};
    return !json_is_array(list) ? DM_E_INVALID : dm_buf_ok(names, err);
}

/* Of a month that was read as one. */
static int digits(dm_str month, size_t from, size_t n)
{
    int v = 0;
    for (size_t i = from; i < from + n; i++)
        v = v * 10 + (month.p[i] - '0');
    return v;
}

/* "2026-03" */
static int read_month(const json_t *j, dm_invoice_commitment *c, dm_err *err)
{
    char text[40];
    int64_t us = 0;
    dm_str month = dm_json_text(j, "month");
    if (month.p == NULL || month.n != strlen("YYYY-MM"))
        return DM_E_INVALID;
    (void)snprintf(text, sizeof(text), "%.*s-01T00:00:00Z", (int)month.n, month.p);
    int r = dm_parse_rfc3339(dm_str_c(text), &us, err);
    c->month_s = us / 1000000;
    if (r < 0)
        return r;
    int year = digits(month, 0, 4), next = digits(month, 5, 2) % 12 + 1;
    (void)snprintf(text, sizeof(text), "%04d-%02d-01T00:00:00Z", next == 1 ? year + 1 : year, next);
    r = dm_parse_rfc3339(dm_str_c(text), &us, err);
    c->next_s = us / 1000000;
    return r;
}

static int read_commitment(const json_t *j, dm_invoice_commitment *c, dm_buf *names, dm_err *err)
{
    int64_t line = 0;
    *c = (dm_invoice_commitment){.contract = dm_json_text(j, "contract")};
    int r = read_month(j, c, err);
    if (r == 0)
        r = money_of(j, "least", &c->least, err);
    if (r == 0)
        r = money_of(j, "charges", &c->charges, err);
    if (r == 0)
        r = money_of(j, "before", &c->before, err);
    if (r == 0)
        r = number_of(j, "line", 1, &line, err);
    if (r == 0)
        r = read_numbers(json_object_get(j, "invoices"), names, &c->invoices, err);
    if (r != 0 || c->contract.p == NULL || line > DM_INVOICE_LINES_MAX)
        return r == DM_E_NOMEM ? r : DM_E_INVALID;
    c->line = (uint32_t)line;
    return dm_commit_due(c->least, c->charges, c->before, &c->amount, err);
}

static int read_commitments(const json_t *list, dm_invoice *v, dm_buf *names, dm_err *err)
{
    size_t n = json_array_size(list), at = 0;
    int r = n > DM_INVOICE_COMMITMENTS_MAX || (n > 0 && v->credit_note) ? DM_E_INVALID : 0;
    v->commitments = calloc(n + 1, sizeof(*v->commitments));
    if (v->commitments == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for commitments");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_commitment(json_array_get(list, i), &v->commitments[i], names, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        v->commitments[i].invoices.p = names->p + at;
        at += v->commitments[i].invoices.n;
    }
    v->ncommitments = n;
    return r;
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

static int read_days(const json_t *j, dm_invoice *v, dm_err *err)
{
    char due[32] = "";
    int64_t us = 0;
    dm_str s = dm_json_text(j, "due");
    int r = dm_said_time(j, "issued", &v->issued_s, err);
    if (r == 0 && s.p != NULL) {
        (void)snprintf(due, sizeof(due), "%.20sT00:00:00Z", s.p);
        r = dm_parse_rfc3339(dm_str_c(due), &us, err);
        v->due_s = us / 1000000;
    }
    if (r == 0)
        r = dm_said_time(json_object_get(j, "period"), "start", &v->period_start, err);
    return r == 0 ? dm_said_time(json_object_get(j, "period"), "end", &v->period_end, err) : r;
}

static int read_statements(const json_t *j, dm_invoice *v, dm_err *err)
{
    int r = dm_json_i64(j, "count", 0, DM_INVOICE_STATEMENTS_MAX, &v->statements, err);
    if (r == 0)
        r = number_of(j, "first", 1, &v->first_statement, err);
    if (r == 0)
        r = number_of(j, "last", 1, &v->last_statement, err);
    return r == 0 ? dm_said_hex(j, "root", v->statements_root.b, DM_SHA256, err) : r;
}

static int read_words(const json_t *j, dm_invoice *v, dm_err *err)
{
    dm_str kind = dm_json_text(j, "kind");
    v->account = dm_json_c(j, "account");
    v->currency = dm_json_c(j, "currency");
    v->number = dm_json_text(j, "number");
    v->refers_to = dm_json_text(j, "refers_to");
    v->reason = dm_json_text(j, "reason");
    v->purchase_order = dm_json_text(j, "purchase_order");
    v->tax_id_check = dm_json_text(j, "tax_id_check");
    v->seller = dm_invoice_party_of(json_object_get(j, "seller"));
    v->buyer = dm_invoice_party_of(json_object_get(j, "buyer"));
    v->credit_note = kind.p != NULL && dm_str_eq_c(kind, "credit_note");
    if (v->account == NULL || v->currency == NULL || v->number.p == NULL || kind.p == NULL)
        return DM_E_INVALID;
    return dm_minor_of(v->currency, &v->decimals, err);
}

int dm_invoice_read(const json_t *j, dm_invoice *v, dm_buf *names, dm_err *err)
{
    *v = (dm_invoice){.account = NULL};
    int r = read_words(j, v, err);
    if (r == 0)
        r = dm_json_i64(j, "chain", 1, INT64_MAX, &v->chain, err);
    if (r == 0)
        r = number_of(j, "payment_terms_days", 0, &v->terms_days, err);
    if (r == 0)
        r = dm_said_hex(j, "previous", v->previous.b, DM_SHA256, err);
    if (r == 0)
        r = read_days(j, v, err);
    if (r == 0)
        r = read_statements(json_object_get(j, "statements"), v, err);
    if (r == 0)
        r = money_of(json_object_get(j, "totals"), "prepaid", &v->prepaid, err);
    if (r == 0)
        r = read_taxes(json_object_get(j, "taxes"), v, err);
    if (r == 0)
        r = read_lines(json_object_get(j, "lines"), v, err);
    if (r == 0)
        r = read_commitments(json_object_get(j, "commitments"), v, names, err);
    return r == 0 || r == DM_E_NOMEM ? r : DM_E_INVALID;
}

int dm_invoice_read_books(const json_t *j, dm_invoice_book **out, size_t *n, dm_err *err)
{
    const json_t *list = json_object_get(j, "books");
    size_t count = json_array_size(list);
    DM_AUTO_MEM dm_invoice_book *books = calloc(count + 1, sizeof(*books));
    if (books == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for price books");
    for (size_t i = 0; i < count; i++) {
        const json_t *book = json_array_get(list, i);
        if (dm_json_i64(book, "id", 1, INT64_MAX, &books[i].id, err) != 0 ||
                dm_said_hex(book, "sha256", books[i].sha256.b, DM_SHA256, err) != 0)
            return DM_E_INVALID;
    }
    *out = dm_steal(&books);
    *n = count;
    return 0;
}

int dm_invoice_read_plans(const json_t *j, dm_str **out, size_t *n, dm_err *err)
{
    const json_t *list = json_object_get(j, "plans");
    size_t count = json_array_size(list);
    DM_AUTO_MEM dm_str *plans = calloc(count + 1, sizeof(*plans));
    if (plans == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for plans");
    for (size_t i = 0; i < count; i++) {
        const char *tier = json_string_value(json_array_get(list, i));
        plans[i] = dm_str_c(tier != NULL ? tier : "");
    }
    *out = dm_steal(&plans);
    *n = count;
    return 0;
}
