/* An invoice on paper: the first page says what is owed, by when, to whom and how to pay it; then each project's lines,
 * and how each figure was made; at the end, what proves it. Measures are hundredths of a point (paper.h). */
#include <stdio.h>

#include "base/parse.h"

#include "metering/export/format.h"
#include "metering/export/say.h"
#include "metering/export/table.h"
#include "metering/rules/statement.h"

enum { LEFT = DM_SHEET_LEFT, RIGHT = DM_SHEET_RIGHT, WIDE = DM_SHEET_WIDE, GAP = DM_SHEET_GAP, TEXT = DM_SHEET_TEXT };

typedef enum column { QTY, PRICE, AMOUNT, NET, COLUMNS } column;
_Static_assert((int)COLUMNS <= (int)DM_TABLE_COLUMNS, "a table holds them");

typedef struct layout {
    const dm_export_doc *d;
    const dm_invoice *v;
    dm_sheet *s;
    dm_table t;
} layout;

/* An account's number in fours, as banks print it. */
static void in_fours(dm_str iban, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < iban.n && n + 2 < 64; i++) {
        if (i > 0 && i % 4 == 0)
            out[n++] = ' ';
        out[n++] = iban.p[i];
    }
    out[n] = '\0';
}

/* --- the first page ----------------------------------------------------------------------------------------- */

static void seller(layout *l)
{
    const dm_invoice_party *s = &l->v->seller;
    dm_str address = s->address, line;
    dm_paper_open(l->s->p, "P");
    l->s->y += dm_type.strong.leading * dm_paper_wrapped(l->s->p, &dm_type.strong, LEFT, l->s->y, WIDE, s->name, true);
    while (dm_str_split(&address, '\n', &line))
        l->s->y += dm_type.label.leading * dm_paper_wrapped(l->s->p, &dm_type.label, LEFT, l->s->y, WIDE, line, true);
    dm_paper_close(l->s->p, "P");
    char text[TEXT];
    (void)snprintf(text, sizeof text, "%.*s%s%.*s%s%.*s%s%.*s", (int)s->country.n, s->country.p,
            s->tax_id.n > 0 ? "  Tax id " : "", (int)s->tax_id.n, s->tax_id.p != NULL ? s->tax_id.p : "",
            s->legal_id.n > 0 ? "  Register " : "", (int)s->legal_id.n, s->legal_id.p != NULL ? s->legal_id.p : "",
            s->email.n > 0 ? "  " : "", (int)s->email.n, s->email.p != NULL ? s->email.p : "");
    dm_sheet_paragraph(l->s, "P", &dm_type.label, LEFT, WIDE, dm_str_c(text));
}

static void owed(layout *l)
{
    enum { H = 9600, PAD = 1200, HALF = WIDE * 45 / 100, INDENT = 6400 };
    const dm_invoice *v = l->v;
    char sum[DM_MONEY_TEXT], text[TEXT], day[32], iban[64];
    int top = l->s->y;
    dm_say_amount(v, v->due, sum);
    dm_day_text(v->due_s, day);
    in_fours(v->seller.iban, iban);
    dm_paper_box(l->s->p, DM_PAPER_SUNKEN, LEFT, top, WIDE, H);
    l->s->y = top + 2000;
    dm_sheet_pair(l->s, LEFT + PAD, 0, HALF,
            v->credit_note ? "Credited to you"
            : v->due.v > 0 ? "To pay"
                           : "Nothing is left to pay",
            &dm_type.label, DM_STR(" "));
    l->s->y += 1700;
    (void)snprintf(text, sizeof text, "%s %s", v->currency, sum);
    dm_sheet_paragraph(l->s, "P", &dm_type.large, LEFT + PAD, HALF, dm_str_c(text));
    if (!v->credit_note && v->due.v > 0) {
        (void)snprintf(text, sizeof text, "by %s (%lld days)", day, (long long)v->terms_days);
        dm_sheet_paragraph(l->s, "P", &dm_type.strong, LEFT + PAD, HALF, dm_str_c(text));
    }
    l->s->y = top + 2000;
    int x = LEFT + HALF, wide = WIDE - HALF - PAD;
    if (v->credit_note) {
        dm_sheet_pair(l->s, x, INDENT, wide, "Of invoice", &dm_type.figure, v->refers_to);
        dm_sheet_pair(l->s, x, INDENT, wide, "Because of", &dm_type.body, v->reason);
    } else if (v->due.v > 0) {
        dm_sheet_pair(l->s, x, INDENT, wide, "To", &dm_type.body, v->seller.name);
        dm_sheet_pair(l->s, x, INDENT, wide, "IBAN", &dm_type.figure, dm_str_c(iban));
        dm_sheet_pair(l->s, x, INDENT, wide, "BIC", &dm_type.figure, v->seller.bic);
        dm_sheet_pair(l->s, x, INDENT, wide, "Reference", &dm_type.figure, v->number);
    }
    l->s->y = (l->s->y > top + H ? l->s->y : top + H) + 2200;
}

static void who_and_when(layout *l)
{
    enum { INDENT = 6400, HALF = WIDE / 2 };
    const dm_invoice *v = l->v;
    char issued[32], from[32], to[32], text[TEXT];
    int top = l->s->y, left;
    dm_day_text(v->issued_s, issued);
    dm_day_text(v->period_start, from);
    dm_day_text(v->period_end - 1, to);
    dm_sheet_pair(l->s, LEFT, INDENT, HALF - GAP, "Billed to", &dm_type.strong, v->buyer.name);
    dm_str address = v->buyer.address, line;
    dm_paper_open(l->s->p, "P");
    while (dm_str_split(&address, '\n', &line))
        l->s->y += dm_type.body.leading *
                   dm_paper_wrapped(l->s->p, &dm_type.body, LEFT + INDENT, l->s->y, HALF - GAP - INDENT, line, true);
    dm_paper_close(l->s->p, "P");
    dm_sheet_pair(l->s, LEFT, INDENT, HALF - GAP, "Country", &dm_type.body, v->buyer.country);
    dm_sheet_pair(l->s, LEFT, INDENT, HALF - GAP, "Tax id", &dm_type.body, v->buyer.tax_id);
    left = l->s->y;
    l->s->y = top;
    int x = LEFT + HALF;
    dm_sheet_pair(l->s, x, INDENT, HALF, "Number", &dm_type.figure, v->number);
    dm_sheet_pair(l->s, x, INDENT, HALF, "Issued", &dm_type.figure, dm_str_c(issued));
    (void)snprintf(text, sizeof text, "%.10s to %.10s (UTC)", from, to);
    dm_sheet_pair(l->s, x, INDENT, HALF, "Period", &dm_type.body, dm_str_c(text));
    dm_sheet_pair(l->s, x, INDENT, HALF, "Your order", &dm_type.body, v->purchase_order);
    dm_sheet_pair(l->s, x, INDENT, HALF, "Account", &dm_type.hash, dm_str_c(v->account));
    l->s->y = (l->s->y > left ? l->s->y : left) + 1800;
}

static void total(layout *l, dm_str name, dm_money m, bool weighs)
{
    char text[DM_MONEY_TEXT];
    dm_paper_style sum = dm_type.figure;
    int n = dm_paper_wrapped(
            l->s->p, weighs ? &dm_type.strong : &dm_type.body, LEFT, l->s->y, WIDE - 14000, name, false);
    if (weighs)
        dm_paper_box(l->s->p, DM_PAPER_LINE, LEFT, l->s->y - 1000, WIDE, 60);
    dm_say_amount(l->v, m, text);
    dm_paper_open(l->s->p, "TR");
    dm_paper_open(l->s->p, "TD");
    (void)dm_paper_wrapped(l->s->p, weighs ? &dm_type.strong : &dm_type.body, LEFT, l->s->y, WIDE - 14000, name, true);
    dm_paper_close(l->s->p, "TD");
    dm_paper_open(l->s->p, "TD");
    dm_paper_figure(l->s->p, &sum, RIGHT, l->s->y, text, l->v->decimals);
    dm_paper_close(l->s->p, "TD");
    dm_paper_close(l->s->p, "TR");
    l->s->y += n * dm_type.body.leading + 300;
}

static void tax_words(const dm_invoice *v, const dm_invoice_tax *x, char text[TEXT])
{
    char base[DM_MONEY_TEXT], rate[DM_MONEY_TEXT];
    dm_say_amount(v, x->base, base);
    dm_say_rate(x->rate_ppm, rate);
    (void)snprintf(text, TEXT, "Tax %s %% (%.*s, %.*s) on %s%s%.*s", rate, (int)x->category.n, x->category.p,
            (int)x->jurisdiction.n, x->jurisdiction.p, base, x->reason.n > 0 ? ": " : "", (int)x->reason.n,
            x->reason.p != NULL ? x->reason.p : "");
}

static void totals(layout *l)
{
    const dm_invoice *v = l->v;
    const dm_money off = {v->lines_sum.v - v->net.v}, paid = {-v->prepaid.v};
    char text[TEXT];
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("What it comes to"));
    l->s->y += 300;
    dm_paper_open(l->s->p, "Table");
    dm_paper_open(l->s->p, "TR");
    dm_paper_open(l->s->p, "TH");
    (void)dm_paper_left(l->s->p, &dm_type.label, LEFT, l->s->y, v->credit_note ? DM_STR("Credit") : DM_STR("Sum"));
    dm_paper_close(l->s->p, "TH");
    dm_paper_open(l->s->p, "TH");
    (void)dm_paper_right(l->s->p, &dm_type.label, RIGHT, l->s->y, dm_str_c(v->currency));
    dm_paper_close(l->s->p, "TH");
    dm_paper_close(l->s->p, "TR");
    l->s->y += dm_type.body.leading + 200;
    total(l, DM_STR("All lines"), v->lines_sum, false);
    if (off.v != 0)
        total(l, DM_STR("Less a credit of ours, before tax"), (dm_money){-off.v}, false);
    total(l, DM_STR("Net"), v->net, true);
    for (size_t t = 0; t < v->ntaxes; t++) {
        tax_words(v, &v->taxes[t], text);
        total(l, dm_str_c(text), v->taxes[t].amount, false);
    }
    total(l, DM_STR("Total with tax"), v->total, true);
    if (v->prepaid.v != 0)
        total(l, DM_STR("Paid in advance"), paid, false);
    total(l, v->credit_note ? DM_STR("Credited") : DM_STR("To pay"), v->due, true);
    dm_paper_close(l->s->p, "Table");
    l->s->y += 1200;
}

static void how(layout *l)
{
    const dm_invoice *v = l->v;
    char text[TEXT], exact[DM_MONEY_TEXT], rounding[DM_MONEY_TEXT];
    dm_money_print(v->exact, exact);
    dm_money_print(v->rounding, rounding);
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("How each figure is made"));
    l->s->y += 200;
    dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE, DM_STR(DM_INVOICE_FORMULA));
    if (!v->credit_note) {
        dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE,
                DM_STR("Of ephemeral storage the first 30 GiB are free while a sandbox runs; asleep it pays for its "
                       "storage, and for "
                       "nothing else. A line is quantity x unit price, to the last decimal. Rounded is its share of "
                       "the sum, which is "
                       "rounded once for each tax; of equal shares the earlier line has the larger."));
        (void)snprintf(
                text, sizeof text, "Exact sum of all lines: %s %s. Rounding took %s.", v->currency, exact, rounding);
        dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE, dm_str_c(text));
    }
    if (v->tax_id_check.n > 0) {
        (void)snprintf(text, sizeof text, "Your tax id was checked: %.*s", (int)v->tax_id_check.n, v->tax_id_check.p);
        dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE, dm_str_c(text));
    }
    l->s->y += 1200;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static void figure_of(const dm_invoice *v, const dm_invoice_line *line, column c, char out[DM_MONEY_TEXT])
{
    out[0] = '\0';
    switch (c) {
    case QTY:
        if (line->priced)
            dm_qty_print(line->qty, out);
        break;
    case PRICE:
        if (line->priced)
            dm_price_print(line->per_unit, out);
        break;
    case AMOUNT:
        dm_money_print(line->amount, out);
        break;
    case NET:
        dm_say_amount(v, line->net, out);
        break;
    case COLUMNS:
        break;
    }
}

static void columns(layout *l)
{
    char text[DM_MONEY_TEXT];
    l->t = (dm_table){.n = COLUMNS,
            .names = {"Quantity", "Unit price", "Exact amount", "Rounded"},
            .keep = {0, 2, 2, DM_MINOR_MAX}};
    for (size_t i = 0; i < l->v->nlines; i++) {
        for (column c = 0; c < COLUMNS; c++) {
            figure_of(l->v, &l->v->lines[i], c, text);
            dm_table_holds(&l->t, c, text);
        }
    }
    dm_table_fit(&l->t);
}

static void words_of(const dm_invoice_line *line, char out[TEXT])
{
    dm_str sku = dm_say_sku(line->sku);
    int n = snprintf(out, TEXT, "%.*s", (int)sku.n, sku.p);
    if (line->priced)
        n += snprintf(
                out + n, (size_t)(TEXT - n), ", %s, book %lld", dm_invoice_unit(line->sku), (long long)line->book);
    if (line->tier != 0)
        n += snprintf(out + n, (size_t)(TEXT - n), ", tier %u", line->tier);
    if (line->of_line != 0)
        n += snprintf(out + n, (size_t)(TEXT - n), ", of line %u", line->of_line);
    if (!dm_str_eq_c(line->kind, "usage"))
        (void)snprintf(out + n, (size_t)(TEXT - n), ", %.*s", (int)line->kind.n, line->kind.p);
}

static void row(layout *l, const dm_invoice_line *line)
{
    char text[TEXT], numbers[COLUMNS][DM_MONEY_TEXT];
    const char *figures[COLUMNS];
    words_of(line, text);
    for (column c = 0; c < COLUMNS; c++) {
        figure_of(l->v, line, c, numbers[c]);
        figures[c] = numbers[c];
    }
    dm_table_row(l->s, &l->t, dm_str_c(text), figures);
}

/* The end of the group that begins with line i. */
static size_t group_end(const dm_invoice *v, size_t i)
{
    size_t end = i + 1;
    while (end < v->nlines && v->lines[end].project_no.v == v->lines[i].project_no.v &&
            (v->lines[end].project.p == NULL) == (v->lines[i].project.p == NULL))
        end++;
    return end;
}

static void group(layout *l, size_t from, size_t to)
{
    const dm_invoice *v = l->v;
    const dm_invoice_line *first = &v->lines[from];
    char text[TEXT], sum[DM_MONEY_TEXT];
    dm_money net = {0};
    for (size_t i = from; i < to; i++)
        net.v += v->lines[i].net.v; /* at most 20,000 of less than 10^38 / 10^18 */
    dm_say_amount(v, net, sum);
    (void)snprintf(text, sizeof text, "%s%.*s", first->project.p != NULL ? "Project " : "The account as a whole",
            first->project_name.p != NULL ? (int)first->project_name.n : 0,
            first->project_name.p != NULL ? first->project_name.p : "");
    dm_sheet_room(l->s, 6000); /* a head, and a line or two below it */
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, dm_str_c(text));
    (void)snprintf(text, sizeof text, "%s %s of %zu lines", v->currency, sum, to - from);
    dm_sheet_paragraph(l->s, "P", &dm_type.label, LEFT, WIDE, dm_str_c(text));
    l->s->y += 500;
    for (size_t i = from; i < to; i++)
        row(l, &v->lines[i]);
    dm_table_close(l->s, &l->t);
    l->s->y += 1300;
}

/* --- what proves it ----------------------------------------------------------------------------------------- */

static void annex(layout *l)
{
    const dm_invoice *v = l->v;
    char text[TEXT];
    dm_sheet_room(l->s, 12000);
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("What proves it"));
    l->s->y += 300;
    dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE,
            DM_STR("This page was made of a signed document and of nothing else. dormouse-verify checks that document, "
                   "its statements and "
                   "each second below them on your own machine; the bundle to do it with is in your account."));
    if (v->statements > 0) {
        (void)snprintf(text, sizeof text, "It is made of %lld statements, %lld to %lld.", (long long)v->statements,
                (long long)v->first_statement, (long long)v->last_statement);
        dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE, dm_str_c(text));
    }
    l->s->y += 400;
    dm_sheet_proof(l->s, "SHA-256 of the document", &l->d->hash);
    dm_sheet_proof(l->s, "Tree over its statements", &v->statements_root);
    (void)snprintf(text, sizeof text, "Document before (%lld)", (long long)(v->chain - 1));
    dm_sheet_proof(l->s, text, &v->previous);
    for (size_t i = 0; i < v->nbooks; i++) {
        (void)snprintf(text, sizeof text, "Price book %lld", (long long)v->books[i].id);
        dm_sheet_proof(l->s, text, &v->books[i].sha256);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void draw(dm_sheet *s, void *arg)
{
    layout *l = arg;
    char text[TEXT];
    l->s = s;
    seller(l);
    s->y += 3200;
    (void)snprintf(text, sizeof text, "%s %.*s", l->v->credit_note ? "Credit note" : "Invoice", (int)l->v->number.n,
            l->v->number.p);
    dm_sheet_paragraph(s, "H1", &dm_type.title, LEFT, WIDE, dm_str_c(text));
    owed(l);
    who_and_when(l);
    totals(l);
    how(l);
    for (size_t i = 0, end; i < l->v->nlines; i = end) {
        end = group_end(l->v, i);
        group(l, i, end);
    }
    annex(l);
}

/* The e-invoice in it; what cannot be one is paper all the same. */
static int e_invoice(const dm_export_doc *d, dm_buf *xml, dm_err *err)
{
    dm_err why;
    int r = dm_export_cii.write(d, xml, &why);
    if (r == DM_E_INVALID)
        dm_buf_reset(xml);
    return r == 0 || r == DM_E_INVALID ? 0 : dm_fail(err, r, "%s", why.msg);
}

static int write_pdf(const dm_export_doc *d, dm_buf *out, dm_err *err)
{
    DM_AUTO_BUF xml;
    char name[TEXT], day[32];
    dm_buf_init(&xml, DM_EXPORT_BYTES_MAX);
    (void)snprintf(name, sizeof name, "%s %.*s", d->v.credit_note ? "Credit note" : "Invoice", (int)d->v.number.n,
            d->v.number.p);
    dm_time_text(d->v.issued_s, day);
    int r = e_invoice(d, &xml, err);
    layout l = {.d = d, .v = &d->v};
    columns(&l);
    const dm_sheet_doc doc = {
            .title = name, .day = day, .name = d->v.number, .xml = dm_buf_view(&xml), .draw = draw, .arg = &l};
    return r == 0 ? dm_sheet_write(&doc, out, err) : r;
}

const dm_export_format dm_export_pdf = {.name = "pdf",
        .media = "application/pdf",
        .ending = "pdf",
        .fonts = true,
        .write = write_pdf,
        .stated = dm_statement_pdf,
        .received = dm_receipt_pdf};
