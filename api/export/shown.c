#include "api/export/shown.h"

#include <stdio.h>

#include "base/parse.h"

#include "api/export/download.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"

/* --- shown -------------------------------------------------------------------------------------------------- */

int dm_export_answer(dm_req *req, dm_api *api, dm_export_whose whose, const dm_pg_rows *rows, int status, dm_err *err)
{
    char url[DM_DOWNLOAD_URL];
    int64_t until = 0;
    dm_export e;
    dm_export_read(rows, 0, &e);
    bool ready = dm_str_eq_c(e.state, "ready");
    int r = ready ? dm_download_url(api, whose, e.id, url, &until, err) : 0;
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, status);
    dm_jw_obj(&j);
    dm_export_write(&j, &e);
    dm_jw_key(&j, "download");
    if (ready) {
        dm_jw_obj(&j);
        dm_jw_kc(&j, "url", url);
        dm_jw_ktime(&j, "until", until);
        dm_jw_end(&j);
    } else {
        dm_jw_null(&j);
    }
    dm_jw_key(&j, "manifest");
    if (e.manifest.p != NULL)
        dm_jw_raw(&j, e.manifest);
    else
        dm_jw_null(&j);
    dm_jw_end(&j);
    return 0;
}

/* --- ordered ------------------------------------------------------------------------------------------------ */

int dm_export_key_read(const dm_req *req, char room[DM_EXPORT_KEY_MAX + 8], dm_export_new *out, dm_err *err)
{
    dm_str key = dm_req_header(req, "Idempotency-Key");
    if (key.p == NULL)
        return 0;
    if (key.n == 0 || key.n > DM_EXPORT_KEY_MAX || !dm_str_only(key, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to %d of a-z, 0-9 and -", DM_EXPORT_KEY_MAX);
    (void)snprintf(room, DM_EXPORT_KEY_MAX + 8, "key:%.*s", (int)key.n, key.p);
    out->key = dm_str_c(room);
    return 0;
}

int dm_export_refuse(dm_req *req, int outcome, const char *what)
{
    switch (outcome) {
    case DM_EXPORT_NONE:
        return dm_deny(req, DM_NO_EXPORT_UNKNOWN, what, "export not found");
    case DM_EXPORT_OVER:
        return dm_deny(req, DM_NO_EXPORT_OVER, what, "it has ended");
    case DM_EXPORT_OTHER:
        return dm_deny(req, DM_NO_IDEM_MISMATCH, what, "this Idempotency-Key came with another request before");
    case DM_EXPORT_MANY:
        return dm_deny(req, DM_NO_EXPORT_MANY, what, "%d exports are not done yet", DM_EXPORT_WAITING_MAX);
    default:
        return outcome;
    }
}
