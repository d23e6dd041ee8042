/* workers/guest/rpc/connect.h: the Connect protocol as bytes: error codes, envelopes, request headers. No I/O. */
#ifndef DM_WORKERS_GUEST_RPC_CONNECT_H
#define DM_WORKERS_GUEST_RPC_CONNECT_H

#include "base/json.h"

#include "workers/guest/http/head.h"

typedef enum dm_connect_code {
    DM_CC_CANCELED,
    DM_CC_UNKNOWN,
    DM_CC_INVALID_ARGUMENT,
    DM_CC_DEADLINE_EXCEEDED,
    DM_CC_NOT_FOUND,
    DM_CC_ALREADY_EXISTS,
    DM_CC_PERMISSION_DENIED,
    DM_CC_RESOURCE_EXHAUSTED,
    DM_CC_FAILED_PRECONDITION,
    DM_CC_ABORTED,
    DM_CC_OUT_OF_RANGE,
    DM_CC_UNIMPLEMENTED,
    DM_CC_INTERNAL,
    DM_CC_UNAVAILABLE,
    DM_CC_DATA_LOSS,
    DM_CC_UNAUTHENTICATED,
    DM_CC_COUNT
} dm_connect_code;

int dm_connect_status(dm_connect_code code); /* of a unary answer */

/* {"code":..,"message":..} */
void dm_connect_write_error(dm_buf *b, dm_connect_code code, const char *message);

/* --- envelopes: flags, 4-byte big-endian length, payload ---------------------------------------------------- */

enum { DM_FRAME_HEAD = 5, DM_FRAME_COMPRESSED = 1, DM_FRAME_END = 2 };

void dm_frame_head(uint8_t out[DM_FRAME_HEAD], uint8_t flags, uint32_t len);

typedef struct dm_frames {
    uint8_t head[DM_FRAME_HEAD];
    size_t have;    /* of the head */
    dm_buf payload; /* what has come of it; its cap is the bound */
} dm_frames;

void dm_frames_init(dm_frames *f, size_t max);
void dm_frames_done(dm_frames *f);

enum { DM_FRAMES_MORE = 1 };

/* Takes from the front of *in. 0: a whole envelope, its payload valid until the next call. DM_E_LIMIT: it announces
 * more than the bound. */
int dm_frames_next(dm_frames *f, dm_str *in, uint8_t *flags, dm_str *payload, dm_err *err) DM_NODISCARD;
/* Nothing half read. */
bool dm_frames_empty(const dm_frames *f);

/* --- request headers ---------------------------------------------------------------------------------------- */

enum { DM_KEEPALIVE_DEFAULT_S = 90 };

/* Milliseconds, -1: none. A malformed one is DM_E_INVALID; 0 and below come out as 0: already over. */
int dm_connect_timeout(const dm_head *h, int64_t *out_ms, dm_err *err) DM_NODISCARD;
/* Seconds between keepalives; what is not a positive number counts as absent. */
unsigned dm_connect_keepalive(const dm_head *h);
/* Absent or "1". */
bool dm_connect_version_ok(const dm_head *h);

/* "application/json; charset=utf-8" -> "application/json" and whether the parameter was there. */
void dm_connect_content_type(dm_str value, dm_str *type, bool *charset);

#endif
