#include <stddef.h>

#include "metering/ask/simulation.h"
#include "metering/ask/sql_ask.h"

/* --- ordering ----------------------------------------------------------------------------------------------- */

/* Whether the book may be tried over that month, which is found where none is said. */
static int find_month(dm_pg *c, int64_t book_id, const char *month, char out[16], dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_month",
            "SELECT m FROM (SELECT coalesce($2::date, dm.book_month($1::bigint)) AS m) x WHERE "
            "(m + interval '1 month') AT TIME ZONE 'UTC' <= dm.closed_until() AND EXISTS (SELECT FROM "
            "dm.book_accounts($1::bigint, m::timestamp AT TIME ZONE 'UTC'))",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(book_id), dm_pa_c(month)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(rows) == 0 ? DM_SIMULATION_MONTH : dm_str_to_array(dm_pg_str(rows, 0, 0), out, 16, err);
}

/* What is under way, which nobody adds to until the end of the transaction: DM_SIMULATION_AGAIN or _MANY. Of what the
 * book was before nobody wants to know any more. */
static int find_open(dm_pg *c, int64_t book_id, const dm_digest *sha256, const char *month, const char *who,
        int64_t *no, dm_err *err)
{
    static const dm_pg_stmt alone = {
            "simulation_alone", "SELECT pg_advisory_xact_lock(hashtext('dm.simulation'))", DM_PG_ONE};
    static const dm_pg_stmt past = {"simulation_past",
            "UPDATE dm.simulation SET state = 'cancelled', cancelled_by = $4, ended_at = now() WHERE book_id = "
            "$1::bigint AND book_sha256 <> $2 AND month = $3::date AND state IN ('ordered', 'running')",
            DM_PG_NONE};
    static const dm_pg_stmt open = {"simulation_open",
            "SELECT (SELECT simulation_no FROM dm.simulation WHERE book_id = $1::bigint AND book_sha256 = $2 "
            "AND month = $3::date AND state IN ('ordered', 'running')), (SELECT count(*) FROM dm.simulation "
            "WHERE state IN ('ordered', 'running'))",
            DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_i64(book_id), dm_pa_bytes(sha256->b, sizeof sha256->b), dm_pa_c(month), dm_pa_c(who)};
    DM_AUTO(dm_pg_rows) lock = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &alone, NULL, 0, &lock, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &past, args, 4, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &open, args, 3, &rows, NULL, err);
    if (r < 0)
        return r;
    *no = dm_pg_i64(rows, 0, 0);
    if (*no != 0)
        return DM_SIMULATION_AGAIN;
    return dm_pg_i64(rows, 0, 1) >= DM_SIMULATIONS_OPEN_MAX ? DM_SIMULATION_MANY : 0;
}

static int add(dm_pg *c, int64_t book_id, const dm_digest *sha256, const char *month, const char *who, const char *why,
        int64_t *no, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_add",
            "INSERT INTO dm.simulation (book_id, book_sha256, month, ordered_by, ordered_why) VALUES ($1::bigint, $2, "
            "$3::date, $4, $5) RETURNING simulation_no",
            DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_i64(book_id), dm_pa_bytes(sha256->b, sizeof sha256->b), dm_pa_c(month), dm_pa_c(who), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *no = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_simulation_order(
        dm_pg *c, int64_t book_id, const char *month, const char *who, const char *why, int64_t *no, dm_err *err)
{
    dm_ask_found f;
    dm_digest sha256;
    char of[16];
    int r = dm_sql_ask_book_find(c, book_id, who, &f, err);
    if (r == 0 && !f.there)
        return DM_SIMULATION_NO_BOOK;
    if (r == 0 && f.status == DM_ASK_WITHDRAWN)
        return DM_SIMULATION_STATE;
    if (r == 0)
        r = dm_sql_ask_book_hash(c, book_id, &sha256, err);
    if (r == 0)
        r = find_month(c, book_id, month, of, err);
    if (r == 0)
        r = find_open(c, book_id, &sha256, of, who, no, err);
    return r == 0 ? add(c, book_id, &sha256, of, who, why, no, err) : r;
}

int dm_simulation_cancel(dm_pg *c, int64_t no, const char *who, dm_err *err)
{
    static const dm_pg_stmt look = {"simulation_look",
            "SELECT state IN ('ordered', 'running') FROM dm.simulation WHERE simulation_no = $1::bigint FOR UPDATE",
            DM_PG_MAYBE};
    static const dm_pg_stmt st = {"simulation_cancel",
            "UPDATE dm.simulation SET state = 'cancelled', cancelled_by = $2, ended_at = now() WHERE simulation_no = "
            "$1::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_c(who)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &look, args, 1, &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_SIMULATION_NONE;
    return dm_pg_bool(rows, 0, 0) ? dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err) : DM_SIMULATION_OVER;
}

/* --- shown -------------------------------------------------------------------------------------------------- */

#define FOUND                                                                                                          \
    "FROM dm.simulation s WHERE ($1::bigint = 0 OR s.book_id = $1::bigint) AND ($2::bigint = 0 OR s.simulation_no = "  \
    "$2::bigint) "

int dm_simulation_list(dm_pg *c, int64_t book, int64_t no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"simulations",
            "SELECT s.simulation_no, s.book_id, s.accounts, s.done, s.failed, s.dearer, s.cheaper, "
            "dm.us(s.ordered_at), "
            "dm.us(s.started_at), dm.us(s.ended_at), s.accounts IS NOT NULL, encode(s.book_sha256, 'hex'), "
            "to_char(s.month, 'YYYY-MM'), s.state, s.ordered_by, s.ordered_why, s.cancelled_by, s.outcome, "
            "(SELECT b.currency FROM dm.price_book b WHERE b.book_id = s.book_id), s.charged, s.tried, "
            "(s.tried - s.charged)::numeric(38, 18) " FOUND
            "AND s.simulation_no < $3::bigint ORDER BY s.simulation_no DESC LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_simulations", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(book), dm_pa_i64(no), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}

#define COL(type, name)                                                                                                \
    {                                                                                                                  \
        DM_COL_##type, offsetof(dm_simulation_row, name)                                                               \
    }
void dm_simulation_row_read(const dm_pg_rows *rows, size_t i, dm_simulation_row *out)
{
    static const dm_pg_field columns[] = {COL(I64, no), COL(I64, book), COL(I64, accounts), COL(I64, done),
            COL(I64, failed), COL(I64, dearer), COL(I64, cheaper), COL(I64, ordered_us), COL(I64, started_us),
            COL(I64, ended_us), COL(BOOL, begun), COL(STR, sha256), COL(STR, month), COL(STR, state),
            COL(STR, ordered_by), COL(STR, why), COL(MAYBE, cancelled_by), COL(MAYBE, outcome), COL(STR, currency),
            COL(STR, charged), COL(STR, tried), COL(STR, difference)};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
#undef COL

void dm_simulation_row_write(dm_jw *w, const dm_simulation_row *s)
{
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", s->no);
    dm_jw_ki64(w, "price_book", s->book);
    dm_jw_kstr(w, "sha256", s->sha256);
    dm_jw_kstr(w, "month", s->month);
    dm_jw_kstr(w, "state", s->state);
    dm_jw_kstr(w, "ordered_by", s->ordered_by);
    dm_jw_ktime(w, "ordered_at", s->ordered_us);
    dm_jw_kstr(w, "reason", s->why);
    dm_jw_ktime(w, "started_at", s->started_us);
    dm_jw_ktime(w, "ended_at", s->ended_us);
    dm_jw_kmaybe(w, "cancelled_by", s->cancelled_by);
    dm_jw_kmaybe(w, "outcome", s->outcome);
    dm_jw_key(w, "accounts");
    dm_jw_obj(w);
    dm_jw_key(w, "all");
    if (s->begun)
        dm_jw_i64(w, s->accounts);
    else
        dm_jw_null(w);
    dm_jw_ki64(w, "done", s->done);
    dm_jw_ki64(w, "failed", s->failed);
    dm_jw_ki64(w, "dearer", s->dearer);
    dm_jw_ki64(w, "cheaper", s->cheaper);
    dm_jw_end(w);
    dm_jw_kstr(w, "currency", s->currency);
    dm_jw_kstr(w, "charged", s->charged);
    dm_jw_kstr(w, "simulated", s->tried);
    dm_jw_kstr(w, "difference", s->difference);
    dm_jw_end(w);
}

#define SIZE "trunc(abs(a.difference) * 1000000000000000000)"
#define OF "FROM dm.simulation_account a WHERE a.simulation_no = $1::bigint "

int dm_simulation_accounts(dm_pg *c, int64_t no, const char *size, int64_t account_no, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_accounts",
            "SELECT a.account_no, a.periods, a.done, k.id, coalesce(k.name, k.legal_name), a.charged, a.tried, "
            "a.difference, a.failed, " SIZE
            " FROM dm.simulation_account a JOIN dm.account k USING (account_no) WHERE a.simulation_no = $1::bigint "
            "AND ($2::numeric IS NULL OR " SIZE " < $2::numeric OR " SIZE " = $2::numeric AND a.account_no > "
            "$3::bigint) ORDER BY " SIZE " DESC, a.account_no LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_simulation_accounts", DM_PG_COUNT(OF), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_c(size), dm_pa_i64(account_no), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

#define COL(type, name)                                                                                                \
    {                                                                                                                  \
        DM_COL_##type, offsetof(dm_simulated_row, name)                                                                \
    }
void dm_simulated_row_read(const dm_pg_rows *rows, size_t i, dm_simulated_row *out)
{
    static const dm_pg_field columns[] = {COL(I64, no), COL(I64, periods), COL(BOOL, done), COL(STR, account),
            COL(STR, name), COL(STR, charged), COL(STR, tried), COL(STR, difference), COL(MAYBE, failed),
            COL(STR, size)};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
#undef COL

void dm_simulated_row_write(dm_jw *w, const dm_simulated_row *a)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "account", a->account);
    dm_jw_kstr(w, "name", a->name);
    dm_jw_kbool(w, "done", a->done);
    dm_jw_ki64(w, "periods", a->periods);
    dm_jw_kstr(w, "charged", a->charged);
    dm_jw_kstr(w, "simulated", a->tried);
    dm_jw_kstr(w, "difference", a->difference);
    dm_jw_kmaybe(w, "failed", a->failed);
    dm_jw_end(w);
}
