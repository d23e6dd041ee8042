/* api/dm/statement.h: how routes about statements read their paths. */
#ifndef DM_API_DM_STATEMENT_H
#define DM_API_DM_STATEMENT_H

#include "base/http.h"

/* The i-th of what a path names behind "statements/": such a path may stand below /v1 or below an account's. */
dm_str dm_statement_param(const dm_req *req, size_t i);

#endif
