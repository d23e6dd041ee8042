/* tests/support/billrig.h: accounts with signed statements, and the invoice chores before them, on the meter's
 * rig (meterrig.h). A minute of n sandboxes is 47 s of 1 vCPU and 2 GiB each: CNY 0.00203792. */
#ifndef DM_TESTS_SUPPORT_BILLRIG_H
#define DM_TESTS_SUPPORT_BILLRIG_H

#include "metering/invoice/invoice.h"
#include "tests/support/meterrig.h"

enum { MARCH = 1772323200, APRIL = 1775001600, MAY = 1777593600, DAY = 86400 };

void bill_open(rig *r, const cluster *c, const char *db);

/* The account's statement of the minute that begins then; several accounts may have one of the same. */
void bill_minute(rig *r, int account, int64_t start, unsigned sandboxes);
/* The ledger is written up to that second. */
void bill_through(rig *r, int64_t second);

dm_chore_config bill_chores(rig *r);
/* Each at that second of UTC; what fails stops the test. */
void bill_months(rig *r, int64_t now);
void bill_orders(rig *r, int64_t now);
void bill_overdue(rig *r, int64_t now);

/* So much comes into the account's wallet at that second ("paid", or given: "promo"), in CNY. */
void bill_give(rig *r, int account, const char *kind, const char *amount, int64_t at);
/* The wallets of who pays by the hour, at that second of UTC. */
void bill_settle(rig *r, int64_t now);

/* An order of ada's about the invoice of that number (NULL: of a month, "2026-03-01"), of more than a limit approved by
 * bob. amount, detail: SQL literals. Its number. */
int bill_order(rig *r, const char *kind, const char *number, const char *amount, const char *detail);

/* What must hold whatever was done: entries, chains and numbers, states and sums. */
void bill_whole(rig *r);
/* A customer's, or (account 0) the business's. */
const char *bill_balance(rig *r, int account, const char *name);
const char *bill_status(rig *r, const char *number);

#endif
