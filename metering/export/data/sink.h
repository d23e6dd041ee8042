/* metering/export/data/sink.h: a file that is being written: its bytes, in pieces that cost no call of the kernel each,
 * how many they are and their SHA-256. Whoever opened fd closes it. Not thread-safe. */
#ifndef DM_METERING_EXPORT_DATA_SINK_H
#define DM_METERING_EXPORT_DATA_SINK_H

#include "base/crypto.h"

typedef struct dm_sink dm_sink;

/* At most `most` bytes are written: one more is DM_E_LIMIT. */
int dm_sink_new(int fd, uint64_t most, dm_sink **out, dm_err *err) DM_NODISCARD;
void dm_sink_free(dm_sink *s);
DM_DEFINE_FREEP(dm_sink)

int dm_sink_add(dm_sink *s, dm_str bytes, dm_err *err) DM_NODISCARD;
uint64_t dm_sink_at(const dm_sink *s); /* how many it has been given */
/* All of it is on the disk. Nothing is added after it. */
int dm_sink_end(dm_sink *s, uint64_t *bytes, dm_digest *digest, dm_err *err) DM_NODISCARD;

#endif
