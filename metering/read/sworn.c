#include "metering/read/sworn.h"

#include "metering/read/book.h"
#include "metering/read/read.h"
#include "metering/read/sql_books.h"
#include "metering/read/sql_bundle.h"

int dm_read_oaths(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, int64_t after, size_t max,
        dm_pg_rows **rows, dm_err *err)
{
    return dm_sql_oaths(c, account_no, number, page, after, (int64_t)max, rows, err);
}

int dm_read_oaths_count(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, int64_t *n, uint32_t *pages, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_oaths_count(c, account_no, number, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    *n = dm_pg_i64(rows, 0, 0);
    *pages = (uint32_t)dm_pg_i64(rows, 0, 1);
    return 0;
}

int dm_read_oath_at(const dm_pg_rows *rows, size_t i, dm_read_oath *out, dm_err *err)
{
    if (dm_pg_is_null(rows, i, DM_OATH_MESSAGE))
        return dm_fail(err, DM_E_CORRUPT, "an attestation that a statement names is gone");
    *out = (dm_read_oath){.place = dm_pg_i64(rows, i, DM_OATH_PLACE),
            .epoch = dm_pg_i64(rows, i, DM_OATH_EPOCH),
            .worker_no = {(uint64_t)dm_pg_i64(rows, i, DM_OATH_WORKER)},
            .by_service = dm_pg_bool(rows, i, DM_OATH_SERVICE),
            .message = dm_pg_str(rows, i, DM_OATH_MESSAGE)};
    int r = dm_pg_bytes(rows, i, DM_OATH_SANDBOX, out->sandbox.b, sizeof(out->sandbox.b), err);
    return r < 0 ? r : dm_pg_bytes(rows, i, DM_OATH_HASH, out->hash.b, sizeof(out->hash.b), err);
}

int dm_read_oath_of(dm_pg *c, dm_account_no account_no, const dm_digest *hash, dm_pg_rows **rows, dm_err *err)
{
    return dm_sql_oath_of(c, account_no, hash, rows, err);
}

int dm_read_book_of(dm_pg *c, dm_account_no account_no, int64_t id, dm_read_book *out, dm_err *err)
{
    dm_book_made made;
    dm_book_body body;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_book_of(c, account_no, id, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_READ_NONE;
    dm_buf_reset(&out->body);
    out->valid_to = dm_pg_is_null(rows, 0, DM_BOOKS_TO) ? INT64_MAX : dm_pg_i64(rows, 0, DM_BOOKS_TO) / 1000000;
    r = dm_read_book_body(rows, 0, dm_pg_count(rows), &made, &body, err);
    if (r == 0)
        r = dm_book_canonical(&body, &out->body, err);
    return r < 0 ? r : dm_sha256(dm_buf_view(&out->body), &out->sha256, err);
}
