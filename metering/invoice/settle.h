/* metering/invoice/settle.h: what the wallet takes of an invoice before it is issued, beside what it took by the hour.
 */
#ifndef DM_METERING_INVOICE_SETTLE_H
#define DM_METERING_INVOICE_SETTLE_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

typedef enum dm_settle_part {
    DM_SETTLE_PROMO, /* given credit: off what is taxed, wallet_promo -> unbilled; exact */
    DM_SETTLE_PAID,  /* prepaid money: off what is to be paid, wallet_paid -> receivable; whole minor units */
} dm_settle_part;

typedef struct dm_settle {
    dm_account_no account_no;
    const char *currency;
    dm_settle_part part;
    dm_money amount;      /* at most so much */
    dm_money before;      /* of DM_SETTLE_PAID: what was paid before; with it what is taken is whole */
    const char *idem_key; /* of this invoice and part */
    int64_t at_s;
} dm_settle;

/* Takes it and books it, inside the transaction that issues. *taken: how much. */
int dm_invoice_settle(dm_pg *c, const dm_settle *s, dm_money *taken, dm_err *err) DM_NODISCARD;

#endif
