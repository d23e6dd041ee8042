/* A receipt on paper: one page that says that money came, from whom to whom, and for what. */
#include "metering/export/received.h"

#include <stdio.h>

#include "metering/export/format.h"
#include "metering/export/say.h"
#include "metering/export/sheet.h"
#include "metering/rules/minor.h"
#include "metering/rules/statement.h"

enum { LEFT = DM_SHEET_LEFT, WIDE = DM_SHEET_WIDE, TEXT = DM_SHEET_TEXT, AMOUNT = DM_MONEY_TEXT + 8 };

/* --- read --------------------------------------------------------------------------------------------------- */

bool dm_export_is_receipt(dm_str line)
{
    static const dm_str next = DM_STR_INIT("\",\"amount\":"); /* behind the account: members stand by their names */
    return line.n > 0 && memmem(line.p, line.n < 200 ? line.n : 200, next.p, next.n) != NULL;
}

static int same_bytes(const dm_export_receipt *r, dm_str bytes, dm_err *err)
{
    DM_AUTO_BUF own;
    dm_buf_init(&own, DM_RECEIPT_BYTES_MAX);
    int got = dm_receipt_body(&r->v, &own, err);
    if (got < 0)
        return got;
    return dm_str_eq(dm_buf_view(&own), bytes)
                   ? 0
                   : dm_fail(err, DM_E_INVALID, "its form is not what follows from what it says");
}

int dm_export_receipt_read(dm_str bytes, dm_export_receipt **out, dm_err *err)
{
    char currency[4];
    DM_AUTO(dm_export_receipt) r = calloc(1, sizeof *r);
    if (r == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a receipt");
    int got = dm_json_load(bytes, DM_RECEIPT_BYTES_MAX, &r->json, err);
    if (got == 0)
        got = dm_receipt_read(r->json, &r->v, err);
    if (got == 0)
        got = dm_str_to_array(r->v.currency, currency, sizeof currency, err);
    if (got == 0)
        got = dm_minor_of(currency, &r->decimals, err);
    if (got == 0)
        got = same_bytes(r, bytes, err);
    if (got == 0)
        got = dm_sha256(bytes, &r->hash, err);
    if (got == 0)
        *out = dm_steal(&r);
    return got;
}

void dm_export_receipt_free(dm_export_receipt *r)
{
    if (r == NULL)
        return;
    json_decref(r->json);
    free(r);
}

/* --- on paper ----------------------------------------------------------------------------------------------- */

static void party(dm_sheet *s, const char *name, const dm_invoice_party *p)
{
    enum { INDENT = 8000 };
    dm_str address = p->address, line;
    dm_sheet_pair(s, LEFT, INDENT, WIDE, name, &dm_type.strong, p->name);
    while (dm_str_split(&address, '\n', &line)) {
        if (line.n > 0)
            dm_sheet_paragraph(s, "P", &dm_type.body, LEFT + INDENT, WIDE - INDENT, line);
    }
    dm_sheet_pair(s, LEFT, INDENT, WIDE, "Country", &dm_type.body, p->country);
    dm_sheet_pair(s, LEFT, INDENT, WIDE, "Tax id", &dm_type.body, p->tax_id);
    dm_sheet_pair(s, LEFT, INDENT, WIDE, "Register", &dm_type.body, p->legal_id);
    s->y += 1200;
}

/* With the decimals of its currency, and more only where it has more. */
static void amount_words(const dm_export_receipt *r, dm_money m, char out[AMOUNT])
{
    char text[DM_MONEY_TEXT];
    dm_money_print(m, text);
    dm_say_trim(text, r->decimals);
    (void)snprintf(out, AMOUNT, "%.3s %s", r->v.currency.p, text);
}

static void received(dm_sheet *s, const dm_export_receipt *r)
{
    enum { H = 8600, PAD = 1200, HALF = WIDE * 45 / 100, INDENT = 6400 };
    const dm_receipt *v = &r->v;
    char text[AMOUNT], day[32];
    int top = s->y, x = LEFT + HALF, wide = WIDE - HALF - PAD;
    dm_paper_box(s->p, DM_PAPER_SUNKEN, LEFT, top, WIDE, H);
    s->y = top + 2000;
    dm_sheet_paragraph(s, "P", &dm_type.label, LEFT + PAD, HALF, DM_STR("Received, with thanks"));
    s->y += 1700;
    amount_words(r, v->amount, text);
    dm_sheet_paragraph(s, "P", &dm_type.large, LEFT + PAD, HALF - PAD, dm_str_c(text));
    s->y = top + 2000;
    dm_day_text(v->received_s, day);
    dm_sheet_pair(s, x, INDENT, wide, "On", &dm_type.body, dm_str_c(day));
    dm_sheet_pair(s, x, INDENT, wide, "For", &dm_type.body,
            v->invoice.p != NULL ? DM_STR("an invoice") : DM_STR("the account's wallet, in advance"));
    dm_sheet_pair(s, x, INDENT, wide, "Invoice", &dm_type.figure, v->invoice);
    dm_sheet_pair(s, x, INDENT, wide, "Reference", &dm_type.body, v->reference);
    s->y = (s->y > top + H ? s->y : top + H) + 2200;
}

static void draw(dm_sheet *s, void *arg)
{
    const dm_export_receipt *r = arg;
    char text[TEXT], rest[AMOUNT];
    (void)snprintf(text, sizeof text, "Receipt %.*s", (int)r->v.number.n, r->v.number.p);
    dm_sheet_paragraph(s, "H1", &dm_type.title, LEFT, WIDE, dm_str_c(text));
    received(s, r);
    party(s, "Received by", &r->v.seller);
    party(s, "Paid by", &r->v.buyer);
    if (r->v.invoice.p != NULL && r->v.to_wallet.v != 0) {
        amount_words(r, r->v.to_wallet, rest);
        (void)snprintf(
                text, sizeof text, "The invoice had no need of %s of it: that went into the account's wallet.", rest);
        dm_sheet_paragraph(s, "P", &dm_type.body, LEFT, WIDE, dm_str_c(text));
    }
    dm_sheet_paragraph(s, "P", &dm_type.body, LEFT, WIDE,
            DM_STR("A receipt says that money came, and is no invoice: it states no tax. What was bought is on "
                   "invoices, "
                   "which say what of them was paid."));
    s->y += 1200;
    dm_sheet_pair(s, LEFT, 11000, WIDE, "Account", &dm_type.hash, r->v.account);
    dm_sheet_proof(s, "SHA-256 of the receipt", &r->hash);
}

int dm_receipt_pdf(const dm_export_receipt *r, dm_buf *out, dm_err *err)
{
    char title[TEXT], day[32];
    (void)snprintf(title, sizeof title, "Receipt %.*s", (int)r->v.number.n, r->v.number.p);
    dm_time_text(r->v.booked_s, day);
    const dm_sheet_doc doc = {
            .title = title, .day = day, .name = r->v.number, .draw = draw, .arg = (void *)(uintptr_t)r};
    return dm_sheet_write(&doc, out, err);
}
