/* metering/read/estimate.h: what a use of sandboxes would come to for an account, by the plan and the prices that hold
 * for it at a moment: its allowance, its contract's prices, discounts and tiers are in. Runs where
 * metering/read/read.h runs. */
#ifndef DM_METERING_READ_ESTIMATE_H
#define DM_METERING_READ_ESTIMATE_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_READ_ESTIMATES_MAX = 4, DM_READ_ESTIMATE_COUNT_MAX = 1000000, DM_READ_ESTIMATE_S_MAX = 366 * 86400 };
enum {
    DM_READ_ESTIMATE_NO_REGION = 1,
    DM_READ_ESTIMATE_NO_PRICE,   /* nothing has a price there, for this account at that moment */
    DM_READ_ESTIMATE_NO_SANDBOX, /* the account has no such one, or it did nothing in that month */
};

/* One side of a comparison; each sandbox so long. */
typedef struct dm_read_choice {
    const char *name;
    uint64_t running_s, asleep_s;
} dm_read_choice;

typedef struct dm_read_estimate {
    dm_account_no account_no;
    dm_str region; /* its name; .n 0: that of the account's first project */
    int64_t at_us; /* whose plan and prices */
    bool on_top;   /* behind what the month of at_us has used already; else as a month of its own */
    uint32_t vcpus, mem_mib, disk_mib, count; /* disk rounded up to 16 MiB */
    dm_read_choice choices[DM_READ_ESTIMATES_MAX];
    size_t n;
} dm_read_estimate;

/* What an existing sandbox did in the month of UTC that begins then, as far as periods have closed: its size, region,
 * its largest disk and its seconds. DM_READ_ESTIMATE_NO_SANDBOX. */
typedef struct dm_read_used {
    int64_t vcpus, mem_mib, disk_mib, run_s, hib_s;
    char region[64];
    char charged[48]; /* to it alone: pooled minutes are charged to no sandbox */
} dm_read_used;
int dm_read_used_by(dm_pg *c, dm_account_no account_no, const dm_sandbox_id *id, int64_t from_s, int64_t to_s,
        dm_read_used *out, dm_err *err) DM_NODISCARD;

/* Writes its members into an object that is open: currency, plan, rated_by, price_book, region, price_group, formula,
 * prices, hour, minutes, choices. */
int dm_read_estimate_write(dm_pg *c, const dm_read_estimate *e, dm_jw *w, dm_err *err) DM_NODISCARD;

#endif
