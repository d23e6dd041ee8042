#include "metering/export/data/rows.h"

#include "metering/export/data/sql_rows.h"

enum { ROW_TEXT_MAX = 64 << 10, DAY_S = 86400 };

typedef struct walk {
    const dm_rows_asked *asked;
    dm_data_writer writer;
    dm_sums *sums;
    dm_data_row row;
    dm_buf text;
    int64_t all;
} walk;

static int one(walk *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_buf_reset(&w->text);
    w->row.currency = w->row.amount = w->row.invoice = (dm_str){NULL, 0};
    int r = w->asked->set->row(rows, i, &w->text, &w->row, err);
    if (r == 0)
        r = dm_sums_add(w->sums, &w->row, err);
    return r < 0 ? r : w->asked->format->row(&w->writer, &w->row, err);
}

static int source(walk *w, dm_pg *c, const dm_data_source *from, const dm_data_range *range, dm_err *err)
{
    int r = dm_sql_rows_open(c, from, range, err);
    for (size_t n = 1; r == 0 && n > 0;) {
        DM_AUTO(dm_pg_rows) rows = NULL;
        r = dm_sql_rows_fetch(c, from, &rows, err);
        n = r == 0 ? dm_pg_count(rows) : 0;
        for (size_t i = 0; r == 0 && i < n; i++)
            r = one(w, rows, i, err);
        if (r == 0)
            r = w->asked->beat(w->asked->arg, (int64_t)w->sums->rows, w->all, err);
    }
    return r != 0 ? r : dm_sql_rows_close(c, from, err);
}

static int sources(walk *w, dm_pg *c, const dm_data_range *range, dm_err *err)
{
    const dm_data_set *set = w->asked->set;
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_LEN(set->sources) && set->sources[i] != NULL; i++)
        r = source(w, c, set->sources[i], range, err);
    return r;
}

static int days(walk *w, dm_pg *c, dm_err *err)
{
    const dm_data_range *all = &w->asked->range;
    int r = 0;
    for (int64_t day = all->from; r == 0 && day < all->to; day += DAY_S)
        r = sources(w, c, &(dm_data_range){all->no, day, day + DAY_S}, err);
    return r;
}

/* What the rows name has to be what they come to. */
static int compare(walk *w, dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) documents = NULL;
    const dm_pg_stmt *st = w->asked->set->documents;
    int r = st != NULL ? dm_sql_rows_all(c, st, &w->asked->range, &documents, err) : 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(documents); i++)
        r = dm_sums_total(
                w->sums, dm_pg_str(documents, i, 0), dm_pg_str(documents, i, 1), dm_pg_bool(documents, i, 3), err);
    return r < 0 ? r : dm_sums_agree(w->sums, err);
}

static int walk_all(walk *w, dm_pg *c, dm_err *err)
{
    const dm_data_set *set = w->asked->set;
    int r = set->entity ? dm_sql_rows_entity(c, w->asked->range.no, err) : dm_sql_rows_prepare(c, err);
    w->all = -1;
    if (r == 0 && set->count != NULL)
        r = dm_sql_rows_count(c, set->count, &w->asked->range, &w->all, err);
    if (r == 0)
        r = w->asked->beat(w->asked->arg, 0, w->all, err);
    if (r == 0)
        r = w->asked->format->begin(&w->writer, err);
    if (r == 0)
        r = set->daily ? days(w, c, err) : sources(w, c, &w->asked->range, err);
    if (r == 0)
        r = w->asked->format->end(&w->writer, err);
    return r != 0 ? r : compare(w, c, err);
}

int dm_data_rows(dm_pg *c, const dm_rows_asked *asked, dm_sink *sink, dm_sums *sums, dm_err *err)
{
    walk w = {.asked = asked, .writer = {.set = asked->set, .sink = sink, .folder = asked->folder}, .sums = sums};
    dm_buf_init(&w.text, ROW_TEXT_MAX);
    int r = walk_all(&w, c, err);
    if (asked->format->drop != NULL)
        asked->format->drop(&w.writer);
    dm_buf_done(&w.text);
    return r;
}
