/* tenants/sandbox/idem.h: a create that carries an Idempotency-Key happens once. The row is written in the transaction
 * that starts the sandbox, settled in the one that ends the start, and dropped when the start failed and left nothing
 * behind, so that the client may try again. The answer is not kept: it is made again from the sandbox's row. */
#ifndef DM_TENANTS_SANDBOX_IDEM_H
#define DM_TENANTS_SANDBOX_IDEM_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "tenants/limits.h"

enum {
    DM_IDEM_DONE = 1,     /* *sandbox is what the first request made */
    DM_IDEM_RUNNING = 2,  /* the first request is still under way */
    DM_IDEM_MISMATCH = 3, /* the key came with another body */
    DM_IDEM_UNKNOWN = 4,  /* the first request was cut off: nobody can say what became of it */
};

/* 1 to 255 of a-z, 0-9 and -. */
bool dm_idem_key_ok(dm_str key);

typedef struct dm_idem {
    dm_owner owner;
    dm_str key;
    dm_digest body;
} dm_idem;

/* 0: the key is new and now belongs to *sandbox. stale_s is how long a first request may be under way. */
int dm_idem_begin(dm_pg *c, const dm_idem *i, int64_t stale_s, dm_sandbox_id *sandbox, dm_err *err) DM_NODISCARD;
int dm_idem_settle(dm_pg *c, const dm_idem *i, int status, dm_err *err) DM_NODISCARD;
int dm_idem_drop(dm_pg *c, const dm_idem *i, dm_err *err) DM_NODISCARD;

/* The start with which a sandbox began has failed: its key, if it had one, may be used again. */
int dm_idem_forget(dm_pg *c, dm_owner owner, const dm_sandbox_id *sandbox, dm_err *err) DM_NODISCARD;

/* Forgets keys older than a day, of everybody (role dm_ops). */
int dm_idem_expire(dm_pg *c, dm_err *err) DM_NODISCARD;

#endif
