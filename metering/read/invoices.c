#include "metering/read/invoices.h"

void dm_invoices_row_write(dm_jw *w, const dm_invoices_row *row)
{
    dm_jw_kstr(w, "number", row->number);
    dm_jw_kstr(w, "kind", row->kind);
    dm_jw_kstr(w, "status", row->status);
    dm_jw_kstr(w, "why", row->why);
    dm_jw_ktime(w, "issuedAt", row->issued_us);
    dm_jw_kmaybe(w, "due", row->due_on);
    dm_jw_ktime(w, "periodStart", row->from_us);
    dm_jw_ktime(w, "periodEnd", row->to_us);
    dm_jw_kstr(w, "currency", row->currency);
    dm_jw_kstr(w, "net", row->net);
    dm_jw_kstr(w, "tax", row->tax);
    dm_jw_kstr(w, "total", row->total);
    dm_jw_kstr(w, "prepaid", row->prepaid);
    dm_jw_kstr(w, "paid", row->paid);
    dm_jw_kstr(w, "credited", row->credited);
    dm_jw_kstr(w, "open", row->open);
    dm_jw_kmaybe(w, "refersTo", row->refers_to);
    dm_jw_kmaybe(w, "reason", row->reason);
}

int dm_invoices_status_ok(dm_str status, dm_err *err)
{
    static const char *const all[] = {
            "issued", "paid", "partially_paid", "overdue", "disputed", "uncollectible", "voided"};
    bool known = status.n == 0;
    for (size_t i = 0; i < DM_LEN(all); i++)
        known = known || dm_str_eq_c(status, all[i]);
    return known ? 0
                 : dm_fail(err, DM_E_INVALID,
                           "status must be issued, paid, partially_paid, overdue, disputed, uncollectible or voided");
}
