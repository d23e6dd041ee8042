/* The files of a bundle, each where the format has it: what comes in its place says whether it was left out, is there
 * twice, or stands elsewhere. */
#include "metering/verify/own.h"

static int cmp_rank(dm_v_rank a, dm_v_rank b)
{
    for (size_t i = 0; i < DM_LEN(a.at); i++) {
        if (a.at[i] != b.at[i])
            return a.at[i] < b.at[i] ? -1 : 1;
    }
    return 0;
}

static int peek(dm_v *v, dm_err *err)
{
    dm_err why;
    if (v->peeked || v->ended)
        return 0;
    int r = dm_unpack_next(v->in, v->name, &v->body, &why);
    v->peeked = r == 0;
    v->ended = r == DM_UNPACK_END;
    if (r == DM_E_CORRUPT)
        return dm_v_fault(v, DM_FAULT_DAMAGED, v->last, "what follows it cannot be read: %.150s", why.msg);
    if (r == DM_E_LIMIT)
        return dm_v_unknown(v, "%s: %.150s", v->name, why.msg);
    return r < 0 ? dm_fail(err, r, "%s", why.msg) : 0;
}

int dm_v_next_is(dm_v *v, const char *prefix, bool *is, dm_err *err)
{
    int r = peek(v, err);
    *is = r == 0 && v->peeked && dm_str_starts(dm_str_c(v->name), dm_str_c(prefix));
    return r;
}

/* Keys of workers have no rank. Where none may stand they are astray if what should come comes behind them; else that
 * is missing. */
static int astray(dm_v *v, const char *wanted)
{
    char keys[DM_USTAR_NAME];
    int r = 0;
    memcpy(keys, v->name, sizeof(keys));
    while (r == 0 && dm_str_starts(dm_str_c(v->name), DM_STR("keys/")))
        r = dm_unpack_next(v->in, v->name, &v->body, NULL);
    if (r == 0 && strcmp(v->name, wanted) == 0)
        return dm_v_fault(v, DM_FAULT_REORDERED, keys, "it stands where %s should", wanted);
    return dm_v_fault(v, DM_FAULT_DROPPED, wanted, "%s stands in its place", keys);
}

static int another(dm_v *v, const char *wanted)
{
    dm_v_rank have = dm_v_rank_of(v->name), want = dm_v_rank_of(wanted);
    dm_str name = dm_str_c(v->name);
    if (v->ended)
        return dm_v_fault(v, DM_FAULT_DROPPED, wanted, "the bundle ends before it");
    if (dm_str_starts(name, DM_STR("keys/")) && have.at[0] == 0)
        return astray(v, wanted);
    if (have.at[0] == 0)
        return dm_v_unknown(v, "%s is no file that a bundle of format %d has", v->name, DM_BUNDLE_FORMAT);
    if (cmp_rank(have, want) > 0)
        return dm_v_fault(v, DM_FAULT_DROPPED, wanted, "%s stands in its place", v->name);
    return dm_v_fault(v, strcmp(v->name, v->last) == 0 ? DM_FAULT_DOUBLED : DM_FAULT_REORDERED, v->name,
            "it stands where %s should", wanted);
}

int dm_v_want(dm_v *v, const char *name, dm_err *err)
{
    int r = peek(v, err);
    if (r != 0)
        return r;
    if (v->ended || strcmp(v->name, name) != 0)
        return another(v, name);
    memcpy(v->last, v->name, sizeof(v->last));
    v->peeked = false;
    return 0;
}

int dm_v_want_end(dm_v *v, dm_err *err)
{
    int r = peek(v, err);
    if (r != 0 || v->ended)
        return r;
    if (dm_str_starts(dm_str_c(v->name), DM_STR("keys/")))
        return dm_v_fault(v, DM_FAULT_REORDERED, v->name, "nothing that needs it follows");
    if (dm_v_rank_of(v->name).at[0] == 0)
        return dm_v_unknown(v, "%s is no file that a bundle of format %d has", v->name, DM_BUNDLE_FORMAT);
    return dm_v_fault(v, strcmp(v->name, v->last) == 0 ? DM_FAULT_DOUBLED : DM_FAULT_REORDERED, v->name,
            "it stands behind the last of what the manifest has");
}
