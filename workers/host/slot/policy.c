#include "workers/host/slot/policy.h"

dm_slot_policy dm_policy_open(void)
{
    return (dm_slot_policy){.internet = true};
}

dm_slot_policy dm_policy_of(const dm_wk_admit *admit)
{
    return (dm_slot_policy){.internet = admit->internet};
}

bool dm_policy_eq(const dm_slot_policy *a, const dm_slot_policy *b)
{
    return a->internet == b->internet;
}

const char *dm_policy_rule(const dm_slot_policy *p)
{
    return p->internet ? "meta nfproto ipv4 accept" : "meta nfproto ipv4 reject with icmp admin-prohibited";
}
