/* POST .../refresh, .../sign-out, .../sign-out-everywhere, GET and DELETE .../sessions, of people and of operators. The
 * first two live by the long cookie alone: they are for whoever's short one is over. */
#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/rows.h"
#include "tenants/who/refresh.h"

typedef struct work {
    char id[DM_UUID_TEXT];
    const char *why;
    int64_t turn;
    dm_session_life life;
    dm_signed_in in;
    int outcome;
    size_t n;
    dm_session_row rows[DM_SESSIONS_MAX];
} work;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_session_find(c, w->id, &w->in, err);
}

/* A reuse ends it, which must be committed. */
static int turn(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->outcome = dm_session_turn(c, w->id, w->life, &w->turn, err);
    return w->outcome < 0 ? w->outcome : 0;
}

static int end(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_session_end(c, w->id, w->why, err);
}

static int end_all(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_session_end_all(c, NULL, w->why, err);
}

static int list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_session_list(c, w->rows, &w->n, err);
}

/* --- by the long cookie ------------------------------------------------------------------------------------- */

/* Whose the long cookie is, if it goes on and is of this kind. 0 or DM_SESSION_NONE. */
static int by_refresh(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    bool ops = dm_proof_ops(req);
    dm_str text = dm_cookie_of(req, dm_req_over_tls(req), ops ? DM_COOKIE_OPS_REFRESH : DM_COOKIE_REFRESH);
    if (text.p == NULL)
        return DM_SESSION_NONE;
    int r = dm_refresh_read(api->master, text, w->id, &w->turn, err);
    if (r == DM_REFRESH_FORGED)
        return DM_SESSION_NONE;
    if (r == 0)
        r = dm_api_tx_who(api, false, 0, find, w, err);
    return r == 0 && (w->in.operator_.v != 0) != ops ? DM_SESSION_NONE : r;
}

static int64_t no_of(const dm_signed_in *in)
{
    return in->operator_.v != 0 ? in->operator_.v : in->person.v;
}

static int over(dm_req *req, dm_err *err)
{
    int r = dm_proof_no_cookies(req, dm_proof_ops(req), err);
    return r < 0 ? r : dm_deny(req, DM_NO_AUTH_SESSION, "auth.refresh", "the session has ended: sign in again");
}

static int refresh(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    bool ops = dm_proof_ops(req);
    int r = dm_proof_own(req, err);
    if (r == 0)
        r = by_refresh(req, api, w, err);
    if (r == 0) {
        w->life = dm_proof_life(api, ops);
        r = dm_api_tx_who(api, ops, no_of(&w->in), turn, w, err);
    }
    if (r < 0)
        return r;
    if (r == DM_SESSION_NONE || w->outcome != 0)
        return over(req, err);
    r = dm_proof_cookies(req, api, ops, w->id, w->turn, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

static int sign_out(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    bool ops = dm_proof_ops(req);
    int r = dm_proof_own(req, err);
    if (r == 0)
        r = by_refresh(req, api, w, err);
    if (r == 0) {
        w->why = "signed_out";
        r = dm_api_tx_who(api, ops, no_of(&w->in), end, w, err);
    }
    if (r >= 0)
        r = dm_proof_no_cookies(req, ops, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

/* --- by the short one --------------------------------------------------------------------------------------- */

static int everywhere(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    bool ops = dm_proof_ops(req);
    w->why = "everywhere";
    int r = dm_api_tx_who(api, ops, no_of(&dm_session_of(req)->in), end_all, w, err);
    if (r == 0)
        r = dm_proof_no_cookies(req, ops, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

static dm_str id_of(const void *of, size_t i)
{
    const work *w = of;
    return dm_str_c(w->rows[i].id);
}

static void write_row(dm_jw *j, const void *of, size_t i)
{
    const work *w = of;
    dm_jw_kc(j, "id", w->rows[i].id);
    dm_jw_kbool(j, "current", strcmp(w->rows[i].id, w->in.session) == 0);
    dm_write_time(j, "begun_at", w->rows[i].begun_at_us);
    dm_write_time(j, "used_at", w->rows[i].used_at_us);
    dm_write_time(j, "expires_at", w->rows[i].expires_at_us);
    dm_jw_kc(j, "agent", w->rows[i].agent);
    dm_jw_kc(j, "address", w->rows[i].address);
}

static int show(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    w->in = dm_session_of(req)->in;
    int r = dm_api_tx_who(api, dm_proof_ops(req), no_of(&w->in), list, w, err);
    const dm_rows_all all = {
            .order = 'g', .of = w, .n = w->n, .most = DM_SESSIONS_MAX, .id = id_of, .write = write_row};
    return r < 0 ? r : dm_rows_answer(req, &all, err);
}

static int end_one(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    dm_str id = req->params[0];
    const dm_signed_in *in = &dm_session_of(req)->in;
    w->why = "signed_out";
    int r = dm_uuid_ok(id) ? dm_str_to_array(id, w->id, sizeof w->id, err) : DM_SESSION_NONE;
    if (r == 0)
        r = dm_api_tx_who(api, dm_proof_ops(req), no_of(in), end, w, err);
    if (r == DM_SESSION_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "session not found");
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

/* --- routes ------------------------------------------------------------------------------------------------- */

static int with_work(dm_req *req, void *ctx, int (*fn)(dm_req *, dm_api *, work *, dm_err *), dm_err *err)
{
    work *w = calloc(1, sizeof *w); /* a page of rows: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "session");
    int r = fn(req, ctx, w, err);
    free(w);
    return r;
}

int dm_route_refresh(dm_req *req, void *ctx, dm_err *err)
{
    return with_work(req, ctx, refresh, err);
}

int dm_route_sign_out(dm_req *req, void *ctx, dm_err *err)
{
    return with_work(req, ctx, sign_out, err);
}

int dm_route_sign_out_everywhere(dm_req *req, void *ctx, dm_err *err)
{
    return with_work(req, ctx, everywhere, err);
}

int dm_route_session_list(dm_req *req, void *ctx, dm_err *err)
{
    return with_work(req, ctx, show, err);
}

int dm_route_session_end(dm_req *req, void *ctx, dm_err *err)
{
    return with_work(req, ctx, end_one, err);
}
