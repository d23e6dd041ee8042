/* Rows that are written many at a time, against a real PostgreSQL: none is lost and none comes twice, wherever a batch
 * ends. */
#include "metering/kit/many.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

typedef struct rows {
    unsigned n;
    size_t bytes; /* of each row's text */
} rows;

static int put(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"many_test",
            "INSERT INTO dm.outbox (topic, key, payload) SELECT $2, x.i, jsonb_build_object('n', length(x.text)) "
            "FROM json_to_recordset($1::json) AS x (i text, text text)",
            DM_PG_NONE};
    const rows *want = arg;
    dm_pg_arg args[] = {dm_pa_c("many")};
    DM_AUTO_MEM char *text = malloc(want->bytes + 1);
    DM_AUTO_MANY m;
    assert_non_null(text);
    memset(text, 'x', want->bytes);
    text[want->bytes] = '\0';
    dm_many_init(&m, c, &st, args, DM_LEN(args));
    int r = 0;
    for (unsigned i = 0; r == 0 && i < want->n; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%u", i);
        dm_jw *w = dm_many_row(&m);
        dm_jw_kc(w, "i", key);
        dm_jw_kc(w, "text", text);
        r = dm_many_row_end(&m, err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

static void put_all(rig *r, unsigned n, size_t bytes)
{
    char want[100];
    dm_err err;
    rows what = {n, bytes};
    sql(r, "DELETE FROM dm.outbox");
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, put, &what, &err) != 0)
        fail_msg("%u rows: %s", n, err.msg);
    (void)snprintf(want, sizeof(want), "%u %u %d %zu", n, n, (int)n - 1, bytes);
    assert_sql(r,
            "SELECT concat_ws(' ', count(*), count(DISTINCT key), coalesce(max(key::int), -1), (SELECT "
            "min((payload->>'n')::int) FROM dm.outbox)) FROM dm.outbox WHERE topic = 'many'",
            n > 0 ? want : "0 0 -1");
}

static void wherever_a_batch_ends(void **state)
{
    static const unsigned counts[] = {0, 1, DM_MANY_ROWS - 1, DM_MANY_ROWS, DM_MANY_ROWS + 1, 2 * DM_MANY_ROWS + 500};
    rig r;
    (void)state;
    rig_open(&r, &pg, "many", 60);
    for (size_t i = 0; i < DM_LEN(counts); i++)
        put_all(&r, counts[i], 10);
    put_all(&r, 20, DM_MANY_BYTES / 7); /* a batch ends by its bytes */
    put_all(&r, 3, DM_MANY_ROW_BYTES - 100);
    rig_close(&r);
}

static void a_row_that_is_too_long_fails(void **state)
{
    rig r;
    dm_err err;
    rows what = {2, DM_MANY_BYTES + DM_MANY_ROW_BYTES};
    (void)state;
    rig_open(&r, &pg, "long", 60);
    assert_int_equal(dm_pg_tx_on(r.pg, &(dm_pg_scope){0}, put, &what, &err), DM_E_LIMIT);
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE topic = 'many'", "0");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(wherever_a_batch_ends),
            cmocka_unit_test(a_row_that_is_too_long_fails),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
