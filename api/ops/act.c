#include "api/ops/act.h"

#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/request.h"

static const dm_json_field fields[] = {
        {"reason", DM_JSON_STR, offsetof(dm_ops_why, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX}};

void dm_ops_why_done(dm_ops_why *w)
{
    dm_json_done(fields, DM_LEN(fields), w);
}

static size_t characters(dm_str text)
{
    size_t n = 0;
    for (size_t step; text.n > 0 && (step = dm_utf8_step(text)) > 0; n++) {
        text.p += step;
        text.n -= step;
    }
    return n;
}

int dm_ops_reason(dm_req *req, const char *what, const char *reason)
{
    if (dm_str_trim(dm_str_c(reason)).n > 0 && characters(dm_str_c(reason)) <= DM_REASON_MAX)
        return 0;
    int r = dm_deny(
            req, DM_NO_OPS_REASON, what, "an operator's act has a reason, of 1 to %d characters", DM_REASON_MAX);
    return r < 0 ? r : 1;
}

int dm_ops_why_read(dm_req *req, const char *what, dm_ops_why *out, dm_err *err)
{
    int r = dm_body_read(req, fields, DM_LEN(fields), out, err);
    return r < 0 ? r : dm_ops_reason(req, what, out->reason);
}

int dm_ops_status_ok(dm_str status, dm_err *err)
{
    bool good = status.p == NULL || dm_str_eq_c(status, "draft") || dm_str_eq_c(status, "approved") ||
                dm_str_eq_c(status, "withdrawn");
    return good ? 0 : dm_fail(err, DM_E_INVALID, "status must be draft, approved or withdrawn");
}

static bool is_token(const dm_api *api, dm_str given)
{
    uint8_t bytes[DM_KEY];
    return given.p != NULL && dm_parse_hex(given, bytes, sizeof bytes, NULL) == 0 &&
           dm_str_eq_secret((dm_str){(const char *)bytes, sizeof bytes},
                   (dm_str){(const char *)api->admin_token, sizeof api->admin_token});
}

int dm_ops_token(dm_req *req, const dm_api *api, const char *what)
{
    int r;
    if (!api->has_admin_token)
        r = dm_deny(req, DM_NO_ADMIN_OFF, what, "this deployment has no admin token");
    else if (!is_token(api, dm_req_header(req, "X-Admin-Token")))
        r = dm_deny(req, DM_NO_ADMIN_TOKEN, what, "the admin token is missing or wrong");
    else
        return 0;
    return r < 0 ? r : 1;
}

int dm_ops_proven(dm_req *req, const dm_api *api, const char *what)
{
    if (dm_api_proven(api, dm_session_of(req)))
        return 0;
    int r = dm_deny(req, DM_NO_PROOF_NEEDED, what, "this asks for the second factor once more");
    return r < 0 ? r : 1;
}

dm_jw dm_ops_ordered(dm_req *req, const char *name, int64_t no, const char *state)
{
    dm_jw j = dm_reply_json(&req->reply, 202);
    dm_jw_obj(&j);
    dm_jw_ki64(&j, name, no);
    dm_jw_kc(&j, "state", state);
    return j;
}

const char *dm_ops_who(const dm_req *req)
{
    return dm_session_of(req)->caller.who;
}
