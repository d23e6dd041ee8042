/* An invoice on paper: the first page says what is owed, by when, to whom and how to pay it; then each project's lines,
 * and how each figure was made; at the end, what proves it. It is gone through twice: dry, to know how many pages there
 * are, and then drawn. Measures are hundredths of a point (paper.h). */
#include <stdio.h>

#include "base/parse.h"

#include "metering/export/finish.h"
#include "metering/export/format.h"
#include "metering/export/paper.h"
#include "metering/export/say.h"
#include "metering/rules/statement.h"

enum {
    LEFT = 4800,
    RIGHT = DM_PAPER_W - 4800,
    WIDE = RIGHT - LEFT,
    TOP = 6000,
    BOTTOM = DM_PAPER_H - 6600,
    FOOT = DM_PAPER_H - 4200,
    GAP = 700,          /* between columns */
    WHAT_MIN = 11500,   /* of what a line is, the column that wraps */
    MONO_PER_MIL = 602, /* a digit's width, of 1000 of its size */
    TEXT = 1024
};

static const dm_paper_style title = {DM_PAPER_BOLD, DM_PAPER_INK, 2000, 2600},
                            head = {DM_PAPER_BOLD, DM_PAPER_ACCENT, 1150, 1500},
                            body = {DM_PAPER_TEXT, DM_PAPER_INK, 900, 1250},
                            strong = {DM_PAPER_BOLD, DM_PAPER_INK, 900, 1250},
                            label = {DM_PAPER_TEXT, DM_PAPER_INK3, 800, 1100},
                            small = {DM_PAPER_TEXT, DM_PAPER_INK3, 750, 1000},
                            figure = {DM_PAPER_MONO, DM_PAPER_INK, 900, 1250},
                            large = {DM_PAPER_MONO, DM_PAPER_INK, 2000, 2600},
                            hash = {DM_PAPER_MONO, DM_PAPER_INK2, 700, 1000};

typedef enum column { QTY, PRICE, AMOUNT, NET, COLUMNS } column;
static const char *const column_names[COLUMNS] = {"Quantity", "Unit price", "Exact amount", "Rounded"};

typedef struct layout {
    const dm_export_doc *d;
    const dm_invoice *v;
    dm_paper *p;
    int y, page, pages;
    bool table;         /* one is open on this page */
    int at[COLUMNS];    /* where each column ends */
    int what;           /* how wide what a line is may be */
    dm_paper_style row; /* of figures in the table */
} layout;

/* --- pages -------------------------------------------------------------------------------------------------- */

static void foot(layout *l)
{
    char text[TEXT];
    dm_paper_open(l->p, "NonStruct");
    (void)dm_paper_left(l->p, &small, LEFT, FOOT, l->v->number);
    (void)snprintf(text, sizeof text, "Page %d of %d", l->page, l->pages);
    (void)dm_paper_right(l->p, &small, RIGHT, FOOT, dm_str_c(text));
    dm_paper_close(l->p, "NonStruct");
}

static void turn(layout *l)
{
    foot(l);
    dm_paper_page_end(l->p);
    l->page++;
    l->y = TOP;
}

/* Room for so much on this page, or another. */
static void room(layout *l, int height)
{
    if (l->y + height > BOTTOM)
        turn(l);
}

/* --- words -------------------------------------------------------------------------------------------------- */

static void paragraph(layout *l, const char *tag, const dm_paper_style *s, int x, int width, dm_str text)
{
    int n = dm_paper_wrapped(l->p, s, x, l->y, width, text, false);
    room(l, n * s->leading);
    dm_paper_open(l->p, tag);
    l->y += s->leading * dm_paper_wrapped(l->p, s, x, l->y, width, text, true);
    dm_paper_close(l->p, tag);
}

/* A word and what it is of. */
static void pair(layout *l, int x, int indent, int width, const char *name, const dm_paper_style *s, dm_str text)
{
    if (text.n == 0)
        return;
    dm_paper_open(l->p, "P");
    (void)dm_paper_left(l->p, &label, x, l->y, dm_str_c(name));
    l->y += s->leading * dm_paper_wrapped(l->p, s, x + indent, l->y, width - indent, text, true);
    dm_paper_close(l->p, "P");
}

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
    dm_paper_open(l->p, "P");
    l->y += strong.leading * dm_paper_wrapped(l->p, &strong, LEFT, l->y, WIDE, s->name, true);
    while (dm_str_split(&address, '\n', &line))
        l->y += label.leading * dm_paper_wrapped(l->p, &label, LEFT, l->y, WIDE, line, true);
    dm_paper_close(l->p, "P");
    char text[TEXT];
    (void)snprintf(text, sizeof text, "%.*s%s%.*s%s%.*s%s%.*s", (int)s->country.n, s->country.p,
            s->tax_id.n > 0 ? "  Tax id " : "", (int)s->tax_id.n, s->tax_id.p != NULL ? s->tax_id.p : "",
            s->legal_id.n > 0 ? "  Register " : "", (int)s->legal_id.n, s->legal_id.p != NULL ? s->legal_id.p : "",
            s->email.n > 0 ? "  " : "", (int)s->email.n, s->email.p != NULL ? s->email.p : "");
    paragraph(l, "P", &label, LEFT, WIDE, dm_str_c(text));
}

static void owed(layout *l)
{
    enum { H = 9600, PAD = 1200, HALF = WIDE * 45 / 100, INDENT = 6400 };
    const dm_invoice *v = l->v;
    char sum[DM_MONEY_TEXT], text[TEXT], day[32], iban[64];
    int top = l->y;
    dm_say_amount(v, v->due, sum);
    dm_day_text(v->due_s, day);
    in_fours(v->seller.iban, iban);
    dm_paper_box(l->p, DM_PAPER_SUNKEN, LEFT, top, WIDE, H);
    l->y = top + 2000;
    pair(l, LEFT + PAD, 0, HALF,
            v->credit_note ? "Credited to you"
            : v->due.v > 0 ? "To pay"
                           : "Nothing is left to pay",
            &label, DM_STR(" "));
    l->y += 1700;
    (void)snprintf(text, sizeof text, "%s %s", v->currency, sum);
    paragraph(l, "P", &large, LEFT + PAD, HALF, dm_str_c(text));
    if (!v->credit_note && v->due.v > 0) {
        (void)snprintf(text, sizeof text, "by %s (%lld days)", day, (long long)v->terms_days);
        paragraph(l, "P", &strong, LEFT + PAD, HALF, dm_str_c(text));
    }
    l->y = top + 2000;
    int x = LEFT + HALF, wide = WIDE - HALF - PAD;
    if (v->credit_note) {
        pair(l, x, INDENT, wide, "Of invoice", &figure, v->refers_to);
        pair(l, x, INDENT, wide, "Because of", &body, v->reason);
    } else if (v->due.v > 0) {
        pair(l, x, INDENT, wide, "To", &body, v->seller.name);
        pair(l, x, INDENT, wide, "IBAN", &figure, dm_str_c(iban));
        pair(l, x, INDENT, wide, "BIC", &figure, v->seller.bic);
        pair(l, x, INDENT, wide, "Reference", &figure, v->number);
    }
    l->y = (l->y > top + H ? l->y : top + H) + 2200;
}

static void who_and_when(layout *l)
{
    enum { INDENT = 6400, HALF = WIDE / 2 };
    const dm_invoice *v = l->v;
    char issued[32], from[32], to[32], text[TEXT];
    int top = l->y, left;
    dm_day_text(v->issued_s, issued);
    dm_day_text(v->period_start, from);
    dm_day_text(v->period_end - 1, to);
    pair(l, LEFT, INDENT, HALF - GAP, "Billed to", &strong, v->buyer.name);
    dm_str address = v->buyer.address, line;
    dm_paper_open(l->p, "P");
    while (dm_str_split(&address, '\n', &line))
        l->y += body.leading * dm_paper_wrapped(l->p, &body, LEFT + INDENT, l->y, HALF - GAP - INDENT, line, true);
    dm_paper_close(l->p, "P");
    pair(l, LEFT, INDENT, HALF - GAP, "Country", &body, v->buyer.country);
    pair(l, LEFT, INDENT, HALF - GAP, "Tax id", &body, v->buyer.tax_id);
    left = l->y;
    l->y = top;
    int x = LEFT + HALF;
    pair(l, x, INDENT, HALF, "Number", &figure, v->number);
    pair(l, x, INDENT, HALF, "Issued", &figure, dm_str_c(issued));
    (void)snprintf(text, sizeof text, "%.10s to %.10s (UTC)", from, to);
    pair(l, x, INDENT, HALF, "Period", &body, dm_str_c(text));
    pair(l, x, INDENT, HALF, "Your order", &body, v->purchase_order);
    pair(l, x, INDENT, HALF, "Account", &hash, dm_str_c(v->account));
    l->y = (l->y > left ? l->y : left) + 1800;
}

static void total(layout *l, dm_str name, dm_money m, bool weighs)
{
    char text[DM_MONEY_TEXT];
    dm_paper_style sum = figure;
    int n = dm_paper_wrapped(l->p, weighs ? &strong : &body, LEFT, l->y, WIDE - 14000, name, false);
    if (weighs)
        dm_paper_box(l->p, DM_PAPER_LINE, LEFT, l->y - 1000, WIDE, 60);
    dm_say_amount(l->v, m, text);
    dm_paper_open(l->p, "TR");
    dm_paper_open(l->p, "TD");
    (void)dm_paper_wrapped(l->p, weighs ? &strong : &body, LEFT, l->y, WIDE - 14000, name, true);
    dm_paper_close(l->p, "TD");
    dm_paper_open(l->p, "TD");
    dm_paper_figure(l->p, &sum, RIGHT, l->y, text, l->v->decimals);
    dm_paper_close(l->p, "TD");
    dm_paper_close(l->p, "TR");
    l->y += n * body.leading + 300;
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
    paragraph(l, "H2", &head, LEFT, WIDE, DM_STR("What it comes to"));
    l->y += 300;
    dm_paper_open(l->p, "Table");
    dm_paper_open(l->p, "TR");
    dm_paper_open(l->p, "TH");
    (void)dm_paper_left(l->p, &label, LEFT, l->y, v->credit_note ? DM_STR("Credit") : DM_STR("Sum"));
    dm_paper_close(l->p, "TH");
    dm_paper_open(l->p, "TH");
    (void)dm_paper_right(l->p, &label, RIGHT, l->y, dm_str_c(v->currency));
    dm_paper_close(l->p, "TH");
    dm_paper_close(l->p, "TR");
    l->y += body.leading + 200;
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
    dm_paper_close(l->p, "Table");
    l->y += 1200;
}

static void how(layout *l)
{
    const dm_invoice *v = l->v;
    char text[TEXT], exact[DM_MONEY_TEXT], rounding[DM_MONEY_TEXT];
    dm_money_print(v->exact, exact);
    dm_money_print(v->rounding, rounding);
    paragraph(l, "H2", &head, LEFT, WIDE, DM_STR("How each figure is made"));
    l->y += 200;
    paragraph(l, "P", &body, LEFT, WIDE, DM_STR(DM_INVOICE_FORMULA));
    if (!v->credit_note) {
        paragraph(l, "P", &body, LEFT, WIDE,
                DM_STR("Of ephemeral storage the first 30 GiB are free while a sandbox runs; asleep it pays for its "
                       "storage, and for "
                       "nothing else. A line is quantity x unit price, to the last decimal. Rounded is its share of "
                       "the sum, which is "
                       "rounded once for each tax; of equal shares the earlier line has the larger."));
        (void)snprintf(
                text, sizeof text, "Exact sum of all lines: %s %s. Rounding took %s.", v->currency, exact, rounding);
        paragraph(l, "P", &body, LEFT, WIDE, dm_str_c(text));
    }
    if (v->tax_id_check.n > 0) {
        (void)snprintf(text, sizeof text, "Your tax id was checked: %.*s", (int)v->tax_id_check.n, v->tax_id_check.p);
        paragraph(l, "P", &body, LEFT, WIDE, dm_str_c(text));
    }
    l->y += 1200;
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

/* Each column as wide as its longest figure, which all have the same number of decimals: so they stand on the point.
 * Where they would leave no room, all are smaller. */
static void columns(layout *l)
{
    size_t chars[COLUMNS] = {8, 10, 12, 7}, sum = 0;
    char text[DM_MONEY_TEXT];
    for (size_t i = 0; i < l->v->nlines; i++) {
        for (column c = 0; c < COLUMNS; c++) {
            figure_of(l->v, &l->v->lines[i], c, text);
            chars[c] = strlen(text) > chars[c] ? strlen(text) : chars[c];
        }
    }
    for (column c = 0; c < COLUMNS; c++)
        sum += chars[c];
    int most = (WIDE - WHAT_MIN - COLUMNS * GAP) * 1000 / ((int)sum * MONO_PER_MIL);
    l->row = (dm_paper_style){DM_PAPER_MONO, DM_PAPER_INK, most < 750 ? most : 750, 1050};
    int x = RIGHT;
    for (column c = COLUMNS; c-- > 0;) {
        l->at[c] = x;
        x -= (int)chars[c] * l->row.size * MONO_PER_MIL / 1000 + GAP;
    }
    l->what = x - LEFT;
}

static void table_open(layout *l)
{
    dm_paper_open(l->p, "Table");
    dm_paper_open(l->p, "TR");
    dm_paper_open(l->p, "TH");
    (void)dm_paper_left(l->p, &small, LEFT, l->y, DM_STR("What"));
    dm_paper_close(l->p, "TH");
    for (column c = 0; c < COLUMNS; c++) {
        dm_paper_open(l->p, "TH");
        (void)dm_paper_right(l->p, &small, l->at[c], l->y, dm_str_c(column_names[c]));
        dm_paper_close(l->p, "TH");
    }
    dm_paper_close(l->p, "TR");
    dm_paper_box(l->p, DM_PAPER_LINE, LEFT, l->y + 350, WIDE, 60);
    l->y += 1400;
    l->table = true;
}

static void table_close(layout *l)
{
    if (l->table)
        dm_paper_close(l->p, "Table");
    l->table = false;
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
    static const size_t keep[COLUMNS] = {0, 2, 2, DM_MINOR_MAX};
    char text[TEXT], number[DM_MONEY_TEXT];
    words_of(line, text);
    dm_paper_style what = {DM_PAPER_TEXT, DM_PAPER_INK, 750, 1050};
    int n = dm_paper_wrapped(l->p, &what, LEFT, l->y, l->what, dm_str_c(text), false);
    if (l->table && l->y + n * what.leading > BOTTOM)
        table_close(l);
    room(l, n * what.leading);
    if (!l->table)
        table_open(l);
    dm_paper_open(l->p, "TR");
    dm_paper_open(l->p, "TD");
    (void)dm_paper_wrapped(l->p, &what, LEFT, l->y, l->what, dm_str_c(text), true);
    dm_paper_close(l->p, "TD");
    for (column c = 0; c < COLUMNS; c++) {
        figure_of(l->v, line, c, number);
        dm_paper_open(l->p, "TD");
        dm_paper_figure(l->p, &l->row, l->at[c], l->y, number[0] != '\0' ? number : "-", keep[c]);
        dm_paper_close(l->p, "TD");
    }
    dm_paper_close(l->p, "TR");
    l->y += n * what.leading + 150;
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
    room(l, 6000); /* a head, and a line or two below it */
    paragraph(l, "H2", &head, LEFT, WIDE, dm_str_c(text));
    (void)snprintf(text, sizeof text, "%s %s of %zu lines", v->currency, sum, to - from);
    paragraph(l, "P", &label, LEFT, WIDE, dm_str_c(text));
    l->y += 500;
    for (size_t i = from; i < to; i++)
        row(l, &v->lines[i]);
    table_close(l);
    l->y += 1300;
}

/* --- what proves it ----------------------------------------------------------------------------------------- */

static void proof(layout *l, const char *name, const dm_digest *d)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d->b, sizeof d->b, hex);
    room(l, hash.leading);
    pair(l, LEFT, 11000, WIDE, name, &hash, dm_str_c(hex));
}

static void annex(layout *l)
{
    const dm_invoice *v = l->v;
    char text[TEXT];
    room(l, 12000);
    paragraph(l, "H2", &head, LEFT, WIDE, DM_STR("What proves it"));
    l->y += 300;
    paragraph(l, "P", &body, LEFT, WIDE,
            DM_STR("This page was made of a signed document and of nothing else. dormouse-verify checks that document, "
                   "its statements and "
                   "each second below them on your own machine; the bundle to do it with is in your account."));
    if (v->statements > 0) {
        (void)snprintf(text, sizeof text, "It is made of %lld statements, %lld to %lld.", (long long)v->statements,
                (long long)v->first_statement, (long long)v->last_statement);
        paragraph(l, "P", &body, LEFT, WIDE, dm_str_c(text));
    }
    l->y += 400;
    proof(l, "SHA-256 of the document", &l->d->hash);
    proof(l, "Tree over its statements", &v->statements_root);
    (void)snprintf(text, sizeof text, "Document before (%lld)", (long long)(v->chain - 1));
    proof(l, text, &v->previous);
    for (size_t i = 0; i < v->nbooks; i++) {
        (void)snprintf(text, sizeof text, "Price book %lld", (long long)v->books[i].id);
        proof(l, text, &v->books[i].sha256);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void run(layout *l)
{
    char text[TEXT];
    l->page = 1;
    l->y = TOP;
    dm_paper_open(l->p, "Document");
    seller(l);
    l->y += 3200;
    (void)snprintf(text, sizeof text, "%s %.*s", l->v->credit_note ? "Credit note" : "Invoice", (int)l->v->number.n,
            l->v->number.p);
    paragraph(l, "H1", &title, LEFT, WIDE, dm_str_c(text));
    owed(l);
    who_and_when(l);
    totals(l);
    how(l);
    for (size_t i = 0, end; i < l->v->nlines; i = end) {
        end = group_end(l->v, i);
        group(l, i, end);
    }
    annex(l);
    foot(l);
    dm_paper_page_end(l->p);
    dm_paper_close(l->p, "Document");
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
    DM_AUTO(dm_paper) p = NULL;
    DM_AUTO_BUF xml, pages;
    char name[TEXT], day[32];
    dm_buf_init(&xml, DM_EXPORT_BYTES_MAX);
    dm_buf_init(&pages, 2 * (size_t)DM_EXPORT_BYTES_MAX);
    (void)snprintf(name, sizeof name, "%s %.*s", d->v.credit_note ? "Credit note" : "Invoice", (int)d->v.number.n,
            d->v.number.p);
    dm_time_text(d->v.issued_s, day);
    int r = e_invoice(d, &xml, err);
    if (r == 0)
        r = dm_paper_new(name, day, &p, err);
    if (r < 0)
        return r;
    layout l = {.d = d, .v = &d->v, .p = p};
    columns(&l);
    dm_paper_dry(p, true);
    run(&l);
    l.pages = l.page;
    dm_paper_dry(p, false);
    run(&l);
    r = dm_paper_end(p, &pages, err);
    const dm_finish f = {.pages = dm_buf_view(&pages), .title = name, .day = day, .xml = dm_buf_view(&xml)};
    return r == 0 ? dm_finish_pdf(&f, out, err) : r;
}

const dm_export_format dm_export_pdf = {
        .name = "pdf", .media = "application/pdf", .ending = "pdf", .fonts = true, .write = write_pdf};
