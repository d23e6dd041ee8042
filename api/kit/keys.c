#include "api/kit/keys.h"

#include <stdio.h>

#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "tenants/who/name.h"

typedef struct work {
    dm_api *api;
    const dm_caller *by;
    const char *id;
    const dm_key_new *want;
    const dm_key_change *change;
    dm_str name;
    int64_t token_no;
    dm_key_made *made;
    dm_access_made *access;
    dm_key *key;
    dm_pg_rows **rows;
} work;

static void again(const work *w)
{
    dm_pg_rows_free(*w->rows);
    *w->rows = NULL;
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static int add(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_add(c, w->by, w->want, w->made, err);
}

int dm_keys_add(dm_api *api, const dm_caller *by, const dm_key_new *want, dm_key_made *out, dm_err *err)
{
    work w = {.by = by, .want = want, .made = out};
    return dm_api_tx(api, by, add, &w, err);
}

static int alter(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_alter(c, w->by, w->id, w->change, err);
}

int dm_keys_alter(dm_api *api, const dm_caller *by, const char *id, const dm_key_change *want, dm_err *err)
{
    work w = {.by = by, .id = id, .change = want};
    return dm_api_tx(api, by, alter, &w, err);
}

static int end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_revoke(c, w->by, w->id, err);
}

int dm_keys_revoke(dm_api *api, const dm_caller *by, const char *id, dm_err *err)
{
    work w = {.by = by, .id = id};
    int r = dm_api_tx(api, by, end, &w, err);
    if (r == 0)
        dm_auth_forget(api->auth); /* here at once; elsewhere as soon as the database has said so */
    return r;
}

static int list(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    again(w);
    return dm_key_list(c, w->by->owner, w->rows, err);
}

int dm_keys_list(dm_api *api, const dm_caller *by, dm_pg_rows **out, dm_err *err)
{
    work w = {.by = by, .rows = out};
    return dm_api_tx(api, by, list, &w, err);
}

static int find(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    again(w);
    return dm_key_find(c, w->by->owner, w->id, w->rows, err);
}

int dm_keys_find(dm_api *api, const dm_caller *by, const char *id, dm_pg_rows **out, dm_err *err)
{
    work w = {.by = by, .id = id, .rows = out};
    return dm_api_tx(api, by, find, &w, err);
}

/* Derived, so that it is kept nowhere and yet the same the next time: of the token, the project, and how many of them
 * were revoked before. */
static int derive(const work *w, int64_t turn, dm_err *err)
{
    char of[128];
    dm_digest mac;
    (void)snprintf(of, sizeof of, "%lld:%s:%lld", (long long)w->token_no, w->by->project_id, (long long)turn);
    int r = dm_secret_mac(w->api->master, "fetched key", dm_str_c(of), &mac, err);
    if (r == 0)
        *w->key = dm_key_of_bytes(mac.b);
    explicit_bzero(&mac, sizeof mac);
    return r;
}

static int fetch(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    int64_t turn = 0;
    int r = dm_key_fetched(c, w->by, w->token_no, &turn, err);
    if (r == 0)
        r = derive(w, turn, err);
    return r < 0 ? r : dm_key_fetch(c, w->by, w->token_no, w->key, err);
}

int dm_keys_fetch(dm_api *api, const dm_caller *by, int64_t token_no, dm_key *out, dm_err *err)
{
    work w = {.api = api, .by = by, .token_no = token_no, .key = out};
    return dm_api_tx(api, by, fetch, &w, err);
}

/* --- access tokens ------------------------------------------------------------------------------------------ */

static int add_access(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_access_add(c, w->by, w->name, w->access, err);
}

int dm_accesses_add(dm_api *api, const dm_caller *by, dm_str name, dm_access_made *out, dm_err *err)
{
    work w = {.by = by, .name = name, .access = out};
    return dm_api_tx_person(api, by, add_access, &w, err);
}

static int end_access(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return w->id != NULL ? dm_access_revoke(c, w->by, w->id, err) : dm_access_end(c, w->by, w->token_no, err);
}

/* By its id, or by its number where none is given. */
static int end_accesses(dm_api *api, work *w, dm_err *err)
{
    int r = dm_api_tx_person(api, w->by, end_access, w, err);
    if (r == 0)
        dm_auth_forget(api->auth); /* the keys that it fetched */
    return r;
}

int dm_accesses_revoke(dm_api *api, const dm_caller *by, const char *id, dm_err *err)
{
    work w = {.by = by, .id = id};
    return end_accesses(api, &w, err);
}

int dm_accesses_end(dm_api *api, const dm_caller *by, int64_t token_no, dm_err *err)
{
    work w = {.by = by, .token_no = token_no};
    return end_accesses(api, &w, err);
}

static int list_access(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    again(w);
    return dm_access_list(c, w->by, w->rows, err);
}

int dm_accesses_list(dm_api *api, const dm_caller *by, dm_pg_rows **out, dm_err *err)
{
    work w = {.by = by, .rows = out};
    return dm_api_tx_person(api, by, list_access, &w, err);
}

/* --- said and answered -------------------------------------------------------------------------------------- */

bool dm_row_param(dm_str text, char out[DM_UUID_TEXT])
{
    return dm_uuid_ok(text) && dm_str_to_array(text, out, DM_UUID_TEXT, NULL) == 0;
}

int dm_name_member(const char *name, dm_str *out, dm_err *err)
{
    dm_str trimmed = dm_str_trim(dm_str_c(name));
    if (!dm_name_ok(trimmed))
        return dm_fail(
                err, DM_E_INVALID, "\"name\" must have 1 to %d characters and no control characters", DM_NAME_MAX);
    *out = trimmed;
    return 0;
}

int dm_deny_key(dm_req *req, const char *what, int r)
{
    const dm_bound full = {.limit = DM_KEYS_MAX, .current = DM_KEYS_MAX};
    switch (r) {
    case DM_KEY_NONE:
        return dm_deny(req, DM_NO_KEY_UNKNOWN, what, "API key not found");
    case DM_KEY_FULL:
        return dm_deny_bound(req, DM_NO_KEYS_MAX, what, &full, "the project has %d keys", DM_KEYS_MAX);
    case DM_KEY_MORE:
        return dm_deny(req, DM_NO_KEY_RIGHTS, what, "the key would have more rights than you have");
    case DM_KEY_PAST:
        return dm_deny(req, DM_NO_KEY_PAST, what, "the key would have ended already");
    default:
        return r;
    }
}

static int deny_access(dm_req *req, const char *what, int r)
{
    const dm_bound full = {.limit = DM_TOKENS_MAX, .current = DM_TOKENS_MAX};
    switch (r) {
    case DM_ACCESS_NONE:
        return dm_deny(req, DM_NO_ACCESS_UNKNOWN, what, "access token not found");
    case DM_ACCESS_FULL:
        return dm_deny_bound(req, DM_NO_ACCESS_MAX, what, &full, "you have %d access tokens", DM_TOKENS_MAX);
    default:
        return r;
    }
}

/* --- answers that both mouths give -------------------------------------------------------------------------- */

int dm_answer_key_revoke(dm_req *req, dm_api *api, dm_str text, dm_err *err)
{
    char id[DM_UUID_TEXT];
    int r = DM_KEY_NONE;
    if (dm_row_param(text, id))
        r = dm_keys_revoke(api, &dm_session_of(req)->caller, id, err);
    if (r != 0)
        return dm_deny_key(req, "key.revoke", r);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

int dm_answer_access_revoke(dm_req *req, dm_api *api, dm_str text, dm_err *err)
{
    char id[DM_UUID_TEXT];
    int r = DM_ACCESS_NONE;
    if (dm_row_param(text, id))
        r = dm_accesses_revoke(api, &dm_session_of(req)->caller, id, err);
    if (r != 0)
        return deny_access(req, "token.revoke", r);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

static int show_key(dm_req *req, dm_api *api, const dm_key_made *made, void (*write_row)(dm_jw *w, const dm_key_row *k),
        dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_key_row k;
    int r = dm_keys_find(api, &dm_session_of(req)->caller, made->id, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_CONFLICT, "the key was revoked in the same moment");
    dm_key_row_read(rows, 0, &k);
    dm_jw w = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "key", made->key.s);
    write_row(&w, &k);
    dm_jw_end(&w);
    return 0;
}

int dm_answer_key_add(
        dm_req *req, dm_api *api, const dm_key_new *want, void (*write_row)(dm_jw *w, const dm_key_row *k), dm_err *err)
{
    dm_key_made made;
    int r = dm_keys_add(api, &dm_session_of(req)->caller, want, &made, err);
    if (r != 0)
        return dm_deny_key(req, "key.add", r);
    r = show_key(req, api, &made, write_row, err);
    explicit_bzero(&made, sizeof made);
    return r;
}

int dm_answer_key_alter(dm_req *req, dm_api *api, dm_str text, const dm_key_change *want, int status, dm_err *err)
{
    char id[DM_UUID_TEXT];
    int r = DM_KEY_NONE;
    if (dm_row_param(text, id))
        r = dm_keys_alter(api, &dm_session_of(req)->caller, id, want, err);
    if (r != 0)
        return dm_deny_key(req, "key.change", r);
    dm_reply_empty(&req->reply, status);
    return 0;
}

static const dm_json_field named[] = {{"name", DM_JSON_STR, 0, DM_JSON_NEED, 0, 1024}};

int dm_with_name(dm_req *req, dm_api *api, dm_named_fn fn, const void *arg, dm_err *err)
{
    char *text;
    dm_str name;
    int r = dm_body_read(req, named, DM_LEN(named), &text, err);
    if (r < 0)
        return r;
    r = dm_name_member(text, &name, err);
    if (r == 0)
        r = fn(req, api, name, arg, err);
    dm_json_done(named, DM_LEN(named), &text);
    return r;
}

typedef struct access_as {
    void (*write_row)(dm_jw *w, const dm_access_made *made, dm_str name);
} access_as;

static int make_access(dm_req *req, dm_api *api, dm_str name, const void *arg, dm_err *err)
{
    const access_as *as = arg;
    dm_access_made made;
    int r = dm_accesses_add(api, &dm_session_of(req)->caller, name, &made, err);
    if (r != 0)
        return deny_access(req, "token.add", r);
    dm_jw w = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "token", made.token);
    as->write_row(&w, &made, name);
    dm_jw_end(&w);
    explicit_bzero(&made, sizeof made);
    return 0;
}

int dm_answer_access_add(
        dm_req *req, dm_api *api, void (*write_row)(dm_jw *w, const dm_access_made *made, dm_str name), dm_err *err)
{
    return dm_with_name(req, api, make_access, &(access_as){write_row}, err);
}
