/* metering/ledger/window.h: the frames taken since the last flush, as received, grouped by worker, boot and period:
 * each group becomes a chunk of the ledger. A second much like the one before folds to almost nothing under zstd. One
 * thread. */
#ifndef DM_METERING_LEDGER_WINDOW_H
#define DM_METERING_LEDGER_WINDOW_H

#include "base/wire/frame.h"
#include "base/wire/number.h"

#include "metering/limits.h"

typedef struct dm_chunk {
    dm_worker_no worker_no;
    uint64_t boot, first_frame, last_frame;
    uint32_t first_part, frames; /* frames: parts count one each */
    int64_t period_start, first_second, last_second;
    dm_buf raw; /* frames, one after the other */
} dm_chunk;

typedef struct dm_window dm_window;

int dm_window_new(dm_window **out, dm_err *err) DM_NODISCARD;
void dm_window_free(dm_window *w);
DM_DEFINE_FREEP(dm_window)

/* A chunk whose first_part is at least this has one frame, which another was taken instead of. */
enum { DM_CHUNK_APART = DM_TRACK_PARTS_MAX };

/* bytes is one frame (a part), whose head this is. apart: in a chunk of its own. */
int dm_window_add(dm_window *w, const dm_frame_head *head, int64_t period_start, dm_str bytes, bool apart,
        dm_err *err) DM_NODISCARD;
size_t dm_window_count(const dm_window *w);
size_t dm_window_bytes(const dm_window *w); /* the caller flushes before this grows past what it can bear */
const dm_chunk *dm_window_get(const dm_window *w, size_t i);
void dm_window_clear(dm_window *w);
uint64_t dm_window_steps(const dm_window *w); /* groups looked at so far to find those of the frames, for a test */

int dm_chunk_pack(dm_str raw, dm_buf *out, dm_err *err) DM_NODISCARD;
/* raw_bytes as the ledger has it; anything else is DM_E_CORRUPT. */
int dm_chunk_unpack(dm_str packed, size_t raw_bytes, dm_buf *raw, dm_err *err) DM_NODISCARD;
/* Takes the next frame off the front of raw. False at the end, or at what is no frame: then raw is not empty. */
bool dm_chunk_next(dm_str *raw, dm_str *frame);

#endif
