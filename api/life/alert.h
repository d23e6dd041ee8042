/* api/life/alert.h: alerts of spend (tenants/plan/alerts.h) are noted, with a letter to each who keeps the account or
 * the project and to who sees its bills. Any instance may do it, all may at once: each alert is one's. */
#ifndef DM_API_LIFE_ALERT_H
#define DM_API_LIFE_ALERT_H

#include "api/kit/api.h"

/* The next DM_ALERT_ACCOUNTS accounts after *after, which it moves on: 0 to begin with, and again after the last.
 * Asks the database alone. *noted: how many alerts; of an account that failed the rest goes on, and it is met again. */
int dm_alert_round(dm_api *api, int64_t *after, unsigned *noted, dm_err *err) DM_NODISCARD;

/* One account's, in the transaction (role dm_ops, the scope of the account) of whoever finds that it is time to look:
 * how many were noted. */
int dm_alert_look(dm_pg *c, dm_account_no account, unsigned *noted, dm_err *err) DM_NODISCARD;
/* The same in a transaction of its own; a failure is logged, for it is found by the next round. */
unsigned dm_alert_look_now(dm_api *api, dm_account_no account);

#endif
