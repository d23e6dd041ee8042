/* api/door/signed.h: a signed file URL (base/wire/link.h): what stands in it, and whether a token made it. No I/O. The
 * agent judges each such request by itself; here it is only asked whose it is, and whether it may wake a sleeper. */
#ifndef DM_API_DOOR_SIGNED_H
#define DM_API_DOOR_SIGNED_H

#include "base/crypto.h"

#include "api/limits.h"

/* NOT: no GET or POST of /files with a signature. WRONG: no token makes such a one. */
enum { DM_SIGNED_NOT = 1, DM_SIGNED_WRONG = 2 };

typedef struct dm_signed {
    dm_sha256_stem *stem; /* what is signed, up to the token */
    dm_digest digest;     /* what the client says comes out */
    char tail[32];        /* what is signed behind the token */
    int64_t until_s;      /* INT64_MAX without an expiry */
} dm_signed;

/* Zero it first. uri is the raw request target. 0, NOT or WRONG. */
int dm_signed_read(dm_str uri, dm_str method, dm_signed *out, dm_err *err) DM_NODISCARD;
void dm_signed_done(dm_signed *s); /* fine on a zeroed one */
#define DM_AUTO_SIGNED __attribute__((cleanup(dm_signed_done), unused)) dm_signed

/* *right: the token made it. What is compared is compared in constant time. */
int dm_signed_by(dm_signed *s, dm_str token, bool *right, dm_err *err) DM_NODISCARD;

#endif
