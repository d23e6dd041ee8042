#include "metering/ask/bank.h"

void dm_bank_row_write(dm_jw *w, const dm_bank_row *row)
{
    dm_jw_obj(w);
    dm_jw_ki64(w, "entry", row->no);
    dm_jw_ki64(w, "file", row->file_no);
    dm_jw_kstr(w, "account", row->account);
    dm_jw_kstr(w, "reference", row->reference);
    dm_jw_kstr(w, "booked_on", row->day);
    dm_jw_kstr(w, "currency", row->currency);
    dm_jw_kstr(w, "amount", row->amount);
    dm_jw_kstr(w, "words", row->words);
    dm_jw_kmaybe(w, "number", row->number);
    dm_jw_kstr(w, "outcome", row->outcome);
    dm_jw_kstr(w, "why", row->why);
    dm_jw_end(w);
}
