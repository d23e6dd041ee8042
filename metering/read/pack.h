/* metering/read/pack.h: files into one stream of bytes, a tar (ustar) under zstd, in memory that does not grow with it.
 * The same files in the same order are the same bytes: nothing of a clock, a user or a machine is in it. Not
 * thread-safe. */
#ifndef DM_METERING_READ_PACK_H
#define DM_METERING_READ_PACK_H

#include "base/buf.h"

typedef struct dm_pack dm_pack;

/* Where the bytes go; what it fails with is what adding to the pack fails with. */
typedef int (*dm_pack_sink)(void *arg, dm_str bytes, dm_err *err);

int dm_pack_new(dm_pack_sink sink, void *arg, dm_pack **out, dm_err *err) DM_NODISCARD;
void dm_pack_free(dm_pack *p);
DM_DEFINE_FREEP(dm_pack)

/* name is relative, of fewer than 100 bytes. */
int dm_pack_file(dm_pack *p, const char *name, dm_str bytes, dm_err *err) DM_NODISCARD;
/* Nothing is added after it. */
int dm_pack_end(dm_pack *p, dm_err *err) DM_NODISCARD;

#endif
