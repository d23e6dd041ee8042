#include "base/wire/denial.h"

void dm_denial_write(dm_jw *w, const dm_denial *d)
{
    dm_jw_obj(w);
    dm_jw_kc(w, "what", d->what);
    dm_jw_kc(w, "rule", d->rule);
    dm_jw_key(w, "limit");
    if (d->has_limit)
        dm_jw_i64(w, d->limit);
    else
        dm_jw_null(w);
    dm_jw_key(w, "current");
    if (d->has_current)
        dm_jw_i64(w, d->current);
    else
        dm_jw_null(w);
    dm_jw_kc(w, "allowed", d->allowed);
    dm_jw_key(w, "retry_after_s");
    if (d->retry_after_s >= 0)
        dm_jw_i64(w, d->retry_after_s);
    else
        dm_jw_null(w);
    dm_jw_kc(w, "cure", d->cure);
    dm_jw_kc(w, "doc", d->doc);
    dm_jw_end(w);
}

static int text_of(const json_t *obj, const char *name, bool need, const char **out, dm_err *err)
{
    dm_str text;
    int r = dm_json_str(obj, name, &text, err);
    if (r == 0)
        *out = text.p;
    else if (r == DM_JSON_ABSENT && need)
        r = dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    return r < 0 ? dm_wrap(err, "denial") : 0;
}

static int number_of(
        const json_t *obj, const char *name, int64_t min, int64_t max, bool *has, int64_t *out, dm_err *err)
{
    int r = dm_json_i64(obj, name, min, max, out, err);
    *has = r == 0;
    return r < 0 ? dm_wrap(err, "denial") : 0;
}

int dm_denial_read(const json_t *obj, dm_denial *d, dm_err *err)
{
    dm_denial got = {.retry_after_s = -1};
    bool has_retry;
    int64_t retry = 0;
    if (!json_is_object(obj))
        return dm_fail(err, DM_E_INVALID, "denial: not an object");
    if (text_of(obj, "what", true, &got.what, err) < 0 || text_of(obj, "rule", true, &got.rule, err) < 0 ||
            text_of(obj, "allowed", false, &got.allowed, err) < 0 || text_of(obj, "cure", true, &got.cure, err) < 0 ||
            text_of(obj, "doc", false, &got.doc, err) < 0 ||
            number_of(obj, "limit", INT64_MIN, INT64_MAX, &got.has_limit, &got.limit, err) < 0 ||
            number_of(obj, "current", INT64_MIN, INT64_MAX, &got.has_current, &got.current, err) < 0 ||
            number_of(obj, "retry_after_s", 0, INT32_MAX, &has_retry, &retry, err) < 0)
        return DM_E_INVALID;
    if (has_retry)
        got.retry_after_s = (int32_t)retry;
    *d = got;
    return 0;
}
