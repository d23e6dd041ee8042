/* workers/host/boxes.h: every sandbox of this worker, found by its id, and how many of them run and sleep. The table
 * owns what is linked into it; the counts are those of what is linked, at any moment. Belongs to the worker's loop. */
#ifndef DM_WORKERS_HOST_BOXES_H
#define DM_WORKERS_HOST_BOXES_H

#include "workers/host/box.h"

typedef struct dm_boxes dm_boxes;

int dm_boxes_new(dm_boxes **out, dm_err *err) DM_NODISCARD;
void dm_boxes_free(dm_boxes *t); /* its boxes go with it, their machines and stretches must be gone; NULL is fine */
DM_DEFINE_FREEP(dm_boxes)

/* b is the table's from here on; nothing else of that id is in it. */
void dm_boxes_link(dm_boxes *t, dm_box *b);
/* Unlinks b, if it is linked, and frees it. */
void dm_boxes_drop(dm_boxes *t, dm_box *b);

dm_box *dm_boxes_find(const dm_boxes *t, const dm_sandbox_id *id);
/* The one after b, the first one after NULL, NULL after the last: in no order that means anything. Whoever may drop b
 * asks before he does. */
dm_box *dm_boxes_after(const dm_boxes *t, const dm_box *b);

/* The only way to a new state (box.h has the table): the event must be possible in the state b is in. */
const dm_box_row *dm_boxes_move(dm_boxes *t, dm_box *b, dm_box_event event);

uint32_t dm_boxes_running(const dm_boxes *t); /* running and pausing: what must have evidence of each second */
uint32_t dm_boxes_asleep(const dm_boxes *t);  /* asleep and waking */

#endif
