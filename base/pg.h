/* base/pg.h: PostgreSQL. One statement is one static dm_pg_stmt: prepared on first use of a connection, given
 * parameters only, and said to return nothing, one row, at most one, or rows; another shape is an error, never a
 * surprise. Work happens in dm_pg_tx, which sets the row-level security scope, commits, and runs the callback again
 * after a serialization failure or a deadlock: so the callback touches nothing but the database and its own out
 * values. */
#ifndef DM_BASE_PG_H
#define DM_BASE_PG_H

#include "base/buf.h"
#include "base/log.h"

enum dm_pg_shape { DM_PG_NONE, DM_PG_ONE, DM_PG_MAYBE, DM_PG_ROWS };

typedef struct dm_pg_stmt {
    const char *name; /* unique in the program */
    const char *sql;
    enum dm_pg_shape shape;
} dm_pg_stmt;

typedef struct dm_pg_arg {
    enum { DM_PG_NULL_ARG, DM_PG_TEXT_ARG, DM_PG_BYTES_ARG, DM_PG_I64_ARG, DM_PG_BOOL_ARG } type;
    dm_str s;
    int64_t i;
} dm_pg_arg;

static inline DM_UNUSED dm_pg_arg dm_pa_null(void)
{
    return (dm_pg_arg){.type = DM_PG_NULL_ARG};
}

static inline DM_UNUSED dm_pg_arg dm_pa_text(dm_str s) /* .p NULL is SQL null; also numerics, JSON, uuids as text */
{
    return (dm_pg_arg){.type = s.p != NULL ? DM_PG_TEXT_ARG : DM_PG_NULL_ARG, .s = s};
}

static inline DM_UNUSED dm_pg_arg dm_pa_c(const char *z)
{
    return dm_pa_text(dm_str_c(z));
}

static inline DM_UNUSED dm_pg_arg dm_pa_bytes(const void *p, size_t n) /* bytea */
{
    return (dm_pg_arg){.type = p != NULL ? DM_PG_BYTES_ARG : DM_PG_NULL_ARG, .s = {p, n}};
}

static inline DM_UNUSED dm_pg_arg dm_pa_i64(int64_t i)
{
    return (dm_pg_arg){.type = DM_PG_I64_ARG, .i = i};
}

static inline DM_UNUSED dm_pg_arg dm_pa_bool(bool b)
{
    return (dm_pg_arg){.type = DM_PG_BOOL_ARG, .i = b};
}

enum { DM_PG_ARGS_MAX = 40 };

typedef struct dm_pg dm_pg; /* one connection */
typedef struct dm_pg_rows dm_pg_rows;
typedef struct dm_pg_pool dm_pg_pool;

typedef struct dm_pg_config {
    const char *conninfo;
    unsigned max;          /* connections */
    unsigned wait_ms;      /* for a free one; then DM_E_UNAVAILABLE */
    unsigned statement_ms; /* statement_timeout */
    dm_log *log;
} dm_pg_config;

/* Connects to nothing yet: a database that is away is found out by the first transaction (DM_E_UNAVAILABLE). A server
 * that was restarted is noticed when a connection is taken. free: no transaction may be under way. */
int dm_pg_pool_new(const dm_pg_config *config, dm_pg_pool **out, dm_err *err) DM_NODISCARD;
void dm_pg_pool_free(dm_pg_pool *p);
DM_DEFINE_FREEP(dm_pg_pool)

typedef struct dm_pg_scope {
    int64_t account_no; /* 0: nobody; row-level security then shows no tenant's rows */
    int64_t project_no;
    int64_t person_no; /* whose own rows; the same for an operator */
    int64_t operator_no;
    bool serializable; /* default is READ COMMITTED */
    bool snapshot;     /* all its statements see one moment (REPEATABLE READ): for what reads much and writes nothing */
    bool read_only;
    bool flush_later; /* its commit does not wait for the disk: a crash of the server may take it away, whole, as if it
                         had never been, unless a later commit anywhere has waited. For an act whose own next
                         transaction waits before anybody is told: what rows it locks is let go at once */
} dm_pg_scope;

/* fn returns 0 to commit, anything else to roll back; that value is returned. DM_E_CONFLICT after 8 tries. A statement
 * that failed spoils the transaction, whatever fn makes of it (use ON CONFLICT instead of catching). A connection lost
 * on the way is DM_E_UNAVAILABLE and not tried again; when it was lost in the COMMIT the message says that its fate is
 * unknown. The settings dm.account_no, dm.project_no, dm.person_no and dm.operator_no hold the scope's numbers in
 * decimal; "0", or nothing, for nobody. One transaction at a time in a thread. */
typedef int (*dm_pg_fn)(dm_pg *c, void *arg, dm_err *err);
int dm_pg_tx(dm_pg_pool *p, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* How many wait for a connection, now. */
unsigned dm_pg_pool_waiting(dm_pg_pool *p);

/* Inside a transaction. out may be NULL when no rows are wanted; *changed (may be NULL) is the number of rows touched.
 * A unique or exclusion violation is DM_E_EXISTS; a check, foreign key or not-null violation and bad data (SQLSTATE 22)
 * DM_E_INVALID; statement_timeout and lock_timeout DM_E_TIMEOUT; no_data_found NOTFOUND; another shape of result,
 * missing rights and all else DM_E_INTERNAL. SQLSTATE and the constraint's name stand in the message. */
int dm_pg_exec(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_rows **out, int64_t *changed,
        dm_err *err) DM_NODISCARD;

/* The same, and the commit with it, in one round trip: what it did stays, whatever it answers and whatever the callback
 * makes of that, so a statement that may say no does nothing then. It is the last: after it the callback asks the
 * database nothing more. When it fails nothing stays, unless the message says that this is not known. */
int dm_pg_exec_last(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_rows **out, int64_t *changed,
        dm_err *err) DM_NODISCARD;

/* Many executions in one round trip (pipeline mode): add each, then flush (a later exec or the commit does it, too). No
 * results are kept, but shapes are checked; the first failure is reported and the transaction is lost. add may flush by
 * itself, to stay within 1 MiB and some hundred statements. */
int dm_pg_batch_add(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_err *err) DM_NODISCARD;
int dm_pg_batch_flush(dm_pg *c, dm_err *err) DM_NODISCARD;

void dm_pg_rows_free(dm_pg_rows *r);
DM_DEFINE_FREEP(dm_pg_rows)
size_t dm_pg_count(const dm_pg_rows *r); /* NULL: 0 */
bool dm_pg_is_null(const dm_pg_rows *r, size_t row, unsigned col);
/* Borrowed until the rows are freed; empty for null. bytea comes out as its bytes. */
dm_str dm_pg_str(const dm_pg_rows *r, size_t row, unsigned col);
int64_t dm_pg_i64(const dm_pg_rows *r, size_t row, unsigned col); /* 0 for null; asserts that it is a number */
bool dm_pg_bool(const dm_pg_rows *r, size_t row, unsigned col);
/* A bytea of a fixed size (an id, a hash, a key) into to. DM_E_CORRUPT when it has another one, or is null. */
int dm_pg_bytes(const dm_pg_rows *r, size_t row, unsigned col, void *to, size_t n, dm_err *err) DM_NODISCARD;

/* Whole numbers as an array, as SQL takes it: "{7,12}". They are stride bytes apart, which is where one stands in a row
 * of structs. out is begun here, and done by the caller. */
int dm_pg_list(dm_buf *out, const int64_t *first, size_t n, size_t stride, dm_err *err) DM_NODISCARD;
/* n rows of arguments, width each (DM_PG_ARGS_MAX at most), as as many arrays, one a column, for a statement that is to
 * do for all what it would do for one (unnest). They stand in text, which the caller has begun, and ends. */
int dm_pg_columns(
        dm_buf *text, const dm_pg_arg *rows, size_t n, size_t width, dm_pg_arg *out, dm_err *err) DM_NODISCARD;

/* Columns into a struct, a field a column: the table stands beside the statement whose columns it names. */
typedef struct dm_pg_field {
    enum {
        DM_COL_I64,  /* int64_t; 0 for null */
        DM_COL_BOOL, /* bool; false for null */
        DM_COL_STR,  /* dm_str, borrowed until the rows are freed; empty for null */
        DM_COL_MAYBE /* the same; .p NULL for null */
    } type;
    size_t offset;
} dm_pg_field;

/* The columns from first on. */
void dm_pg_read(const dm_pg_rows *r, size_t row, unsigned first, const dm_pg_field *fields, size_t n, void *out);

/* How many rows there are, of a count that looks no further than DM_PG_TOTAL_MAX: so it costs the same in a list of
 * millions. Its statement is DM_PG_COUNT of "FROM ... WHERE ...", and of shape DM_PG_ONE. out NULL: nothing is asked.
 */
enum { DM_PG_TOTAL_MAX = 1000 };
typedef struct dm_pg_total {
    int64_t n;
    bool at_least; /* there are more than n */
} dm_pg_total;
#define DM_PG_COUNT(from) "SELECT count(*) FROM (SELECT " from " LIMIT 1001) n"
int dm_pg_count_of(
        dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_pg_total *out, dm_err *err) DM_NODISCARD;

/* A connection of its own outside any pool, for migrations, LISTEN and the meter's fence. It is never opened again by
 * itself (a session lock would be gone): once lost, everything on it is DM_E_UNAVAILABLE. No statement_timeout but what
 * conninfo says. */
int dm_pg_open(const char *conninfo, dm_pg **out, dm_err *err) DM_NODISCARD;
/* The same conninfo, by which the server knows its sessions as name (application_name), of letters, digits and '-'. */
int dm_pg_called(const char *conninfo, const char *name, char *out, size_t size, dm_err *err) DM_NODISCARD;
void dm_pg_close(dm_pg *c);
/* Plain text of several statements, without parameters; inside a transaction, too, which it must not end. No COPY. */
int dm_pg_script(dm_pg *c, const char *sql, dm_err *err) DM_NODISCARD;
int dm_pg_tx_on(dm_pg *c, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* What was notified, and where. */
typedef struct dm_pg_note {
    char channel[64];
    dm_buf payload; /* the caller's, initialised */
} dm_pg_note;
/* Waits up to wait_ms for a notification; 0 got one, DM_E_TIMEOUT else. */
int dm_pg_wait_notify(dm_pg *c, unsigned wait_ms, dm_pg_note *out, dm_err *err) DM_NODISCARD;

#endif
