/* Against a real PostgreSQL: a cluster of the test's own in a temporary folder, on a socket there and no port, thrown
 * away afterwards. Skips, and says so, where the server is not installed. */
/* Covers base/pg_pipe.c, base/pg_pool.c, base/pg_rows.c. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/pg.h"

#include "tests/unit/test.h"

/* --- the server --------------------------------------------------------------------------------------------- */

typedef struct cluster {
    char bin[128], dir[64], conninfo[160];
    uid_t uid;
    gid_t gid;
    pid_t pid;
} cluster;

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* The server refuses to run as root. */
static pid_t run_as(const cluster *c, char *const argv[])
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (getuid() == 0 && (setgroups(0, NULL) != 0 || setgid(c->gid) != 0 || setuid(c->uid) != 0))
        _exit(126);
    /* If the test crashes, the server is not left behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
            dup2(null, 2) < 0 || chdir(c->dir) != 0)
        _exit(126);
    (void)execv(argv[0], argv);
    _exit(127);
}

static bool find_server(cluster *c)
{
    glob_t g;
    bool found = false;

    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) == 0) {
        const char *last = g.gl_pathv[g.gl_pathc - 1];
        found = dm_path(c->bin, sizeof c->bin, NULL, "%.*s", (int)(strrchr(last, '/') - last), last) == 0;
    }
    globfree(&g);
    return found;
}

static int server_start(cluster *c)
{
    char program[160], data[80];
    char d[] = "-D", h[] = "-h", none[] = "", k[] = "-k", o[] = "-c", fsync_off[] = "fsync=off",
         dl[] = "deadlock_timeout=50ms";
    char *const argv[] = {program, d, data, h, none, k, c->dir, o, fsync_off, o, dl, NULL};

    if (dm_path(program, sizeof program, NULL, "%s/postgres", c->bin) < 0 ||
            dm_path(data, sizeof data, NULL, "%s/data", c->dir) < 0)
        return -1;
    c->pid = run_as(c, argv);
    for (int i = 0; i < 300; i++) {
        dm_pg *pg = NULL;
        if (dm_pg_open(c->conninfo, &pg, NULL) == 0) {
            dm_pg_close(pg);
            return 0;
        }
        sleep_ms(50);
    }
    return -1;
}

static void server_stop(cluster *c, int sig)
{
    if (c->pid > 0 && kill(c->pid, sig) == 0)
        (void)waitpid(c->pid, NULL, 0);
    c->pid = 0;
}

static int cluster_new(cluster *c)
{
    const struct passwd *pw = getpwnam("postgres") != NULL ? getpwnam("postgres") : getpwnam("nobody");
    char program[160], data[80];
    int status = -1;

    (void)snprintf(c->dir, sizeof c->dir, "/tmp/dormouse-pg-XXXXXX");
    if (pw == NULL || mkdtemp(c->dir) == NULL)
        return -1;
    c->uid = pw->pw_uid;
    c->gid = pw->pw_gid;
    if (getuid() == 0 && chown(c->dir, c->uid, c->gid) != 0)
        return -1;
    if (dm_path(c->conninfo, sizeof c->conninfo, NULL, "host=%s user=owner dbname=postgres", c->dir) < 0 ||
            dm_path(program, sizeof program, NULL, "%s/initdb", c->bin) < 0 ||
            dm_path(data, sizeof data, NULL, "%s/data", c->dir) < 0)
        return -1;
    char a[] = "-A", trust[] = "trust", u[] = "-U", owner[] = "owner", n[] = "-N", e[] = "-E", utf8[] = "UTF8",
         d[] = "-D", locale[] = "--locale=C";
    char *const argv[] = {program, a, trust, u, owner, n, e, utf8, locale, d, data, NULL};
    pid_t pid = run_as(c, argv);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return -1;
    return server_start(c);
}

static void cluster_free(cluster *c)
{
    dm_err err;

    server_stop(c, SIGQUIT);
    if (c->dir[0] != '\0' && dm_remove_tree(c->dir, &err) < 0)
        (void)fprintf(stderr, "%s stays: %s\n", c->dir, err.msg);
}

static int group_setup(void **state)
{
    static const char schema[] =
            "CREATE TABLE kv (k text PRIMARY KEY, v bigint NOT NULL CHECK (v >= 0));"
            "CREATE TABLE child (k text REFERENCES kv DEFERRABLE INITIALLY IMMEDIATE);"
            "CREATE TABLE later (k text REFERENCES kv DEFERRABLE INITIALLY DEFERRED);"
            "CREATE TABLE kinds (n int PRIMARY KEY, t text, b bytea, i bigint, f boolean);"
            "CREATE TABLE owned (account bigint NOT NULL, what text NOT NULL);"
            "ALTER TABLE owned ENABLE ROW LEVEL SECURITY; ALTER TABLE owned FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY mine ON owned USING (account = current_setting('dm.account_no')::bigint);"
            "CREATE ROLE tenant LOGIN; GRANT SELECT, INSERT ON owned TO tenant; GRANT ALL ON kv TO tenant;"
            "CREATE TABLE suicide (n int);"
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
            "  'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON suicide DEFERRABLE INITIALLY DEFERRED "
            "  FOR EACH ROW EXECUTE FUNCTION die();";
    cluster *c = *state;
    dm_pg *pg = NULL;
    dm_err err = {0};

    if (cluster_new(c) < 0 || dm_pg_open(c->conninfo, &pg, &err) < 0)
        return -1;
    int r = dm_pg_script(pg, schema, &err);
    dm_pg_close(pg);
    return r;
}

static int group_teardown(void **state)
{
    cluster_free(*state);
    return 0;
}

static dm_pg_pool *pool_of(const cluster *c, unsigned max)
{
    dm_pg_config config = {.conninfo = c->conninfo, .max = max, .wait_ms = 200, .statement_ms = 2000};
    dm_pg_pool *p = NULL;
    dm_err err = {0};

    if (dm_pg_pool_new(&config, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

static const dm_pg_scope nobody;
static const dm_pg_scope serializable = {.serializable = true};

/* --- statements --------------------------------------------------------------------------------------------- */

static const dm_pg_stmt kv_put = {"kv_put", "INSERT INTO kv VALUES ($1, $2)", DM_PG_NONE};
static const dm_pg_stmt kv_get = {"kv_get", "SELECT v FROM kv WHERE k = $1", DM_PG_MAYBE};
static const dm_pg_stmt kv_add = {"kv_add", "UPDATE kv SET v = v + $2 WHERE k = $1", DM_PG_NONE};
static const dm_pg_stmt kv_set = {"kv_set", "UPDATE kv SET v = $2 WHERE k = $1", DM_PG_NONE};
static const dm_pg_stmt kv_count = {"kv_count", "SELECT count(*) FROM kv WHERE k LIKE $1", DM_PG_ONE};
static const dm_pg_stmt kv_clear = {"kv_clear", "DELETE FROM kv", DM_PG_NONE};
static const dm_pg_stmt conflict = {"conflict", "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", DM_PG_NONE};

/* A transaction of one statement, for the tests that are about the statement. */
typedef struct one {
    const dm_pg_stmt *st;
    const dm_pg_arg *args;
    size_t n;
    dm_pg_rows *rows;
    int64_t changed;
} one;

static int run_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;

    dm_pg_rows_free(o->rows);
    o->rows = NULL;
    return dm_pg_exec(c, o->st, o->args, o->n, o->st->shape == DM_PG_NONE ? NULL : &o->rows, &o->changed, err);
}

static int exec1(dm_pg_pool *p, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_rows **rows, dm_err *err)
{
    one o = {.st = st, .args = args, .n = n};
    int r = dm_pg_tx(p, &nobody, run_one, &o, err);

    if (rows != NULL)
        *rows = o.rows;
    else
        dm_pg_rows_free(o.rows);
    return r;
}

static void put(dm_pg_pool *p, const char *k, int64_t v)
{
    dm_err err = {0};

    if (exec1(p, &kv_put, (const dm_pg_arg[]){dm_pa_c(k), dm_pa_i64(v)}, 2, NULL, &err) != 0)
        fail_msg("%s", err.msg);
}

static int64_t get(dm_pg_pool *p, const char *k) /* -1: not there */
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_err err = {0};

    if (exec1(p, &kv_get, (const dm_pg_arg[]){dm_pa_c(k)}, 1, &rows, &err) != 0)
        fail_msg("%s", err.msg);
    return dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : -1;
}

static void clear(dm_pg_pool *p)
{
    dm_err err = {0};

    assert_int_equal(exec1(p, &kv_clear, NULL, 0, NULL, &err), 0);
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void test_kinds(void **state)
{
    static const dm_pg_stmt ins = {"kinds_put", "INSERT INTO kinds VALUES ($1, $2, $3, $4, $5)", DM_PG_NONE};
    static const dm_pg_stmt sel = {"kinds_get", "SELECT t, b, i, f, b FROM kinds ORDER BY n", DM_PG_ROWS};
    static const char raw[] = "\0\xff\\x'\n";
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 2);
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_err err = {0};
    const dm_pg_arg args[][5] = {
            {dm_pa_i64(0), dm_pa_c("\xc3\xa4 'quoted' \\ text"), dm_pa_bytes(raw, sizeof raw), dm_pa_i64(INT64_MIN),
                    dm_pa_bool(true)},
            {dm_pa_i64(1), dm_pa_text(DM_STR("")), dm_pa_bytes("", 0), dm_pa_i64(INT64_MAX), dm_pa_bool(false)},
            {dm_pa_i64(2), dm_pa_c(NULL), dm_pa_bytes(NULL, 0), dm_pa_null(), dm_pa_null()},
    };

    for (size_t i = 0; i < DM_LEN(args); i++)
        assert_int_equal(exec1(p, &ins, args[i], 5, NULL, &err), 0);
    assert_int_equal(exec1(p, &sel, NULL, 0, &rows, &err), 0);
    assert_int_equal(dm_pg_count(rows), 3);
    assert_true(dm_str_eq_c(dm_pg_str(rows, 0, 0), "\xc3\xa4 'quoted' \\ text"));
    for (unsigned col = 1; col < 5; col += 3) {
        assert_int_equal(dm_pg_str(rows, 0, col).n, sizeof raw);
        assert_memory_equal(dm_pg_str(rows, 0, col).p, raw, sizeof raw);
        assert_false(dm_pg_is_null(rows, 1, col));
        assert_int_equal(dm_pg_str(rows, 1, col).n, 0);
        assert_true(dm_pg_is_null(rows, 2, col));
    }
    assert_true(dm_pg_i64(rows, 0, 2) == INT64_MIN);
    assert_true(dm_pg_i64(rows, 1, 2) == INT64_MAX);
    assert_true(dm_pg_bool(rows, 0, 3));
    assert_false(dm_pg_bool(rows, 1, 3));
    assert_false(dm_pg_is_null(rows, 1, 0));
    for (unsigned col = 0; col < 4; col++) {
        assert_true(dm_pg_is_null(rows, 2, col));
        assert_int_equal(dm_pg_str(rows, 2, col).n, 0);
    }
    assert_int_equal(dm_pg_i64(rows, 2, 2), 0);
    assert_false(dm_pg_bool(rows, 2, 3));
}

static void test_fields(void **state)
{
    typedef struct row {
        dm_str text, other;
        int64_t number;
        bool flag;
    } row;
    static const dm_pg_field fields[] = {{DM_COL_STR, offsetof(row, text)}, {DM_COL_MAYBE, offsetof(row, other)},
            {DM_COL_I64, offsetof(row, number)}, {DM_COL_BOOL, offsetof(row, flag)}};
    static const dm_pg_stmt sel = {"fields_get",
            "SELECT '\\x0102'::bytea, t, u, i, f FROM (VALUES (1, 'a', 'b', 7, true), (2, NULL, NULL, NULL, NULL))"
            " v (n, t, u, i, f) ORDER BY n",
            DM_PG_ROWS};
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    DM_AUTO(dm_pg_rows) rows = NULL;
    uint8_t two[2] = {0}, three[3] = {0};
    dm_err err = {0};
    row got;

    assert_int_equal(exec1(p, &sel, NULL, 0, &rows, &err), 0);
    dm_pg_read(rows, 0, 1, fields, DM_LEN(fields), &got);
    assert_str(got.text, "a");
    assert_str(got.other, "b");
    assert_int_equal(got.number, 7);
    assert_true(got.flag);
    dm_pg_read(rows, 1, 1, fields, DM_LEN(fields), &got);
    assert_non_null(got.text.p);
    assert_int_equal(got.text.n, 0);
    assert_null(got.other.p);
    assert_int_equal(got.number, 0);
    assert_false(got.flag);
    assert_int_equal(dm_pg_bytes(rows, 0, 0, two, sizeof two, &err), 0);
    assert_int_equal(two[0] * 256 + two[1], 0x0102);
    assert_int_equal(dm_pg_bytes(rows, 0, 0, three, sizeof three, &err), DM_E_CORRUPT);
    assert_says(err, "bytea: 2 bytes where 3 belong");
    assert_int_equal(dm_pg_bytes(rows, 1, 2, two, sizeof two, &err), DM_E_CORRUPT); /* null */
}

static void test_shapes(void **state)
{
    static const struct {
        dm_pg_stmt st;
        int result;
    } rows[] = {
            {{"s0", "SELECT 1", DM_PG_NONE}, DM_E_INTERNAL}, {{"s1", "SELECT 1", DM_PG_ONE}, 0},
            {{"s2", "SELECT 1", DM_PG_MAYBE}, 0}, {{"s3", "SELECT 1", DM_PG_ROWS}, 0},
            {{"s4", "SELECT 1 WHERE false", DM_PG_ONE}, DM_E_INTERNAL},
            {{"s5", "SELECT 1 WHERE false", DM_PG_MAYBE}, 0}, {{"s6", "SELECT 1 WHERE false", DM_PG_ROWS}, 0},
            {{"s7", "SELECT generate_series(1, 2)", DM_PG_ONE}, DM_E_INTERNAL},
            {{"s8", "SELECT generate_series(1, 2)", DM_PG_MAYBE}, DM_E_INTERNAL},
            {{"s9", "SELECT generate_series(1, 2)", DM_PG_ROWS}, 0},
            {{"s10", "UPDATE kv SET v = 1 WHERE false", DM_PG_NONE}, 0},
            {{"s11", "UPDATE kv SET v = 1 WHERE false", DM_PG_ONE}, DM_E_INTERNAL},
            {{"s12", "SELEC 1", DM_PG_ONE}, DM_E_INTERNAL},
            {{"s1", "SELECT 2", DM_PG_ONE}, DM_E_INTERNAL}, /* a name that is taken */
    };
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);

    for (int round = 0; round < 2; round++) /* the second time they are prepared */
        for (size_t i = 0; i < DM_LEN(rows); i++) {
            dm_err err = {0};
            int r = exec1(p, &rows[i].st, NULL, 0, NULL, &err);
            if (r != rows[i].result)
                fail_msg("%s: %d %s", rows[i].st.name, r, err.msg);
        }
}

static void test_errors(void **state)
{
    static const dm_pg_stmt child = {"child_put", "INSERT INTO child VALUES ($1)", DM_PG_NONE};
    static const dm_pg_stmt uuid = {"uuid", "SELECT $1::uuid", DM_PG_ONE};
    static const dm_pg_stmt nap = {"nap", "SELECT 1 FROM pg_sleep(5)", DM_PG_ONE};
    static const dm_pg_stmt lost = {"no_data", "DO $$ BEGIN RAISE no_data_found; END $$", DM_PG_NONE};
    dm_pg_config config = {.conninfo = ((cluster *)*state)->conninfo, .max = 1, .wait_ms = 100, .statement_ms = 200};
    DM_AUTO(dm_pg_pool) p = NULL;
    const struct {
        const dm_pg_stmt *st;
        dm_pg_arg args[2];
        size_t n;
        int result;
        const char *words[2];
    } rows[] = {
            {&kv_put, {dm_pa_c("e"), dm_pa_i64(1)}, 2, 0, {NULL}},
            {&kv_put, {dm_pa_c("e"), dm_pa_i64(1)}, 2, DM_E_EXISTS, {"23505", "kv_pkey"}},
            {&kv_put, {dm_pa_c("f"), dm_pa_i64(-1)}, 2, DM_E_INVALID, {"23514", "kv_v_check"}},
            {&kv_put, {dm_pa_c("f"), dm_pa_null()}, 2, DM_E_INVALID, {"23502", NULL}},
            {&kv_put, {dm_pa_c("f\xff"), dm_pa_i64(1)}, 2, DM_E_INVALID, {"22021", NULL}},
            {&kv_put, {dm_pa_text(DM_STR("f\0g")), dm_pa_i64(1)}, 2, DM_E_INVALID, {"NUL", NULL}},
            {&child, {dm_pa_c("nobody")}, 1, DM_E_INVALID, {"23503", "child_k_fkey"}},
            {&uuid, {dm_pa_c("x")}, 1, DM_E_INVALID, {"22P02", NULL}},
            {&nap, {dm_pa_null()}, 0, DM_E_TIMEOUT, {"57014", NULL}},
            {&lost, {dm_pa_null()}, 0, DM_E_NOTFOUND, {"P0002", NULL}},
            {&kv_get, {dm_pa_c("a"), dm_pa_c("b")}, 2, DM_E_INTERNAL, {"08P01", NULL}},
    };
    dm_err err = {0};

    assert_int_equal(dm_pg_pool_new(&config, &p, &err), 0);
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        err = (dm_err){0};
        int r = exec1(p, rows[i].st, rows[i].args, rows[i].n, NULL, &err);
        bool same = r == rows[i].result;
        for (size_t k = 0; k < 2 && rows[i].words[k] != NULL; k++)
            same = same && strstr(err.msg, rows[i].words[k]) != NULL;
        if (!same || (r < 0 && err.code != r))
            fail_msg("row %zu: %d %s", i, r, err.msg);
    }
    assert_int_equal(get(p, "e"), 1);
    clear(p);
}

static int put_and_return(dm_pg *c, void *arg, dm_err *err)
{
    int r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("x"), dm_pa_i64(1)}, 2, NULL, NULL, err);

    return r == 0 ? *(int *)arg : r;
}

static int swallow(dm_pg *c, void *arg, dm_err *err)
{
    dm_err ignored;
    (void)arg;
    (void)err;
    int r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("y"), dm_pa_i64(1)}, 2, NULL, NULL, &ignored);
    assert_int_equal(r, 0);
    r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("y"), dm_pa_i64(1)}, 2, NULL, NULL, &ignored);
    assert_int_equal(r, DM_E_EXISTS);
    r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("z"), dm_pa_i64(1)}, 2, NULL, NULL, &ignored);
    assert_int_equal(r, DM_E_EXISTS); /* still the first failure */
    return 0;
}

static int nothing(dm_pg *c, void *arg, dm_err *err)
{
    (void)c;
    (void)err;
    return *(int *)arg;
}

static int in_another(dm_pg *c, void *arg, dm_err *err)
{
    int zero = 0;

    (void)arg;
    return dm_pg_tx_on(c, &nobody, nothing, &zero, err);
}

static void test_outcomes(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    dm_err err = {0};
    int r = 7;

    assert_int_equal(dm_pg_tx(p, &nobody, put_and_return, &r, &err), 7);
    assert_int_equal(get(p, "x"), -1);
    r = DM_E_DENIED;
    assert_int_equal(dm_pg_tx(p, &nobody, put_and_return, &r, &err), DM_E_DENIED);
    assert_int_equal(get(p, "x"), -1);
    r = DM_E_CONFLICT; /* the callback's own word: not tried again, or it would meet a taken key */
    assert_int_equal(dm_pg_tx(p, &nobody, put_and_return, &r, &err), DM_E_CONFLICT);
    r = 0;
    assert_int_equal(dm_pg_tx(p, &nobody, put_and_return, &r, &err), 0);
    assert_int_equal(get(p, "x"), 1);
    assert_int_equal(dm_pg_tx(p, &nobody, swallow, NULL, &err), DM_E_EXISTS);
    assert_int_equal(get(p, "y"), -1);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &r, &err), 0);
    r = 3;
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &r, &err), 3);
    assert_int_equal(dm_pg_tx(p, &nobody, in_another, NULL, &err), DM_E_INTERNAL);
    assert_int_equal(get(p, "x"), 1);
    dm_pg_scope reader = {.read_only = true};
    r = 0;
    assert_int_equal(dm_pg_tx(p, &reader, put_and_return, &r, &err), DM_E_INTERNAL);
    clear(p);
}

static int own_one(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"own_one", "INSERT INTO owned VALUES ($1, 'thing')", DM_PG_NONE};
    int64_t *account = arg;

    return dm_pg_exec(c, &st, (const dm_pg_arg[]){dm_pa_i64(*account)}, 1, NULL, NULL, err);
}

/* A transaction of one statement is bound to its scope as any other, and lets go of it. */
static int own_one_last(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"own_one_last", "INSERT INTO owned VALUES ($1, 'thing')", DM_PG_NONE};
    int64_t *account = arg;

    return dm_pg_exec_last(c, &st, (const dm_pg_arg[]){dm_pa_i64(*account)}, 1, NULL, NULL, err);
}

static int count_owned(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"count_owned",
            "SELECT count(*), current_setting('dm.account_no'), current_setting('dm.project_no') FROM owned",
            DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t *out = arg;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);

    if (r == 0)
        for (unsigned i = 0; i < 3; i++)
            out[i] = dm_pg_i64(rows, 0, i);
    return r;
}

static void test_scope(void **state)
{
    const cluster *c = *state;
    char conninfo[160];
    dm_pg_config config = {.conninfo = conninfo, .max = 1, .wait_ms = 100, .statement_ms = 1000};
    DM_AUTO(dm_pg_pool) p = NULL;
    dm_err err = {0};
    int64_t seven = 7, out[3];

    (void)snprintf(conninfo, sizeof conninfo, "host=%s user=tenant dbname=postgres", c->dir);
    assert_int_equal(dm_pg_pool_new(&config, &p, &err), 0);
    dm_pg_scope mine = {.account_no = 7, .project_no = 70}, other = {.account_no = 8};
    assert_int_equal(dm_pg_tx(p, &mine, own_one, &seven, &err), 0);
    assert_int_equal(dm_pg_tx(p, &other, own_one, &seven, &err), DM_E_INTERNAL); /* against the policy */
    assert_int_equal(dm_pg_tx(p, &nobody, own_one, &seven, &err), DM_E_INTERNAL);
    assert_int_equal(dm_pg_tx(p, &mine, count_owned, out, &err), 0);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 7);
    assert_int_equal(out[2], 70);
    assert_int_equal(dm_pg_tx(p, &other, count_owned, out, &err), 0);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 8);
    assert_int_equal(out[2], 0);
    assert_int_equal(dm_pg_tx(p, &nobody, count_owned, out, &err), 0);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0);
    assert_int_equal(dm_pg_tx(p, &mine, own_one_last, &seven, &err), 0);
    assert_int_equal(dm_pg_tx(p, &other, own_one_last, &seven, &err), DM_E_INTERNAL);
    assert_int_equal(dm_pg_tx(p, &nobody, own_one_last, &seven, &err), DM_E_INTERNAL);
    assert_int_equal(dm_pg_tx(p, &mine, count_owned, out, &err), 0);
    assert_int_equal(out[0], 2);
}

typedef struct counter {
    dm_pg_pool *pool;
    atomic_uint runs;
    int failures;
    bool backwards;
    pthread_barrier_t *together;
} counter;

/* Read, think, write: wrong at any level below serializable. */
static int read_then_write(dm_pg *c, void *arg, dm_err *err)
{
    counter *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;

    bool first = atomic_fetch_add(&k->runs, 1) == 0;
    int r = dm_pg_exec(c, &kv_get, (const dm_pg_arg[]){dm_pa_c("n")}, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    if (first) /* all have read the same: one of them can win, the others must try again */
        (void)pthread_barrier_wait(k->together);
    int64_t v = dm_pg_i64(rows, 0, 0) + 1;
    return dm_pg_exec(c, &kv_set, (const dm_pg_arg[]){dm_pa_c("n"), dm_pa_i64(v)}, 2, NULL, NULL, err);
}

static void *count_main(void *arg)
{
    counter *k = arg;
    dm_err err;

    for (int i = 0; i < 25; i++)
        while (dm_pg_tx(k->pool, &serializable, read_then_write, k, &err) != 0)
            k->failures += err.code != DM_E_CONFLICT;
    return NULL;
}

static void test_serializable(void **state)
{
    enum { N = 3 };
    DM_AUTO(dm_pg_pool) p = pool_of(*state, N);
    counter k[N];
    pthread_t threads[N];
    unsigned runs = 0;

    pthread_barrier_t together;

    put(p, "n", 0);
    assert_int_equal(pthread_barrier_init(&together, NULL, N), 0);
    for (int i = 0; i < N; i++) {
        k[i] = (counter){.pool = p, .together = &together};
        assert_int_equal(pthread_create(&threads[i], NULL, count_main, &k[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(k[i].failures, 0);
        runs += k[i].runs;
    }
    assert_int_equal(get(p, "n"), 25 * N);
    assert_true(runs >= 25 * N + N - 1);
    (void)pthread_barrier_destroy(&together);
    clear(p);
}

static void set(dm_pg_pool *p, int64_t v)
{
    dm_err err = {0};

    if (exec1(p, &kv_set, (const dm_pg_arg[]){dm_pa_c("n"), dm_pa_i64(v)}, 2, NULL, &err) != 0)
        fail_msg("%s", err.msg);
}

/* What another commits between two reads is not seen by the second. */
static int read_twice(dm_pg *c, void *arg, dm_err *err)
{
    DM_AUTO(dm_pg_rows) first = NULL;
    DM_AUTO(dm_pg_rows) second = NULL;

    int r = dm_pg_exec(c, &kv_get, (const dm_pg_arg[]){dm_pa_c("n")}, 1, &first, NULL, err);
    set(arg, 2);
    if (r == 0)
        r = dm_pg_exec(c, &kv_get, (const dm_pg_arg[]){dm_pa_c("n")}, 1, &second, NULL, err);
    return r < 0 ? r : (int)(10 * dm_pg_i64(first, 0, 0) + dm_pg_i64(second, 0, 0));
}

static void test_snapshot(void **state)
{
    const cluster *c = *state;
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 2);
    const dm_pg_scope snapshot = {.snapshot = true, .read_only = true};
    dm_pg *own = NULL;

    assert_int_equal(dm_pg_open(c->conninfo, &own, NULL), 0);
    put(p, "n", 1);
    assert_int_equal(dm_pg_tx_on(own, &snapshot, read_twice, p, NULL), 11);
    set(p, 1);
    assert_int_equal(dm_pg_tx_on(own, &nobody, read_twice, p, NULL), 12);
    dm_pg_close(own);
    clear(p);
}

static int add_both(dm_pg *c, void *arg, dm_err *err)
{
    counter *k = arg;
    const char *const keys[2] = {k->backwards ? "b" : "a", k->backwards ? "a" : "b"};

    (void)atomic_fetch_add(&k->runs, 1);
    for (int i = 0; i < 2; i++) {
        int r = dm_pg_exec(c, &kv_add, (const dm_pg_arg[]){dm_pa_c(keys[i]), dm_pa_i64(1)}, 2, NULL, NULL, err);
        if (r < 0)
            return r;
        sleep_ms(10);
    }
    return 0;
}

static void *deadlock_main(void *arg)
{
    counter *k = arg;
    dm_err err;

    for (int i = 0; i < 5; i++)
        k->failures += dm_pg_tx(k->pool, &nobody, add_both, k, &err) != 0;
    return NULL;
}

static void test_deadlock(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 2);
    counter k[2] = {{.pool = p}, {.pool = p, .backwards = true}};
    pthread_t threads[2];

    put(p, "a", 0);
    put(p, "b", 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, deadlock_main, &k[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(k[i].failures, 0);
    }
    assert_int_equal(get(p, "a"), 10);
    assert_int_equal(get(p, "b"), 10);
    assert_true(k[0].runs + k[1].runs > 10);
    clear(p);
}

/* --- the last statement ------------------------------------------------------------------------------------- */

typedef struct finishing {
    bool before, after; /* another statement comes before it, or after it */
    int returned;
    int64_t changed;
    int after_it;
} finishing;

static int put_and_finish(dm_pg *c, void *arg, dm_err *err)
{
    finishing *f = arg;
    dm_err ignored;
    int r = f->before ? dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("first"), dm_pa_i64(1)}, 2, NULL, NULL, err)
                      : 0;
    if (r == 0)
        r = dm_pg_exec_last(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("last"), dm_pa_i64(2)}, 2, NULL, &f->changed, err);
    if (r == 0 && f->after)
        f->after_it =
                dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("after"), dm_pa_i64(3)}, 2, NULL, NULL, &ignored);
    return r < 0 ? r : f->returned;
}

static int64_t counted(dm_pg_pool *p, const char *like)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_err err = {0};
    assert_int_equal(exec1(p, &kv_count, (const dm_pg_arg[]){dm_pa_c(like)}, 1, &rows, &err), 0);
    return dm_pg_i64(rows, 0, 0);
}

/* With it all is committed, alone or behind others, whatever the callback returns; nothing may follow it. */
static void test_last(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    dm_err err = {0};
    const dm_pg_scope later = {.account_no = 7, .flush_later = true}, *scopes[] = {&nobody, &serializable, &later};
    for (size_t i = 0; i < DM_LEN(scopes); i++) {
        for (int before = 0; before < 2; before++) {
            clear(p);
            finishing f = {.before = before, .returned = 5};
            assert_int_equal(dm_pg_tx(p, scopes[i], put_and_finish, &f, &err), 5);
            assert_int_equal(f.changed, 1);
            assert_int_equal(counted(p, "%"), 1 + before);
            /* the same once more fails, and leaves nothing: not what came before it either */
            clear(p);
            put(p, "last", 1);
            assert_int_equal(dm_pg_tx(p, scopes[i], put_and_finish, &f, &err), DM_E_EXISTS);
            assert_says(err, "23505");
            assert_int_equal(counted(p, "%"), 1);
        }
    }
    clear(p);
    finishing f = {.after = true};
    assert_true(dm_pg_tx(p, &nobody, put_and_finish, &f, &err) < 0);
    assert_says(err, "after the last");
    assert_true(f.after_it < 0);
    assert_int_equal(counted(p, "last"), 1);
    assert_int_equal(counted(p, "after"), 0);
    const dm_pg_scope reader = {.read_only = true};
    f = (finishing){.before = false};
    clear(p);
    assert_true(dm_pg_tx(p, &reader, put_and_finish, &f, &err) < 0);
    assert_says(err, "25006");
}

static int always_conflicts(dm_pg *c, void *arg, dm_err *err)
{
    int *runs = arg;

    ++*runs;
    return dm_pg_exec(c, &conflict, NULL, 0, NULL, NULL, err);
}

static void test_gives_up(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    dm_err err = {0};
    int runs = 0;

    assert_int_equal(dm_pg_tx(p, &nobody, always_conflicts, &runs, &err), DM_E_CONFLICT);
    assert_int_equal(runs, 8);
    assert_non_null(strstr(err.msg, "8 tries"));
}

typedef struct batch {
    int n, bad, flush;
    size_t pad;
} batch;

static int fill(dm_pg *c, void *arg, dm_err *err)
{
    const batch *b = arg;
    char *pad = calloc(1, b->pad + 1), key[32];
    int r = 0;

    memset(pad, 'p', b->pad);
    for (int i = 0; i < b->n && r == 0; i++) {
        (void)snprintf(key, sizeof key, "batch%05d", i == b->bad ? 0 : i);
        static const dm_pg_stmt st = {
                "batch_put", "INSERT INTO kv VALUES ($1 || repeat('', length($3)), $2)", DM_PG_NONE};
        r = dm_pg_batch_add(c, &st, (const dm_pg_arg[]){dm_pa_c(key), dm_pa_i64(i), dm_pa_c(pad)}, 3, err);
    }
    free(pad);
    return r == 0 && b->flush ? dm_pg_batch_flush(c, err) : r;
}

static int64_t count_batch(dm_pg_pool *p)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_err err = {0};

    assert_int_equal(exec1(p, &kv_count, (const dm_pg_arg[]){dm_pa_c("batch%")}, 1, &rows, &err), 0);
    return dm_pg_i64(rows, 0, 0);
}

static void test_batch(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    dm_err err = {0};
    batch rows[] = {
            {.n = 1, .bad = -1, .flush = 1},
            {.n = 3000, .bad = -1, .flush = 1},
            {.n = 10, .bad = -1, .flush = 0}, /* the commit flushes */
            {.n = 40, .bad = -1, .flush = 1, .pad = 1 << 20},
    };

    for (size_t i = 0; i < DM_LEN(rows); i++) {
        assert_int_equal(dm_pg_tx(p, &nobody, fill, &rows[i], &err), 0);
        assert_int_equal(count_batch(p), rows[i].n);
        clear(p);
    }
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        rows[i].n = rows[i].n < 20 ? 20 : rows[i].n;
        rows[i].bad = rows[i].n / 2;
        assert_int_equal(dm_pg_tx(p, &nobody, fill, &rows[i], &err), DM_E_EXISTS);
        assert_non_null(strstr(err.msg, "batch_put"));
        assert_int_equal(count_batch(p), 0);
    }
}

static int hold(dm_pg *c, void *arg, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    atomic_int *step = arg;
    int r = dm_pg_exec(c, &kv_count, (const dm_pg_arg[]){dm_pa_c("%")}, 1, &rows, NULL, err);

    atomic_store(step, 1);
    for (int i = 0; i < 5000 && atomic_load(step) == 1; i++)
        sleep_ms(1);
    return r;
}

typedef struct holder {
    dm_pg_pool *pool;
    atomic_int step;
} holder;

static void *hold_main(void *arg)
{
    holder *h = arg;
    dm_err err;

    atomic_store(&h->step, dm_pg_tx(h->pool, &nobody, hold, &h->step, &err) == 0 ? 3 : 4);
    return NULL;
}

static void test_pool_full(void **state)
{
    DM_AUTO(dm_pg_pool) p = pool_of(*state, 1);
    holder h = {.pool = p};
    pthread_t thread;
    dm_err err = {0};
    int zero = 0;

    assert_int_equal(pthread_create(&thread, NULL, hold_main, &h), 0);
    while (atomic_load(&h.step) == 0)
        sleep_ms(1);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &zero, &err), DM_E_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "in use"));
    atomic_store(&h.step, 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&h.step), 3);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &zero, &err), 0);
}

static int die_now(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"die_now", "SELECT pg_terminate_backend(pg_backend_pid())", DM_PG_ONE};
    int *runs = arg;
    dm_err ignored;

    ++*runs;
    int r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("dead"), dm_pa_i64(1)}, 2, NULL, NULL, err);
    assert_int_equal(r, 0);
    r = dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
    assert_int_equal(r, DM_E_UNAVAILABLE);
    assert_int_equal(
            dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("dead2"), dm_pa_i64(1)}, 2, NULL, NULL, &ignored),
            DM_E_UNAVAILABLE);
    return r;
}

static int die_at_commit(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"die_late", "INSERT INTO suicide VALUES (1)", DM_PG_NONE};
    int *runs = arg;

    ++*runs;
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

static int refused_at_commit(dm_pg *c, void *arg, dm_err *err)
{
    static const dm_pg_stmt st = {"later_put", "INSERT INTO later VALUES ('nobody')", DM_PG_NONE};

    (void)arg;
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

static void test_lost(void **state)
{
    cluster *c = *state;
    DM_AUTO(dm_pg_pool) p = pool_of(c, 1);
    dm_err err = {0};
    int runs = 0, zero = 0;

    assert_int_equal(dm_pg_tx(p, &nobody, die_now, &runs, &err), DM_E_UNAVAILABLE);
    assert_int_equal(runs, 1);
    assert_int_equal(get(p, "dead"), -1);
    assert_int_equal(dm_pg_tx(p, &nobody, die_at_commit, &runs, &err), DM_E_UNAVAILABLE);
    assert_int_equal(runs, 2);
    assert_non_null(strstr(err.msg, "not known"));
    assert_int_equal(dm_pg_tx(p, &nobody, refused_at_commit, NULL, &err), DM_E_INVALID);
    assert_non_null(strstr(err.msg, "later_k_fkey"));

    /* The server goes and comes back between two transactions: nobody notices. */
    put(p, "before", 1);
    server_stop(c, SIGINT);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &zero, &err), DM_E_UNAVAILABLE);
    assert_int_equal(server_start(c), 0);
    assert_int_equal(get(p, "before"), 1);
    server_stop(c, SIGINT);
    assert_int_equal(server_start(c), 0);
    assert_int_equal(get(p, "before"), 1);
    clear(p);
}

static void test_changed_plan(void **state)
{
    static const dm_pg_stmt st = {"star", "SELECT * FROM shape", DM_PG_ROWS};
    const cluster *c = *state;
    DM_AUTO(dm_pg_pool) p = pool_of(c, 1);
    dm_pg *pg = NULL;
    dm_err err = {0};

    assert_int_equal(dm_pg_open(c->conninfo, &pg, &err), 0);
    assert_int_equal(dm_pg_script(pg, "CREATE TABLE shape (a int); INSERT INTO shape VALUES (1)", &err), 0);
    assert_int_equal(exec1(p, &st, NULL, 0, NULL, &err), 0);
    assert_int_equal(dm_pg_script(pg, "ALTER TABLE shape ADD b int", &err), 0);
    dm_pg_close(pg);
    /* The connection that had prepared it is of no more use, and not used again. */
    assert_int_equal(exec1(p, &st, NULL, 0, NULL, &err), DM_E_INTERNAL);
    assert_int_equal(exec1(p, &st, NULL, 0, NULL, &err), 0);
}

typedef struct script {
    const char *sql;
    int result;
} script;

static int run_scripts(dm_pg *c, void *arg, dm_err *err)
{
    const script *s = arg;
    int r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("s1"), dm_pa_i64(1)}, 2, NULL, NULL, err);

    if (r == 0)
        r = dm_pg_batch_add(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("s2"), dm_pa_i64(1)}, 2, err);
    if (r == 0)
        r = dm_pg_script(c, s->sql, err);
    if (r == 0)
        r = dm_pg_exec(c, &kv_put, (const dm_pg_arg[]){dm_pa_c("s3"), dm_pa_i64(1)}, 2, NULL, NULL, err);
    return r;
}

static void test_script(void **state)
{
    static const script rows[] = {
            {"INSERT INTO kv VALUES ('t1', 1); SELECT 1; INSERT INTO kv VALUES ('t2', 1);", 0},
            {"", 0},
            {"-- only words", 0},
            {"INSERT INTO kv VALUES ('t1', 1); SELEC 1", DM_E_INTERNAL},
            {"INSERT INTO kv VALUES ('t1', 1); INSERT INTO kv VALUES ('t1', 1)", DM_E_EXISTS},
            {"INSERT INTO kv VALUES ('t1', 1); ROLLBACK", DM_E_INTERNAL},
            {"COPY kv FROM STDIN", DM_E_INTERNAL},
    };
    const cluster *c = *state;
    DM_AUTO(dm_pg_pool) p = pool_of(c, 1);
    dm_err err = {0};

    for (size_t i = 0; i < DM_LEN(rows); i++) {
        script s = rows[i];
        int r = dm_pg_tx(p, &nobody, run_scripts, &s, &err);
        if (r != s.result)
            fail_msg("script %zu: %d %s", i, r, err.msg);
        assert_int_equal(get(p, "s1"), r == 0 ? 1 : -1);
        assert_int_equal(get(p, "s2"), r == 0 ? 1 : -1);
        assert_int_equal(get(p, "s3"), r == 0 ? 1 : -1);
        assert_int_equal(get(p, "t2"), i == 0 ? 1 : -1);
        clear(p);
    }
    dm_pg *pg = NULL;
    assert_int_equal(dm_pg_open(c->conninfo, &pg, &err), 0);
    assert_int_equal(dm_pg_script(pg, "SELEC 1", &err), DM_E_INTERNAL);
    assert_int_equal(dm_pg_script(pg, "SELECT 1; SELECT 2", &err), 0);
    dm_pg_close(pg);
}

static void test_called(void **state)
{
    const cluster *c = *state;
    char named[200];
    dm_pg *pg = NULL;
    dm_err err = {0};
    assert_int_equal(dm_pg_called("postgresql:///x", "a-1", named, sizeof named, &err), 0);
    assert_string_equal(named, "postgresql:///x?application_name=a-1");
    assert_int_equal(dm_pg_called("postgresql:///x?host=/h", "a-1", named, sizeof named, &err), 0);
    assert_string_equal(named, "postgresql:///x?host=/h&application_name=a-1");
    assert_int_equal(dm_pg_called("dbname=x", "a-1", named, 10, &err), DM_E_LIMIT);
    assert_int_equal(dm_pg_called(c->conninfo, "meter-1", named, sizeof named, &err), 0);
    assert_int_equal(dm_pg_open(named, &pg, &err), 0);
    assert_int_equal(dm_pg_script(pg, "SELECT 1 / (current_setting('application_name') = 'meter-1')::int", &err), 0);
    dm_pg_close(pg);
}

static void test_notify(void **state)
{
    const cluster *c = *state;
    DM_AUTO(dm_pg_pool) p = pool_of(c, 1);
    static const dm_pg_stmt say = {"say", "SELECT pg_notify('dm_test', $1)", DM_PG_ONE};
    dm_pg_note note = {.channel = ""};
    dm_pg *pg = NULL;
    dm_err err = {0};

    dm_buf_init(&note.payload, 100);
    assert_int_equal(dm_pg_open(c->conninfo, &pg, &err), 0);
    assert_int_equal(dm_pg_script(pg, "LISTEN dm_test", &err), 0);
    assert_int_equal(dm_pg_wait_notify(pg, 20, &note, &err), DM_E_TIMEOUT);
    assert_int_equal(exec1(p, &say, (const dm_pg_arg[]){dm_pa_c("one")}, 1, NULL, &err), 0);
    assert_int_equal(exec1(p, &say, (const dm_pg_arg[]){dm_pa_c("two")}, 1, NULL, &err), 0);
    assert_int_equal(dm_pg_wait_notify(pg, 2000, &note, &err), 0);
    assert_string_equal(note.payload.p, "one");
    assert_string_equal(note.channel, "dm_test");
    /* A transaction on the same connection does not lose what comes meanwhile. */
    int zero = 0;
    assert_int_equal(dm_pg_tx_on(pg, &nobody, nothing, &zero, &err), 0);
    assert_int_equal(dm_pg_wait_notify(pg, 2000, &note, &err), 0);
    assert_string_equal(note.payload.p, "two");
    assert_int_equal(dm_pg_script(pg, "SELECT pg_terminate_backend(pg_backend_pid())", &err), DM_E_UNAVAILABLE);
    assert_int_equal(dm_pg_wait_notify(pg, 2000, &note, &err), DM_E_UNAVAILABLE);
    assert_int_equal(
            dm_pg_tx_on(pg, &nobody, nothing, &zero, &err), DM_E_UNAVAILABLE); /* never opened again by itself */
    dm_buf_done(&note.payload);
    dm_pg_close(pg);
}

static void test_config(void **state)
{
    dm_pg_config config = {.conninfo = "host='/nowhere", .max = 1, .wait_ms = 100, .statement_ms = 1000};
    dm_pg_pool *p = NULL;
    dm_pg *pg = NULL;
    dm_err err = {0};
    int zero = 0;

    (void)state;
    assert_int_equal(dm_pg_pool_new(&config, &p, &err), DM_E_INVALID);
    config.conninfo = "host=/nowhere";
    config.max = 0;
    assert_int_equal(dm_pg_pool_new(&config, &p, &err), DM_E_INVALID);
    config.max = 1;
    assert_int_equal(dm_pg_pool_new(&config, &p, &err), 0);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &zero, &err), DM_E_UNAVAILABLE);
    assert_int_equal(dm_pg_tx(p, &nobody, nothing, &zero, &err), DM_E_UNAVAILABLE); /* its place was given back */
    dm_pg_pool_free(p);
    assert_int_equal(dm_pg_open("host=/nowhere", &pg, &err), DM_E_UNAVAILABLE);
}

int main(void)
{
    cluster c = {.pid = 0};
    void *world = &c;
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(test_kinds, world),
            cmocka_unit_test_prestate(test_fields, world),
            cmocka_unit_test_prestate(test_shapes, world),
            cmocka_unit_test_prestate(test_errors, world),
            cmocka_unit_test_prestate(test_outcomes, world),
            cmocka_unit_test_prestate(test_scope, world),
            cmocka_unit_test_prestate(test_serializable, world),
            cmocka_unit_test_prestate(test_snapshot, world),
            cmocka_unit_test_prestate(test_deadlock, world),
            cmocka_unit_test_prestate(test_last, world),
            cmocka_unit_test_prestate(test_gives_up, world),
            cmocka_unit_test_prestate(test_batch, world),
            cmocka_unit_test_prestate(test_pool_full, world),
            cmocka_unit_test_prestate(test_lost, world),
            cmocka_unit_test_prestate(test_changed_plan, world),
            cmocka_unit_test_prestate(test_script, world),
            cmocka_unit_test_prestate(test_notify, world),
            cmocka_unit_test_prestate(test_called, world),
            cmocka_unit_test_prestate(test_config, world),
    };

    if (!find_server(&c)) {
        (void)printf("SKIPPED: no PostgreSQL server in /usr/lib/postgresql\n");
        return 0;
    }
    if (group_setup(&world) != 0) {
        cluster_free(&c);
        (void)printf("FAILED: the PostgreSQL cluster in %s did not come up\n", c.dir);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)group_teardown(&world);
    return failed;
}
