/* api/life/create_body.h: what a client may say at create, checked: in E2B's words (contract: NewSandbox) or in those
 * of our own routes. What we cannot do is refused, never ignored, where ignoring it would leave the client less safe or
 * differently billed than it believes. */
#ifndef DM_API_LIFE_CREATE_BODY_H
#define DM_API_LIFE_CREATE_BODY_H

#include "base/http.h"
#include "base/wire/worker.h"

#include "api/life/start.h"
#include "api/limits.h"

/* Of variables the build may bring as many again (api/life/admit.h). */
typedef struct dm_create_body {
    char *template;
    int64_t timeout_s; /* the default of the route when the body has none */
    int64_t idle_s;    /* 0: it does not sleep when idle */
    bool secure;
    bool pause_on_timeout, auto_resume;
    int allow_internet;               /* as dm_sandbox has it */
    int64_t vcpus, mem_mib, disk_mib; /* 0: the template's */
    char *metadata;                   /* JSON object */
    char *env;                        /* JSON object of strings */
    char *network;                    /* JSON object: what of it we keep and echo */
} dm_create_body;

enum { DM_CREATE_IDLE_MIN_S = 5 }; /* it must have time to be talked to */

enum { DM_CREATE_ANSWERED = 1 }; /* it was refused and the reply is whole */

typedef enum dm_create_form {
    DM_CREATE_V1,  /* E2B's first: secured where it is asked for */
    DM_CREATE_V2,  /* E2B's second, as ours: always secured, other default for timeout */
    DM_CREATE_OWN, /* template, spec, vcpus, memory_mib, disk_mib, timeout, on_timeout, auto_resume, env, metadata... */
} dm_create_form;

/* region: the caller's own, the only one there is for him. 0 or DM_CREATE_ANSWERED; DM_E_INVALID for what is none of
 * that form at all. */
int dm_create_body_read(dm_req *req, dm_create_form form, int64_t timeout_s_max, const char *region,
        dm_create_body *out, dm_err *err) DM_NODISCARD;
/* What it asks dm_start_one for, of a request with that body, whose client may go and come again with a key. Points
 * into both. */
dm_start_args dm_create_args(const dm_create_body *b, const dm_req *req);
/* A create goes on in the line for orders, unless its project creates too many a second: that is answered before it
 * takes anybody's place. Returns what the handler is to return. */
int dm_create_hop(dm_req *req, dm_api *api, const char *act, dm_http_handler fn, dm_err *err) DM_NODISCARD;
void dm_create_body_done(dm_create_body *b);

#endif
