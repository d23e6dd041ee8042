#include "base/parse.h"
#include "base/pg.h"

int dm_pg_list(dm_buf *out, const int64_t *first, size_t n, size_t stride, dm_err *err)
{
    enum { NUMBER_TEXT = 21 };
    const char *at = (const char *)first;
    dm_buf_init(out, n * NUMBER_TEXT + 2);
    (void)dm_buf_c(out, "{");
    for (size_t i = 0; i < n; i++, at += stride) {
        int64_t v;
        memcpy(&v, at, sizeof v);
        (void)dm_buf_fmt(out, "%s%lld", i > 0 ? "," : "", (long long)v);
    }
    (void)dm_buf_c(out, "}");
    return dm_buf_ok(out, err);
}

/* In quotes an element is anything, and NULL without them is none. */
static void put_quoted(dm_buf *out, dm_str s)
{
    (void)dm_buf_ch(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            (void)dm_buf_ch(out, '\\');
        (void)dm_buf_ch(out, s.p[i]);
    }
    (void)dm_buf_ch(out, '"');
}

static void put_bytes(dm_buf *out, dm_str s)
{
    (void)dm_buf_c(out, "\"\\\\x");
    char *hex = dm_buf_want(out, 2 * s.n + 1);
    if (hex != NULL) {
        dm_hex(s.p, s.n, hex);
        dm_buf_grew(out, 2 * s.n);
    }
    (void)dm_buf_ch(out, '"');
}

static void put_element(dm_buf *out, const dm_pg_arg *a)
{
    switch (a->type) {
    case DM_PG_NULL_ARG:
        (void)dm_buf_c(out, "NULL");
        break;
    case DM_PG_TEXT_ARG:
        put_quoted(out, a->s);
        break;
    case DM_PG_BYTES_ARG:
        put_bytes(out, a->s);
        break;
    case DM_PG_I64_ARG:
        (void)dm_buf_fmt(out, "%lld", (long long)a->i);
        break;
    case DM_PG_BOOL_ARG:
        (void)dm_buf_ch(out, a->i != 0 ? 't' : 'f');
        break;
    }
}

int dm_pg_columns(dm_buf *text, const dm_pg_arg *rows, size_t n, size_t width, dm_pg_arg *out, dm_err *err)
{
    size_t from[DM_PG_ARGS_MAX];
    if (width > DM_PG_ARGS_MAX)
        return dm_fail(err, DM_E_INVALID, "rows of %zu columns", width);
    for (size_t k = 0; k < width; k++) {
        from[k] = text->len;
        (void)dm_buf_ch(text, '{');
        for (size_t i = 0; i < n; i++) {
            if (i > 0)
                (void)dm_buf_ch(text, ',');
            put_element(text, &rows[i * width + k]);
        }
        (void)dm_buf_ch(text, '}');
    }
    int r = dm_buf_ok(text, err);
    for (size_t k = 0; r == 0 && k < width; k++)
        out[k] = dm_pa_text((dm_str){text->p + from[k], (k + 1 < width ? from[k + 1] : text->len) - from[k]});
    return r;
}
