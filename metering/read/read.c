#include "metering/read/read.h"

#include "metering/read/sql_read.h"

/* Rows into an array with a place for each. */
typedef int (*read_fn)(const dm_pg_rows *rows, size_t i, void *out, dm_err *err);

static int read_rows(const dm_pg_rows *rows, read_fn read, size_t max, void *out, size_t size, size_t *n, dm_err *err)
{
    size_t count = dm_pg_count(rows);
    if (count > max)
        return dm_fail(err, DM_E_LIMIT, "more than %zu rows", max);
    for (size_t i = 0; i < count; i++) {
        int r = read(rows, i, (char *)out + i * size, err);
        if (r < 0)
            return r;
    }
    *n = count;
    return 0;
}

static int read_statement(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_statement *out = to;
    out->number.v = dm_pg_i64(rows, i, 0);
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

int dm_read_statements(dm_pg *c, dm_account_no account_no, dm_statement_no before, size_t max, dm_read_statement *out,
        size_t *n, dm_pg_total *total, dm_err *err)
{
    if (max == 0 || max > DM_READ_PAGE_MAX)
        return dm_fail(err, DM_E_INVALID, "a page of %zu statements", max);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_statements(c, account_no, before, max, &rows, err);
    if (r == 0)
        r = dm_sql_count_statements(c, account_no, total, err);
    return r < 0 ? r : read_rows(rows, read_statement, max, out, sizeof(out[0]), n, err);
}

int dm_read_statement_body(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_buf *body, dm_read_signature *sig, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_statement_body(c, account_no, number, &rows, err);
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
    sig->version = (uint32_t)dm_pg_i64(rows, 0, 4);
    sig->pages = (uint32_t)dm_pg_i64(rows, 0, 5);
    (void)dm_buf_str(body, dm_pg_str(rows, 0, 0));
    return dm_buf_ok(body, err);
}

int dm_read_statement_is(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_statement_is(c, account_no, number, &rows, err);
    return r == 0 && dm_pg_count(rows) == 0 ? DM_READ_NONE : r;
}

static int read_proof(dm_str hashes, uint32_t page, dm_read_page *out, dm_err *err)
{
    size_t n = hashes.n / DM_SHA256;
    if (hashes.n % DM_SHA256 != 0 || page > n)
        return dm_fail(err, DM_E_CORRUPT, "page %u of %zu", page, n);
    return dm_merkle_path((const dm_digest *)hashes.p, n, page - 1, out->proof, &out->nproof, err);
}

int dm_read_statement_page(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, dm_read_page *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_statement_page(c, account_no, number, page, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    r = dm_pg_bytes(rows, 0, 1, out->sha256.b, sizeof(out->sha256.b), err);
    if (r == 0)
        r = read_proof(dm_pg_str(rows, 0, 2), page, out, err);
    if (r < 0)
        return r;
    dm_buf_reset(&out->body);
    (void)dm_buf_str(&out->body, dm_pg_str(rows, 0, 0));
    return dm_buf_ok(&out->body, err);
}

static int read_line(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_line *out = to;
    *out = (dm_read_line){
            .line_no = (uint32_t)dm_pg_i64(rows, i, 0),
            .project_no = {dm_pg_i64(rows, i, 1)},
            .has_sandbox = !dm_pg_is_null(rows, i, 2),
            .epoch = (uint32_t)dm_pg_i64(rows, i, 3),
            .tier = (uint32_t)dm_pg_i64(rows, i, 5),
            .book_id = dm_pg_i64(rows, i, 6),
            .charge_from = dm_pg_i64(rows, i, 7),
            .charge_to = dm_pg_i64(rows, i, 8),
            .seconds = dm_pg_i64(rows, i, 9),
            .corrects = dm_pg_is_null(rows, i, 13) ? -1 : dm_pg_i64(rows, i, 13),
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

int dm_read_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no, uint32_t after,
        size_t max, dm_read_line *out, size_t *n, dm_pg_total *total, dm_err *err)
{
    if (max == 0 || max > DM_READ_PAGE_MAX)
        return dm_fail(err, DM_E_INVALID, "a page of %zu lines", max);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_lines(c, account_no, number, project_no, after, max, &rows, err);
    if (r == 0)
        r = dm_sql_count_lines(c, account_no, number, project_no, total, err);
    return r < 0 ? r : read_rows(rows, read_line, max, out, sizeof(out[0]), n, err);
}

static int read_key(const dm_pg_rows *rows, size_t i, void *to, dm_err *err)
{
    dm_read_key *out = to;
    out->service = dm_pg_is_null(rows, i, 0);
    out->worker_no.v = (uint64_t)dm_pg_i64(rows, i, 0);
    out->valid_from_us = dm_pg_i64(rows, i, 2);
    out->valid_to_us = dm_pg_is_null(rows, i, 3) ? INT64_MAX : dm_pg_i64(rows, i, 3);
    return dm_pg_bytes(rows, i, 1, out->key.b, sizeof(out->key.b), err);
}

int dm_read_keys(
        dm_pg *c, const dm_read_key *after, size_t max, dm_read_key *out, size_t *n, dm_pg_total *total, dm_err *err)
{
    if (max == 0 || max > 10000)
        return dm_fail(err, DM_E_INVALID, "%zu keys", max);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_keys(c, after, max, &rows, err);
    if (r == 0)
        r = dm_sql_count_keys(c, total, err);
    if (r == 0)
        r = read_rows(rows, read_key, max, out, sizeof(out[0]), n, err);
    return r < 0 ? dm_wrap(err, "read keys") : 0;
}

int dm_read_mark(dm_pg *c, dm_worker_no worker_no, int64_t *boot, int64_t *frame, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_mark(c, worker_no, &rows, err);
    if (r < 0)
        return r;
    bool known = dm_pg_count(rows) == 1;
    *boot = known ? dm_pg_i64(rows, 0, 0) : 0;
    *frame = known ? dm_pg_i64(rows, 0, 1) : 0;
    return 0;
}

int dm_read_meters(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_read_meters(c, DM_READ_METERS_MAX, out, err);
}

int dm_read_meter_beat(dm_pg *c, dm_read_meter *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_read_beat(c, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    *out = (dm_read_meter){.started_us = dm_pg_i64(rows, 0, 1),
            .beat_age_s = dm_pg_i64(rows, 0, 2),
            .lag_frames = dm_pg_i64(rows, 0, 3),
            .lag_attestations = dm_pg_i64(rows, 0, 4),
            .watermark_us = dm_pg_i64(rows, 0, 5),
            .closed_through_us = dm_pg_i64(rows, 0, 6)};
    return dm_str_to_array(dm_pg_str(rows, 0, 0), out->version, sizeof out->version, err);
}
