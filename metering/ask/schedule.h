/* metering/ask/schedule.h: what an account wants written out of each month, once that is closed: a dataset in a format,
 * each once. dormouse-export orders it, as an export that `schedule` asked for (dm.export_schedules_due). In the
 * caller's transaction, of role dm_api in the account's scope; whose mouth writes the audit. */
#ifndef DM_METERING_ASK_SCHEDULE_H
#define DM_METERING_ASK_SCHEDULE_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum {
    DM_SCHEDULE_NONE = 1, /* the account has no such schedule */
    DM_SCHEDULE_AGAIN,    /* it has this one already: id is that one's */
};

/* Offered ones (ask/export.h). 0 or DM_SCHEDULE_AGAIN. */
int dm_schedule_add(dm_pg *c, dm_account_no account, const char *dataset, const char *format, const char *who,
        char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
/* What it has ordered stays ordered. 0 or DM_SCHEDULE_NONE. */
int dm_schedule_end(dm_pg *c, dm_account_no account, dm_str id, dm_err *err) DM_NODISCARD;

/* Strings are borrowed of the rows. */
typedef struct dm_schedule {
    int64_t no, made_us;
    dm_str id, dataset, format, who;
    dm_str through; /* "2026-03", the last month that it has ordered or found ordered; .p NULL: none yet */
} dm_schedule;

/* All of them, in the order in which they were made; of an id, that one alone (.p NULL: any). */
int dm_schedule_list(dm_pg *c, dm_account_no account, dm_str id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_schedule_read(const dm_pg_rows *rows, size_t i, dm_schedule *out);

#endif
