/* metering/kit/many.h: rows that are added one by one and written many at a time, as one array of JSON: a statement of
 * its own for each takes several times as long. Inside one transaction; one thread. */
#ifndef DM_METERING_KIT_MANY_H
#define DM_METERING_KIT_MANY_H

#include "base/json.h"
#include "base/pg.h"

enum { DM_MANY_ARGS = 4, DM_MANY_ROWS = 1000, DM_MANY_BYTES = 256 << 10, DM_MANY_ROW_BYTES = 256 << 10 };

typedef struct dm_many {
    dm_pg *c;
    const dm_pg_stmt *st;
    dm_pg_arg args[1 + DM_MANY_ARGS];
    size_t nargs;
    dm_buf json;
    dm_jw w;
    size_t n; /* rows that are not written yet */
} dm_many;

/* The statement's first parameter is the array, of objects; then come args, which are borrowed. */
void dm_many_init(dm_many *m, dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n);
void dm_many_done(dm_many *m);
#define DM_AUTO_MANY __attribute__((cleanup(dm_many_done), unused)) dm_many

/* Begins a row: an object, open, of at most DM_MANY_ROW_BYTES. row_end closes it, and writes when enough are there. */
dm_jw *dm_many_row(dm_many *m);
int dm_many_row_end(dm_many *m, dm_err *err) DM_NODISCARD;
/* Writes what is left. */
int dm_many_flush(dm_many *m, dm_err *err) DM_NODISCARD;

#endif
