/* api/life/look.h: what is shown of a sandbox, worded once for all mouths: what it uses now, and how much an event of
 * its history matters. Nothing here changes anything. */
#ifndef DM_API_LIFE_LOOK_H
#define DM_API_LIFE_LOOK_H

#include "base/wire/worker.h"

#include "api/kit/api.h"
#include "api/life/dispatch.h"

enum {
    DM_LOOK_NONE = 1, /* it is not there, or ended, or not there yet */
    DM_LOOK_NOTHING,  /* it has nothing to show: asleep, new, or its worker is away */
};

/* 0 and *u, as its worker saw it in the last second; one is its row. Blocks for as long as the worker needs, which asks
 * no guest (base/wire/worker.h). */
int dm_look_usage(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_wk_usage *u,
        dm_err *err) DM_NODISCARD;
/* How many vCPUs a row has, and how much of all of them it used, in percent with two decimals: no floating point. */
int64_t dm_look_vcpus(const dm_sandbox *s);
void dm_look_percent(const dm_wk_usage *u, int64_t vcpus, char out[32]);

/* The level of an event: an end that is our fault is a warning, the rest is information; there are no errors. */
const char *dm_look_level(dm_str cause);
/* An array of PostgreSQL's with the causes of that level and above: .p NULL for all events. DM_E_INVALID. */
enum { DM_LOOK_CAUSES = 512 };
int dm_look_causes(dm_str level, char causes[DM_LOOK_CAUSES], dm_str *out, dm_err *err) DM_NODISCARD;

#endif
