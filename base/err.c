#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How much of the context dm_wrap keeps when context and cause do not both fit: the cause is worth more. */
enum { CONTEXT_MIN = 95 };

/* Formats beside err->msg and copies, because a caller may pass err->msg itself as an argument. */
static DM_PRINTF(4, 0) int fail_v(dm_err *err, int code, int sys, const char *fmt, va_list ap)
{
    char msg[sizeof(err->msg)];
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
        msg[0] = '\0';
    err->code = code;
    err->sys = sys;
    memcpy(err->msg, msg, sizeof(msg));
    return code;
}

int dm_fail(dm_err *err, int code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    va_list ap;
    va_start(ap, fmt);
    (void)fail_v(err, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

static int code_of_errno(int sys)
{
    switch (sys) {
    case ENOMEM:
        return DM_E_NOMEM;
    case ENOENT:
        return DM_E_NOTFOUND;
    case EEXIST:
        return DM_E_EXISTS;
    default:
        return DM_E_IO;
    }
}

int dm_fail_sys(dm_err *err, int sys, const char *fmt, ...)
{
    int code = code_of_errno(sys);
    if (err == NULL)
        return code;
    va_list ap;
    va_start(ap, fmt);
    (void)fail_v(err, code, sys, fmt, ap);
    va_end(ap);

    char words[128];
    const char *what = strerror_r(sys, words, sizeof(words));
    size_t at = strlen(err->msg);
    (void)snprintf(err->msg + at, sizeof(err->msg) - at, "%s%s", at > 0 ? ": " : "", what);
    return code;
}

int dm_wrap(dm_err *err, const char *fmt, ...)
{
    /* Without an err the code is lost; what is left is that something failed. */
    if (err == NULL)
        return DM_E_INTERNAL;
    if (err->code >= 0)
        err->code = DM_E_INTERNAL;

    char context[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(context, sizeof(context), fmt, ap) < 0)
        context[0] = '\0';
    va_end(ap);

    const size_t max = sizeof(err->msg) - 1;
    size_t front = strlen(context);
    size_t cause = strlen(err->msg);
    if (front + 2 + cause > max && front > CONTEXT_MIN) {
        size_t left = cause + 2 < max ? max - 2 - cause : 0;
        front = left > CONTEXT_MIN ? left : CONTEXT_MIN;
    }
    if (front + 2 + cause > max)
        cause = max - 2 - front;
    memmove(err->msg + front + 2, err->msg, cause);
    memcpy(err->msg, context, front);
    memcpy(err->msg + front, ": ", 2);
    err->msg[front + 2 + cause] = '\0';
    return err->code;
}

const char *dm_code_name(int code)
{
    static const char *const names[] = {
            [-DM_E_INVALID] = "invalid",
            [-DM_E_NOMEM] = "no memory",
            [-DM_E_IO] = "io",
            [-DM_E_LIMIT] = "limit",
            [-DM_E_NOTFOUND] = "not found",
            [-DM_E_EXISTS] = "exists",
            [-DM_E_TIMEOUT] = "timeout",
            [-DM_E_PROTO] = "protocol",
            [-DM_E_UNAVAILABLE] = "unavailable",
            [-DM_E_CORRUPT] = "corrupt",
            [-DM_E_CONFLICT] = "conflict",
            [-DM_E_DENIED] = "denied",
            [-DM_E_INTERNAL] = "internal",
    };
    if (code == 0)
        return "ok";
    if (code > 0 || code < DM_E_INTERNAL)
        return "unknown";
    return names[-code];
}
