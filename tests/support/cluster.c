#include "tests/support/cluster.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

const char *cluster_conninfo(const cluster *c, const char *db, const char *role)
{
    static char out[4][320];
    static unsigned at;
    char server[256];
    char *to = out[at++ % 4];
    dm_pgtest_conninfo(c->server, role, server);
    (void)snprintf(to, sizeof(out[0]), "%s dbname=%s", server, db); /* the last dbname counts */
    return to;
}

int cluster_open(const cluster *c, const char *db, const char *role, dm_pg **out)
{
    return dm_pg_open(cluster_conninfo(c, db, role), out, NULL);
}

int cluster_script(const cluster *c, const char *db, const char *role, const char *sql)
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

int cluster_start(cluster *c)
{
    dm_err err = {0};
    int r = dm_pgtest_start(&c->server, &err);
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return r;
    }
    c->dir = dm_pgtest_dir(c->server);
    return cluster_script(c, "postgres", "postgres",
            "CREATE ROLE dm_migrate LOGIN; CREATE ROLE dm_api LOGIN; CREATE ROLE dm_meter LOGIN; "
            "CREATE ROLE dm_ops LOGIN; CREATE ROLE dm_who LOGIN; CREATE ROLE dm_export LOGIN;");
}

void cluster_stop(cluster *c)
{
    dm_pg_close(c->ops);
    PQfinish(c->super);
    dm_pgtest_free(c->server);
    *c = (cluster){.server = NULL};
}

int cluster_main(cluster *c, int (*tests)(void))
{
    int r = cluster_start(c);
    if (r == DM_E_NOTFOUND)
        return 0; /* said why: skipped */
    r = r < 0 ? 1 : tests();
    cluster_stop(c);
    return r;
}

int cluster_migrate(const cluster *c, const char *db)
{
    glob_t g;
    int r = 0;
    if (glob(DM_SOURCE_DIR "/migrations/[0-9]*.sql", 0, NULL, &g) != 0)
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

int cluster_make(cluster *c, const char *db)
{
    char sql[100];
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s OWNER dm_migrate", db);
    if (cluster_script(c, "postgres", "postgres", sql) < 0 || cluster_migrate(c, db) < 0 ||
            cluster_open(c, db, "dm_ops", &c->ops) < 0)
        return -1;
    c->super = PQconnectdb(cluster_conninfo(c, db, "postgres"));
    return PQstatus(c->super) == CONNECTION_OK ? 0 : -1;
}

const char *cluster_try(PGconn *super, const char *sql)
{
    static char answers[4][500];
    static unsigned at;
    PGresult *res = PQexec(super, sql);
    const char *answer = "(no row)", *refused = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    char *out = answers[at++ % 4];
    if (refused != NULL)
        answer = refused;
    else if (PQresultStatus(res) == PGRES_COMMAND_OK)
        answer = "done";
    else if (PQntuples(res) > 0)
        answer = PQgetvalue(res, 0, 0);
    (void)snprintf(out, sizeof(answers[0]), "%s", answer);
    PQclear(res);
    return out;
}

const char *cluster_ask(PGconn *super, const char *sql)
{
    const char *answer = cluster_try(super, sql);
    if (*PQerrorMessage(super) == '\0')
        return answer;
    (void)fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(super));
    abort();
}
