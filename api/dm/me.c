/* GET /v1/me and /v1/ops/me: who signed in, what he is where, and what a page has to know of this deployment. */
#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "tenants/who/mine.h"

typedef struct work {
    const dm_lookas *look;
    dm_pg_rows *accounts, *projects;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->accounts); /* of a try before */
    dm_pg_rows_free(w->projects);
    w->accounts = w->projects = NULL;
    int r = dm_mine_accounts(c, &w->accounts, err);
    return r < 0 ? r : dm_mine_projects(c, &w->projects, err);
}

static void write_user(dm_jw *w, const char *name, const dm_login *l)
{
    dm_jw_key(w, name);
    dm_jw_obj(w);
    dm_jw_kc(w, "id", l->id);
    dm_jw_kc(w, "email", l->email);
    dm_jw_kc(w, "name", l->name);
    dm_jw_kbool(w, "second_factor", l->has_totp);
    if (l->ops)
        dm_jw_kbool(w, "must_change_password", l->one_time);
    dm_jw_end(w);
}

static void write_roles(dm_jw *w, dm_str list)
{
    dm_jw_key(w, "roles");
    dm_jw_arr(w);
    for (dm_str role; dm_str_split(&list, ',', &role);)
        dm_jw_str(w, role);
    dm_jw_arr_end(w);
}

static void write_where(dm_jw *w, const char *name, const dm_pg_rows *rows, const char *const *columns, unsigned n)
{
    dm_jw_key(w, name);
    dm_jw_arr(w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_jw_obj(w);
        for (unsigned c = 0; c < n; c++)
            dm_jw_kstr(w, columns[c], dm_pg_str(rows, i, c));
        write_roles(w, dm_pg_str(rows, i, n));
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void write_maybe(dm_jw *w, const char *name, const char *value)
{
    dm_jw_kc(w, name, value[0] != '\0' ? value : NULL);
}

static void write_deployment(dm_jw *w, const dm_api_config *c)
{
    dm_jw_key(w, "deployment");
    dm_jw_obj(w);
    write_maybe(w, "api_url", c->api_url);
    write_maybe(w, "sandbox_url", c->sandbox_url);
    write_maybe(w, "domain", c->domain);
    dm_jw_kc(w, "region", c->region);
    dm_jw_ku64(w, "period_s", c->period_s);
    dm_jw_end(w);
}

static const char *const account[] = {"id", "name", "tier"}, *const project[] = {"id", "slug", "name", "account"};

static int me(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    dm_login l;
    int r = dm_proof_me(req, api, &l, err);
    if (r == 0)
        r = dm_api_tx_who(api, false, l.no, query, w, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    write_user(&j, "user", &l);
    write_where(&j, "accounts", w->accounts, account, DM_LEN(account));
    write_where(&j, "projects", w->projects, project, DM_LEN(project));
    dm_jw_kc(&j, "operator", NULL);
    dm_jw_kc(&j, "impersonation", NULL);
    write_deployment(&j, api->config);
    dm_jw_end(&j);
    return 0;
}

/* --- an operator who looks as a tenant ---------------------------------------------------------------------- */

static int query_look(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->projects); /* of a try before */
    w->projects = NULL;
    return dm_lookas_projects(c, w->look->id, &w->projects, err);
}

/* Nobody's own: the account, and all that is in it. */
static int me_looking(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    const dm_lookas *l = w->look;
    int r = dm_api_tx_who(api, false, 0, query_look, w, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "user", NULL);
    dm_jw_key(&j, "accounts");
    dm_jw_arr(&j);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "id", l->account_id);
    dm_jw_kc(&j, "name", l->account_name);
    dm_jw_kc(&j, "tier", dm_session_of(req)->caller.tier);
    write_roles(&j, DM_STR("look"));
    dm_jw_end(&j);
    dm_jw_arr_end(&j);
    write_where(&j, "projects", w->projects, project, DM_LEN(project));
    dm_jw_kc(&j, "operator", NULL);
    dm_jw_key(&j, "impersonation");
    dm_jw_obj(&j);
    dm_jw_kc(&j, "id", l->id);
    dm_jw_kc(&j, "who", l->who);
    dm_jw_kc(&j, "why", l->reason);
    dm_write_time(&j, "until", l->until_us);
    dm_jw_end(&j);
    write_deployment(&j, api->config);
    dm_jw_end(&j);
    return 0;
}

int dm_route_me(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.look = dm_session_of(req)->look};
    int r = w.look != NULL ? me_looking(req, ctx, &w, err) : me(req, ctx, &w, err);
    dm_pg_rows_free(w.accounts);
    dm_pg_rows_free(w.projects);
    return r;
}

int dm_route_ops_me(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_login l;
    int r = dm_proof_me(req, api, &l, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    write_user(&j, "operator", &l);
    dm_write_time(&j, "proven_until", dm_api_proven_until_us(api, dm_session_of(req)));
    write_deployment(&j, api->config);
    dm_jw_end(&j);
    return 0;
}
