/* workers/guest/http/head.h: the head of an HTTP/1.1 request and the framing of its body. Bytes in, values out, no I/O,
 * so that a test or a fuzzer drives it without a socket.
 *
 * Strict where two readers could disagree about where a request ends (doubled or signed Content-Length, length beside
 * chunked, folded lines, blanks before a colon): those are 400. Bare LF is taken for a line end, as most servers do. */
#ifndef DM_WORKERS_GUEST_HTTP_HEAD_H
#define DM_WORKERS_GUEST_HTTP_HEAD_H

#include "base/str.h"

#include "workers/guest/limits.h"

typedef struct dm_head_field {
    dm_str name, value;
} dm_head_field;

enum dm_head_body { DM_BODY_NONE, DM_BODY_LENGTH, DM_BODY_CHUNKED };

/* All strings point into the block it was parsed from. */
typedef struct dm_head {
    dm_str method;
    dm_str path;  /* as sent, still percent-encoded */
    dm_str query; /* without the question mark */
    unsigned minor;
    dm_head_field *fields; /* malloc'd */
    size_t n;
    enum dm_head_body body;
    uint64_t length; /* DM_BODY_LENGTH */
    bool keep;       /* the connection may be used again */
    bool expect;     /* 100-continue */
} dm_head;

/* Length of the block up to and including its empty line, 0 while it is not whole. *seen remembers how far earlier
 * calls have looked; start it at 0. */
size_t dm_head_end(dm_str in, size_t *seen);

/* 0, or the HTTP status of the refusal (400, 405, 417, 431, 501, 505; 500 without memory); *why is then a constant.
 * Free with dm_head_done in either case. */
int dm_head_parse(dm_str block, dm_head *out, const char **why) DM_NODISCARD;
void dm_head_done(dm_head *h);

/* The first field of that name, or NULL; the name in any case. */
const dm_str *dm_head_get(const dm_head *h, const char *name);
/* "" when it is not there */
dm_str dm_head_value(const dm_head *h, const char *name);

/* --- chunked bodies ----------------------------------------------------------------------------------------- */

typedef struct dm_chunked {
    int state;
    uint64_t left;
    uint32_t line;   /* bytes of the size line, or of all trailers */
    uint32_t digits; /* of the size */
} dm_chunked;

enum { DM_CHUNKED_MORE = 1, DM_CHUNKED_PIECE = 2, DM_CHUNKED_END = 3 };

/* Takes from the front of *in: PIECE gives body bytes (inside *in's memory), MORE wants more input, END stands after
 * the last byte of the body. DM_E_PROTO on malformed framing. */
int dm_chunked_next(dm_chunked *c, dm_str *in, dm_str *piece) DM_NODISCARD;

/* --- the query ---------------------------------------------------------------------------------------------- */

enum { DM_QUERY_ABSENT = 1, DM_QUERY_DOUBLED = 2 };

/* The decoded value of a parameter, malloc'd. One with a broken escape counts as absent, as with the reference. */
int dm_query_get(dm_str query, const char *name, char **out, dm_err *err) DM_NODISCARD;

#endif
