/* A month that is gone through twice, without what came late and with it: what is left is what came late. */
#include "metering/rules/month.h"
#include "tests/unit/test.h"

enum { PERIOD_S = 3600, INCLUDED_S = 600, MINUTE = 1000000 };

static dm_rate_book book_of(int64_t id, int64_t per_minute)
{
    dm_rate_book b = {.id = id, .minutes = true};
    b.has[DM_SKU_MINUTES] = true;
    b.per_unit[DM_SKU_MINUTES].v = per_minute;
    return b;
}

/* Parts of the pool one behind the other, each by its own book. */
static void count(dm_month_sum *m, const dm_rate_book *const *books, const uint64_t *seconds, size_t n, bool with)
{
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        dm_rate_segment whole = {.from = 0, .to = PERIOD_S, .book = books[i]};
        assert_int_equal(dm_month_count(m, before, seconds[i], INCLUDED_S, &whole, with, NULL), 0);
        before += seconds[i];
    }
}

static const dm_rate_line *line_of(const dm_month_sum *m, int64_t book, int tier)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].book_id == book && m->v[i].tier == tier)
            return &m->v[i];
    return NULL;
}

static void assert_qty(const dm_month_sum *m, int64_t book, int tier, int64_t minutes)
{
    const dm_rate_line *l = line_of(m, book, tier);
    assert_non_null(l);
    assert_true(l->qty.v == (dm_i128)minutes * MINUTE);
}

static void parts_come_to_what_the_whole_does(void **state)
{
    dm_rate_book b = book_of(3, 1000);
    const dm_rate_book *books[] = {&b, &b, &b};
    dm_month_sum parts = {.n = 0}, whole = {.n = 0};
    (void)state;
    count(&parts, books, (const uint64_t[]){59, 542, 659}, 3, true);
    count(&whole, books, (const uint64_t[]){1260}, 1, true);
    assert_int_equal(parts.n, 2);
    assert_int_equal(whole.n, 2);
    assert_qty(&parts, 3, 0, 10);
    assert_qty(&parts, 3, 1, 11);
    assert_qty(&whole, 3, 0, 10);
    assert_qty(&whole, 3, 1, 11);
}

static void what_is_taken_away_leaves_nothing(void **state)
{
    dm_rate_book old = book_of(3, 1000), new = book_of(4, 2000);
    const dm_rate_book *books[] = {&old, &new};
    const uint64_t seconds[] = {1000, 5000};
    dm_month_sum m = {.n = 0};
    (void)state;
    count(&m, books, seconds, 2, false);
    count(&m, books, seconds, 2, true);
    assert_true(m.n > 0);
    for (size_t i = 0; i < m.n; i++)
        assert_true(m.v[i].qty.v == 0);
}

/* What comes late pushes what was behind it out of the allowance: a tier that gains, and one that loses. */
static void a_late_part_moves_those_behind_it(void **state)
{
    dm_rate_book old = book_of(3, 1000), new = book_of(4, 2000);
    const dm_rate_book *books[] = {&old, &new};
    dm_month_sum m = {.n = 0};
    (void)state;
    count(&m, books, (const uint64_t[]){300, 600}, 2, false);
    count(&m, books, (const uint64_t[]){480, 600}, 2, true);
    assert_qty(&m, 3, 0, 3);
    assert_qty(&m, 4, 0, -3);
    assert_qty(&m, 4, 1, 3);
    assert_null(line_of(&m, 3, 1));
}

static void a_correction_has_its_own_price_and_all_of_the_period(void **state)
{
    dm_rate_line line = {.sku = DM_SKU_MINUTES,
            .tier = 1,
            .book_id = 4,
            .from = 7,
            .to = 60,
            .seconds = 53,
            .qty = {-3 * MINUTE},
            .per_unit = {2000}};
    dm_rate_line out;
    (void)state;
    assert_int_equal(dm_month_correction(line, PERIOD_S, 180, &out, NULL), 0);
    assert_int_equal(out.from, 0);
    assert_int_equal(out.to, PERIOD_S);
    assert_int_equal(out.seconds, 180);
    assert_true(out.qty.v == line.qty.v);
    assert_true(out.amount.v == (dm_i128)line.qty.v * 2000);
    assert_int_equal(out.book_id, 4);
    assert_int_equal(out.tier, 1);
}

static void more_books_than_fit_are_refused(void **state)
{
    dm_month_sum m = {.n = 0};
    dm_err err;
    (void)state;
    for (int64_t id = 1; id <= DM_MONTH_LINES_MAX + 1; id++) {
        dm_rate_book b = book_of(id, 1);
        dm_rate_segment whole = {.from = 0, .to = PERIOD_S, .book = &b};
        assert_int_equal(
                dm_month_count(&m, 0, 60, INCLUDED_S, &whole, true, &err), id <= DM_MONTH_LINES_MAX ? 0 : DM_E_LIMIT);
    }
    assert_int_equal(m.n, DM_MONTH_LINES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(parts_come_to_what_the_whole_does),
            cmocka_unit_test(what_is_taken_away_leaves_nothing),
            cmocka_unit_test(a_late_part_moves_those_behind_it),
            cmocka_unit_test(a_correction_has_its_own_price_and_all_of_the_period),
            cmocka_unit_test(more_books_than_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
