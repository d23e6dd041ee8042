/* A Parquet file's bytes: numbers and structs as the format has them, dictionaries and what takes their place, groups.
 * That others read the same out of it is tests/conformance/exports' to see. */
/* Covers metering/export/data/parquet.c, metering/export/data/parquet_column.c, metering/export/data/thrift.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "metering/export/data/format.h"
#include "metering/export/data/parquet_column.h"
#include "metering/export/data/thrift.h"
#include "tests/unit/test.h"

static void structs_are_compact(void **state)
{
    DM_AUTO_BUF b;
    dm_thrift t = {.b = &b};
    (void)state;
    dm_buf_init(&b, 1000);
    dm_thrift_begin(&t);
    dm_thrift_i32(&t, 1, 2);
    dm_thrift_i64(&t, 3, -1);
    dm_thrift_text(&t, 4, DM_STR("ab"));
    dm_thrift_list(&t, 5, DM_THRIFT_I32, 2);
    dm_thrift_put_i32(&t, 300);
    dm_thrift_put_i32(&t, -300);
    dm_thrift_struct(&t, 6);
    dm_thrift_true(&t, 1);
    dm_thrift_end(&t);
    dm_thrift_i16(&t, 40, 7); /* too far from the one before for a short head */
    dm_thrift_list(&t, 41, DM_THRIFT_STRUCT, 20);
    dm_thrift_end(&t);
    static const uint8_t want[] = {0x15, 4, 0x26, 1, 0x18, 2, 'a', 'b', 0x19, 0x25, 0xd8, 4, 0xd7, 4, 0x1c, 0x11, 0,
            0x04, 80, 14, 0x19, 0xfc, 20, 0};
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.p, want, sizeof want);
}

static void numbers_fill_their_bytes(void **state)
{
    static const struct {
        uint8_t precision, scale;
        const char *cell;
        unsigned width;
        uint8_t first, last;
    } numbers[] = {
            {38, 18, "-0.000000000000000001", 16, 0xff, 0xff},
            {38, 18, "1", 16, 0, 0},
            {20, 6, "0.000001", 9, 0, 1},
            {18, 12, "-0.000000000002", 8, 0xff, 0xfe},
            {7, 4, "19.0000", 4, 0, 0x30},
            {9, 0, "-1", 4, 0xff, 0xff},
            {10, 0, "9999999999", 5, 2, 0xff},
    };
    (void)state;
    for (size_t i = 0; i < DM_LEN(numbers); i++) {
        dm_data_column is = {"n", DM_DATA_DECIMAL, numbers[i].precision, numbers[i].scale, true};
        dm_parquet_column *c;
        assert_int_equal(dm_parquet_column_new(&is, &c, NULL), 0);
        assert_int_equal(dm_parquet_column_add(c, dm_str_c(numbers[i].cell), NULL), 0);
        assert_int_equal(c->width, numbers[i].width);
        assert_int_equal(c->words.len, numbers[i].width);
        assert_int_equal((uint8_t)c->words.p[0], numbers[i].first);
        assert_int_equal((uint8_t)c->words.p[c->width - 1], numbers[i].last);
        dm_parquet_column_free(c);
    }
}

static void what_a_column_cannot_have(void **state)
{
    static const struct {
        dm_data_type type;
        const char *cell;
    } wrong[] = {{DM_DATA_DECIMAL, "1.00001"}, {DM_DATA_DECIMAL, "1000.0000"}, {DM_DATA_DECIMAL, ""},
            {DM_DATA_DECIMAL, "-"}, {DM_DATA_DECIMAL, "1e3"}, {DM_DATA_DECIMAL, "1.0.0"}, {DM_DATA_DECIMAL, NULL},
            {DM_DATA_INT, "9223372036854775808"}, {DM_DATA_INT, "1.0"}, {DM_DATA_TIME, "-1"}, {DM_DATA_TEXT, NULL}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        dm_data_column is = {"n", wrong[i].type, 7, 4, true};
        dm_parquet_column *c;
        assert_int_equal(dm_parquet_column_new(&is, &c, NULL), 0);
        dm_str cell = wrong[i].cell == NULL ? (dm_str){NULL, 0} : dm_str_c(wrong[i].cell);
        if (dm_parquet_column_add(c, cell, NULL) >= 0)
            fail_msg("%s was taken", wrong[i].cell);
        dm_parquet_column_free(c);
    }
}

/* Few words have numbers; too many are written as they are, also those that had numbers before. */
static void dictionaries_end(void **state)
{
    static const dm_data_column is = {"t", DM_DATA_TEXT, 0, 0, false};
    dm_parquet_column *c;
    DM_AUTO_BUF page;
    char text[40];
    (void)state;
    dm_buf_init(&page, 1 << 20);
    assert_int_equal(dm_parquet_column_new(&is, &c, NULL), 0);
    for (int i = 0; i < 11; i++)
        assert_int_equal(dm_parquet_column_add(c,
                                 i == 4  ? (dm_str){NULL, 0}
                                 : i % 2 ? DM_STR("b")
                                         : DM_STR("a"),
                                 NULL),
                0);
    assert_int_equal(c->nwords, 2);
    assert_int_equal(c->nulls, 1);
    assert_int_equal(dm_parquet_column_page(c, &page, NULL), 0);
    static const uint8_t want[] = {3, 0, 0, 0, 5, 0xef, 0x07, 1, 5, 0x5a, 0x01};
    assert_int_equal(page.len, sizeof want);
    assert_memory_equal(page.p, want, sizeof want);
    for (int i = 0; i < DM_PARQUET_WORDS; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_int_equal(dm_parquet_column_add(c, dm_str_c(text), NULL), 0);
    }
    assert_true(c->plain);
    assert_int_equal(c->nwords, 0);
    dm_buf_reset(&page);
    assert_int_equal(dm_parquet_column_page(c, &page, NULL), 0);
    static const uint8_t first[] = {1, 0, 0, 0, 'a', 1, 0, 0, 0, 'b', 1, 0, 0, 0, 'a'};
    size_t levels = 4 + 2 + (11 + DM_PARQUET_WORDS + 7) / 8;
    assert_memory_equal(page.p + levels, first, sizeof first);
    dm_parquet_column_reset(c);
    assert_false(c->plain);
    assert_int_equal(dm_parquet_column_bytes(c), 0);
    dm_parquet_column_free(c);
}

static const dm_data_column columns[] = {{"a", DM_DATA_TEXT, 0, 0, true}, {"n", DM_DATA_INT, 0, 0, false}};
static const dm_data_set set = {.name = "two", .title = "two columns", .columns = columns, .ncolumns = 2};

static void written(int rows, dm_buf *out)
{
    char path[] = "/tmp/dormouse-parquet-XXXXXX", text[40];
    DM_AUTO_FD fd = mkstemp(path);
    DM_AUTO(dm_sink) sink = NULL;
    dm_digest digest;
    uint64_t bytes;
    dm_data_row row = {.currency = {NULL, 0}};
    assert_true(fd >= 0);
    assert_int_equal(dm_sink_new(fd, 1 << 30, &sink, NULL), 0);
    dm_data_writer w = {.set = &set, .sink = sink};
    assert_int_equal(dm_data_parquet.begin(&w, NULL), 0);
    for (int i = 0; i < rows; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        row.cells[0] = row.cells[1] = dm_str_c(text);
        assert_int_equal(dm_data_parquet.row(&w, &row, NULL), 0);
    }
    assert_int_equal(dm_data_parquet.end(&w, NULL), 0);
    dm_data_parquet.drop(&w);
    dm_data_parquet.drop(&w); /* twice is nothing */
    assert_int_equal(dm_sink_end(sink, &bytes, &digest, NULL), 0);
    dm_buf_init(out, 64 << 20);
    assert_int_equal(dm_file_read(path, out, NULL), 0);
    assert_int_equal(bytes, out->len);
    (void)unlink(path);
}

static void a_file_is_whole_and_the_same(void **state)
{
    static const int lengths[] = {0, 1, DM_PARQUET_ROWS, DM_PARQUET_ROWS + 1};
    (void)state;
    for (size_t i = 0; i < DM_LEN(lengths); i++) {
        DM_AUTO_BUF one;
        DM_AUTO_BUF two;
        uint32_t foot;
        written(lengths[i], &one);
        written(lengths[i], &two);
        assert_int_equal(one.len, two.len);
        assert_memory_equal(one.p, two.p, one.len);
        assert_memory_equal(one.p, "PAR1", 4);
        assert_memory_equal(one.p + one.len - 4, "PAR1", 4);
        dm_str tail = {one.p + one.len - 8, 4};
        assert_int_equal(dm_take_le32(&tail, &foot), 0);
        assert_true(foot <= one.len - 12);
        assert_int_equal(one.p[one.len - 8 - foot], 0x15); /* the end's first field: an i32 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(structs_are_compact),
            cmocka_unit_test(numbers_fill_their_bytes),
            cmocka_unit_test(what_a_column_cannot_have),
            cmocka_unit_test(dictionaries_end),
            cmocka_unit_test(a_file_is_whole_and_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
