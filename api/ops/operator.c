/* /v1/ops/operators: who operates, and what operators do about each other. A password for one sign-in is made here and
 * shown in the answer alone. */
#include "tenants/who/operator.h"

#include <stddef.h>

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

static int query(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_operator_list(c, rows, err);
}

static dm_str id_of(const void *of, size_t i)
{
    dm_operator_row o;
    dm_operator_row_read(of, i, &o);
    return o.id;
}

static void write_row(dm_jw *w, const void *of, size_t i)
{
    dm_operator_row o;
    dm_operator_row_read(of, i, &o);
    dm_operator_row_write(w, &o);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_api_tx_ops(ctx, query, &rows, err);
    const dm_rows_all all = {.order = 'O',
            .of = rows,
            .n = dm_pg_count(rows),
            .most = DM_OPERATORS_SHOWN,
            .id = id_of,
            .write = write_row};
    return r < 0 ? r : dm_rows_answer(req, &all, err);
}

int dm_route_ops_operator_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- acts --------------------------------------------------------------------------------------------------- */

typedef struct work {
    const char *who, *reason;
    char name[DM_OPERATOR_NAME_MAX + 1], email[DM_EMAIL_MAX + 1];
    char password[DM_RECOVERY_TEXT], encoded[DM_PASSWORD_TEXT]; /* password "": none is made */
    int (*act)(dm_pg *c, struct work *w, dm_err *err);
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return w->act(c, w, err);
}

static int add(dm_pg *c, work *w, dm_err *err)
{
    const dm_operator_new n = {.name = w->name, .email = w->email, .encoded = w->encoded, .reason = w->reason};
    bool made;
    return dm_operator_add(c, w->who, &n, &made, err);
}

static int disable(dm_pg *c, work *w, dm_err *err)
{
    return dm_operator_disable(c, w->who, w->reason, w->name, err);
}

static int enable(dm_pg *c, work *w, dm_err *err)
{
    return dm_operator_enable(c, w->who, w->reason, w->name, err);
}

static int reset(dm_pg *c, work *w, dm_err *err)
{
    return dm_operator_reset(c, w->who, w->reason, w->name, w->encoded, err);
}

static int make_password(dm_api *api, work *w, dm_err *err)
{
    const dm_password_cost cost = dm_api_password_cost(api);
    int r = dm_recovery_new(w->password, err);
    return r < 0 ? r : dm_password_hash(&cost, dm_str_c(w->password), w->encoded, err);
}

static int answer(dm_req *req, dm_api *api, const char *what, work *w, dm_err *err)
{
    dm_err why = {0};
    int r = dm_pg_tx(api->ops, &(dm_pg_scope){.read_only = false}, run, w, &why);
    if (r == DM_OPERATOR_NONE)
        return dm_deny(req, DM_NO_OPERATOR_UNKNOWN, what, "no operator is called so");
    if (r == DM_OPERATOR_LAST)
        return dm_deny(req, DM_NO_OPERATOR_LAST, what, "nobody else could sign in");
    if (r == DM_E_EXISTS)
        return dm_deny(req, DM_NO_OPERATOR_TAKEN, what, "an operator has that name, or that address");
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT ? r : dm_fail(err, DM_E_INTERNAL, "%s", why.msg);
    }
    if (w->password[0] == '\0') {
        dm_reply_empty(&req->reply, 204);
        return 0;
    }
    dm_jw j = dm_reply_json(&req->reply, w->act == add ? 201 : 200);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "name", w->name);
    dm_jw_kc(&j, "one_time_password", w->password);
    dm_jw_end(&j);
    return 0;
}

/* --- a new one ---------------------------------------------------------------------------------------------- */

typedef struct fresh {
    char *name, *email, *reason;
} fresh;

static const dm_json_field fields[] = {{"name", DM_JSON_STR, offsetof(fresh, name), DM_JSON_NEED, 1, 64},
        {"email", DM_JSON_STR, offsetof(fresh, email), DM_JSON_NEED, 3, DM_EMAIL_MAX},
        {"reason", DM_JSON_STR, offsetof(fresh, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX}};

static int add_one(dm_req *req, dm_api *api, const fresh *f, dm_err *err)
{
    static const char what[] = "operator.add";
    work w = {.who = dm_ops_who(req), .reason = f->reason, .act = add};
    int r = dm_ops_reason(req, what, f->reason);
    if (r == 0 && !dm_operator_name_ok(dm_str_c(f->name)))
        r = dm_fail(err, DM_E_INVALID, "name: 1 to %d of a-z, 0-9, '.', '_' and '-'", DM_OPERATOR_NAME_MAX);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(f->name), w.name, sizeof w.name, err);
    if (r == 0)
        r = dm_email_read(dm_str_c(f->email), w.email, err);
    if (r == 0)
        r = make_password(api, &w, err);
    if (r == 0)
        r = answer(req, api, what, &w, err);
    explicit_bzero(w.password, sizeof w.password);
    return r < 0 ? r : 0;
}

static int add_now(dm_req *req, void *ctx, dm_err *err)
{
    fresh f = {.name = NULL};
    int r = dm_body_read(req, fields, DM_LEN(fields), &f, err);
    if (r < 0)
        return r;
    r = add_one(req, ctx, &f, err);
    dm_json_done(fields, DM_LEN(fields), &f);
    return r;
}

/* A hash takes its time: on the line for passwords, in the share of who asks. */
static int hop(dm_req *req, dm_api *api, dm_http_handler fn, dm_err *err)
{
    const dm_later_at at = {.line = DM_LATER_PROOFS, .project = {~dm_session_of(req)->in.operator_.v}};
    return dm_later_hop(api->later, at, req, fn, api, err);
}

int dm_route_ops_operator_add(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, add_now, err);
}

/* --- one that is there -------------------------------------------------------------------------------------- */

typedef int act_fn(dm_pg *c, work *w, dm_err *err);

static int on_one(dm_req *req, dm_api *api, const char *what, act_fn *act, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.who = dm_ops_who(req), .reason = why.reason, .act = act};
    if (!dm_operator_name_ok(req->params[0]) || dm_str_to_array(req->params[0], w.name, sizeof w.name, NULL) < 0)
        return dm_deny(req, DM_NO_OPERATOR_UNKNOWN, what, "no operator is called so");
    if (act == reset && strcmp(w.name, dm_session_of(req)->in.name) == 0)
        return dm_deny(req, DM_NO_OPERATOR_SELF, what, "this is another operator's to do");
    if (act == reset)
        r = make_password(api, &w, err);
    if (r == 0)
        r = answer(req, api, what, &w, err);
    explicit_bzero(w.password, sizeof w.password);
    return r;
}

int dm_route_ops_operator_disable(dm_req *req, void *ctx, dm_err *err)
{
    return on_one(req, ctx, "operator.disable", disable, err);
}

int dm_route_ops_operator_enable(dm_req *req, void *ctx, dm_err *err)
{
    return on_one(req, ctx, "operator.enable", enable, err);
}

static int reset_now(dm_req *req, void *ctx, dm_err *err)
{
    return on_one(req, ctx, "operator.reset", reset, err);
}

int dm_route_ops_operator_reset(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, reset_now, err);
}
