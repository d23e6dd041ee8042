/* api/kit/request.h: what a request says, read in one way by all mouths. */
#ifndef DM_API_KIT_REQUEST_H
#define DM_API_KIT_REQUEST_H

#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"
#include "base/wire/id.h"

/* {id} of the path: id or id-client. DM_E_INVALID for what cannot be one; what can but is not ours is as good as
 * unknown: DM_E_NOTFOUND. */
int dm_sandbox_param(dm_str text, dm_sandbox_id *out, dm_err *err) DM_NODISCARD;

/* Before a worker is asked: DM_E_UNAVAILABLE when the client has hung up, so that nothing is begun for nobody. */
int dm_client_waits(const dm_req *req, dm_err *err) DM_NODISCARD;

/* The moment that ?as_of= asks for; 0: it does not. DM_E_INVALID for what is no time, or is still to come. */
int dm_as_of(const dm_req *req, const dm_clock *clock, int64_t *at_us, dm_err *err) DM_NODISCARD;

/* The body of a request into a struct by a table of fields; an empty body is an empty object. DM_E_INVALID. */
int dm_body_read(const dm_req *req, const dm_json_field *fields, size_t n, void *out, dm_err *err) DM_NODISCARD;

/* One member of a form (application/x-www-form-urlencoded), decoded into out, which is empty where it is not there.
 * DM_E_INVALID: it is there twice, or its escapes are none. */
int dm_form_read(dm_str body, const char *name, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
