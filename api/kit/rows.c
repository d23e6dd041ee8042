#include "api/kit/rows.h"

#include <stdarg.h>
#include <stdio.h>

enum { TOKEN_MAX = 160 };

int dm_rows_read(const dm_req *req, char order, dm_page *out, dm_err *err)
{
    return dm_page_read_own(req, order, DM_ROWS_USUAL, DM_ROWS_MAX, out, err);
}

dm_jw dm_rows_open(dm_req *req)
{
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    return w;
}

void dm_rows_first(dm_jw *w)
{
    dm_jw_key(w, "rows");
    dm_jw_arr(w);
}

dm_jw dm_rows_begin(dm_req *req)
{
    dm_jw w = dm_rows_open(req);
    dm_rows_first(&w);
    return w;
}

int dm_rows_end(dm_jw *w, const dm_rows_last *last, dm_err *err)
{
    DM_AUTO_BUF token;
    dm_buf_init(&token, TOKEN_MAX);
    int r = last->more ? dm_page_token(&token, last->order, last->us, last->id, err) : 0;
    dm_jw_arr_end(w);
    if (last->more)
        dm_jw_kstr(w, "next", dm_buf_view(&token));
    else
        dm_jw_kc(w, "next", NULL);
    dm_jw_ki64(w, "total", last->total.n);
    dm_jw_kbool(w, "total_is_least", last->total.at_least);
    dm_jw_end(w);
    return r;
}

/* --- of the database ---------------------------------------------------------------------------------------- */

int64_t dm_rows_below(const dm_page *page)
{
    return page->from ? page->us : INT64_MAX;
}

int dm_rows_at(dm_rows_last *at, dm_err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(at->room, sizeof at->room, fmt, args);
    va_end(args);
    at->id = dm_str_c(at->room);
    return n >= 0 && (size_t)n < sizeof at->room ? 0 : dm_fail(err, DM_E_INTERNAL, "a cursor is too long");
}

int dm_rows_write(dm_req *req, const dm_rows_kind *kind, const void *list, size_t n, int64_t limit, dm_pg_total total,
        dm_err *err)
{
    dm_rows_last last = {.more = n > (size_t)limit, .order = kind->order, .total = total};
    int r = 0;
    n = last.more ? (size_t)limit : n;
    if (kind->id != NULL)
        last.id = dm_str_c(kind->id);
    dm_jw w = dm_rows_open(req);
    if (kind->head != NULL)
        kind->head(&w, list);
    dm_rows_first(&w);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = kind->write(&w, list, i, &last, err);
    return r < 0 ? r : dm_rows_end(&w, &last, err);
}

typedef struct asking {
    const dm_rows_kind *kind;
    void *list;
} asking;

/* It may run twice. */
static int ask(dm_pg *c, void *arg, dm_err *err)
{
    const asking *a = arg;
    dm_rows_db *db = a->list;
    dm_pg_rows_free(db->rows);
    db->rows = NULL;
    return a->kind->query(c, a->list, err);
}

/* caller NULL: an operator. */
static int list_of(dm_req *req, dm_api *api, const dm_caller *caller, const dm_rows_kind *kind, void *list, dm_err *err)
{
    dm_rows_db *db = list;
    asking a = {.kind = kind, .list = list};
    int r = dm_rows_read(req, kind->order, &db->page, err);
    if (r == 0 && kind->asked != NULL)
        r = kind->asked(list, err);
    if (r == 0)
        r = caller == NULL ? dm_api_tx_ops(api, ask, &a, err) : dm_api_tx(api, caller, ask, &a, err);
    if (r == 0)
        r = dm_rows_write(req, kind, list, dm_pg_count(db->rows), db->page.limit, db->total, err);
    dm_pg_rows_free(db->rows);
    db->rows = NULL;
    return r;
}

int dm_rows_ops(dm_req *req, dm_api *api, const dm_rows_kind *kind, void *list, dm_err *err)
{
    return list_of(req, api, NULL, kind, list, err);
}

int dm_rows_own(dm_req *req, dm_api *api, const dm_caller *caller, const dm_rows_kind *kind, void *list, dm_err *err)
{
    return list_of(req, api, caller, kind, list, err);
}

/* --- all there ---------------------------------------------------------------------------------------------- */

/* The row behind the one that the cursor names: that is looked for outwards from where it stood. When it has gone, what
 * stands there now came after it. */
static size_t behind(const dm_rows_all *all, const dm_page *page)
{
    size_t at = (uint64_t)page->us < all->n ? (size_t)page->us : all->n;
    dm_str id = dm_str_c(page->id);
    for (size_t d = 0; d <= all->n; d++) {
        if (at + d < all->n && dm_str_eq(all->id(all->of, at + d), id))
            return at + d + 1;
        if (d <= at && at - d < all->n && dm_str_eq(all->id(all->of, at - d), id))
            return at - d + 1;
    }
    return at;
}

int dm_rows_answer(dm_req *req, const dm_rows_all *all, dm_err *err)
{
    dm_page page;
    int r = dm_rows_read(req, all->order, &page, err);
    if (r < 0)
        return r;
    size_t from = page.from ? behind(all, &page) : 0, to = from + (size_t)page.limit;
    dm_rows_last last = {.more = to < all->n,
            .order = all->order,
            .total = {.n = (int64_t)all->n, .at_least = all->most > 0 && all->n >= all->most}};
    if (last.more) {
        last.us = (int64_t)to - 1;
        last.id = all->id(all->of, to - 1);
    }
    dm_jw w = dm_rows_open(req);
    if (all->head != NULL)
        all->head(&w, all->of);
    dm_rows_first(&w);
    for (size_t i = from; i < to && i < all->n; i++) {
        dm_jw_obj(&w);
        all->write(&w, all->of, i);
        dm_jw_end(&w);
    }
    return dm_rows_end(&w, &last, err);
}
