/* tenants/who/account.h: who pays. Acts for an operator (role dm_ops), in the caller's transaction; each writes its own
 * line of the audit. */
#ifndef DM_TENANTS_WHO_ACCOUNT_H
#define DM_TENANTS_WHO_ACCOUNT_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

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

enum { DM_ACCOUNT_NO_TIER = 1 };

/* who: "operator:NAME", for the audit. 0, or DM_ACCOUNT_NO_TIER: no tier is called so. */
int dm_account_add(dm_pg *c, const char *who, const dm_account_new *a, dm_account *out, dm_err *err) DM_NODISCARD;

#endif
