/* workers/vmm/flatten.h: from a delta to a base of its own, so that many can start from it and share its memory, and
 * no chain grows. Blocking. */
#ifndef DM_WORKERS_VMM_FLATTEN_H
#define DM_WORKERS_VMM_FLATTEN_H

#include "base/err.h"

/* dir holds what a VM saved as a delta of the base in base_dir (vmm.h: DM_SAVE_DELTA). Afterwards it is a base: `ram`
 * whole in place of `delta`, shared with the base's where the file system can; its manifest says so; and it has the
 * guest image that the base has (DM_TEMPLATE_IMAGE). Durable is what the manifest is; the rest its caller syncs. */
int dm_flatten(const char *dir, const char *base_dir, dm_err *err) DM_NODISCARD;

#endif
