/* GET /teams: the projects of a person, each with a key that the command line then works with. The key is made for the
 * token that asks: asked again, the same key comes; it may what its person may, and ends with the token. */
#include "api/e2b/routes.h"
#include "api/kit/keys.h"

static int find(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = ((void **)arg)[0];
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_access_teams(c, ((void **)arg)[1], rows, err);
}

static int write_team(dm_jw *w, dm_api *api, const dm_session *s, const dm_team_row *team, bool first, dm_err *err)
{
    dm_caller in = s->caller;
    dm_key key;
    in.owner = (dm_owner){{team->account_no}, {team->project_no}};
    int r = dm_str_to_array(team->project_id, in.project_id, sizeof in.project_id, err);
    if (r == 0)
        r = dm_keys_fetch(api, &in, s->token_no, &key, err);
    if (r < 0)
        return r;
    dm_jw_obj(w);
    dm_jw_kstr(w, "teamID", team->project_id);
    dm_jw_kstr(w, "name", team->name);
    dm_jw_kc(w, "apiKey", key.s);
    dm_jw_kbool(w, "isDefault", first);
    dm_jw_end(w);
    explicit_bzero(&key, sizeof key);
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    DM_AUTO(dm_pg_rows) rows = NULL;
    void *args[] = {&rows, &s->caller};
    int r = dm_api_tx_person(ctx, &s->caller, find, args, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&w);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_team_row team;
        dm_team_row_read(rows, i, &team);
        r = write_team(&w, ctx, s, &team, i == 0, err);
    }
    dm_jw_arr_end(&w);
    return r;
}

int dm_route_team_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
