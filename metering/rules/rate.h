/* metering/rules/rate.h: from seconds to lines. Pure: no clock, no I/O, no state; the same evidence and the same price
 * books give the same lines, and rating a stretch in pieces gives the same sums as in one.
 *
 *   running      vcpu-run           vCPUs x seconds
 *                mem-run            GiB x seconds
 *                disk-run-over-30   what the disk exceeds 30 GiB by, x seconds
 *   hibernated   disk-hib           all of the disk x seconds
 *
 * Plans that are rated by minutes have disk-hib alone among these; their running seconds are pooled by account and
 * calendar month and charged by the whole minute (dm_rate_minutes).
 *
 * What a book sells in tiers has no price of its own by sandbox: its lines there say how much was used and cost nothing
 * (measured), and the account as a whole is charged for their sum (metering/rules/tier.h).
 *
 * The disk of a second is that of its minute; a minute without a figure has that of the last one before it in the same
 * period and epoch; with none, no disk is charged. */
#ifndef DM_METERING_RULES_RATE_H
#define DM_METERING_RULES_RATE_H

#include "base/wire/period.h"

#include "metering/limits.h"
#include "metering/rules/money.h"

/* What a sandbox is, and how good, if nothing else is said. */
#define DM_COMPUTE_TYPE "agent-sandbox"
#define DM_COMPUTE_QUALITY "default"

/* Disks are measured by grains of 16 MiB, 1/64 GiB: 15625 millionths exactly. A running sandbox has 30 GiB free. */
enum { DM_RATE_GRAIN_MIB = 16, DM_RATE_GRAIN_MICRO = 15625, DM_RATE_FREE_GRAINS = 30 * 64 };

typedef enum dm_sku {
    DM_SKU_DISK_HIB,
    DM_SKU_DISK_RUN_OVER_30,
    DM_SKU_MEM_RUN,
    DM_SKU_MINUTES,
    DM_SKU_SNAPSHOT,
    DM_SKU_VCPU_RUN,
    DM_SKU_COUNT
} dm_sku; /* in the order of their names, which is the order of lines */

const char *dm_sku_name(dm_sku sku);
int dm_sku_parse(dm_str name, dm_sku *out, dm_err *err) DM_NODISCARD;

typedef enum dm_tier_mode { DM_TIER_NONE, DM_TIER_GRADUATED, DM_TIER_VOLUME } dm_tier_mode;

/* How much of a month a SKU's prices hold for; metering/rules/tier.h. The first tier begins at nothing and has the
 * book's own price. */
typedef struct dm_tiers {
    dm_tier_mode mode;
    size_t n; /* after the first */
    dm_qty from[DM_TIERS_MAX];
    dm_price per_unit[DM_TIERS_MAX];
} dm_tiers;

/* One price book, as far as rating goes. */
typedef struct dm_rate_book {
    int64_t id;
    bool minutes; /* rated by pooled minutes, else by resources */
    bool has[DM_SKU_COUNT];
    dm_price per_unit[DM_SKU_COUNT];
    dm_tiers tiers[DM_SKU_COUNT];
} dm_rate_book;

/* The seconds of a period in which one book holds, half-open. A list of them ascends. */
typedef struct dm_rate_segment {
    uint32_t from, to;
    const dm_rate_book *book;
} dm_rate_segment;

/* What one (sandbox, epoch, spec) was in one period. */
typedef struct dm_rate_use {
    uint32_t seconds;           /* length of the period */
    const uint8_t *state;       /* one a second: dm_sample_state or 0 */
    const uint32_t *disk_16mib; /* one a minute; DM_DISK_UNKNOWN */
    uint32_t vcpus, mem_mib;    /* memory is a multiple of 16 MiB */
} dm_rate_use;

typedef struct dm_rate_line {
    dm_sku sku;
    uint8_t tier;  /* minutes: 0 within the allowance, from 1 on paid; in tiers: which; else 0 */
    bool measured; /* it says how much, and its price is found for the account as a whole: it has none here */
    int64_t book_id;
    uint32_t from, to; /* the segment it was rated in */
    int64_t seconds;   /* in which it was charged; for minutes: pooled in the segment; of a correction, what it adds */
    dm_qty qty;
    dm_price per_unit;
    dm_money amount;
} dm_rate_line;

/* Lines whose quantity is nothing are left out. A second in use that no segment covers, or whose book lacks the price,
 * is DM_E_NOTFOUND: what has no price is not guessed. out has room for DM_RATE_LINES_MAX. */
int dm_rate_use_lines(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_rate_line *out,
        size_t *n_out, dm_err *err) DM_NODISCARD;

/* What they would come to if all that is sold in tiers cost what its first tier does: of two evidences this tells which
 * is the cheaper, and of an open period about what it costs, before the month's sum is known. */
int dm_rate_use_about(
        const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_money *out, dm_err *err) DM_NODISCARD;

/* What a sandbox uses, not second by second but in sum, as an estimate has it: so long running and asleep, with as much
 * disk throughout. The lines are those that its seconds would have. */
enum { DM_RATE_SUM_S_MAX = 1 << 30 }; /* 34 years: grains times so much cannot wrap */
typedef struct dm_rate_sum {
    uint32_t vcpus, mem_mib, disk_16mib;
    uint64_t running_s, asleep_s; /* each at most DM_RATE_SUM_S_MAX */
} dm_rate_sum;
int dm_rate_sum_lines(const dm_rate_sum *sum, const dm_rate_segment *segment, dm_rate_line *out, size_t *n_out,
        dm_err *err) DM_NODISCARD;

/* Seconds of this state in [from, to). */
uint64_t dm_rate_count(const dm_rate_use *use, uint8_t state, uint32_t from, uint32_t to);

/* The disk figure that holds in each minute: the carry rule, written out. */
void dm_rate_disk(const uint32_t *disk_16mib, size_t minutes, uint32_t *out);

/* The pool of an account in one calendar month: `before` seconds were in it, `seconds` more come. Whole minutes are
 * charged as floor(after/60) - floor(before/60), free below the allowance (rounded up to a whole minute). Up to two
 * lines: tier 0, then tier 1. */
int dm_rate_minutes(uint64_t before, uint64_t seconds, uint64_t included_s, const dm_rate_segment *segment,
        dm_rate_line out[2], size_t *n_out, dm_err *err) DM_NODISCARD;

/* The sum of amounts. */
int dm_rate_total(const dm_rate_line *lines, size_t n, dm_money *out, dm_err *err) DM_NODISCARD;

#endif
