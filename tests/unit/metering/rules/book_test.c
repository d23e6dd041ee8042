/* A book is read of its rows as it was written: what its discount does not leave exactly, or does not rise, is none. */
#include "metering/rules/book.h"
#include "tests/unit/test.h"

static int add(dm_book_made *b, const char *sku, const char *per, const char *list, const char *bp, const char *mode,
        const char *tiers)
{
    dm_book_text t = {.sku = dm_str_c(sku),
            .unit = DM_STR("GiB-Seconds"),
            .per_unit = dm_str_c(per),
            .list_per_unit = dm_str_c(list),
            .discount_bp = dm_str_c(bp),
            .mode = dm_str_c(mode),
            .tiers = dm_str_c(tiers)};
    dm_err err; /* without one the code would be lost */
    return dm_book_add(b, &t, &err);
}

static void reads_prices_discounts_and_tiers(void **state)
{
    dm_book_made b = {.n = 0};
    (void)state;
    assert_int_equal(add(&b, "disk-hib", "0.0000003", "", "", "", ""), 0);
    assert_int_equal(add(&b, "mem-run", "0.9", "1.000000000000", "1000", "", ""), 0);
    assert_int_equal(add(&b, "vcpu-run", "3", "", "", "volume", "100.000000,2,,;200.5,1,2,5000"), 0);
    assert_int_equal(b.n, 3);
    assert_true(b.rate.has[DM_SKU_MEM_RUN] && !b.rate.has[DM_SKU_MINUTES]);
    assert_true(b.terms[1].discount.has && b.terms[1].discount.basis_points == 1000);
    assert_false(b.terms[0].discount.has);
    const dm_tiers *t = &b.rate.tiers[DM_SKU_VCPU_RUN];
    assert_int_equal(t->mode, DM_TIER_VOLUME);
    assert_int_equal(t->n, 2);
    assert_true(t->from[1].v == 200500000 && t->per_unit[0].v == 2000000000000 && t->per_unit[1].v == 1000000000000);
    assert_true(!b.terms[2].tier_discount[0].has && b.terms[2].tier_discount[1].basis_points == 5000);
    assert_int_equal(b.rate.tiers[DM_SKU_MEM_RUN].mode, DM_TIER_NONE);
}

static void refuses_what_is_none(void **state)
{
    static const char *const rows[][6] = {{"gpu", "1", "", "", "", ""}, {"mem-run", "x", "", "", "", ""},
            {"mem-run", "0.8", "1", "1000", "", ""}, {"mem-run", "0.9", "1", "10001", "", ""},
            {"mem-run", "0.9", "1", "", "", ""}, {"mem-run", "0.9", "", "1000", "", ""},
            {"mem-run", "0", "0.000000000001", "5000", "", ""}, {"mem-run", "1", "", "", "", "1,1,,"},
            {"mem-run", "1", "", "", "volume", ""}, {"mem-run", "1", "", "", "steps", "1,1,,"},
            {"mem-run", "1", "", "", "graduated", "2,1,,;2,1,,"}, {"mem-run", "1", "", "", "graduated", "0,1,,"},
            {"mem-run", "1", "", "", "graduated", "1,2"},
            {"mem-run", "1", "", "", "graduated", "1,1,,;2,1,,;3,1,,;4,1,,;5,1,,;6,1,,;7,1,,;8,1,,;9,1,,"}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        dm_book_made b = {.n = 0};
        const char *const *w = rows[i];
        int want = strcmp(w[5], "1,2") == 0 ? 0 : DM_E_INVALID; /* no discount need be said */
        if (add(&b, w[0], w[1], w[2], w[3], w[4], w[5]) != want)
            fail_msg("row %zu", i);
    }
    dm_book_made b = {.n = 0};
    assert_int_equal(add(&b, "vcpu-run", "1", "", "", "", ""), 0);
    assert_int_equal(add(&b, "mem-run", "1", "", "", "", ""), DM_E_INVALID);  /* out of order */
    assert_int_equal(add(&b, "vcpu-run", "1", "", "", "", ""), DM_E_INVALID); /* twice */
    assert_int_equal(b.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(reads_prices_discounts_and_tiers),
            cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
