/* api/dm/csv.h: a line of CSV (RFC 4180) whose cells no spreadsheet takes for a formula. */
#ifndef DM_API_DM_CSV_H
#define DM_API_DM_CSV_H

#include "base/buf.h"

/* n cells and CR LF. Errors stick to the buffer. */
void dm_csv_line(dm_buf *b, const dm_str *cells, size_t n);

#endif
