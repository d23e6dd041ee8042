#include "api/kit/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/api.h"

void dm_hint(dm_reply *reply, const char *name, dm_str value)
{
    if (dm_reply_header(reply, name, value, NULL) < 0)
        return;
}

static bool has(const dm_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->nheaders; i++)
        if (strcasecmp(reply->headers[i].name, name) == 0)
            return true;
    return false;
}

void dm_hint_retry(dm_reply *reply, int status, int32_t retry_after_s)
{
    char seconds[16];
    if (retry_after_s < 0) {
        if (status == 429 || status >= 500)
            dm_hint(reply, "Should-Retry", DM_STR("false"));
        return;
    }
    if (has(reply, "Retry-After")) /* the server says it itself when it refuses for want of room */
        return;
    (void)snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    dm_hint(reply, "Retry-After", dm_str_c(seconds));
}

void dm_deny_why(dm_req *req, const dm_err *why)
{
    req->reply.why = *why;
}

/* denial: what stands in it, unless as brings one. */
static void say(dm_req *req, const dm_deny_as *as, const dm_denial *denial, const char *message)
{
    dm_jw w = dm_reply_json(&req->reply, as->status);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", as->status);
    dm_jw_kc(&w, "message", message);
    if (as->error_code != NULL)
        dm_jw_kc(&w, "error_code", as->error_code);
    dm_jw_key(&w, "denial");
    if (as->denial != NULL && as->denial[0] != '\0')
        dm_jw_raw(&w, dm_str_c(as->denial));
    else
        dm_denial_write(&w, denial);
    dm_jw_end(&w);
    dm_hint_retry(&req->reply, as->status, as->retry_after_s);
    req->reply.refused_by = denial->rule;
    dm_refused(req, dm_session_of(req), denial, as->denial);
    if (req->reply.why.msg[0] == '\0')
        (void)snprintf(req->reply.why.msg, sizeof req->reply.why.msg, "%s", message);
}

static void say_row(dm_req *req, dm_no no, const dm_denial *denial, const char *message)
{
    const dm_no_row *row = dm_no_get(no);
    const dm_deny_as as = {
            .status = row->status, .error_code = row->error_code, .retry_after_s = denial->retry_after_s};
    say(req, &as, denial, message);
}

int dm_deny(dm_req *req, dm_no no, const char *what, const char *fmt, ...)
{
    char message[512];
    const dm_denial d = dm_no_denial(no, what);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    say_row(req, no, &d, message);
    return 0;
}

int dm_deny_bound(dm_req *req, dm_no no, const char *what, const dm_bound *bound, const char *fmt, ...)
{
    char message[512];
    dm_denial d = dm_no_denial(no, what);
    d.has_limit = d.has_current = true;
    d.limit = bound->limit;
    d.current = bound->current;
    d.allowed = bound->allowed;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    say_row(req, no, &d, message);
    return 0;
}

int dm_deny_other(dm_req *req, dm_no no, const char *what, const dm_deny_as *as, const char *message)
{
    dm_denial d = dm_no_denial(no, what);
    d.retry_after_s = as->retry_after_s;
    say(req, as, &d, message);
    return 0;
}

void dm_write_time(dm_jw *w, const char *name, int64_t us)
{
    dm_jw_ktime(w, name, us);
}
