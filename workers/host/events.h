/* workers/host/events.h: what happened to sandboxes and the API has not acknowledged, in order of seq, which counts
 * over all boots without a gap. Each is journalled when it is added, and again at the head of each segment while it is
 * held; what a record later in the journal says was taken is forgotten at the end of replay. Belongs to the worker's
 * loop. */
#ifndef DM_WORKERS_HOST_EVENTS_H
#define DM_WORKERS_HOST_EVENTS_H

#include "workers/host/box.h"
#include "workers/host/evidence/journal.h"

typedef struct dm_events dm_events;

int dm_events_new(dm_events **out, dm_err *err) DM_NODISCARD;
void dm_events_free(dm_events *e); /* NULL is fine */
DM_DEFINE_FREEP(dm_events)

/* b fell asleep or ended at that moment. Without memory for the event the journal is broken: the worker ends, and its
 * successor finds what the box owes. */
void dm_events_add(dm_events *e, dm_journal *j, const dm_box *b, int64_t at_us);
/* The API has those up to seq. */
void dm_events_acked(dm_events *e, dm_journal *j, uint64_t seq);

/* The one after held, the oldest after NULL, NULL after the newest. */
const dm_wk_event *dm_events_after(const dm_events *e, const dm_wk_event *held);
uint32_t dm_events_held(const dm_events *e);
uint64_t dm_events_seq(const dm_events *e);   /* of the newest there was, acknowledged or not */
uint64_t dm_events_taken(const dm_events *e); /* the API has those up to this one */
/* Adds a record of each that is held: its part of a snapshot. */
void dm_events_journal(const dm_events *e, dm_journal *j);

/* Replay, record by record. One that is held is told again by each snapshot: only the first time counts. */
int dm_events_replay(dm_events *e, const json_t *obj, dm_err *err) DM_NODISCARD;
void dm_events_replay_seq(dm_events *e, uint64_t seq);
void dm_events_replay_acked(dm_events *e, uint64_t seq);
void dm_events_replayed(dm_events *e);

#endif
