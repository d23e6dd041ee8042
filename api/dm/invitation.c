/* Invitations: /v1/projects/{slug}/invitations, /v1/accounts/{id}/invitations, and /v1/invitations/{token} for whoever
 * has a link. */
#include "tenants/who/invitation.h"

#include <stddef.h>

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"

typedef struct work {
    const dm_caller *by;
    dm_invitation_new want;
    char id[DM_UUID_TEXT];
    dm_str token;
    dm_pg_rows *rows;
    dm_invitation_seen seen;
} work;

static void again(work *w)
{
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
}

static int deny(dm_req *req, const char *what, int r)
{
    const dm_bound open = {.limit = DM_INVITATIONS_OPEN_MAX, .current = DM_INVITATIONS_OPEN_MAX};
    const dm_bound day = {.limit = DM_INVITATIONS_DAY_MAX, .current = DM_INVITATIONS_DAY_MAX};
    switch (r) {
    case DM_INVITATION_NONE:
        return dm_deny(req, DM_NO_INVITATION_UNKNOWN, what, "invitation not found");
    case DM_INVITATION_MORE:
        return dm_deny(req, DM_NO_MEMBER_RIGHTS, what, "that is more than you are here");
    case DM_INVITATION_ROLE:
        return dm_deny(req, DM_NO_MEMBER_ROLE, what, "there is no such role in a project");
    case DM_INVITATION_MEMBER:
        return dm_deny(req, DM_NO_INVITATION_MEMBER, what, "he is a member already");
    case DM_INVITATION_FULL:
        return dm_deny_bound(
                req, DM_NO_INVITATIONS_OPEN, what, &open, "%d invitations are open", DM_INVITATIONS_OPEN_MAX);
    case DM_INVITATION_DAY:
        return dm_deny_bound(req, DM_NO_INVITATIONS_DAY, what, &day, "%d invitations were sent within a day",
                DM_INVITATIONS_DAY_MAX);
    case DM_INVITATION_OTHER:
        return dm_deny(req, DM_NO_INVITATION_OTHER, what, "the invitation is for another address");
    default:
        return r;
    }
}

/* --- by members --------------------------------------------------------------------------------------------- */

static int list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    again(w);
    return dm_invitation_list(c, w->by->owner, &w->rows, err);
}

static dm_str id_of(const void *of, size_t i)
{
    dm_invitation_row v;
    dm_invitation_row_read(of, i, &v);
    return v.id;
}

static void write_row(dm_jw *j, const void *of, size_t i)
{
    dm_invitation_row v;
    dm_invitation_row_read(of, i, &v);
    dm_jw_kstr(j, "id", v.id);
    dm_jw_kstr(j, "email", v.email);
    dm_jw_kstr(j, "role", v.role);
    dm_jw_kstr(j, "made_by", v.made_by);
    dm_write_time(j, "made_at", v.made_us);
    dm_write_time(j, "expires_at", v.expires_us);
}

int dm_route_invitation_list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, list, &w, err);
    const dm_rows_all all = {.order = 'i',
            .of = w.rows,
            .n = dm_pg_count(w.rows),
            .most = DM_MEMBERS_SHOWN,
            .id = id_of,
            .write = write_row};
    if (r == 0)
        r = dm_rows_answer(req, &all, err);
    dm_pg_rows_free(w.rows);
    return r;
}

typedef struct body {
    char *email, *role;
} body;

static const dm_json_field fields[] = {{"email", DM_JSON_STR, offsetof(body, email), DM_JSON_NEED, 1, 320},
        {"role", DM_JSON_STR, offsetof(body, role), DM_JSON_NEED, 1, 32}};

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_invitation_add(c, w->by, &w->want, w->id, err);
}

static int add_one(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    char email[DM_EMAIL_MAX + 1];
    work w = {.by = &dm_session_of(req)->caller,
            .want = {.email = email, .role = dm_role_named(dm_str_c(b->role)), .api_url = api->config->api_url}};
    int r = dm_email_read(dm_str_trim(dm_str_c(b->email)), email, err);
    if (r < 0)
        return r;
    if (w.want.role == DM_ROLES)
        return dm_fail(err, DM_E_INVALID, "\"role\" must be viewer, developer, billing, admin or owner");
    r = dm_api_tx(api, w.by, add, &w, err);
    if (r != 0)
        return deny(req, "invitation.add", r);
    dm_jw j = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "id", w.id);
    dm_jw_kc(&j, "email", email);
    dm_jw_kc(&j, "role", dm_role_name(w.want.role));
    dm_jw_end(&j);
    return 0;
}

int dm_route_invitation_add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add_one(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

static int withdraw(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_invitation_withdraw(c, w->by, w->id, err);
}

int dm_route_invitation_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = DM_INVITATION_NONE;
    if (dm_row_param(req->params[1], w.id))
        r = dm_api_tx(ctx, w.by, withdraw, &w, err);
    if (r != 0)
        return deny(req, "invitation.withdraw", r);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

/* --- by whoever has the link -------------------------------------------------------------------------------- */

static int look(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    again(w);
    return dm_invitation_look(c, w->token, &w->rows, &w->seen, err);
}

static void write_seen(dm_req *req, const dm_invitation_seen *v)
{
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "email", v->email);
    dm_jw_kstr(&j, "role", v->role);
    dm_jw_key(&j, "account");
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "id", v->account_id);
    dm_jw_kstr(&j, "name", v->account);
    dm_jw_end(&j);
    dm_jw_key(&j, "project");
    if (v->slug.n > 0) {
        dm_jw_obj(&j);
        dm_jw_kstr(&j, "slug", v->slug);
        dm_jw_kstr(&j, "name", v->project);
        dm_jw_end(&j);
    } else {
        dm_jw_null(&j);
    }
    dm_jw_kstr(&j, "inviter", v->inviter);
    dm_write_time(&j, "expires_at", v->expires_us);
    dm_jw_end(&j);
}

int dm_route_invitation_look(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    work w = {.token = req->params[0]};
    int r = dm_api_tx_person(ctx, &nobody, look, &w, err);
    if (r == 0)
        write_seen(req, &w.seen);
    else
        r = deny(req, "invitation.get", r);
    dm_pg_rows_free(w.rows);
    return r;
}

static int take(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_invitation_take(c, w->token, err);
}

int dm_route_invitation_accept(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller, .token = req->params[0]};
    int r = dm_api_tx_person(ctx, w.by, take, &w, err);
    if (r != 0)
        return deny(req, "invitation.accept", r);
    dm_reply_empty(&req->reply, 204);
    return 0;
}
