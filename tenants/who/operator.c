#include "tenants/who/operator.h"

#include "base/parse.h"

bool dm_operator_name_ok(dm_str name)
{
    return name.n > 0 && name.n <= DM_OPERATOR_NAME_MAX && dm_str_only(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
}

void dm_operator_row_write(dm_jw *w, const dm_operator_row *o)
{
    dm_jw_kstr(w, "id", o->id);
    dm_jw_kstr(w, "name", o->name);
    dm_jw_kstr(w, "email", o->email);
    dm_jw_kstr(w, "state", o->state);
    dm_jw_kbool(w, "second_factor", o->second_factor);
    dm_jw_ktime(w, "created_at", o->created_us);
    dm_jw_ktime(w, "disabled_at", o->disabled_us);
    dm_jw_ktime(w, "seen_at", o->seen_us);
}
