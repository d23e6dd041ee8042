#include <stdio.h>

#include "base/parse.h"

#include "metering/rules/statement.h"
#include "tests/unit/test.h"

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

static dm_rate_line line(dm_sku sku, uint32_t from, int64_t amount)
{
    return (dm_rate_line){.sku = sku,
            .book_id = 1,
            .from = from,
            .to = 60,
            .seconds = 3,
            .qty = {2500000},
            .per_unit = {21700000},
            .amount = {amount}};
}

static void orders(void **state)
{
    dm_stated boxes[] = {box(2, 7, 1), box(1, 7, 2), box(1, 7, 1), box(1, 3, 9)};
    dm_rate_line lines[] = {line(DM_SKU_VCPU_RUN, 30, 1), line(DM_SKU_VCPU_RUN, 0, 2), line(DM_SKU_DISK_HIB, 9, 3)};
    dm_rate_line minutes[] = {line(DM_SKU_MINUTES, 30, 1), line(DM_SKU_MINUTES, 0, 2), line(DM_SKU_MINUTES, 0, 3)};
    (void)state;
    qsort(boxes, DM_LEN(boxes), sizeof(boxes[0]), dm_stated_cmp);
    assert_int_equal(boxes[0].epoch, 9);
    assert_int_equal(boxes[1].epoch, 1);
    assert_int_equal(boxes[2].epoch, 2);
    assert_int_equal(boxes[3].project_no.v, 2);
    qsort(lines, DM_LEN(lines), sizeof(lines[0]), dm_stated_line_cmp);
    assert_true(lines[0].amount.v == 3 && lines[1].amount.v == 2 && lines[2].amount.v == 1);
    minutes[2].tier = 0;
    minutes[1].tier = 1;
    qsort(minutes, DM_LEN(minutes), sizeof(minutes[0]), dm_stated_account_line_cmp);
    assert_true(minutes[0].amount.v == 3 && minutes[1].amount.v == 2 && minutes[2].amount.v == 1);
}

static void a_page_is_full_by_sandboxes_or_by_lines(void **state)
{
    static dm_stated boxes[DM_STATED_PAGE + 2];
    size_t lines;
    (void)state;
    for (size_t i = 0; i < DM_LEN(boxes); i++)
        boxes[i].nlines = 2;
    assert_int_equal(dm_stated_full(boxes, 0, &lines), 0);
    assert_int_equal(lines, 0);
    assert_int_equal(dm_stated_full(boxes, DM_STATED_PAGE - 1, &lines), DM_STATED_PAGE - 1);
    assert_int_equal(dm_stated_full(boxes, DM_STATED_PAGE, &lines), DM_STATED_PAGE);
    assert_int_equal(dm_stated_full(boxes, DM_STATED_PAGE + 1, &lines), DM_STATED_PAGE);
    assert_int_equal(lines, 2 * DM_STATED_PAGE);
    for (size_t i = 0; i < DM_LEN(boxes); i++)
        boxes[i].nlines = DM_RATE_LINES_MAX;
    size_t n = dm_stated_full(boxes, DM_LEN(boxes), &lines);
    assert_int_equal(n, DM_STATED_PAGE_LINES / DM_RATE_LINES_MAX);
    assert_int_equal(lines, n * DM_RATE_LINES_MAX);
}

/* The largest page that there can be has room in what is meant for it. */
static void a_page_is_bounded(void **state)
{
    static dm_stated boxes[DM_STATED_PAGE];
    static dm_rate_line lines[DM_STATED_PAGE_LINES];
    DM_AUTO_BUF b;
    (void)state;
    for (size_t i = 0; i < DM_LEN(boxes); i++) {
        boxes[i] = box(1, (uint8_t)i, UINT32_MAX);
        boxes[i].nlines = DM_STATED_PAGE_LINES / DM_STATED_PAGE;
        boxes[i].project_no.v = INT64_MAX;
        boxes[i].running_s = boxes[i].hibernated_s = UINT64_MAX;
        memset(boxes[i].sandbox.b, 0xff, sizeof(boxes[i].sandbox.b));
        boxes[i].forked = true;
        boxes[i].parent = boxes[i].sandbox;
        memset(boxes[i].region, '\1', DM_NAME_TEXT - 1); /* six bytes each, as JSON has it */
    }
    for (size_t i = 0; i < DM_LEN(lines); i++) {
        lines[i] = line(DM_SKU_DISK_RUN_OVER_30, 0, INT64_MAX);
        lines[i].book_id = INT64_MAX;
        lines[i].seconds = INT64_MIN;
    }
    dm_stated_page p = {.account = boxes[0].project,
            .number = {INT64_MAX},
            .page = UINT32_MAX,
            .sandboxes = boxes,
            .nsandboxes = DM_STATED_PAGE,
            .lines = lines,
            .nlines = DM_STATED_PAGE_LINES};
    dm_buf_init(&b, DM_STATED_PAGE_BYTES);
    assert_int_equal(dm_stated_page_body(&p, &b, NULL), 0);
    dm_buf_done(&b);
    dm_buf_init(&b, 100);
    assert_int_equal(dm_stated_page_body(&p, &b, NULL), DM_E_LIMIT);
}

static const char account[] = "00000000-0000-4000-8000-0000000000a1";

/* Two pages come to what their sandboxes and lines do. */
static void pages_are_summed_up(void **state)
{
    dm_stated boxes[] = {box(1, 1, 1), box(1, 2, 9), box(1, 3, 1)};
    dm_rate_line lines[] = {line(DM_SKU_MEM_RUN, 0, 5), line(DM_SKU_VCPU_RUN, 0, 7), line(DM_SKU_VCPU_RUN, 0, -1)};
    dm_digest hashes[2] = {{{1}}, {{2}}}, want, got;
    dm_stated_sum s = {0};
    dm_merkle m = {0};
    (void)state;
    dm_stated_page one = {account, {1}, 0, 1, boxes, 2, lines, 2, NULL},
                   two = {account, {1}, 0, 2, boxes + 2, 1, lines + 2, 1, NULL};
    assert_int_equal(dm_stated_sum_page(&s, &one, &hashes[0], NULL), 0);
    assert_int_equal(dm_stated_sum_page(&s, &two, &hashes[1], NULL), 0);
    assert_true(s.total.v == 11 && s.amount[DM_SKU_MEM_RUN].v == 5 && s.amount[DM_SKU_VCPU_RUN].v == 6);
    assert_int_equal(s.running_s, 60);
    assert_int_equal(s.hibernated_s, 11);
    assert_int_equal(s.unattested, 1);
    assert_int_equal(s.lines, 3);
    assert_int_equal(s.attestations.n, 3);
    assert_int_equal(s.pages.n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(dm_merkle_add(&m, &hashes[i], NULL), 0);
    assert_int_equal(dm_merkle_root(&m, &want, NULL), 0);
    assert_int_equal(dm_merkle_root(&s.pages, &got, NULL), 0);
    assert_memory_equal(&want, &got, sizeof(want));
    dm_rate_line minutes = line(DM_SKU_MINUTES, 0, 100);
    assert_int_equal(dm_stated_sum_line(&s, &minutes, NULL), 0);
    assert_true(s.total.v == 111 && s.lines == 3);
}

/* The whole text, so that no change of it goes unseen. */
static void a_page_is_canonical(void **state)
{
    static const char want[] =
            "{\"account\":\"00000000-0000-4000-8000-0000000000a1\",\"lines\":["
            "{\"amount\":\"0.000000000000000005\",\"book\":1,\"epoch\":1,\"from\":\"2026-03-01T10:00:30Z\",\"kind\":"
            "\"usage\","
            "\"per_unit\":\"0.000021700000\",\"project\":\"00000000-0000-4000-8000-000000000002\",\"project_no\":2,"
            "\"qty\":\"2.500000\",\"region\":\"local\",\"sandbox\":\"i00000000000000000001\",\"seconds\":3,\"sku\":"
            "\"vcpu-run\","
            "\"spec\":4,\"spec_table\":1,\"tier\":0,\"to\":\"2026-03-01T10:01:00Z\"}],"
            "\"number\":3,\"page\":7,"
            "\"sandboxes\":[{\"attestation\":\"0101010101010101010101010101010101010101010101010101010101010101\","
            "\"attested\":true,\"basis\":\"frames\",\"epoch\":1,\"hibernated_s\":1,\"mem_mib\":2048,"
            "\"project\":\"00000000-0000-4000-8000-000000000002\",\"project_no\":2,\"region\":\"local\",\"running_s\":"
            "10,"
            "\"sandbox\":\"i00000000000000000001\",\"spec\":4,\"spec_table\":1,\"vcpus\":1}],\"version\":2}";
    dm_stated one = box(2, 1, 1);
    dm_rate_line l = line(DM_SKU_VCPU_RUN, 30, 5);
    DM_AUTO_BUF b;
    (void)state;
    one.nlines = 1;
    dm_stated_page p = {account, {3}, 1772359200, 7, &one, 1, &l, 1, NULL};
    dm_buf_init(&b, 1 << 16);
    assert_int_equal(dm_stated_page_body(&p, &b, NULL), 0);
    assert_string_equal(b.p, want);
}

/* It stands where it is named, and the versions say that it is; where it is not everything is as it was before. */
static void a_fork_names_its_parent(void **state)
{
    static const char stands[] = "\"parent\":\"i00000000000000000001\",\"project\":";
    dm_stated boxes[] = {box(1, 1, 1), box(1, 2, 1)};
    dm_digest hash = {{1}};
    (void)state;
    for (int corrects = 0; corrects < 2; corrects++) {
        dm_stated_correction of = {.start = 0, .end = 60, .number = {1}};
        for (int forked = 0; forked < 2; forked++) {
            DM_AUTO_BUF b;
            dm_statement st = {.corrections = &of, .ncorrections = (size_t)corrects};
            dm_stated_page p = {account, {2}, 60, 1, boxes, 2, NULL, 0, corrects ? &of : NULL};
            boxes[1].forked = forked;
            boxes[1].parent = boxes[0].sandbox;
            dm_buf_init(&b, DM_STATED_PAGE_BYTES);
            assert_int_equal(dm_stated_page_body(&p, &b, NULL), 0);
            assert_int_equal(dm_stated_sum_page(&st.sum, &p, &hash, NULL), 0);
            (void)dm_buf_ch(&b, '\0');
            const char *text = dm_buf_view(&b).p, *parent = strstr(text, "\"parent\":");
            char version[24];
            (void)snprintf(version, sizeof(version), "\"version\":%d}", 2 + corrects + 2 * forked);
            assert_string_equal(text + strlen(text) - strlen(version), version);
            assert_int_equal(dm_statement_version(&st), 2 + corrects + 2 * forked);
            assert_int_equal(parent != NULL, forked);
            if (forked) {
                assert_memory_equal(parent, stands, sizeof(stands) - 1);
                assert_null(strstr(parent + 1, "\"parent\":"));
            }
        }
    }
}

static void the_head_is_canonical(void **state)
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
            "\"to\":\"2026-03-01T10:01:00Z\"}],"
            "\"number\":3,\"pages\":{\"count\":1,\"lines\":1,\"root\":\"@\"},"
            "\"period\":{\"end\":\"2026-03-01T10:01:00Z\",\"start\":\"2026-03-01T10:00:00Z\"},"
            "\"plans\":[{\"from\":\"2026-03-01T10:00:00Z\",\"included_s\":60,\"tier\":\"free\",\"to\":"
            "\"2026-03-01T10:00:12Z\"},{\"from\":\"2026-03-01T10:00:12Z\",\"included_s\":600,\"tier\":\"pro\","
            "\"to\":\"2026-03-01T10:01:00Z\"}],"
            "\"pool\":{\"after_s\":2,\"before_s\":1,\"included_s\":60},"
            "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"running_s\":10,"
            "\"total\":\"0.000000000000000022\",\"version\":2}";
    dm_stated one = box(2, 1, 1);
    dm_rate_line of_page = line(DM_SKU_VCPU_RUN, 30, 5), of_account = line(DM_SKU_MINUTES, 0, 17);
    dm_stated_book book = {.id = 1};
    dm_digest page, roots[2];
    DM_AUTO_BUF b;
    char text[2 * sizeof(want)], hex[2][65];
    (void)state;
    of_account.tier = 1;
    one.nlines = 1;
    dm_stated_page p = {account, {3}, 1772359200, 1, &one, 1, &of_page, 1, NULL};
    dm_statement s = {.currency = "CNY",
            .number = {3},
            .period_start = 1772359200,
            .period_s = 60,
            .lines = &of_account,
            .nlines = 1,
            .books = &book,
            .nbooks = 1,
            .plans = {{"free", 60, 0, 12}, {"pro", 600, 12, 60}},
            .nplans = 2,
            .pooled = true,
            .pool_before_s = 1,
            .pool_after_s = 2,
            .included_s = 60};
    memcpy(s.account, account, sizeof(account));
    memset(page.b, 5, sizeof(page.b));
    assert_int_equal(dm_stated_sum_page(&s.sum, &p, &page, NULL), 0);
    assert_int_equal(dm_stated_sum_line(&s.sum, &of_account, NULL), 0);
    assert_int_equal(dm_merkle_root(&s.sum.attestations, &roots[0], NULL), 0);
    assert_int_equal(dm_merkle_root(&s.sum.pages, &roots[1], NULL), 0);
    for (size_t i = 0; i < 2; i++)
        dm_hex(roots[i].b, sizeof(roots[i].b), hex[i]);
    const char *at = strchr(want, '@'), *then = strchr(at + 1, '@');
    (void)snprintf(text, sizeof(text), "%.*s%s%.*s%s%s", (int)(at - want), want, hex[0], (int)(then - at - 1), at + 1,
            hex[1], then + 1);
    dm_buf_init(&b, 1 << 16);
    assert_int_equal(dm_statement_head(&s, &b, NULL), 0);
    assert_string_equal(b.p, text);
    s.pooled = false;
    dm_buf_reset(&b);
    assert_int_equal(dm_statement_head(&s, &b, NULL), 0);
    assert_non_null(strstr(b.p, "\"pool\":null,"));
    dm_buf_done(&b);
    dm_buf_init(&b, 100);
    assert_int_equal(dm_statement_head(&s, &b, NULL), DM_E_LIMIT);
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
            cmocka_unit_test(orders),
            cmocka_unit_test(a_page_is_full_by_sandboxes_or_by_lines),
            cmocka_unit_test(a_page_is_bounded),
            cmocka_unit_test(pages_are_summed_up),
            cmocka_unit_test(a_page_is_canonical),
            cmocka_unit_test(a_fork_names_its_parent),
            cmocka_unit_test(the_head_is_canonical),
            cmocka_unit_test(the_hash_of_a_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
