/* metering/export/table.h: a table on paper: what a row is, which wraps, and figures that stand on their points. It
 * goes on over pages, with its head on each. */
#ifndef DM_METERING_EXPORT_TABLE_H
#define DM_METERING_EXPORT_TABLE_H

#include "metering/export/sheet.h"

enum { DM_TABLE_COLUMNS = 4 };

typedef struct dm_table {
    size_t n;                            /* columns of figures */
    const char *names[DM_TABLE_COLUMNS]; /* of them */
    size_t keep[DM_TABLE_COLUMNS];       /* decimals that are never dimmed */
    size_t chars[DM_TABLE_COLUMNS];      /* the longest figure of each; all of one have equally many decimals */
    bool open;                           /* on this page */
    int at[DM_TABLE_COLUMNS], what;      /* where each ends; how wide what a row is may be */
    dm_paper_style row;
} dm_table;

/* That a figure of that column is as long. */
void dm_table_holds(dm_table *t, size_t column, const char *figure);
/* Each column as wide as its longest figure; where they would leave no room, all are smaller. Before the first row. */
void dm_table_fit(dm_table *t);
/* A figure of "" is none. */
void dm_table_row(dm_sheet *s, dm_table *t, dm_str what, const char *const figures[]);
void dm_table_close(dm_sheet *s, dm_table *t);

#endif
