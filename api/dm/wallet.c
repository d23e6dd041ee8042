/* /v1/accounts/{id}/wallet: what an account has in advance, in the order in which it is used, and what became of it. */
#include "metering/read/wallet.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"

/* --- as it is ----------------------------------------------------------------------------------------------- */

typedef struct work {
    const dm_caller *caller;
    int64_t at_us;
    dm_read_wallet w;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_read_wallet_of(c, w->caller->owner.account, w->at_us, &w->w, err);
}

static void write_balances(dm_jw *j, const dm_read_wallet *w)
{
    dm_wallet_balance b;
    dm_jw_key(j, "balances");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->balances); i++) {
        dm_read_wallet_balance(w, i, &b);
        dm_jw_obj(j);
        dm_jw_kstr(j, "currency", b.currency);
        dm_jw_kstr(j, "kind", b.kind);
        dm_jw_kstr(j, "free", b.free);
        dm_jw_kstr(j, "held", b.held);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_fault(dm_jw *j, const dm_wallet_given *g)
{
    dm_sandbox_id id;
    dm_jw_key(j, "fault");
    if (g->sandbox.p == NULL || g->sandbox.n != sizeof id.b) {
        dm_jw_null(j);
        return;
    }
    memcpy(id.b, g->sandbox.p, sizeof id.b);
    dm_jw_obj(j);
    dm_jw_kc(j, "sandbox", dm_sandbox_name_of(&id).s);
    dm_jw_ki64(j, "epoch", g->epoch);
    dm_jw_kmaybe(j, "cause", g->cause);
    dm_jw_ktime(j, "lost_at", g->lost_us);
    dm_jw_kbool(j, "split", g->split);
    dm_jw_key(j, "statements");
    dm_jw_raw(j, g->statements);
    dm_jw_end(j);
}

static void write_grants(dm_jw *j, const dm_read_wallet *w)
{
    dm_wallet_given g;
    dm_jw_key(j, "grants");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->grants); i++) {
        dm_read_wallet_grant(w, i, &g);
        dm_jw_obj(j);
        dm_jw_kstr(j, "id", g.id);
        dm_jw_kstr(j, "kind", g.kind);
        dm_jw_kstr(j, "currency", g.currency);
        dm_jw_kstr(j, "amount", g.amount);
        dm_jw_kstr(j, "remaining", g.remaining);
        dm_jw_kstr(j, "held", g.held);
        dm_jw_ki64(j, "priority", g.priority);
        dm_jw_ktime(j, "valid_from", g.from_us);
        dm_jw_ktime(j, "expires_at", g.expires_us);
        dm_jw_kstr(j, "reference", g.reference);
        dm_jw_kstr(j, "why", g.why);
        write_fault(j, &g);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_holds(dm_jw *j, const dm_read_wallet *w)
{
    dm_wallet_kept k;
    dm_jw_key(j, "holds");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->holds); i++) {
        dm_read_wallet_hold(w, i, &k);
        dm_jw_obj(j);
        dm_jw_kstr(j, "id", k.id);
        dm_jw_kstr(j, "currency", k.currency);
        dm_jw_kstr(j, "amount", k.amount);
        dm_jw_kstr(j, "reference", k.reference);
        dm_jw_ktime(j, "made_at", k.made_us);
        dm_jw_ktime(j, "expires_at", k.expires_us);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_pending(dm_jw *j, const dm_read_wallet *w)
{
    dm_wallet_pending p;
    dm_jw_key(j, "pending");
    dm_jw_arr(j);
    for (size_t i = 0; i < dm_pg_count(w->pending); i++) {
        dm_read_wallet_pending(w, i, &p);
        dm_jw_obj(j);
        dm_jw_kstr(j, "id", p.id);
        dm_jw_kstr(j, "kind", p.kind);
        dm_jw_kstr(j, "currency", p.currency);
        dm_jw_kstr(j, "amount", p.amount);
        dm_jw_kstr(j, "state", p.state);
        dm_jw_ktime(j, "ordered_at", p.ordered_us);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller};
    dm_wallet_head h;
    int r = dm_as_of(req, ((const dm_api *)ctx)->clock, &w.at_us, err);
    if (r == 0)
        r = dm_api_tx(ctx, w.caller, query, &w, err);
    if (r == 0) {
        dm_read_wallet_head(&w.w, &h);
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_jw_kstr(&j, "currency", h.currency);
        dm_jw_kbool(&j, "prepaid", h.prepaid);
        dm_jw_kmaybe(&j, "left", h.left);
        write_balances(&j, &w.w);
        write_grants(&j, &w.w);
        write_holds(&j, &w.w);
        write_pending(&j, &w.w);
        dm_jw_end(&j);
    }
    dm_read_wallet_done(&w.w);
    return r;
}

int dm_route_wallet_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

/* --- what became of it -------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_account_no account_no;
} listing;

static int query_entries(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_read_wallet_entries(
            c, l->account_no, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_entry(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_wallet_entry e;
    (void)err;
    dm_read_wallet_entry(l->db.rows, i, &e);
    dm_jw_obj(j);
    dm_jw_ki64(j, "no", e.no);
    dm_jw_ktime(j, "at", e.at_us);
    dm_jw_kstr(j, "kind", e.kind);
    dm_jw_kstr(j, "currency", e.currency);
    dm_jw_kstr(j, "amount", e.amount);
    dm_jw_kstr(j, "promo", e.promo);
    dm_jw_kstr(j, "paid", e.paid);
    dm_jw_key(j, "statement");
    if (e.statement != 0)
        dm_jw_i64(j, e.statement);
    else
        dm_jw_null(j);
    dm_jw_kstr(j, "reference", e.reference);
    dm_jw_key(j, "parts");
    dm_jw_raw(j, e.parts);
    dm_jw_end(j);
    at->us = e.no;
    return 0;
}

static int entries(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'W', .id = "entry", .query = query_entries, .write = write_entry};
    const dm_caller *caller = &dm_session_of(req)->caller;
    listing l = {.account_no = caller->owner.account};
    return dm_rows_own(req, ctx, caller, &kind, &l, err);
}

int dm_route_wallet_entries(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, entries, err);
}
