/* api/kit/low.h: who has little left of a month's budget (tenants/plan/alerts.h), in memory, for the header that says
 * so on each answer. Read of the database once a second, so every instance says the same within that. Thread-safe. */
#ifndef DM_API_KIT_LOW_H
#define DM_API_KIT_LOW_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_LOW_MAX = 10000 /* rows that are kept; of who comes after them nothing is said */, DM_LOW_TEXT = 64 };

typedef struct dm_low dm_low;

int dm_low_new(dm_low **out, dm_err *err) DM_NODISCARD;
void dm_low_free(dm_low *l); /* NULL is fine */
DM_DEFINE_FREEP(dm_low)

/* pool: role dm_ops. What was read before stays when it fails. */
int dm_low_read(dm_low *l, dm_pg_pool *pool, dm_err *err) DM_NODISCARD;

/* What the header Dormouse-Budget says: the cause that comes, and of its bound how many percent are left, rounded down:
 * "spend_cap;left=7". Of the account's and the project's the least. false: nothing is low. l may be NULL. */
bool dm_low_of(dm_low *l, dm_owner owner, char out[DM_LOW_TEXT]);

#endif
