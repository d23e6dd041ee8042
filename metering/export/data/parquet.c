/* Parquet: row groups of at most DM_PARQUET_ROWS rows or some MiB, each column of one a page of its dictionary, where
 * it has one, and a page of data, both zstd; and what all of it is at the end. Memory is that of a group. The format's
 * own documentation (parquet-format, Encodings.md and parquet.thrift) has the numbers below. */
#include <zstd.h>

#include "metering/export/data/format.h"
#include "metering/export/data/parquet_column.h"
#include "metering/export/data/thrift.h"

enum { GROUP_BYTES = 8 << 20, FOOT_MAX = 64 << 20, HEAD_MAX = 4096, LEVEL = 3 };
enum { INT64_ = 2, BYTES_ = 6, FIXED_ = 7 };
enum { REQUIRED_ = 0, OPTIONAL_ = 1 };
enum { UTF8_ = 0, DECIMAL_ = 5, MICROS_ = 10 };
enum { PLAIN_ = 0, RLE_ = 3, DICTIONARY_ = 8, ZSTD_ = 6, DATA_PAGE_ = 0, DICTIONARY_PAGE_ = 2 };

typedef struct parquet {
    dm_parquet_column *columns[DM_DATA_COLUMNS_MAX];
    size_t ncolumns, rows_of_group;
    uint64_t rows;
    size_t groups;
    ZSTD_CCtx *zstd;
    dm_buf body, packed, head, described; /* described: the groups that are written, as the end will say them */
} parquet;

static int begin(dm_data_writer *w, dm_err *err)
{
    parquet *p = calloc(1, sizeof *p);
    int r = 0;
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "a file");
    w->own = p;
    dm_buf_init(&p->body, DM_PARQUET_COLUMN_MAX + (64 << 10));
    dm_buf_init(&p->packed, ZSTD_compressBound(DM_PARQUET_COLUMN_MAX + (64 << 10)));
    dm_buf_init(&p->head, HEAD_MAX);
    dm_buf_init(&p->described, FOOT_MAX);
    p->zstd = ZSTD_createCCtx();
    if (p->zstd == NULL)
        return dm_fail(err, DM_E_NOMEM, "zstd");
    for (; r == 0 && p->ncolumns < w->set->ncolumns; p->ncolumns += r == 0)
        r = dm_parquet_column_new(&w->set->columns[p->ncolumns], &p->columns[p->ncolumns], err);
    return r < 0 ? r : dm_sink_add(w->sink, DM_STR("PAR1"), err);
}

static void drop(dm_data_writer *w)
{
    parquet *p = w->own;
    w->own = NULL;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->ncolumns; i++)
        dm_parquet_column_free(p->columns[i]);
    (void)ZSTD_freeCCtx(p->zstd);
    dm_buf_done(&p->body);
    dm_buf_done(&p->packed);
    dm_buf_done(&p->head);
    dm_buf_done(&p->described);
    free(p);
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static int pack(parquet *p, dm_str raw, dm_err *err)
{
    size_t room = ZSTD_compressBound(raw.n);
    dm_buf_reset(&p->packed);
    char *to = dm_buf_want(&p->packed, room);
    if (to == NULL)
        return dm_buf_ok(&p->packed, err);
    size_t n = ZSTD_compressCCtx(p->zstd, to, room, raw.p, raw.n, LEVEL);
    if (ZSTD_isError(n))
        return dm_fail(err, DM_E_INTERNAL, "zstd: %s", ZSTD_getErrorName(n));
    dm_buf_grew(&p->packed, n);
    return 0;
}

typedef struct chunk {
    uint64_t first, data; /* where its first page is, and that of its data */
    uint64_t raw, packed; /* bytes, with the pages' heads */
} chunk;

static int put_page(dm_data_writer *w, dm_str raw, int type, size_t values, int encoding, chunk *c, dm_err *err)
{
    parquet *p = w->own;
    dm_thrift t = {.b = &p->head};
    int r = pack(p, raw, err);
    if (r < 0)
        return r;
    dm_buf_reset(&p->head);
    dm_thrift_begin(&t);
    dm_thrift_i32(&t, 1, type);
    dm_thrift_i32(&t, 2, (int64_t)raw.n);
    dm_thrift_i32(&t, 3, (int64_t)p->packed.len);
    dm_thrift_struct(&t, type == DATA_PAGE_ ? 5 : 7);
    dm_thrift_i32(&t, 1, (int64_t)values);
    dm_thrift_i32(&t, 2, encoding);
    if (type == DATA_PAGE_) {
        dm_thrift_i32(&t, 3, RLE_);
        dm_thrift_i32(&t, 4, RLE_);
    }
    dm_thrift_end(&t);
    dm_thrift_end(&t);
    r = dm_buf_ok(&p->head, err);
    if (r == 0)
        r = dm_sink_add(w->sink, dm_buf_view(&p->head), err);
    if (r == 0)
        r = dm_sink_add(w->sink, dm_buf_view(&p->packed), err);
    c->raw += p->head.len + raw.n;
    c->packed += p->head.len + p->packed.len;
    return r;
}

static int put_column(dm_data_writer *w, const dm_parquet_column *col, chunk *c, dm_err *err)
{
    parquet *p = w->own;
    int r = 0;
    c->first = dm_sink_at(w->sink);
    if (col->nwords > 0)
        r = put_page(w, dm_buf_view(&col->words), DICTIONARY_PAGE_, col->nwords, PLAIN_, c, err);
    c->data = dm_sink_at(w->sink);
    dm_buf_reset(&p->body);
    if (r == 0)
        r = dm_parquet_column_page(col, &p->body, err);
    return r < 0 ? r
                 : put_page(w, dm_buf_view(&p->body), DATA_PAGE_, col->rows, col->nwords > 0 ? DICTIONARY_ : PLAIN_, c,
                           err);
}

/* --- what it all is ----------------------------------------------------------------------------------------- */

static int physical(const dm_data_column *c)
{
    static const int types[] = {
            [DM_DATA_TEXT] = BYTES_, [DM_DATA_INT] = INT64_, [DM_DATA_TIME] = INT64_, [DM_DATA_DECIMAL] = FIXED_};
    return types[c->type];
}

static void describe_chunk(dm_thrift *t, const dm_parquet_column *col, const chunk *c)
{
    dm_thrift_begin(t);
    dm_thrift_i64(t, 2, (int64_t)c->first);
    dm_thrift_struct(t, 3);
    dm_thrift_i32(t, 1, physical(col->is));
    dm_thrift_list(t, 2, DM_THRIFT_I32, 2);
    dm_thrift_put_i32(t, RLE_);
    dm_thrift_put_i32(t, col->nwords > 0 ? DICTIONARY_ : PLAIN_);
    dm_thrift_list(t, 3, DM_THRIFT_TEXT, 1);
    dm_thrift_put_text(t, dm_str_c(col->is->name));
    dm_thrift_i32(t, 4, ZSTD_);
    dm_thrift_i64(t, 5, (int64_t)col->rows);
    dm_thrift_i64(t, 6, (int64_t)c->raw);
    dm_thrift_i64(t, 7, (int64_t)c->packed);
    dm_thrift_i64(t, 9, (int64_t)c->data);
    if (col->nwords > 0)
        dm_thrift_i64(t, 11, (int64_t)c->first);
    dm_thrift_struct(t, 12);
    dm_thrift_i64(t, 3, (int64_t)col->nulls);
    dm_thrift_end(t);
    dm_thrift_end(t);
    dm_thrift_end(t);
}

static int put_group(dm_data_writer *w, dm_err *err)
{
    parquet *p = w->own;
    chunk chunks[DM_DATA_COLUMNS_MAX] = {{0}};
    dm_thrift t = {.b = &p->described};
    uint64_t raw = 0, packed = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->ncolumns; i++) {
        r = put_column(w, p->columns[i], &chunks[i], err);
        raw += chunks[i].raw;
        packed += chunks[i].packed;
    }
    dm_thrift_begin(&t);
    dm_thrift_list(&t, 1, DM_THRIFT_STRUCT, p->ncolumns);
    for (size_t i = 0; i < p->ncolumns; i++)
        describe_chunk(&t, p->columns[i], &chunks[i]);
    dm_thrift_i64(&t, 2, (int64_t)raw);
    dm_thrift_i64(&t, 3, (int64_t)p->rows_of_group);
    dm_thrift_i64(&t, 5, (int64_t)chunks[0].first);
    dm_thrift_i64(&t, 6, (int64_t)packed);
    if (p->groups <= INT16_MAX)
        dm_thrift_i16(&t, 7, (int64_t)p->groups);
    dm_thrift_end(&t);
    for (size_t i = 0; i < p->ncolumns; i++)
        dm_parquet_column_reset(p->columns[i]);
    p->rows_of_group = 0;
    p->groups++;
    return r < 0 ? r : dm_buf_ok(&p->described, err);
}

static int row(dm_data_writer *w, const dm_data_row *row, dm_err *err)
{
    parquet *p = w->own;
    size_t bytes = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->ncolumns; i++) {
        r = dm_parquet_column_add(p->columns[i], row->cells[i], err);
        bytes += dm_parquet_column_bytes(p->columns[i]);
    }
    p->rows++;
    p->rows_of_group++;
    if (r == 0 && (p->rows_of_group == DM_PARQUET_ROWS || bytes >= GROUP_BYTES))
        r = put_group(w, err);
    return r;
}

static void describe_column(dm_thrift *t, const dm_data_column *c, unsigned width)
{
    dm_thrift_begin(t);
    dm_thrift_i32(t, 1, physical(c));
    if (c->type == DM_DATA_DECIMAL)
        dm_thrift_i32(t, 2, width);
    dm_thrift_i32(t, 3, c->required ? REQUIRED_ : OPTIONAL_);
    dm_thrift_text(t, 4, dm_str_c(c->name));
    switch (c->type) {
    case DM_DATA_INT:
        break;
    case DM_DATA_TEXT:
        dm_thrift_i32(t, 6, UTF8_);
        dm_thrift_struct(t, 10);
        dm_thrift_struct(t, 1);
        dm_thrift_end(t);
        dm_thrift_end(t);
        break;
    case DM_DATA_TIME:
        dm_thrift_i32(t, 6, MICROS_);
        dm_thrift_struct(t, 10);
        dm_thrift_struct(t, 8);
        dm_thrift_true(t, 1); /* of UTC */
        dm_thrift_struct(t, 2);
        dm_thrift_struct(t, 2);
        dm_thrift_end(t);
        dm_thrift_end(t);
        dm_thrift_end(t);
        dm_thrift_end(t);
        break;
    case DM_DATA_DECIMAL:
        dm_thrift_i32(t, 6, DECIMAL_);
        dm_thrift_i32(t, 7, c->scale);
        dm_thrift_i32(t, 8, c->precision);
        dm_thrift_struct(t, 10);
        dm_thrift_struct(t, 5);
        dm_thrift_i32(t, 1, c->scale);
        dm_thrift_i32(t, 2, c->precision);
        dm_thrift_end(t);
        dm_thrift_end(t);
        break;
    }
    dm_thrift_end(t);
}

static void describe(const dm_data_writer *w, dm_buf *out)
{
    const parquet *p = w->own;
    dm_thrift t = {.b = out};
    dm_thrift_begin(&t);
    dm_thrift_i32(&t, 1, 2);
    dm_thrift_list(&t, 2, DM_THRIFT_STRUCT, p->ncolumns + 1);
    dm_thrift_begin(&t);
    dm_thrift_text(&t, 4, dm_str_c(w->set->name));
    dm_thrift_i32(&t, 5, (int64_t)p->ncolumns);
    dm_thrift_end(&t);
    for (size_t i = 0; i < p->ncolumns; i++)
        describe_column(&t, p->columns[i]->is, p->columns[i]->width);
    dm_thrift_i64(&t, 3, (int64_t)p->rows);
    dm_thrift_list(&t, 4, DM_THRIFT_STRUCT, p->groups);
    (void)dm_buf_str(out, dm_buf_view(&p->described));
    dm_thrift_text(&t, 6, DM_STR("Dormouse"));
    dm_thrift_list(&t, 7, DM_THRIFT_STRUCT, p->ncolumns);
    for (size_t i = 0; i < p->ncolumns; i++) { /* in the order of its type */
        dm_thrift_begin(&t);
        dm_thrift_struct(&t, 1);
        dm_thrift_end(&t);
        dm_thrift_end(&t);
    }
    dm_thrift_end(&t);
}

static int end(dm_data_writer *w, dm_err *err)
{
    parquet *p = w->own;
    DM_AUTO_BUF foot;
    int r = p->rows_of_group > 0 ? put_group(w, err) : 0;
    if (r < 0)
        return r;
    dm_buf_init(&foot, FOOT_MAX + (1 << 20));
    describe(w, &foot);
    (void)dm_buf_le32(&foot, (uint32_t)foot.len);
    (void)dm_buf_c(&foot, "PAR1");
    r = dm_buf_ok(&foot, err);
    return r < 0 ? r : dm_sink_add(w->sink, dm_buf_view(&foot), err);
}

const dm_data_format dm_data_parquet = {"parquet", "application/vnd.apache.parquet", begin, row, end, drop};
