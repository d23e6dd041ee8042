/* Tiers: whatever way a month is cut, it comes to the same; and nothing is charged at a price that is in no book. */
#include "metering/rules/tier.h"
#include "tests/unit/test.h"

static const dm_rate_line like = {
        .sku = DM_SKU_MEM_RUN, .from = 7, .to = 60, .seconds = 53, .measured = true, .book_id = 99};

static dm_rate_book book_of(dm_tier_mode mode)
{
    dm_rate_book b = {.id = 4};
    b.has[DM_SKU_MEM_RUN] = b.has[DM_SKU_MINUTES] = true;
    b.per_unit[DM_SKU_MEM_RUN].v = b.per_unit[DM_SKU_MINUTES].v = 1000;
    dm_tiers t = {.mode = mode, .n = 3, .from = {{100}, {150}, {1000}}, .per_unit = {{900}, {500}, {700}}};
    b.tiers[DM_SKU_MEM_RUN] = b.tiers[DM_SKU_MINUTES] = t;
    return b;
}

static size_t lines_of(const dm_rate_book *b, int64_t before, int64_t more, dm_rate_line *out)
{
    size_t n;
    assert_int_equal(dm_tier_lines(b, &like, (dm_qty){before}, (dm_qty){more}, out, &n, NULL), 0);
    return n;
}

static void assert_line(const dm_rate_line *l, int tier, int64_t qty, int64_t per_unit)
{
    assert_int_equal(l->tier, tier);
    assert_true(l->qty.v == qty);
    assert_int_equal(l->per_unit.v, per_unit);
    assert_true(l->amount.v == (dm_i128)qty * per_unit);
    assert_int_equal(l->book_id, 4);
    assert_false(l->measured);
    assert_true(l->from == 7 && l->to == 60 && l->seconds == 53);
}

static void each_tier_of_a_graduated_price_has_its_line(void **state)
{
    dm_rate_book b = book_of(DM_TIER_GRADUATED);
    dm_rate_line l[DM_TIER_LINES_MAX];
    (void)state;
    assert_int_equal(lines_of(&b, 0, 99, l), 1);
    assert_line(&l[0], 0, 99, 1000);
    assert_int_equal(lines_of(&b, 0, 100, l), 1);
    assert_int_equal(lines_of(&b, 100, 1, l), 1);
    assert_line(&l[0], 1, 1, 900);
    assert_int_equal(lines_of(&b, 90, 2000, l), 4);
    assert_line(&l[0], 0, 10, 1000);
    assert_line(&l[1], 1, 50, 900);
    assert_line(&l[2], 2, 850, 500);
    assert_line(&l[3], 3, 1090, 700);
    assert_int_equal(lines_of(&b, 150, 0, l), 0);
}

static void a_volume_that_reaches_a_tier_is_charged_anew(void **state)
{
    dm_rate_book b = book_of(DM_TIER_VOLUME);
    dm_rate_line l[DM_TIER_LINES_MAX];
    (void)state;
    assert_int_equal(lines_of(&b, 0, 99, l), 1);
    assert_line(&l[0], 0, 99, 1000);
    assert_int_equal(lines_of(&b, 99, 1, l), 2);
    assert_line(&l[0], 0, -99, 1000);
    assert_line(&l[1], 1, 100, 900);
    assert_int_equal(lines_of(&b, 100, 49, l), 1);
    assert_line(&l[0], 1, 49, 900);
    assert_int_equal(lines_of(&b, 0, 1000, l), 1); /* nothing stood before it */
    assert_line(&l[0], 3, 1000, 700);
    assert_int_equal(lines_of(&b, 1000, 0, l), 0);
}

static void paid_minutes_are_numbered_after_the_free(void **state)
{
    dm_rate_book b = book_of(DM_TIER_GRADUATED);
    dm_rate_line l[DM_TIER_LINES_MAX], minutes = {.sku = DM_SKU_MINUTES};
    size_t n;
    (void)state;
    assert_int_equal(dm_tier_lines(&b, &minutes, (dm_qty){0}, (dm_qty){101}, l, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(l[0].tier, 1);
    assert_int_equal(l[1].tier, 2);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void a_month_comes_to_the_same_however_it_is_cut(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 4000; round++) {
        dm_rate_book b = book_of(round % 2 != 0 ? DM_TIER_VOLUME : DM_TIER_GRADUATED);
        dm_rate_line l[DM_TIER_LINES_MAX];
        dm_money sum = {0}, one;
        dm_i128 units = 0;
        int64_t at = 0;
        for (int piece = 0; piece < 12; piece++) {
            int64_t more = (int64_t)(next(&seed) % (round % 3 == 0 ? 40 : 200));
            size_t n = lines_of(&b, at, more, l);
            assert_int_equal(dm_rate_total(l, n, &one, NULL), 0);
            assert_int_equal(dm_money_add(sum, one, &sum, NULL), 0);
            for (size_t i = 0; i < n; i++)
                units += l[i].qty.v;
            at += more;
        }
        size_t n = lines_of(&b, 0, at, l);
        assert_int_equal(dm_rate_total(l, n, &one, NULL), 0);
        assert_true(sum.v == one.v);
        assert_true(units == at);
    }
}

static void what_is_no_row_of_tiers_is_refused(void **state)
{
    (void)state;
    dm_rate_book b = book_of(DM_TIER_GRADUATED);
    dm_rate_line l[DM_TIER_LINES_MAX];
    dm_tiers *t = &b.tiers[DM_SKU_MEM_RUN], good = *t;
    size_t n = 9;
    t->from[1] = t->from[0];
    assert_int_equal(dm_tier_lines(&b, &like, (dm_qty){0}, (dm_qty){1}, l, &n, NULL), DM_E_INVALID);
    *t = good;
    t->from[0].v = 0;
    assert_int_equal(dm_tiers_check(t, NULL), DM_E_INVALID);
    *t = good;
    t->n = 0;
    assert_int_equal(dm_tiers_check(t, NULL), DM_E_INVALID);
    t->n = DM_TIERS_MAX + 1;
    assert_int_equal(dm_tiers_check(t, NULL), DM_E_INVALID);
    *t = good;
    t->mode = DM_TIER_NONE;
    assert_int_equal(dm_tiers_check(t, NULL), DM_E_INVALID);
    *t = good;
    assert_int_equal(dm_tier_lines(&b, &like, (dm_qty){-1}, (dm_qty){1}, l, &n, NULL), DM_E_INVALID);
    assert_int_equal(dm_tier_lines(&b, &like, (dm_qty){1}, (dm_qty){-1}, l, &n, NULL), DM_E_INVALID);
    assert_int_equal(n, 9);
}

/* NUMERIC(20,6) has 20 digits, and an amount 38: one more is an error, not another figure. */
static void what_does_not_fit_is_an_error(void **state)
{
    dm_rate_book b = book_of(DM_TIER_VOLUME);
    dm_rate_line l[DM_TIER_LINES_MAX];
    dm_qty most;
    size_t n = 9;
    (void)state;
    assert_int_equal(dm_qty_parse(DM_STR("99999999999999.999999"), &most, NULL), 0);
    assert_int_equal(dm_tier_lines(&b, &like, most, (dm_qty){1}, l, &n, NULL), DM_E_LIMIT);
    assert_int_equal(n, 9);
    b.per_unit[DM_SKU_MEM_RUN].v = b.tiers[DM_SKU_MEM_RUN].per_unit[2].v = 999999999999999999;
    assert_int_equal(dm_tier_lines(&b, &like, (dm_qty){0}, most, l, &n, NULL), 0); /* 10^20 x 10^18 fits */
    dm_money least = {1}, spent, due;
    assert_int_equal(dm_money_parse(DM_STR("-99999999999999999999.999999999999999999"), &spent, NULL), 0);
    assert_int_equal(dm_commit_short(least, spent, &due, NULL), DM_E_LIMIT);
    assert_int_equal(dm_commit_due(least, spent, (dm_money){0}, &due, NULL), DM_E_LIMIT);
}

/* However a month's charges come, up or down, what was charged in all is what it is short of by then. */
static void a_commitment_is_charged_once(void **state)
{
    static const int64_t steps[] = {40, 25, 0, 60, -50, 90, -165, 0};
    dm_money least = {100}, spent = {0}, before = {0}, due;
    (void)state;
    for (size_t i = 0; i < DM_LEN(steps); i++) {
        spent.v += steps[i];
        assert_int_equal(dm_commit_due(least, spent, before, &due, NULL), 0);
        before.v += due.v;
        assert_true(before.v == (spent.v < 100 ? 100 - spent.v : 0));
    }
}

/* By sandbox what is sold in tiers says how much, and costs nothing; about what it costs is told by the first tier. */
static void a_sandboxs_part_has_no_price(void **state)
{
    uint8_t seconds[60];
    uint32_t disk[1] = {64};
    dm_rate_book b = book_of(DM_TIER_GRADUATED);
    b.has[DM_SKU_VCPU_RUN] = true;
    b.per_unit[DM_SKU_VCPU_RUN].v = 10;
    dm_rate_segment g = {0, 60, &b};
    dm_rate_use use = {60, seconds, disk, 1, 1024};
    dm_rate_line l[DM_RATE_LINES_MAX];
    dm_money about;
    size_t n;
    (void)state;
    memset(seconds, 1, sizeof seconds);
    assert_int_equal(dm_rate_use_lines(&use, &g, 1, l, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_true(l[0].measured && l[0].sku == DM_SKU_MEM_RUN);
    assert_true(l[0].qty.v == 60 * 1000000 && l[0].per_unit.v == 0 && l[0].amount.v == 0);
    assert_true(!l[1].measured && l[1].per_unit.v == 10);
    assert_int_equal(dm_rate_use_about(&use, &g, 1, &about, NULL), 0);
    assert_true(about.v == (dm_i128)60 * 1000000 * 1010);
}

/* Sums have the lines that seconds have. */
static void a_sum_has_the_lines_of_its_seconds(void **state)
{
    uint8_t seconds[3600];
    uint32_t disk[60];
    dm_rate_book b = {.id = 1};
    uint64_t seed = 17;
    (void)state;
    for (unsigned i = 0; i < DM_SKU_COUNT; i++) {
        b.has[i] = true;
        b.per_unit[i].v = 1000 + i;
    }
    for (int round = 0; round < 400; round++) {
        uint32_t run = (uint32_t)(next(&seed) % 3601), grains = (uint32_t)(next(&seed) % 4000);
        dm_rate_sum s = {
                (uint32_t)(1 + next(&seed) % 8), (uint32_t)(16 * (1 + next(&seed) % 1000)), grains, run, 3600 - run};
        b.minutes = round % 5 == 0;
        memset(seconds, 1, run);
        memset(seconds + run, 2, 3600 - run);
        for (size_t m = 0; m < 60; m++)
            disk[m] = grains;
        dm_rate_segment g = {0, 3600, &b};
        dm_rate_use use = {3600, seconds, disk, s.vcpus, s.mem_mib};
        dm_rate_line l[DM_RATE_LINES_MAX], k[DM_RATE_LINES_MAX];
        size_t n, m;
        assert_int_equal(dm_rate_use_lines(&use, &g, 1, l, &n, NULL), 0);
        assert_int_equal(dm_rate_sum_lines(&s, &g, k, &m, NULL), 0);
        assert_int_equal(n, m);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(l[i].sku, k[i].sku);
            assert_true(l[i].qty.v == k[i].qty.v && l[i].amount.v == k[i].amount.v && l[i].seconds == k[i].seconds);
        }
    }
    dm_rate_segment g = {0, 3600, &b};
    dm_rate_line l[DM_RATE_LINES_MAX];
    size_t n;
    assert_int_equal(dm_rate_sum_lines(&(dm_rate_sum){1, 1000, 0, 1, 1}, &g, l, &n, NULL), DM_E_INVALID);
    assert_int_equal(dm_rate_sum_lines(&(dm_rate_sum){1, 1024, 0, (uint64_t)DM_RATE_SUM_S_MAX + 1, 1}, &g, l, &n, NULL),
            DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_tier_of_a_graduated_price_has_its_line),
            cmocka_unit_test(a_volume_that_reaches_a_tier_is_charged_anew),
            cmocka_unit_test(paid_minutes_are_numbered_after_the_free),
            cmocka_unit_test(a_month_comes_to_the_same_however_it_is_cut),
            cmocka_unit_test(what_is_no_row_of_tiers_is_refused),
            cmocka_unit_test(what_does_not_fit_is_an_error),
            cmocka_unit_test(a_commitment_is_charged_once),
            cmocka_unit_test(a_sandboxs_part_has_no_price),
            cmocka_unit_test(a_sum_has_the_lines_of_its_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
