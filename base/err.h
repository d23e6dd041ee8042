/* base/err.h: how a failure travels. A function returns 0 when done, a negative DM_E_* when it failed and *err
 * says why, and a positive outcome of its own header's enum where the caller has to choose. dm_err lives on the
 * caller's stack, so reporting needs no memory. err may be NULL where the caller does not want the words. */
#ifndef DM_BASE_ERR_H
#define DM_BASE_ERR_H

#include "base/own.h"

enum dm_code {
    DM_E_INVALID = -1, /* the caller, or whoever sent the bytes, is at fault */
    DM_E_NOMEM = -2,
    DM_E_IO = -3,    /* the operating system said no; sys has errno */
    DM_E_LIMIT = -4, /* a bound of ours was reached */
    DM_E_NOTFOUND = -5,
    DM_E_EXISTS = -6,
    DM_E_TIMEOUT = -7,
    DM_E_PROTO = -8,       /* the peer broke the protocol */
    DM_E_UNAVAILABLE = -9, /* a peer is away; trying again may help */
    DM_E_CORRUPT = -10,    /* stored bytes are not what was written */
    DM_E_CONFLICT = -11,   /* the state moved on under the caller */
    DM_E_DENIED = -12,
    DM_E_INTERNAL = -13, /* our own fault */
};

typedef struct dm_err {
    int code;
    int sys;       /* errno, or 0 */
    char msg[256]; /* always terminated */
} dm_err;

/* Sets *err and returns code. */
int dm_fail(dm_err *err, int code, const char *fmt, ...) DM_PRINTF(3, 4);

/* The same for errno value sys: DM_E_NOMEM for ENOMEM, DM_E_NOTFOUND for ENOENT, DM_E_EXISTS for EEXIST,
 * DM_E_IO else. The errno's words are appended. */
int dm_fail_sys(dm_err *err, int sys, const char *fmt, ...) DM_PRINTF(3, 4);

/* Puts context in front of a message on its way up and returns the code that was there. With err NULL that is lost, and
 * the answer is DM_E_INTERNAL: who may be called without err, and is asked for the code, returns its own. */
int dm_wrap(dm_err *err, const char *fmt, ...) DM_PRINTF(2, 3);

/* "not found", "limit", ...: a stable word for logs and metrics. */
const char *dm_code_name(int code);

#endif
