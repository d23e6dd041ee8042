/* tenants/sandbox/line.h: a project's sandboxes as its people look at them: a line each, those that have ended too, in
 * the order in which they were created; and what they can be found by. Nothing sealed is read, and nothing that a host
 * said of itself. Only reads; whoever calls has opened the transaction and set its scope. */
#ifndef DM_TENANTS_SANDBOX_LINE_H
#define DM_TENANTS_SANDBOX_LINE_H

#include "tenants/sandbox/row.h"

/* Strings are borrowed of the rows they were read from; .p NULL: none. Times are microseconds, 0 for none. */
typedef struct dm_sandbox_line {
    dm_sandbox_id id;
    dm_sandbox_state state;
    dm_cause cause;
    int64_t epoch;
    dm_str region, key_id, key_name, template_id, build_id, alias, metadata;
    int64_t asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib;
    int64_t created_us, started_us, end_us, paused_us, ended_us;
    bool forked; /* it began with the memory and the disk of parent */
    dm_sandbox_id parent;
    int64_t expires_us; /* it sleeps and is deleted then (tenants/sandbox/expiry.h), if it sleeps on */
} dm_sandbox_line;

typedef struct dm_line_filter {
    bool states[DM_SANDBOX_STATES]; /* none of them: all */
    uint32_t causes;                /* a bit each; 0: any, and none */
    dm_str labels;                  /* a JSON array of [kind, name, value]: template, key, pair; .p NULL: none */
    dm_str words;                   /* all of which must be in the metadata; .p NULL: none */
    dm_str id_prefix;               /* "i0a"; .p NULL: any */
    bool by_parent;                 /* only what was forked from parent; never with id_prefix */
    dm_sandbox_id parent;
    bool ascending;   /* else the newest first */
    bool from_cursor; /* only what comes after these in that order */
    int64_t cursor_us;
    dm_sandbox_id cursor_id;
    int64_t limit;
} dm_line_filter;

typedef struct dm_lines {
    dm_pg_rows *rows; /* at most limit; the caller frees it; NULL: none */
    bool more;        /* there may be more after (next_us, next_id) */
    int64_t next_us;
    dm_sandbox_id next_id;
    dm_pg_total total; /* how many the filter leaves, of so many that are counted */
} dm_lines;

/* A page. One request looks at no more than DM_LINES_LOOKED sandboxes: where a filter leaves few of many, a page may be
 * short and still have more after it. What out held is let go first; dm_lines_done afterwards. */
int dm_lines_find(dm_pg *c, dm_owner owner, const dm_line_filter *f, dm_lines *out, dm_err *err) DM_NODISCARD;
void dm_lines_done(dm_lines *l);
int dm_line_read(const dm_pg_rows *rows, size_t i, dm_sandbox_line *out, dm_err *err) DM_NODISCARD;

/* These alone, in no order: of a list of ids, at most DM_BULK_MAX. */
int dm_lines_of(
        dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

typedef struct dm_line_events {
    bool ascending;   /* else the newest first */
    bool from_cursor; /* only what comes after these in that order */
    int64_t cursor_us, cursor_no;
    int64_t limit;
    dm_str causes; /* an array of PostgreSQL's: only what has one of these causes; .p NULL: all */
    dm_str search; /* only what has this in its "state: why"; .n 0: all */
} dm_line_events;

/* What one went through: event_no, at_us, epoch, from, to, cause, why, who. total: of all that the filter leaves. */
int dm_line_history(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const dm_line_events *e, dm_pg_rows **rows,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;

/* The number of a key of the project by its id; 0: it has no such key. */
int dm_line_key(dm_pg *c, dm_owner owner, dm_str key_id, int64_t *out, dm_err *err) DM_NODISCARD;

#endif
