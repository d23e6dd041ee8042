/* Covers metering/rules/statement.c: what only contracts have, as it stands in a book, on a page and in a head. The
 * whole text, so that no change of it goes unseen. */
#include <stdio.h>

#include "metering/rules/statement.h"
#include "tests/unit/test.h"

static void a_book_with_terms(void **state)
{
    static const char want[] =
            "{\"compute_quality\":\"fast\",\"compute_type\":\"gpu-sandbox\",\"contract\":"
            "\"00000000-0000-4000-8000-0000000000c1\",\"currency\":\"CNY\",\"group\":\"other\",\"prices\":["
            "{\"discount_bp\":1500,\"list_per_unit\":\"0.000021700000\",\"per_unit\":\"0.000018445000\",\"sku\":"
            "\"mem-run\",\"unit\":\"GiB-Seconds\"},"
            "{\"mode\":\"volume\",\"per_unit\":\"0.000034200000\",\"sku\":\"vcpu-run\",\"tiers\":["
            "{\"from\":\"1000.000000\",\"per_unit\":\"0.000030000000\"},"
            "{\"discount_bp\":5000,\"from\":\"2000.500000\",\"list_per_unit\":\"0.000034200000\",\"per_unit\":"
            "\"0.000017100000\"}],\"unit\":\"Core-Seconds\"}],"
            "\"rated_by\":\"resources\",\"tier\":\"enterprise\",\"valid_from\":\"2026-01-01T00:00:00Z\"}";
    dm_book_price prices[] = {{DM_STR("mem-run"), DM_STR("GiB-Seconds"), {18445000}},
            {DM_STR("vcpu-run"), DM_STR("Core-Seconds"), {34200000}}};
    dm_book_terms terms[] = {{.discount = {true, 1500, {21700000}}},
            {.tiers = {.mode = DM_TIER_VOLUME,
                     .n = 2,
                     .from = {{1000000000}, {2000500000}},
                     .per_unit = {{30000000}, {17100000}}},
                    .tier_discount = {{false, 0, {0}}, {true, 5000, {34200000}}}}};
    dm_book_body book = {.currency = DM_STR("CNY"),
            .group = DM_STR("other"),
            .rated_by = DM_STR("resources"),
            .tier = DM_STR("enterprise"),
            .compute_type = DM_STR("gpu-sandbox"),
            .compute_quality = DM_STR("fast"),
            .contract = DM_STR("00000000-0000-4000-8000-0000000000c1"),
            .valid_from_s = 1767225600,
            .prices = prices,
            .terms = terms,
            .n = 2};
    DM_AUTO_BUF b;
    (void)state;
    dm_buf_init(&b, 1 << 14);
    assert_int_equal(dm_book_canonical(&book, &b, NULL), 0);
    assert_string_equal(b.p, want);
    terms[1].tiers.mode = DM_TIER_GRADUATED;
    dm_buf_reset(&b);
    assert_int_equal(dm_book_canonical(&book, &b, NULL), 0);
    assert_non_null(strstr(b.p, "{\"mode\":\"graduated\",\"per_unit\""));
}

/* What every book has if nothing else is said changes no byte of those that were made before it could be said. */
static void what_is_usual_is_not_said(void **state)
{
    dm_book_price price = {DM_STR("disk-hib"), DM_STR("GiB-Seconds"), {300000}};
    dm_book_terms none = {.discount = {false, 0, {0}}};
    dm_book_body book = {.currency = DM_STR("CNY"),
            .group = DM_STR("mainland"),
            .rated_by = DM_STR("resources"),
            .tier = DM_STR("payg"),
            .compute_type = DM_STR(DM_COMPUTE_TYPE),
            .compute_quality = DM_STR(DM_COMPUTE_QUALITY),
            .contract = DM_STR(""),
            .valid_from_s = 1767225600,
            .prices = &price,
            .terms = &none,
            .n = 1};
    dm_digest plain, same;
    (void)state;
    assert_int_equal(
            dm_book_sha256(book.currency, book.group, book.rated_by, book.tier, 1767225600, &price, 1, &plain, NULL),
            0);
    assert_int_equal(dm_book_hash(&book, &same, NULL), 0);
    assert_memory_equal(&plain, &same, sizeof plain);
}

static dm_rate_line line(dm_sku sku, uint8_t tier, int64_t qty)
{
    return (dm_rate_line){.sku = sku,
            .tier = tier,
            .book_id = 9,
            .to = 60,
            .seconds = 60,
            .qty = {qty},
            .per_unit = {tier + 1},
            .amount = {qty * (tier + 1)}};
}

static void a_head_with_tiers(void **state)
{
    static const char tiers[] =
            ",\"tiers\":[{\"after\":\"1060.000000\",\"before\":\"1000.000000\",\"book\":9,\"sku\":\"mem-run\"},"
            "{\"after\":\"60.000000\",\"before\":\"0.000000\",\"book\":9,\"sku\":\"vcpu-run\"}],\"total\":";
    static const char back[] = "\"per_unit\":\"0.000000000001\",\"project\":null,\"project_no\":null,\"qty\":"
                               "\"-1000.000000\"";
    dm_rate_line lines[] = {line(DM_SKU_VCPU_RUN, 0, 60000000), line(DM_SKU_MEM_RUN, 1, 1060000000),
            line(DM_SKU_MEM_RUN, 0, -1000000000)};
    dm_statement s = {.account = "00000000-0000-4000-8000-0000000000a1",
            .currency = "CNY",
            .number = {3},
            .period_start = 1772359200,
            .period_s = 60,
            .lines = lines,
            .nlines = 3,
            .tiers = {{9, DM_SKU_VCPU_RUN, {0}, {60000000}}, {9, DM_SKU_MEM_RUN, {1000000000}, {1060000000}}},
            .ntiers = 2};
    DM_AUTO_BUF b;
    (void)state;
    qsort(lines, 3, sizeof lines[0], dm_stated_account_line_cmp);
    assert_true(lines[0].sku == DM_SKU_MEM_RUN && lines[0].tier == 0 && lines[1].tier == 1);
    assert_int_equal(lines[2].sku, DM_SKU_VCPU_RUN);
    qsort(s.tiers, 2, sizeof s.tiers[0], dm_stated_tier_cmp);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(dm_stated_sum_line(&s.sum, &lines[i], NULL), 0);
    dm_buf_init(&b, 1 << 14);
    assert_int_equal(dm_statement_head(&s, &b, NULL), 0);
    assert_non_null(strstr(b.p, tiers));
    assert_non_null(strstr(b.p, back));
    s.ntiers = 0;
    dm_buf_reset(&b);
    assert_int_equal(dm_statement_head(&s, &b, NULL), 0);
    assert_null(strstr(b.p, "tiers"));
}

static void a_measured_line(void **state)
{
    static const char want[] =
            "{\"amount\":\"0.000000000000000000\",\"book\":9,\"epoch\":1,\"from\":\"2026-03-01T10:00:00Z\",\"kind\":"
            "\"measured\",\"per_unit\":\"0.000000000000\",\"project\":\"p\",\"project_no\":2,\"qty\":\"2.500000\","
            "\"region\":\"local\",\"sandbox\":\"i00000000000000000001\",\"seconds\":60,\"sku\":\"mem-run\",\"spec\":4,"
            "\"spec_table\":1,\"tier\":0,\"to\":\"2026-03-01T10:01:00Z\"}";
    dm_stated box = {.project_no = {2},
            .project = "p",
            .epoch = 1,
            .spec_table = 1,
            .spec = 4,
            .region = "local",
            .basis = DM_BASIS_FRAMES,
            .nlines = 1};
    dm_rate_line l = {.sku = DM_SKU_MEM_RUN, .measured = true, .book_id = 9, .to = 60, .seconds = 60, .qty = {2500000}};
    dm_stated_page p = {"a", {3}, 1772359200, 7, &box, 1, &l, 1, NULL};
    DM_AUTO_BUF b;
    (void)state;
    box.sandbox.b[15] = 1;
    dm_buf_init(&b, 1 << 14);
    assert_int_equal(dm_stated_page_body(&p, &b, NULL), 0);
    assert_non_null(strstr(b.p, want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_book_with_terms),
            cmocka_unit_test(what_is_usual_is_not_said),
            cmocka_unit_test(a_head_with_tiers),
            cmocka_unit_test(a_measured_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
