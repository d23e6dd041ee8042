/* metering/ledger/track.h: which frames of which worker have arrived. A worker's word "all seconds up to s are final"
 * is worth something only when every frame up to the one that says it is here. So a worker's mark is the last frame
 * (boot, number) before which none is missing, and the watermark is what that frame says.
 *
 * Numbers begin at 1 in each boot. A boot's first frame says with which number the newest earlier boot that wrote any
 * ended (0: there was none): it follows the mark if that is where the mark stands, or if it has forgotten the end of
 * that boot and begins with no later second than the one behind the mark's. Frames beyond a gap wait; the
 * gap is filled by the worker's journal, or written off by the caller, and remembered, so that what arrives afterwards
 * is seen to be late and not taken for a repetition. Frames in parts count when all parts are here. Of the newest
 * frames it is remembered what they were, so that another one under the same number is told from a repetition. Pure: no
 * I/O, no clock. */
#ifndef DM_METERING_LEDGER_TRACK_H
#define DM_METERING_LEDGER_TRACK_H

#include "base/wire/frame.h"
#include "base/wire/number.h"

#include "metering/limits.h"

enum {
    DM_TRACK_NEW = 0,
    DM_TRACK_SEEN = 1,    /* a repetition: it changes nothing */
    DM_TRACK_LATE = 2,    /* it was missing and had been written off */
    DM_TRACK_NO_ROOM = 3, /* nothing was noted of it: there are DM_WORKERS_MAX others */
    DM_TRACK_OTHER = 4,   /* another frame than the one that was taken under this number: it changes nothing here */
};

typedef struct dm_track dm_track;

typedef struct dm_track_mark {
    uint64_t boot, frame;     /* 0, 0: nothing yet */
    int64_t second;           /* of that frame, or of the last before it whose date could be; -1 */
    int64_t complete_through; /* the watermark; -1 */
} dm_track_mark;

/* Frames first..last of a boot, which never came. from_s..to_s are the seconds between their neighbours. */
typedef struct dm_track_gap {
    dm_worker_no worker_no;
    uint64_t boot, first, last;
    int64_t from_s, to_s;
} dm_track_gap;

int dm_track_new(dm_track **out, dm_err *err) DM_NODISCARD;
void dm_track_free(dm_track *t);
DM_DEFINE_FREEP(dm_track)

/* What the ledger knows, before any frame is taken. 0 or DM_TRACK_NO_ROOM. */
int dm_track_restore(dm_track *t, dm_worker_no worker_no, const dm_track_mark *mark, dm_err *err) DM_NODISCARD;
int dm_track_restore_gap(dm_track *t, const dm_track_gap *gap, dm_err *err) DM_NODISCARD;

/* One part of a frame. *whole: with it all parts are here. DM_E_INVALID when it contradicts another part of the same
 * frame or has too many parts; DM_E_LIMIT when too many wait behind a gap: then the caller writes that off. */
int dm_track_take(dm_track *t, const dm_frame_head *head, bool *whole, dm_err *err) DM_NODISCARD;

/* {0, 0, -1, -1} for a worker never heard of. */
dm_track_mark dm_track_mark_of(const dm_track *t, dm_worker_no worker_no);

/* Moves the mark over the gaps that lie before a frame of a second below `before`, which was received: each is told to
 * `told` and remembered. Returns how many; negative without memory. */
int dm_track_write_off(dm_track *t, dm_worker_no worker_no, int64_t before,
        void (*told)(void *arg, const dm_track_gap *gap), void *arg, dm_err *err) DM_NODISCARD;

/* Each worker heard of, for saving: changed since the last dm_track_saved. */
void dm_track_each_changed(
        const dm_track *t, void (*each)(void *arg, dm_worker_no worker_no, const dm_track_mark *mark), void *arg);
void dm_track_saved(dm_track *t);

#endif
