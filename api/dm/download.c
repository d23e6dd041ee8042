/* GET /v1/downloads/{link}: a file that was made, for whoever has a link to it: a browser, a program that is given
 * nothing else, or one that goes on where it broke off. The link says whose, which export and until when, with a MAC
 * over them: nothing is looked up before it is ours. */
#include "api/export/download.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"

typedef struct fetching {
    dm_export_whose whose;
    dm_str id;
    dm_pg_rows *rows;
} fetching;

static int no_link(dm_req *req)
{
    return dm_deny(req, DM_NO_DOWNLOAD_LINK, "download.get", "this link is over, or none of ours");
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    fetching *f = arg;
    dm_pg_rows_free(f->rows);
    f->rows = NULL;
    return dm_export_find(c, f->whose, f->id, &f->rows, err);
}

/* In the scope of the account that it is of; a legal entity's is of none. */
static int find(dm_api *api, fetching *f, dm_err *err)
{
    const dm_caller nobody = {.owner = {.account = {f->whose.v}}};
    return f->whose.v > 0 ? dm_api_tx(api, &nobody, query, f, err) : dm_api_tx_ops(api, query, f, err);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    fetching f = {.rows = NULL};
    int r = dm_download_read(api, req->params[0], &f.whose, &f.id, err);
    if (r != 0)
        return r < 0 ? r : no_link(req);
    r = find(api, &f, err);
    if (r == 0) {
        dm_export e;
        dm_export_read(f.rows, 0, &e);
        r = dm_download_answer(req, api, &e, err);
    } else if (r == DM_EXPORT_NONE) {
        r = no_link(req);
    }
    dm_pg_rows_free(f.rows);
    return r;
}

int dm_route_download(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}
