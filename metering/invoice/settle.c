#include "metering/invoice/settle.h"

#include "metering/rules/minor.h"
#include "metering/wallet/wallet.h"

int dm_invoice_settle(dm_pg *c, const dm_settle *s, dm_money *taken, dm_err *err)
{
    bool promo = s->part == DM_SETTLE_PROMO;
    unsigned decimals;
    dm_wallet_burnt burnt = {.burn_no = 0};
    dm_wallet_burn_what what = {.account_no = s->account_no,
            .currency = s->currency,
            .amount = s->amount,
            .before = s->before,
            .of = promo ? DM_WALLET_OF_PROMO : DM_WALLET_OF_PAID,
            .kind = "invoice",
            .against = promo ? "unbilled" : "receivable",
            .idem_key = s->idem_key,
            .reference = s->idem_key,
            .at_s = s->at_s};
    int r = promo ? 0 : dm_minor_of(s->currency, &decimals, err);
    if (r == 0 && !promo)
        what.unit = dm_minor_unit(decimals);
    if (r == 0 && s->amount.v > 0)
        r = dm_wallet_burn(c, &what, &burnt, err);
    *taken = promo ? burnt.promo : burnt.paid;
    return r;
}
