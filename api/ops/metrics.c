/* GET /metrics, for the scraper. */
#include "api/kit/api.h"
#include "api/ops/routes.h"

enum { TEXT_MAX = 4 << 20 };

int dm_route_metrics(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    DM_AUTO_BUF text;
    dm_buf_init(&text, TEXT_MAX);
    int r = dm_metrics_print(api->metrics, &text, err);
    if (r == 0)
        dm_reply_text(&req->reply, 200, "text/plain; version=0.0.4; charset=utf-8", dm_buf_view(&text));
    return r;
}
