/* api/export/download.h: links by which a finished file is fetched without a key or a cookie, for a while: signed with
 * a key that all replicas have, and good for one file of one account or legal entity. */
#ifndef DM_API_EXPORT_DOWNLOAD_H
#define DM_API_EXPORT_DOWNLOAD_H

#include "api/kit/api.h"
#include "metering/ask/export.h"

enum { DM_DOWNLOAD_URL = 1200 };
enum { DM_DOWNLOAD_NONE = 1 }; /* the link is over, or none of ours */

/* The link, and when it is over. */
int dm_download_url(dm_api *api, dm_export_whose whose, dm_str id, char url[DM_DOWNLOAD_URL], int64_t *until_us,
        dm_err *err) DM_NODISCARD;
/* What a link is to; nothing is looked up for it. 0 or DM_DOWNLOAD_NONE. *id is part of the link. */
int dm_download_read(dm_api *api, dm_str link, dm_export_whose *whose, dm_str *id, dm_err *err) DM_NODISCARD;
/* A finished export as the answer. 0: answered, also with a refusal. */
int dm_download_answer(dm_req *req, dm_api *api, const dm_export *e, dm_err *err) DM_NODISCARD;

#endif
