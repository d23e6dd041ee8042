/* /v1/projects/{slug}/keys: a project's API keys. A key is shown once, in the answer that made it. */
#include <stddef.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"

/* --- shown -------------------------------------------------------------------------------------------------- */

static void write_rights(dm_jw *w, dm_str names)
{
    char all[DM_RIGHTS_TEXT];
    if (dm_str_eq_c(names, "*")) {
        dm_rights_names(dm_rights_of(DM_ROLE_KEY), all);
        names = dm_str_c(all);
    }
    dm_jw_key(w, "rights");
    dm_jw_arr(w);
    for (dm_str name; dm_str_split(&names, ',', &name);)
        dm_jw_str(w, name);
    dm_jw_arr_end(w);
}

/* made_by: who it was, as the audit has him; maker: the person, while he is a member. */
static void write_row(dm_jw *w, const dm_key_row *k)
{
    dm_jw_kstr(w, "id", k->id);
    dm_jw_kstr(w, "name", k->name);
    dm_jw_kstr(w, "mask", k->mask);
    write_rights(w, k->rights);
    dm_jw_kbool(w, "all_rights", dm_str_eq_c(k->rights, "*"));
    dm_jw_kstr(w, "made_by", k->made_by);
    dm_jw_key(w, "maker");
    if (k->maker_id.n > 0) {
        dm_jw_obj(w);
        dm_jw_kstr(w, "id", k->maker_id);
        dm_jw_kstr(w, "email", k->maker_email);
        dm_jw_kstr(w, "name", k->maker_name);
        dm_jw_end(w);
    } else {
        dm_jw_null(w);
    }
    dm_write_time(w, "created_at", k->created_us);
    dm_write_time(w, "last_used_at", k->last_used_us);
    dm_write_time(w, "expires_at", k->expires_us);
}

static dm_str id_of(const void *of, size_t i)
{
    dm_key_row k;
    dm_key_row_read(of, i, &k);
    return k.id;
}

static void write_one(dm_jw *w, const void *of, size_t i)
{
    dm_key_row k;
    dm_key_row_read(of, i, &k);
    write_row(w, &k);
}

int dm_route_key_list(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_keys_list(ctx, &dm_session_of(req)->caller, &rows, err);
    const dm_rows_all all = {
            .order = 'q', .of = rows, .n = dm_pg_count(rows), .most = DM_KEYS_SHOWN, .id = id_of, .write = write_one};
    return r < 0 ? r : dm_rows_answer(req, &all, err);
}

/* --- made and changed --------------------------------------------------------------------------------------- */

typedef struct body {
    char *name, *expires_at;
    bool has_name, has_expires_at;
    json_t *rights;
} body;

static const dm_json_field fields[] = {{"name", DM_JSON_STR, offsetof(body, name), offsetof(body, has_name), 0, 1024},
        {"expires_at", DM_JSON_STR, offsetof(body, expires_at), offsetof(body, has_expires_at), 0, 64},
        {"rights", DM_JSON_ARR, offsetof(body, rights), DM_JSON_OPT, 0, DM_RIGHTS}};

static int read_rights(const json_t *list, dm_rights *out, dm_err *err)
{
    const dm_rights all = dm_rights_of(DM_ROLE_KEY);
    dm_rights rights = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        dm_right right = dm_right_named(dm_str_c(name));
        if (right == DM_RIGHT_NONE || !dm_may(all, right))
            return dm_fail(err, DM_E_INVALID, "\"rights\": a key cannot have %s", name != NULL ? name : "that");
        rights |= UINT64_C(1) << right;
    }
    if (list != NULL && rights == 0)
        return dm_fail(err, DM_E_INVALID, "\"rights\" must name one at least; leave it out for all");
    *out = rights;
    return 0;
}

static int read_expiry(const body *b, int64_t *out, dm_err *err)
{
    if (!b->has_expires_at)
        return 0;
    return dm_parse_rfc3339(dm_str_c(b->expires_at), out, NULL) == 0
                   ? 0
                   : dm_fail(err, DM_E_INVALID, "\"expires_at\" must be a time in UTC, as 2027-01-31T12:00:00Z");
}

static int add(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    dm_key_new want = {.rights = 0};
    int r = dm_name_member(b->name, &want.name, err);
    if (r == 0)
        r = read_rights(b->rights, &want.rights, err);
    if (r == 0)
        r = read_expiry(b, &want.expires_us, err);
    return r < 0 ? r : dm_answer_key_add(req, api, &want, write_row, err);
}

int dm_route_key_add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

/* "expires_at": null takes the end away; without the member it stays. */
static int read_change(const dm_req *req, const body *b, dm_key_change *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    int r = dm_json_load(req->body.n > 0 ? req->body : DM_STR("{}"), DM_API_BODY_MAX, &obj, err);
    if (r == 0 && b->has_name)
        r = dm_name_member(b->name, &out->name, err);
    if (r == 0)
        r = read_expiry(b, &out->expires_us, err);
    if (r < 0)
        return r;
    out->expiry = json_object_get(obj, "expires_at") != NULL;
    return out->expiry || b->has_name ? 0 : dm_fail(err, DM_E_INVALID, "nothing to change: name or expires_at");
}

static int alter(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    dm_key_change want = {.name = {NULL, 0}};
    int r = read_change(req, b, &want, err);
    return r < 0 ? r : dm_answer_key_alter(req, api, req->params[1], &want, 204, err);
}

int dm_route_key_alter(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = alter(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_key_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_key_revoke(req, ctx, req->params[1], err);
}
