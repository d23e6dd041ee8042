#include "tests/support/opsrig.h"

#include <stdio.h>

dm_said dm_rig_operate(dm_rig *r, const char *method, const char *target, const char *body)
{
    const dm_rig_in op = dm_rig_operator(r, "ada");
    return dm_rig_call_in(r, &op, method, target, body);
}

const char *dm_rig_text(dm_rig *r, const char *sql)
{
    static char out[256];
    dm_tenantrig_text(&r->tenants, sql, out);
    return out;
}

const char *dm_rig_ahead(dm_rig *r, const char *span)
{
    static char out[40];
    char sql[200];
    (void)snprintf(sql, sizeof sql,
            "SELECT to_char(date_trunc('second', now() + interval '%s') AT TIME ZONE 'UTC', "
            "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
            span);
    (void)snprintf(out, sizeof out, "%s", dm_rig_text(r, sql));
    return out;
}

const char *dm_said_rule(const dm_said *said)
{
    return dm_json_c(json_object_get(said->body, "denial"), "rule");
}
