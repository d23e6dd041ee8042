/* metering/live/view.h: the thread that makes the live view (spend.h), about once a second, on a connection of its own.
 * Whoever takes evidence hands over what was counted: into memory that is his while the thread works on nothing, so
 * that what is shared is a word under a lock, and neither waits for the other, whatever the database does. Its failures
 * are logged and counted, and it goes on: nothing else depends on it. */
#ifndef DM_METERING_LIVE_VIEW_H
#define DM_METERING_LIVE_VIEW_H

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include "metering/live/spend.h"

enum { DM_VIEW_COUNTED_MAX = 1 << 16 /* of one hand-over; the others come with the next */ };

typedef struct dm_view dm_view;

typedef struct dm_view_config {
    const char *db; /* libpq's */
    dm_log *log;    /* may be NULL, as the next */
    dm_metrics *metrics;
    dm_spend_config spend;
} dm_view_config;

int dm_view_new(const dm_view_config *config, dm_view **out, dm_err *err) DM_NODISCARD;
/* Waits for the round it is in. NULL is fine. */
void dm_view_free(dm_view *v);
DM_DEFINE_FREEP(dm_view)

/* The thread that takes evidence: where to put at most DM_VIEW_COUNTED_MAX counters; NULL: it is not digested yet what
 * was given last. Given back by dm_view_give, which wakes the thread: newest is the newest second of the stream. */
dm_counted *dm_view_room(dm_view *v);
void dm_view_give(dm_view *v, size_t n, int64_t newest);

#endif
