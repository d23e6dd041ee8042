/* api/life/claims.h: telling workers which new sandboxes somebody has been given. Until its worker has heard so, no
 * second of a sandbox counts, and one that nobody claims ends unbilled (base/wire/worker.h): so a claim is made when
 * the answer that gives a sandbox away has left, and not before. One thread sends what has gathered, and sends it again
 * until it was heard. Thread-safe. */
#ifndef DM_API_LIFE_CLAIMS_H
#define DM_API_LIFE_CLAIMS_H

#include "base/http.h"
#include "base/log.h"
#include "base/wire/id.h"

#include "api/life/dispatch.h"
#include "api/limits.h"

typedef struct dm_claims dm_claims;

/* All borrowed. threaded false: a claim is sent at once, on the caller's thread (tests of one handler). path: a file of
 * this instance alone, in which stands what is being given and not yet claimed (given.h), and what an earlier life of
 * it left there is claimed now: nobody knows of those on whose answers it died whether they left; NULL, or where it
 * cannot be had (the log says so): nothing is kept. */
int dm_claims_new(dm_dispatch *dispatch, dm_log *log, const dm_clock *clock, bool threaded, const char *path,
        dm_claims **out, dm_err *err) DM_NODISCARD;
/* Sends what is left, once. */
void dm_claims_free(dm_claims *c);
DM_DEFINE_FREEP(dm_claims)

/* The answer to req gives the sandbox away. When it has left, the sandbox is claimed; when nobody was there to take it,
 * the worker ends the sandbox, unbilled, unless it can be asked for again (by an Idempotency-Key): then it is claimed.
 */
int dm_claims_all_when_sent(dm_claims *c, dm_req *req, dm_worker_no worker, const dm_sandbox_id *ids, size_t n,
        dm_err *err) DM_NODISCARD; /* of several */
int dm_claims_when_sent(dm_claims *c, dm_req *req, dm_worker_no worker, const dm_sandbox_id *id, bool asked_again,
        dm_err *err) DM_NODISCARD;

#endif
