/* tenants/sandbox/seen.h: sandboxes of all tenants, as an operator sees them (role dm_ops): whose they are, where, and
 * what they are about; nothing of what is in them, or opens them. Reads alone, in the caller's transaction. */
#ifndef DM_TENANTS_SANDBOX_SEEN_H
#define DM_TENANTS_SANDBOX_SEEN_H

#include "base/json.h"

#include "tenants/sandbox/row.h"

/* .p NULL, or 0: any. */
typedef struct dm_seen_filter {
    dm_str state;   /* by its name; any: all that have not ended */
    dm_str account; /* its id */
    dm_str project; /* a slug, or its id */
    dm_worker_no worker;
    dm_sandbox_id from, to; /* between these, both included: dm_seen_prefix */
    bool killable;          /* only what could be ended now */
    bool from_cursor;       /* only what comes after (cursor_us, cursor_id) */
    int64_t cursor_us;
    dm_sandbox_id cursor_id;
    int64_t limit;
} dm_seen_filter;

/* Ids that begin with this text, "" : all. DM_E_INVALID: none does. */
int dm_seen_prefix(dm_str prefix, dm_seen_filter *f, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows. */
typedef struct dm_seen {
    dm_sandbox_id id;
    dm_str state, cause, detail; /* cause, detail: .p NULL, none */
    dm_str account_id, account, project, region;
    dm_worker_no worker; /* 0: none yet */
    dm_str worker_name;  /* .p NULL */
    dm_str template_id, alias, key_id;
    int64_t epoch, vcpus, mem_mib, disk_mib;
    int64_t created_us, started_us, end_us, paused_us, ended_us;
    int64_t expires_us; /* as in line.h; 0: no notice of it was given */
} dm_seen;

/* Newest first. The caller frees rows; dm_seen_read takes one row each. total: of all that the filter leaves; NULL: it
 * is not counted. */
int dm_seen_list(dm_pg *c, const dm_seen_filter *f, dm_pg_rows **rows, dm_pg_total *total, dm_err *err) DM_NODISCARD;
int dm_seen_read(const dm_pg_rows *rows, size_t i, dm_seen *out, dm_err *err) DM_NODISCARD;
void dm_seen_write(dm_jw *w, const dm_seen *s);

/* How many run, of each project that has some: its id and the number, at most limit rows. */
int dm_seen_running(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
