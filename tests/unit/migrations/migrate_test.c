#include <stdio.h>

#include "base/file.h"
#include "base/wire/spec.h"

#include "migrations/migrate.h"
#include "tests/support/pgtest.h"
#include "tests/unit/test.h"

static dm_pgtest *pg;
static char super[256];

static int start(void **state)
{
    (void)state;
    dm_err err = {0};
    if (dm_pgtest_start(&pg, &err) < 0) {
        print_message("%s\n", err.msg);
        return -1;
    }
    dm_pgtest_conninfo(pg, "postgres", super);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_pgtest_free(pg);
    return 0;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    dm_err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (dm_file_write(path, dm_str_c(text), 0644, &err) < 0)
        fail_msg("%s", err.msg);
}

static int run(const char *dir, dm_migrate_result *out, dm_err *err)
{
    return dm_migrate_run(super, dir, &dm_clock_real, NULL, NULL, out, err);
}

static void expect(const char *dir, int code, const char *words)
{
    dm_migrate_result result;
    dm_err err = {0};
    int r = run(dir, &result, &err);
    if (r != code || strstr(err.msg, words) == NULL)
        fail_msg("%d, not %d with '%s': %s", r, code, words, err.msg);
}

/* Each way a folder can be wrong is refused with the file's name, before anything is applied. */
static void refuses_a_wrong_folder(void **state)
{
    (void)state;
    char dir[256];
    dm_err err = {0};
    dm_migrate_result result;
    (void)snprintf(dir, sizeof dir, "%s/wrong", dm_pgtest_dir(pg));
    assert_int_equal(dm_mkdir_p(dir, 0755, &err), 0);
    expect(dir, DM_E_NOTFOUND, "no migration");
    write_file(dir, "0001_a.sql", "CREATE SCHEMA dm; CREATE TABLE dm.wrong (a int);");
    write_file(dir, "0003_c.sql", "SELECT 1;");
    expect(dir, DM_E_INVALID, "0002 is missing");
    write_file(dir, "0002_b.sql", "SELECT 2;");
    write_file(dir, "0002_bb.sql", "SELECT 2;");
    expect(dir, DM_E_INVALID, "stands twice");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/0002_bb.sql", dir);
    assert_int_equal(unlink(path), 0);
    write_file(dir, "notes.sql", "");
    expect(dir, DM_E_INVALID, "notes.sql");
    (void)snprintf(path, sizeof path, "%s/notes.sql", dir);
    assert_int_equal(unlink(path), 0);

    /* The third fails: what was before it stays, it leaves nothing. */
    write_file(dir, "0003_c.sql", "CREATE TABLE dm.third (a int); SELECT 1/0;");
    expect(dir, DM_E_INVALID, "0003_c.sql");
    write_file(dir, "0003_c.sql", "CREATE TABLE dm.third (a int);");
    assert_int_equal(run(dir, &result, &err), 0);
    assert_int_equal(result.applied, 1);
    assert_int_equal(run(dir, &result, &err), 0);
    assert_int_equal(result.applied, 0);

    write_file(dir, "0002_b.sql", "SELECT 3;");
    expect(dir, DM_E_INVALID, "0002_b.sql was edited");
    write_file(dir, "0002_b.sql", "SELECT 2;");
    (void)snprintf(path, sizeof path, "%s/0003_c.sql", dir);
    assert_int_equal(unlink(path), 0);
    expect(dir, DM_E_INVALID, "older");

    dm_pg *c = NULL;
    assert_int_equal(dm_pg_open(super, &c, &err), 0);
    assert_int_equal(dm_pg_script(c, "DROP SCHEMA dm CASCADE; DROP TABLE public.dm_migration", &err), 0);
    dm_pg_close(c);
}

static const dm_pg_stmt specs = {"test_specs", "SELECT spec_table, spec, vcpus, mem_mib FROM dm.spec", DM_PG_ROWS};
static const dm_pg_stmt roles = {"test_roles",
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dm\\_%' AND rolcanlogin AND NOT rolsuper AND NOT rolbypassrls"
        " AND NOT rolcreaterole",
        DM_PG_ROWS};
/* Tables that hold a tenant's rows and do not force row-level security. */
static const dm_pg_stmt bare = {"test_bare",
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_no' AND NOT a.attisdropped"
        " WHERE n.nspname = 'dm' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND has_table_privilege('dm_api', c.oid, 'SELECT') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        DM_PG_ROWS};

static int ask(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    DM_AUTO(dm_pg_rows) spec_rows = NULL;
    DM_AUTO(dm_pg_rows) role_rows = NULL;
    DM_AUTO(dm_pg_rows) bare_rows = NULL;
    int r = dm_pg_exec(c, &specs, NULL, 0, &spec_rows, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &roles, NULL, 0, &role_rows, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &bare, NULL, 0, &bare_rows, NULL, err);
    if (r < 0)
        return r;
    assert_int_equal(dm_pg_count(spec_rows), dm_spec_count(DM_SPEC_TABLE));
    for (size_t i = 0; i < dm_pg_count(spec_rows); i++) {
        const dm_spec *s = dm_spec_get((uint16_t)dm_pg_i64(spec_rows, i, 0), (uint16_t)dm_pg_i64(spec_rows, i, 1));
        assert_non_null(s);
        assert_int_equal(s->vcpus, dm_pg_i64(spec_rows, i, 2));
        assert_int_equal(s->mem_mib, dm_pg_i64(spec_rows, i, 3));
    }
    assert_int_equal(dm_pg_count(role_rows), 6);
    for (size_t i = 0; i < dm_pg_count(bare_rows); i++)
        print_message("%.*s\n", (int)dm_pg_str(bare_rows, i, 0).n, dm_pg_str(bare_rows, i, 0).p);
    assert_int_equal(dm_pg_count(bare_rows), 0);
    return 0;
}

/* The project's own folder, on an empty database, and what it promises. */
static void the_schema_is_whole(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_migrate_result result;
    static const dm_pg_scope nobody = {.read_only = true};
    dm_pg *c = NULL;
    if (run(DM_SOURCE_DIR "/migrations", &result, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(result.applied, result.known);
    assert_int_equal(dm_pg_open(super, &c, &err), 0);
    if (dm_pg_tx_on(c, &nobody, ask, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refuses_a_wrong_folder), cmocka_unit_test(the_schema_is_whole)};
    return cmocka_run_group_tests(tests, start, stop);
}
