/* metering/ledger/sql_close.h: the ledger's statements for the end of a period. Inside a transaction of role dm_meter;
 * times are seconds of UTC. */
#ifndef DM_METERING_LEDGER_SQL_CLOSE_H
#define DM_METERING_LEDGER_SQL_CLOSE_H

#include "base/pg.h"

#include "metering/kit/many.h"
#include "metering/ledger/accum.h"

/* The first second at which a worker was enrolled; -1 when none ever was. */
int dm_sql_first_enrolled(dm_pg *c, int64_t *out, dm_err *err) DM_NODISCARD;

/* Workers known during [start, end), ascending: worker_no, enrolled_at, written_off, whether one brought too much in
 * the period that begins there; and where it was decided before, whether it was complete and attested. */
int dm_sql_workers_in(dm_pg *c, int64_t start, int64_t end, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Of which an end record of the period fits the attestations that are there (of two for the same thing the later boot's
 * counts), ascending: worker_no. Reads every attestation of the period. */
int dm_sql_attested_in(dm_pg *c, int64_t start, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

int dm_sql_period_add(dm_pg *c, int64_t start, uint32_t period_s, dm_err *err) DM_NODISCARD;
/* What is decided of a worker; a repetition changes nothing. */
int dm_sql_worker_period_add(
        dm_pg *c, dm_worker_no worker_no, int64_t start, bool complete, bool attested, dm_err *err) DM_NODISCARD;
/* The workers that had not sworn to a period when it was written: worker_no. */
int dm_sql_unsworn(dm_pg *c, int64_t start, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The period's rows of usage: m is for dm_sql_usage_add and then dm_many_flush. */
void dm_sql_usages(dm_many *m, dm_pg *c, int64_t start, uint32_t period_s);
/* The same beside their period, which is being written, or has been with this length (else: nothing), for dm.late. */
void dm_sql_usages_late(dm_many *m, dm_pg *c, int64_t start, uint32_t period_s, bool being_written);
/* A period that a worker has now sworn to as a whole, and had not when it was written: what it did not swear to is owed
 * a look. */
int dm_sql_sworn_late(dm_pg *c, dm_worker_no worker_no, int64_t start, dm_err *err) DM_NODISCARD;
int dm_sql_usage_add(dm_many *m, const dm_accum_row *row, uint32_t period_s, dm_err *err) DM_NODISCARD;
int dm_sql_usage_gap_add(dm_pg *c, const dm_accum_key *key, int64_t start, int64_t from_s, int64_t to_s,
        const char *cause, dm_err *err) DM_NODISCARD;
/* Notes evidence whose project does not exist; *n: how many rows. */
int dm_sql_unknown_projects(dm_pg *c, int64_t start, int64_t *n, dm_err *err) DM_NODISCARD;
/* One open row for each account that has evidence in the period, or of one before it that no statement has seen. */
int dm_sql_account_periods_add(dm_pg *c, int64_t start, dm_err *err) DM_NODISCARD;

#endif
