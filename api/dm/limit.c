/* GET /v1/projects/{slug}/limits: what binds the project, what is used of it, and whose row sets it. */
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"

typedef struct work {
    const dm_caller *caller;
    dm_limit_list list;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_limit_list_read(c, w->caller->owner, &w->list, err);
}

static void write_one(dm_jw *w, const dm_limit_is *l)
{
    static const char *const whose[] = {"project", "account", "tier"};
    dm_jw_obj(w);
    dm_jw_kc(w, "name", l->row->name);
    dm_jw_kc(w, "binds", l->account ? "account" : "project");
    dm_jw_kc(w, "what", l->row->words);
    dm_jw_ki64(w, "limit", l->limit);
    dm_jw_key(w, "used");
    if (l->row->counted)
        dm_jw_i64(w, l->used);
    else
        dm_jw_null(w);
    dm_jw_ki64(w, "denied_24h", l->denied_24h);
    dm_jw_kc(w, "set_by", whose[l->of]);
    if (l->of != DM_LIMIT_OF_TIER) {
        dm_jw_kstr(w, "who", l->set_by);
        dm_jw_kstr(w, "reason", l->reason);
        dm_write_time(w, "until", l->until_us);
    }
    dm_jw_end(w);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    work w = {.caller = caller};
    int r = dm_api_tx(ctx, caller, query, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_jw_kc(&j, "tier", caller->tier);
        dm_jw_key(&j, "limits");
        dm_jw_arr(&j);
        for (size_t i = 0; i < w.list.n; i++)
            write_one(&j, &w.list.of[i]);
        dm_jw_arr_end(&j);
        dm_jw_end(&j);
    }
    dm_limit_list_done(&w.list);
    return r;
}

int dm_route_limit_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
