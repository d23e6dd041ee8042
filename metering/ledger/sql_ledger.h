/* metering/ledger/sql_ledger.h: the ledger's statements for what arrives: offsets, chunks, marks, end
 * records, and the outbox on its way out. Each runs inside a transaction of role dm_meter. Times are seconds of UTC. */
#ifndef DM_METERING_LEDGER_SQL_LEDGER_H
#define DM_METERING_LEDGER_SQL_LEDGER_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/attest.h"

#include "metering/ledger/track.h"
#include "metering/ledger/window.h"

/* Partitions for every second between the two. */
int dm_sql_partitions(dm_pg *c, int64_t from_s, int64_t to_s, dm_err *err) DM_NODISCARD;
int dm_sql_service_key(dm_pg *c, const dm_public_key *key, dm_err *err) DM_NODISCARD;

/* --- the fence ---------------------------------------------------------------------------------------------- */

/* Makes owner the holder of this partition, with a new generation. next: -2 when it was never read. */
int dm_sql_offset_take(dm_pg *c, const char *topic, int32_t part, const char *owner, int64_t *next, int64_t *generation,
        dm_err *err) DM_NODISCARD;
/* *held false: another owner took it, nothing was changed. */
int dm_sql_offset_move(dm_pg *c, const char *topic, int32_t part, const char *owner, int64_t generation, int64_t from,
        int64_t to, bool *held, dm_err *err) DM_NODISCARD;

/* Makes owner the one who may close; waits for whoever is about to. */
int dm_sql_holder_take(dm_pg *c, const char *owner, dm_err *err) DM_NODISCARD;
/* Whether it still is; nobody takes over until this transaction ends. */
int dm_sql_holder_is(dm_pg *c, const char *owner, bool *held, dm_err *err) DM_NODISCARD;

/* --- evidence ----------------------------------------------------------------------------------------------- */

int dm_sql_chunk_add(dm_pg *c, const dm_chunk *chunk, dm_str packed, dm_err *err) DM_NODISCARD;

/* Where a page of chunks ended: ordered by first_second, worker, boot, frame, part. */
typedef struct dm_chunk_pos {
    int64_t first_second, worker_no, boot, first_frame, first_part;
} dm_chunk_pos;
/* Rows: the position's five columns, raw_bytes, payload. */
int dm_sql_chunks_after(dm_pg *c, const dm_chunk_pos *pos, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

int dm_sql_mark_save(dm_pg *c, dm_worker_no worker_no, const dm_track_mark *mark, dm_err *err) DM_NODISCARD;
/* worker_no, boot, frame, second, complete_through */
int dm_sql_marks(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_gap_add(dm_pg *c, const dm_track_gap *gap, dm_err *err) DM_NODISCARD;
/* worker_no, boot, first, last, from_s, to_s; the newest `limit`, oldest first */
int dm_sql_gaps(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* worker_no, sealed_from_boot (null), ascending: those that are not gone, newest first, and then the others, as far as
 * `limit` goes. */
int dm_sql_workers(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_attest_end_add(dm_pg *c, const dm_attest_end *e, dm_str message, dm_err *err) DM_NODISCARD;
/* public_key, valid_from, valid_to (seconds; null) */
int dm_sql_worker_keys(dm_pg *c, dm_worker_no worker_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* --- outbox ------------------------------------------------------------------------------------------------- */

/* outbox_no, key, payload */
int dm_sql_outbox_unsent(dm_pg *c, const char *topic, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_outbox_sent(dm_pg *c, int64_t outbox_no, dm_err *err) DM_NODISCARD;

/* The last period that was written: start and length; *start -1 when there is none. */
int dm_sql_last_period(dm_pg *c, int64_t *start, int64_t *period_s, dm_err *err) DM_NODISCARD;

#endif
