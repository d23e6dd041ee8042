/* deliver ENDPOINT BUCKET KEY SECRET FOLDER: an account that has named that bucket, and what becomes of its scheduled
 * export of March as CSV: on standard error a line of each try, "STATE TRIES WHY", and at the end the file and its
 * manifest in FOLDER. Tries are made at once, whatever next_at says, until it is delivered or has failed three times.
 */
#include "metering/export/data/deliver.h"

#include <stdio.h>

#include "base/file.h"

#include "metering/ask/target.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;
static char **say;

static const uint8_t key[DM_KEY] = {7};

static int set_target(dm_pg *c, void *arg, dm_err *err)
{
    return dm_target_set(c, (dm_account_no){1}, arg, err);
}

static void name_bucket(desk *d)
{
    char bound[DM_TARGET_BOUND];
    dm_err err;
    DM_AUTO_BUF sealed;
    dm_pg *api = NULL;
    dm_buf_init(&sealed, 1000);
    dm_target_bound((dm_account_no){1}, bound);
    assert_int_equal(dm_seal(key, dm_str_c(bound), dm_str_c(say[4]), &sealed, &err), 0);
    dm_target_new t = {.endpoint = say[1],
            .region = "eu-central-1",
            .bucket = say[2],
            .prefix = "finance/",
            .key_id = say[3],
            .who = "person:ada",
            .sealed = dm_buf_view(&sealed)};
    assert_int_equal(dm_pg_open(cluster_conninfo(&pg, d->r.db, "dm_api"), &api, &err), 0);
    if (dm_pg_tx_on(api, &(dm_pg_scope){.account_no = 1}, set_target, &t, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(api);
}

static void keep(desk *d, const char *name, dm_str bytes)
{
    char path[1000];
    (void)d;
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/%s", say[5], name), 0);
    assert_int_equal(dm_file_write(path, bytes, 0600, NULL), 0);
}

static void run(void **state)
{
    (void)state;
    desk d = {0};
    dm_err err;
    desk_open(&d, &pg, "deliver");
    d.h.delivery_key = key;
    d.h.loopback = true;
    d.h.log = NULL;
    name_bucket(&d);
    sql(&d.r, "INSERT INTO dm.export_schedule (account_no, dataset, format, who) VALUES (1, 'cost', 'csv', "
              "'person:ada')");
    for (int i = 0; i < 4; i++)
        bill_minute(&d.r, 1, MARCH + i * 60LL, 200);
    bill_through(&d.r, APRIL + 60);
    bill_months(&d.r, APRIL + 2 * DAY);
    assert_int_equal(dm_deliver_next(&d.h, &err), DM_JOB_IDLE);
    assert_int_equal(dm_job_sweep(&d.h, &err), 0);
    assert_int_equal(desk_next(&d), 0);
    for (int i = 0; i < 3 && ask(&d.r, "SELECT state FROM dm.export_delivery")[0] == 'w'; i++) {
        assert_int_equal(dm_deliver_next(&d.h, &err), 0);
        assert_int_equal(dm_deliver_next(&d.h, &err), DM_JOB_IDLE);
        (void)fprintf(stderr, "%s\n",
                ask(&d.r, "SELECT concat_ws(' ', state, tries, coalesce(why, object)) FROM dm.export_delivery"));
        sql(&d.r, "UPDATE dm.export_delivery SET next_at = now() WHERE state = 'waiting'");
    }
    DM_AUTO_BUF file;
    DM_AUTO_BUF manifest;
    desk_file(&d, "schedule:cost:csv:2026-03", &file);
    desk_manifest(&d, "schedule:cost:csv:2026-03", &manifest);
    keep(&d, "file", dm_buf_view(&file));
    keep(&d, "manifest", dm_buf_view(&manifest));
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(run)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fputs("deliver ENDPOINT BUCKET KEY SECRET FOLDER\n", stderr);
        return 2;
    }
    say = argv;
    return cluster_main(&pg, all);
}
