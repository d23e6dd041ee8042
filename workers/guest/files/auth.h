/* workers/guest/files/auth.h: may this request do what it asks: token, user, signed URL. */
#ifndef DM_WORKERS_GUEST_FILES_AUTH_H
#define DM_WORKERS_GUEST_FILES_AUTH_H

#include "base/wire/link.h"

#include "workers/guest/http/head.h"

/* Whether the request carries the token; a sandbox without one lets everybody pass. */
bool dm_auth_token_ok(const dm_head *h, const char *token);

enum { DM_AUTH_NO_USER = 1 };

/* The user part of "Authorization: Basic", into out. NO_USER: absent, another scheme, or not to be read: the default
 * user is meant. An empty name is a name. */
int dm_auth_basic(const dm_head *h, char *out, size_t size, dm_err *err) DM_NODISCARD;

/* The rules of a file request, in the order clients rely on. 0, or an HTTP status with *why. */
int dm_auth_file(const dm_head *h, const char *token, dm_link_act act, int64_t now_s, const char **why) DM_NODISCARD;

#endif
