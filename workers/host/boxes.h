/* workers/host/boxes.h: every sandbox of this worker, found by its id, how many of them run and sleep, and which of
 * those that run are nobody's yet. The table owns what is linked into it; the counts are those of what is linked, at
 * any moment. Belongs to the worker's loop. */
#ifndef DM_WORKERS_HOST_BOXES_H
#define DM_WORKERS_HOST_BOXES_H

#include "base/map.h"

#include "workers/host/box.h"

enum { DM_BOXES_MAX = 1 << 20 }; /* asleep and ended ones included */

typedef struct dm_boxes dm_boxes;

int dm_boxes_new(dm_boxes **out, dm_err *err) DM_NODISCARD;
void dm_boxes_free(dm_boxes *t); /* its boxes go with it, their machines and stretches must be gone; NULL is fine */
DM_DEFINE_FREEP(dm_boxes)

/* On 0 b is the table's; nothing else of that id is in it. DM_E_LIMIT at DM_BOXES_MAX. */
int dm_boxes_link(dm_boxes *t, dm_box *b, dm_err *err) DM_NODISCARD;
/* Unlinks b, if it is linked, and frees it. */
void dm_boxes_drop(dm_boxes *t, dm_box *b);

dm_box *dm_boxes_find(const dm_boxes *t, const dm_sandbox_id *id);
/* All of them by dm_map_next, which says what may be dropped meanwhile. */
dm_map_walk dm_boxes_walk(const dm_boxes *t);

/* fn is told of each that begins to run (by 1) or does so no more (by -1), with its project. Before anything is linked.
 */
typedef void (*dm_boxes_run_fn)(void *arg, int64_t project, int by);
void dm_boxes_watch(dm_boxes *t, dm_boxes_run_fn fn, void *arg);

/* fn is told of each that begins to stand on a base (by 1) or does so no more (by -1): until it has ended it does.
 * Before anything is linked. */
typedef void (*dm_boxes_stand_fn)(void *arg, const char *base, int by);
void dm_boxes_watch_bases(dm_boxes *t, dm_boxes_stand_fn fn, void *arg);
/* b, which is linked and has not ended, stands on this one. */
void dm_boxes_stand_on(dm_boxes *t, dm_box *b, const char *base);

/* The only way to a new state (box.h has the table): the event must be possible in the state b is in. */
const dm_box_row *dm_boxes_move(dm_boxes *t, dm_box *b, dm_box_event event);

uint32_t dm_boxes_running(const dm_boxes *t);    /* running and pausing: what must have evidence of each second */
uint32_t dm_boxes_asleep(const dm_boxes *t);     /* asleep and waking */
uint64_t dm_boxes_mem_mib(const dm_boxes *t);    /* sizes of what has a machine, or is to have one */
uint64_t dm_boxes_asleep_mib(const dm_boxes *t); /* images of what is asleep and waking */

/* Those of which dm_box_nobodys is true: the newest, and on by next_unclaimed; and how many they are. */
dm_box *dm_boxes_unclaimed(const dm_boxes *t);
uint32_t dm_boxes_nunclaimed(const dm_boxes *t);
/* It is nobody's, and from here on it is not. */
void dm_boxes_claim(dm_boxes *t, dm_box *b);

#endif
