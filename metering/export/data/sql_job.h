/* metering/export/data/sql_job.h: orders of exports, as dormouse-export takes and ends them. Role dm_export, without a
 * scope but where an account's rows are read. */
#ifndef DM_METERING_EXPORT_DATA_SQL_JOB_H
#define DM_METERING_EXPORT_DATA_SQL_JOB_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"

enum {
    DM_JOB_NONE = 1, /* there is none to take; or it is not this taker's any more */
    DM_JOB_CANCELLED,
};
enum { DM_JOB_NAME = 48, DM_JOB_DEAD_S = 30, DM_JOB_TRIES = 3 };

typedef struct dm_job {
    int64_t account_no, entity_no; /* one of both is 0 */
    int64_t no, from, to;          /* from, to 0: of a document */
    char id[DM_UUID_TEXT], taker[DM_UUID_TEXT];
    char dataset[DM_JOB_NAME], format[DM_JOB_NAME], number[DM_JOB_NAME];
    int64_t tries;
} dm_job;

/* The next of an account that none is running of, of accounts the one that was served the longest ago; and one whose
 * taker has not been heard for DM_JOB_DEAD_S before all others. 0 or DM_JOB_NONE. */
int dm_sql_job_take(dm_pg *c, const char *taker, dm_job *out, dm_err *err) DM_NODISCARD;
/* That it goes on, and how far it is; rows_all below 0: it is not known. 0, DM_JOB_NONE or DM_JOB_CANCELLED. */
int dm_sql_job_beat(dm_pg *c, const dm_job *job, int64_t rows_done, int64_t rows_all, dm_err *err) DM_NODISCARD;

typedef struct dm_job_made {
    const char *file;
    uint64_t bytes, rows;
    dm_digest digest;
    dm_str manifest; /* .p NULL: none */
    int64_t keep_s;
} dm_job_made;
/* 0, or DM_JOB_NONE: it was cancelled, or taken away. */
int dm_sql_job_ready(dm_pg *c, const dm_job *job, const dm_job_made *made, dm_err *err) DM_NODISCARD;
int dm_sql_job_failed(dm_pg *c, const dm_job *job, const char *why, dm_err *err) DM_NODISCARD;
int dm_sql_job_cancelled(dm_pg *c, const dm_job *job, dm_err *err) DM_NODISCARD;
/* It was begun and is to be begun again: by whoever comes next. */
int dm_sql_job_back(dm_pg *c, const dm_job *job, dm_err *err) DM_NODISCARD;
/* Orders what schedules say of months that were made up since; how many. */
int dm_sql_job_due(dm_pg *c, int64_t *ordered, dm_err *err) DM_NODISCARD;
/* Orders that were cancelled before anybody took them. */
int dm_sql_job_dropped(dm_pg *c, dm_err *err) DM_NODISCARD;

/* --- what is kept no longer --------------------------------------------------------------------------------- */

/* Files whose time is over: number, name; at most 100. */
int dm_sql_job_over(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_job_removed(dm_pg *c, int64_t no, dm_err *err) DM_NODISCARD;
/* Whether a file of that name is somebody's. */
int dm_sql_job_has_file(dm_pg *c, dm_str name, bool *out, dm_err *err) DM_NODISCARD;

/* --- in the account's scope --------------------------------------------------------------------------------- */

int dm_sql_job_account(dm_pg *c, int64_t account_no, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
/* The bytes of an invoice or credit note. 0 or DM_JOB_NONE. */
int dm_sql_job_document(dm_pg *c, int64_t account_no, const char *number, dm_buf *out, dm_err *err) DM_NODISCARD;
/* Those of a receipt. 0 or DM_JOB_NONE. */
int dm_sql_job_receipt(dm_pg *c, int64_t account_no, const char *number, dm_buf *out, dm_err *err) DM_NODISCARD;
/* Those of a statement's head, when its period began, and how many pages it has; then each of these, from 1. 0 or
 * DM_JOB_NONE. */
int dm_sql_job_head(dm_pg *c, int64_t account_no, int64_t number, dm_buf *out, int64_t *start, int64_t *pages,
        dm_err *err) DM_NODISCARD;
int dm_sql_job_page(dm_pg *c, int64_t account_no, int64_t start, int64_t page, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
