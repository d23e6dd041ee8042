/* workers/host/evidence/segment.h: the records of one file of the journal, by themselves: journal.c says what they are
 * for. Blocking; keeps nothing. */
#ifndef DM_WORKERS_HOST_EVIDENCE_SEGMENT_H
#define DM_WORKERS_HOST_EVIDENCE_SEGMENT_H

#include "workers/host/evidence/journal.h"

enum { DM_SEGMENT_HEAD = 5, DM_SEGMENT_TAIL = 4, DM_SEGMENT_MARK = DM_SEGMENT_HEAD + 16 + DM_SEGMENT_TAIL };

void dm_segment_put(dm_buf *b, dm_record type, dm_str payload);

/* The record at offset: its payload into b. DM_JOURNAL_END where no whole record stands any more: a clean end or a torn
 * one; *torn tells them apart. */
int dm_segment_record(int fd, uint64_t offset, dm_record *type, dm_buf *b, bool *torn, dm_err *err) DM_NODISCARD;

/* Where reading goes on behind a bad record; DM_JOURNAL_END: nothing behind it is known to have been durable. */
int dm_segment_resync(int fd, uint64_t segment, uint64_t bad, uint64_t *to, dm_err *err) DM_NODISCARD;

/* Each good record to the descriptor out, unless that is negative; skip, unless it is NULL, is told of each place that
 * was damaged, and *places says how many those were. Marks are left out: they would not be where they say they are. */
typedef void (*dm_segment_skip_fn)(void *arg, uint64_t offset, uint64_t to);
int dm_segment_copy(int fd, uint64_t segment, int out, dm_segment_skip_fn skip, void *arg, unsigned *places,
        dm_err *err) DM_NODISCARD;

#endif
