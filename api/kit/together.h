/* api/kit/together.h: creates that meet go to the database together, of whatever projects: what a statement and its
 * commit cost beside their rows is paid once a round (base/gather.h), so that a create costs the less the more there
 * are. What becomes of one is its own: where a round fails, by a row that another holds or by what one of them brings,
 * each goes again by itself. Any thread. */
#ifndef DM_API_KIT_TOGETHER_H
#define DM_API_KIT_TOGETHER_H

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"

/* api outlives it; of it the pool of dm_api, the log and the metrics are used. */
int dm_together_new(dm_api *api, dm_together **out, dm_err *err) DM_NODISCARD;
void dm_together_free(dm_together *t); /* nobody may wait in it */
DM_DEFINE_FREEP(dm_together)

/* dm_sandbox_add in a transaction of its own, whose commit does not wait for the disk (dm_api_tx_first). */
int dm_together_add(dm_together *t, dm_sandbox *s, const dm_sandbox_add_args *args, dm_err *err) DM_NODISCARD;
/* dm_sandbox_started in a transaction of its own. */
int dm_together_started(dm_together *t, dm_sandbox *s, const dm_sandbox_move_args *args, dm_err *err) DM_NODISCARD;

#endif
