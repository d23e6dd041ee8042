/* base/pg_conn.h: what the files of base/pg share: a connection, and statements on their way to the server and back.
 * Nothing here is for anybody else; they include base/pg.h, which knows no libpq.
 *
 * A transaction runs in pipeline mode from its first word to its last. What has been sent but not answered is in
 * `owed`; settling sends a sync and takes the answers off in order. That gives three things for one mechanism: BEGIN,
 * the scope and the first statement (with its preparation) travel together, so a transaction of one statement takes two
 * round trips, and one where its commit may go with it; a batch is many statements and one settling; and an error is
 * told for the statement that made it.
 *
 * Every wait has an end: the server stops a statement at statement_timeout, and if it does not answer even
 * DM_PG_EXTRA_MS later, the connection is given up. A connection that is lost stays lost; the pool opens a new one. */
#ifndef DM_BASE_PG_CONN_H
#define DM_BASE_PG_CONN_H

#include <libpq-fe.h>

#include "base/pg.h"

enum { DM_PG_OWED_MAX = 512, DM_PG_PREPARED_SLOTS = 2048, DM_PG_PREPARED_MAX = 1536 };
enum { DM_PG_SCRATCH_MAX = 64 << 20 };
enum { DM_PG_EXTRA_MS = 5000, DM_PG_WAIT_MOST_MS = 6 * 3600 * 1000 };

enum dm_pg_owed_kind { DM_PG_OWED_CONTROL, DM_PG_OWED_PREPARE, DM_PG_OWED_QUERY };

typedef struct dm_pg_owed {
    enum dm_pg_owed_kind kind;
    const dm_pg_stmt *st; /* NULL for BEGIN and kin */
} dm_pg_owed;

typedef struct dm_pg_prepared {
    const dm_pg_stmt *st;
    bool there; /* false: the server refused it */
} dm_pg_prepared;

struct dm_pg {
    PGconn *conn;
    dm_log *log;
    unsigned wait_ms;
    bool lost;   /* nothing more can be said on it */
    bool doomed; /* works, but is not to be used again after this transaction */
    bool in_tx;
    bool opened;       /* BEGIN and the scope have been sent, or the scope alone where one statement is all */
    bool committed;    /* with its last statement: dm_pg_exec_last */
    dm_pg_scope scope; /* of this transaction */
    bool failed;       /* this transaction cannot commit, and why says so */
    bool retry;        /* because of a serialization failure or a deadlock */
    dm_err why;
    dm_pg_owed owed[DM_PG_OWED_MAX];
    size_t nowed, owed_bytes;
    dm_buf scratch; /* text parameters, with the NUL that libpq wants */
    size_t nprepared;
    dm_pg_prepared prepared[DM_PG_PREPARED_SLOTS];
    uint64_t seed;
};

/* --- pg.c, for the pool ------------------------------------------------------------------------------------- */

/* statement_ms 0 leaves the server's statement_timeout as it is. log may be NULL. */
int dm_pg_dial(const char *conninfo, unsigned statement_ms, dm_log *log, dm_pg **out, dm_err *err) DM_NODISCARD;

/* DM_E_INVALID when conninfo cannot be parsed. Connects to nothing. */
int dm_pg_conninfo_check(const char *conninfo, dm_err *err) DM_NODISCARD;

/* Idle, and as far as a look at the socket can tell, alive. For a pool: a listener has something to read at times. */
bool dm_pg_usable(dm_pg *c);

static inline DM_UNUSED void dm_pg_free(dm_pg *c)
{
    dm_pg_close(c);
}
DM_DEFINE_FREEP(dm_pg)

/* --- pg_pipe.c ---------------------------------------------------------------------------------------------- */

/* Marks c as lost and returns DM_E_UNAVAILABLE, with libpq's words. */
int dm_pg_lost(dm_pg *c, dm_err *err);
/* Remembers the first failure of a transaction, which is lost with it, whatever the callback makes of it. Returns r. */
int dm_pg_keep_failure(dm_pg *c, int r, const dm_err *why);
/* Copies *why to *err, which may be NULL, and returns its code. */
int dm_pg_give_failure(const dm_err *why, dm_err *err);

/* The next result of what was sent; *out is NULL at the end of a statement's results. */
int dm_pg_next_result(dm_pg *c, int64_t until, PGresult **out, dm_err *err) DM_NODISCARD;
/* What *res says, as an error; for a query of the pipeline its shape, too. */
int dm_pg_check_result(dm_pg *c, const PGresult *res, const dm_pg_owed *o, dm_err *err) DM_NODISCARD;

/* A statement with its preparation, if need be. May settle first, to stay within the bounds. */
int dm_pg_send(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err) DM_NODISCARD;
/* BEGIN, COMMIT, ROLLBACK: there is always room for them. */
int dm_pg_control(dm_pg *c, const char *sql, dm_err *err) DM_NODISCARD;
/* Takes the answers to all that is owed. The first failure is returned and spoils the transaction. *last, when wanted,
 * is the last answer to a statement, *control the last one to BEGIN and kin (NULL: there was none); both are only set
 * on 0. */
int dm_pg_settle(dm_pg *c, PGresult **last, PGresult **control, dm_err *err) DM_NODISCARD;

/* --- pg_rows.c ---------------------------------------------------------------------------------------------- */

/* Takes res, in each case. */
int dm_pg_rows_new(PGresult *res, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
