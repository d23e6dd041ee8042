/* A page of a project's sandboxes costs what a page has, whatever it is filtered by and however many there are: on a
 * real PostgreSQL with 100,000 of one project, as the role that clients are served by. */
/* Covers tenants/sandbox/sql_line.c. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tenants/sandbox/line.h"
#include "tenants/who/caller.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static dm_pg *api;
enum { MANY = 100000 };
static const dm_owner owner = {.account = {1}, .project = {1}};

/* Number n was created n seconds after the first; one of 1,000 runs, one of ten sleeps, the rest has ended, one of
 * 5,000 because its host was lost. */
static const char rows[] =
        "SET session_replication_role = replica;" /* the labels are made below, all at once */
        "INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('A', 'CN', 'CNY', 'payg');"
        "INSERT INTO dm.project (account_no, slug, name, region_no) VALUES (1, 'p', 'P', 1);"
        "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, cause, region_no, key_no, "
        "template_id,"
        " build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, metadata, created_at,"
        " ended_at)"
        " SELECT 1, 1, decode('000000' || substr(md5(n::text), 7), 'hex'),"
        "  CASE WHEN n % 1000 = 0 THEN 'running' WHEN n % 10 = 1 THEN 'paused' ELSE 'ended' END, 1,"
        "  CASE WHEN n % 1000 = 0 THEN NULL WHEN n % 10 = 1 THEN 'timeout' WHEN n % 5000 = 2 THEN 'host_lost'"
        "   ELSE 'killed' END, 1, 1 + n % 3, 'template' || n % 50, gen_random_uuid(), 1, 256, 1, 1, 1024, true, 300,"
        "  jsonb_build_object('team', 'team ' || n % 7), '2026-03-01Z'::timestamptz + n * interval '1 second',"
        "  CASE WHEN n % 1000 = 0 OR n % 10 = 1 THEN NULL ELSE now() END FROM generate_series(1, 100000) n;"
        "CREATE TEMP TABLE label_of AS SELECT kind, name, value, dm.label(kind, name, value) AS label FROM"
        " (SELECT 'template' AS kind, '' AS name, 'template' || n AS value FROM generate_series(0, 49) n"
        "  UNION ALL SELECT 'key', '', n::text FROM generate_series(1, 3) n"
        "  UNION ALL SELECT 'pair', 'team', 'team ' || n FROM generate_series(0, 6) n"
        "  UNION ALL SELECT 'word', '', n::text FROM generate_series(0, 6) n) l;"
        "INSERT INTO dm.sandbox_label SELECT 1, 1, l.label, s.created_at, s.sandbox_id FROM dm.sandbox s JOIN label_of "
        "l ON"
        " (l.kind = 'template' AND l.value = s.template_id) OR (l.kind = 'key' AND l.value = s.key_no::text)"
        " OR (l.kind = 'pair' AND l.value = s.metadata ->> 'team')"
        " OR (l.kind = 'word' AND 'team ' || l.value = s.metadata ->> 'team');"
        "SET session_replication_role = origin; ANALYZE dm.sandbox, dm.sandbox_label";

typedef struct asking {
    dm_line_filter f;
    dm_lines found;
    size_t n;
    int64_t first_us, last_us;
} asking;

static int do_find(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    dm_sandbox_line l;
    int r = dm_lines_find(c, owner, &a->f, &a->found, err);
    a->n = r == 0 && a->found.rows != NULL ? dm_pg_count(a->found.rows) : 0;
    if (a->n > (size_t)a->f.limit)
        a->n = (size_t)a->f.limit;
    if (r == 0 && a->n > 0)
        r = dm_line_read(a->found.rows, 0, &l, err);
    a->first_us = r == 0 && a->n > 0 ? l.created_us : 0;
    if (r == 0 && a->n > 0)
        r = dm_line_read(a->found.rows, a->n - 1, &l, err);
    a->last_us = r == 0 && a->n > 0 ? l.created_us : 0;
    return r;
}

static void ask(asking *a)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    dm_err err = {0};
    if (dm_pg_tx_on(api, &scope, do_find, a, &err) < 0)
        fail_msg("%s", err.msg);
}

static int64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

typedef struct wanted {
    const char *what;
    dm_line_filter f;
    size_t n;
    int64_t total;
    bool at_least;
} wanted;

#define TEAM "[[\"pair\",\"team\",\"team 3\"]]"
#define ALL_OF "[[\"pair\",\"team\",\"team 3\"],[\"template\",\"\",\"template5\"],[\"key\",\"\",\"1\"]]"
static const wanted asked[] = {
        {"all", {.limit = 100}, 100, 1000, true},
        {"the oldest", {.limit = 100, .ascending = true}, 100, 1000, true},
        {"running", {.limit = 50, .states = {[DM_SANDBOX_RUNNING] = true}}, 50, 100, false},
        {"running or asleep", {.limit = 50, .states = {[DM_SANDBOX_RUNNING] = true, [DM_SANDBOX_PAUSED] = true}}, 50,
                1000, true},
        {"lost", {.limit = 50, .causes = 1u << DM_CAUSE_HOST_LOST}, 20, 20, false},
        {"lost and running", {.limit = 50, .causes = 1u << DM_CAUSE_HOST_LOST, .states = {[DM_SANDBOX_RUNNING] = true}},
                0, 0, false},
        {"of a template", {.limit = 50, .labels = {"[[\"template\",\"\",\"template5\"]]", 29}}, 50, 1000, true},
        {"of a team", {.limit = 50, .labels = {TEAM, sizeof TEAM - 1}}, 50, 1000, true},
        {"of nobody", {.limit = 50, .labels = {"[[\"pair\",\"user\",\"-1\"]]", 22}}, 0, 0, false},
        {"of a team, template and key", {.limit = 50, .labels = {ALL_OF, sizeof ALL_OF - 1}}, 23, 23, true},
        {"of a team, and running",
                {.limit = 50, .labels = {TEAM, sizeof TEAM - 1}, .states = {[DM_SANDBOX_RUNNING] = true}}, 0, 0, true},
        {"words", {.limit = 50, .words = {"4", 1}}, 50, 1000, true},
        {"id", {.limit = 50, .id_prefix = {"i0000", 5}}, 0, 0, false},
};

/* How many are on a page is known where the filter is met often enough; of the rest a page is short, and goes on. */
static void a_page_is_what_was_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < DM_LEN(asked); i++) {
        asking a = {.f = asked[i].f};
        ask(&a);
        int64_t began = now_us();
        ask(&a);
        (void)printf("%s: %zu of %s%lld, %lld us\n", asked[i].what, a.n, a.found.total.at_least ? "at least " : "",
                (long long)a.found.total.n, (long long)(now_us() - began));
        if (asked[i].f.id_prefix.p == NULL) {
            assert_int_equal(a.n, asked[i].n);
            assert_int_equal(a.found.total.n, asked[i].total);
            assert_int_equal(a.found.total.at_least, asked[i].at_least);
        }
        if (a.n > 1)
            assert_true((a.first_us > a.last_us) != asked[i].f.ascending);
        dm_lines_done(&a.found);
    }
}

/* A filter that leaves few of many: each page looks at so many, and the next goes on where it stopped. */
static void a_short_page_goes_on(void **state)
{
    asking a = {.f = {.limit = 50, .labels = {TEAM, sizeof TEAM - 1}, .states = {[DM_SANDBOX_RUNNING] = true}}};
    size_t n = 0, pages = 0;
    (void)state;
    do {
        ask(&a);
        n += a.n;
        pages++;
        a.f.from_cursor = true;
        a.f.cursor_us = a.found.next_us;
        a.f.cursor_id = a.found.next_id;
    } while (a.found.more && pages < 100);
    assert_int_equal(n, 14); /* of the hundred that run, those of one team in seven */
    assert_true(pages <= 1 + MANY / 7 / DM_LINES_LOOKED + 1);
    dm_lines_done(&a.found);
}

/* --- the plans ---------------------------------------------------------------------------------------------- */

#define FIRST "253402300799000000, '\\xffffffffffffffffffffffffffffffff', 100"
#define REST ", '{running,ended}', NULL, NULL"
static const struct plan {
    dm_pg_stmt explain;
    const char *index;
} plans[] = {
        {{"explain_all", "EXPLAIN EXECUTE line_all (1, 1, NULL, " FIRST REST ", 100)", DM_PG_ROWS}, "sandbox_list"},
        {{"explain_state", "EXPLAIN EXECUTE line_state (1, 1, '{running}', " FIRST REST ", 100)", DM_PG_ROWS},
                "sandbox_list_state"},
        {{"explain_cause", "EXPLAIN EXECUTE line_cause (1, 1, '{killed}', " FIRST REST ", 100)", DM_PG_ROWS},
                "sandbox_list_cause"},
        {{"explain_label", "EXPLAIN EXECUTE line_label (1, 1, '00', " FIRST REST ", 100)", DM_PG_ROWS},
                "sandbox_label_pkey"},
        {{"explain_label_left", "EXPLAIN EXECUTE line_label_left (1, 1, '00', " FIRST REST ")", DM_PG_ROWS},
                "sandbox_label_pkey"},
        {{"explain_count", "EXPLAIN EXECUTE line_all_count (1, 1, NULL, " FIRST ")", DM_PG_ROWS}, "sandbox_list"},
};

static int do_explain(dm_pg *c, void *arg, dm_err *err)
{
    const struct plan *p = &plans[*(const size_t *)arg];
    DM_AUTO(dm_pg_rows) plan = NULL;
    bool by_index = false, end_to_end = false;
    int r = dm_pg_exec(c, &p->explain, NULL, 0, &plan, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(plan); i++) {
        char line[400];
        (void)snprintf(line, sizeof line, "%.*s", (int)dm_pg_str(plan, i, 0).n, dm_pg_str(plan, i, 0).p);
        (void)printf("%s\n", line);
        by_index = by_index || strstr(line, p->index) != NULL;
        end_to_end = end_to_end || strstr(line, "Seq Scan on sandbox") != NULL;
    }
    return r < 0 ? r : by_index && !end_to_end ? 0 : dm_fail(err, DM_E_INTERNAL, "%s: another plan", p->explain.name);
}

static void each_goes_by_its_index(void **state)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    (void)state;
    for (size_t i = 0; i < DM_LEN(plans); i++) {
        dm_err err = {0};
        if (dm_pg_tx_on(api, &scope, do_explain, &i, &err) < 0)
            fail_msg("%s", err.msg);
    }
}

/* Of several labels few sandboxes have all: the rows of the others are not looked for. */
static const char three_labels[] =
        "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE line_label (1, 1, encode(dm.label('template', '', 'template5'), 'hex'),"
        " 253402300799000000, '\\xffffffffffffffffffffffffffffffff', 500, '{running,paused,ended}', NULL,"
        " ARRAY[dm.label('key', '', '1'), dm.label('pair', 'team', 'team 3')], 51)";

static int do_three_labels(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt explain = {"explain_three", three_labels, DM_PG_ROWS};
    int64_t *looked_for = arg;
    DM_AUTO(dm_pg_rows) plan = NULL;
    int r = dm_pg_exec(c, &explain, NULL, 0, &plan, NULL, err);
    *looked_for = -1;
    for (size_t i = 0; r == 0 && i < dm_pg_count(plan); i++) {
        char line[400];
        (void)snprintf(line, sizeof line, "%.*s", (int)dm_pg_str(plan, i, 0).n, dm_pg_str(plan, i, 0).p);
        const char *loops = strstr(line, "loops=");
        if (strstr(line, "using sandbox_pkey on sandbox") != NULL && loops != NULL)
            *looked_for = strtol(loops + 6, NULL, 10);
    }
    return r;
}

static void rows_of_those_with_all_labels(void **state)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    asking a = {.f = {.limit = 50, .labels = {ALL_OF, sizeof ALL_OF - 1}}};
    int64_t looked_for = 0;
    dm_err err = {0};
    (void)state;
    ask(&a); /* its statement is known from here on */
    if (dm_pg_tx_on(api, &scope, do_three_labels, &looked_for, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(looked_for, a.n);
    dm_lines_done(&a.found);
}

static int start(void **state)
{
    (void)state;
    if (cluster_make(&pg, "lines") < 0)
        return -1;
    (void)cluster_ask(pg.super, "ALTER DATABASE lines SET jit = off"); /* as a deployment has it */
    if (cluster_open(&pg, "lines", "dm_api", &api) < 0)
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_page_is_what_was_asked_for),
            cmocka_unit_test(a_short_page_goes_on), cmocka_unit_test(each_goes_by_its_index),
            cmocka_unit_test(rows_of_those_with_all_labels)};
    return cmocka_run_group_tests(tests, start, stop);
}

int main(void)
{
    return cluster_main(&pg, all);
}
