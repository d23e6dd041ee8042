/* api/dm/live_read.h: what a project's people are told of it, read once and written in parts, of which each stream
 * takes what its reader may see. */
#ifndef DM_API_DM_LIVE_READ_H
#define DM_API_DM_LIVE_READ_H

#include "api/kit/api.h"
#include "metering/read/cost.h"
#include "tenants/sandbox/changed.h"

enum {
    DM_LIVE_NEWEST = 10,   /* sandboxes, refusals and alerts of a snapshot */
    DM_LIVE_ROWS_MAX = 200 /* of each that are told one by one; of more, a snapshot is */
};

typedef struct dm_live_asked {
    dm_owner owner;
    int64_t now_us;           /* by the database's clock; 0: it is asked */
    bool whole, cost;         /* the newest of all; what it came to */
    const dm_sandbox_id *ids; /* which sandboxes, at most DM_LIVE_ROWS_MAX; their events in this order */
    size_t nids;
    const int64_t *denials; /* which refusals, as many at most, */
    size_t ndenials;
    const int64_t *alerts; /* and alerts */
    size_t nalerts;
} dm_live_asked;

typedef struct dm_live_told {
    dm_counts counts;
    /* Each a JSON value: cost and spend where cost, the others where whole. */
    dm_buf counts_json, cost, spend, newest, refused, warned;
    dm_buf lines[DM_LIVE_ROWS_MAX];   /* of each id: its line; empty: there is none */
    dm_buf denials[DM_LIVE_ROWS_MAX]; /* of each number, */
    dm_buf alerts[DM_LIVE_ROWS_MAX];  /* as of these */
} dm_live_told;

dm_live_told *dm_live_told_new(dm_err *err) DM_NODISCARD;
void dm_live_told_free(dm_live_told *t);
DM_DEFINE_FREEP(dm_live_told)

/* In a transaction of the owner's scope. What t had is forgotten first. */
int dm_live_read(dm_api *api, const dm_live_asked *asked, dm_live_told *t, dm_err *err) DM_NODISCARD;

/* The members of a snapshot, into an object that is open: null is what the reader may not see; what was not asked for
 * is left out. */
void dm_live_snapshot(dm_jw *w, const dm_live_told *t, dm_rights rights);

/* What it is coming to, as a JSON value; NULL: nothing is open. */
int dm_live_spend(dm_buf *out, const dm_read_spend *s, dm_err *err) DM_NODISCARD;

/* "event: name\nid: ...\ndata: ...\n\n" */
int dm_live_event(dm_buf *out, const char *name, int64_t id, dm_str json);

#endif
