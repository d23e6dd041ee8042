/* metering/invoice/status.h: what is said of an invoice, from what has become of it. Pure. */
#ifndef DM_METERING_INVOICE_STATUS_H
#define DM_METERING_INVOICE_STATUS_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

typedef struct dm_invoice_facts {
    dm_account_no account_no;
    int64_t invoice_no;
    char number[40], currency[4];
    dm_money total, prepaid, discount; /* as it was issued */
    dm_money paid, credited, open;     /* open: still to be paid */
    int64_t due_s;                     /* the first second of the day it is due */
    bool disputed, uncollectible, voided;
} dm_invoice_facts;

/* voided; else paid, when nothing is open; else uncollectible; disputed; overdue, when the day it was due is over
 * (UTC); partially_paid; issued. */
const char *dm_invoice_status(const dm_invoice_facts *f, int64_t now_s);

/* A day is over a day after its first second. */
enum { DM_DAY_S = 86400 };

#endif
