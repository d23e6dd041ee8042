/* workers/guest/http/squeeze.h: gzip, both ways, over zlib. */
#ifndef DM_WORKERS_GUEST_HTTP_SQUEEZE_H
#define DM_WORKERS_GUEST_HTTP_SQUEEZE_H

#include "base/buf.h"

/* A whole gzip text into b, whose cap is the bound against bombs. */
int dm_gunzip_all(dm_str in, dm_buf *b, dm_err *err) DM_NODISCARD;

/* A stream, piece by piece. */
typedef struct dm_gunzip dm_gunzip;
int dm_gunzip_new(dm_gunzip **out, dm_err *err) DM_NODISCARD;
void dm_gunzip_free(dm_gunzip *z);
DM_DEFINE_FREEP(dm_gunzip)
/* Calls sink for each plain piece; the sink's failure is passed on. DM_E_INVALID: it never was gzip. DM_E_CORRUPT: it
 * broke later. */
typedef int (*dm_gunzip_sink)(void *arg, dm_str plain, dm_err *err);
int dm_gunzip_feed(dm_gunzip *z, dm_str in, dm_gunzip_sink sink, void *arg, dm_err *err) DM_NODISCARD;
/* The trailer has been seen and was right. */
bool dm_gunzip_whole(const dm_gunzip *z);

typedef struct dm_gzip dm_gzip;
int dm_gzip_new(dm_gzip **out, dm_err *err) DM_NODISCARD;
void dm_gzip_free(dm_gzip *z);
DM_DEFINE_FREEP(dm_gzip)
/* Appends what comes out to b. */
int dm_gzip_feed(dm_gzip *z, dm_str plain, bool last, dm_buf *b, dm_err *err) DM_NODISCARD;

#endif
