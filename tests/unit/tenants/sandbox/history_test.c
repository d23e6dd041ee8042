/* The history of a sandbox is read in the order of time, a page of it: from the index that has it so, whatever else is
 * in the table, and however much of it is its own. On a real PostgreSQL, as the role that clients are served by. */
/* Covers tenants/sandbox/sql_sandbox.c. */
#include "tenants/sandbox/row.h"
#include "tenants/who/caller.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static dm_pg *api;
static const dm_owner owner = {.account = {1}, .project = {1}};

/* 100,000 rows: half of them of sandbox 1, the others of 5,000 sandboxes. */
static const char rows[] =
        "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, why, who)"
        " SELECT 1, 1, decode(lpad(to_hex(CASE WHEN n % 2 = 0 THEN 1 ELSE 2 + n / 2 % 5000 END), 32, '0'), 'hex'),"
        " '2026-03-01Z'::timestamptz + n * interval '1 second', 1, 'running', 'test', 'test'"
        " FROM generate_series(1, 100000) n; ANALYZE dm.sandbox_event";

typedef struct reading {
    dm_sandbox_window win;
    size_t n;
    int64_t first_us, last_us;
} reading;

static int do_read(dm_pg *c, void *arg, dm_err *err)
{
    reading *r = arg;
    DM_AUTO(dm_pg_rows) found = NULL;
    dm_sandbox_id id = {.b = {[15] = 1}};
    int e = dm_sandbox_history(c, owner, &id, &r->win, &found, err);
    if (e < 0)
        return e;
    r->n = dm_pg_count(found);
    r->first_us = dm_pg_i64(found, 0, 0);
    r->last_us = dm_pg_i64(found, r->n - 1, 0);
    return 0;
}

/* What was prepared a moment ago, with the same values. */
static int do_explain(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt up = {"explain_up",
                                    "EXPLAIN EXECUTE sandbox_history_up (1, 1, '\\x00000000000000000000000000000001', "
                                    "0, NULL, NULL, NULL, 100)",
                                    DM_PG_ROWS},
                            down = {"explain_down",
                                    "EXPLAIN EXECUTE sandbox_history_down (1, 1, "
                                    "'\\x00000000000000000000000000000001', 0, NULL, NULL, NULL, 100)",
                                    DM_PG_ROWS};
    const reading *r = arg;
    DM_AUTO(dm_pg_rows) plan = NULL;
    bool by_time = false, sorts = false;
    int e = dm_pg_exec(c, r->win.newest_first ? &down : &up, NULL, 0, &plan, NULL, err);
    for (size_t i = 0; e == 0 && i < dm_pg_count(plan); i++) {
        char line[400];
        (void)snprintf(line, sizeof line, "%.*s", (int)dm_pg_str(plan, i, 0).n, dm_pg_str(plan, i, 0).p);
        (void)printf("%s\n", line);
        by_time = by_time || strstr(line, "using sandbox_event_time ") != NULL;
        /* What the project was told is put in order, which here is nothing. */
        sorts = sorts || (strstr(line, "Sort  (") != NULL && strstr(line, " rows=1 ") == NULL);
    }
    return e < 0 ? e : by_time && !sorts ? 0 : dm_fail(err, DM_E_INTERNAL, "the plan is another");
}

static void a_page_of_it_is_a_page_of_an_index(void **state)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    (void)state;
    for (int newest_first = 0; newest_first < 2; newest_first++) {
        reading r = {.win = {.newest_first = newest_first != 0, .limit = 100}};
        dm_err err = {0};
        assert_int_equal(dm_pg_tx_on(api, &scope, do_read, &r, NULL), 0);
        assert_int_equal(r.n, 100);
        assert_true((r.first_us > r.last_us) == (newest_first != 0));
        if (dm_pg_tx_on(api, &scope, do_explain, &r, &err) < 0)
            fail_msg("%s", err.msg);
    }
}

static int start(void **state)
{
    (void)state;
    if (cluster_make(&pg, "history") < 0 || cluster_open(&pg, "history", "dm_api", &api) < 0)
        return -1;
    (void)cluster_ask(pg.super, rows);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_pg_close(api);
    return 0;
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_page_of_it_is_a_page_of_an_index)};
    return cmocka_run_group_tests(tests, start, stop);
}

int main(void)
{
    return cluster_main(&pg, all);
}
