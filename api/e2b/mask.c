#include "api/e2b/mask.h"

static dm_str part(dm_str mask, size_t at, size_t n)
{
    return at + n <= mask.n ? (dm_str){mask.p + at, n} : DM_STR("");
}

void dm_e2b_write_mask(dm_jw *w, dm_str mask, const char *prefix, int64_t value_bytes)
{
    size_t at = strlen(prefix);
    dm_jw_key(w, "mask");
    dm_jw_obj(w);
    dm_jw_kc(w, "prefix", prefix);
    dm_jw_ki64(w, "valueLength", value_bytes);
    dm_jw_kstr(w, "maskedValuePrefix", part(mask, at, 2));
    dm_jw_kstr(w, "maskedValueSuffix", mask.n >= at + 6 ? part(mask, mask.n - 4, 4) : DM_STR(""));
    dm_jw_end(w);
}
