/* tests/unit/metering/cluster.h: a PostgreSQL of the test's own in a temporary folder, with the roles, and databases that
 * the project's migrations were applied to. Thrown away afterwards. */
#ifndef DM_TESTS_UNIT_METERING_CLUSTER_H
#define DM_TESTS_UNIT_METERING_CLUSTER_H

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/pg.h"

typedef struct cluster {
    char bin[128], dir[64];
    uid_t uid;
    gid_t gid;
    pid_t pid;
} cluster;

/* The server refuses to run as root; and it is not left behind if the test crashes. */
static inline pid_t cluster_run(const cluster *c, char *const argv[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (getuid() == 0 && (setgroups(0, NULL) != 0 || setgid(c->gid) != 0 || setuid(c->uid) != 0))
        _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
            dup2(null, 2) < 0 || chdir(c->dir) != 0)
        _exit(126);
    (void)execv(argv[0], argv);
    _exit(127);
}

static inline int cluster_open(const cluster *c, const char *db, const char *role, dm_pg **out)
{
    char conninfo[200];
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=%s dbname=%s", c->dir, role, db);
    return dm_pg_open(conninfo, out, NULL);
}

static inline int cluster_script(const cluster *c, const char *db, const char *role, const char *sql)
{
    dm_pg *pg = NULL;
    dm_err err = {0};
    if (cluster_open(c, db, role, &pg) < 0)
        return -1;
    int r = dm_pg_script(pg, sql, &err);
    if (r < 0)
        (void)fprintf(stderr, "%s: %s\n", db, err.msg);
    dm_pg_close(pg);
    return r;
}

static inline bool cluster_there(void)
{
    glob_t g;
    bool found = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) == 0;
    globfree(&g);
    return found;
}

static inline int cluster_init(cluster *c)
{
    const struct passwd *pw = getpwnam("postgres") != NULL ? getpwnam("postgres") : getpwnam("nobody");
    glob_t g;
    char program[160], data[80];
    int status = -1;
    if (pw == NULL || glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) != 0)
        return -1;
    (void)snprintf(program, sizeof(program), "%s", g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    (void)snprintf(c->bin, sizeof(c->bin), "%.100s", dirname(program));
    (void)snprintf(c->dir, sizeof(c->dir), "/tmp/dm-ledger-XXXXXX");
    c->uid = pw->pw_uid;
    c->gid = pw->pw_gid;
    if (mkdtemp(c->dir) == NULL || (getuid() == 0 && chown(c->dir, c->uid, c->gid) != 0))
        return -1;
    (void)snprintf(program, sizeof(program), "%s/initdb", c->bin);
    (void)snprintf(data, sizeof(data), "%s/data", c->dir);
    char a[] = "-A", trust[] = "trust", u[] = "-U", owner[] = "owner", n[] = "-N", e[] = "-E", utf8[] = "UTF8", d[] = "-D",
         locale[] = "--locale=C";
    char *const argv[] = {program, a, trust, u, owner, n, e, utf8, locale, d, data, NULL};
    pid_t pid = cluster_run(c, argv);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static inline int cluster_start(cluster *c)
{
    char program[160], data[80], d[] = "-D", h[] = "-h", none[] = "", k[] = "-k", o[] = "-c", fsync_off[] = "fsync=off";
    if (cluster_init(c) < 0)
        return -1;
    (void)snprintf(program, sizeof(program), "%s/postgres", c->bin);
    (void)snprintf(data, sizeof(data), "%s/data", c->dir);
    char *const argv[] = {program, d, data, h, none, k, c->dir, o, fsync_off, NULL};
    c->pid = cluster_run(c, argv);
    for (int i = 0; i < 300; i++) {
        dm_pg *pg = NULL;
        if (cluster_open(c, "postgres", "owner", &pg) == 0) {
            dm_pg_close(pg);
            return cluster_script(c, "postgres", "owner",
                    "CREATE ROLE dm_migrate LOGIN; CREATE ROLE dm_api LOGIN; CREATE ROLE dm_meter LOGIN; "
                    "CREATE ROLE dm_ops LOGIN;");
        }
        struct timespec ts = {.tv_nsec = 50000000};
        (void)nanosleep(&ts, NULL);
    }
    return -1;
}

static inline void cluster_stop(cluster *c)
{
    if (c->pid > 0 && kill(c->pid, SIGINT) == 0)
        (void)waitpid(c->pid, NULL, 0);
    c->pid = 0;
    if (c->dir[0] != '\0')
        (void)!dm_remove_tree(c->dir, NULL);
}

/* Applies migrations/NNNN_*.sql, found from where this test stands in the tree, in order. */
static inline int cluster_migrate(const cluster *c, const char *db)
{
    char here[] = __FILE__, pattern[512];
    glob_t g;
    int r = 0;
    (void)snprintf(pattern, sizeof(pattern), "%s/../../../migrations/[0-9]*.sql", dirname(here));
    if (glob(pattern, 0, NULL, &g) != 0)
        return -1;
    for (size_t i = 0; r == 0 && i < g.gl_pathc; i++) {
        DM_AUTO_BUF sql;
        dm_buf_init(&sql, 1 << 20);
        r = dm_file_read(g.gl_pathv[i], &sql, NULL);
        if (r == 0)
            r = cluster_script(c, db, "dm_migrate", sql.p);
    }
    globfree(&g);
    return r;
}

#endif
