/* workers/guest/files/metadata.h: what clients say about a file, kept in its extended attributes user.e2b.<key>. */
#ifndef DM_WORKERS_GUEST_FILES_METADATA_H
#define DM_WORKERS_GUEST_FILES_METADATA_H

#include "workers/guest/http/head.h"
#include "workers/guest/limits.h"
#include "workers/guest/rpc/message.h"

/* From X-Metadata-<key> headers: keys in lower case, the first of a repeated one wins. DM_E_INVALID when one is not
 * printable ASCII, too long, or all together are too large. Strings live in memory. */
int dm_metadata_from_head(const dm_head *h, dm_message *memory, dm_pairs *out, dm_err *err) DM_NODISCARD;

/* Of a file; links are followed. What cannot be read or is not printable ASCII is left out. */
void dm_metadata_read(const char *path, dm_message *memory, dm_pairs *out);

/* Makes the set of a file exactly this one. Touches nothing when there was none and shall be none. */
int dm_metadata_replace(int fd, const dm_pairs *set, dm_err *err) DM_NODISCARD;

#endif
