/* api/kit/denial.h: the table of this API's refusals (denials.def). */
#ifndef DM_API_KIT_DENIAL_H
#define DM_API_KIT_DENIAL_H

#include "base/wire/denial.h"

typedef enum dm_no {
#define NO(name, rule, status, error_code, retry_after_s, page, cure) DM_NO_##name,
#include "api/kit/denials.def"
#undef NO
    DM_NOS
} dm_no;

typedef struct dm_no_row {
    const char *rule;
    int status;
    const char *error_code; /* E2B's; NULL: none */
    int32_t retry_after_s;  /* -1: not by waiting */
    const char *doc, *cure;
} dm_no_row;

const dm_no_row *dm_no_get(dm_no no);
/* what: the refused act, "sandbox.create". */
dm_denial dm_no_denial(dm_no no, const char *what);

#endif
