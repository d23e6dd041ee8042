/* api/e2b/mask.h: what E2B's listings show of a key or a token. */
#ifndef DM_API_E2B_MASK_H
#define DM_API_E2B_MASK_H

#include "base/json.h"

/* mask is ours: "e2b_ab...wxyz"; value_bytes: how long what follows the prefix is. */
void dm_e2b_write_mask(dm_jw *w, dm_str mask, const char *prefix, int64_t value_bytes);

#endif
