/* metering/invoice/make.h: an account's statements become an invoice. Inside a transaction of role dm_meter that has
 * the account's turn. */
#ifndef DM_METERING_INVOICE_MAKE_H
#define DM_METERING_INVOICE_MAKE_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/number.h"

enum {
    DM_MAKE_NOTHING = 1, /* there is no statement that is not invoiced, or they come to nothing */
    DM_MAKE_CARRIED,     /* they come to less than can be paid, or to less than the wallet gave, or are in the
                          * customer's favour */
    DM_MAKE_NO_TAX,      /* no rule of tax holds for them */
};

typedef struct dm_make {
    dm_account_no account_no;
    int64_t from_s, to_s; /* statements of periods that begin in [from, to), and that no invoice is of */
    bool again;           /* also those of invoices that were voided */
    bool over;            /* the last month is over, and all of it stated: it is made up to what a contract says */
    int64_t now_s;
    const char *who; /* by whom or what: 'policy:invoice' */
    /* set: */
    int64_t invoice_no;
    char number[40];
    char why[160]; /* of an outcome, for people */
} dm_make;

/* 0: it is issued, booked, and told; or an outcome, and nothing was written. */
int dm_make_invoice(dm_pg *c, const dm_sign_key *key, dm_make *m, dm_err *err) DM_NODISCARD;

/* What it would be: its bytes, with a number of "DRAFT", no place in the chain, and nothing of the wallet but what that
 * has settled by the hour. Nothing is written. */
int dm_make_draft(dm_pg *c, dm_make *m, dm_buf *body, dm_err *err) DM_NODISCARD;

#endif
