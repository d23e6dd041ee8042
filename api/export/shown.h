/* api/export/shown.h: exports as mouths show them, and as they are ordered: an account's people's, and operators'. */
#ifndef DM_API_EXPORT_SHOWN_H
#define DM_API_EXPORT_SHOWN_H

#include "api/kit/api.h"
#include "metering/ask/export.h"

/* One as the answer, with its manifest and, where it is ready, a link to its file. */
int dm_export_answer(
        dm_req *req, dm_api *api, dm_export_whose whose, const dm_pg_rows *rows, int status, dm_err *err) DM_NODISCARD;

/* The request's Idempotency-Key, which out keeps; it has none: out->key stays as it is. */
int dm_export_key_read(
        const dm_req *req, char room[DM_EXPORT_KEY_MAX + 8], dm_export_new *out, dm_err *err) DM_NODISCARD;
/* An outcome of an order or a cancel, other than done before, as the refusal that it is. */
int dm_export_refuse(dm_req *req, int outcome, const char *what);

#endif
