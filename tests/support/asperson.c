#include "tests/support/asperson.h"

#include <stdio.h>

dm_said dm_rig_as_person(
        dm_rig *r, const dm_tenantrig_person *who, const char *method, const char *target, const char *body)
{
    char sql[128], email[256];
    (void)snprintf(sql, sizeof sql, "SELECT email FROM dm.person WHERE person_no = %lld", (long long)who->no.v);
    dm_tenantrig_text(&r->tenants, sql, email);
    const dm_rig_in in = dm_rig_person(r, email, "", false);
    return dm_rig_call_in(r, &in, method, target, body);
}
