#include "metering/kit/many.h"

#include <assert.h>

void dm_many_init(dm_many *m, dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n)
{
    assert(n <= DM_MANY_ARGS);
    *m = (dm_many){.c = c, .st = st, .nargs = 1 + n};
    for (size_t i = 0; i < n; i++)
        m->args[1 + i] = args[i];
    dm_buf_init(&m->json, DM_MANY_BYTES + DM_MANY_ROW_BYTES);
}

void dm_many_done(dm_many *m)
{
    dm_buf_done(&m->json);
}

dm_jw *dm_many_row(dm_many *m)
{
    if (m->n == 0) {
        dm_buf_reset(&m->json);
        dm_jw_init(&m->w, &m->json);
        dm_jw_arr(&m->w);
    }
    dm_jw_obj(&m->w);
    return &m->w;
}

int dm_many_row_end(dm_many *m, dm_err *err)
{
    dm_jw_end(&m->w);
    m->n++;
    return m->n < DM_MANY_ROWS && m->json.len < DM_MANY_BYTES ? 0 : dm_many_flush(m, err);
}

int dm_many_flush(dm_many *m, dm_err *err)
{
    if (m->n == 0)
        return 0;
    dm_jw_arr_end(&m->w);
    m->n = 0;
    int r = dm_buf_ok(&m->json, err);
    m->args[0] = dm_pa_text(dm_buf_view(&m->json));
    return r < 0 ? r : dm_pg_batch_add(m->c, m->st, m->args, m->nargs, err);
}
