/* Members of a project and of an account: /v1/projects/{slug}/members, /v1/accounts/{id}/members. */
#include <stddef.h>

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "tenants/who/membership.h"

static int deny(dm_req *req, const char *what, int r)
{
    switch (r) {
    case DM_MEMBERSHIP_NONE:
        return dm_deny(req, DM_NO_MEMBER_UNKNOWN, what, "member not found");
    case DM_MEMBERSHIP_MORE:
        return dm_deny(req, DM_NO_MEMBER_RIGHTS, what, "that is more than you are here");
    case DM_MEMBERSHIP_LAST:
        return dm_deny(req, DM_NO_MEMBER_LAST, what, "the account would have no owner");
    case DM_MEMBERSHIP_ROLE:
        return dm_deny(req, DM_NO_MEMBER_ROLE, what, "there is no such role in a project");
    default:
        return r;
    }
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct work {
    const dm_caller *by;
    const char *person;
    dm_role role;
    dm_pg_rows *rows;
} work;

static int list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_membership_list(c, w->by->owner, &w->rows, err);
}

static dm_str id_of(const void *of, size_t i)
{
    dm_membership_row m;
    dm_membership_row_read(of, i, &m);
    return m.id;
}

static void write_row(dm_jw *w, const void *of, size_t i)
{
    dm_membership_row m;
    dm_membership_row_read(of, i, &m);
    dm_jw_kstr(w, "id", m.id);
    dm_jw_kstr(w, "email", m.email);
    dm_jw_kstr(w, "name", m.name);
    dm_jw_kstr(w, "role", m.role);
    dm_jw_kc(w, "of", m.whole_account != 0 ? "account" : "project");
    dm_jw_kbool(w, "confirmed", m.confirmed != 0);
    dm_jw_kbool(w, "second_factor", m.totp != 0);
    dm_write_time(w, "added_at", m.added_us);
}

int dm_route_member_list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, list, &w, err);
    const dm_rows_all all = {.order = 'm',
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

/* --- changed ------------------------------------------------------------------------------------------------ */

typedef struct body {
    char *role, *person;
} body;

static const dm_json_field role_fields[] = {{"role", DM_JSON_STR, offsetof(body, role), DM_JSON_NEED, 1, 32}};
static const dm_json_field person_fields[] = {{"person", DM_JSON_STR, offsetof(body, person), DM_JSON_NEED, 1, 64}};

static int alter(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_membership_alter(c, w->by, w->person, w->role, err);
}

static int end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_membership_end(c, w->by, w->person, err);
}

static int transfer(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_membership_transfer(c, w->by, w->person, err);
}

static int act(dm_req *req, dm_api *api, dm_pg_fn fn, dm_str person, dm_role role, const char *what, dm_err *err)
{
    char id[DM_UUID_TEXT];
    work w = {.by = &dm_session_of(req)->caller, .person = id, .role = role};
    int r = DM_MEMBERSHIP_NONE;
    if (dm_row_param(person, id))
        r = dm_api_tx(api, w.by, fn, &w, err);
    if (r != 0)
        return deny(req, what, r);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

int dm_route_member_alter(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, role_fields, DM_LEN(role_fields), &b, err);
    if (r < 0)
        return r;
    dm_role role = dm_role_named(dm_str_c(b.role));
    dm_json_done(role_fields, DM_LEN(role_fields), &b);
    if (role == DM_ROLES)
        return dm_fail(err, DM_E_INVALID, "\"role\" must be viewer, developer, billing, admin or owner");
    return act(req, ctx, alter, req->params[1], role, "member.change", err);
}

int dm_route_member_end(dm_req *req, void *ctx, dm_err *err)
{
    return act(req, ctx, end, req->params[1], DM_ROLES, "member.remove", err);
}

int dm_route_member_transfer(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, person_fields, DM_LEN(person_fields), &b, err);
    if (r < 0)
        return r;
    r = act(req, ctx, transfer, dm_str_c(b.person), DM_ROLES, "account.transfer", err);
    dm_json_done(person_fields, DM_LEN(person_fields), &b);
    return r;
}
