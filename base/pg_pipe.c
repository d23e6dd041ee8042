/* Statements on their way to the server and their answers on the way back.
 *
 * The extended protocol takes Parse, Bind and Execute apart, and in pipeline mode libpq lets us send on without an
 * answer. The server answers in order and, after an error, skips everything up to the next Sync. We keep the same order
 * in `owed`, a record for each message that will be answered, and take the answers off when somebody wants one. Nothing
 * else may read from the connection: one answer too many or too few, and each statement would be given its neighbour's
 * rows. Hence the checks that a result is followed by an end and all of them by the sync; where they do not hold the
 * connection has lost step and is thrown away, never resynchronised by guessing.
 *
 * A statement is prepared when a connection first uses it, in the same packet as its first execution, and noted at
 * once: a second use in the same pipeline must not prepare it again. If the server then refuses it, settling takes the
 * note back. A preparation that is merely skipped, because something before it failed, is refused as well, and so is
 * made again the next time; a name that exists already would be an error, so a wrong note in either direction breaks
 * the connection's next use of it. Preparations outlive the transaction they were sent in, even one that is rolled
 * back. 26000 (the server has forgotten it) and 0A000 (its table has another shape since a migration) doom the
 * connection: a new one prepares anew.
 *
 * Both sides may fill their sockets: the server stops reading while we do not take its answers, and a blocking send
 * would then wait for ever. So the socket does not block, what is owed is bounded in number and bytes, and a wait looks
 * for both directions at once. Parameters are text in one buffer whose room is taken first, because libpq keeps
 * pointers into it until it has copied them; bytea goes as bytes.
 *
 * Which statement failed is known by its place in `owed`; what is told is SQLSTATE, constraint and the server's primary
 * message. Detail and hint stay away: they quote values. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/pg_conn.h"

enum { BATCH_BYTES_MAX = 1 << 20 };

/* --- what went wrong ---------------------------------------------------------------------------------------- */

/* The first row whose prefix fits. */
static const struct {
    const char *prefix;
    int code;
} sqlstates[] = {
        {"23505", DM_E_EXISTS},      /* unique */
        {"23P01", DM_E_EXISTS},      /* exclusion */
        {"23", DM_E_INVALID},        /* check, foreign key, not null */
        {"22", DM_E_INVALID},        /* data: out of range, not UTF-8, no uuid */
        {"40001", DM_E_CONFLICT},    /* serialization */
        {"40P01", DM_E_CONFLICT},    /* deadlock */
        {"55P03", DM_E_TIMEOUT},     /* lock_timeout */
        {"57014", DM_E_TIMEOUT},     /* statement_timeout */
        {"57P", DM_E_UNAVAILABLE},   /* shutting down, starting up */
        {"25P03", DM_E_UNAVAILABLE}, /* idle in transaction for too long */
        {"08P01", DM_E_INTERNAL},    /* we broke the protocol: a wrong number of parameters */
        {"08", DM_E_UNAVAILABLE},    /* connection */
        {"53", DM_E_UNAVAILABLE},    /* disk, memory, connections */
        {"P0002", DM_E_NOTFOUND},    /* no_data_found, raised by a function of ours */
        {"", DM_E_INTERNAL},
};

static int code_of(const char *sqlstate)
{
    size_t i = 0;

    while (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) != 0)
        i++;
    return sqlstates[i].code;
}

int dm_pg_lost(dm_pg *c, dm_err *err)
{
    dm_str words = dm_str_trim(dm_str_c(PQerrorMessage(c->conn)));

    c->lost = true;
    return dm_fail(err, DM_E_UNAVAILABLE, "the connection to the database is lost: %.*s",
            (int)(words.n < 160 ? words.n : 160), words.p);
}

static int fail_result(dm_pg *c, const PGresult *res, const dm_pg_stmt *st, dm_err *err)
{
    const char *name = st != NULL ? st->name : "transaction";
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (state == NULL)
        return PQstatus(c->conn) == CONNECTION_BAD
                       ? dm_pg_lost(c, err)
                       : dm_fail(err, DM_E_INTERNAL, "%s: %s", name, PQresultErrorMessage(res));
    int code = code_of(state);
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
        c->retry = true;
    /* A prepared statement that the server has forgotten, or whose table has changed its shape. */
    if (strcmp(state, "26000") == 0 || strcmp(state, "0A000") == 0)
        c->doomed = true;
    if (PQstatus(c->conn) == CONNECTION_BAD)
        c->lost = true;
    return dm_fail(err, code, "%s: SQLSTATE %s%s%s: %s", name, state, constraint != NULL ? ", constraint " : "",
            constraint != NULL ? constraint : "", words != NULL ? words : "");
}

int dm_pg_keep_failure(dm_pg *c, int r, const dm_err *why)
{
    if (c->in_tx && !c->failed) {
        c->failed = true;
        c->why = *why;
    }
    return r;
}

int dm_pg_give_failure(const dm_err *why, dm_err *err)
{
    if (err != NULL)
        *err = *why;
    return why->code;
}

/* --- waiting ------------------------------------------------------------------------------------------------ */

/* Sends what is buffered and takes in what has come, once, waiting until there is something to do. */
static int pump(dm_pg *c, int64_t until, dm_err *err)
{
    int pending = PQflush(c->conn);
    struct pollfd p = {.fd = PQsocket(c->conn), .events = POLLIN};

    if (pending < 0)
        return dm_pg_lost(c, err);
    if (pending > 0)
        p.events |= POLLOUT;
    int64_t left = until - dm_mono_ms(&dm_clock_real);
    int n = left > 0 ? poll(&p, 1, (int)(left < DM_PG_WAIT_MOST_MS ? left : DM_PG_WAIT_MOST_MS)) : 0;
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0) {
        c->lost = true;
        return dm_fail(err, DM_E_UNAVAILABLE, "the database does not answer");
    }
    if ((p.revents & ~POLLOUT) != 0 && PQconsumeInput(c->conn) == 0)
        return dm_pg_lost(c, err);
    return 0;
}

int dm_pg_next_result(dm_pg *c, int64_t until, PGresult **out, dm_err *err)
{
    if (PQflush(c->conn) < 0)
        return dm_pg_lost(c, err);
    while (PQisBusy(c->conn)) {
        int r = pump(c, until, err);
        if (r < 0)
            return r;
    }
    *out = PQgetResult(c->conn);
    return 0;
}

/* --- statements: sending ------------------------------------------------------------------------------------ */

static dm_pg_prepared *find_prepared(dm_pg *c, const dm_pg_stmt *st)
{
    size_t i = (size_t)(((uintptr_t)st >> 4) * 0x9e3779b97f4a7c15u >> 32) % DM_PG_PREPARED_SLOTS;

    while (c->prepared[i].st != NULL && c->prepared[i].st != st)
        i = (i + 1) % DM_PG_PREPARED_SLOTS;
    return &c->prepared[i];
}

static int owe(dm_pg *c, enum dm_pg_owed_kind kind, const dm_pg_stmt *st, int sent, dm_err *err)
{
    if (sent != 1)
        return dm_pg_lost(c, err);
    assert(c->nowed < DM_PG_OWED_MAX);
    c->owed[c->nowed++] = (dm_pg_owed){kind, st};
    return 0;
}

static int prepare(dm_pg *c, const dm_pg_stmt *st, dm_err *err)
{
    dm_pg_prepared *p = find_prepared(c, st);

    if (p->there)
        return 0;
    if (p->st == NULL && c->nprepared == DM_PG_PREPARED_MAX)
        return dm_fail(err, DM_E_INTERNAL, "%s: more than %d statements", st->name, DM_PG_PREPARED_MAX);
    int r = owe(c, DM_PG_OWED_PREPARE, st, PQsendPrepare(c->conn, st->name, st->sql, 0, NULL), err);
    if (r < 0)
        return r;
    if (p->st == NULL)
        c->nprepared++;
    *p = (dm_pg_prepared){st, true}; /* settle takes it back if the server refuses */
    return 0;
}

typedef struct params {
    const char *values[DM_PG_ARGS_MAX];
    int lengths[DM_PG_ARGS_MAX];
    int formats[DM_PG_ARGS_MAX];
    char numbers[DM_PG_ARGS_MAX][24];
} params;

static int set_param(dm_pg *c, params *p, size_t i, const dm_pg_arg *a, dm_err *err)
{
    p->lengths[i] = 0;
    p->formats[i] = 0;
    switch (a->type) {
    case DM_PG_NULL_ARG:
        p->values[i] = NULL;
        break;
    case DM_PG_TEXT_ARG:
        if (a->s.n > 0 && memchr(a->s.p, '\0', a->s.n) != NULL)
            return dm_fail(err, DM_E_INVALID, "parameter %zu: a NUL byte in text", i + 1);
        p->values[i] = c->scratch.p + c->scratch.len;
        if (dm_buf_str(&c->scratch, a->s) < 0 || dm_buf_ch(&c->scratch, '\0') < 0)
            return dm_buf_ok(&c->scratch, err);
        break;
    case DM_PG_BYTES_ARG:
        p->values[i] = a->s.p;
        p->lengths[i] = (int)a->s.n;
        p->formats[i] = 1;
        break;
    case DM_PG_I64_ARG:
        (void)snprintf(p->numbers[i], sizeof p->numbers[i], "%lld", (long long)a->i);
        p->values[i] = p->numbers[i];
        break;
    case DM_PG_BOOL_ARG:
        p->values[i] = a->i != 0 ? "t" : "f";
        break;
    }
    return 0;
}

/* All text goes into one buffer whose room is taken first, so that it does not move. */
static int set_params(dm_pg *c, params *p, const dm_pg_arg *args, size_t n, dm_err *err)
{
    size_t bytes = 0, text = 0;

    for (size_t i = 0; i < n; i++) {
        if (args[i].s.n > DM_PG_SCRATCH_MAX || bytes + args[i].s.n > DM_PG_SCRATCH_MAX)
            return dm_fail(err, DM_E_LIMIT, "parameters of more than %d bytes", DM_PG_SCRATCH_MAX);
        bytes += args[i].s.n;
        text += args[i].type == DM_PG_TEXT_ARG ? args[i].s.n + 1 : 0;
    }
    c->owed_bytes += bytes;
    dm_buf_reset(&c->scratch);
    if (text > 0 && dm_buf_want(&c->scratch, text) == NULL)
        return dm_buf_ok(&c->scratch, err);
    for (size_t i = 0; i < n; i++) {
        int r = set_param(c, p, i, &args[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

int dm_pg_send(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err)
{
    params p;

    if (c->failed)
        return dm_pg_give_failure(&c->why, err);
    if (!c->in_tx || n > DM_PG_ARGS_MAX)
        return dm_fail(err, DM_E_INTERNAL, "%s: %s", st->name, c->in_tx ? "too many arguments" : "no transaction");
    int r = 0;
    if (c->nowed + 3 > DM_PG_OWED_MAX || c->owed_bytes > BATCH_BYTES_MAX)
        r = dm_pg_settle(c, NULL, NULL, err);
    if (r == 0)
        r = set_params(c, &p, args, n, err);
    if (r == 0)
        r = prepare(c, st, err);
    if (r == 0)
        r = owe(c, DM_PG_OWED_QUERY, st,
                PQsendQueryPrepared(c->conn, st->name, (int)n, p.values, p.lengths, p.formats, 0), err);
    return r;
}

/* BEGIN, COMMIT, ROLLBACK. There is always room for them: send_stmt leaves some. */
int dm_pg_control(dm_pg *c, const char *sql, dm_err *err)
{
    return owe(c, DM_PG_OWED_CONTROL, NULL, PQsendQueryParams(c->conn, sql, 0, NULL, NULL, NULL, NULL, 0), err);
}

/* --- statements: answers ------------------------------------------------------------------------------------ */

static int check_shape(const PGresult *res, const dm_pg_stmt *st, dm_err *err)
{
    bool tuples = PQresultStatus(res) == PGRES_TUPLES_OK;
    int n = PQntuples(res);
    bool ok = false;

    switch (st->shape) {
    case DM_PG_NONE:
        ok = !tuples;
        break;
    case DM_PG_ONE:
        ok = tuples && n == 1;
        break;
    case DM_PG_MAYBE:
        ok = tuples && n <= 1;
        break;
    case DM_PG_ROWS:
        ok = tuples;
        break;
    }
    if (ok)
        return 0;
    return dm_fail(err, DM_E_INTERNAL, "%s: %s%d rows are not the shape of this statement", st->name,
            tuples ? "" : "no result, ", n);
}

int dm_pg_check_result(dm_pg *c, const PGresult *res, const dm_pg_owed *o, dm_err *err)
{
    ExecStatusType status = PQresultStatus(res);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return o->kind == DM_PG_OWED_QUERY ? check_shape(res, o->st, err) : 0;
    if (status == PGRES_FATAL_ERROR)
        return fail_result(c, res, o->st, err);
    if (status == PGRES_PIPELINE_ABORTED)
        return dm_fail(err, DM_E_INTERNAL, "an earlier statement failed");
    c->lost = true; /* COPY and the like: we do not speak it */
    return dm_fail(err, DM_E_INTERNAL, "%s: %s", o->st != NULL ? o->st->name : "transaction", PQresStatus(status));
}

/* The one result of one owed statement. */
static int take_owed(dm_pg *c, int64_t until, const dm_pg_owed *o, PGresult **out, dm_err *err)
{
    PGresult *res = NULL, *end = NULL;
    int r = dm_pg_next_result(c, until, &res, err);

    if (r < 0)
        return r;
    if (res == NULL)
        return dm_pg_lost(c, err);
    r = dm_pg_check_result(c, res, o, err);
    if (r < 0 && o->kind == DM_PG_OWED_PREPARE)
        find_prepared(c, o->st)->there = false;
    dm_err ignored;
    if (!c->lost && (dm_pg_next_result(c, until, &end, &ignored) < 0 || end != NULL)) {
        c->lost = true;
        if (r == 0)
            r = dm_fail(err, DM_E_UNAVAILABLE, "the connection to the database is lost in an answer");
    }
    PQclear(end);
    *out = res;
    return r;
}

static void keep_result(PGresult **place, PGresult *res)
{
    PQclear(*place);
    *place = res;
}

int dm_pg_settle(dm_pg *c, PGresult **last, PGresult **control, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + c->wait_ms;
    PGresult *kept[2] = {NULL, NULL}, *sync = NULL; /* of statements, and of BEGIN and kin */
    dm_err first = {0};
    int r = 0;

    if (c->lost || PQpipelineSync(c->conn) != 1)
        r = dm_pg_lost(c, &first);
    for (size_t i = 0; i < c->nowed && !c->lost; i++) {
        dm_err e = {0};
        PGresult *res = NULL;
        int one = take_owed(c, until, &c->owed[i], &res, &e);
        keep_result(&kept[c->owed[i].kind == DM_PG_OWED_CONTROL], res);
        if (one < 0 && r == 0) {
            r = one;
            first = e;
        }
    }
    dm_err e = {0};
    if (!c->lost) {
        int got = dm_pg_next_result(c, until, &sync, &e);
        if (got < 0 || PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
            c->lost = true;
        if (c->lost && r == 0)
            r = got < 0 ? dm_pg_give_failure(&e, &first) : dm_fail(&first, DM_E_UNAVAILABLE, "the database lost step");
        PQclear(sync);
    }
    c->nowed = 0;
    c->owed_bytes = 0;
    PGresult **const wanted[2] = {last, control};
    for (size_t i = 0; i < DM_LEN(wanted); i++) {
        if (r == 0 && wanted[i] != NULL)
            *wanted[i] = kept[i];
        else
            PQclear(kept[i]);
    }
    return r == 0 ? 0 : dm_pg_keep_failure(c, dm_pg_give_failure(&first, err), &first);
}
