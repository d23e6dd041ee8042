#include "tenants/plan/limits.h"

#include <stddef.h>

enum { TEXT_MAX = 16 * 1024 };

#define FIELD(name)                                                                                                    \
    {                                                                                                                  \
#name, DM_JSON_I64, offsetof(dm_limits, name), DM_JSON_OPT, 0, INT64_MAX                                       \
    }

#define TOTAL(name)                                                                                                    \
    {                                                                                                                  \
#name, DM_JSON_I64, offsetof(dm_limits, at_once.name), DM_JSON_OPT, 0, INT64_MAX                               \
    }

static const dm_json_field fields[] = {
        FIELD(vcpus_max),
        FIELD(mem_mib_max),
        FIELD(disk_mib_max),
        FIELD(timeout_s_max),
        FIELD(asleep_disk_mib_max),
        FIELD(snapshots_max),
        FIELD(snapshot_mib_max),
        FIELD(create_rate),
        FIELD(request_rate),
        TOTAL(running_max),
        TOTAL(vcpus_total_max),
        TOTAL(mem_mib_total_max),
};

static const dm_limit_row all[] = {
#define LIMIT(name, binds, counted, money, rule, words) {#name, DM_LIMIT_BINDS_##binds, counted, money, rule, words},
#include "tenants/plan/limits.def"
#undef LIMIT
};

static int read_one(dm_str text, const char *whose, dm_limits *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    if (dm_json_load(text, TEXT_MAX, &obj, err) < 0 || dm_json_decode(obj, fields, DM_LEN(fields), out, err) < 0) {
        err->code = DM_E_INTERNAL; /* our own database wrote it */
        return dm_wrap(err, "limits of the %s", whose);
    }
    out->budgeted = json_object_get(obj, "month_seconds_max") != NULL ||
                    json_object_get(obj, "spend_cap_micros") != NULL || json_object_get(obj, "prepaid") != NULL;
    return 0;
}

int dm_limits_read(dm_str project_json, dm_str account_json, dm_limits *out, dm_err *err)
{
    dm_limits project = {0}, account = {0};
    dm_err local;
    int r = read_one(project_json, "project", &project, err != NULL ? err : &local);
    if (r == 0)
        r = read_one(account_json, "account", &account, err != NULL ? err : &local);
    if (r < 0)
        return r;
    project.account = account.at_once;
    project.budgeted = project.budgeted || account.budgeted;
    *out = project;
    return 0;
}

const dm_limit_row *dm_limit_named(dm_str name)
{
    for (size_t i = 0; i < DM_LEN(all); i++)
        if (dm_str_eq_c(name, all[i].name))
            return &all[i];
    return NULL;
}
