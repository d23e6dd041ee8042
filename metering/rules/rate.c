#include "metering/rules/rate.h"

#include "base/wire/frame.h"

enum { UNIT_MICRO = 1000000 };

static const char *const names[DM_SKU_COUNT] = {
        [DM_SKU_DISK_HIB] = "disk-hib",
        [DM_SKU_DISK_RUN_OVER_30] = "disk-run-over-30",
        [DM_SKU_MEM_RUN] = "mem-run",
        [DM_SKU_MINUTES] = "minutes",
        [DM_SKU_SNAPSHOT] = "snapshot",
        [DM_SKU_VCPU_RUN] = "vcpu-run",
};

const char *dm_sku_name(dm_sku sku)
{
    return names[sku];
}

int dm_sku_parse(dm_str name, dm_sku *out, dm_err *err)
{
    for (unsigned i = 0; i < DM_SKU_COUNT; i++) {
        if (dm_str_eq_c(name, names[i])) {
            *out = (dm_sku)i;
            return 0;
        }
    }
    return dm_fail(err, DM_E_INVALID, "'%.*s' is not a SKU", (int)(name.n > 40 ? 40 : name.n), name.p);
}

void dm_rate_disk(const uint32_t *disk_16mib, size_t minutes, uint32_t *out)
{
    uint32_t holds = DM_DISK_UNKNOWN;
    for (size_t m = 0; m < minutes; m++) {
        if (disk_16mib[m] != DM_DISK_UNKNOWN)
            holds = disk_16mib[m];
        out[m] = holds;
    }
}

uint64_t dm_rate_count(const dm_rate_use *use, uint8_t state, uint32_t from, uint32_t to)
{
    uint64_t n = 0;
    for (uint32_t s = from; s < to && s < use->seconds; s++)
        n += use->state[s] == state;
    return n;
}

/* Grain-seconds and the seconds that have any. */
typedef struct disk_sum {
    uint64_t grains, seconds;
} disk_sum;

typedef struct sums {
    uint64_t running;
    disk_sum over_30, hib;
} sums;

static void add_disk(disk_sum *d, uint32_t grains)
{
    d->grains += grains; /* at most 3600 x 2^32 */
    d->seconds += grains > 0;
}

static void sum_segment(const dm_rate_use *use, const uint32_t *disk, const dm_rate_segment *g, sums *out)
{
    *out = (sums){0};
    for (uint32_t s = g->from; s < g->to; s++) {
        uint32_t grains = disk[s / 60] != DM_DISK_UNKNOWN ? disk[s / 60] : 0;
        if (use->state[s] == DM_SAMPLE_RUN) {
            out->running++;
            add_disk(&out->over_30, grains > DM_RATE_FREE_GRAINS ? grains - DM_RATE_FREE_GRAINS : 0);
        } else if (use->state[s] == DM_SAMPLE_HIB) {
            add_disk(&out->hib, grains);
        }
    }
}

typedef struct writer {
    const dm_rate_segment *segment;
    bool about; /* tiers are left out: the first one's price counts */
    dm_rate_line *lines;
    size_t n;
} writer;

/* units x each_micro of a SKU, unless that is nothing. */
static int put(writer *w, dm_sku sku, uint8_t tier, uint64_t units, uint64_t each_micro, uint64_t seconds, dm_err *err)
{
    if (units == 0 || each_micro == 0)
        return 0;
    const dm_rate_book *book = w->segment->book;
    if (!book->has[sku])
        return dm_fail(err, DM_E_NOTFOUND, "price book %lld has no price for %s", (long long)book->id, names[sku]);
    dm_rate_line line = {
            .sku = sku,
            .tier = tier,
            .book_id = book->id,
            .from = w->segment->from,
            .to = w->segment->to,
            .seconds = (int64_t)seconds,
            .per_unit = book->per_unit[sku],
    };
    line.measured = sku != DM_SKU_MINUTES && !w->about && book->tiers[sku].mode != DM_TIER_NONE;
    if (line.measured || (sku == DM_SKU_MINUTES && tier == 0))
        line.per_unit.v = 0;
    int r = dm_qty_of(units, each_micro, &line.qty, err);
    if (r == 0)
        r = dm_money_of(line.qty, line.per_unit, &line.amount, err);
    if (r < 0)
        return dm_wrap(err, "%s", names[sku]);
    w->lines[w->n++] = line;
    return 0;
}

static int put_segment(writer *w, uint32_t vcpus, uint32_t mem_mib, const sums *s, dm_err *err)
{
    int r = put(w, DM_SKU_DISK_HIB, 0, s->hib.grains, DM_RATE_GRAIN_MICRO, s->hib.seconds, err);
    if (r < 0 || w->segment->book->minutes)
        return r;
    r = put(w, DM_SKU_DISK_RUN_OVER_30, 0, s->over_30.grains, DM_RATE_GRAIN_MICRO, s->over_30.seconds, err);
    if (r == 0)
        r = put(w, DM_SKU_MEM_RUN, 0, s->running, (uint64_t)(mem_mib / DM_RATE_GRAIN_MIB) * DM_RATE_GRAIN_MICRO,
                s->running, err);
    if (r == 0)
        r = put(w, DM_SKU_VCPU_RUN, 0, s->running, (uint64_t)vcpus * UNIT_MICRO, s->running, err);
    return r;
}

static int check(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_err *err)
{
    if (use->seconds == 0 || use->seconds > DM_RATE_SECONDS_MAX || n > DM_RATE_SEGMENTS_MAX)
        return dm_fail(err, DM_E_INVALID, "rating %u seconds in %zu segments", use->seconds, n);
    if (use->mem_mib % DM_RATE_GRAIN_MIB != 0)
        return dm_fail(err, DM_E_INVALID, "%u MiB of memory are not a multiple of %d", use->mem_mib, DM_RATE_GRAIN_MIB);
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (segments[i].from < at || segments[i].to <= segments[i].from || segments[i].to > use->seconds)
            return dm_fail(err, DM_E_INVALID, "price segments do not ascend within the period");
        at = segments[i].to;
    }
    return 0;
}

static int check_covered(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_err *err)
{
    size_t g = 0;
    for (uint32_t s = 0; s < use->seconds; s++) {
        while (g < n && segments[g].to <= s)
            g++;
        if (use->state[s] != 0 && (g == n || segments[g].from > s))
            return dm_fail(err, DM_E_NOTFOUND, "no price book holds in second %u of the period", s);
    }
    return 0;
}

static int put_use(writer *w, const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_err *err)
{
    uint32_t disk[DM_RATE_SECONDS_MAX / 60 + 1];
    int r = check(use, segments, n, err);
    if (r == 0)
        r = check_covered(use, segments, n, err);
    if (r < 0)
        return r;
    dm_rate_disk(use->disk_16mib, (use->seconds + 59) / 60, disk);
    for (size_t i = 0; r == 0 && i < n; i++) {
        sums s;
        w->segment = &segments[i];
        sum_segment(use, disk, &segments[i], &s);
        r = put_segment(w, use->vcpus, use->mem_mib, &s, err);
    }
    return r;
}

int dm_rate_use_lines(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_rate_line *out,
        size_t *n_out, dm_err *err)
{
    writer w = {.lines = out};
    int r = put_use(&w, use, segments, n, err);
    if (r == 0)
        *n_out = w.n;
    return r;
}

int dm_rate_use_about(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_money *out, dm_err *err)
{
    dm_rate_line lines[DM_RATE_LINES_MAX];
    writer w = {.lines = lines, .about = true};
    int r = put_use(&w, use, segments, n, err);
    return r < 0 ? r : dm_rate_total(lines, w.n, out, err);
}

int dm_rate_sum_lines(
        const dm_rate_sum *sum, const dm_rate_segment *segment, dm_rate_line *out, size_t *n_out, dm_err *err)
{
    if (sum->running_s > DM_RATE_SUM_S_MAX || sum->asleep_s > DM_RATE_SUM_S_MAX ||
            sum->mem_mib % DM_RATE_GRAIN_MIB != 0)
        return dm_fail(err, DM_E_INVALID, "such a use has no sum");
    uint64_t over = sum->disk_16mib > DM_RATE_FREE_GRAINS ? sum->disk_16mib - DM_RATE_FREE_GRAINS : 0;
    sums s = {.running = sum->running_s,
            .over_30 = {sum->running_s * over, sum->running_s},
            .hib = {sum->asleep_s * sum->disk_16mib, sum->asleep_s}};
    writer w = {.segment = segment, .lines = out};
    int r = put_segment(&w, sum->vcpus, sum->mem_mib, &s, err);
    if (r == 0)
        *n_out = w.n;
    return r;
}

int dm_rate_minutes(uint64_t before, uint64_t seconds, uint64_t included_s, const dm_rate_segment *segment,
        dm_rate_line out[2], size_t *n_out, dm_err *err)
{
    uint64_t after;
    if (__builtin_add_overflow(before, seconds, &after) || included_s > UINT64_MAX - 59)
        return dm_fail(err, DM_E_LIMIT, "pooled seconds overflow");
    uint64_t allowance = (included_s + 59) / 60, from = before / 60, to = after / 60;
    uint64_t free_from = from < allowance ? from : allowance, free_to = to < allowance ? to : allowance;
    uint64_t free = free_to - free_from;
    writer w = {.segment = segment, .lines = out};
    int r = put(&w, DM_SKU_MINUTES, 0, free, UNIT_MICRO, seconds, err);
    if (r == 0)
        r = put(&w, DM_SKU_MINUTES, 1, to - from - free, UNIT_MICRO, seconds, err);
    if (r == 0)
        *n_out = w.n;
    return r;
}

int dm_rate_total(const dm_rate_line *lines, size_t n, dm_money *out, dm_err *err)
{
    dm_money total = {0};
    for (size_t i = 0; i < n; i++) {
        int r = dm_money_add(total, lines[i].amount, &total, err);
        if (r < 0)
            return r;
    }
    *out = total;
    return 0;
}
