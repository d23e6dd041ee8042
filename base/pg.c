/* Transactions: begun, tried again, committed, rolled back; and what goes beside them, scripts and notifications.
 *
 * Whose rows a transaction sees is decided by two settings that row-level security reads. They are set by set_config
 * with is_local, so they die with the transaction: a pooled connection cannot carry one tenant's scope into the next
 * one's work, whatever went wrong in between. BEGIN, the scope and the first statement leave in one packet. Where that
 * statement is also the last one, and may be committed whatever it answers, there is neither BEGIN nor COMMIT: what
 * stands between two syncs of a pipeline is one transaction.
 *
 * SERIALIZABLE is optimistic: the server lets transactions run side by side and, where their result would fit no order
 * one after the other, fails one of them (40001), at any statement or at the COMMIT itself. So does a deadlock (40P01),
 * in any isolation. Nobody is at fault and the same work done again mostly goes through; done again means all of it,
 * reads included, for what was read is what no longer holds. That is why work is a callback, and why it may touch
 * nothing but the database and its own out values: it may run eight times. The waits between double and are random by a
 * half, or two that collided would collide again in step.
 *
 * A COMMIT may be answered by ROLLBACK, which libpq reports as success: the transaction had failed before. Its command
 * tag is looked at, else a callback that swallowed an error would be told that its rows are there. For the same reason
 * a first failure is kept in the connection, not only returned. A connection that dies in the COMMIT leaves its fate
 * unknown, and is not tried again here: only the caller knows whether its work is idempotent.
 *
 * After a failure the server ignores everything to the end of the transaction; what was sent ahead is answered
 * "aborted" up to the next sync. So before a ROLLBACK the answers that are owed are taken off, or the ROLLBACK itself
 * would be among what is skipped, and the connection would go back to the pool inside a failed transaction. */
#include "base/pg.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/pg_conn.h"
#include "base/point.h"

enum { TRIES = 8 };

/* --- statements --------------------------------------------------------------------------------------------- */

static int open_tx(dm_pg *c, bool alone, dm_err *err);
static int committed(PGresult *res, dm_err *err);

/* What a statement that was settled has answered. Takes res. */
static int answered(PGresult *res, dm_pg_rows **out, int64_t *changed, dm_err *err)
{
    int64_t touched = 0;
    const char *count = PQcmdTuples(res);
    if (count[0] != '\0' && dm_parse_i64(dm_str_c(count), 0, INT64_MAX, &touched, NULL) < 0)
        touched = 0;
    int r = 0;
    if (out != NULL)
        r = dm_pg_rows_new(res, out, err);
    else
        PQclear(res);
    if (r == 0 && changed != NULL)
        *changed = touched;
    return r;
}

/* last: the commit goes with it. */
static int exec(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, bool last, dm_pg_rows **out,
        int64_t *changed, dm_err *err)
{
    PGresult *res = NULL, *end = NULL;
    bool alone = last && !c->opened && !c->scope.serializable && !c->scope.snapshot && !c->scope.read_only;
    int r = open_tx(c, alone, err);

    if (r == 0)
        r = dm_pg_send(c, st, args, n, err);
    if (r == 0 && last && !alone)
        r = dm_pg_control(c, "COMMIT", err);
    if (r == 0)
        r = dm_pg_settle(c, &res, &end, err);
    if (r < 0)
        return last && c->lost ? dm_wrap(err, "whether the commit happened is not known") : r;
    c->committed = last;
    if (last && !alone)
        r = committed(end, err);
    else
        PQclear(end);
    if (r < 0) {
        PQclear(res);
        return r;
    }
    return answered(res, out, changed, err);
}

static int exec_or_keep(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, bool last, dm_pg_rows **out,
        int64_t *changed, dm_err *err)
{
    dm_err why = {0};
    int r = exec(c, st, args, n, last, out, changed, &why);

    if (r == 0)
        return 0;
    (void)dm_pg_give_failure(&why, err);
    return dm_pg_keep_failure(c, r, &why);
}

int dm_pg_exec(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_rows **out, int64_t *changed,
        dm_err *err)
{
    return exec_or_keep(c, st, args, n, false, out, changed, err);
}

int dm_pg_exec_last(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_rows **out, int64_t *changed,
        dm_err *err)
{
    return exec_or_keep(c, st, args, n, true, out, changed, err);
}

int dm_pg_batch_add(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err)
{
    dm_err why = {0};
    int r = open_tx(c, false, &why);

    if (r == 0)
        r = dm_pg_send(c, st, args, n, &why);
    if (r == 0)
        return 0;
    (void)dm_pg_give_failure(&why, err);
    return dm_pg_keep_failure(c, r, &why);
}

int dm_pg_batch_flush(dm_pg *c, dm_err *err)
{
    if (c->failed)
        return dm_pg_give_failure(&c->why, err);
    return c->nowed > 0 ? dm_pg_settle(c, NULL, NULL, err) : 0;
}

/* --- transactions ------------------------------------------------------------------------------------------- */

/* By whether it is somebody's own rows, or an account's alone; and whether its commit waits for the disk. What is not
 * set is nobody's: the settings of an earlier transaction died with it. */
#define SCOPE "SELECT set_config('dm.account_no', $1, true), set_config('dm.project_no', $2, true)"
#define OWN ", set_config('dm.person_no', $3, true), set_config('dm.operator_no', $4, true)"
#define LATER ", set_config('synchronous_commit', 'off', true)"
static const dm_pg_stmt scopes[2][2] = {
        {{"dm_pg_scope", SCOPE, DM_PG_ONE}, {"dm_pg_scope_later", SCOPE LATER, DM_PG_ONE}},
        {{"dm_pg_scope_own", SCOPE OWN, DM_PG_ONE}, {"dm_pg_scope_own_later", SCOPE OWN LATER, DM_PG_ONE}},
};

static int send_scope(dm_pg *c, dm_err *err)
{
    const dm_pg_scope *s = &c->scope;
    const int64_t numbers[] = {s->account_no, s->project_no, s->person_no, s->operator_no};
    bool own = s->person_no != 0 || s->operator_no != 0;
    char texts[DM_LEN(numbers)][24];
    dm_pg_arg args[DM_LEN(numbers)];

    for (size_t i = 0; i < DM_LEN(numbers); i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%lld", (long long)numbers[i]);
        args[i] = dm_pa_c(texts[i]);
    }
    return dm_pg_send(c, &scopes[own][s->flush_later], args, own ? 4 : 2, err);
}

/* Before the first statement. alone: it is the only one, and its sync ends the transaction. */
static int open_tx(dm_pg *c, bool alone, dm_err *err)
{
    static const char *const words[3][2] = {
            {"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"},
            {"BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
            {"BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"},
    };
    unsigned level = c->scope.serializable ? 2 : c->scope.snapshot ? 1 : 0;
    if (c->committed)
        return dm_fail(err, DM_E_INTERNAL, "a statement after the last one");
    if (c->opened || !c->in_tx)
        return 0;
    c->opened = true;
    int r = alone ? 0 : dm_pg_control(c, words[level][c->scope.read_only], err);
    return r < 0 ? r : send_scope(c, err);
}

static int begin(dm_pg *c, const dm_pg_scope *scope, dm_err *err)
{
    c->failed = c->retry = c->opened = c->committed = false;
    c->nowed = c->owed_bytes = 0;
    c->scope = *scope;
    if (c->lost || PQenterPipelineMode(c->conn) != 1)
        return dm_pg_lost(c, err);
    c->in_tx = true;
    return 0;
}

/* Leaves the connection idle, or lost. */
static void end(dm_pg *c)
{
    c->in_tx = false;
    if (!c->lost && (PQexitPipelineMode(c->conn) != 1 || PQtransactionStatus(c->conn) != PQTRANS_IDLE))
        c->lost = true;
}

/* What cannot be committed is rolled back, and that is no error to the server. Takes res, the answer to COMMIT. */
static int committed(PGresult *res, dm_err *err)
{
    bool done = strcmp(PQcmdStatus(res), "COMMIT") == 0;
    PQclear(res);
    return done ? 0 : dm_fail(err, DM_E_INTERNAL, "the transaction was rolled back at its commit");
}

static int commit(dm_pg *c, dm_err *err)
{
    PGresult *res = NULL;
    int r = c->nowed > 0 ? dm_pg_settle(c, NULL, NULL, err)
                         : 0; /* a batch that was not flushed; its failure is not the commit's */

    DM_POINT(COMMIT_BEFORE);
    if (r == 0)
        r = dm_pg_control(c, "COMMIT", err);
    if (r < 0)
        return r;
    r = dm_pg_settle(c, NULL, &res, err);
    DM_POINT(COMMIT_AFTER);
    if (r < 0)
        return c->lost ? dm_wrap(err, "whether the commit happened is not known") : r;
    return committed(res, err);
}

static void roll_back(dm_pg *c)
{
    bool retry = c->retry;
    dm_err e = {0};

    /* First what was not flushed: if it fails, what follows it before the next sync is skipped, a ROLLBACK too. */
    if (c->nowed > 0)
        (void)!dm_pg_settle(c, NULL, NULL, &e);
    if (!c->lost && (dm_pg_control(c, "ROLLBACK", &e) < 0 || dm_pg_settle(c, NULL, NULL, &e) < 0))
        DM_LOG(c->log, DM_DEBUG, "pg.rollback", dm_fs("message", e.msg));
    c->retry = retry; /* nobody asked for what was still under way */
}

static int tx_once(dm_pg *c, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err)
{
    int r = begin(c, scope, err);

    if (r == 0)
        r = fn(c, arg, err);
    if (r == 0 && c->failed)
        r = dm_pg_give_failure(&c->why, err); /* a failure the callback did not pass on is one all the same */
    if (r == 0 && c->opened && !c->committed)
        r = commit(c, err);
    /* After a refused COMMIT there is nothing to roll back, and saying so twice does no harm. */
    if (r != 0 && c->in_tx && PQtransactionStatus(c->conn) != PQTRANS_IDLE)
        roll_back(c);
    end(c);
    return r;
}

/* 1, 2, 4 ... ms, each times a random part between a half and one and a half. */
static void back_off(dm_pg *c, unsigned tries)
{
    uint64_t us = 1000u << (tries < 7 ? tries : 7);

    c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
    us = us / 2 + (c->seed >> 33) % us;
    struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)us * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

int dm_pg_tx_on(dm_pg *c, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err)
{
    if (c->in_tx)
        return dm_fail(err, DM_E_INTERNAL, "a transaction within a transaction");
    for (unsigned tries = 0;; tries++) {
        dm_err why = {0};
        int r = tx_once(c, scope, fn, arg, &why);
        if (r == 0)
            return 0;
        if (!c->retry || c->lost) {
            if (r < 0)
                (void)dm_pg_give_failure(&why, err);
            return r;
        }
        if (tries + 1 == TRIES)
            return dm_fail(err, DM_E_CONFLICT, "given up after %d tries: %.160s", TRIES, c->why.msg);
        DM_LOG(c->log, DM_DEBUG, "pg.retry", dm_fu("tries", tries + 1), dm_fs("message", c->why.msg));
        back_off(c, tries);
    }
}

/* --- scripts and notifications ------------------------------------------------------------------------------ */

static int run_script(dm_pg *c, const char *sql, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + c->wait_ms;
    PGresult *res = NULL;
    dm_err e = {0};
    int r = 0;

    if (PQsendQuery(c->conn, sql) != 1)
        return dm_pg_lost(c, err);
    do {
        PQclear(res);
        res = NULL;
        if (dm_pg_next_result(c, until, &res, &e) < 0)
            return dm_pg_give_failure(&e, err);
        static const dm_pg_owed any = {DM_PG_OWED_CONTROL, NULL};
        if (res != NULL && r == 0 && PQresultStatus(res) != PGRES_EMPTY_QUERY)
            r = dm_pg_check_result(c, res, &any, err);
    } while (res != NULL && !c->lost);
    PQclear(res);
    return r;
}

int dm_pg_script(dm_pg *c, const char *sql, dm_err *err)
{
    dm_err why = {0};
    int r = 0;

    if (c->lost)
        return dm_pg_lost(c, err);
    if (!c->in_tx)
        return run_script(c, sql, err);
    if (c->failed)
        return dm_pg_give_failure(&c->why, err);
    /* Several statements in one text need the simple protocol, which pipeline mode does not have. */
    r = open_tx(c, false, &why);
    if (r == 0 && c->nowed > 0)
        r = dm_pg_settle(c, NULL, NULL, &why);
    if (r == 0 && PQexitPipelineMode(c->conn) != 1)
        r = dm_pg_lost(c, &why);
    if (r == 0) {
        r = run_script(c, sql, &why);
        if (r == 0 && PQtransactionStatus(c->conn) != PQTRANS_INTRANS)
            r = dm_fail(&why, DM_E_INTERNAL, "the script ended the transaction it ran in");
        if (!c->lost && PQenterPipelineMode(c->conn) != 1)
            r = dm_pg_lost(c, &why);
    }
    return r == 0 ? 0 : dm_pg_keep_failure(c, dm_pg_give_failure(&why, err), &why);
}

int dm_pg_wait_notify(dm_pg *c, unsigned wait_ms, dm_pg_note *out, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;

    for (;;) {
        if (c->lost || PQconsumeInput(c->conn) == 0)
            return dm_pg_lost(c, err);
        PGnotify *n = PQnotifies(c->conn);
        if (n != NULL) {
            int r = dm_str_to_array(dm_str_c(n->relname), out->channel, sizeof out->channel, err);
            dm_buf_reset(&out->payload);
            (void)dm_buf_c(&out->payload, n->extra);
            PQfreemem(n);
            return r < 0 ? r : dm_buf_ok(&out->payload, err);
        }
        int64_t left = until - dm_mono_ms(&dm_clock_real);
        if (left <= 0)
            return dm_fail(err, DM_E_TIMEOUT, "no notification");
        struct pollfd p = {.fd = PQsocket(c->conn), .events = POLLIN};
        if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
            return dm_fail_sys(err, errno, "poll");
    }
}

/* --- connections -------------------------------------------------------------------------------------------- */

static void on_notice(void *arg, const PGresult *res)
{
    dm_pg *c = arg;
    const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    DM_LOG(c->log, DM_DEBUG, "pg.notice", dm_fs("message", words != NULL ? words : ""));
}

static int set_session(dm_pg *c, unsigned statement_ms, dm_err *err)
{
    char sql[256];

    if (statement_ms == 0)
        (void)snprintf(sql, sizeof sql, "SET bytea_output = hex; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'");
    else
        (void)snprintf(sql, sizeof sql,
                "SET bytea_output = hex; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET statement_timeout = %u; "
                "SET idle_in_transaction_session_timeout = %u",
                statement_ms, statement_ms + 60000);
    return dm_pg_script(c, sql, err);
}

int dm_pg_dial(const char *conninfo, unsigned statement_ms, dm_log *log, dm_pg **out, dm_err *err)
{
    /* What conninfo says stands after our own words and wins, but for the encoding. */
    static const char *const names[] = {
            "connect_timeout", "application_name", "gssencmode", "dbname", "client_encoding", NULL};
    const char *const values[] = {"5", "dormouse", "disable", conninfo, "UTF8", NULL};
    DM_AUTO(dm_pg) c = calloc(1, sizeof *c);

    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a database connection");
    dm_buf_init(&c->scratch, DM_PG_SCRATCH_MAX + DM_PG_ARGS_MAX);
    c->log = log;
    c->wait_ms =
            statement_ms > 0 && statement_ms < DM_PG_WAIT_MOST_MS ? statement_ms + DM_PG_EXTRA_MS : DM_PG_WAIT_MOST_MS;
    c->seed = (uint64_t)(uintptr_t)c ^ (uint64_t)dm_mono_us(&dm_clock_real);
    c->conn = PQconnectdbParams(names, values, 1);
    if (c->conn == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a database connection");
    (void)PQsetNoticeReceiver(c->conn, on_notice, c);
    if (PQstatus(c->conn) != CONNECTION_OK) {
        dm_str words = dm_str_trim(dm_str_c(PQerrorMessage(c->conn)));
        return dm_fail(err, DM_E_UNAVAILABLE, "database: %.*s", (int)(words.n < 200 ? words.n : 200), words.p);
    }
    if (PQsetnonblocking(c->conn, 1) != 0)
        return dm_pg_lost(c, err);
    int r = set_session(c, statement_ms, err);
    if (r < 0)
        return r;
    *out = dm_steal(&c);
    return 0;
}

int dm_pg_conninfo_check(const char *conninfo, dm_err *err)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &words);
    int r = 0;

    if (options == NULL) /* the words may quote a password: they stay here */
        r = dm_fail(err, DM_E_INVALID, "the connection string of the database cannot be read");
    PQconninfoFree(options);
    PQfreemem(words);
    return r;
}

int dm_pg_open(const char *conninfo, dm_pg **out, dm_err *err)
{
    return dm_pg_dial(conninfo, 0, NULL, out, err);
}

int dm_pg_called(const char *conninfo, const char *name, char *out, size_t size, dm_err *err)
{
    bool uri = strstr(conninfo, "://") != NULL;
    const char *between = !uri ? " " : strchr(conninfo, '?') != NULL ? "&" : "?";
    int n = snprintf(out, size, "%s%sapplication_name=%s", conninfo, between, name);
    return n >= 0 && (size_t)n < size ? 0 : dm_fail(err, DM_E_LIMIT, "a conninfo of %d characters", n);
}

void dm_pg_close(dm_pg *c)
{
    if (c == NULL)
        return;
    assert(!c->in_tx);
    PQfinish(c->conn);
    dm_buf_done(&c->scratch);
    free(c);
}

bool dm_pg_usable(dm_pg *c)
{
    struct pollfd p = {.fd = PQsocket(c->conn), .events = POLLIN};

    if (c->lost || c->doomed || c->in_tx || PQstatus(c->conn) != CONNECTION_OK)
        return false;
    /* Nobody asked anything: what can be read is a farewell, or the end. A notice is possible, too, and costs us no
     * more than a new connection. */
    if (poll(&p, 1, 0) != 0)
        return false;
    return PQtransactionStatus(c->conn) == PQTRANS_IDLE;
}

int dm_pg_count_of(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_total *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = out != NULL ? dm_pg_exec(c, st, args, n, &rows, NULL, err) : 0;
    if (r < 0 || out == NULL)
        return r;
    int64_t found = dm_pg_i64(rows, 0, 0);
    out->at_least = found > DM_PG_TOTAL_MAX;
    out->n = out->at_least ? DM_PG_TOTAL_MAX : found;
    return 0;
}
