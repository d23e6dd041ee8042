/* metering/ask/target.h: the bucket that an account wants its scheduled exports put into. Its secret comes sealed and
 * is never given out again. In the caller's transaction, of role dm_api in the account's scope; whose mouth writes the
 * audit. */
#ifndef DM_METERING_ASK_TARGET_H
#define DM_METERING_ASK_TARGET_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_TARGET_NONE = 1 }; /* the account has none */
enum { DM_TARGET_BOUND = 48 };

typedef struct dm_target_new {
    const char *endpoint, *region, *bucket, *prefix, *key_id, *who;
    dm_str sealed;
} dm_target_new;

/* What the secret is sealed with, so that it opens in no other account's row. */
void dm_target_bound(dm_account_no account, char out[DM_TARGET_BOUND]);

/* In place of the one that it has. */
int dm_target_set(dm_pg *c, dm_account_no account, const dm_target_new *t, dm_err *err) DM_NODISCARD;
/* 0 or DM_TARGET_NONE. */
int dm_target_end(dm_pg *c, dm_account_no account, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows. */
typedef struct dm_target {
    int64_t set_us;
    dm_str endpoint, region, bucket, prefix, key_id, who;
} dm_target;
/* 0 or DM_TARGET_NONE. */
int dm_target_find(dm_pg *c, dm_account_no account, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_target_read(const dm_pg_rows *rows, dm_target *out);

#endif
