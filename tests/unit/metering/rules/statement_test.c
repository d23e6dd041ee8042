#include <stdio.h>

#include "base/parse.h"

#include "metering/rules/statement.h"
#include "tests/unit/test.h"

/* RFC 6962, as it is written there: recursively. */
static void plain_root(const dm_digest *h, size_t n, dm_digest *out)
{
    if (n == 0) {
        assert_int_equal(dm_sha256((dm_str){"", 0}, out, NULL), 0);
        return;
    }
    if (n == 1) {
        dm_str leaf[] = {{"\0", 1}, {(const char *)h->b, 32}};
        assert_int_equal(dm_sha256_parts(leaf, 2, out, NULL), 0);
        return;
    }
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    dm_digest left, right;
    plain_root(h, k, &left);
    plain_root(h + k, n - k, &right);
    dm_str node[] = {{"\1", 1}, {(const char *)left.b, 32}, {(const char *)right.b, 32}};
    assert_int_equal(dm_sha256_parts(node, 3, out, NULL), 0);
}

static void the_tree_is_that_of_the_rfc(void **state)
{
    dm_digest h[70], want, got;
    (void)state;
    for (size_t i = 0; i < DM_LEN(h); i++)
        memset(h[i].b, (int)i, sizeof(h[i].b));
    for (size_t n = 0; n <= DM_LEN(h); n++) {
        plain_root(h, n, &want);
        assert_int_equal(dm_merkle_root(h, n, &got, NULL), 0);
        assert_memory_equal(&want, &got, sizeof(want));
    }
}

static dm_stated box(uint32_t project, uint8_t id, uint32_t epoch)
{
    dm_stated s = {.project_no = {project},
            .epoch = epoch,
            .spec_table = 1,
            .spec = 4,
            .region_no = 2,
            .vcpus = 1,
            .mem_mib = 2048,
            .worker_no = {1},
            .running_s = 10 * id,
            .hibernated_s = epoch,
            .basis = DM_BASIS_FRAMES,
            .attested = epoch != 9};
    s.sandbox.b[15] = id;
    memset(s.attestation.b, id, sizeof(s.attestation.b));
    (void)snprintf(s.project, sizeof(s.project), "00000000-0000-4000-8000-00000000000%u", project);
    (void)snprintf(s.region, sizeof(s.region), "local");
    return s;
}

static dm_stated_line line(size_t of, dm_sku sku, uint32_t from, int64_t amount)
{
    return (dm_stated_line){of, {.sku = sku,
                                        .book_id = 1,
                                        .from = from,
                                        .to = 60,
                                        .seconds = 3,
                                        .qty = {2500000},
                                        .per_unit = {21700000},
                                        .amount = {amount}}};
}

static void fill(dm_statement *s, dm_stated *boxes, dm_stated_line *lines, dm_stated_book *book)
{
    static const char account[] = "00000000-0000-4000-8000-0000000000a1";
    boxes[0] = box(2, 1, 1);
    boxes[1] = box(1, 7, 2);
    boxes[2] = box(1, 7, 1);
    boxes[3] = box(1, 3, 9);
    lines[0] = line(0, DM_SKU_VCPU_RUN, 0, 5);
    lines[1] = line(1, DM_SKU_VCPU_RUN, 30, 7);
    lines[2] = line(1, DM_SKU_VCPU_RUN, 0, 11);
    lines[3] = line(1, DM_SKU_DISK_HIB, 0, 13);
    lines[4] = line(DM_OF_ACCOUNT, DM_SKU_MINUTES, 0, 17);
    lines[5] = line(3, DM_SKU_MEM_RUN, 0, -1);
    lines[4].rate.tier = 1;
    *book = (dm_stated_book){.id = 1};
    *s = (dm_statement){.currency = "CNY",
            .number = {3},
            .period_start = 1772359200,
            .period_s = 60,
            .sandboxes = boxes,
            .nsandboxes = 4,
            .lines = lines,
            .nlines = 6,
            .books = book,
            .nbooks = 1,
            .plans = {{"free", 60, 0, 12}, {"pro", 600, 12, 60}},
            .nplans = 2,
            .pooled = true,
            .pool_before_s = 1,
            .pool_after_s = 2,
            .included_s = 60};
    memcpy(s->account, account, sizeof(account));
}

static void sorts_and_sums(void **state)
{
    dm_statement s;
    dm_stated boxes[4];
    dm_stated_line lines[6];
    dm_stated_book book;
    (void)state;
    fill(&s, boxes, lines, &book);
    assert_int_equal(dm_statement_finish(&s, NULL), 0);
    assert_int_equal(boxes[0].sandbox.b[15], 3);
    assert_int_equal(boxes[1].epoch, 1);
    assert_int_equal(boxes[2].epoch, 2);
    assert_int_equal(boxes[3].project_no.v, 2);
    static const int64_t order[] = {17, -1, 13, 11, 7, 5};
    for (size_t i = 0; i < DM_LEN(order); i++)
        assert_true(lines[i].rate.amount.v == order[i]);
    assert_true(s.total.v == 52);
    assert_int_equal(s.running_s, 180);
    assert_int_equal(s.hibernated_s, 13);
    assert_int_equal(s.unattested, 1);
}

/* The whole text, so that no change of it goes unseen. */
static void the_body_is_canonical(void **state)
{
    static const char want[] =
            "{\"account\":\"00000000-0000-4000-8000-0000000000a1\",\"attestations\":{\"count\":1,\"root\":\"@\","
            "\"unattested\":0},"
            "\"books\":[{\"id\":1,\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}],"
            "\"currency\":\"CNY\",\"hibernated_s\":1,\"lines\":["
            "{\"amount\":\"0.000000000000000017\",\"book\":1,\"epoch\":null,\"from\":\"2026-03-01T10:00:00Z\",\"kind\":"
            "\"usage\","
            "\"per_unit\":\"0.000021700000\",\"project\":null,\"project_no\":null,\"qty\":\"2.500000\",\"region\":null,"
            "\"sandbox\":null,\"seconds\":3,\"sku\":\"minutes\",\"spec\":null,\"spec_table\":null,\"tier\":1,"
            "\"to\":\"2026-03-01T10:01:00Z\"},"
            "{\"amount\":\"0.000000000000000005\",\"book\":1,\"epoch\":1,\"from\":\"2026-03-01T10:00:30Z\",\"kind\":"
            "\"usage\","
            "\"per_unit\":\"0.000021700000\",\"project\":\"00000000-0000-4000-8000-000000000002\",\"project_no\":2,"
            "\"qty\":\"2.500000\",\"region\":\"local\",\"sandbox\":\"i00000000000000000001\",\"seconds\":3,\"sku\":"
            "\"vcpu-run\","
            "\"spec\":4,\"spec_table\":1,\"tier\":0,\"to\":\"2026-03-01T10:01:00Z\"}],"
            "\"number\":3,\"period\":{\"end\":\"2026-03-01T10:01:00Z\",\"start\":\"2026-03-01T10:00:00Z\"},"
            "\"plans\":[{\"from\":\"2026-03-01T10:00:00Z\",\"included_s\":60,\"tier\":\"free\",\"to\":"
            "\"2026-03-01T10:00:12Z\"},{\"from\":\"2026-03-01T10:00:12Z\",\"included_s\":600,\"tier\":\"pro\","
            "\"to\":\"2026-03-01T10:01:00Z\"}],"
            "\"pool\":{\"after_s\":2,\"before_s\":1,\"included_s\":60},"
            "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"running_s\":10,"
            "\"sandboxes\":[{\"attestation\":\"0101010101010101010101010101010101010101010101010101010101010101\","
            "\"attested\":true,\"basis\":\"frames\",\"epoch\":1,\"hibernated_s\":1,\"mem_mib\":2048,"
            "\"project\":\"00000000-0000-4000-8000-000000000002\",\"project_no\":2,\"region\":\"local\",\"running_s\":"
            "10,"
            "\"sandbox\":\"i00000000000000000001\",\"spec\":4,\"spec_table\":1,\"vcpus\":1}],"
            "\"total\":\"0.000000000000000022\",\"version\":1}";
    dm_statement s;
    dm_stated boxes[4];
    dm_stated_line lines[6];
    dm_stated_book book;
    DM_AUTO_BUF b;
    char root[65], text[sizeof(want) + 64];
    (void)state;
    fill(&s, boxes, lines, &book);
    lines[0].rate.from = 30;
    lines[1] = lines[4];
    s.nsandboxes = 1;
    s.nlines = 2;
    dm_buf_init(&b, 1 << 16);
    assert_int_equal(dm_statement_finish(&s, NULL), 0);
    assert_int_equal(dm_statement_body(&s, &b, NULL), 0);
    dm_hex(s.root.b, sizeof(s.root.b), root);
    const char *at = strchr(want, '@');
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - want), want, root, at + 1);
    assert_string_equal(b.p, text);
    s.pooled = false;
    dm_buf_reset(&b);
    assert_int_equal(dm_statement_body(&s, &b, NULL), 0);
    assert_non_null(strstr(b.p, "\"pool\":null,"));
    dm_buf_done(&b);
    dm_buf_init(&b, 100);
    assert_int_equal(dm_statement_body(&s, &b, NULL), DM_E_LIMIT);
}

static void the_hash_of_a_book(void **state)
{
    dm_book_price p[] = {{DM_STR("disk-hib"), DM_STR("GiB-Seconds"), {300000}},
            {DM_STR("vcpu-run"), DM_STR("Core-Seconds"), {21700000}}};
    static const char text[] = "{\"currency\":\"CNY\",\"group\":\"mainland\",\"prices\":[{\"per_unit\":\"0."
                               "000000300000\",\"sku\":\"disk-hib\","
                               "\"unit\":\"GiB-Seconds\"},{\"per_unit\":\"0.000021700000\",\"sku\":\"vcpu-run\","
                               "\"unit\":\"Core-Seconds\"}],"
                               "\"rated_by\":\"resources\",\"tier\":\"payg\",\"valid_from\":\"2026-01-01T00:00:00Z\"}";
    dm_digest want, got;
    (void)state;
    assert_int_equal(dm_sha256(DM_STR(text), &want, NULL), 0);
    assert_int_equal(dm_book_sha256(DM_STR("CNY"), DM_STR("mainland"), DM_STR("resources"), DM_STR("payg"), 1767225600,
                             p, 2, &got, NULL),
            0);
    assert_memory_equal(&want, &got, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_tree_is_that_of_the_rfc),
            cmocka_unit_test(sorts_and_sums),
            cmocka_unit_test(the_body_is_canonical),
            cmocka_unit_test(the_hash_of_a_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
