/* workers/guest/http/multipart.h: multipart bodies, piece by piece: bytes in, calls out, no I/O. Holds at most one
 * part's head and as much of a body as could be the beginning of a separator. */
#ifndef DM_WORKERS_GUEST_HTTP_MULTIPART_H
#define DM_WORKERS_GUEST_HTTP_MULTIPART_H

#include "base/buf.h"

#include "workers/guest/limits.h"

typedef struct dm_part {
    dm_str name; /* of the form's field */
    bool has_filename;
    dm_str filename;
} dm_part;

/* Each returns 0 or what the feeding is to fail with. The part's strings live until the call returns. */
typedef struct dm_multipart_calls {
    int (*begin)(void *arg, const dm_part *part, dm_err *err);
    int (*data)(void *arg, dm_str bytes, dm_err *err);
    int (*end)(void *arg, dm_err *err);
} dm_multipart_calls;

typedef struct dm_multipart {
    const dm_multipart_calls *calls;
    void *arg;
    char mark[DM_BOUNDARY_MAX + 5]; /* CR LF - - boundary */
    size_t mark_len;
    int state;
    size_t matched; /* of the mark, at the end of what was seen */
    bool implied;   /* its first two bytes were not seen but stand for the line end before */
    dm_buf head;
} dm_multipart;

/* DM_E_INVALID for a boundary that is empty, too long, or not made of what boundaries are made of. */
int dm_multipart_init(
        dm_multipart *m, dm_str boundary, const dm_multipart_calls *calls, void *arg, dm_err *err) DM_NODISCARD;
void dm_multipart_done(dm_multipart *m);

int dm_multipart_feed(dm_multipart *m, dm_str in, dm_err *err) DM_NODISCARD;
/* The closing separator has been seen. */
bool dm_multipart_whole(const dm_multipart *m);

/* The boundary parameter of a "multipart/..." content type; false when it is none or has none. */
bool dm_multipart_boundary(dm_str content_type, char out[DM_BOUNDARY_MAX + 1]);

#endif
