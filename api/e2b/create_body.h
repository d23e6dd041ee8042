/* api/e2b/create_body.h: what a client may say at create (contract: NewSandbox), checked. What we cannot do is refused,
 * never ignored, where ignoring it would leave the client less safe or differently billed than it believes. */
#ifndef DM_API_E2B_CREATE_BODY_H
#define DM_API_E2B_CREATE_BODY_H

#include "base/http.h"
#include "base/wire/worker.h"

#include "api/limits.h"

/* Of variables the build may bring as many again (api/life/admit.h). */
typedef struct dm_create_body {
    char *template;
    int64_t timeout_s; /* the default of the route when the body has none */
    bool secure;
    bool pause_on_timeout, auto_resume;
    int allow_internet;               /* as dm_sandbox has it */
    int64_t vcpus, mem_mib, disk_mib; /* 0: the template's */
    char *metadata;                   /* JSON object */
    char *env;                        /* JSON object of strings */
    char *network;                    /* JSON object: what of it we keep and echo */
} dm_create_body;

enum { DM_CREATE_ANSWERED = 1 }; /* it was refused and the reply is whole */

/* v2: always secured, other default for timeout. 0 or DM_CREATE_ANSWERED; DM_E_INVALID for
 * what is no NewSandbox at all. */
int dm_create_body_read(dm_req *req, bool v2, int64_t timeout_s_max, dm_create_body *out, dm_err *err) DM_NODISCARD;
void dm_create_body_done(dm_create_body *b);

#endif
