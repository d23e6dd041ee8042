/* GET /v1/projects/{slug}/limits: what binds the project, what is used of it, and whose row sets it. */
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"

typedef struct work {
    const dm_caller *caller;
    dm_limit_list list;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_limit_list_read(c, w->caller->owner, &w->list, err);
}

static dm_str name_of(const void *of, size_t i)
{
    const work *w = of;
    return dm_str_c(w->list.of[i].row->name);
}

static void write_tier(dm_jw *j, const void *of)
{
    const work *w = of;
    dm_jw_kc(j, "tier", w->caller->tier);
}

static void write_one(dm_jw *w, const void *of, size_t i)
{
    static const char *const whose[] = {"project", "account", "tier"};
    const work *all = of;
    const dm_limit_is *l = &all->list.of[i];
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
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    work w = {.caller = caller};
    int r = dm_api_tx(ctx, caller, query, &w, err);
    if (r == 0) {
        const dm_rows_all all = {
                .order = 'l', .of = &w, .n = w.list.n, .id = name_of, .write = write_one, .head = write_tier};
        r = dm_rows_answer(req, &all, err);
    }
    dm_limit_list_done(&w.list);
    return r;
}

int dm_route_limit_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
