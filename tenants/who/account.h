/* tenants/who/account.h: who pays. Acts for an operator (role dm_ops), in the caller's transaction; each writes its own
 * line of the audit. */
#ifndef DM_TENANTS_WHO_ACCOUNT_H
#define DM_TENANTS_WHO_ACCOUNT_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

/* There are no prices for what it would be billed by, in its currency and its regions, and so no statements. */
enum { DM_ACCOUNT_NO_TIER = 1, DM_ACCOUNT_NONE = 2, DM_ACCOUNT_NO_PRICES = 3 };

typedef struct dm_account_new {
    const char *legal_name; /* 1 to 200 characters */
    const char *country;    /* two letters */
    const char *currency;   /* three letters */
    const char *tier;
} dm_account_new;

typedef struct dm_account {
    dm_account_no no;
    char id[DM_UUID_TEXT];
} dm_account;

/* who: "operator:NAME", for the audit. 0, DM_ACCOUNT_NO_TIER (none is called so) or DM_ACCOUNT_NO_PRICES. */
int dm_account_add(dm_pg *c, const char *who, const dm_account_new *a, dm_account *out, dm_err *err) DM_NODISCARD;

/* Another tier for an account. Its limits bind from the commit on, its prices and its allowance from *from_us, the next
 * whole second; what was used before is rated as it was. The same tier again changes nothing, and *from_us is when it
 * began to hold. reason may be NULL. 0, DM_ACCOUNT_NONE, DM_ACCOUNT_NO_TIER or DM_ACCOUNT_NO_PRICES; more than 8
 * changes within an hour are DM_E_INVALID. */
int dm_account_set_tier(dm_pg *c, const char *who, const char *reason, const char *account_id, const char *tier,
        int64_t *from_us, dm_err *err) DM_NODISCARD;

/* It may create nothing any more, and reads why; what runs goes on. reason NULL is an unblocking's alone: without one
 * its line of the audit has none. What is so already changes nothing. 0 or DM_ACCOUNT_NONE. */
int dm_account_block(dm_pg *c, const char *who, const char *reason, const char *account_id, dm_err *err) DM_NODISCARD;
int dm_account_unblock(dm_pg *c, const char *who, const char *reason, const char *account_id, dm_err *err) DM_NODISCARD;

#endif
