/* tests/support/bundlerig.h: a ledger in which several accounts had statements, of all that a bill can be about, for
 * bundles to be made of: plans by resources and by minutes, prices and plans that change within a period, sandboxes
 * that wake within the second they slept in, rows that their worker could not sign, and some that it signed otherwise
 * than its frames say; contracts that sell in tiers, resources and minutes; evidence that comes periods too late, in
 * pieces, of a whole period, or that takes back what was stated; one statement has three pages. Evidence is put into
 * the tables that the ledger writes; statements are made of it by the meter's own code. */
#ifndef DM_TESTS_SUPPORT_BUNDLERIG_H
#define DM_TESTS_SUPPORT_BUNDLERIG_H

#include "metering/read/bundle.h"
#include "tests/support/meterrig.h"

enum { BUNDLE_PERIOD_S = 120, BUNDLE_PERIODS = 6, BUNDLE_ACCOUNTS = 5 };

typedef struct bundle_oath {
    dm_attest what;
    dm_digest hash;
    char *message;
    size_t n;
    int due; /* the period it comes in */
    bool late;
} bundle_oath;

typedef struct bundlerig {
    rig r;
    dm_buf text[BUNDLE_PERIODS]; /* what is to be written in each; and what was sworn to */
    bundle_oath *oaths;
    size_t noaths, oaths_room;
    uint64_t random;
    dm_digest *previous; /* of each sandbox that was made */
    dm_pg *api;
} bundlerig;

/* big: so many sandboxes of account 1 in its second period. */
void bundlerig_open(bundlerig *b, const cluster *c, const char *db, uint64_t seed, unsigned big);
void bundlerig_close(bundlerig *b);

/* Statements `first` to `last` of an account; first 0: all of them. What fails stops the test. */
void bundlerig_write(bundlerig *b, int account, int64_t first, int64_t last, dm_buf *out);
/* The transactions that bundles are read in; scope is the caller's, for as long as they are. */
struct bundle_scope {
    dm_pg *pg;
    int account;
};
dm_bundle_db bundlerig_db(bundlerig *b, int account, struct bundle_scope *scope);

/* A bundle in memory, as dm_unpack wants it. */
typedef struct bundle_bytes {
    const char *p;
    size_t n;
} bundle_bytes;
int bundle_bytes_next(void *arg, void *to, size_t room, size_t *n, dm_err *err);

#endif
