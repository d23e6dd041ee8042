#include "tenants/admin/list.h"

#include <stdio.h>

enum { TEXT_MAX = 256 << 20, REASON_MAX = 2000 };

int dm_admin_reason(const dm_admin_args *a, dm_err *err)
{
    dm_str text = dm_str_trim(dm_str_c(a->reason));
    if (text.n == 0)
        return dm_fail(err, DM_E_INVALID, "--reason is missing: whom it concerns reads it");
    return text.n <= REASON_MAX ? 0 : dm_fail(err, DM_E_INVALID, "--reason is too long");
}

static int do_query(dm_pg *c, void *arg, dm_err *err)
{
    dm_admin_listing *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return l->query(c, l, &l->rows, err);
}

static int print_json(const dm_admin_listing *l, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_jw w;
    int r = 0;
    dm_buf_init(&text, TEXT_MAX);
    dm_jw_init(&w, &text);
    dm_jw_arr(&w);
    for (size_t i = 0; r == 0 && i < dm_pg_count(l->rows); i++)
        r = l->json(&w, l->rows, i, err);
    dm_jw_arr_end(&w);
    if (r == 0)
        r = dm_buf_ok(&text, err);
    if (r == 0)
        (void)printf("%.*s\n", (int)text.len, text.p);
    return r;
}

int dm_admin_show(dm_pg *c, dm_admin_listing *l, const char *head, dm_err *err)
{
    int r = dm_pg_tx_on(c, &(dm_pg_scope){.read_only = true}, do_query, l, err);
    if (r == 0 && l->a->json) {
        r = print_json(l, err);
    } else if (r == 0) {
        (void)printf("%s\n", head);
        for (size_t i = 0; r == 0 && i < dm_pg_count(l->rows); i++)
            r = l->line(l->rows, i, err);
    }
    dm_pg_rows_free(l->rows);
    return r;
}
