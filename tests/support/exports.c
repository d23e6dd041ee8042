/* Files of every dataset in every format, of one account with all that can be charged (exportrig.h), for readers and
 * judges that are no part of this program:
 *
 *     exports FOLDER      writes FOLDER/DATASET.FORMAT and FOLDER/DATASET.FORMAT.json, its manifest; and
 *                         FOLDER/invoices.json, what each document that stands comes to */
#include <stdio.h>

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
    desk_make(d, 1, set->name, format->name, "2026-03-01", "2026-06-01", &file);
    (void)snprintf(name, sizeof name, "%s.%s", set->name, format->name);
    write_file(name, dm_buf_view(&file));
    (void)snprintf(key, sizeof key, "%s %s 2026-03-01", set->name, format->name);
    (void)snprintf(name, sizeof name, "%s.%s.json", set->name, format->name);
    desk_manifest(d, key, &manifest);
    write_file(name, dm_buf_view(&manifest));
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
