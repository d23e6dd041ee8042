/* metering/check/sql_check.h: the statements of the reconciliations; in a transaction of role dm_meter. */
#ifndef DM_METERING_CHECK_SQL_CHECK_H
#define DM_METERING_CHECK_SQL_CHECK_H

#include "base/pg.h"

/* Of what is compared, how many there were, how many differ, and words about the first of those. */
typedef struct dm_checked {
    int64_t compared, differ;
    dm_str detail; /* borrowed of the rows */
} dm_checked;

typedef struct dm_check_kind {
    int no; /* as in the list of them that operators read */
    const char *name;
    const dm_pg_stmt *st; /* of the period [$1, $2), seconds of UTC */
} dm_check_kind;

extern const dm_check_kind dm_check_kinds[];
extern const size_t dm_check_nkinds;

/* Closed periods that lack one of so many outcomes, or have one that differs and is older than again_s; oldest first:
 * start, end. Those that begin before `from` are left as they are. */
int dm_sql_check_due(dm_pg *c, int64_t from, int64_t kinds, int64_t again_s, int64_t limit, dm_pg_rows **out,
        dm_err *err) DM_NODISCARD;
/* The caller frees rows. */
int dm_sql_check(dm_pg *c, const dm_check_kind *kind, int64_t start, int64_t end, dm_checked *out, dm_pg_rows **rows,
        dm_err *err) DM_NODISCARD;
int dm_sql_check_put(dm_pg *c, int no, int64_t start, const dm_checked *what, dm_err *err) DM_NODISCARD;

#endif
