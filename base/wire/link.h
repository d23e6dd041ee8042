/* base/wire/link.h: a signed link to a file, as E2B's SDKs make one without asking anybody: what its signature is of,
 * and how that is written. Two ends read it. The agent knows its token and judges each such request; the API looks for
 * whose token made a link that names nobody, and tries thousands. No I/O; the digest is the caller's, by whatever
 * library he has.
 *
 * Signed is  PATH ":" OPERATION ":" USER ":" TOKEN [":" EXPIRY]  as the client wrote them: the path not resolved, an
 * absent user empty, the expiry in seconds of Unix time and in the digits that stand in the link. That is a stem, the
 * token, and a tail: who tries many tokens hashes the stem once. */
#ifndef DM_BASE_WIRE_LINK_H
#define DM_BASE_WIRE_LINK_H

#include "base/buf.h"

enum {
    DM_LINK_DIGEST = 32,    /* SHA-256 */
    DM_LINK_SIGNATURE = 46, /* "v1_" and the digest in base64, without padding */
};

typedef enum dm_link_act { DM_LINK_READ, DM_LINK_WRITE } dm_link_act;

enum { DM_LINK_WRONG = 1 }; /* nobody signs so */

/* Up to the token, and what is behind it. As dm_buf_add, so that dm_buf_ok once says whether all found room. */
void dm_link_stem(dm_buf *b, dm_str path, dm_link_act act, dm_str user);
void dm_link_tail(dm_buf *b, dm_str expiry); /* "": without one */

int dm_link_signature_write(
        const uint8_t digest[DM_LINK_DIGEST], char out[DM_LINK_SIGNATURE + 1], dm_err *err) DM_NODISCARD;
/* 0 or WRONG. It takes what means the same bytes in another spelling of base64, too. */
int dm_link_signature_read(dm_str text, uint8_t digest[DM_LINK_DIGEST]) DM_NODISCARD;

/* The last second in which the link is good; INT64_MAX for "". 0, or WRONG when it is no whole number. */
int dm_link_until(dm_str expiry, int64_t *until_s) DM_NODISCARD;

#endif
