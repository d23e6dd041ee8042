/* workers/guest/http/negotiate.h: what the headers of a download ask for: encoding, ranges, conditions, and what kind
 * of file it is. Values in, values out. */
#ifndef DM_WORKERS_GUEST_HTTP_NEGOTIATE_H
#define DM_WORKERS_GUEST_HTTP_NEGOTIATE_H

#include <time.h>

#include "base/buf.h"

#include "workers/guest/http/head.h"
#include "workers/guest/limits.h"

enum dm_coding { DM_CODING_IDENTITY, DM_CODING_GZIP, DM_CODING_NONE };

/* Identity whenever it is not refused; gzip when only that is left; NONE: 406. */
enum dm_coding dm_negotiate_coding(const dm_head *h);

typedef struct dm_range {
    uint64_t from, length;
} dm_range;

enum dm_range_verdict {
    DM_RANGE_WHOLE, /* none asked, or not worth it */
    DM_RANGE_PARTS,
    DM_RANGE_NONE,      /* 416, the size is told */
    DM_RANGE_MALFORMED, /* 416, it is not */
};

enum dm_range_verdict dm_negotiate_range(dm_str header, uint64_t size, dm_range out[DM_RANGES_MAX], size_t *n);

/* 0: go on, else 304 or 412. *ranges: whether a Range header still counts (If-Range). There are no entity tags. */
int dm_negotiate_conditions(const dm_head *h, time_t modified, bool *ranges);

/* IMF-fixdate. */
void dm_http_date(time_t t, char out[40]);

/* By extension, else by the first bytes (which may be empty). */
const char *dm_content_type(dm_str name, dm_str first);
/* By extension alone; application/octet-stream when that says nothing. */
const char *dm_content_type_by_name(dm_str name);

/* inline; filename=... in the form the name needs. */
void dm_content_disposition(dm_buf *b, dm_str name);

#endif
