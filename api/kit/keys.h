/* api/kit/keys.h: acts on API keys and access tokens (tenants/who/key.h, access.h), each in a transaction of its
 * caller's scope, and how their outcomes are answered: for the two mouths that have them. */
#ifndef DM_API_KIT_KEYS_H
#define DM_API_KIT_KEYS_H

#include "api/kit/api.h"
#include "tenants/who/access.h"

int dm_keys_add(dm_api *api, const dm_caller *by, const dm_key_new *want, dm_key_made *out, dm_err *err) DM_NODISCARD;
int dm_keys_alter(
        dm_api *api, const dm_caller *by, const char *id, const dm_key_change *want, dm_err *err) DM_NODISCARD;
int dm_keys_revoke(dm_api *api, const dm_caller *by, const char *id, dm_err *err) DM_NODISCARD;
int dm_keys_list(dm_api *api, const dm_caller *by, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* One that was made just now. */
int dm_keys_find(dm_api *api, const dm_caller *by, const char *id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The key that an access token fetches in a project, made when it is not there. The same each time, until it is
 * revoked; then another. */
int dm_keys_fetch(dm_api *api, const dm_caller *by, int64_t token_no, dm_key *out, dm_err *err) DM_NODISCARD;

int dm_accesses_add(dm_api *api, const dm_caller *by, dm_str name, dm_access_made *out, dm_err *err) DM_NODISCARD;
int dm_accesses_revoke(dm_api *api, const dm_caller *by, const char *id, dm_err *err) DM_NODISCARD;
int dm_accesses_end(dm_api *api, const dm_caller *by, int64_t token_no, dm_err *err) DM_NODISCARD;
int dm_accesses_list(dm_api *api, const dm_caller *by, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* {id} of a path where it names a row: true, and terminated. What cannot be one is as good as unknown. */
bool dm_row_param(dm_str text, char out[DM_UUID_TEXT]);
/* A name that people give, from a body. DM_E_INVALID, which names the member. */
int dm_name_member(const char *name, dm_str *out, dm_err *err) DM_NODISCARD;
/* A body that has a name and nothing else: fn is called with it, trimmed. */
typedef int (*dm_named_fn)(dm_req *req, dm_api *api, dm_str name, const void *arg, dm_err *err);
int dm_with_name(dm_req *req, dm_api *api, dm_named_fn fn, const void *arg, dm_err *err) DM_NODISCARD;

/* What follows is answered whole, as each mouth writes rows; text is {id} of the path, also where there is none. */
int dm_answer_key_revoke(dm_req *req, dm_api *api, dm_str text, dm_err *err) DM_NODISCARD;
int dm_answer_access_revoke(dm_req *req, dm_api *api, dm_str text, dm_err *err) DM_NODISCARD;
/* 201: the key's text, for the only time, and its row. */
int dm_answer_key_add(dm_req *req, dm_api *api, const dm_key_new *want,
        void (*write_row)(dm_jw *w, const dm_key_row *k), dm_err *err) DM_NODISCARD;
/* status, without a body. */
int dm_answer_key_alter(
        dm_req *req, dm_api *api, dm_str text, const dm_key_change *want, int status, dm_err *err) DM_NODISCARD;
/* 201: the token's text, for the only time, and its row. */
int dm_answer_access_add(dm_req *req, dm_api *api, void (*write_row)(dm_jw *w, const dm_access_made *made, dm_str name),
        dm_err *err) DM_NODISCARD;

/* An outcome that is not 0, answered; a failure is passed on. what: "key.add". */
int dm_deny_key(dm_req *req, const char *what, int r) DM_NODISCARD;

#endif
