#include <stddef.h>

#include "tenants/sandbox/sql.h"

/* One list of columns for every statement that reads rows: first those that need a look, in the order of COL_*, then
 * those of row_fields. */
#define COLUMNS_WITH(sealed)                                                                                           \
    "s.sandbox_id, s.state, s.cause, s.allow_internet, s.account_no, s.project_no, s.epoch, s.detail, s.region_no,"    \
    " s.worker_no, s.address, s.key_no, s.template_id, s.build_id, s.alias, s.asked_vcpus, s.asked_mem_mib,"           \
    " s.spec_table, s.spec, s.disk_mib, s.secure, " sealed ", s.metadata, s.network,"                                  \
    " s.pause_on_timeout, s.auto_resume, s.timeout_s, s.previous_attestation, dm.us(s.created_at),"                    \
    " dm.us(s.started_at), dm.us(s.end_at), dm.us(s.paused_at), dm.us(s.ended_at), s.ordered_by, s.unanswered,"        \
    " s.image_mib, s.idle_s, s.parent_id"
#define COLUMNS COLUMNS_WITH("s.token_sealed, s.env_sealed")
/* What is sealed is not for operators and workers' reports. */
#define COLUMNS_OPEN COLUMNS_WITH("NULL::bytea, NULL::bytea")

enum { COL_ID, COL_STATE, COL_CAUSE, COL_ALLOW_INTERNET, COL_FIELDS };

static const dm_pg_field row_fields[] = {
        {DM_COL_I64, offsetof(dm_sandbox, owner.account.v)},
        {DM_COL_I64, offsetof(dm_sandbox, owner.project.v)},
        {DM_COL_I64, offsetof(dm_sandbox, epoch)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, detail)},
        {DM_COL_I64, offsetof(dm_sandbox, region_no)},
        {DM_COL_I64, offsetof(dm_sandbox, worker.v)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, address)},
        {DM_COL_I64, offsetof(dm_sandbox, key.v)},
        {DM_COL_STR, offsetof(dm_sandbox, template_id)},
        {DM_COL_STR, offsetof(dm_sandbox, build_id)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, alias)},
        {DM_COL_I64, offsetof(dm_sandbox, asked_vcpus)},
        {DM_COL_I64, offsetof(dm_sandbox, asked_mem_mib)},
        {DM_COL_I64, offsetof(dm_sandbox, spec_table)},
        {DM_COL_I64, offsetof(dm_sandbox, spec)},
        {DM_COL_I64, offsetof(dm_sandbox, disk_mib)},
        {DM_COL_BOOL, offsetof(dm_sandbox, secure)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, token_sealed)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, env_sealed)},
        {DM_COL_STR, offsetof(dm_sandbox, metadata)},
        {DM_COL_STR, offsetof(dm_sandbox, network)},
        {DM_COL_BOOL, offsetof(dm_sandbox, pause_on_timeout)},
        {DM_COL_BOOL, offsetof(dm_sandbox, auto_resume)},
        {DM_COL_I64, offsetof(dm_sandbox, timeout_s)},
        {DM_COL_MAYBE, offsetof(dm_sandbox, previous_attestation)},
        {DM_COL_I64, offsetof(dm_sandbox, created_us)},
        {DM_COL_I64, offsetof(dm_sandbox, started_us)},
        {DM_COL_I64, offsetof(dm_sandbox, end_us)},
        {DM_COL_I64, offsetof(dm_sandbox, paused_us)},
        {DM_COL_I64, offsetof(dm_sandbox, ended_us)},
        {DM_COL_I64, offsetof(dm_sandbox, ordered_by)},
        {DM_COL_I64, offsetof(dm_sandbox, unanswered)},
        {DM_COL_I64, offsetof(dm_sandbox, image_mib)},
        {DM_COL_I64, offsetof(dm_sandbox, idle_s)},
};

/* Behind them. */
enum { COL_PARENT = COL_FIELDS + (int)DM_LEN(row_fields) };

int dm_sandbox_read(const dm_pg_rows *r, size_t i, dm_sandbox *out, dm_err *err)
{
    dm_sandbox s = {.allow_internet = -1};
    dm_pg_read(r, i, COL_FIELDS, row_fields, DM_LEN(row_fields), &s);
    if (!dm_pg_is_null(r, i, COL_ALLOW_INTERNET))
        s.allow_internet = dm_pg_bool(r, i, COL_ALLOW_INTERNET) ? 1 : 0;
    int e = dm_pg_bytes(r, i, COL_ID, s.id.b, sizeof s.id.b, err);
    if (e == 0)
        e = dm_sandbox_state_parse(dm_pg_str(r, i, COL_STATE), &s.state, err);
    if (e == 0 && !dm_pg_is_null(r, i, COL_CAUSE))
        e = dm_cause_parse(dm_pg_str(r, i, COL_CAUSE), &s.cause, err);
    if (e == 0 && !dm_pg_is_null(r, i, COL_PARENT)) {
        s.forked = true;
        e = dm_pg_bytes(r, i, COL_PARENT, s.parent.b, sizeof s.parent.b, err);
    }
    if (e == 0)
        *out = s;
    return e < 0 ? dm_wrap(err, "row %zu of sandbox", i) : 0;
}

/* --- one ---------------------------------------------------------------------------------------------------- */

static const dm_pg_stmt find = {"sandbox_find",
        "SELECT " COLUMNS " FROM dm.sandbox s"
        " WHERE s.account_no = $1 AND s.project_no = $2 AND s.sandbox_id = $3",
        DM_PG_MAYBE};
static const dm_pg_stmt find_lock = {"sandbox_find_lock",
        "SELECT " COLUMNS " FROM dm.sandbox s"
        " WHERE s.account_no = $1 AND s.project_no = $2 AND s.sandbox_id = $3 FOR UPDATE",
        DM_PG_MAYBE};
static const dm_pg_stmt find_any = {
        "sandbox_find_any", "SELECT " COLUMNS_OPEN " FROM dm.sandbox s WHERE s.sandbox_id = $1", DM_PG_MAYBE};
static const dm_pg_stmt find_any_lock = {"sandbox_find_any_lock",
        "SELECT " COLUMNS_OPEN " FROM dm.sandbox s WHERE s.sandbox_id = $1 FOR UPDATE", DM_PG_MAYBE};

void dm_sandbox_one_done(dm_sandbox_one *o)
{
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
}

static int found(dm_sandbox_one *o, dm_err *err)
{
    return dm_pg_count(o->rows) == 0 ? DM_SANDBOX_NONE : dm_sandbox_read(o->rows, 0, &o->s, err);
}

static int find_one(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_sandbox_one *o, dm_err *err)
{
    dm_sandbox_one_done(o);
    int r = dm_pg_exec(c, st, args, n, &o->rows, NULL, err);
    return r < 0 ? r : found(o, err);
}

int dm_sandbox_find(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, bool lock, dm_sandbox_one *o, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b)};
    return find_one(c, lock ? &find_lock : &find, args, DM_LEN(args), o, err);
}

int dm_sandbox_look(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, dm_sandbox_one *o, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b)};
    dm_sandbox_one_done(o);
    int r = dm_pg_exec_last(c, &find, args, DM_LEN(args), &o->rows, NULL, err);
    return r < 0 ? r : found(o, err);
}

int dm_sandbox_find_any(dm_pg *c, const dm_sandbox_id *id, bool lock, dm_sandbox_one *o, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_bytes(id->b, sizeof id->b)};
    return find_one(c, lock ? &find_any_lock : &find_any, args, DM_LEN(args), o, err);
}

static dm_pg_arg id_arg(const dm_sandbox *s)
{
    return dm_pa_bytes(s->id.b, sizeof s->id.b);
}

static dm_pg_arg worker_arg(dm_worker_no no)
{
    return no.v != 0 ? dm_pa_i64((int64_t)no.v) : dm_pa_null();
}

static dm_pg_arg time_arg(int64_t us)
{
    return us != 0 ? dm_pa_i64(us) : dm_pa_null();
}

static dm_pg_arg bytes_arg(dm_str s)
{
    return dm_pa_bytes(s.p, s.n);
}

static dm_pg_arg cause_arg(dm_cause cause)
{
    return cause != DM_CAUSE_NONE ? dm_pa_c(dm_cause_get(cause)->name) : dm_pa_null();
}

/* --- several at once ---------------------------------------------------------------------------------------- */

enum { ROUND_TEXT_MAX = 32 << 20 };

/* n rows of what is asked, width each, as the arrays of a statement whose first arguments are already in args. */
typedef struct round_args {
    dm_pg_arg *rows;
    dm_buf text;
    dm_pg_arg args[DM_PG_ARGS_MAX];
} round_args;

static void round_args_done(round_args *a)
{
    free(a->rows);
    dm_buf_done(&a->text);
}

static int round_args_new(round_args *a, size_t n, size_t width, dm_err *err)
{
    dm_buf_init(&a->text, ROUND_TEXT_MAX);
    a->rows = calloc(n, width * sizeof a->rows[0]);
    return a->rows != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for %zu sandboxes at once", n);
}

/* Which of n a row of the answer is about. */
static int place_of(const dm_pg_rows *rows, size_t row, size_t n, size_t *out, dm_err *err)
{
    int64_t at = dm_pg_i64(rows, row, 0);
    if (at < 1 || (uint64_t)at > n)
        return dm_fail(err, DM_E_INTERNAL, "an answer about the %lldth of %zu", (long long)at, n);
    *out = (size_t)at - 1;
    return 0;
}

static const dm_pg_stmt start = {"sandbox_start",
        "SELECT q.at, q.worker_no, " DM_SQL_QUOTA_MET " FROM dm.start_all($1::int, $2::int, $3::bigint[], $4::int[],"
        " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
        " $12::bigint[], $13::bytea[], $14::int[], $15::smallint[], $16::bigint[], $17::text[], $18::uuid[],"
        " $19::text[], $20::int[], $21::int[], $22::smallint[], $23::smallint[], $24::int[], $25::boolean[],"
        " $26::bytea[], $27::bytea[], $28::jsonb[], $29::jsonb[], $30::boolean[], $31::boolean[], $32::boolean[],"
        " $33::int[], $34::bigint[], $35::int[], $36::text[], $37::text[], $38::bigint[], $39::bytea[], $40::int[]) q",
        DM_PG_ROWS};
enum { START_FIRST = 2, START_OWN = 28, START_WIDTH = DM_SQL_QUOTA_ARGS + START_OWN };

static void start_row(const dm_sql_start *a, dm_pg_arg out[START_WIDTH])
{
    const dm_sandbox *s = a->s;
    const dm_pg_arg own[START_OWN] = {id_arg(s), dm_pa_i64(s->epoch), dm_pa_i64(s->region_no), dm_pa_i64(s->key.v),
            dm_pa_text(s->template_id), dm_pa_text(s->build_id), dm_pa_text(s->alias), dm_pa_i64(s->asked_vcpus),
            dm_pa_i64(s->asked_mem_mib), dm_pa_i64(s->spec_table), dm_pa_i64(s->spec), dm_pa_i64(s->disk_mib),
            dm_pa_bool(s->secure), bytes_arg(s->token_sealed), bytes_arg(s->env_sealed), dm_pa_text(s->metadata),
            dm_pa_text(s->network), s->allow_internet < 0 ? dm_pa_null() : dm_pa_bool(s->allow_internet != 0),
            dm_pa_bool(s->pause_on_timeout), dm_pa_bool(s->auto_resume), dm_pa_i64(s->timeout_s),
            dm_pa_i64(s->created_us), dm_pa_i64(s->ordered_by), dm_pa_c(a->why), dm_pa_c(a->who), worker_arg(a->on),
            s->forked ? dm_pa_bytes(s->parent.b, sizeof s->parent.b) : dm_pa_null(), dm_pa_i64(s->idle_s)};
    dm_sql_quota_args(s->owner, a->size, a->limits, out);
    memcpy(out + DM_SQL_QUOTA_ARGS, own, sizeof own);
}

static int read_started(const dm_pg_rows *rows, dm_sql_start *all, size_t n, dm_err *err)
{
    if (dm_pg_count(rows) != n)
        return dm_fail(err, DM_E_INTERNAL, "%zu answers about %zu sandboxes", dm_pg_count(rows), n);
    for (size_t i = 0; i < n; i++) {
        size_t at;
        int r = place_of(rows, i, n, &at, err);
        if (r < 0)
            return r;
        all[at].worker.v = (uint64_t)dm_pg_i64(rows, i, 1);
        dm_sql_quota_met(rows, i, 2, &all[at].met);
    }
    return 0;
}

int dm_sql_sandbox_start(dm_pg *c, dm_sql_start *all, size_t n, int64_t lease_s, const dm_sql_round *round, dm_err *err)
{
    __attribute__((cleanup(round_args_done)))
    round_args a = {.args = {dm_pa_i64(round->patience_ms), dm_pa_i64(lease_s)}};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = round_args_new(&a, n, START_WIDTH, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        start_row(&all[i], a.rows + i * START_WIDTH);
    if (r == 0)
        r = dm_pg_columns(&a.text, a.rows, n, START_WIDTH, a.args + START_FIRST, err);
    if (r == 0)
        r = (round->last ? dm_pg_exec_last : dm_pg_exec)(
                c, &start, a.args, START_FIRST + START_WIDTH, &rows, NULL, err);
    return r < 0 ? r : read_started(rows, all, n, err);
}

#define WRITE                                                                                                          \
    "UPDATE dm.sandbox SET state = $6, epoch = $7, cause = $8, detail = $9, worker_no = $10, address = $11,"           \
    " started_at = dm.ts($12), end_at = dm.ts($13), paused_at = dm.ts($14), ended_at = dm.ts($15),"                    \
    " ordered_by = $16, unanswered = $17, image_mib = $18, changed_at = clock_timestamp()"                             \
    " WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3 AND state = $4 AND epoch = $5"
enum { WRITE_ARGS = 18 };

static const dm_pg_stmt write_row = {"sandbox_write", WRITE, DM_PG_NONE};
static const dm_pg_stmt write_step = {"sandbox_step",
        "WITH s AS (" WRITE " RETURNING account_no, project_no, sandbox_id, epoch, state, cause, worker_no)"
        " INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, cause, "
        "why,"
        " who, worker_no) SELECT account_no, project_no, sandbox_id, dm.ts($19), epoch, $4, state, cause, $20::text,"
        " $21::text, worker_no FROM s",
        DM_PG_NONE};

static void write_args(const dm_sandbox *old, const dm_sandbox *next, dm_pg_arg *out)
{
    const dm_pg_arg args[WRITE_ARGS] = {dm_pa_i64(old->owner.account.v), dm_pa_i64(old->owner.project.v), id_arg(old),
            dm_pa_c(dm_sandbox_state_name(old->state)), dm_pa_i64(old->epoch),
            dm_pa_c(dm_sandbox_state_name(next->state)), dm_pa_i64(next->epoch), cause_arg(next->cause),
            dm_pa_text(next->detail), worker_arg(next->worker), dm_pa_text(next->address), time_arg(next->started_us),
            time_arg(next->end_us), time_arg(next->paused_us), time_arg(next->ended_us), dm_pa_i64(next->ordered_by),
            dm_pa_i64(next->unanswered), dm_pa_i64(next->image_mib)};
    memcpy(out, args, sizeof args);
}

int dm_sql_sandbox_write(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, dm_err *err)
{
    dm_pg_arg args[WRITE_ARGS];
    int64_t changed = 0;
    write_args(old, next, args);
    int r = dm_pg_exec(c, &write_row, args, DM_LEN(args), NULL, &changed, err);
    if (r == 0 && changed != 1)
        return dm_fail(err, DM_E_CONFLICT, "the row has moved on");
    return r;
}

enum { STEP_WIDTH = WRITE_ARGS + 3, STEPS_FIRST = 1 };

static void step_row(const dm_sql_step *step, dm_pg_arg out[STEP_WIDTH])
{
    write_args(step->old, step->next, out);
    out[WRITE_ARGS] = dm_pa_i64(step->at_us);
    out[WRITE_ARGS + 1] = dm_pa_c(step->why);
    out[WRITE_ARGS + 2] = dm_pa_c(step->who);
}

int dm_sql_sandbox_step(dm_pg *c, dm_sql_step *step, dm_err *err)
{
    dm_pg_arg args[STEP_WIDTH];
    int64_t added = 0;
    step_row(step, args);
    int r = dm_pg_exec(c, &write_step, args, DM_LEN(args), NULL, &added, err);
    step->moved = r == 0 && added == 1;
    return r;
}

static const dm_pg_stmt steps = {"sandbox_steps",
        "SELECT at FROM dm.step_all($1::int, $2::bigint[], $3::int[], $4::bytea[], $5::text[], $6::int[], $7::text[],"
        " $8::int[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[],"
        " $16::bigint[], $17::int[], $18::int[], $19::bigint[], $20::bigint[], $21::text[], $22::text[]) at",
        DM_PG_ROWS};

int dm_sql_sandbox_steps(dm_pg *c, dm_sql_step *all, size_t n, unsigned patience_ms, dm_err *err)
{
    __attribute__((cleanup(round_args_done))) round_args a = {.args = {dm_pa_i64(patience_ms)}};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = round_args_new(&a, n, STEP_WIDTH, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        step_row(&all[i], a.rows + i * STEP_WIDTH);
        all[i].moved = false;
    }
    if (r == 0)
        r = dm_pg_columns(&a.text, a.rows, n, STEP_WIDTH, a.args + STEPS_FIRST, err);
    if (r == 0)
        r = dm_pg_exec_last(c, &steps, a.args, STEPS_FIRST + STEP_WIDTH, &rows, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        size_t at;
        r = place_of(rows, i, n, &at, err);
        if (r == 0)
            all[at].moved = true;
    }
    return r;
}

/* --- lists -------------------------------------------------------------------------------------------------- */

/* $5 is null or a JSON object, $7 null or a time, $8 null or the cursor. The two orders are two statements, so that
 * each walks the index its own way. */
#define LIST_WHERE                                                                                                     \
    " FROM dm.sandbox s WHERE s.account_no = $1 AND s.project_no = $2 AND s.state <> 'ended'"                          \
    " AND (($3 AND s.state = 'running') OR ($4 AND s.state IN ('pausing', 'paused', 'resuming')))"                     \
    " AND ($5::jsonb IS NULL OR s.metadata @> $5::jsonb) AND ($6::text IS NULL OR s.template_id = $6::text)"           \
    " AND ($7::bigint IS NULL OR s.started_at >= dm.ts($7::bigint))"

static const dm_pg_stmt list_desc = {"sandbox_list_desc",
        "SELECT " COLUMNS LIST_WHERE " AND ($8::bigint IS NULL OR s.started_at < dm.ts($8::bigint)"
        "      OR (s.started_at = dm.ts($8::bigint) AND s.sandbox_id > $9::bytea))"
        " ORDER BY s.started_at DESC, s.sandbox_id LIMIT $10",
        DM_PG_ROWS};
static const dm_pg_stmt list_asc = {"sandbox_list_asc",
        "SELECT " COLUMNS LIST_WHERE " AND ($8::bigint IS NULL OR s.started_at > dm.ts($8::bigint)"
        "      OR (s.started_at = dm.ts($8::bigint) AND s.sandbox_id < $9::bytea))"
        " ORDER BY s.started_at, s.sandbox_id DESC LIMIT $10",
        DM_PG_ROWS};

int dm_sandbox_list(dm_pg *c, dm_owner owner, const dm_sandbox_filter *f, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bool(f->running),
            dm_pa_bool(f->paused), dm_pa_text(f->metadata), dm_pa_text(f->template_id), time_arg(f->started_after_us),
            f->from_cursor ? dm_pa_i64(f->cursor_us) : dm_pa_null(),
            f->from_cursor ? dm_pa_bytes(f->cursor_id.b, sizeof f->cursor_id.b) : dm_pa_null(), dm_pa_i64(f->limit)};
    return dm_pg_exec(c, f->ascending ? &list_asc : &list_desc, args, DM_LEN(args), rows, NULL, err);
}

static const dm_pg_stmt count_running = {"sandbox_count_running",
        "SELECT count(*) FROM dm.sandbox s WHERE s.account_no = $1 AND s.project_no = $2 AND s.state = 'running'"
        " AND ($3::jsonb IS NULL OR s.metadata @> $3::jsonb) AND ($4::text IS NULL OR s.template_id = $4::text)"
        " AND ($5::bigint IS NULL OR s.started_at >= dm.ts($5::bigint))",
        DM_PG_ONE};

int dm_sandbox_count_running(dm_pg *c, dm_owner owner, const dm_sandbox_filter *f, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(f->metadata),
            dm_pa_text(f->template_id), time_arg(f->started_after_us)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &count_running, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

/* $5 is null or a time, $6 null or an array of causes, $7 null or a text. */
#define HISTORY_OF(t)                                                                                                  \
    t ".at >= dm.ts($4) AND ($5::bigint IS NULL OR " t ".at <= dm.ts($5::bigint))"                                     \
      " AND ($6::text[] IS NULL OR " t ".cause = ANY ($6::text[]))"                                                    \
      " AND ($7::text IS NULL OR strpos(" t ".to_state || ': ' || " t ".why, $7::text) > 0)"
#define HISTORY_COLUMNS "at, event_no, epoch, from_state, to_state, cause, why, who"

/* Beside what it went through stands what its project was told while it ran: that a budget is about to end
 * (tenants/plan/alerts.h), and it with it. Those are few, and found by their account. */
#define HISTORY_TOLD                                                                                                   \
    "(SELECT t.* FROM (SELECT n.at, n.alert_no AS event_no, l.epoch, l.to_state AS from_state, l.to_state,"            \
    "  CASE n.budget WHEN 'money' THEN 'spend_cap' ELSE 'allowance_exhausted' END AS cause,"                           \
    "  'the last of the month''s budget is being used; at its end it sleeps' AS why, 'policy:budget' AS who"           \
    "  FROM dm.alert n, LATERAL (SELECT x.epoch, x.to_state FROM dm.sandbox_event x WHERE x.account_no = $1"           \
    "   AND x.project_no = $2 AND x.sandbox_id = $3 AND x.at <= n.at ORDER BY x.at DESC, x.event_no DESC LIMIT 1) l"   \
    "  WHERE n.account_no = $1 AND n.project_no IN (0, $2) AND n.kind = 'last' AND l.to_state = 'running') t"          \
    " WHERE " HISTORY_OF("t") ")"

#define HISTORY(order)                                                                                                 \
    "SELECT dm.us(at), epoch, from_state, to_state, cause, why, who FROM ((SELECT " HISTORY_COLUMNS                    \
    " FROM dm.sandbox_event e WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3 AND " HISTORY_OF(          \
            "e") " ORDER BY " order " LIMIT $8) UNION ALL " HISTORY_TOLD ") h ORDER BY " order " LIMIT $8"

static const dm_pg_stmt history_up = {"sandbox_history_up", HISTORY("at, event_no"), DM_PG_ROWS};
static const dm_pg_stmt history_down = {"sandbox_history_down", HISTORY("at DESC, event_no DESC"), DM_PG_ROWS};

int dm_sandbox_history(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const dm_sandbox_window *window,
        dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b),
            dm_pa_i64(window->from_us), time_arg(window->to_us), dm_pa_text(window->causes),
            window->search.n > 0 ? dm_pa_text(window->search) : dm_pa_null(), dm_pa_i64(window->limit)};
    return dm_pg_exec(c, window->newest_first ? &history_down : &history_up, args, DM_LEN(args), rows, NULL, err);
}

/* --- the door ----------------------------------------------------------------------------------------------- */

/* The state stands first; the rest is door_fields. */
static const dm_pg_stmt at_door = {"sandbox_at_door",
        "SELECT state, account_no, project_no, epoch, door, address, secure, auto_resume, network, token_sealed"
        " FROM dm.find_at_door($1)",
        DM_PG_MAYBE};
static const dm_pg_field door_fields[] = {
        {DM_COL_I64, offsetof(dm_sandbox_at_door, owner.account.v)},
        {DM_COL_I64, offsetof(dm_sandbox_at_door, owner.project.v)},
        {DM_COL_I64, offsetof(dm_sandbox_at_door, epoch)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_at_door, door)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_at_door, address)},
        {DM_COL_BOOL, offsetof(dm_sandbox_at_door, secure)},
        {DM_COL_BOOL, offsetof(dm_sandbox_at_door, auto_resume)},
        {DM_COL_STR, offsetof(dm_sandbox_at_door, network)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_at_door, token_sealed)},
};

int dm_sandbox_find_at_door(dm_pg *c, const dm_sandbox_id *id, dm_sandbox_at_door *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_bytes(id->b, sizeof id->b)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_sandbox_at_door d = {0};
    int r = dm_pg_exec_last(c, &at_door, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_SANDBOX_NONE;
    r = dm_sandbox_state_parse(dm_pg_str(rows, 0, 0), &d.state, err);
    if (r < 0)
        return r;
    dm_pg_read(rows, 0, 1, door_fields, DM_LEN(door_fields), &d);
    d.rows = dm_steal(&rows);
    *out = d;
    return 0;
}

static const dm_pg_stmt signers = {"sandbox_signers",
        "SELECT sandbox_id, token_sealed, dm.us(changed_at) FROM dm.find_signers(dm.ts($1), $2::int)", DM_PG_ROWS};

int dm_sandbox_signers(dm_pg *c, int64_t since_us, int64_t most, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(since_us), dm_pa_i64(most)};
    return dm_pg_exec(c, &signers, args, DM_LEN(args), rows, NULL, err);
}

static const dm_pg_field signer_fields[] = {
        {DM_COL_MAYBE, offsetof(dm_sandbox_signer, token_sealed)},
        {DM_COL_I64, offsetof(dm_sandbox_signer, changed_us)},
};

int dm_sandbox_read_signer(const dm_pg_rows *rows, size_t i, dm_sandbox_signer *out, dm_err *err)
{
    dm_sandbox_signer s;
    dm_pg_read(rows, i, 1, signer_fields, DM_LEN(signer_fields), &s);
    int r = dm_pg_bytes(rows, i, 0, s.id.b, sizeof s.id.b, err);
    if (r == 0)
        *out = s;
    return r;
}
