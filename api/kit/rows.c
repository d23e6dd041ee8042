#include "api/kit/rows.h"

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
