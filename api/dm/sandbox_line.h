/* api/dm/sandbox_line.h: a sandbox as our own routes show it, in one shape everywhere. */
#ifndef DM_API_DM_SANDBOX_LINE_H
#define DM_API_DM_SANDBOX_LINE_H

#include "base/http.h"
#include "base/json.h"

#include "metering/read/usage.h"
#include "tenants/sandbox/line.h"

/* What is known of its seconds and its charge; NULL members: nobody asked. */
typedef struct dm_line_spent {
    const dm_usage *last_hour;
    const dm_read_month *month;
    int64_t closed_through;
} dm_line_spent;

/* The object. */
void dm_write_line(dm_jw *w, const dm_sandbox_line *l, const dm_line_spent *spent);
/* Its members, into an object that is open. */
void dm_write_line_members(dm_jw *w, const dm_sandbox_line *l, const dm_line_spent *spent);

/* [[state, seconds], ...] of what is closed: "run", "hib", "off", "gap". */
void dm_write_runs(dm_jw *w, const dm_usage *u);
/* A time in whole seconds; null for 0. */
void dm_write_second(dm_jw *w, const char *name, int64_t second);
/* A time in the query, in RFC 3339; not there: *second stays as it is. */
int dm_read_second(const dm_req *req, const char *name, int64_t *second, dm_err *err) DM_NODISCARD;
void dm_write_cause(dm_jw *w, dm_cause cause); /* cause and whose */

#endif
