/* POST .../auth/password: another password, for who has signed in and knows the old one. All his other sessions end. */
#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"

typedef struct ask {
    char *old, *new;
} ask;

static const dm_json_field fields[] = {{"old", DM_JSON_STR, offsetof(ask, old), DM_JSON_NEED, 1, DM_PASSWORD_MAX},
        {"new", DM_JSON_STR, offsetof(ask, new), DM_JSON_NEED, 1, DM_PASSWORD_MAX}};

typedef struct setting {
    const dm_login *l;
    const char *here;
    char encoded[DM_PASSWORD_TEXT];
} setting;

static int set(dm_pg *c, void *arg, dm_err *err)
{
    const setting *s = arg;
    int r = dm_login_set_password(c, s->l, s->encoded, err);
    return r < 0 ? r : dm_session_end_all(c, s->here, "password", err);
}

static int change(dm_req *req, dm_api *api, const ask *a, dm_err *err)
{
    dm_login l;
    setting s = {.l = &l, .here = dm_session_of(req)->in.session};
    int r = dm_proof_me(req, api, &l, err);
    if (r == 0)
        r = dm_proof_again(req, api, &l, a->old, err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    if (strcmp(a->old, a->new) == 0)
        return dm_fail(err, DM_E_INVALID, "new: it is the old one");
    r = dm_proof_hash(api, a->new, s.encoded, err);
    if (r == 0)
        r = dm_api_tx_who(api, l.ops, l.no, set, &s, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

static int change_now(dm_req *req, void *ctx, dm_err *err)
{
    ask a;
    int r = dm_body_read(req, fields, DM_LEN(fields), &a, err);
    if (r < 0)
        return r;
    r = change(req, ctx, &a, err);
    explicit_bzero(a.old, strlen(a.old));
    explicit_bzero(a.new, strlen(a.new));
    dm_json_done(fields, DM_LEN(fields), &a);
    return r;
}

int dm_route_password_change(dm_req *req, void *ctx, dm_err *err)
{
    return dm_proof_hop(req, ctx, change_now, err);
}
