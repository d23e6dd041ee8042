/* metering/wallet/wallet.h: what an account has in advance: grants, and what is taken of them. All of it runs inside
 * the caller's transaction of role dm_meter, of any isolation; the account's turn at its journal (kit/journal.h) is
 * waited for first, so that of several at once each sees what the others left. What is written is balanced in the
 * journal:
 *
 *   a grant     cash | discounts | credits -> wallet_paid | wallet_promo
 *   a burn      wallet_* -> unbilled | receivable
 *   its undoing the same backwards
 *   an expiry   wallet_promo -> breakage, booked with the grant, to count from its expiry on; what is burnt or held
 *               takes its part of that back. So a balance as of any moment is a plain sum of what counts by then.
 *
 * Times are whole seconds of UTC; at_s is now, by the caller's clock: what is valid then is taken, from then it counts.
 * Keys are of one act, ever: done again with the same key it is what it was. */
#ifndef DM_METERING_WALLET_WALLET_H
#define DM_METERING_WALLET_WALLET_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/rules/burn.h"

/* --- grants ------------------------------------------------------------------------------------------------- */

/* What is given goes before what was paid; among what is given, what expires first. */
enum { DM_WALLET_GIVEN = 100, DM_WALLET_PAID_LAST = 200 };

typedef struct dm_wallet_grant {
    dm_account_no account_no;
    const char *kind; /* "paid", "promo", "our_fault", "operator" */
    const char *currency;
    dm_money amount;   /* > 0 */
    int64_t expires_s; /* DM_BURN_NEVER: it does not; what was paid never does */
    const char *idem_key;
    int64_t order_no;                                /* by whose order; 0: by none */
    const char *cause;                               /* of our_fault; else NULL */
    const char *reference, *who, *why, *approved_by; /* approved_by may be NULL */
    const char *from; /* the customer's ledger account it is taken off; NULL: by its kind, as above */
    int64_t at_s;
} dm_wallet_grant;

/* *grant_no: of the grant, also of one that the key has made before. DM_E_INVALID: expires before it begins. */
int dm_wallet_give(dm_pg *c, const dm_wallet_grant *g, int64_t *grant_no, dm_err *err) DM_NODISCARD;

/* --- burns -------------------------------------------------------------------------------------------------- */

enum { DM_WALLET_OF_PROMO = 1, DM_WALLET_OF_PAID = 2 };

typedef struct dm_wallet_burn_what {
    dm_account_no account_no;
    const char *currency;
    dm_money amount;     /* at most so much; >= 0 */
    dm_money unit;       /* as many of these as there are, and no part of one; 0: to the last decimal */
    dm_money before;     /* what was taken already: it is the two together that are whole units; >= 0 */
    unsigned of;         /* DM_WALLET_OF_...; 0: of both. Promo reduces what is taxed, paid money is a payment */
    const char *kind;    /* "statement", "invoice" */
    const char *against; /* "unbilled", "receivable" */
    const char *idem_key;
    dm_statement_no statement; /* which it settles; 0: none in particular */
    const char *reference;     /* "invoice:2026-000042", for people */
    int64_t at_s;
} dm_wallet_burn_what;

typedef struct dm_wallet_burnt {
    dm_money promo, paid; /* together at most the amount; less: that was all there is */
    int64_t burn_no;      /* 0: nothing was taken, and nothing is kept of it */
} dm_wallet_burnt;

/* In burn order. The same key again: *out as it was the first time. */
int dm_wallet_burn(dm_pg *c, const dm_wallet_burn_what *w, dm_wallet_burnt *out, dm_err *err) DM_NODISCARD;

typedef struct dm_wallet_unburn_what {
    dm_account_no account_no;
    int64_t burn_no;           /* whose */
    dm_money amount;           /* at most so much; what of it was given back before is not given twice */
    dm_statement_no statement; /* whose correction it is; 0: of none */
    const char *idem_key, *reference;
    int64_t at_s;
} dm_wallet_unburn_what;

/* Gives back in the order that was recorded, the last part first. What goes back to a grant that is over expires at
 * once. *out is what was given back. DM_E_NOTFOUND: there is no such burn. */
int dm_wallet_unburn(dm_pg *c, const dm_wallet_unburn_what *w, dm_wallet_burnt *out, dm_err *err) DM_NODISCARD;

/* --- holds -------------------------------------------------------------------------------------------------- */

enum { DM_WALLET_SHORT = 1, DM_WALLET_OVER = 2 };

typedef struct dm_wallet_hold_what {
    dm_account_no account_no;
    const char *currency;
    dm_money amount; /* all of it or nothing; > 0 */
    const char *idem_key, *reference;
    int64_t at_s, until_s; /* then it is voided */
} dm_wallet_hold_what;

/* Keeps it, in burn order; what is held does not expire. 0 or DM_WALLET_SHORT: there is not so much. */
int dm_wallet_hold(dm_pg *c, const dm_wallet_hold_what *w, int64_t *hold_no, dm_err *err) DM_NODISCARD;
/* Takes of what w->account_no's hold keeps, in its order, at most w->amount, and gives the rest free. w->kind and
 * currency are the hold's. 0; DM_WALLET_OVER: it was voided. The same key again: as it was. */
int dm_wallet_post(
        dm_pg *c, int64_t hold_no, const dm_wallet_burn_what *w, dm_wallet_burnt *out, dm_err *err) DM_NODISCARD;
/* Gives it free. What is over by then expires at once. 0, also where it was voided before; DM_WALLET_OVER: it was
 * posted. */
int dm_wallet_void(dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t at_s, dm_err *err) DM_NODISCARD;

/* --- expiry ------------------------------------------------------------------------------------------------- */

/* Notes of a grant that is over what went with it: what is neither burnt nor held. The journal knows it since the
 * grant. */
int dm_wallet_expire(dm_pg *c, dm_account_no account_no, int64_t grant_no, int64_t at_s, dm_err *err) DM_NODISCARD;

#endif
