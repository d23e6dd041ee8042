/* tenants/who/attempt.h: how often somebody may try to show who he is. An attempt is taken before it is looked at, so
 * that many at once are counted like many in a row, and given back when it was right. After a number that is free each
 * failure doubles the wait, up to 15 minutes; a day without one, and all is forgotten. In the database: all replicas
 * count together.
 *
 * Strangers are counted by their address (20 free) and by whom they try to be (5 free); a device that this subject
 * signed in on before is counted by itself alone (5 free), so that nobody is held up by what strangers do. So of any
 * number of wrong passwords against one subject, DM_ATTEMPT_DAY_MAX are looked at in a day; from one address 15 more.
 */
#ifndef DM_TENANTS_WHO_ATTEMPT_H
#define DM_TENANTS_WHO_ATTEMPT_H

#include "base/crypto.h"
#include "base/pg.h"

enum {
    DM_ATTEMPT_FREE = 5,
    DM_ATTEMPT_ADDRESS_FREE = 20,
    DM_ATTEMPT_WAIT_MAX_S = 900,
    /* free, then ten waits of 1 to 512 s, then one each quarter of an hour */
    DM_ATTEMPT_DAY_MAX = DM_ATTEMPT_FREE + 10 + (86400 - 1023) / DM_ATTEMPT_WAIT_MAX_S + 1
};

enum { DM_ATTEMPT_WAIT = 1 };

typedef struct dm_attempt {
    dm_digest name;
    int32_t free;
} dm_attempt;

/* kind: "address", "subject", "device", "second". */
int dm_attempt_of(const char *kind, dm_str what, int32_t free, dm_attempt *out, dm_err *err) DM_NODISCARD;

/* As dm_who. All of them, or none: DM_ATTEMPT_WAIT, and how long the first that refuses wants; the caller rolls back.
 * The same order everywhere: address before subject. */
int dm_attempt_take(dm_pg *c, const dm_attempt *all, size_t n, int64_t *wait_s, dm_err *err) DM_NODISCARD;
int dm_attempt_give_back(dm_pg *c, const dm_attempt *all, size_t n, dm_err *err) DM_NODISCARD;

#endif
