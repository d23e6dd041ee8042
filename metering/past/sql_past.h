/* metering/past/sql_past.h: the statements of past.h. */
#ifndef DM_METERING_PAST_SQL_PAST_H
#define DM_METERING_PAST_SQL_PAST_H

#include "base/pg.h"

#include "metering/kit/many.h"

/* Up to which second all is done; *through -1: nothing ever was. */
int dm_sql_past_done(dm_pg *c, int64_t *through, dm_err *err) DM_NODISCARD;
int dm_sql_past_set_done(dm_pg *c, int64_t through, dm_err *err) DM_NODISCARD;
/* The day of a second is there, and none that was over before keep_from. */
int dm_sql_past_turn(dm_pg *c, int64_t at, int64_t keep_from, dm_err *err) DM_NODISCARD;

typedef struct dm_past_place {
    int64_t first_second, worker_no, boot, first_frame, first_part;
} dm_past_place;
/* The chunks behind a place that have seconds of [from, to), in order: the place's five columns, raw_bytes, payload. */
int dm_sql_past_chunks(dm_pg *c, int64_t from, int64_t to, const dm_past_place *behind, int64_t limit, dm_pg_rows **out,
        dm_err *err) DM_NODISCARD;

/* Rows {project_no, sandbox (hex), figures} of a slot; one of a project that is not there is nobody's, and left out. */
void dm_sql_past_rows(dm_many *m, dm_pg *c, int64_t slot);

#endif
