/* workers/host/evidence/journal.h: what this worker can prove. An append-only row of records in segment files, fsync'd
 * before anybody is told; after a crash the worker's boxes, its boot count, its frames and the events nobody
 * acknowledged are rebuilt from it.
 *
 * A record is u32 length of payload, u8 type, payload, u32 crc32c over type and payload. A segment begins with a
 * snapshot: the owner writes all it still needs, then the journal writes a SNAPSHOT record; so recovery reads state
 * from the newest whole snapshot on, and older segments matter only for the frames and attestations in them, until the
 * server says that it has those for good and their period is attested.
 * All that a snapshot knows of is durable before a byte of it is.
 *
 * Adding is asynchronous and commits in groups: records gather while an fdatasync is under way and go out together in
 * the next. A torn tail is cut off at open. Damage in the newest segment with durable records behind it is said loudly,
 * and costs what is damaged alone; in an older one it is DM_E_CORRUPT. A full disk is waited out: nothing is lost from
 * memory, dm_journal_full says so, and the owner refuses work meanwhile. Belongs to the loop; the writing runs on the
 * executor. */
#ifndef DM_WORKERS_HOST_EVIDENCE_JOURNAL_H
#define DM_WORKERS_HOST_EVIDENCE_JOURNAL_H

#include "base/buf.h"
#include "base/exec.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"

#include "workers/host/limits.h"

typedef enum dm_record {
    DM_RECORD_BOOT = 1,      /* JSON: boot, previous boot's last frame, the kernel's boot id */
    DM_RECORD_ENROLLED = 2,  /* JSON dm_wk_enrolled */
    DM_RECORD_BOX = 3,       /* JSON: a box after a transition, whole */
    DM_RECORD_GONE = 4,      /* a sandbox's written id: nothing more is owed to it */
    DM_RECORD_FRAME = 5,     /* base/wire/frame */
    DM_RECORD_ATTEST = 6,    /* base/wire/attest, a whole message */
    DM_RECORD_EVENT = 7,     /* JSON dm_wk_event */
    DM_RECORD_ACKED = 8,     /* u64: events up to this one were taken by the API */
    DM_RECORD_DURABLE = 9,   /* u64 boot, u64 frame: the ledger has these for good */
    DM_RECORD_SNAPSHOT = 10, /* what stands before it in its segment is the whole state */
    DM_RECORD_MARK =
            11, /* the journal's own: u64 segment, u64 offset: all before here was durable; nobody is shown it */
    DM_RECORD_CLAIM = 12, /* a sandbox's written id: its box, which runs, is somebody's */
} dm_record;

/* A place between two records. */
typedef struct dm_journal_pos {
    uint64_t segment, offset;
} dm_journal_pos;

typedef struct dm_journal dm_journal;

typedef struct dm_journal_config {
    const char *dir;
    size_t segment_bytes; /* a new one is begun past this */
    size_t bytes_max;     /* all segments together: past this dm_journal_full */
    dm_loop *loop;
    dm_exec *exec;
    dm_log *log;
    dm_metrics *metrics; /* or NULL */
    /* Adds the records that make the whole state, by dm_journal_add. */
    void (*snapshot)(void *arg, dm_journal *j);
    /* The journal cannot be written (not for want of room): the worker must stop. */
    void (*broken)(void *arg, const dm_err *err);
    void *arg;
} dm_journal_config;

/* One record on replay; payload is borrowed. state is false for records that stand before the newest snapshot's
 * segment: only frames and attestations of them still count. */
typedef int (*dm_journal_replay_fn)(
        void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err);

/* Replays what is there, then begins a new segment: the caller must be ready for `snapshot` once replay is over. */
int dm_journal_open(
        const dm_journal_config *config, dm_journal_replay_fn replay, dm_journal **out, dm_err *err) DM_NODISCARD;
/* Who is asked for snapshots from here on: config.arg was replay's. */
void dm_journal_belongs(dm_journal *j, void *arg);
/* Begins the first segment of this boot; adding works from here on. */
void dm_journal_begin(dm_journal *j);
void dm_journal_free(dm_journal *j); /* waits for what is being written */
DM_DEFINE_FREEP(dm_journal)

/* call may be NULL; else it runs on the loop when the record is durable, and is the caller's memory until then. Without
 * memory for the record the worker cannot keep evidence: config.broken. */
void dm_journal_add(dm_journal *j, dm_record type, dm_str payload, dm_call *call);
/* The same of a payload that was written into a buffer: one that overflowed or found no memory is no record, and
 * config.broken. A record that breaks off would break the next replay. */
void dm_journal_add_buf(dm_journal *j, dm_record type, const dm_buf *payload, dm_call *call);
/* For one who owes a record and cannot even make it: config.broken. */
void dm_journal_cannot(dm_journal *j, const dm_err *why);
bool dm_journal_full(const dm_journal *j);
bool dm_journal_quiet(const dm_journal *j); /* nothing waits to be written */

/* Reads the next durable record at or after *pos into b and moves *pos behind it. Segments that went are skipped, and
 * so is what is damaged, where it is known what follows it. */
enum { DM_JOURNAL_END = 1 };
int dm_journal_read(dm_journal *j, dm_journal_pos *pos, dm_record *type, dm_buf *b, dm_err *err) DM_NODISCARD;

/* Forgets whole segments before this one; never the newest snapshot's. One that cannot be removed stays, counts, and is
 * tried again at the next call. */
void dm_journal_drop_before(dm_journal *j, uint64_t segment);

#endif
