/* tests/support/cluster.h: databases of a throw-away PostgreSQL that the project's migrations were applied to. */
#ifndef DM_TESTS_SUPPORT_CLUSTER_H
#define DM_TESTS_SUPPORT_CLUSTER_H

#include <libpq-fe.h>

#include "base/pg.h"

#include "tests/support/pgtest.h"

typedef struct cluster {
    dm_pgtest *server;
    const char *dir; /* for keys */
    dm_pg *ops;      /* cluster_make's */
    PGconn *super;
} cluster;

/* DM_E_NOTFOUND: there is no PostgreSQL here. */
int cluster_start(cluster *c);
void cluster_stop(cluster *c);
/* What main returns: start, all the tests, stop. Where there is no PostgreSQL it says so, and they are skipped. */
int cluster_main(cluster *c, int (*tests)(void));

/* Of a role in a database; good until the next call but three. */
const char *cluster_conninfo(const cluster *c, const char *db, const char *role);
int cluster_open(const cluster *c, const char *db, const char *role, dm_pg **out);
int cluster_script(const cluster *c, const char *db, const char *role, const char *sql);
/* Applies migrations/NNNN_*.sql in order. */
int cluster_migrate(const cluster *c, const char *db);

/* A new database with them; ops is dm_ops in it, and super the superuser, who sees what came of it. Once for a cluster;
 * cluster_stop closes both. */
int cluster_make(cluster *c, const char *db);
/* The first field of the first row, "(no row)" or "done"; good until the next call but three. What fails ends the test,
 * or its SQLSTATE is the answer of _try. */
const char *cluster_ask(PGconn *super, const char *sql);
const char *cluster_try(PGconn *super, const char *sql);

#endif
