/* workers/guest/files/auth.h: may this request do what it asks: token, user, signed URL. */
#ifndef DM_GUEST_AUTH_H
#define DM_GUEST_AUTH_H

#include "workers/guest/http/head.h"

/* Whether the request carries the token; a sandbox without one lets everybody pass. */
bool dm_auth_token_ok(const dm_head *h, const char *token);

enum { DM_AUTH_NO_USER = 1 };

/* The user part of "Authorization: Basic", into out. NO_USER: absent, another scheme, or not to be read: the default
 * user is meant. An empty name is a name. */
int dm_auth_basic(const dm_head *h, char *out, size_t size, dm_err *err) DM_NODISCARD;

enum { DM_SIGNATURE_SIZE = 64 };

/* "v1_" and the digest; expiry "" when there is none. */
int dm_auth_sign(const char *path, const char *operation, const char *user, const char *token, const char *expiry,
        char out[DM_SIGNATURE_SIZE], dm_err *err) DM_NODISCARD;

/* The rules of a file request, in the order clients rely on. 0, or an HTTP status with *why. operation is "read" or
 * "write". */
int dm_auth_file(
        const dm_head *h, const char *token, const char *operation, int64_t now_s, const char **why) DM_NODISCARD;

#endif
