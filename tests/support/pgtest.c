#include "tests/support/pgtest.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"

enum { WAIT_MS = 20000, ARGS_MAX = 24 };

struct dm_pgtest {
    char bin[128]; /* where initdb and postgres are */
    char dir[64];
    char home[80]; /* dir/pg: postgres' own */
    pid_t pid;
};

extern char **environ;

/* Root may not run PostgreSQL; setpriv also ties its life to ours. */
static size_t as_postgres(const char *argv[ARGS_MAX])
{
    static const char *const words[] = {
            "setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--pdeathsig", "TERM"};
    if (geteuid() != 0)
        return 0;
    memcpy(argv, words, sizeof words);
    return DM_LEN(words);
}

static int spawn(const char *const *argv, const char *log, pid_t *pid, dm_err *err)
{
    posix_spawn_file_actions_t fa;
    (void)posix_spawn_file_actions_init(&fa);
    (void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&fa, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    (void)posix_spawn_file_actions_adddup2(&fa, 1, 2);
    char *args[ARGS_MAX + 1] = {NULL};
    for (size_t i = 0; i < ARGS_MAX && argv[i] != NULL; i++)
        memcpy(&args[i], &argv[i], sizeof args[i]); /* posix_spawn takes them without const and does not write */
    int e = posix_spawnp(pid, args[0], &fa, NULL, args, environ);
    (void)posix_spawn_file_actions_destroy(&fa);
    return e != 0 ? dm_fail_sys(err, e, "spawn %s", args[0]) : 0;
}

static int find_bin(dm_pgtest *t, dm_err *err)
{
    glob_t g;
    int r = DM_E_NOTFOUND;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0 && g.gl_pathc > 0) {
        const char *path = g.gl_pathv[g.gl_pathc - 1];
        r = dm_path(t->bin, sizeof t->bin, err, "%.*s", (int)(strrchr(path, '/') - path), path);
    }
    globfree(&g);
    return r == DM_E_NOTFOUND ? dm_fail(err, r, "PostgreSQL is not installed") : r;
}

static int make_folder(dm_pgtest *t, dm_err *err)
{
    const char *where = getenv("DM_TEST_DIR");
    (void)snprintf(t->dir, sizeof t->dir, "%s/dm-pgtest-XXXXXX", where != NULL ? where : "/tmp");
    if (mkdtemp(t->dir) == NULL) {
        t->dir[0] = '\0';
        return dm_fail_sys(err, errno, "mkdtemp");
    }
    (void)snprintf(t->home, sizeof t->home, "%s/pg", t->dir);
    if (chmod(t->dir, 0755) < 0 || mkdir(t->home, 0755) < 0)
        return dm_fail_sys(err, errno, "%s", t->home);
    if (geteuid() == 0) {
        const struct passwd *pw = getpwnam("postgres");
        if (pw == NULL || chown(t->home, pw->pw_uid, pw->pw_gid) < 0)
            return dm_fail(err, DM_E_NOTFOUND, "no user postgres");
    }
    return 0;
}

static int init_db(const dm_pgtest *t, dm_err *err)
{
    char program[160], data[128], log[128];
    const char *argv[ARGS_MAX + 1] = {NULL};
    pid_t pid;
    int status = 0;
    (void)snprintf(program, sizeof program, "%s/initdb", t->bin);
    (void)snprintf(data, sizeof data, "%s/data", t->home);
    (void)snprintf(log, sizeof log, "%s/initdb.log", t->dir);
    size_t n = as_postgres(argv);
    const char *rest[] = {program, "-D", data, "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"};
    memcpy(argv + n, rest, sizeof rest);
    int r = spawn(argv, log, &pid, err);
    if (r < 0)
        return r;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return dm_fail(err, DM_E_INTERNAL, "initdb ended with %d", status);
    return 0;
}

static int start(dm_pgtest *t, dm_err *err)
{
    char program[160], data[128], log[128], sockets[128];
    const char *argv[ARGS_MAX + 1] = {NULL};
    (void)snprintf(program, sizeof program, "%s/postgres", t->bin);
    (void)snprintf(data, sizeof data, "%s/data", t->home);
    (void)snprintf(log, sizeof log, "%s/postgres.log", t->dir);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", t->home);
    size_t n = as_postgres(argv);
    const char *sync = getenv("DM_TEST_FSYNC") != NULL ? "fsync=on" : "fsync=off";
    const char *rest[] = {program, "-D", data, "-c", "listen_addresses=", "-c", sockets, "-c", sync, "-c",
            "shared_buffers=16MB", "-c", "max_connections=60"};
    memcpy(argv + n, rest, sizeof rest);
    return spawn(argv, log, &t->pid, err);
}

static int wait_ready(const dm_pgtest *t, dm_err *err)
{
    char pidfile[128];
    (void)snprintf(pidfile, sizeof pidfile, "%s/data/postmaster.pid", t->home);
    for (int ms = 0; ms < WAIT_MS; ms += 20) {
        DM_AUTO_BUF text;
        dm_buf_init(&text, 4096);
        if (dm_file_read(pidfile, &text, NULL) == 0 && text.len > 0 && strstr(text.p, "ready") != NULL)
            return 0;
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return dm_fail(err, DM_E_TIMEOUT, "PostgreSQL is not ready after %d ms: see %s", WAIT_MS, t->dir);
}

int dm_pgtest_start(dm_pgtest **out, dm_err *err)
{
    DM_AUTO(dm_pgtest) t = calloc(1, sizeof *t);
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "pgtest");
    t->pid = -1;
    int r = find_bin(t, err);
    if (r == 0)
        r = make_folder(t, err);
    if (r == 0)
        r = init_db(t, err);
    if (r == 0)
        r = start(t, err);
    if (r == 0)
        r = wait_ready(t, err);
    if (r == 0)
        *out = dm_steal(&t);
    return r;
}

void dm_pgtest_free(dm_pgtest *t)
{
    if (t == NULL)
        return;
    if (t->pid > 0) {
        (void)kill(t->pid, SIGQUIT); /* at once: nothing is worth keeping */
        (void)waitpid(t->pid, NULL, 0);
    }
    dm_err err = {0};
    if (t->dir[0] != '\0' && dm_remove_tree(t->dir, &err) < 0)
        (void)fprintf(stderr, "pgtest: %s\n", err.msg);
    free(t);
}

void dm_pgtest_conninfo(const dm_pgtest *t, const char *role, char out[256])
{
    (void)snprintf(out, 256, "host=%s dbname=postgres user=%s", t->home, role);
}

const char *dm_pgtest_dir(const dm_pgtest *t)
{
    return t->dir;
}
