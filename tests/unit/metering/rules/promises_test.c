/* Every rule of what customers were promised about money that can be told without a database, each by its name, with
 * the figures of the promise as they are printed there. Where a rule is kept by another room its test is there:
 *
 *   the first billed second, pool time, a failed start     tests/unit/workers/host/claim_test.c, life_test.c
 *   a second in which it ran at all                        evidence/usage_test.c:
 * a_running_second_is_one_that_was_touched a wake whose guest does not answer tests/unit/workers/host/life_test.c,
 * dead_test.c charged disk, rounded up to 16 MiB                     tests/unit/workers/host/machine an allowance or a
 * cap that is reached                  tests/unit/api/life/hold_test.c the books that the house was opened with
 * tests/unit/metering/ask/book_test.c */
#include <stdio.h>

#include "base/wire/frame.h"

#include "metering/rules/judge.h"
#include "metering/rules/tier.h"
#include "tests/unit/test.h"

enum { GIB = 64 /* grains of 16 MiB */, RUN = DM_SAMPLE_RUN, HIB = DM_SAMPLE_HIB, HOUR = 3600 };

static dm_price price(const char *text)
{
    dm_price p;
    assert_int_equal(dm_price_parse(dm_str_c(text), &p, NULL), 0);
    return p;
}

static dm_rate_book by_resources(const char *vcpu, const char *mem, const char *disk)
{
    dm_rate_book b = {.id = 1};
    b.has[DM_SKU_VCPU_RUN] = b.has[DM_SKU_MEM_RUN] = b.has[DM_SKU_DISK_RUN_OVER_30] = b.has[DM_SKU_DISK_HIB] = true;
    b.per_unit[DM_SKU_VCPU_RUN] = price(vcpu);
    b.per_unit[DM_SKU_MEM_RUN] = price(mem);
    b.per_unit[DM_SKU_DISK_RUN_OVER_30] = b.per_unit[DM_SKU_DISK_HIB] = price(disk);
    return b;
}

static dm_rate_book mainland(void)
{
    return by_resources("0.0000217", "0.00001083", "0.0000003");
}

static dm_rate_book other(void)
{
    return by_resources("0.0000342", "0.00001711", "0.0000004");
}

static dm_rate_book by_minutes(const char *minute, const char *disk)
{
    dm_rate_book b = {.id = 2, .minutes = true};
    b.has[DM_SKU_MINUTES] = b.has[DM_SKU_DISK_HIB] = true;
    b.per_unit[DM_SKU_MINUTES] = price(minute);
    b.per_unit[DM_SKU_DISK_HIB] = price(disk);
    return b;
}

typedef struct lived {
    uint8_t state[HOUR];
    uint32_t disk[HOUR / 60];
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    char total[DM_MONEY_TEXT];
} lived;

/* One sandbox that runs, then sleeps, then is gone, with the same disk throughout. */
static void live(lived *l, const dm_rate_book *book, uint32_t vcpus, uint32_t mem_mib, uint32_t run, uint32_t hib,
        uint32_t grains)
{
    dm_rate_segment whole = {0, HOUR, book};
    dm_rate_use use = {HOUR, l->state, l->disk, vcpus, mem_mib};
    dm_money total;
    memset(l->state, 0, sizeof l->state);
    memset(l->state, RUN, run);
    memset(l->state + run, HIB, hib);
    for (size_t m = 0; m < DM_LEN(l->disk); m++)
        l->disk[m] = grains;
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l->lines, &l->n, NULL), 0);
    assert_int_equal(dm_rate_total(l->lines, l->n, &total, NULL), 0);
    dm_money_print(total, l->total);
}

static const dm_rate_line *of(const lived *l, dm_sku sku)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->lines[i].sku == sku)
            return &l->lines[i];
    }
    return NULL;
}

/* The money of the promise has as many decimals as it needs; what follows them is nothing. */
static void assert_money(const char *got, const char *promised)
{
    size_t n = strlen(promised);
    if (strncmp(got, promised, n) != 0 || strspn(got + n, "0") != strlen(got + n) || strchr(promised, '.') == NULL)
        fail_msg("%s, promised was %s", got, promised);
}

static void assert_used(const lived *l, dm_sku sku, const char *promised)
{
    char text[DM_MONEY_TEXT];
    const dm_rate_line *line = of(l, sku);
    if (line == NULL)
        fail_msg("nothing of %s", dm_sku_name(sku));
    dm_qty_print(line->qty, text);
    assert_money(text, promised);
}

/* What the pool costs that stands at so many seconds, from the month's first on. */
static void assert_pool(const dm_rate_book *book, uint64_t included_s, uint64_t seconds, const char *promised)
{
    dm_rate_segment whole = {0, HOUR, book};
    dm_rate_line lines[2];
    dm_money total;
    char text[DM_MONEY_TEXT];
    size_t n;
    assert_int_equal(dm_rate_minutes(0, seconds, included_s, &whole, lines, &n, NULL), 0);
    assert_int_equal(dm_rate_total(lines, n, &total, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(lines[i].seconds, seconds); /* the seconds are printed as well */
    dm_money_print(total, text);
    assert_money(text, promised);
}

/* --- the golden vectors ------------------------------------------------------------------------------------- */

static void golden_2_vcpus_4_gib_3600_s(void **state)
{
    lived l;
    dm_rate_book a = mainland(), b = other();
    (void)state;
    live(&l, &a, 2, 4096, 3600, 0, GIB);
    assert_money(l.total, "0.31219200");
    live(&l, &b, 2, 4096, 3600, 0, GIB);
    assert_money(l.total, "0.49262400");
}

static void golden_1_vcpu_2_gib_47_s(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 1, 2048, 47, 0, GIB);
    assert_money(l.total, "0.00203792");
}

static void golden_35_gib_running(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 1, 1024, 3600, 0, 35 * GIB);
    assert_used(&l, DM_SKU_DISK_RUN_OVER_30, "18000.0");
}

static void golden_20_gib_hibernated(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 8, 16384, 0, 3600, 20 * GIB);
    assert_int_equal(l.n, 1); /* no vCPU, no memory */
    assert_used(&l, DM_SKU_DISK_HIB, "72000.0");
}

static void golden_31_gib_runs_then_sleeps(void **state)
{
    lived l;
    dm_money compute;
    char text[DM_MONEY_TEXT];
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 1, 1024, 1000, 2600, 31 * GIB);
    assert_used(&l, DM_SKU_DISK_RUN_OVER_30, "1000.0");
    assert_used(&l, DM_SKU_DISK_HIB, "80600.0");
    assert_int_equal(dm_money_add(of(&l, DM_SKU_VCPU_RUN)->amount, of(&l, DM_SKU_MEM_RUN)->amount, &compute, NULL), 0);
    dm_money_print(compute, text);
    assert_money(text, "0.03253");
    assert_money(l.total, "0.05701");
}

static void golden_pro_60059_and_60060_pooled_seconds(void **state)
{
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    (void)state;
    assert_pool(&pro, 60000, 60059, "0.0");
    assert_pool(&pro, 60000, 60060, "0.005");
}

static void golden_free_6000_pooled_seconds(void **state)
{
    dm_rate_book book = by_minutes("0.0", "0.0");
    (void)state;
    assert_pool(&book, 6000, 6000, "0.0");
}

/* However it lies in time, a life of 50 to 900 ms touches one second or two, and each is billed. */
static void golden_1000_short_lives(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned from_ms = i * 7919 % 1000, life_ms = 50 + i * 104729 % 851;
        unsigned seconds = (from_ms + life_ms - 1) / 1000 + 1;
        live(&l, &a, 1, 256, seconds, 0, DM_DISK_UNKNOWN);
        assert_in_range(of(&l, DM_SKU_VCPU_RUN)->seconds, 1, 2);
        assert_int_equal(of(&l, DM_SKU_VCPU_RUN)->seconds, seconds);
    }
}

/* --- plans and prices --------------------------------------------------------------------------------------- */

static void free_is_100_minutes_a_month(void **state)
{
    dm_rate_book book = by_minutes("0.0", "0.0");
    dm_rate_segment whole = {0, HOUR, &book};
    dm_rate_line lines[2];
    size_t n;
    (void)state;
    assert_int_equal(dm_rate_minutes(0, 6000, 6000, &whole, lines, &n, NULL), 0);
    assert_int_equal(n, 1); /* all of it within the allowance */
    assert_int_equal(lines[0].tier, 0);
    assert_int_equal(lines[0].qty.v, 100 * 1000000);
}

static void pro_is_half_a_cent_a_minute_past_1000(void **state)
{
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    (void)state;
    assert_pool(&pro, 60000, 1000 * 60, "0.0");
    assert_pool(&pro, 60000, 1100 * 60, "0.5");
    assert_pool(&pro, 60000, 44640 * 60, "218.2"); /* a month of 31 days */
}

static void pro_pays_for_the_disk_of_sleepers(void **state)
{
    lived l;
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    (void)state;
    live(&l, &pro, 2, 4096, 1800, 1800, 10 * GIB);
    assert_int_equal(l.n, 1);
    assert_used(&l, DM_SKU_DISK_HIB, "18000.0");
    assert_money(l.total, "0.00072");
}

/* The hourly figure is a label: an hour is charged by its seconds. */
static void the_label_is_not_what_is_charged(void **state)
{
    lived l;
    dm_rate_book b = other();
    (void)state;
    live(&l, &b, 1, 1024, 3600, 0, GIB);
    dm_money_print(of(&l, DM_SKU_VCPU_RUN)->amount, l.total);
    assert_money(l.total, "0.12312"); /* the label says 0.1232 */
}

/* cost = (number of vCPUs x vCPU price + memory size x memory price) x billed duration, over the whole spec table. */
static void the_printed_formula(void **state)
{
    static const struct {
        uint32_t vcpus, first, last;
    } table[] = {{1, 256, 4096}, {2, 512, 8192}, {4, 1024, 16384}, {8, 2048, 16384}};
    lived l;
    dm_rate_book a = mainland();
    char want[DM_MONEY_TEXT];
    (void)state;
    for (size_t i = 0; i < DM_LEN(table); i++) {
        for (uint32_t mem = table[i].first; mem <= table[i].last; mem *= 2) {
            for (uint32_t seconds = 1; seconds <= HOUR; seconds = seconds * 7 + 1) {
                live(&l, &a, table[i].vcpus, mem, seconds, 0, 30 * GIB);
                /* in units of 10^-18, with memory in 256 MiB */
                dm_i128 each = (dm_i128)table[i].vcpus * 21700000 * 4 + (dm_i128)(mem / 256) * 10830000;
                dm_money_print((dm_money){each * seconds * 1000000 / 4}, want);
                assert_string_equal(l.total, want);
            }
        }
    }
}

/* --- storage ------------------------------------------------------------------------------------------------ */

static void running_the_first_30_gib_are_free(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 1, 256, 60, 0, 30 * GIB);
    assert_null(of(&l, DM_SKU_DISK_RUN_OVER_30));
    live(&l, &a, 1, 256, 60, 0, 30 * GIB + 1);
    assert_used(&l, DM_SKU_DISK_RUN_OVER_30, "0.9375"); /* 16 MiB for a minute */
}

static void hibernated_all_storage_is_charged(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 4, 8192, 0, 60, 1);
    assert_int_equal(l.n, 1);
    assert_used(&l, DM_SKU_DISK_HIB, "0.9375");
    live(&l, &a, 4, 8192, 0, 60, 31 * GIB);
    assert_used(&l, DM_SKU_DISK_HIB, "1860.0");
}

/* 16 MiB are 1/64 GiB, 15,625 millionths exactly: no size of a disk needs rounding. */
static void disk_is_charged_by_16_mib(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    for (uint32_t grains = 1; grains <= 64; grains++) {
        live(&l, &a, 1, 256, 0, 1, grains);
        assert_int_equal(of(&l, DM_SKU_DISK_HIB)->qty.v, grains * 15625);
        assert_int_equal(of(&l, DM_SKU_DISK_HIB)->amount.v, (dm_i128)grains * 15625 * 300000);
    }
}

/* The memory image of a sleeper is shown and not charged: whatever its size, a sleeper costs its disk. */
static void the_image_of_a_sleeper_costs_nothing(void **state)
{
    lived small, large;
    dm_rate_book a = mainland();
    (void)state;
    live(&small, &a, 1, 256, 0, 3600, 5 * GIB);
    live(&large, &a, 8, 16384, 0, 3600, 5 * GIB);
    assert_string_equal(small.total, large.total);
}

/* --- seconds ------------------------------------------------------------------------------------------------ */

static void fifty_milliseconds_bill_one_second(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 1, 1024, 1, 0, DM_DISK_UNKNOWN);
    assert_int_equal(of(&l, DM_SKU_VCPU_RUN)->seconds, 1);
    assert_money(l.total, "0.00003253");
}

/* What is in no sample has no state, and costs nothing: a failed start or restore, a failed wake, time in the pool. */
static void what_never_ran_bills_nothing(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    (void)state;
    live(&l, &a, 8, 16384, 0, 0, 200 * GIB);
    assert_int_equal(l.n, 0);
    assert_money(l.total, "0.0");
}

/* A wake whose guest never answered: the seconds it ran are running seconds, those before and after sleep. */
static void an_unanswered_wake_bills_what_it_ran(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    dm_rate_segment whole = {0, HOUR, &a};
    (void)state;
    live(&l, &a, 1, 1024, 0, 3600, GIB);
    memset(l.state + 600, RUN, 5);
    dm_rate_use use = {HOUR, l.state, l.disk, 1, 1024};
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l.lines, &l.n, NULL), 0);
    assert_int_equal(of(&l, DM_SKU_VCPU_RUN)->seconds, 5);
    assert_int_equal(of(&l, DM_SKU_DISK_HIB)->seconds, 3595);
}

static dm_claim *claim(uint32_t epoch, const dm_rate_segment *segment)
{
    dm_claim *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (dm_claim){.epoch = epoch,
            .spec_table = 1,
            .spec = 1,
            .region_no = 1,
            .has_spec = true,
            .has_region = true,
            .vcpus = 1,
            .mem_mib = 256,
            .framed = true,
            .worker_known = true,
            .has_row = true,
            .row_epoch = 9,
            .row_spec_table = 1,
            .row_spec = 1,
            .row_region_no = 1,
            .began_s = -1,
            .slept_s = -1,
            .ended_s = -1,
            .segments = segment,
            .nsegments = 1};
    for (size_t m = 0; m < DM_LEN(c->frames.disk_16mib); m++)
        c->frames.disk_16mib[m] = GIB;
    return c;
}

/* Slept and woken within second 30: both lives have it, it is one running second, and the higher epoch's. */
static void pause_and_wake_within_one_second(void **state)
{
    dm_rate_book a = mainland();
    dm_rate_segment whole = {0, 60, &a};
    dm_claim *before = claim(1, &whole), *after = claim(2, &whole), *both[] = {before, after};
    dm_anomalies anomalies = {0};
    (void)state;
    memset(before->frames.state, RUN, 31);
    memset(after->frames.state + 30, RUN, 30);
    assert_int_equal(dm_judge(both, 2, 0, 60, &anomalies, NULL), 0);
    dm_rate_use first = dm_claim_use(before, 60), second = dm_claim_use(after, 60);
    assert_int_equal(dm_rate_count(&first, RUN, 0, 60), 30);
    assert_int_equal(dm_rate_count(&second, RUN, 0, 60), 30);
    assert_int_equal(second.state[30], RUN);
    assert_int_equal(anomalies.n, 0);
    dm_anomalies_done(&anomalies);
    free(before);
    free(after);
}

/* Asleep on a host that is lost: no evidence, no charge, until another worker adopts it. */
static void a_sleeper_on_a_lost_host_is_not_charged(void **state)
{
    lived l;
    dm_rate_book a = mainland();
    dm_rate_segment whole = {0, HOUR, &a};
    (void)state;
    live(&l, &a, 1, 1024, 0, 3600, GIB);
    memset(l.state + 1000, 0, 2000); /* lost at 1000, adopted at 3000 */
    dm_rate_use use = {HOUR, l.state, l.disk, 1, 1024};
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l.lines, &l.n, NULL), 0);
    assert_used(&l, DM_SKU_DISK_HIB, "1600.0");
}

/* --- the pool ----------------------------------------------------------------------------------------------- */

static void the_last_unfinished_minute_is_never_charged(void **state)
{
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    (void)state;
    assert_pool(&pro, 0, 59, "0.0");
    assert_pool(&pro, 0, 60, "0.005");
    assert_pool(&pro, 0, 119, "0.005");
    assert_pool(&pro, 0, 120, "0.01");
}

/* Sixty sandboxes of one second are a minute: what counts is the account, not the sandbox. */
static void the_minutes_belong_to_the_account(void **state)
{
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    dm_rate_segment whole = {0, HOUR, &pro};
    dm_rate_line lines[2];
    lived l;
    size_t n, charged = 0;
    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        live(&l, &pro, 1, 256, 1, 0, GIB);
        assert_int_equal(l.n, 0); /* no money by sandbox */
        assert_int_equal(dm_rate_minutes(i, 1, 0, &whole, lines, &n, NULL), 0);
        charged += n;
    }
    assert_int_equal(charged, 1);
}

/* Late seconds that cross the allowance's edge: the month is rated with and without them. */
static void late_data_across_the_allowance(void **state)
{
    dm_rate_book pro = by_minutes("0.005", "0.00000004");
    dm_rate_segment whole = {0, HOUR, &pro};
    dm_rate_line lines[2];
    dm_money without, with, difference;
    char text[DM_MONEY_TEXT];
    size_t n;
    (void)state;
    assert_int_equal(dm_rate_minutes(0, 59990, 60000, &whole, lines, &n, NULL), 0);
    assert_int_equal(dm_rate_total(lines, n, &without, NULL), 0);
    assert_int_equal(dm_rate_minutes(0, 59990 + 130, 60000, &whole, lines, &n, NULL), 0);
    assert_int_equal(dm_rate_total(lines, n, &with, NULL), 0);
    assert_int_equal(dm_money_negate(without, &difference, NULL), 0);
    assert_int_equal(dm_money_add(with, difference, &difference, NULL), 0);
    dm_money_print(difference, text);
    assert_money(text, "0.01"); /* minutes 1001 and 1002: 130 s by themselves would be two of them too, and free */
}

/* --- contracts ---------------------------------------------------------------------------------------------- */

static void discounts_are_exact_or_refused(void **state)
{
    static const struct {
        const char *list;
        uint32_t bp;
        const char *price; /* NULL: refused */
    } cases[] = {{"0.0000217", 1500, "0.000018445"}, {"0.0000217", 1, "0.00002169783"}, {"0.005", 10000, "0.0"},
            {"0.00001083", 3333, "0.000007220361"}, {"0.000000000001", 5000, NULL}, {"0.00000108301", 3333, NULL},
            {"0.000000000002", 5000, "0.000000000001"}, {"0.005", 10001, NULL}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_price p = {-1};
        char text[DM_MONEY_TEXT];
        int r = dm_price_discount(price(cases[i].list), cases[i].bp, &p, NULL);
        if (cases[i].price == NULL) {
            assert_int_equal(r, DM_E_INVALID);
            assert_int_equal(p.v, -1);
            continue;
        }
        assert_int_equal(r, 0);
        dm_price_print(p, text);
        assert_money(text, cases[i].price);
    }
}

static dm_rate_book in_tiers(dm_tier_mode mode)
{
    dm_rate_book b = mainland();
    dm_tiers *t = &b.tiers[DM_SKU_VCPU_RUN];
    t->mode = mode;
    t->n = 1;
    t->from[0].v = 1000 * (dm_i128)1000000;
    t->per_unit[0] = price("0.00001");
    return b;
}

static dm_money month_of(const dm_rate_book *book, int64_t units)
{
    dm_rate_line like = {.sku = DM_SKU_VCPU_RUN}, lines[DM_TIER_LINES_MAX];
    dm_money total;
    size_t n;
    assert_int_equal(dm_tier_lines(book, &like, (dm_qty){0}, (dm_qty){units * (dm_i128)1000000}, lines, &n, NULL), 0);
    assert_int_equal(dm_rate_total(lines, n, &total, NULL), 0);
    return total;
}

static void assert_month(dm_tier_mode mode, int64_t units, const char *promised)
{
    dm_rate_book b = in_tiers(mode);
    char text[DM_MONEY_TEXT];
    dm_money_print(month_of(&b, units), text);
    assert_money(text, promised);
}

static void graduated_tiers_price_each_unit(void **state)
{
    (void)state;
    assert_month(DM_TIER_GRADUATED, 999, "0.0216783");
    assert_month(DM_TIER_GRADUATED, 1000, "0.0217");
    assert_month(DM_TIER_GRADUATED, 1001, "0.02171");
}

static void volume_tiers_price_the_month(void **state)
{
    (void)state;
    assert_month(DM_TIER_VOLUME, 999, "0.0216783");
    assert_month(DM_TIER_VOLUME, 1000, "0.01");
    assert_month(DM_TIER_VOLUME, 1001, "0.01001");
}

/* Late data that crosses a tier: with it, less without it. Of a volume it may be less than nothing. */
static void late_data_across_a_tier(void **state)
{
    (void)state;
    dm_rate_book g = in_tiers(DM_TIER_GRADUATED), v = in_tiers(DM_TIER_VOLUME);
    assert_true(month_of(&g, 1010).v - month_of(&g, 990).v ==
                (dm_i128)10 * 21700000 * 1000000 + (dm_i128)10 * 10000000 * 1000000);
    assert_true(month_of(&v, 1010).v - month_of(&v, 990).v < 0);
}

static void a_commitment_is_paid_in_full(void **state)
{
    static const char *const cases[][3] = {{"100.0", "99.999999999999999999", "0.000000000000000001"},
            {"100.0", "100.0", "0.0"}, {"100.0", "100.01", "0.0"}, {"100.0", "0.0", "100.0"},
            {"100.0", "-1.5", "101.5"}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_money least, spent, due;
        char text[DM_MONEY_TEXT];
        assert_int_equal(dm_money_parse(dm_str_c(cases[i][0]), &least, NULL), 0);
        assert_int_equal(dm_money_parse(dm_str_c(cases[i][1]), &spent, NULL), 0);
        assert_int_equal(dm_commit_short(least, spent, &due, NULL), 0);
        dm_money_print(due, text);
        assert_money(text, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(golden_2_vcpus_4_gib_3600_s),
            cmocka_unit_test(golden_1_vcpu_2_gib_47_s),
            cmocka_unit_test(golden_35_gib_running),
            cmocka_unit_test(golden_20_gib_hibernated),
            cmocka_unit_test(golden_31_gib_runs_then_sleeps),
            cmocka_unit_test(golden_pro_60059_and_60060_pooled_seconds),
            cmocka_unit_test(golden_free_6000_pooled_seconds),
            cmocka_unit_test(golden_1000_short_lives),
            cmocka_unit_test(free_is_100_minutes_a_month),
            cmocka_unit_test(pro_is_half_a_cent_a_minute_past_1000),
            cmocka_unit_test(pro_pays_for_the_disk_of_sleepers),
            cmocka_unit_test(the_label_is_not_what_is_charged),
            cmocka_unit_test(the_printed_formula),
            cmocka_unit_test(running_the_first_30_gib_are_free),
            cmocka_unit_test(hibernated_all_storage_is_charged),
            cmocka_unit_test(disk_is_charged_by_16_mib),
            cmocka_unit_test(the_image_of_a_sleeper_costs_nothing),
            cmocka_unit_test(fifty_milliseconds_bill_one_second),
            cmocka_unit_test(what_never_ran_bills_nothing),
            cmocka_unit_test(an_unanswered_wake_bills_what_it_ran),
            cmocka_unit_test(pause_and_wake_within_one_second),
            cmocka_unit_test(a_sleeper_on_a_lost_host_is_not_charged),
            cmocka_unit_test(the_last_unfinished_minute_is_never_charged),
            cmocka_unit_test(the_minutes_belong_to_the_account),
            cmocka_unit_test(late_data_across_the_allowance),
            cmocka_unit_test(discounts_are_exact_or_refused),
            cmocka_unit_test(graduated_tiers_price_each_unit),
            cmocka_unit_test(volume_tiers_price_the_month),
            cmocka_unit_test(late_data_across_a_tier),
            cmocka_unit_test(a_commitment_is_paid_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
