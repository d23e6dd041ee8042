/* tenants/who/secret.h: secrets at rest, sealed under the deployment's master key, and tokens that are derived from it.
 */
#ifndef DM_TENANTS_WHO_SECRET_H
#define DM_TENANTS_WHO_SECRET_H

#include "base/crypto.h"
#include "base/wire/id.h"

enum { DM_TOKEN_TEXT = 2 * DM_SHA256 + 1 };

typedef struct dm_master dm_master;

/* 64 hex digits in a file of mode 0600; made when there is none. */
int dm_master_open(const char *path, dm_master **out, dm_err *err) DM_NODISCARD;
void dm_master_free(dm_master *m); /* wipes it */
DM_DEFINE_FREEP(dm_master)

/* what names the column; the sandbox's id is authenticated with it, so that a sealed value moved to another row or
 * column does not open. */
int dm_secret_seal(const dm_master *m, const char *what, const dm_sandbox_id *id, dm_str plain, dm_buf *sealed,
        dm_err *err) DM_NODISCARD;
int dm_secret_open(const dm_master *m, const char *what, const dm_sandbox_id *id, dm_str sealed, dm_buf *plain,
        dm_err *err) DM_NODISCARD;

/* The same of what is no sandbox's: bound says which row and column it is ("token_key:KID"). */
int dm_secret_seal_as(const dm_master *m, const char *bound, dm_str plain, dm_buf *sealed, dm_err *err) DM_NODISCARD;
int dm_secret_open_as(const dm_master *m, const char *bound, dm_str sealed, dm_buf *plain, dm_err *err) DM_NODISCARD;

/* A MAC under a key of its own for each use, derived from the master's. */
int dm_secret_mac(const dm_master *m, const char *use, dm_str data, dm_digest *out, dm_err *err) DM_NODISCARD;

/* The agent's access token in clear; "" when sealed.p is NULL: not secured. The caller wipes it. */
int dm_secret_access_token(
        const dm_master *m, const dm_sandbox_id *id, dm_str sealed, dm_buf *out, dm_err *err) DM_NODISCARD;

/* A token that need not be stored: HMAC of what and id. */
int dm_secret_token(const dm_master *m, const char *what, const dm_sandbox_id *id, char out[DM_TOKEN_TEXT],
        dm_err *err) DM_NODISCARD;

#endif
