/* metering/export/data/set.h: what can be written out: a dataset is columns, and the statements that its rows come
 * from, one after the other, each in an order of its own that is the same for the same rows. A row is texts, as
 * PostgreSQL has them; what a format makes of one follows from its column's type alone.
 *
 * A new dataset is a file and a row of set.c. */
#ifndef DM_METERING_EXPORT_DATA_SET_H
#define DM_METERING_EXPORT_DATA_SET_H

#include "base/pg.h"

enum { DM_DATA_COLUMNS_MAX = 64, DM_DATA_SOURCES_MAX = 4, DM_DATA_INVOICE_TEXT = 48 };

typedef enum dm_data_type {
    DM_DATA_TEXT,
    DM_DATA_INT,     /* digits, of an int64_t */
    DM_DATA_TIME,    /* the same: seconds of UTC */
    DM_DATA_DECIMAL, /* with all its decimals */
} dm_data_type;

typedef struct dm_data_column {
    const char *name;
    dm_data_type type;
    uint8_t precision, scale; /* of a decimal */
    bool required;            /* no row is without it */
} dm_data_column;

/* A cell with .p NULL is null. What they point to is there until the next row. */
typedef struct dm_data_row {
    dm_str cells[DM_DATA_COLUMNS_MAX];
    dm_str currency, amount; /* what it adds to the sums; amount .p NULL: nothing */
    dm_str invoice;          /* and to which document's, or other total's; .p NULL: to none */
} dm_data_row;

/* What is asked for: of one account or legal entity, from <= t < to, seconds of UTC. */
typedef struct dm_data_range {
    int64_t no;
    int64_t from, to;
} dm_data_range;

/* A cursor that is opened by one statement and read by another; both get the range's three numbers, or nothing. */
typedef struct dm_data_source {
    dm_pg_stmt open, fetch, close;
} dm_data_source;

typedef struct dm_data_set {
    const char *name, *title;
    const dm_data_column *columns;
    size_t ncolumns;
    const dm_data_source *sources[DM_DATA_SOURCES_MAX]; /* NULL behind the last */
    const dm_pg_stmt *count; /* about how many rows there will be, for whoever waits; gets the range; NULL: not known */
    /* A fetched row into one of the dataset; text is emptied before each, for what has to be made. */
    int (*row)(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err);
    /* The documents that its rows may name: number, total, currency, whether all of it is in the range; NULL: it names
     * none that its rows sum to. Of what is no document's a total has a name that says what it is. */
    const dm_pg_stmt *documents;
    bool entity;        /* of all accounts of a legal entity: what operators order */
    bool daily;         /* its sources are opened for each day, in order, so that none is a statement that lasts */
    bool cells_guarded; /* its spreadsheets' readers are people: no cell of theirs is a formula */
} dm_data_set;

/* NULL: there is none. */
const dm_data_set *dm_data_set_find(dm_str name);
const dm_data_set *dm_data_set_at(size_t i); /* NULL behind the last */

#endif
