/* /admin: E2B's own operators' routes about teams, by the deployment's token (contract 2.14). */
#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"
#include "api/limits.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/seen.h"
#include "tenants/who/key.h"
#include "tenants/who/project.h"

static int no_team(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_OPS_NO_PROJECT, what, "no such team");
}

/* --- all that a team runs ----------------------------------------------------------------------------------- */

typedef struct killing {
    dm_str project;
    int64_t now_us;
    bool there;
    size_t found, killed; /* in this transaction */
} killing;

/* A hundred in a transaction: their rows say that they are ending, no door opens to them, and the sweep has the workers
 * end them. So it takes no longer than the database does, whatever the workers do. */
static int kill_some(dm_pg *c, void *arg, dm_err *err)
{
    killing *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_seen_filter f = {.project = k->project, .limit = DM_KILL_AT_ONCE, .killable = true};
    dm_seen s;
    k->found = k->killed = 0;
    dm_project p;
    int r = dm_project_find_either(c, k->project, &p, err);
    if (r < 0)
        return r;
    k->there = r == 0;
    r = dm_seen_prefix(DM_STR(""), &f, err);
    if (r == 0 && k->there)
        r = dm_seen_list(c, &f, &rows, NULL, err);
    k->found = r == 0 && rows != NULL ? dm_pg_count(rows) : 0;
    for (size_t i = 0; r >= 0 && i < k->found; i++) {
        r = dm_seen_read(rows, i, &s, err);
        if (r == 0)
            r = dm_sandbox_condemn(c, &s.id, DM_OPS_TOKEN, "asked for by the admin token", k->now_us, err);
        k->killed += r == 0;
    }
    return r < 0 ? r : 0;
}

static int kill_all(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    killing k = {.project = req->params[0], .now_us = dm_wall_us(api->clock)};
    size_t killed = 0, failed = 0;
    int r;
    do {
        r = dm_api_tx_ops(api, kill_some, &k, err);
        killed += r == 0 ? k.killed : 0;
        failed = r == 0 ? k.found - k.killed : 0;
    } while (r == 0 && k.killed > 0 && killed < DM_KILL_MAX);
    if (r < 0)
        return r;
    if (!k.there)
        return no_team(req, "sandbox.kill");
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_ku64(&w, "killedCount", killed);
    dm_jw_ku64(&w, "failedCount", failed);
    dm_jw_end(&w);
    return 0;
}

int dm_route_admin_kill(dm_req *req, void *ctx, dm_err *err)
{
    int r = dm_ops_token(req, ctx, "sandbox.kill");
    return r != 0 ? (r < 0 ? r : 0) : dm_api_hop(req, ctx, DM_LATER_STOPS, kill_all, err);
}

/* --- what runs ---------------------------------------------------------------------------------------------- */

static int count(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_seen_running(c, DM_NODES_MAX, rows, err);
}

static int running(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_api_tx_ops(ctx, count, &rows, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        char id[DM_UUID_TEXT];
        if (dm_str_to_array(dm_pg_str(rows, i, 0), id, sizeof id, err) < 0)
            return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
        dm_jw_ki64(&w, id, dm_pg_i64(rows, i, 1));
    }
    dm_jw_end(&w);
    return 0;
}

int dm_route_admin_running(dm_req *req, void *ctx, dm_err *err)
{
    int r = dm_ops_token(req, ctx, "sandbox.count");
    return r != 0 ? (r < 0 ? r : 0) : dm_api_hop(req, ctx, DM_LATER_READS, running, err);
}

/* --- its keys ----------------------------------------------------------------------------------------------- */

typedef struct keying {
    dm_str team;
    char id[DM_UUID_TEXT]; /* of the key to revoke; "" : one is made */
    char *name;            /* as it was given, and without blanks around it: */
    dm_str called;
    dm_key_made made;
} keying;

enum { NO_TEAM = 16 }; /* beside DM_KEY_NONE */

static int do_key(dm_pg *c, void *arg, dm_err *err)
{
    keying *k = arg;
    dm_project p;
    int r = dm_project_find_either(c, k->team, &p, err);
    if (r != 0)
        return r < 0 ? r : NO_TEAM;
    const dm_caller by = dm_caller_of_operator(DM_OPS_TOKEN, p.owner);
    if (k->id[0] != '\0')
        return dm_key_revoke(c, &by, k->id, err);
    return dm_key_add(c, &by, &(dm_key_new){.name = k->called}, &k->made, err);
}

/* The only moment at which the key's text is there. */
static void write_key(dm_req *req, const keying *k)
{
    const dm_key_mask mask = dm_key_mask_of(&k->made.key);
    dm_jw w = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "id", k->made.id);
    dm_jw_kstr(&w, "name", k->called);
    dm_jw_kc(&w, "key", k->made.key.s);
    dm_jw_kc(&w, "maskedKey", mask.s);
    dm_jw_end(&w);
}

int dm_route_admin_key_add(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "key.add";
    static const dm_json_field fields[] = {{"name", DM_JSON_STR, 0, DM_JSON_OPT, 0, 200}};
    keying k = {.team = req->params[0], .called = DM_STR_INIT("")};
    int r = dm_ops_token(req, ctx, what);
    if (r == 0)
        r = dm_body_read(req, fields, DM_LEN(fields), &k.name, err);
    if (r == 0 && k.name != NULL && k.name[0] != '\0')
        r = dm_name_member(k.name, &k.called, err);
    if (r != 0) {
        dm_json_done(fields, DM_LEN(fields), &k.name);
        return r < 0 ? r : 0;
    }
    r = dm_api_tx_ops(ctx, do_key, &k, err);
    if (r == 0)
        write_key(req, &k);
    else if (r == NO_TEAM)
        r = no_team(req, what);
    else if (r > 0)
        r = dm_deny_key(req, what, r);
    dm_json_done(fields, DM_LEN(fields), &k.name);
    explicit_bzero(&k.made, sizeof k.made);
    return r;
}

int dm_route_admin_key_revoke(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "key.revoke";
    keying k = {.team = req->params[0]};
    int r = dm_ops_token(req, ctx, what);
    if (r != 0)
        return r < 0 ? r : 0;
    r = DM_KEY_NONE;
    if (dm_uuid_ok(req->params[1]) && dm_str_to_array(req->params[1], k.id, sizeof k.id, NULL) == 0)
        r = dm_api_tx_ops(ctx, do_key, &k, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    else if (r == NO_TEAM)
        r = no_team(req, what);
    else if (r == DM_KEY_NONE)
        r = dm_deny(req, DM_NO_KEY_UNKNOWN, what, "no such key");
    return r;
}
