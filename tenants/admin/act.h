/* tenants/admin/act.h: an act on what is there, as all commands do one: with a reason, in one transaction, and with a
 * line in the audit. What one may and what needs another person is the act's own to say; it says so in outcomes, and
 * here they get their words. */
#ifndef DM_TENANTS_ADMIN_ACT_H
#define DM_TENANTS_ADMIN_ACT_H

#include "base/buf.h"
#include "base/wire/number.h"

#include "tenants/admin/list.h"

typedef struct dm_admin_act {
    const dm_admin_args *a;
    const char *verb;                                          /* of the audit */
    int (*act)(dm_pg *c, struct dm_admin_act *w, dm_err *err); /* 0: done, and what follows is set; no outcomes */
    const void *of;                                            /* the act's own */
    int64_t no;
    dm_account_no owner; /* 0: it is nobody's in particular */
    char object[80], printed[256];
    bool again;    /* it was done before, and is no line of the audit */
    dm_buf detail; /* of the audit: a JSON object, or nothing */
} dm_admin_act;

/* Does it, and prints what it says. */
int dm_admin_do(dm_pg *c, dm_admin_act *w, dm_err *err) DM_NODISCARD;

/* An outcome in words, one an enum's number; NULL: there is none of that number. */
typedef struct dm_admin_said {
    int code;
    const char *words;
} dm_admin_said;
/* A failure as it is, an outcome as a failure with its words. */
int dm_admin_told(const dm_admin_said *all, size_t n, int r, dm_err *err) DM_NODISCARD;

/* --no, into w->no. */
int dm_admin_no(dm_admin_act *w, dm_err *err) DM_NODISCARD;
int dm_admin_id(const char *id, const char *option, dm_err *err) DM_NODISCARD;
/* "2026-03" of --month as its first day. */
int dm_admin_month(const dm_admin_args *a, char out[16], dm_err *err) DM_NODISCARD;

#endif
