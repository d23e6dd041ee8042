/* An object a line, its members in the order of columns. Decimals are strings, since most readers of JSON numbers lose
 * digits; whole numbers are numbers; null is said. */
#include "base/json.h"

#include "metering/export/data/cell.h"
#include "metering/export/data/format.h"

enum { LINE_MAX_ = 1 << 20 };

static int begin(dm_data_writer *w, dm_err *err)
{
    dm_buf *line = malloc(sizeof *line);
    if (line == NULL)
        return dm_fail(err, DM_E_NOMEM, "a line");
    dm_buf_init(line, LINE_MAX_);
    w->own = line;
    return 0;
}

static int member(dm_jw *j, const dm_data_column *column, dm_str cell, dm_err *err)
{
    char time[32];
    int r = 0;
    dm_jw_key(j, column->name);
    if (cell.p == NULL) {
        dm_jw_null(j);
        return 0;
    }
    switch (column->type) {
    case DM_DATA_TEXT:
    case DM_DATA_DECIMAL:
        dm_jw_str(j, cell);
        break;
    case DM_DATA_INT:
        dm_jw_raw(j, cell);
        break;
    case DM_DATA_TIME:
        r = dm_data_time(cell, time, err);
        dm_jw_c(j, r == 0 ? time : NULL);
        break;
    }
    return r;
}

static int row(dm_data_writer *w, const dm_data_row *row, dm_err *err)
{
    dm_buf *line = w->own;
    dm_jw j;
    int r = 0;
    dm_buf_reset(line);
    dm_jw_init(&j, line);
    dm_jw_obj(&j);
    for (size_t i = 0; r == 0 && i < w->set->ncolumns; i++)
        r = member(&j, &w->set->columns[i], row->cells[i], err);
    dm_jw_end(&j);
    (void)dm_buf_ch(line, '\n');
    if (r == 0)
        r = dm_buf_ok(line, err);
    return r < 0 ? r : dm_sink_add(w->sink, dm_buf_view(line), err);
}

static int end(dm_data_writer *w, dm_err *err)
{
    (void)w;
    (void)err;
    return 0;
}

static void drop(dm_data_writer *w)
{
    dm_buf *line = w->own;
    if (line != NULL)
        dm_buf_done(line);
    free(line);
    w->own = NULL;
}

const dm_data_format dm_data_jsonl = {"jsonl", "application/jsonl", begin, row, end, drop};
