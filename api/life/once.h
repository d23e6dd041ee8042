/* api/life/once.h: an act on one sandbox that carries an Idempotency-Key is done once: the same request with the same
 * key finds it done, whatever became of the first one's answer. A create has the same by its own transactions
 * (tenants/sandbox/idem.h); keys are of a project, whatever they were used for. */
#ifndef DM_API_LIFE_ONCE_H
#define DM_API_LIFE_ONCE_H

#include "api/kit/api.h"
#include "tenants/sandbox/idem.h"

typedef struct dm_once {
    dm_idem idem;
    bool begun; /* the key is this request's: dm_once_end is due */
} dm_once;

enum {
    DM_ONCE_AGAIN = 1, /* it was done before */
    DM_ONCE_ANSWERED,  /* it was refused and the reply is whole */
};

/* 0: go on. Without a key in the request *out says so, and the rest does nothing. A key is bound to method, path and
 * body. DM_E_INVALID for what is no key. */
int dm_once_begin(
        dm_api *api, dm_req *req, const char *what, const dm_sandbox_id *id, dm_once *out, dm_err *err) DM_NODISCARD;
/* done: it stays so; else the key may be used again. What fails here is in our log: the key is then free after a while.
 */
void dm_once_end(dm_api *api, const dm_caller *caller, dm_once *o, bool done);

#endif
