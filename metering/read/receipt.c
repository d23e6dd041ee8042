#include "metering/read/receipt.h"

void dm_receipt_row_write(dm_jw *w, const dm_receipt_row *row)
{
    const dm_receipt_kept *k = &row->kept;
    char day[32];
    dm_day_text(k->received_s, day);
    dm_jw_obj(w);
    dm_jw_kstr(w, "number", k->number);
    dm_jw_kc(w, "of", k->invoice.p != NULL ? "payment" : "top_up");
    dm_jw_kmaybe(w, "invoice", k->invoice);
    dm_jw_kstr(w, "currency", k->currency);
    dm_jw_kstr(w, "amount", k->amount);
    dm_jw_kstr(w, "to_wallet", k->to_wallet);
    dm_jw_kc(w, "received_on", day);
    dm_jw_kstr(w, "reference", k->reference);
    dm_jw_ktime(w, "booked_at", k->booked_s * 1000000);
    dm_jw_end(w);
}
