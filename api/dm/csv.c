#include "api/dm/csv.h"

/* What a spreadsheet would calculate begins with one of these; an apostrophe before it makes it a text. */
static bool is_formula(dm_str cell)
{
    return cell.n > 0 && memchr("=+-@\t\r\n", cell.p[0], 7) != NULL;
}

static void write_cell(dm_buf *b, dm_str cell)
{
    (void)dm_buf_c(b, is_formula(cell) ? "\"'" : "\"");
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.p[i] == '"')
            (void)dm_buf_ch(b, '"');
        (void)dm_buf_ch(b, cell.p[i]);
    }
    (void)dm_buf_ch(b, '"');
}

void dm_csv_line(dm_buf *b, const dm_str *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            (void)dm_buf_ch(b, ',');
        write_cell(b, cells[i]);
    }
    (void)dm_buf_c(b, "\r\n");
}
