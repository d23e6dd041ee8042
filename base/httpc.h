/* base/httpc.h: an HTTP client over libcurl. One handle belongs to one thread at a time; connections are kept. */
#ifndef DM_BASE_HTTPC_H
#define DM_BASE_HTTPC_H

#include "base/buf.h"

typedef struct dm_httpc dm_httpc;

typedef struct dm_httpc_config {
    const char *base;      /* "http://worker" or "http://127.0.0.1:3100" */
    const char *unix_path; /* dials there instead, when not NULL */
    unsigned connect_ms;
} dm_httpc_config;

int dm_httpc_new(const dm_httpc_config *config, dm_httpc **out, dm_err *err) DM_NODISCARD; /* strings are copied */
void dm_httpc_free(dm_httpc *c);
DM_DEFINE_FREEP(dm_httpc)

/* body.p NULL: none, else it goes as application/json. A transport failure is DM_E_UNAVAILABLE (nothing can have
 * reached the peer) or DM_E_TIMEOUT (it may have). Only GET and HEAD are ever sent twice (when a kept connection turns
 * out to be dead). 0 with any status else; the answer's body replaces what is in answer, whose cap bounds it
 * (DM_E_LIMIT). Redirects are not followed, proxies not asked. */
int dm_httpc_call(dm_httpc *c, const char *method, const char *path, dm_str body, unsigned timeout_ms, int *status,
        dm_buf *answer, dm_err *err) DM_NODISCARD;

/* A bounded set of handles for threads that call the same peer. Waiting for a free one is part of timeout_ms, and
 * DM_E_UNAVAILABLE when that is over. free: nobody may be calling. */
typedef struct dm_httpc_pool dm_httpc_pool;
int dm_httpc_pool_new(const dm_httpc_config *config, unsigned max, dm_httpc_pool **out, dm_err *err) DM_NODISCARD;
void dm_httpc_pool_free(dm_httpc_pool *p);
DM_DEFINE_FREEP(dm_httpc_pool)
int dm_httpc_pool_call(dm_httpc_pool *p, const char *method, const char *path, dm_str body, unsigned timeout_ms,
        int *status, dm_buf *answer, dm_err *err) DM_NODISCARD;

#endif
