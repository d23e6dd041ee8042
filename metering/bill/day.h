/* metering/bill/day.h: what a statement adds to its account's day (dm.usage_day), by project, template, key and SKU: so
 * that a month is shown without adding up its lines. Gathered page by page, and written in the head's transaction, so
 * that it is never more nor less than statements say. One thread. */
#ifndef DM_METERING_BILL_DAY_H
#define DM_METERING_BILL_DAY_H

#include "base/map.h"
#include "base/pg.h"

#include "metering/rules/statement.h"

enum { DM_DAY_ROWS_MAX = 20000 }; /* of more than so many templates and keys the others are told together */

typedef struct dm_day {
    dm_map rows;
} dm_day;

void dm_day_init(dm_day *d);
void dm_day_done(dm_day *d);
/* A page that is written, or a line of the account. */
int dm_day_page(dm_day *d, const dm_stated_page *p, dm_err *err) DM_NODISCARD;
/* Adds it all to the rows of the day of the statement; and what its account's lines say, which are not gathered, since
 * that transaction may run twice. */
int dm_day_put(const dm_day *d, dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err) DM_NODISCARD;

#endif
