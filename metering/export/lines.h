/* metering/export/lines.h: what comes from a descriptor, a line at a time, in memory for one. */
#ifndef DM_METERING_EXPORT_LINES_H
#define DM_METERING_EXPORT_LINES_H

#include "base/buf.h"

enum { DM_LINES_END = 1 };

typedef struct dm_lines {
    int fd; /* the caller's */
    dm_buf b;
    size_t eat; /* of b: the line before */
    bool end;
} dm_lines;

/* max: bytes of a line. */
void dm_lines_init(dm_lines *l, int fd, size_t max);
void dm_lines_done(dm_lines *l);
/* The next, without its end, good until the call after; the last may have none. 0 or DM_LINES_END. DM_E_LIMIT: it is
 * longer. */
int dm_lines_next(dm_lines *l, dm_str *out, dm_err *err) DM_NODISCARD;

#endif
