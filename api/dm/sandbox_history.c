/* GET .../sandboxes/{id}/events and /logs: what a sandbox went through: as transitions with their cause, whose it was
 * and what is sworn to of it, and as lines that say the same in words. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/answer.h"
#include "api/kit/rows.h"
#include "api/life/deny.h"
#include "api/life/look.h"
#include "api/limits.h"
#include "metering/read/wallet.h"

enum { ATTESTED_MAX = 2000, PERIOD_MAX_S = 3600 };

typedef struct work {
    const dm_caller *caller;
    dm_sandbox_id id;
    dm_line_events of;
    char causes[DM_LOOK_CAUSES];
    bool attest;
    dm_sandbox_one one;
    dm_pg_rows *rows;
    dm_pg_rows *credits; /* what was given back for it */
    dm_pg_total total;
    int64_t period_s;
    size_t n, nattested;
    dm_read_attested attested[ATTESTED_MAX];
} work;

typedef struct event {
    int64_t no, us, epoch;
    dm_str from, to, cause, why, who;
} event;

static event read_event(const dm_pg_rows *rows, size_t i)
{
    return (event){.no = dm_pg_i64(rows, i, 0),
            .us = dm_pg_i64(rows, i, 1),
            .epoch = dm_pg_i64(rows, i, 2),
            .from = dm_pg_str(rows, i, 3),
            .to = dm_pg_str(rows, i, 4),
            .cause = dm_pg_str(rows, i, 5),
            .why = dm_pg_str(rows, i, 6),
            .who = dm_pg_str(rows, i, 7)};
}

/* What was sworn to in the periods of this page. */
static int read_attested(dm_pg *c, work *w, dm_err *err)
{
    if (w->n == 0)
        return 0;
    int64_t a = read_event(w->rows, 0).us / 1000000, b = read_event(w->rows, w->n - 1).us / 1000000;
    return dm_read_attested_of(c, w->caller->owner, &w->id, (a < b ? a : b) - PERIOD_MAX_S, a < b ? b : a, ATTESTED_MAX,
            w->attested, &w->nattested, err);
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    dm_pg_rows_free(w->credits);
    w->rows = w->credits = NULL;
    int r = dm_sandbox_find(c, w->caller->owner, &w->id, false, &w->one, err);
    if (r == 0)
        r = dm_line_history(c, w->caller->owner, &w->id, &w->of, &w->rows, &w->total, err);
    if (r != 0)
        return r;
    w->n = dm_pg_count(w->rows);
    if (w->n > (size_t)w->of.limit - 1)
        w->n = (size_t)w->of.limit - 1;
    if (w->attest)
        r = dm_read_credits_of(c, w->caller->owner, &w->id, &w->credits, err);
    return r == 0 && w->attest ? read_attested(c, w, err) : r;
}

static int read_request(const dm_req *req, work *w, dm_err *err)
{
    dm_str sort = dm_req_query(req, "sort");
    dm_page page;
    if (sort.p != NULL && !dm_str_eq_c(sort, "-at") && !dm_str_eq_c(sort, "at"))
        return dm_fail(err, DM_E_INVALID, "sort must be -at (the newest first) or at");
    w->of.ascending = dm_str_eq_c(sort, "at");
    w->of.search = dm_req_query(req, "search");
    if (w->of.search.n > DM_SEARCH_MAX)
        return dm_fail(err, DM_E_INVALID, "search has more than %d bytes", DM_SEARCH_MAX);
    int r = dm_rows_read(req, w->of.ascending ? 'E' : 'e', &page, err);
    if (r < 0)
        return r;
    w->of.limit = page.limit + 1; /* one more says whether there is another page */
    w->of.from_cursor = page.from;
    w->of.cursor_us = page.us;
    if (page.from && dm_parse_i64(dm_str_c(page.id), 0, INT64_MAX, &w->of.cursor_no, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
    return dm_look_causes(dm_req_query(req, "level"), w->causes, &w->of.causes, err);
}

/* --- the two shapes ----------------------------------------------------------------------------------------- */

/* Of the period that the event lies in, in that life. */
static const char *sworn(const work *w, const event *e)
{
    int64_t at = e->us / 1000000;
    for (size_t i = 0; i < w->nattested; i++) {
        const dm_read_attested *a = &w->attested[i];
        if (a->epoch == e->epoch && a->period_start <= at && at - a->period_start < w->period_s)
            return a->hash;
    }
    return NULL;
}

static void maybe(dm_jw *j, const char *name, dm_str s)
{
    if (s.n > 0)
        dm_jw_kstr(j, name, s);
    else
        dm_jw_kc(j, name, NULL);
}

/* Of the life that ended so; what is still to be given, or was nothing, is null. */
static void write_credited(dm_jw *j, const work *w, const event *e)
{
    dm_wallet_credit k;
    dm_jw_key(j, "credited");
    for (size_t i = 0; dm_str_eq_c(e->to, "ended") && i < dm_pg_count(w->credits); i++) {
        dm_read_credit(w->credits, i, &k);
        if (k.epoch != e->epoch)
            continue;
        dm_jw_obj(j);
        dm_jw_kstr(j, "amount", k.amount);
        dm_jw_kstr(j, "currency", k.currency);
        dm_jw_kbool(j, "split", k.split);
        dm_jw_key(j, "statements");
        dm_jw_raw(j, k.statements);
        dm_jw_end(j);
        return;
    }
    dm_jw_null(j);
}

static void write_event(dm_jw *j, const work *w, const event *e)
{
    dm_cause cause = DM_CAUSE_NONE;
    if (e->cause.n > 0 && dm_cause_parse(e->cause, &cause, NULL) < 0)
        cause = DM_CAUSE_NONE;
    dm_jw_obj(j);
    dm_write_time(j, "at", e->us);
    dm_jw_ki64(j, "epoch", e->epoch);
    maybe(j, "from", e->from);
    dm_jw_kstr(j, "to", e->to);
    dm_write_cause(j, cause);
    dm_jw_kstr(j, "why", e->why);
    dm_jw_kstr(j, "who", e->who);
    dm_jw_kbool(j, "credit", dm_str_eq_c(e->to, "ended") && dm_cause_get(cause)->credit);
    write_credited(j, w, e);
    dm_jw_kc(j, "attestation", sworn(w, e));
    dm_jw_end(j);
}

static void write_log(dm_jw *j, const event *e)
{
    char message[256];
    (void)snprintf(message, sizeof message, "%.*s: %.*s", (int)e->to.n, e->to.p, (int)e->why.n, e->why.p);
    dm_jw_obj(j);
    dm_write_time(j, "at", e->us);
    dm_jw_kc(j, "level", dm_look_level(e->cause));
    dm_jw_kc(j, "message", message);
    dm_jw_ki64(j, "epoch", e->epoch);
    dm_jw_kstr(j, "state", e->to);
    maybe(j, "cause", e->cause);
    dm_jw_kstr(j, "who", e->who);
    dm_jw_end(j);
}

static int at_event(const event *e, dm_rows_last *at, dm_err *err)
{
    at->us = e->us;
    return dm_rows_at(at, err, "%lld", (long long)e->no);
}

static int list_event(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    const event e = read_event(w->rows, i);
    write_event(j, w, &e);
    return at_event(&e, at, err);
}

static int list_log(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    const event e = read_event(w->rows, i);
    write_log(j, &e);
    return at_event(&e, at, err);
}

static int write_all(dm_req *req, const work *w, dm_err *err)
{
    const dm_rows_kind kind = {.order = w->of.ascending ? 'E' : 'e', .write = w->attest ? list_event : list_log};
    return dm_rows_write(req, &kind, w, dm_pg_count(w->rows), w->of.limit - 1, w->total, err);
}

static int history(dm_req *req, dm_api *api, bool attest, dm_err *err)
{
    work *w = calloc(1, sizeof *w); /* what was sworn to: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "a history");
    w->caller = &dm_session_of(req)->caller;
    w->attest = attest;
    w->period_s = (int64_t)api->config->period_s;
    int r = dm_own_id(req, &w->id, err);
    if (r == 0)
        r = read_request(req, w, err);
    if (r == 0)
        r = dm_api_tx(api, w->caller, query, w, err);
    if (r == DM_SANDBOX_NONE)
        r = dm_deny_no_sandbox(req, attest ? "sandbox.events" : "sandbox.logs", &w->id);
    else if (r == 0)
        r = write_all(req, w, err);
    dm_pg_rows_free(w->rows);
    dm_pg_rows_free(w->credits);
    dm_sandbox_one_done(&w->one);
    free(w);
    return r;
}

static int events(dm_req *req, void *ctx, dm_err *err)
{
    return history(req, ctx, true, err);
}

static int logs(dm_req *req, void *ctx, dm_err *err)
{
    return history(req, ctx, false, err);
}

int dm_route_own_events(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, events, err);
}

int dm_route_own_logs(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, logs, err);
}
