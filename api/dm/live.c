/* GET /v1/projects/{slug}/live: what changes, as it changes (server-sent events); with once=1 the same as one answer,
 * for who cannot hold a connection. */
#include "api/dm/live.h"

#include "base/parse.h"

#include "api/dm/live_read.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"

static int once(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    const dm_live_asked asked = {
            .owner = caller->owner, .whole = true, .cost = dm_may(caller->rights, DM_RIGHT_USAGE_READ)};
    DM_AUTO(dm_live_told) told = dm_live_told_new(err);
    int r = told != NULL ? dm_live_read(ctx, &asked, told, err) : DM_E_NOMEM;
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_live_snapshot(&w, told, caller->rights);
    dm_jw_end(&w);
    return 0;
}

/* By the header, as browsers send it, or by a parameter, for who cannot set one. What is none of ours is as good as
 * none: he is told all. */
static int64_t since_of(const dm_req *req)
{
    dm_str text = dm_req_header(req, "Last-Event-ID");
    int64_t since = 0;
    if (text.p == NULL)
        text = dm_req_query(req, "since");
    return text.p != NULL && dm_parse_i64(text, 1, INT64_MAX / 2, &since, NULL) == 0 ? since : 0;
}

static int stream(dm_req *req, dm_api *api, dm_err *err)
{
    static const char what[] = "project.live";
    dm_bound bound = {.limit = 0};
    int r = dm_live_join(api->live, req, since_of(req), &bound.limit, err);
    bound.current = bound.limit;
    switch (r) {
    case DM_LIVE_FULL:
        return dm_deny(req, DM_NO_SERVICE_BUSY, what, "too many streams at this moment");
    case DM_LIVE_MINE:
        return dm_deny_bound(req, DM_NO_LIVE_MAX, what, &bound, "you have %lld streams", (long long)bound.limit);
    case DM_LIVE_PROJECT:
        return dm_deny_bound(req, DM_NO_LIVE_MAX, what, &bound, "the project has %lld streams", (long long)bound.limit);
    default:
        return r < 0 ? r : DM_HTTP_LATER;
    }
}

int dm_route_own_live(dm_req *req, void *ctx, dm_err *err)
{
    dm_str how = dm_req_query(req, "once");
    if (how.p != NULL && !dm_str_eq_c(how, "1"))
        return dm_fail(err, DM_E_INVALID, "once must be 1");
    return how.p != NULL ? dm_api_hop(req, ctx, DM_LATER_READS, once, err) : stream(req, ctx, err);
}
