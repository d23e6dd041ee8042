#include "metering/rules/receipt.h"

#include <stdio.h>

#include "base/parse.h"

#include "metering/rules/said.h"
#include "metering/rules/statement.h"

int dm_receipt_body(const dm_receipt *r, dm_buf *b, dm_err *err)
{
    char amount[DM_MONEY_TEXT], rest[DM_MONEY_TEXT], booked[32], day[32];
    dm_jw w;
    dm_money_print(r->amount, amount);
    dm_money_print(r->to_wallet, rest);
    dm_time_text(r->booked_s, booked);
    dm_day_text(r->received_s, day);
    dm_jw_init(&w, b);
    dm_jw_obj(&w);
    dm_jw_kstr(&w, "account", r->account);
    dm_jw_kc(&w, "amount", amount);
    dm_jw_kc(&w, "booked", booked);
    dm_invoice_party_write(&w, "buyer", &r->buyer);
    dm_jw_kstr(&w, "currency", r->currency);
    dm_jw_kmaybe(&w, "invoice", r->invoice);
    dm_jw_kc(&w, "kind", "receipt");
    dm_jw_kstr(&w, "number", r->number);
    dm_jw_kc(&w, "of", r->invoice.p != NULL ? "payment" : "top_up");
    dm_jw_kc(&w, "received", day);
    dm_jw_kstr(&w, "reference", r->reference);
    dm_invoice_party_write(&w, "seller", &r->seller);
    dm_jw_kc(&w, "to_wallet", rest);
    dm_jw_ki64(&w, "version", DM_RECEIPT_VERSION);
    dm_jw_end(&w);
    return dm_buf_ok(b, err);
}

int dm_receipt_kept_body(const dm_receipt_kept *k, dm_buf *out, dm_err *err)
{
    DM_AUTO(json_t) seller = NULL;
    DM_AUTO(json_t) buyer = NULL;
    dm_receipt v = {.account = k->account,
            .currency = k->currency,
            .number = k->number,
            .reference = k->reference,
            .invoice = k->invoice,
            .booked_s = k->booked_s,
            .received_s = k->received_s};
    int r = dm_money_parse(k->amount, &v.amount, err);
    if (r == 0)
        r = dm_money_parse(k->to_wallet, &v.to_wallet, err);
    if (r == 0)
        r = dm_json_load(k->seller, DM_RECEIPT_BYTES_MAX, &seller, err);
    if (r == 0)
        r = dm_json_load(k->buyer, DM_RECEIPT_BYTES_MAX, &buyer, err);
    if (r < 0)
        return r;
    v.seller = dm_invoice_party_of(seller);
    v.buyer = dm_invoice_party_of(buyer);
    return dm_receipt_body(&v, out, err);
}

/* A day as the time at which it begins. */
static int day_of(const json_t *j, int64_t *out, dm_err *err)
{
    char text[32];
    int64_t us;
    dm_str day = dm_json_text(j, "received");
    if (day.p == NULL || day.n != 10)
        return dm_fail(err, DM_E_INVALID, "\"received\" is no day");
    (void)snprintf(text, sizeof text, "%.*sT00:00:00Z", (int)day.n, day.p);
    int r = dm_parse_rfc3339(dm_str_c(text), &us, err);
    if (r == 0)
        *out = us / 1000000;
    return r;
}

int dm_receipt_read(const json_t *j, dm_receipt *out, dm_err *err)
{
    dm_receipt r = {.account = dm_json_text(j, "account"),
            .currency = dm_json_text(j, "currency"),
            .number = dm_json_text(j, "number"),
            .reference = dm_json_text(j, "reference"),
            .invoice = dm_json_text(j, "invoice"),
            .seller = dm_invoice_party_of(json_object_get(j, "seller")),
            .buyer = dm_invoice_party_of(json_object_get(j, "buyer"))};
    dm_str amount = dm_json_text(j, "amount"), rest = dm_json_text(j, "to_wallet");
    if (r.account.p == NULL || r.currency.p == NULL || r.number.p == NULL || r.reference.p == NULL ||
            amount.p == NULL || rest.p == NULL)
        return dm_fail(err, DM_E_INVALID, "it is no receipt, or not as they are written");
    int got = dm_money_parse(amount, &r.amount, err);
    if (got == 0)
        got = dm_money_parse(rest, &r.to_wallet, err);
    if (got == 0)
        got = dm_said_time(j, "booked", &r.booked_s, err);
    if (got == 0)
        got = day_of(j, &r.received_s, err);
    if (got < 0)
        return dm_fail(err, DM_E_INVALID, "it is no receipt, or not as they are written");
    *out = r;
    return 0;
}
