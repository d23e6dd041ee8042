/* base/wire/denial.h: one shape of "no". Every refusal of every layer carries the same object, so that an agent that is
 * told why and what to do instead recovers. Strings are borrowed. */
#ifndef DM_BASE_WIRE_DENIAL_H
#define DM_BASE_WIRE_DENIAL_H

#include "base/json.h"

typedef struct dm_denial {
    const char *what; /* what was refused: "sandbox.create" */
    const char *rule; /* stable name of the rule: "project.running_max" */
    bool has_limit;
    int64_t limit; /* what binds */
    bool has_current;
    int64_t current;       /* where the caller stands */
    const char *allowed;   /* what is allowed instead; NULL: nothing */
    int32_t retry_after_s; /* when a retry can succeed; -1: not by waiting */
    const char *cure;      /* one sentence */
    const char *doc;       /* path of the page that explains it */
} dm_denial;

/* The object, all eight members always there, null where there is nothing to say. */
void dm_denial_write(dm_jw *w, const dm_denial *d);

/* From JSON into d, whose strings point into obj. */
int dm_denial_read(const json_t *obj, dm_denial *d, dm_err *err) DM_NODISCARD;

#endif
