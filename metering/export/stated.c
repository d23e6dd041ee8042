/* A statement on paper: the first page says what was charged for which hours; then what each project used and slept, by
 * SKU; then the first lines, and what those that are not printed come to; at the end, what proves it. */
#include <stdio.h>

#include "metering/export/format.h"
#include "metering/export/say.h"
#include "metering/export/table.h"
#include "metering/rules/invoice.h"

enum { LEFT = DM_SHEET_LEFT, WIDE = DM_SHEET_WIDE, TEXT = DM_SHEET_TEXT, AMOUNT_KEEP = 2 };

enum { QTY, PRICE, AMOUNT, LINE_COLUMNS };
enum { SUM_LINES, SUM_QTY, SUM_AMOUNT, SUM_COLUMNS };

typedef struct layout {
    const dm_export_statement *v;
    dm_sheet *s;
    dm_table sums, lines;
    char number[40];
} layout;

/* --- words -------------------------------------------------------------------------------------------------- */

static void sku_words(dm_sku sku, dm_export_kind kind, char out[TEXT])
{
    static const char *const kinds[DM_EXPORT_KINDS] = {
            "", ", correction", ", measured: priced for the account as a whole"};
    dm_str name = dm_str_c(dm_sku_name(sku)), said = dm_say_sku(name);
    (void)snprintf(out, TEXT, "%.*s, %s%s", (int)said.n, said.p, dm_invoice_unit(name), kinds[kind]);
}

static void line_words(const dm_export_line *l, char out[TEXT])
{
    char sku[TEXT];
    sku_words(l->sku, l->kind, sku);
    int n = l->sandbox[0] != '\0' ? snprintf(out, TEXT, "%s, life %lld: ", l->sandbox, (long long)l->epoch)
                                  : snprintf(out, TEXT, "The account as a whole: ");
    n += snprintf(out + n, (size_t)(TEXT - n), "%.200s", sku);
    if (l->tier != 0)
        (void)snprintf(out + n, (size_t)(TEXT - n), ", tier %lld", (long long)l->tier);
}

static void sum_figures(const dm_export_sum *sum, char out[SUM_COLUMNS][DM_MONEY_TEXT])
{
    (void)snprintf(out[SUM_LINES], DM_MONEY_TEXT, "%llu", (unsigned long long)sum->lines);
    dm_qty_print(sum->qty, out[SUM_QTY]);
    dm_money_print(sum->amount, out[SUM_AMOUNT]);
}

static void line_figures(const dm_export_line *l, char out[LINE_COLUMNS][DM_MONEY_TEXT])
{
    dm_qty_print(l->qty, out[QTY]);
    dm_price_print(l->per_unit, out[PRICE]);
    dm_money_print(l->amount, out[AMOUNT]);
}

/* --- tables ------------------------------------------------------------------------------------------------- */

static void hold_sums(layout *l, const dm_export_project *p)
{
    char out[SUM_COLUMNS][DM_MONEY_TEXT];
    for (dm_sku sku = 0; sku < DM_SKU_COUNT; sku++) {
        for (dm_export_kind kind = 0; kind < DM_EXPORT_KINDS; kind++) {
            sum_figures(&p->sums[sku][kind], out);
            for (size_t c = 0; c < SUM_COLUMNS; c++)
                dm_table_holds(&l->sums, c, out[c]);
        }
    }
}

static void columns(layout *l)
{
    char out[LINE_COLUMNS][DM_MONEY_TEXT];
    l->sums = (dm_table){.n = SUM_COLUMNS, .names = {"Lines", "Quantity", "Exact amount"}, .keep = {0, 0, AMOUNT_KEEP}};
    l->lines = (dm_table){
            .n = LINE_COLUMNS, .names = {"Quantity", "Unit price", "Exact amount"}, .keep = {0, 2, AMOUNT_KEEP}};
    for (size_t i = 0; i < l->v->nprojects; i++)
        hold_sums(l, &l->v->projects[i]);
    hold_sums(l, &l->v->rest);
    for (size_t i = 0; i < l->v->nlines; i++) {
        line_figures(&l->v->lines[i], out);
        for (size_t c = 0; c < LINE_COLUMNS; c++)
            dm_table_holds(&l->lines, c, out[c]);
    }
    dm_table_fit(&l->sums);
    dm_table_fit(&l->lines);
}

/* --- the first page ----------------------------------------------------------------------------------------- */

static void charged(layout *l)
{
    enum { H = 7600, PAD = 1200, HALF = WIDE / 2, INDENT = 5400 };
    const dm_export_statement *v = l->v;
    char text[TEXT], total[DM_MONEY_TEXT];
    dm_sheet *s = l->s;
    int top = s->y, x = LEFT + HALF, wide = WIDE - HALF - PAD;
    dm_paper_box(s->p, DM_PAPER_SUNKEN, LEFT, top, WIDE, H);
    dm_money_print(v->total, total);
    s->y = top + 2000;
    dm_sheet_paragraph(s, "P", &dm_type.label, LEFT + PAD, HALF, DM_STR("Charged for this period, exactly"));
    s->y += 600;
    (void)snprintf(text, sizeof text, "%s %s", v->currency, total);
    dm_sheet_paragraph(s, "P", &dm_type.figure, LEFT + PAD, HALF - PAD, dm_str_c(text));
    s->y = top + 2000;
    (void)snprintf(text, sizeof text, "%s to %s", v->from, v->to);
    dm_sheet_pair(s, x, INDENT, wide, "Period", &dm_type.body, dm_str_c(text));
    dm_sheet_pair(s, x, INDENT, wide, "Account", &dm_type.hash, dm_str_c(v->account));
    (void)snprintf(text, sizeof text, "%lld, %lld of them without a worker's oath", (long long)v->sandboxes,
            (long long)v->unattested);
    dm_sheet_pair(s, x, INDENT, wide, "Attested", &dm_type.body, dm_str_c(text));
    s->y = (s->y > top + H ? s->y : top + H) + 2200;
}

static void how(layout *l)
{
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("How each figure is made"));
    l->s->y += 200;
    dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE, DM_STR(DM_INVOICE_FORMULA));
    dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE,
            DM_STR("A line is quantity x unit price, to the last decimal. A statement is not payable by itself and has "
                   "no "
                   "tax: its invoice adds it to the others of its month, rounds once, and taxes that."));
    l->s->y += 1200;
}

/* --- what was used ------------------------------------------------------------------------------------------ */

static void project(layout *l, const dm_export_project *p, const char *name)
{
    char text[TEXT], amount[DM_MONEY_TEXT], out[SUM_COLUMNS][DM_MONEY_TEXT];
    const char *figures[SUM_COLUMNS] = {out[0], out[1], out[2]};
    dm_money_print(p->amount, amount);
    dm_say_trim(amount, AMOUNT_KEEP);
    dm_sheet_room(l->s, 8000); /* a head, the bar, and a line or two below it */
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, dm_str_c(name));
    (void)snprintf(text, sizeof text, "%s %s", l->v->currency, amount);
    dm_sheet_paragraph(l->s, "P", &dm_type.label, LEFT, WIDE, dm_str_c(text));
    dm_sheet_bar(l->s, p->running_s, p->asleep_s);
    l->s->y += 500;
    for (dm_sku sku = 0; sku < DM_SKU_COUNT; sku++) {
        for (dm_export_kind kind = 0; kind < DM_EXPORT_KINDS; kind++) {
            if (p->sums[sku][kind].lines == 0)
                continue;
            sku_words(sku, kind, text);
            sum_figures(&p->sums[sku][kind], out);
            dm_table_row(l->s, &l->sums, dm_str_c(text), figures);
        }
    }
    dm_table_close(l->s, &l->sums);
    l->s->y += 1300;
}

static void used(layout *l)
{
    char text[TEXT];
    for (size_t i = 0; i < l->v->nprojects; i++) {
        const dm_export_project *p = &l->v->projects[i];
        (void)snprintf(text, sizeof text, "Project %s", p->id);
        project(l, p, p->no == 0 ? "The account as a whole" : text);
    }
    if (l->v->nrest > 0)
        project(l, &l->v->rest, "All other projects together");
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static void lines(layout *l)
{
    const dm_export_statement *v = l->v;
    char text[TEXT], rest[DM_MONEY_TEXT], out[LINE_COLUMNS][DM_MONEY_TEXT];
    const char *figures[LINE_COLUMNS] = {out[0], out[1], out[2]};
    if (v->nlines == 0)
        return;
    dm_sheet_room(l->s, 8000);
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("Line by line"));
    dm_money_print((dm_money){v->total.v - v->printed.v}, rest); /* both are of its lines */
    dm_say_trim(rest, AMOUNT_KEEP);
    if (v->all == v->nlines)
        (void)snprintf(text, sizeof text, "All %zu lines, in the order in which they were signed.", v->nlines);
    else
        (void)snprintf(text, sizeof text,
                "The first %zu of %llu lines, in the order in which they were signed. The other %llu come to %s %s, "
                "are "
                "in the sums above, and stand in the statement's bundle and in exports.",
                v->nlines, (unsigned long long)v->all, (unsigned long long)(v->all - v->nlines), v->currency, rest);
    dm_sheet_paragraph(l->s, "P", &dm_type.label, LEFT, WIDE, dm_str_c(text));
    l->s->y += 500;
    for (size_t i = 0; i < v->nlines; i++) {
        line_words(&v->lines[i], text);
        line_figures(&v->lines[i], out);
        dm_table_row(l->s, &l->lines, dm_str_c(text), figures);
    }
    dm_table_close(l->s, &l->lines);
    l->s->y += 1300;
}

/* --- what proves it ----------------------------------------------------------------------------------------- */

static void annex(layout *l)
{
    char text[TEXT];
    dm_digest root;
    dm_sheet_room(l->s, 9000);
    dm_sheet_paragraph(l->s, "H2", &dm_type.head, LEFT, WIDE, DM_STR("What proves it"));
    l->s->y += 300;
    dm_sheet_paragraph(l->s, "P", &dm_type.body, LEFT, WIDE,
            DM_STR("These pages were made of the signed statement and of nothing else; its pages were held to the tree "
                   "in "
                   "it, and all its lines to its total. dormouse-verify checks it down to each second on your own "
                   "machine; the bundle to do it with is in your account."));
    l->s->y += 400;
    dm_sheet_proof(l->s, "SHA-256 of the statement", &l->v->hash);
    if (l->v->pages.n > 0 && dm_merkle_root(&l->v->pages, &root, NULL) == 0) {
        (void)snprintf(text, sizeof text, "Tree over its pages (%llu)", (unsigned long long)l->v->pages.n);
        dm_sheet_proof(l->s, text, &root);
    }
    dm_sheet_proof(l->s, "Statement before", &l->v->previous);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static void draw(dm_sheet *s, void *arg)
{
    layout *l = arg;
    l->s = s;
    dm_sheet_paragraph(s, "H1", &dm_type.title, LEFT, WIDE, dm_str_c(l->number));
    charged(l);
    dm_sheet_bar(s, (uint64_t)l->v->running_s, (uint64_t)l->v->asleep_s);
    s->y += 1200;
    how(l);
    used(l);
    lines(l);
    annex(l);
}

int dm_statement_pdf(const dm_export_statement *v, dm_buf *out, dm_err *err)
{
    layout l = {.v = v};
    (void)snprintf(l.number, sizeof l.number, "Statement %lld", (long long)v->number);
    columns(&l);
    const dm_sheet_doc doc = {.title = l.number, .day = v->to, .name = dm_str_c(l.number), .draw = draw, .arg = &l};
    return dm_sheet_write(&doc, out, err);
}
