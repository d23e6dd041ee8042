/* GET /v1/accounts/{id}/plan: what an account's seconds are rated by, what of its allowance is left, and what the month
 * has come to by now; or, as_of, was and had by then. */
#include "metering/read/plan.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"

typedef struct work {
    const dm_caller *by;
    int64_t at_us;
    dm_pg_rows *rows;
    dm_read_plan p;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_read_plan_of(c, w->by->owner.account, w->at_us, &w->rows, &w->p, err);
}

static void write_minutes(dm_jw *w, const dm_read_plan *p)
{
    int64_t left = p->used_s < p->included_s ? p->included_s - p->used_s : 0;
    dm_jw_key(w, "minutes");
    if (!p->pooled) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_ki64(w, "included_seconds", p->included_s);
    dm_jw_ki64(w, "used_seconds", p->used_s);
    dm_jw_ki64(w, "left_minutes", left / 60);
    dm_write_time(w, "resets_at", p->resets_us);
    dm_jw_end(w);
}

static void write_spend(dm_jw *w, const dm_read_plan *p)
{
    dm_jw_key(w, "spend");
    dm_jw_obj(w);
    dm_jw_kstr(w, "month", p->amount);
    dm_jw_kstr(w, "per_second", p->per_second);
    dm_jw_ki64(w, "running", p->running);
    dm_jw_kmaybe(w, "projected", p->projected);
    dm_write_time(w, "as_of", p->as_of_us);
    dm_jw_end(w);
}

static void write_next(dm_jw *w, const dm_read_plan *p)
{
    dm_jw_key(w, "next_change");
    if (p->next_tier.p == NULL) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_write_time(w, "at", p->next_us);
    dm_jw_kstr(w, "plan", p->next_tier);
    dm_jw_end(w);
}

int dm_route_plan_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_as_of(req, ((const dm_api *)ctx)->clock, &w.at_us, err);
    if (r == 0)
        r = dm_api_tx(ctx, w.by, query, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_jw_kstr(&j, "plan", w.p.tier);
        dm_jw_kmaybe(&j, "rated_by", w.p.rated_by);
        dm_jw_kstr(&j, "currency", w.p.currency);
        dm_jw_kstr(&j, "billing_cycle", w.p.billing_cycle);
        dm_jw_key(&j, "price_books");
        dm_jw_raw(&j, w.p.books);
        write_minutes(&j, &w.p);
        write_spend(&j, &w.p);
        write_next(&j, &w.p);
        dm_jw_end(&j);
    }
    dm_pg_rows_free(w.rows);
    return r;
}
