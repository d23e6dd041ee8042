/* api/kit/answer.h: how this API says no: E2B's {code, message, error_code?} with our denial beside it. */
#ifndef DM_API_KIT_ANSWER_H
#define DM_API_KIT_ANSWER_H

#include "base/http.h"

#include "api/kit/denial.h"

/* Answers with a refusal and returns 0, as a handler does; fmt is the message. what is the refused act. A row without
 * retry_after_s tells clients not to repeat the request by themselves. */
int dm_deny(dm_req *req, dm_no no, const char *what, const char *fmt, ...) DM_PRINTF(4, 5) DM_NODISCARD;

/* Why we could not, for the log line that a refusal of 500 and above leaves: what the act's err says, never told to the
 * client. Before the refusal; without it the line has the words that the client reads. */
void dm_deny_why(dm_req *req, const dm_err *why);

/* The same with the numbers that bind. */
typedef struct dm_bound {
    int64_t limit, current;
    const char *allowed; /* what is allowed instead; NULL: nothing */
} dm_bound;
int dm_deny_bound(dm_req *req, dm_no no, const char *what, const dm_bound *bound, const char *fmt, ...)
        DM_PRINTF(5, 6) DM_NODISCARD;

/* The same with a status and an error_code that are not the row's, or a denial that another made: an object, as text;
 * "" : the row's own. */
typedef struct dm_deny_as {
    int status;
    const char *error_code;
    const char *denial;
    int32_t retry_after_s;
} dm_deny_as;
int dm_deny_other(dm_req *req, dm_no no, const char *what, const dm_deny_as *as, const char *message) DM_NODISCARD;

/* The headers that say whether a repetition helps; every answer of dm_deny has them. -1: not by waiting. */
void dm_hint_retry(dm_reply *reply, int status, int32_t retry_after_s);

/* A header that helps and whose lack harms nobody: when it does not fit, it is left out. */
void dm_hint(dm_reply *reply, const char *name, dm_str value);

void dm_write_time(dm_jw *w, const char *name, int64_t us); /* null for 0 */

#endif
