/* metering/verify/unpack.h: the files of a bundle, one after the other, in memory that the file has no say in: a window
 * of 8 MiB at most, and one file, as large as its buffer lets it be. Nothing is forgiven: a byte that whoever made the
 * bundle would not have written is DM_E_CORRUPT. */
#ifndef DM_METERING_VERIFY_UNPACK_H
#define DM_METERING_VERIFY_UNPACK_H

#include "base/buf.h"

#include "metering/rules/ustar.h"

typedef struct dm_unpack dm_unpack;

/* Up to room bytes; *n 0: there are no more. */
typedef int (*dm_unpack_source)(void *arg, void *to, size_t room, size_t *n, dm_err *err);

int dm_unpack_new(dm_unpack_source source, void *arg, dm_unpack **out, dm_err *err) DM_NODISCARD;
void dm_unpack_free(dm_unpack *u);
DM_DEFINE_FREEP(dm_unpack)

enum { DM_UNPACK_END = 1 };
/* The next file's name, and its bytes into body, which is emptied first. DM_UNPACK_END: there is none, and nothing
 * stands behind the last. */
int dm_unpack_next(dm_unpack *u, char name[DM_USTAR_NAME], dm_buf *body, dm_err *err) DM_NODISCARD;

#endif
