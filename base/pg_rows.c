#include <assert.h>

#include "base/parse.h"
#include "base/pg_conn.h"

/* Results come as text. A bytea column is decoded once, when its rows are made, so that what is handed out needs no
 * owner of its own. */

enum { OID_BYTEA = 17 };

struct dm_pg_rows {
    PGresult *res;
    size_t n;
    unsigned columns;
    dm_str *cells; /* of bytea columns: n rows of `columns`, .p NULL elsewhere; NULL when there is no such column */
    uint8_t *bytes;
};

static int rows_bytes(dm_pg_rows *rows, dm_err *err)
{
    size_t sum = 0, at = 0;
    bool any = false;

    for (unsigned col = 0; col < rows->columns; col++) {
        if (PQftype(rows->res, (int)col) != OID_BYTEA)
            continue;
        any = true;
        for (size_t i = 0; i < rows->n; i++)
            sum += (size_t)PQgetlength(rows->res, (int)i, (int)col) / 2;
    }
    if (!any || rows->n == 0)
        return 0;
    rows->cells = calloc(rows->n * rows->columns, sizeof rows->cells[0]);
    rows->bytes = malloc(sum + 1);
    if (rows->cells == NULL || rows->bytes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for rows");
    for (size_t k = 0; k < rows->n * rows->columns; k++) {
        int i = (int)(k / rows->columns), col = (int)(k % rows->columns);
        if (PQftype(rows->res, col) != OID_BYTEA || PQgetisnull(rows->res, i, col))
            continue;
        dm_str hex = {PQgetvalue(rows->res, i, col), (size_t)PQgetlength(rows->res, i, col)};
        if (!dm_str_starts(hex, DM_STR("\\x")))
            return dm_fail(err, DM_E_PROTO, "bytea that is not hex: the session's bytea_output was changed");
        hex = (dm_str){hex.p + 2, hex.n - 2};
        int r = dm_parse_hex(hex, rows->bytes + at, hex.n / 2, err);
        if (r < 0)
            return dm_wrap(err, "bytea");
        rows->cells[k] = (dm_str){(const char *)rows->bytes + at, hex.n / 2};
        at += hex.n / 2;
    }
    return 0;
}

int dm_pg_rows_new(PGresult *res, dm_pg_rows **out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = calloc(1, sizeof *rows);

    if (rows == NULL) {
        PQclear(res);
        return dm_fail(err, DM_E_NOMEM, "no memory for rows");
    }
    rows->res = res;
    rows->n = (size_t)PQntuples(res);
    rows->columns = (unsigned)PQnfields(res);
    int r = rows_bytes(rows, err);
    if (r < 0)
        return r;
    *out = dm_steal(&rows);
    return 0;
}

void dm_pg_rows_free(dm_pg_rows *r)
{
    if (r == NULL)
        return;
    PQclear(r->res);
    free(r->cells);
    free(r->bytes);
    free(r);
}

size_t dm_pg_count(const dm_pg_rows *r)
{
    return r != NULL ? r->n : 0;
}

bool dm_pg_is_null(const dm_pg_rows *r, size_t row, unsigned col)
{
    assert(row < r->n && col < r->columns);
    return PQgetisnull(r->res, (int)row, (int)col) != 0;
}

dm_str dm_pg_str(const dm_pg_rows *r, size_t row, unsigned col)
{
    if (dm_pg_is_null(r, row, col))
        return (dm_str){"", 0};
    if (r->cells != NULL && r->cells[row * r->columns + col].p != NULL)
        return r->cells[row * r->columns + col];
    return (dm_str){PQgetvalue(r->res, (int)row, (int)col), (size_t)PQgetlength(r->res, (int)row, (int)col)};
}

int64_t dm_pg_i64(const dm_pg_rows *r, size_t row, unsigned col)
{
    int64_t v = 0;

    if (!dm_pg_is_null(r, row, col)) {
        int bad = dm_parse_i64(dm_pg_str(r, row, col), INT64_MIN, INT64_MAX, &v, NULL);
        assert(bad == 0);
        (void)bad;
    }
    return v;
}

bool dm_pg_bool(const dm_pg_rows *r, size_t row, unsigned col)
{
    dm_str s = dm_pg_str(r, row, col);

    assert(s.n == 0 || dm_str_eq_c(s, "t") || dm_str_eq_c(s, "f"));
    return s.n == 1 && s.p[0] == 't';
}

int dm_pg_bytes(const dm_pg_rows *r, size_t row, unsigned col, void *to, size_t n, dm_err *err)
{
    dm_str s = dm_pg_str(r, row, col);

    if (s.n != n)
        return dm_fail(err, DM_E_CORRUPT, "%s: %zu bytes where %zu belong", PQfname(r->res, (int)col), s.n, n);
    memcpy(to, s.p, n);
    return 0;
}

void dm_pg_read(const dm_pg_rows *r, size_t row, unsigned first, const dm_pg_field *fields, size_t n, void *out)
{
    static const dm_str none = {NULL, 0};

    for (size_t i = 0; i < n; i++) {
        unsigned col = first + (unsigned)i;
        void *at = (char *)out + fields[i].offset;
        switch (fields[i].type) {
        case DM_COL_I64:
            *(int64_t *)at = dm_pg_i64(r, row, col);
            break;
        case DM_COL_BOOL:
            *(bool *)at = dm_pg_bool(r, row, col);
            break;
        case DM_COL_STR:
            *(dm_str *)at = dm_pg_str(r, row, col);
            break;
        case DM_COL_MAYBE:
            *(dm_str *)at = dm_pg_is_null(r, row, col) ? none : dm_pg_str(r, row, col);
            break;
        }
    }
}
