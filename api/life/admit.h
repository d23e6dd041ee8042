/* api/life/admit.h: the order that makes a sandbox run, from its row and its build. */
#ifndef DM_API_LIFE_ADMIT_H
#define DM_API_LIFE_ADMIT_H

#include "base/wire/worker.h"

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/template.h"

typedef struct dm_admit {
    dm_wk_admit m; /* points into the rest */
    char sandbox[DM_SANDBOX_ID_TEXT], template_id[DM_TEMPLATE_ID_TEXT], build_id[DM_UUID_TEXT];
    char image[65], user[65], hostname[64], workdir[4096], previous[2 * DM_SHA256 + 1], token[256], checkpoint[64];
} dm_admit;

/* Opens the sealed token and environment of s. The caller: dm_admit_done, which wipes. Big: not for a small stack. */
int dm_admit_fill(dm_api *api, const dm_sandbox *s, const dm_build_made_of *made, int64_t timeout_us, dm_admit *out,
        dm_err *err) DM_NODISCARD;
void dm_admit_done(dm_admit *a);

#endif
