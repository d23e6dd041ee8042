/* api/life/hold.h: what runs and should not (tenants/sandbox/hold.h) is put to sleep, never ended, with its cause. Any
 * instance may do it, all may at once: whoever moves the row first gives the order. */
#ifndef DM_API_LIFE_HOLD_H
#define DM_API_LIFE_HOLD_H

#include "api/kit/api.h"

enum { DM_HOLD_AT_ONCE = 20, DM_HOLD_MAX = 400 };

/* Up to DM_HOLD_MAX of them, DM_HOLD_AT_ONCE at a time; each second, on a thread of its own: it blocks for as long as
 * the workers need. *slept: how many sleep now. One that could not be put to sleep runs on, and is tried again. */
int dm_hold_carry_out(dm_api *api, unsigned *slept, dm_err *err) DM_NODISCARD;

#endif
