#include "tenants/who/right.h"

static const char *const names[DM_RIGHTS] = {
        "",
#define RIGHT(name, text) text,
#include "tenants/who/rights.def"
#undef RIGHT
};

_Static_assert(DM_RIGHTS <= 64, "a set of rights is 64 bits");

const char *dm_right_name(dm_right right)
{
    return right < DM_RIGHTS ? names[right] : "";
}

dm_rights dm_rights_of_key(void)
{
    return (UINT64_C(1) << DM_RIGHTS) - 1;
}
