/* api/life/look.h: what is shown of a sandbox, worded once for all mouths: what it uses now, and how much an event of
 * its history matters. Nothing here changes anything. */
#ifndef DM_API_LIFE_LOOK_H
#define DM_API_LIFE_LOOK_H

#include "base/wire/worker.h"

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "metering/read/past.h"

enum {
    DM_LOOK_NONE = 1, /* it is not there, or ended, or not there yet */
    DM_LOOK_NOTHING,  /* it has nothing to show: asleep, new, or its worker is away */
};

/* 0 and *u, as its worker saw it in the last second; one is its row. Blocks for as long as the worker needs, which asks
 * no guest (base/wire/worker.h). */
int dm_look_usage(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_wk_usage *u,
        dm_err *err) DM_NODISCARD;
/* What it used a while ago, whatever has become of it; asked->id NULL: the project did, and one is not filled. 0 or
 * DM_LOOK_NONE, where it never was this project's. */
typedef struct dm_look_past {
    dm_sandbox_one one;
    size_t n;
    int64_t step_s;
    dm_past_point points[DM_PAST_POINTS_MAX];
} dm_look_past;
void dm_look_past_free(dm_look_past *p);
DM_DEFINE_FREEP(dm_look_past)
int dm_look_past_read(
        dm_api *api, const dm_caller *caller, const dm_past_asked *asked, dm_look_past **out, dm_err *err) DM_NODISCARD;

/* How many vCPUs a row has, and how much of all of them it used, in percent with two decimals: no floating point. */
int64_t dm_look_vcpus(const dm_sandbox *s);
void dm_look_percent(const dm_wk_usage *u, int64_t vcpus, char out[32]);
void dm_look_past_percent(const dm_past_point *p, int64_t vcpus, char out[32]);
int64_t dm_look_mem_mib(const dm_sandbox *s);

/* The level of an event: an end that is our fault is a warning, the rest is information; there are no errors. */
const char *dm_look_level(dm_str cause);
/* An array of PostgreSQL's with the causes of that level and above: .p NULL for all events. DM_E_INVALID. */
enum { DM_LOOK_CAUSES = 512 };
int dm_look_causes(dm_str level, char causes[DM_LOOK_CAUSES], dm_str *out, dm_err *err) DM_NODISCARD;

#endif
