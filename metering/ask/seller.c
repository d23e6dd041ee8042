#include "metering/ask/seller.h"

void dm_seller_row_write(dm_jw *w, const dm_seller_row *s)
{
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", s->no);
    dm_jw_ki64(w, "entity", s->entity_no);
    dm_jw_kstr(w, "name", s->name);
    dm_jw_kstr(w, "address", s->address);
    dm_jw_kstr(w, "country", s->country);
    dm_jw_kmaybe(w, "tax_id", s->tax_id);
    dm_jw_kmaybe(w, "legal_id", s->legal_id);
    dm_jw_kmaybe(w, "email", s->email);
    dm_jw_kmaybe(w, "iban", s->iban);
    dm_jw_kmaybe(w, "bic", s->bic);
    dm_jw_ki64(w, "payment_terms_days", s->terms_days);
    dm_jw_ktime(w, "valid_from", s->from_us);
    dm_jw_ktime(w, "valid_to", s->to_us);
    dm_jw_kstr(w, "status", s->status);
    dm_jw_kmaybe(w, "drafted_by", s->drafted_by);
    dm_jw_ktime(w, "drafted_at", s->drafted_us);
    dm_jw_kmaybe(w, "drafted_why", s->drafted_why);
    dm_jw_kmaybe(w, "approved_by", s->approved_by);
    dm_jw_ktime(w, "approved_at", s->approved_us);
    dm_jw_kmaybe(w, "approved_why", s->approved_why);
    dm_jw_kmaybe(w, "withdrawn_by", s->withdrawn_by);
    dm_jw_ktime(w, "withdrawn_at", s->withdrawn_us);
    dm_jw_kmaybe(w, "withdrawn_why", s->withdrawn_why);
    dm_jw_end(w);
}
