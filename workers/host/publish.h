/* workers/host/publish.h: from the journal to Kafka, in the journal's order, as often as needed. What the broker loses,
 * or may take later, is read from the journal again; nothing is taken from memory. Twice is harmless: the ledger's
 * merge is. A record that the broker will never take is kept as a dead letter (dead.h), and what follows it goes on:
 * the ledger names the gap. A topic that takes nothing at all is waited for, like a broker that is away: there what
 * follows would fare no better, and nothing of it is given up. Whole segments are forgotten only when the ledger says
 * that it has what is in them. Belongs to the loop. */
#ifndef DM_WORKERS_HOST_PUBLISH_H
#define DM_WORKERS_HOST_PUBLISH_H

#include "workers/host/worker.h"

typedef struct dm_publish dm_publish;

int dm_publish_new(dm_worker *w, dm_publish **out, dm_err *err) DM_NODISCARD;
void dm_publish_free(dm_publish *p);
DM_DEFINE_FREEP(dm_publish)

/* Whether the journal may forget what stands up to this frame: it has been in the ledger for a while (and so have the
 * attestations that follow it), and its period is over. A worker that dies before that needs it to attest the period.
 */
bool dm_publish_done_with(const dm_worker_mark *at, uint64_t boot, uint64_t frame, int64_t second);

#endif
