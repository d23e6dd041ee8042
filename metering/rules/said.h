/* metering/rules/said.h: members of JSON of ours, which are written in one form and taken in no other. Pure. */
#ifndef DM_METERING_RULES_SAID_H
#define DM_METERING_RULES_SAID_H

#include "base/json.h"

/* "2026-03-02T22:00:00Z", as seconds since the epoch. One that is missing is DM_E_INVALID, as any other. */
int dm_said_time(const json_t *obj, const char *name, int64_t *out, dm_err *err) DM_NODISCARD;
/* n bytes, as 2n digits. */
int dm_said_hex(const json_t *obj, const char *name, void *out, size_t n, dm_err *err) DM_NODISCARD;

#endif
