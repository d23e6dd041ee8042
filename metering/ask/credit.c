#include "metering/ask/credit.h"

void dm_credit_write(dm_jw *w, const dm_credit *k)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", k->id);
    dm_jw_kstr(w, "kind", k->kind);
    dm_jw_kstr(w, "currency", k->currency);
    dm_jw_kstr(w, "amount", k->amount);
    dm_jw_ktime(w, "expires_at", k->expires_us);
    dm_jw_kstr(w, "reference", k->reference);
    dm_jw_kstr(w, "state", k->state);
    dm_jw_kbool(w, "needs_second", k->needs_second);
    dm_jw_kstr(w, "ordered_by", k->ordered_by);
    dm_jw_ktime(w, "ordered_at", k->ordered_us);
    dm_jw_kstr(w, "reason", k->reason);
    dm_jw_kmaybe(w, "approved_by", k->approved_by);
    dm_jw_ktime(w, "approved_at", k->approved_us);
    dm_jw_kmaybe(w, "withdrawn_by", k->withdrawn_by);
    dm_jw_ktime(w, "withdrawn_at", k->withdrawn_us);
    dm_jw_ktime(w, "booked_at", k->booked_us);
    dm_jw_kmaybe(w, "refused", k->refused);
    dm_jw_end(w);
}
