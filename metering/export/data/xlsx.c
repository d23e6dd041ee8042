/* A workbook for people, by libxlsxwriter, a row at a time. A spreadsheet's number has some 15 digits, so a decimal is
 * a text with all of them, and beside it a number that is rounded to six decimals, for sums. Times are of UTC. No cell
 * is a formula, whatever it says. The library makes a file by name: it is given one that has none, which is copied. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "base/file.h"
#include "base/parse.h"

#include "metering/export/data/format.h"
#include "metering/rules/money.h"

enum { SHOWN = 6, WIDE = 24, COPIED = 64 << 10, TEXT_MAX = 64 << 10 };
/* Behind them CSV or Parquet: at its end the library packs all of it at once, which may not last as long as an order
 * may go unheard. */
enum { ROWS_MAX = 200000 };
static const time_t made_at = 1767225600; /* else the clock gets in */

typedef struct xlsx {
    int fd;
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *day, *head;
    uint32_t row;
    dm_buf text;
} xlsx;

static void drop(dm_data_writer *w)
{
    xlsx *x = w->own;
    w->own = NULL;
    if (x == NULL)
        return;
    if (x->book != NULL)
        lxw_workbook_free(x->book);
    if (x->fd >= 0)
        (void)close(x->fd);
    dm_buf_done(&x->text);
    free(x);
}

static int failed(lxw_error e, dm_err *err)
{
    return dm_fail(err, DM_E_INTERNAL, "a workbook: %s", lxw_strerror(e));
}

static int open_book(xlsx *x, const char *folder, dm_err *err)
{
    char name[40];
    x->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (x->fd < 0)
        return dm_fail_sys(err, errno, "a file without a name");
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", x->fd);
    /* the library takes it without const and does not write */
    lxw_workbook_options options = {.constant_memory = 1, .tmpdir = (char *)(uintptr_t)folder};
    lxw_doc_properties properties = {.created = made_at};
    x->book = workbook_new_opt(name, &options);
    if (x->book == NULL)
        return dm_fail(err, DM_E_NOMEM, "a workbook");
    lxw_error e = workbook_set_properties(x->book, &properties);
    x->sheet = workbook_add_worksheet(x->book, NULL);
    x->day = workbook_add_format(x->book);
    x->head = workbook_add_format(x->book);
    if (x->sheet == NULL || x->day == NULL || x->head == NULL)
        return dm_fail(err, DM_E_NOMEM, "a workbook");
    format_set_num_format(x->day, "yyyy-mm-dd hh:mm:ss");
    format_set_bold(x->head);
    worksheet_freeze_panes(x->sheet, 1, 0);
    return e != LXW_NO_ERROR ? failed(e, err) : 0;
}

/* --- cells -------------------------------------------------------------------------------------------------- */

static int put_text(xlsx *x, uint16_t column, dm_str text, lxw_format *format, dm_err *err)
{
    dm_buf_reset(&x->text);
    (void)dm_buf_str(&x->text, text);
    int r = dm_buf_ok(&x->text, err);
    if (r < 0 || text.n == 0)
        return r;
    lxw_error e = worksheet_write_string(x->sheet, x->row, column, x->text.p, format);
    if (e == LXW_ERROR_MAX_STRING_LENGTH_EXCEEDED)
        return dm_fail(err, DM_E_LIMIT, "a text is longer than a spreadsheet's cell: take csv or parquet");
    return e != LXW_NO_ERROR ? failed(e, err) : 0;
}

static int put_number(xlsx *x, uint16_t column, double v, lxw_format *format, dm_err *err)
{
    lxw_error e = worksheet_write_number(x->sheet, x->row, column, v, format);
    return e != LXW_NO_ERROR ? failed(e, err) : 0;
}

static int whole(dm_str cell, double *out, dm_err *err)
{
    int64_t v = 0;
    int r = dm_parse_i64(cell, INT64_MIN, INT64_MAX, &v, err);
    *out = (double)v;
    return r;
}

/* Half a millionth is away from nothing. */
static int rounded(dm_str cell, double *out, dm_err *err)
{
    static const dm_i128 unit = 1000000000000;
    dm_money m;
    int r = dm_money_parse(cell, &m, err);
    if (r < 0)
        return r;
    dm_i128 v = (m.v + (m.v < 0 ? -unit : unit) / 2) / unit;
    *out = (double)v / 1e6;
    return 0;
}

/* How many of the sheet's columns a cell has. */
static uint16_t breadth(const dm_data_column *c)
{
    return c->type == DM_DATA_DECIMAL ? 2 : 1;
}

static int put_cell(xlsx *x, uint16_t column, const dm_data_column *c, dm_str cell, dm_err *err)
{
    double v = 0;
    int r = 0;
    switch (c->type) {
    case DM_DATA_TEXT:
        return put_text(x, column, cell, NULL, err);
    case DM_DATA_INT:
        r = whole(cell, &v, err);
        return r < 0 ? r : put_number(x, column, v, NULL, err);
    case DM_DATA_TIME:
        r = whole(cell, &v, err);
        return r < 0 ? r : put_number(x, column, v / 86400 + 25569, x->day, err); /* days since 1899-12-30 */
    case DM_DATA_DECIMAL:
        r = rounded(cell, &v, err);
        if (r == 0)
            r = put_text(x, column, cell, NULL, err);
        return r < 0 ? r : put_number(x, (uint16_t)(column + 1), v, NULL, err);
    }
    return r;
}

/* --- the format --------------------------------------------------------------------------------------------- */

static int begin(dm_data_writer *w, dm_err *err)
{
    xlsx *x = calloc(1, sizeof *x);
    if (x == NULL)
        return dm_fail(err, DM_E_NOMEM, "a workbook");
    x->fd = -1;
    dm_buf_init(&x->text, TEXT_MAX);
    w->own = x;
    int r = open_book(x, w->folder, err);
    uint16_t at = 0;
    for (size_t i = 0; r == 0 && i < w->set->ncolumns; i++) {
        const dm_data_column *c = &w->set->columns[i];
        char name[100];
        r = put_text(x, at, dm_str_c(c->name), x->head, err);
        (void)snprintf(name, sizeof name, "%s (rounded to %d)", c->name, SHOWN);
        if (r == 0 && c->type == DM_DATA_DECIMAL)
            r = put_text(x, (uint16_t)(at + 1), dm_str_c(name), x->head, err);
        at = (uint16_t)(at + breadth(c));
    }
    if (r == 0)
        (void)worksheet_set_column(x->sheet, 0, at, WIDE, NULL);
    return r;
}

static int row(dm_data_writer *w, const dm_data_row *row, dm_err *err)
{
    xlsx *x = w->own;
    uint16_t at = 0;
    int r = 0;
    if (++x->row > ROWS_MAX)
        return dm_fail(
                err, DM_E_LIMIT, "a workbook has at most %d rows: take csv or parquet, or fewer months", ROWS_MAX);
    for (size_t i = 0; r == 0 && i < w->set->ncolumns; i++) {
        const dm_data_column *c = &w->set->columns[i];
        if (row->cells[i].p != NULL)
            r = put_cell(x, at, c, row->cells[i], err);
        at = (uint16_t)(at + breadth(c));
    }
    return r;
}

static int end(dm_data_writer *w, dm_err *err)
{
    xlsx *x = w->own;
    char piece[COPIED];
    size_t n = 1;
    lxw_workbook *book = x->book;
    x->book = NULL; /* closing frees it, whatever comes of that */
    lxw_error e = workbook_close(book);
    int r = e != LXW_NO_ERROR ? failed(e, err) : 0;
    for (off_t at = 0; r == 0 && n > 0; at += (off_t)n) {
        r = dm_pread_all(x->fd, piece, sizeof piece, at, &n, err);
        if (r == 0)
            r = dm_sink_add(w->sink, (dm_str){piece, n}, err);
    }
    return r;
}

const dm_data_format dm_data_xlsx = {
        "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", begin, row, end, drop};
