#include "metering/ask/orders.h"

void dm_orders_row_write(dm_jw *w, const dm_orders_row *row)
{
    dm_jw_obj(w);
    dm_jw_ki64(w, "order", row->no);
    dm_jw_kstr(w, "account", row->account);
    dm_jw_kstr(w, "kind", row->kind);
    dm_jw_kmaybe(w, "number", row->number);
    dm_jw_kmaybe(w, "month", row->month);
    dm_jw_kstr(w, "currency", row->currency);
    dm_jw_kmaybe(w, "amount", row->amount);
    dm_jw_kstr(w, "who", row->who);
    dm_jw_kstr(w, "why", row->why);
    dm_jw_ktime(w, "at", row->at_us);
    dm_jw_kmaybe(w, "approved_by", row->approved_by);
    dm_jw_ktime(w, "approved_at", row->approved_us);
    dm_jw_kstr(w, "state", row->state);
    dm_jw_ktime(w, "done_at", row->done_us);
    dm_jw_key(w, "outcome");
    dm_jw_raw(w, row->outcome.p != NULL ? row->outcome : DM_STR("null"));
    dm_jw_end(w);
}
