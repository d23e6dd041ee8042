/* The golden vectors that customers were promised, and what must hold for any evidence. */
#include "base/wire/frame.h"

#include "metering/rules/rate.h"
#include "tests/unit/test.h"

enum { GIB = 64 /* grains of 16 MiB */, RUN = DM_SAMPLE_RUN, HIB = DM_SAMPLE_HIB };

static dm_price price(const char *text)
{
    dm_price p;
    assert_int_equal(dm_price_parse(dm_str_c(text), &p, NULL), 0);
    return p;
}

static dm_rate_book resources(int64_t id, const char *vcpu, const char *mem, const char *disk)
{
    dm_rate_book b = {.id = id};
    b.has[DM_SKU_VCPU_RUN] = b.has[DM_SKU_MEM_RUN] = b.has[DM_SKU_DISK_RUN_OVER_30] = b.has[DM_SKU_DISK_HIB] = true;
    b.per_unit[DM_SKU_VCPU_RUN] = price(vcpu);
    b.per_unit[DM_SKU_MEM_RUN] = price(mem);
    b.per_unit[DM_SKU_DISK_RUN_OVER_30] = b.per_unit[DM_SKU_DISK_HIB] = price(disk);
    return b;
}

static dm_rate_book mainland(void)
{
    return resources(1, "0.0000217", "0.00001083", "0.0000003");
}

static dm_rate_book other(void)
{
    return resources(2, "0.0000342", "0.00001711", "0.0000004");
}

static dm_rate_book pro(void)
{
    dm_rate_book b = {.id = 3, .minutes = true};
    b.has[DM_SKU_MINUTES] = b.has[DM_SKU_DISK_HIB] = true;
    b.per_unit[DM_SKU_MINUTES] = price("0.005");
    b.per_unit[DM_SKU_DISK_HIB] = price("0.00000004");
    return b;
}

/* An hour that runs, then sleeps, then is nothing, with the same disk in each minute. */
typedef struct hour {
    uint8_t state[3600];
    uint32_t disk[60];
} hour;

static void make(hour *h, uint32_t run, uint32_t hib, uint32_t grains)
{
    memset(h, 0, sizeof(*h));
    memset(h->state, RUN, run);
    memset(h->state + run, HIB, hib);
    for (size_t m = 0; m < 60; m++)
        h->disk[m] = grains;
}

static size_t rate_segments(
        const hour *h, uint32_t vcpus, uint32_t mem_mib, const dm_rate_segment *g, size_t ng, dm_rate_line *lines)
{
    dm_rate_use use = {3600, h->state, h->disk, vcpus, mem_mib};
    size_t n;
    dm_err err;
    if (dm_rate_use_lines(&use, g, ng, lines, &n, &err) < 0)
        fail_msg("%s", err.msg);
    return n;
}

static size_t rate(const hour *h, uint32_t vcpus, uint32_t mem_mib, const dm_rate_book *book, dm_rate_line *lines)
{
    dm_rate_segment g = {0, 3600, book};
    return rate_segments(h, vcpus, mem_mib, &g, 1, lines);
}

static void assert_total(const dm_rate_line *lines, size_t n, const char *want)
{
    dm_money total;
    char text[DM_MONEY_TEXT];
    assert_int_equal(dm_rate_total(lines, n, &total, NULL), 0);
    dm_money_print(total, text);
    assert_string_equal(text, want);
}

static void assert_qty(const dm_rate_line *l, dm_sku sku, const char *want)
{
    char text[DM_MONEY_TEXT];
    assert_string_equal(dm_sku_name(l->sku), dm_sku_name(sku));
    dm_qty_print(l->qty, text);
    assert_string_equal(text, want);
}

/* --- golden vectors ----------------------------------------------------------------------------------------- */

static void two_vcpus_four_gib_for_an_hour(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland(), b = other();
    (void)state;
    make(&h, 3600, 0, GIB);
    size_t n = rate(&h, 2, 4096, &a, l);
    assert_int_equal(n, 2);
    assert_total(l, n, "0.312192000000000000");
    n = rate(&h, 2, 4096, &b, l);
    assert_total(l, n, "0.492624000000000000");
}

static void forty_seven_seconds(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 47, 0, GIB);
    size_t n = rate(&h, 1, 2048, &a, l);
    assert_total(l, n, "0.002037920000000000");
    assert_int_equal(l[0].seconds, 47);
}

static void disk_over_thirty_gib_while_running(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 3600, 0, 35 * GIB);
    assert_int_equal(rate(&h, 1, 1024, &a, l), 3);
    assert_qty(&l[0], DM_SKU_DISK_RUN_OVER_30, "18000.000000");
    make(&h, 3600, 0, 30 * GIB);
    assert_int_equal(rate(&h, 1, 1024, &a, l), 2);
    make(&h, 3600, 0, 30 * GIB + 1);
    assert_int_equal(rate(&h, 1, 1024, &a, l), 3);
    assert_qty(&l[0], DM_SKU_DISK_RUN_OVER_30, "56.250000");
}

static void all_of_the_disk_while_asleep(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 0, 3600, 20 * GIB);
    size_t n = rate(&h, 8, 16384, &a, l);
    assert_int_equal(n, 1);
    assert_qty(&l[0], DM_SKU_DISK_HIB, "72000.000000");
}

static void runs_then_sleeps(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 1000, 2600, 31 * GIB);
    size_t n = rate(&h, 1, 1024, &a, l);
    assert_int_equal(n, 4);
    assert_qty(&l[0], DM_SKU_DISK_HIB, "80600.000000");
    assert_qty(&l[1], DM_SKU_DISK_RUN_OVER_30, "1000.000000");
    assert_total(l + 2, 2, "0.032530000000000000");
    assert_total(l, n, "0.057010000000000000");
}

static void assert_minutes(
        uint64_t before, uint64_t seconds, uint64_t included, const dm_rate_book *b, const char *want)
{
    dm_rate_segment g = {0, 3600, b};
    dm_rate_line l[2];
    size_t n;
    assert_int_equal(dm_rate_minutes(before, seconds, included, &g, l, &n, NULL), 0);
    assert_total(l, n, want);
}

static void pooled_minutes(void **state)
{
    dm_rate_book b = pro();
    (void)state;
    assert_minutes(0, 60059, 60000, &b, "0.000000000000000000");
    assert_minutes(0, 60060, 60000, &b, "0.005000000000000000");
    assert_minutes(60059, 1, 60000, &b, "0.005000000000000000");
    assert_minutes(60060, 59, 60000, &b, "0.000000000000000000");
    b.per_unit[DM_SKU_MINUTES] = price("0");
    assert_minutes(0, 6000, 6000, &b, "0.000000000000000000");
}

/* --- what must hold ----------------------------------------------------------------------------------------- */

static void an_allowance_that_is_no_whole_minute_is_rounded_up(void **state)
{
    dm_rate_book b = pro();
    (void)state;
    assert_minutes(0, 120, 61, &b, "0.000000000000000000");
    assert_minutes(0, 180, 61, &b, "0.005000000000000000");
}

static void tiers_are_two_lines(void **state)
{
    dm_rate_book b = pro();
    dm_rate_segment g = {0, 3600, &b};
    dm_rate_line l[2];
    size_t n;
    (void)state;
    assert_int_equal(dm_rate_minutes(90, 150, 120, &g, l, &n, NULL), 0); /* minutes 2, 3, 4: one free */
    assert_int_equal(n, 2);
    assert_int_equal(l[0].tier, 0);
    assert_qty(&l[0], DM_SKU_MINUTES, "1.000000");
    assert_true(l[0].per_unit.v == 0 && l[0].amount.v == 0);
    assert_int_equal(l[1].tier, 1);
    assert_qty(&l[1], DM_SKU_MINUTES, "2.000000");
    assert_int_equal(dm_rate_minutes(0, 59, 120, &g, l, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(dm_rate_minutes(UINT64_MAX, 1, 0, &g, l, &n, NULL), DM_E_LIMIT);
    assert_int_equal(dm_rate_minutes(0, 1, UINT64_MAX, &g, l, &n, NULL), DM_E_LIMIT);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void minutes_add_up_however_they_are_cut(void **state)
{
    dm_rate_book b = pro();
    dm_rate_segment g = {0, 3600, &b};
    uint64_t seed = 3;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint64_t included = next(&seed) % 500, at = 0;
        dm_money sum = {0}, whole;
        dm_rate_line l[2];
        size_t n;
        for (int piece = 0; piece < 20; piece++) {
            uint64_t s = next(&seed) % 200;
            dm_money m;
            assert_int_equal(dm_rate_minutes(at, s, included, &g, l, &n, NULL), 0);
            assert_int_equal(dm_rate_total(l, n, &m, NULL), 0);
            assert_int_equal(dm_money_add(sum, m, &sum, NULL), 0);
            at += s;
        }
        assert_int_equal(dm_rate_minutes(0, at, included, &g, l, &n, NULL), 0);
        assert_int_equal(dm_rate_total(l, n, &whole, NULL), 0);
        assert_int_equal(dm_money_cmp(sum, whole), 0);
    }
}

static void a_minute_without_a_figure_has_the_one_before(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 0, 3600, DM_DISK_UNKNOWN);
    assert_int_equal(rate(&h, 1, 1024, &a, l), 0);
    h.disk[10] = 2;
    h.disk[20] = 0;
    h.disk[59] = 64;
    assert_int_equal(rate(&h, 1, 1024, &a, l), 1);
    /* 10 minutes of 2 grains, 39 of nothing, 1 of a GiB */
    assert_qty(&l[0], DM_SKU_DISK_HIB, "78.750000");
    assert_int_equal(l[0].seconds, 660);
}

static void a_price_change_splits_at_its_second(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book a = mainland(), b = other();
    dm_rate_segment g[2] = {{0, 1234, &a}, {1234, 3600, &b}};
    (void)state;
    make(&h, 3600, 0, GIB);
    size_t n = rate_segments(&h, 1, 1024, g, 2, l);
    assert_int_equal(n, 4);
    assert_int_equal(l[1].seconds, 1234);
    assert_int_equal(l[3].seconds, 3600 - 1234);
    assert_int_equal(l[0].to, 1234);
    assert_int_equal(l[2].from, 1234);
    assert_total(l, n, "0.161541480000000000"); /* 1234 x 0.00003253 + 2366 x 0.00005131 */
}

/* Second by second, in the plainest way. */
static void naive(const hour *h, uint32_t vcpus, uint32_t mem_mib, const dm_rate_segment *g, size_t ng, dm_money *out)
{
    dm_i128 sum = 0;
    uint32_t holds = 0;
    for (uint32_t s = 0; s < 3600; s++) {
        if (h->disk[s / 60] != DM_DISK_UNKNOWN)
            holds = h->disk[s / 60];
        const dm_rate_book *b = NULL;
        for (size_t i = 0; i < ng; i++)
            b = s >= g[i].from && s < g[i].to ? g[i].book : b;
        if (h->state[s] == RUN) {
            sum += (dm_i128)vcpus * 1000000 * b->per_unit[DM_SKU_VCPU_RUN].v;
            sum += (dm_i128)(mem_mib / 16) * 15625 * b->per_unit[DM_SKU_MEM_RUN].v;
            if (holds > 1920)
                sum += (dm_i128)(holds - 1920) * 15625 * b->per_unit[DM_SKU_DISK_RUN_OVER_30].v;
        } else if (h->state[s] == HIB) {
            sum += (dm_i128)holds * 15625 * b->per_unit[DM_SKU_DISK_HIB].v;
        }
    }
    out->v = sum;
}

static void equals_the_sum_of_its_seconds(void **state)
{
    dm_rate_book a = mainland(), b = other();
    uint64_t seed = 11;
    (void)state;
    for (int round = 0; round < 300; round++) {
        hour h;
        memset(&h, 0, sizeof(h));
        uint8_t now = 0;
        for (size_t s = 0; s < 3600; s++) {
            if (next(&seed) % 200 == 0)
                now = (uint8_t)(next(&seed) % 3);
            h.state[s] = now;
        }
        for (size_t m = 0; m < 60; m++)
            h.disk[m] = next(&seed) % 3 == 0 ? DM_DISK_UNKNOWN : (uint32_t)(next(&seed) % 4000);
        uint32_t cut = (uint32_t)(next(&seed) % 3599) + 1;
        uint32_t vcpus = (uint32_t)(1u << next(&seed) % 4), mem = (uint32_t)(256u << next(&seed) % 7);
        dm_rate_segment g[2] = {{0, cut, &a}, {cut, 3600, &b}};
        dm_rate_line l[DM_RATE_LINES_MAX];
        size_t n = rate_segments(&h, vcpus, mem, g, 2, l);
        dm_money want, got;
        naive(&h, vcpus, mem, g, 2, &want);
        assert_int_equal(dm_rate_total(l, n, &got, NULL), 0);
        assert_int_equal(dm_money_cmp(want, got), 0);
        for (size_t i = 0; i < n; i++) {
            dm_money product;
            assert_true(l[i].qty.v > 0);
            assert_int_equal(dm_money_of(l[i].qty, l[i].per_unit, &product, NULL), 0);
            assert_int_equal(dm_money_cmp(product, l[i].amount), 0);
        }
    }
}

static void what_has_no_price_is_not_guessed(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    size_t n;
    dm_err err;
    dm_rate_book a = mainland();
    (void)state;
    make(&h, 100, 100, 40 * GIB);
    dm_rate_use use = {3600, h.state, h.disk, 1, 1024};
    dm_rate_segment late = {150, 3600, &a}, whole = {0, 3600, &a};
    assert_int_equal(dm_rate_use_lines(&use, &late, 1, l, &n, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_rate_use_lines(&use, NULL, 0, l, &n, &err), DM_E_NOTFOUND);
    a.has[DM_SKU_DISK_RUN_OVER_30] = false;
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l, &n, &err), DM_E_NOTFOUND);
    assert_says(err, "disk-run-over-30");
    make(&h, 100, 100, GIB);
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l, &n, &err), 0);
    dm_rate_segment wrong[2] = {{0, 200, &a}, {199, 3600, &a}};
    assert_int_equal(dm_rate_use_lines(&use, wrong, 2, l, &n, &err), DM_E_INVALID);
    use.mem_mib = 1000;
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l, &n, &err), DM_E_INVALID);
    use.mem_mib = 1024;
    use.seconds = 3601;
    assert_int_equal(dm_rate_use_lines(&use, &whole, 1, l, &n, &err), DM_E_INVALID);
}

static void plans_by_minutes_charge_sleepers_for_disk_alone(void **state)
{
    hour h;
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_rate_book b = pro();
    (void)state;
    make(&h, 1000, 100, 10 * GIB);
    assert_int_equal(rate(&h, 1, 1024, &b, l), 1);
    assert_qty(&l[0], DM_SKU_DISK_HIB, "1000.000000");
    assert_total(l, 1, "0.000040000000000000");
}

static void names_of_skus(void **state)
{
    dm_sku sku;
    (void)state;
    for (unsigned i = 0; i < DM_SKU_COUNT; i++) {
        assert_int_equal(dm_sku_parse(dm_str_c(dm_sku_name((dm_sku)i)), &sku, NULL), 0);
        assert_int_equal(sku, i);
        assert_true(i == 0 || strcmp(dm_sku_name((dm_sku)(i - 1)), dm_sku_name((dm_sku)i)) < 0);
    }
    assert_int_equal(dm_sku_parse(DM_STR("gpu"), &sku, NULL), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(two_vcpus_four_gib_for_an_hour),
            cmocka_unit_test(forty_seven_seconds),
            cmocka_unit_test(disk_over_thirty_gib_while_running),
            cmocka_unit_test(all_of_the_disk_while_asleep),
            cmocka_unit_test(runs_then_sleeps),
            cmocka_unit_test(pooled_minutes),
            cmocka_unit_test(an_allowance_that_is_no_whole_minute_is_rounded_up),
            cmocka_unit_test(tiers_are_two_lines),
            cmocka_unit_test(minutes_add_up_however_they_are_cut),
            cmocka_unit_test(a_minute_without_a_figure_has_the_one_before),
            cmocka_unit_test(a_price_change_splits_at_its_second),
            cmocka_unit_test(equals_the_sum_of_its_seconds),
            cmocka_unit_test(what_has_no_price_is_not_guessed),
            cmocka_unit_test(plans_by_minutes_charge_sleepers_for_disk_alone),
            cmocka_unit_test(names_of_skus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
