/* A workbook: what a spreadsheet would calculate is a text, a decimal is text and number, too many rows are refused,
 * and the same rows are the same bytes. That others read the same cells is tests/conformance/exports' to see. */
/* Covers metering/export/data/xlsx.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "metering/export/data/format.h"
#include "tests/unit/test.h"

static const dm_data_column columns[] = {
        {"a", DM_DATA_TEXT, 0, 0, false}, {"t", DM_DATA_TIME, 0, 0, false}, {"m", DM_DATA_DECIMAL, 38, 18, false}};
static const dm_data_set set = {.name = "three", .title = "three columns", .columns = columns, .ncolumns = 3};

/* What the last row's writing returned, and the file where all went well. */
static int written(const dm_data_row *row, int rows, dm_buf *out, dm_err *err)
{
    char path[] = "/tmp/dormouse-xlsx-XXXXXX";
    DM_AUTO_FD fd = mkstemp(path);
    DM_AUTO(dm_sink) sink = NULL;
    dm_digest digest;
    uint64_t bytes;
    assert_true(fd >= 0);
    assert_int_equal(dm_sink_new(fd, 1 << 30, &sink, NULL), 0);
    dm_data_writer w = {.set = &set, .sink = sink, .folder = "/tmp"};
    assert_int_equal(dm_data_xlsx.begin(&w, err), 0);
    int r = 0;
    for (int i = 0; r == 0 && i < rows; i++)
        r = dm_data_xlsx.row(&w, row, err);
    if (r == 0)
        r = dm_data_xlsx.end(&w, err);
    dm_data_xlsx.drop(&w);
    dm_data_xlsx.drop(&w); /* twice is nothing */
    if (r == 0) {
        assert_int_equal(dm_sink_end(sink, &bytes, &digest, NULL), 0);
        dm_buf_init(out, 64 << 20);
        assert_int_equal(dm_file_read(path, out, NULL), 0);
    }
    (void)unlink(path);
    return r;
}

static dm_data_row row_of(const char *text, const char *time, const char *money)
{
    dm_data_row row = {.currency = {NULL, 0}};
    row.cells[0] = dm_str_c(text);
    row.cells[1] = dm_str_c(time);
    row.cells[2] = dm_str_c(money);
    return row;
}

static void the_same_rows_are_the_same_bytes(void **state)
{
    DM_AUTO_BUF one;
    DM_AUTO_BUF two;
    dm_err err;
    (void)state;
    dm_data_row row = row_of("=1+1", "1772323200", "-99999999999999999999.999999999999999999");
    assert_int_equal(written(&row, 3, &one, &err), 0);
    assert_int_equal(written(&row, 3, &two, &err), 0);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
    assert_memory_equal(one.p, "PK", 2);
}

static void what_a_sheet_cannot_hold_is_refused(void **state)
{
    static char longest[32769];
    DM_AUTO_BUF none;
    dm_err err;
    (void)state;
    dm_buf_init(&none, 1);
    memset(longest, 'a', sizeof longest - 1);
    dm_data_row row = row_of(longest, "0", "0");
    assert_int_equal(written(&row, 1, &none, &err), DM_E_LIMIT);
    assert_string_equal(err.msg, "a text is longer than a spreadsheet's cell: take csv or parquet");
    row = row_of("a", "0", "1.5x");
    assert_int_equal(written(&row, 1, &none, &err), DM_E_INVALID);
    row = row_of("a", NULL, NULL);
    row.cells[1].p = row.cells[2].p = NULL;
    assert_int_equal(written(&row, 200001, &none, &err), DM_E_LIMIT);
    assert_string_equal(err.msg, "a workbook has at most 200000 rows: take csv or parquet, or fewer months");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_same_rows_are_the_same_bytes),
            cmocka_unit_test(what_a_sheet_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
