/* workers/host/dial.h: what the door asks before it dials a port of a sandbox again (it was closed), or with a body
 * that it could not send twice: wait until something listens there, and say where. A second at most; then it may try
 * all the same, since not everything that answers is a listener that the agent sees. The agent looks, nobody connects:
 * a server that takes one connection only is not robbed of it.
 *
 * Bounds (limits.h): sandbox ports at once, of one sandbox and of one project, so that nobody takes them all by
 * knocking on closed ports of his own; requests for each, of one project, and in all; past them the answer comes at
 * once. What listens is believed for a second. Belongs to the worker's loop. */
#ifndef DM_WORKERS_HOST_DIAL_H
#define DM_WORKERS_HOST_DIAL_H

#include "base/http.h"

#include "workers/host/worker.h"

typedef struct dm_dials dm_dials;

int dm_dials_new(dm_worker *w, dm_dials **out, dm_err *err) DM_NODISCARD;
/* Whoever waits is not answered any more. */
void dm_dials_free(dm_dials *d);
DM_DEFINE_FREEP(dm_dials)

/* A handler's end. 204: dial, at the header X-Dm-Port when there is one; 403: that sandbox does not run here any more.
 */
int dm_dials_ask(
        dm_dials *d, dm_req *req, const dm_sandbox_id *id, int64_t epoch, uint16_t port, dm_err *err) DM_NODISCARD;

#endif
