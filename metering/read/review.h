/* metering/read/review.h: how the ledger is, for operators: its periods, what was compared of them, and what did not
 * fit together. Role dm_ops, in the caller's transaction. Times are microseconds of UTC; strings are borrowed of the
 * rows, which the caller frees. */
#ifndef DM_METERING_READ_REVIEW_H
#define DM_METERING_READ_REVIEW_H

#include "base/pg.h"

typedef struct dm_review_period {
    int64_t start_us, period_s, written_us, closed_us; /* closed 0: not yet */
    int64_t open, closed, empty;                       /* accounts */
    int64_t workers, complete, attested;
    dm_str late;   /* a JSON array: names of the workers that were not complete, the first hundred */
    int64_t gap_s; /* seconds of sandboxes without evidence, and so without charge */
    int64_t anomalies;
    int64_t compared, differ; /* reconciliations */
} dm_review_period;

/* Newest first, those that begin before `before_us`. */
int dm_review_periods(
        dm_pg *c, int64_t before_us, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_review_period_read(const dm_pg_rows *rows, size_t i, dm_review_period *out);

typedef struct dm_review_check {
    int64_t period_us, no, compared, differ, at_us;
    dm_str detail;
} dm_review_check;

/* The name of a comparison by its number; NULL: there is none. */
const char *dm_review_check_name(int64_t no);
/* Newest period first, then by number: those after (before_us, no). differing: no others. */
int dm_review_checks(dm_pg *c, bool differing, int64_t before_us, int64_t no, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_review_check_read(const dm_pg_rows *rows, size_t i, dm_review_check *out);

typedef struct dm_review_anomaly {
    int64_t no, at_us, period_us, worker, epoch; /* 0: none */
    dm_str kind, account, project, detail;       /* ids; .p NULL: none */
    dm_str sandbox;                              /* its 16 bytes; .p NULL: none */
} dm_review_anomaly;

/* Newest first, those of a number below `before`; kind .n 0: all. */
int dm_review_anomalies(dm_pg *c, dm_str kind, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_review_anomaly_read(const dm_pg_rows *rows, size_t i, dm_review_anomaly *out);

#endif
