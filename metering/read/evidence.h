/* metering/read/evidence.h: what of the evidence came and what did not, for operators: how far each worker's is, and
 * how far the stream was read; seconds and frames that are missing; dead letters. Role dm_ops, in the caller's
 * transaction. Strings are borrowed of the rows, which the caller frees; times are microseconds of UTC where the name
 * says so, else its seconds. */
#ifndef DM_METERING_READ_EVIDENCE_H
#define DM_METERING_READ_EVIDENCE_H

#include "base/pg.h"
#include "base/wire/id.h"

enum { DM_EVIDENCE_PERIODS_MAX = 48, DM_EVIDENCE_BYTES = 768 /* of a dead letter, those that are shown */ };

/* --- how far ------------------------------------------------------------------------------------------------ */

typedef struct dm_evidence_mark {
    int64_t no, boot, frame, through; /* 0: nothing came yet; seconds before `through` are there */
    int64_t beat_us;
    dm_str name, region, state;
    /* JSON: a word for each of the periods, the oldest first: "ok"; "gap": frames of it never came; "late": it was not
     * waited for; "unattested"; "none": it was not there then */
    dm_str cells;
} dm_evidence_mark;

/* By number, those after it; of the last so many periods that are written. */
int dm_evidence_marks(dm_pg *c, int64_t after, int64_t limit, int64_t periods, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_evidence_mark_read(const dm_pg_rows *rows, size_t i, dm_evidence_mark *out);
/* Where those begin, in microseconds: a row each. */
int dm_evidence_periods(dm_pg *c, int64_t periods, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

typedef struct dm_evidence_part {
    int64_t part, next, generation; /* next -2: it was never read */
    dm_str topic;
} dm_evidence_part;

/* By topic and number, those after them; topic is written with '-' for '.', .p NULL: from the first on. */
int dm_evidence_parts(dm_pg *c, dm_str topic, int64_t part, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_evidence_part_read(const dm_pg_rows *rows, size_t i, dm_evidence_part *out);

/* --- what is missing ---------------------------------------------------------------------------------------- */

/* Seconds of a sandbox without evidence, and so without charge. Where a row stands among others: the first six. */
typedef struct dm_evidence_gap {
    int64_t period_us, account_no, project_no, epoch, from_s, to_s;
    dm_sandbox_id sandbox;
    dm_str account, project, cause, resolution; /* ids; .p NULL: of none that there is */
} dm_evidence_gap;

/* Newest period first, those after *after (NULL: from the first on); period_us 0: of all; account, an id, .p NULL: of
 * all. */
int dm_evidence_gaps(dm_pg *c, int64_t period_us, dm_str account, const dm_evidence_gap *after, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
int dm_evidence_gap_read(const dm_pg_rows *rows, size_t i, dm_evidence_gap *out, dm_err *err) DM_NODISCARD;

/* Frames of a worker that never came. */
typedef struct dm_evidence_lost {
    int64_t worker, boot, first, last, from_s, to_s, written_off_us;
    dm_str name;
} dm_evidence_lost;

/* Newest first, those after *after (its first three and from_s; NULL: from the first on); worker 0: of all. */
int dm_evidence_lost_frames(dm_pg *c, int64_t worker, const dm_evidence_lost *after, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_evidence_lost_read(const dm_pg_rows *rows, size_t i, dm_evidence_lost *out);

/* --- what could not be taken -------------------------------------------------------------------------------- */

typedef struct dm_evidence_dead {
    int64_t no, at_us, sent_us, count; /* sent 0: it waits to be told to the topic of dead letters */
    int64_t bytes;                     /* of it, those that are kept */
    dm_str reason, detail, topic;      /* topic .p NULL: it was found when a period was billed, and has no bytes */
    dm_str place;                      /* JSON: {"partition", "offset", "timestamp_ms"}, or {"worker", ...} */
    dm_str value;                      /* base64, the first of its bytes */
} dm_evidence_dead;

/* Newest first, those of a number below `before`; reason .n 0: all. What a worker could not send is in its own folder,
 * and in the topic alone. */
int dm_evidence_dead_letters(dm_pg *c, dm_str reason, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_evidence_dead_read(const dm_pg_rows *rows, size_t i, dm_evidence_dead *out);

#endif
