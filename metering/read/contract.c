#include "metering/read/contract.h"

static void put_act(dm_jw *w, const char *name, const dm_contract_act *a)
{
    dm_jw_key(w, name);
    if (a->by.p == NULL) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_kstr(w, "by", a->by);
    dm_jw_ktime(w, "at", a->us);
    dm_jw_kmaybe(w, "reason", a->why);
    dm_jw_end(w);
}

void dm_contract_row_write(dm_jw *w, const dm_contract_row *row, bool acts)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", row->id);
    dm_jw_kstr(w, "account", row->account);
    dm_jw_kstr(w, "name", row->name);
    dm_jw_kstr(w, "reference", row->reference);
    dm_jw_kstr(w, "status", row->status);
    dm_jw_kstr(w, "currency", row->currency);
    dm_jw_kstr(w, "least_monthly", row->least);
    dm_jw_ktime(w, "valid_from", row->from_us);
    dm_jw_ktime(w, "valid_to", row->to_us);
    if (acts) {
        dm_jw_ktime(w, "ends_at", row->ends_us);
        put_act(w, "drafted", &row->drafted);
        put_act(w, "approved", &row->approved);
        put_act(w, "withdrawn", &row->withdrawn);
        put_act(w, "end_ordered", &row->end);
        put_act(w, "end_approved", &row->ended);
    }
    dm_jw_end(w);
}
