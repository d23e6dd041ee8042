/* Files of every dataset in every format, of one account with all that can be charged (exportrig.h), for readers and
 * judges that are no part of this program:
 *
 *     exports FOLDER      writes FOLDER/DATASET.FORMAT and FOLDER/DATASET.FORMAT.json, its manifest; and
 *                         FOLDER/invoices.json, what each document that stands comes to; and
 *                         FOLDER/every.FORMAT, a dataset of each type of column at its limits, longer than what a
 *                         format keeps in memory */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "metering/export/data/format.h"
#include "metering/export/data/set.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;
static const char *folder;

static void write_file(const char *name, dm_str bytes)
{
    char path[4096];
    dm_err err;
    if (dm_path(path, sizeof(path), &err, "%s/%s", folder, name) < 0 || dm_file_write(path, bytes, 0600, &err) < 0)
        fail_msg("%s", err.msg);
}

static void write_one(desk *d, const dm_data_set *set, const dm_data_format *format)
{
    char name[100], key[100];
    DM_AUTO_BUF file;
    DM_AUTO_BUF manifest;
    desk_make(d, set->entity ? -1 : 1, set->name, format->name, "2026-03-01", "2026-06-01", &file);
    (void)snprintf(name, sizeof name, "%s.%s", set->name, format->name);
    write_file(name, dm_buf_view(&file));
    (void)snprintf(key, sizeof key, "%s %s 2026-03-01", set->name, format->name);
    (void)snprintf(name, sizeof name, "%s.%s.json", set->name, format->name);
    desk_manifest(d, key, &manifest);
    write_file(name, dm_buf_view(&manifest));
}

/* --- every type --------------------------------------------------------------------------------------------- */

enum { EVERY = 70000 };

static const dm_data_column every_columns[] = {
        {"few", DM_DATA_TEXT, 0, 0, true},
        {"each", DM_DATA_TEXT, 0, 0, false},
        {"none", DM_DATA_TEXT, 0, 0, false},
        {"whole", DM_DATA_INT, 0, 0, false},
        {"time", DM_DATA_TIME, 0, 0, true},
        {"later", DM_DATA_TIME, 0, 0, false},
        {"money", DM_DATA_DECIMAL, 38, 18, true},
        {"price", DM_DATA_DECIMAL, 18, 12, false},
        {"quantity", DM_DATA_DECIMAL, 20, 6, false},
        {"rate", DM_DATA_DECIMAL, 7, 4, false},
};
static const dm_data_set every_set = {.name = "every",
        .title = "each type of column",
        .columns = every_columns,
        .ncolumns = DM_LEN(every_columns),
        .cells_guarded = true};

typedef struct every {
    char text[DM_LEN(every_columns)][80];
    dm_data_row row;
} every;

/* Some rows have what is the most and the least, and what a file's own signs are. */
static void every_row(every *e, int i)
{
    static const char *const moneys[] = {"99999999999999999999.999999999999999999",
            "-99999999999999999999.999999999999999999", "0.000000000000000000", "-0.000000000000000001"};
    static const char *const texts[] = {
            "\"", "a,b", "two\nlines", "=1+1", "-1", "@x", "\xe7\x9d\xa1\xe9\xbc\xa0", "'", " "};
    static const char *const wholes[] = {"9223372036854775807", "-9223372036854775808", "0"};
    (void)snprintf(e->text[0], sizeof e->text[0], "word %d", i % 5);
    (void)snprintf(e->text[1], sizeof e->text[1], "%s", i % 100 < 9 ? texts[i % 100] : "");
    if (i % 100 >= 9)
        (void)snprintf(e->text[1], sizeof e->text[1], "row %d of many", i);
    (void)snprintf(e->text[3], sizeof e->text[3], "%s", i % 1000 < 3 ? wholes[i % 1000] : "12");
    (void)snprintf(e->text[4], sizeof e->text[4], "%d", 1772323200 + i * 60);
    (void)snprintf(e->text[5], sizeof e->text[5], "%s", i % 2 == 0 ? "253402300799" : "0");
    if (i % 50 < 4)
        (void)snprintf(e->text[6], sizeof e->text[6], "%s", moneys[i % 50]);
    else
        (void)snprintf(e->text[6], sizeof e->text[6], "%s%d.%018d", i % 3 == 0 ? "-" : "", i + 1, i);
    (void)snprintf(e->text[7], sizeof e->text[7], "%s", i % 7 == 0 ? "999999.999999999999" : "0.000009747000");
    (void)snprintf(e->text[8], sizeof e->text[8], "%s", i % 11 == 0 ? "-99999999999999.999999" : "94.000000");
    (void)snprintf(e->text[9], sizeof e->text[9], "%s", i % 13 == 0 ? "-999.9999" : "19.0000");
    for (size_t k = 0; k < DM_LEN(every_columns); k++) {
        bool null = k == 2 || (!every_columns[k].required && (i + (int)k) % 17 == 0);
        e->row.cells[k] = null ? (dm_str){NULL, 0} : dm_str_c(e->text[k]);
    }
}

static void write_every(const dm_data_format *format)
{
    char path[4096];
    dm_err err;
    DM_AUTO(dm_sink) sink = NULL;
    uint64_t bytes;
    dm_digest digest;
    every e = {.row = {.currency = {NULL, 0}}};
    (void)snprintf(path, sizeof path, "%s/every.%s", folder, format->name);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(dm_sink_new(fd, 1 << 30, &sink, NULL), 0);
    dm_data_writer w = {.set = &every_set, .sink = sink, .folder = folder};
    int r = format->begin(&w, &err);
    for (int i = 0; r == 0 && i < EVERY; i++) {
        every_row(&e, i);
        r = format->row(&w, &e.row, &err);
    }
    if (r == 0)
        r = format->end(&w, &err);
    if (format->drop != NULL)
        format->drop(&w);
    if (r == 0)
        r = dm_sink_end(sink, &bytes, &digest, &err);
    if (r != 0)
        fail_msg("%s: %s", format->name, err.msg);
}

static void make(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "exports");
    desk_rich(&d);
    for (size_t i = 0; dm_data_set_at(i) != NULL; i++)
        for (size_t k = 0; dm_data_format_at(k) != NULL; k++)
            write_one(&d, dm_data_set_at(i), dm_data_format_at(k));
    for (size_t k = 0; dm_data_format_at(k) != NULL; k++)
        write_every(dm_data_format_at(k));
    write_file("invoices.json",
            dm_str_c(ask(&d.r,
                    "SELECT json_object_agg(number, CASE kind WHEN 'invoice' THEN total ELSE -total END::text) FROM "
                    "dm.invoice i WHERE NOT EXISTS (SELECT FROM dm.invoice_state v WHERE v.invoice_no = i.invoice_no "
                    "AND v.voided)")));
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(make)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fputs("exports FOLDER\n", stderr);
        return 2;
    }
    folder = argv[1];
    return cluster_main(&pg, all);
}
