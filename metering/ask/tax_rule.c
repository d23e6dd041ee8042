#include "metering/ask/tax_rule.h"

#include <stdio.h>

void dm_tax_row_write(dm_jw *w, const dm_tax_row *t)
{
    char rate[40];
    (void)snprintf(rate, sizeof rate, "%lld.%04lld", (long long)t->rate_ppm / 10000, (long long)t->rate_ppm % 10000);
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", t->no);
    dm_jw_kstr(w, "seller", t->seller);
    dm_jw_kstr(w, "buyer", t->buyer);
    dm_jw_key(w, "business");
    if (t->either)
        dm_jw_null(w);
    else
        dm_jw_bool(w, t->business);
    dm_jw_kstr(w, "category", t->category);
    dm_jw_kc(w, "rate", rate);
    dm_jw_kbool(w, "reverse_charge", t->reverse_charge);
    dm_jw_kstr(w, "jurisdiction", t->jurisdiction);
    dm_jw_kmaybe(w, "exemption_code", t->reason_code);
    dm_jw_kmaybe(w, "exemption", t->reason);
    dm_jw_ktime(w, "valid_from", t->from_us);
    dm_jw_ktime(w, "valid_to", t->to_us);
    dm_jw_kstr(w, "status", t->status);
    dm_jw_kmaybe(w, "drafted_by", t->drafted_by);
    dm_jw_ktime(w, "drafted_at", t->drafted_us);
    dm_jw_kmaybe(w, "drafted_why", t->drafted_why);
    dm_jw_kmaybe(w, "approved_by", t->approved_by);
    dm_jw_ktime(w, "approved_at", t->approved_us);
    dm_jw_kmaybe(w, "approved_why", t->approved_why);
    dm_jw_kmaybe(w, "withdrawn_by", t->withdrawn_by);
    dm_jw_ktime(w, "withdrawn_at", t->withdrawn_us);
    dm_jw_kmaybe(w, "withdrawn_why", t->withdrawn_why);
    dm_jw_end(w);
}
