/* Bundles of a ledger with several accounts (bundlerig.h), for verifiers that are no part of this program:
 *
 *     bundles FOLDER SEED BIG      writes FOLDER/ACCOUNT.tar.zst, of each account all statements; service.key and
 *                                  worker.key, the seeds of what signed them; and
 *                                  ids.json, every id of every account */
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

#include "tests/support/bundlerig.h"
#include "tests/unit/test.h"

static cluster pg;
static char **words;

static void write_file(const char *name, dm_str bytes)
{
    char path[4096];
    dm_err err;
    if (dm_path(path, sizeof(path), &err, "%s/%s", words[1], name) < 0 || dm_file_write(path, bytes, 0600, &err) < 0)
        fail_msg("%s", err.msg);
}

static void write_ids(bundlerig *b)
{
    static const char ids[] =
            "SELECT json_object_agg(account_no, ids) FROM (SELECT account_no, json_agg(id) AS ids FROM (SELECT "
            "account_no, "
            "id::text FROM dm.account UNION ALL SELECT account_no, id::text FROM dm.project UNION ALL SELECT "
            "account_no, "
            "encode(sandbox_id, 'hex') FROM dm.sandbox UNION ALL SELECT account_no, encode(hash, 'hex') FROM "
            "dm.attestation) i WHERE account_no > 0 GROUP BY account_no) a";
    PGresult *res = PQexec(b->r.owner, ids);
    assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
    write_file("ids.json", dm_str_c(PQgetvalue(res, 0, 0)));
    PQclear(res);
}

static void write_key(const char *name)
{
    char path[4096], file[64];
    DM_AUTO_BUF seed;
    dm_err err;
    dm_buf_init(&seed, 4096);
    if (dm_path(path, sizeof(path), &err, "%s/%s.key", pg.dir, name) < 0 || dm_file_read(path, &seed, &err) < 0)
        fail_msg("%s", err.msg);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    write_file(file, dm_str_trim(dm_buf_view(&seed)));
}

static void make(void **state)
{
    (void)state;
    bundlerig b;
    DM_AUTO_BUF out;
    uint64_t seed, big;
    assert_int_equal(dm_parse_u64(dm_str_c(words[2]), 0, UINT32_MAX, &seed, NULL), 0);
    assert_int_equal(dm_parse_u64(dm_str_c(words[3]), 0, 1100, &big, NULL), 0);
    dm_buf_init(&out, 64 << 20);
    bundlerig_open(&b, &pg, "bundles", seed, (unsigned)big);
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%d.tar.zst", account);
        bundlerig_write(&b, account, 0, 0, &out);
        write_file(name, dm_buf_view(&out));
    }
    write_ids(&b);
    write_key("service");
    write_key("worker");
    bundlerig_close(&b);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(make)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    words = argv;
    if (argc != 4) {
        (void)fputs("bundles FOLDER SEED BIG\n", stderr);
        return 2;
    }
    return cluster_main(&pg, all);
}
