/* metering/wallet/turn.h: what the chores of this room share: a list of what is owed, read in pages, and a transaction
 * for each of it. */
#ifndef DM_METERING_WALLET_TURN_H
#define DM_METERING_WALLET_TURN_H

#include "metering/kit/chore.h"

enum { DM_WALLET_PAGE = 256 };

typedef struct dm_wallet_turn {
    const dm_chore_config *conf;
    int64_t now_s;
    int64_t after; /* where the page before ended; 0: it is the first. list reads after it, each sets it */
    /* A page of what is owed, at most DM_WALLET_PAGE rows. */
    int (*list)(dm_pg *c, const struct dm_wallet_turn *t, dm_pg_rows **out, dm_err *err);
    /* Does the row's part, in transactions of its own (dm_wallet_step). 0 or DM_CHORE_ZOMBIE. */
    int (*each)(struct dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err);
} dm_wallet_turn;

/* Goes through all that is owed now. */
int dm_wallet_each(dm_wallet_turn *t, dm_err *err) DM_NODISCARD;

/* A transaction that writes: fn runs where this meter may. 0, DM_CHORE_ZOMBIE, or what fn returns. */
int dm_wallet_step(const dm_chore_config *conf, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;

#endif
