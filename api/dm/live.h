/* api/dm/live.h: streams of what a project's people see change. One thread reads for all of them: what changed of the
 * projects that are watched, a few times a second and only while somebody watches, by when rows were written. So it is
 * the same from every replica, a project is read once however many watch it, and who changes a row does nothing for it
 * (ARCHITECTURE.md, How changes are shown). Thread-safe but for dm_live_round. */
#ifndef DM_API_DM_LIVE_H
#define DM_API_DM_LIVE_H

#include "api/kit/api.h"

enum { DM_LIVE_FULL = 1, DM_LIVE_MINE, DM_LIVE_PROJECT }; /* no room: at all, of this reader, of this project */

enum {
    DM_LIVE_MINE_MAX = 16,          /* streams of one person or key */
    DM_LIVE_BUFFER_MAX = 256 << 10, /* bytes that wait for a reader; past it he is dropped, and resumes */
    DM_LIVE_RESUME_S = 120,         /* so old an id may be; of an older one a snapshot is told */
};

/* api is borrowed, and need not be whole yet. max: streams in all; a quarter of it of one project. Not threaded:
 * dm_live_round is called by hand (tests). */
int dm_live_new(dm_api *api, unsigned max, bool threaded, dm_live **out, dm_err *err) DM_NODISCARD;
/* Ends them all; the server whose streams they are may be gone. */
void dm_live_free(dm_live *l);
DM_DEFINE_FREEP(dm_live)

/* Another stream: the request is its caller's. since: the id that its reader knows, 0: none. 0: it goes on, and req is
 * gone. Else an outcome, with the limit that binds, or a failure; then the request is there to be answered. */
int dm_live_join(dm_live *l, dm_req *req, int64_t since, int64_t *limit, dm_err *err) DM_NODISCARD;

/* Somebody's rights may have changed, or a session ended: all are looked at again at once. */
void dm_live_doubt(dm_live *l);

void dm_live_round(dm_live *l);

#endif
