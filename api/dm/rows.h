/* api/dm/rows.h: how this mouth shows a list: {rows, next, total}. */
#ifndef DM_API_DM_ROWS_H
#define DM_API_DM_ROWS_H

#include "base/http.h"

/* Open for its rows. */
dm_jw dm_rows_begin(dm_req *req);
/* next: the token of the page that follows, NULL: there is none. total -1: it is not counted. */
void dm_rows_end(dm_jw *w, const char *next, int64_t total);

#endif
