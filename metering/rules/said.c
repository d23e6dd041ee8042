#include "metering/rules/said.h"

#include "base/parse.h"

int dm_said_hex(const json_t *obj, const char *name, void *out, size_t n, dm_err *err)
{
    dm_str s;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    return r < 0 ? r : dm_parse_hex(s, out, n, err);
}

int dm_said_time(const json_t *obj, const char *name, int64_t *out, dm_err *err)
{
    dm_str s;
    int64_t us;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    if (r == 0 && (s.n != 20 || s.p[10] != 'T' || s.p[19] != 'Z')) /* no other form of the same time */
        return dm_fail(err, DM_E_INVALID, "\"%s\" is no time", name);
    if (r == 0)
        r = dm_parse_rfc3339(s, &us, err);
    if (r == 0)
        *out = us / 1000000;
    return r;
}
