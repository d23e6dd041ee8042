#include "metering/read/read.h"

/* Rows into an array with a place for each. */
typedef int (*read_fn)(const dm_pg_rows *rows, size_t i, void *out, dm_err *err);

static int read_rows(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t nargs, read_fn read, size_t max,
        void *out, size_t size, size_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, nargs, &rows, NULL, err);
    size_t count = r == 0 ? dm_pg_count(rows) : 0;
    if (count > max)
        return dm_fail(err, DM_E_LIMIT, "%s: more than %zu rows", st->name, max);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = read(rows, i, (char *)out + i * size, err);
    if (r == 0)
        *n = count;
    return r;
}

static int read_statement(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_statement *out = to;
    out->number = dm_pg_i64(rows, i, 0);
    out->period_start = dm_pg_i64(rows, i, 1);
    out->period_s = (uint32_t)dm_pg_i64(rows, i, 2);
    out->running_s = (uint64_t)dm_pg_i64(rows, i, 5);
    out->hibernated_s = (uint64_t)dm_pg_i64(rows, i, 6);
    out->unattested = (uint32_t)dm_pg_i64(rows, i, 7);
    out->closed_at_us = dm_pg_i64(rows, i, 9);
    int r = dm_str_to_array(dm_pg_str(rows, i, 3), out->currency, sizeof(out->currency), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, 4), out->total, sizeof(out->total), err);
    return r < 0 ? r : dm_pg_bytes(rows, i, 8, out->sha256.b, sizeof(out->sha256.b), err);
}

int dm_read_statements(
        dm_pg *c, int64_t account_no, int64_t before, size_t max, dm_read_statement *out, size_t *n, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statements",
            "SELECT number, dm.us(period_start) / 1000000, period_s, currency, total, running_s, hibernated_s, "
            "unattested, "
            "sha256, dm.us(closed_at) FROM dm.statement WHERE account_no = $1::bigint AND number < $2::bigint "
            "ORDER BY number DESC LIMIT $3::bigint",
            DM_PG_ROWS};
    if (max == 0 || max > 1000)
        return dm_fail(err, DM_E_INVALID, "a page of %zu statements", max);
    dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(before), dm_pa_i64((int64_t)max)};
    return read_rows(c, &st, args, DM_LEN(args), read_statement, max, out, sizeof(out[0]), n, err);
}

int dm_read_statement_body(
        dm_pg *c, int64_t account_no, int64_t number, dm_buf *body, dm_read_signature *sig, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statement_body",
            "SELECT body, sha256, public_key, signature FROM dm.statement WHERE account_no = $1::bigint "
            "AND number = $2::bigint",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_i64(number)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    r = dm_pg_bytes(rows, 0, 1, sig->sha256.b, sizeof(sig->sha256.b), err);
    if (r == 0)
        r = dm_pg_bytes(rows, 0, 2, sig->key.b, sizeof(sig->key.b), err);
    if (r == 0)
        r = dm_pg_bytes(rows, 0, 3, sig->signature.b, sizeof(sig->signature.b), err);
    if (r < 0)
        return r;
    (void)dm_buf_str(body, dm_pg_str(rows, 0, 0));
    return dm_buf_ok(body, err);
}

static int read_line(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_line *out = to;
    *out = (dm_read_line){
            .line_no = (uint32_t)dm_pg_i64(rows, i, 0),
            .project_no = dm_pg_i64(rows, i, 1),
            .has_sandbox = !dm_pg_is_null(rows, i, 2),
            .epoch = (uint32_t)dm_pg_i64(rows, i, 3),
            .tier = (uint32_t)dm_pg_i64(rows, i, 5),
            .book_id = dm_pg_i64(rows, i, 6),
            .charge_from = dm_pg_i64(rows, i, 7),
            .charge_to = dm_pg_i64(rows, i, 8),
            .seconds = (uint64_t)dm_pg_i64(rows, i, 9),
    };
    int r = out->has_sandbox ? dm_pg_bytes(rows, i, 2, out->sandbox.b, sizeof(out->sandbox.b), err) : 0;
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, 4), out->sku, sizeof(out->sku), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, 10), out->qty, sizeof(out->qty), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, 11), out->per_unit, sizeof(out->per_unit), err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, i, 12), out->amount, sizeof(out->amount), err);
}

int dm_read_lines(dm_pg *c, int64_t account_no, int64_t number, int64_t project_no, int64_t after, size_t max,
        dm_read_line *out, size_t *n, dm_err *err)
{
    static const dm_pg_stmt st = {"read_lines",
            "SELECT l.line_no, l.project_no, l.sandbox_id, l.epoch, l.sku, l.tier, l.book_id, dm.us(l.charge_from) / "
            "1000000, "
            "dm.us(l.charge_to) / 1000000, l.seconds, l.qty, l.per_unit, l.amount FROM dm.statement s "
            "JOIN dm.statement_line l ON l.account_no = s.account_no AND l.period_start = s.period_start "
            "WHERE s.account_no = $1::bigint AND s.number = $2::bigint AND ($3::bigint = 0 OR l.project_no = "
            "$3::bigint) "
            "AND l.line_no > $4::bigint ORDER BY l.line_no LIMIT $5::bigint",
            DM_PG_ROWS};
    if (max == 0 || max > 1000)
        return dm_fail(err, DM_E_INVALID, "a page of %zu lines", max);
    dm_pg_arg args[] = {
            dm_pa_i64(account_no), dm_pa_i64(number), dm_pa_i64(project_no), dm_pa_i64(after), dm_pa_i64((int64_t)max)};
    return read_rows(c, &st, args, DM_LEN(args), read_line, max, out, sizeof(out[0]), n, err);
}

static int read_key(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_key *out = to;
    out->service = dm_pg_is_null(rows, i, 0);
    out->worker_no = dm_pg_i64(rows, i, 0);
    out->valid_from_us = dm_pg_i64(rows, i, 2);
    out->valid_to_us = dm_pg_is_null(rows, i, 3) ? INT64_MAX : dm_pg_i64(rows, i, 3);
    return dm_pg_bytes(rows, i, 1, out->key.b, sizeof(out->key.b), err);
}

int dm_read_keys(dm_pg *c, size_t max, dm_read_key *out, size_t *n, dm_err *err)
{
    static const dm_pg_stmt st = {"read_keys",
            "SELECT NULL::bigint AS worker_no, public_key, dm.us(valid_from), dm.us(valid_to) FROM dm.service_key "
            "UNION ALL SELECT worker_no, public_key, dm.us(valid_from), dm.us(valid_to) FROM dm.worker_key "
            "ORDER BY 1 NULLS FIRST, 3, 2 LIMIT $1::bigint",
            DM_PG_ROWS};
    if (max == 0 || max > 10000)
        return dm_fail(err, DM_E_INVALID, "%zu keys", max);
    dm_pg_arg args[] = {dm_pa_i64((int64_t)max + 1)};
    return read_rows(c, &st, args, DM_LEN(args), read_key, max, out, sizeof(out[0]), n, err);
}

int dm_read_mark(dm_pg *c, int64_t worker_no, int64_t *boot, int64_t *frame, dm_err *err)
{
    static const dm_pg_stmt st = {"read_mark",
            "SELECT worker_boot, last_frame FROM dm.worker_mark WHERE worker_no = $1::bigint", DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(worker_no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    bool known = dm_pg_count(rows) == 1;
    *boot = known ? dm_pg_i64(rows, 0, 0) : 0;
    *frame = known ? dm_pg_i64(rows, 0, 1) : 0;
    return 0;
}
