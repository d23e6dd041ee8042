/* RFC 4180, UTF-8, lines that end in LF. Nothing at all is null, and "" an empty text. */
#include "metering/export/data/cell.h"
#include "metering/export/data/format.h"

/* What a spreadsheet would calculate begins with one of these; an apostrophe before it makes it a text. */
static bool is_formula(dm_str cell)
{
    return cell.n > 0 && memchr("=+-@\t\r\n", cell.p[0], 7) != NULL;
}

static bool is_plain(dm_str cell)
{
    for (size_t i = 0; i < cell.n; i++)
        if (cell.p[i] == '"' || cell.p[i] == ',' || cell.p[i] == '\n' || cell.p[i] == '\r')
            return false;
    return cell.n > 0;
}

static int quoted(dm_sink *s, dm_str cell, bool guard, dm_err *err)
{
    int r = dm_sink_add(s, guard ? DM_STR("\"'") : DM_STR("\""), err);
    while (r == 0 && cell.n > 0) {
        const char *quote = memchr(cell.p, '"', cell.n);
        size_t n = quote != NULL ? (size_t)(quote - cell.p) + 1 : cell.n;
        r = dm_sink_add(s, (dm_str){cell.p, n}, err);
        if (r == 0 && quote != NULL)
            r = dm_sink_add(s, DM_STR("\""), err);
        cell = (dm_str){cell.p + n, cell.n - n};
    }
    return r < 0 ? r : dm_sink_add(s, DM_STR("\""), err);
}

static int text(dm_sink *s, dm_str cell, bool guarded, dm_err *err)
{
    bool guard = guarded && is_formula(cell);
    return !guard && is_plain(cell) ? dm_sink_add(s, cell, err) : quoted(s, cell, guard, err);
}

static int begin(dm_data_writer *w, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->set->ncolumns; i++) {
        r = i > 0 ? dm_sink_add(w->sink, DM_STR(","), err) : 0;
        if (r == 0)
            r = text(w->sink, dm_str_c(w->set->columns[i].name), false, err);
    }
    return r < 0 ? r : dm_sink_add(w->sink, DM_STR("\n"), err);
}

static int one(dm_data_writer *w, const dm_data_column *column, dm_str cell, dm_err *err)
{
    char time[32];
    if (cell.p == NULL)
        return 0;
    switch (column->type) {
    case DM_DATA_TEXT:
        return text(w->sink, cell, w->set->cells_guarded, err);
    case DM_DATA_TIME: {
        int r = dm_data_time(cell, time, err);
        return r < 0 ? r : dm_sink_add(w->sink, dm_str_c(time), err);
    }
    case DM_DATA_INT:
    case DM_DATA_DECIMAL:
        break;
    }
    return dm_sink_add(w->sink, cell, err);
}

static int row(dm_data_writer *w, const dm_data_row *row, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->set->ncolumns; i++) {
        r = i > 0 ? dm_sink_add(w->sink, DM_STR(","), err) : 0;
        if (r == 0)
            r = one(w, &w->set->columns[i], row->cells[i], err);
    }
    return r < 0 ? r : dm_sink_add(w->sink, DM_STR("\n"), err);
}

static int end(dm_data_writer *w, dm_err *err)
{
    (void)w;
    (void)err;
    return 0;
}

const dm_data_format dm_data_csv = {"csv", "text/csv; charset=utf-8", begin, row, end, NULL};
