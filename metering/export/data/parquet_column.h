/* metering/export/data/parquet_column.h: the cells of one column of a row group, in the form in which Parquet has them.
 * While they are few enough different ones, each is written once, in a dictionary, and rows have its number; where they
 * become too many the rows' own values take its place, until the group ends. */
#ifndef DM_METERING_EXPORT_DATA_PARQUET_COLUMN_H
#define DM_METERING_EXPORT_DATA_PARQUET_COLUMN_H

#include "metering/export/data/set.h"

enum { DM_PARQUET_ROWS = 32768, DM_PARQUET_WORDS = 4096, DM_PARQUET_WORD_BYTES = 64 << 10 };
enum { DM_PARQUET_COLUMN_MAX = 32 << 20, DM_PARQUET_TABLE = 2 * DM_PARQUET_WORDS };

typedef struct dm_parquet_column {
    const dm_data_column *is;
    unsigned width; /* bytes of a value; 0: it is a text, which begins with its length */
    size_t rows, nulls;
    uint8_t there[DM_PARQUET_ROWS / 8]; /* a bit a row */
    dm_buf words;                       /* the dictionary's values, one after the other */
    uint32_t at[DM_PARQUET_WORDS];      /* where each begins */
    size_t nwords;
    uint16_t table[DM_PARQUET_TABLE];  /* by hash; a word's number from 1, or 0 */
    uint16_t numbers[DM_PARQUET_ROWS]; /* of each value the word */
    size_t nnumbers;
    bool plain; /* values stand below, and there is no dictionary */
    dm_buf values;
} dm_parquet_column;

int dm_parquet_column_new(const dm_data_column *is, dm_parquet_column **out, dm_err *err) DM_NODISCARD;
void dm_parquet_column_free(dm_parquet_column *c);
void dm_parquet_column_reset(dm_parquet_column *c); /* for the next group */

/* The next row's; at most DM_PARQUET_ROWS. DM_E_INTERNAL: it is not of the column's type, or null where that cannot be.
 */
int dm_parquet_column_add(dm_parquet_column *c, dm_str cell, dm_err *err) DM_NODISCARD;
/* About how many bytes it holds. */
size_t dm_parquet_column_bytes(const dm_parquet_column *c);

/* The body of its data page, added to out. */
int dm_parquet_column_page(const dm_parquet_column *c, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
