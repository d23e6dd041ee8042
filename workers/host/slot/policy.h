/* workers/host/slot/policy.h: what may leave a sandbox, in its one form on this side of the wire: read from an
 * admission here, compared here, said to nft here; in between it is carried and not looked at. */
#ifndef DM_WORKERS_HOST_SLOT_POLICY_H
#define DM_WORKERS_HOST_SLOT_POLICY_H

#include "base/wire/worker.h"

/* internet false cuts everything but established answers. Private and local ranges are always cut. */
typedef struct dm_slot_policy {
    bool internet;
} dm_slot_policy;

/* Of a machine that is nobody's yet. */
dm_slot_policy dm_policy_open(void);
/* What the API wants for a sandbox. */
dm_slot_policy dm_policy_of(const dm_wk_admit *admit);

bool dm_policy_eq(const dm_slot_policy *a, const dm_slot_policy *b);
/* The last statement of the chain that judges packets which a guest began. */
const char *dm_policy_rule(const dm_slot_policy *p);

#endif
