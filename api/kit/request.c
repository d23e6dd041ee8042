#include "api/kit/request.h"

#include "base/parse.h"

#include "api/limits.h"

int dm_sandbox_param(dm_str text, dm_sandbox_id *out, dm_err *err)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    dm_str rest = text, id, client = {NULL, 0}, more;
    if (text.n == 0 || text.n > 128 || !dm_str_split(&rest, '-', &id) || id.n == 0 || !dm_str_only(id, set))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (dm_str_split(&rest, '-', &client) && (client.n == 0 || !dm_str_only(client, set)))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (client.p != NULL && dm_str_split(&rest, '-', &more))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (dm_sandbox_id_parse(id, out, NULL) < 0)
        return dm_fail(
                err, DM_E_NOTFOUND, "Sandbox \"%.*s\" doesn't exist or you don't have access to it", (int)id.n, id.p);
    return 0;
}

int dm_client_waits(const dm_req *req, dm_err *err)
{
    return dm_req_gone(req) ? dm_fail(err, DM_E_UNAVAILABLE, "the client has gone") : 0;
}

int dm_as_of(const dm_req *req, const dm_clock *clock, int64_t *at_us, dm_err *err)
{
    dm_str text = dm_req_query(req, "as_of");
    *at_us = 0;
    if (text.p == NULL)
        return 0;
    int r = dm_parse_rfc3339(text, at_us, err);
    if (r == 0 && (*at_us <= 0 || *at_us > dm_wall_us(clock)))
        r = dm_fail(err, DM_E_INVALID, "it is no moment that has been");
    return r < 0 ? dm_wrap(err, "as_of") : 0;
}

int dm_body_read(const dm_req *req, const dm_json_field *fields, size_t n, void *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_str text = dm_str_trim(req->body).n > 0 ? req->body : DM_STR("{}");
    int r = dm_json_load(text, DM_API_BODY_MAX, &obj, err);
    if (r < 0)
        return dm_wrap(err, "body");
    return dm_json_decode(obj, fields, n, out, err);
}

int dm_form_read(dm_str body, const char *name, dm_buf *out, dm_err *err)
{
    dm_str rest = body, pair, key;
    bool found = false;
    dm_buf_reset(out);
    while (dm_str_split(&rest, '&', &pair)) {
        if (!dm_str_split(&pair, '=', &key) || !dm_str_eq_c(key, name))
            continue;
        if (found)
            return dm_fail(err, DM_E_INVALID, "%s is there twice", name);
        found = true;
        int r = dm_url_decode(out, pair, true, err);
        if (r < 0)
            return dm_wrap(err, "%s", name);
    }
    return 0;
}
