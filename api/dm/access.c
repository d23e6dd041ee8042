/* /v1/me/access-tokens: the tokens with which E2B's command line stands for a person. A token is shown once. */
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"
#include "api/kit/rows.h"

static dm_str id_of(const void *of, size_t i)
{
    dm_access_row a;
    dm_access_row_read(of, i, &a);
    return a.id;
}

static void write_row(dm_jw *w, const void *of, size_t i)
{
    dm_access_row a;
    dm_access_row_read(of, i, &a);
    dm_jw_kstr(w, "id", a.id);
    dm_jw_kstr(w, "name", a.name);
    dm_jw_kstr(w, "mask", a.mask);
    dm_write_time(w, "created_at", a.created_us);
}

int dm_route_access_list(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_accesses_list(ctx, &dm_session_of(req)->caller, &rows, err);
    const dm_rows_all all = {.order = 'h', .of = rows, .n = dm_pg_count(rows), .id = id_of, .write = write_row};
    return r < 0 ? r : dm_rows_answer(req, &all, err);
}

static void write_made(dm_jw *w, const dm_access_made *made, dm_str name)
{
    dm_jw_kc(w, "id", made->id);
    dm_jw_kstr(w, "name", name);
    dm_jw_kc(w, "mask", made->mask);
    dm_write_time(w, "created_at", made->created_us);
}

int dm_route_access_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_add(req, ctx, write_made, err);
}

int dm_route_access_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_revoke(req, ctx, req->params[0], err);
}
