/* One sandbox is found, locked and written by its id, also in a database that was never analyzed: the plan of a young
 * deployment is the one it keeps until then. On a real PostgreSQL, as the role that clients are served by. */
/* Covers tenants/sandbox/sql_sandbox.c. */
#include "tenants/sandbox/row.h"
#include "tenants/who/caller.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static dm_pg *api;
static const dm_owner owner = {.account = {1}, .project = {1}};

/* As after the first few times in a session: for any values. */
static const dm_pg_stmt generic = {"generic", "SET plan_cache_mode = force_generic_plan", DM_PG_NONE};
static const dm_pg_stmt write_row = {"write_row",
        "PREPARE written (bigint, int, bytea, text, int) AS UPDATE dm.sandbox SET epoch = 2 WHERE account_no = $1"
        " AND project_no = $2 AND sandbox_id = $3 AND state = $4 AND epoch = $5",
        DM_PG_NONE};
#define ONE "1, 1, '\\x00000000000000000000000000000001'"
static const dm_pg_stmt plans[] = {{"explain_find", "EXPLAIN EXECUTE sandbox_find (" ONE ")", DM_PG_ROWS},
        {"explain_lock", "EXPLAIN EXECUTE sandbox_find_lock (" ONE ")", DM_PG_ROWS},
        {"explain_write", "EXPLAIN EXECUTE written (" ONE ", 'starting', 1)", DM_PG_ROWS}};

static int do_prepare(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    int r = dm_pg_exec(c, &generic, NULL, 0, NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &write_row, NULL, 0, NULL, NULL, err);
}

static int do_look(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_sandbox_id id = {.b = {[15] = 1}};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    const bool *lock = arg;
    int r = dm_sandbox_find(c, owner, &id, *lock, &one, err);
    return r < 0 ? r : 0;
}

static int do_explain(dm_pg *c, void *arg, dm_err *err)
{
    const dm_pg_stmt *explain = &plans[*(const size_t *)arg];
    DM_AUTO(dm_pg_rows) plan = NULL;
    bool by_id = false;
    int r = dm_pg_exec(c, explain, NULL, 0, &plan, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(plan); i++) {
        char line[400];
        (void)snprintf(line, sizeof line, "%.*s", (int)dm_pg_str(plan, i, 0).n, dm_pg_str(plan, i, 0).p);
        (void)printf("%s\n", line);
        by_id = by_id || strstr(line, "using sandbox_pkey on sandbox") != NULL;
    }
    return r < 0 ? r : by_id ? 0 : dm_fail(err, DM_E_INTERNAL, "%s: another plan", explain->name);
}

static void one_is_found_by_its_id(void **state)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    (void)state;
    assert_int_equal(dm_pg_tx_on(api, &scope, do_prepare, NULL, NULL), 0);
    for (int lock = 0; lock < 2; lock++) /* their statements are known from here on */
        assert_int_equal(dm_pg_tx_on(api, &scope, do_look, &(bool){lock != 0}, NULL), 0);
    for (size_t i = 0; i < DM_LEN(plans); i++) {
        dm_err err = {0};
        if (dm_pg_tx_on(api, &scope, do_explain, &i, &err) < 0)
            fail_msg("%s", err.msg);
    }
}

static int start(void **state)
{
    (void)state;
    return cluster_make(&pg, "row") < 0 || cluster_open(&pg, "row", "dm_api", &api) < 0 ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    dm_pg_close(api);
    return 0;
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_is_found_by_its_id)};
    return cmocka_run_group_tests(tests, start, stop);
}

int main(void)
{
    return cluster_main(&pg, all);
}
