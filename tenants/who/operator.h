/* tenants/who/operator.h: our own people, and what they do about each other. As dm_ops, in the caller's transaction;
 * each act writes its own line of the audit, which is no tenant's. Rows are in sql_operator.c. */
#ifndef DM_TENANTS_WHO_OPERATOR_H
#define DM_TENANTS_WHO_OPERATOR_H

#include "base/json.h"
#include "base/pg.h"

enum { DM_OPERATOR_NAME_MAX = 40 };
enum { DM_OPERATOR_NONE = 1, DM_OPERATOR_LAST = 2 };

/* Small letters, digits, ".", "_" and "-". */
bool dm_operator_name_ok(dm_str name);

/* With a password for his first sign-in alone. *made false: only_first, and there is one already. Address or name
 * taken: DM_E_EXISTS; what can be none: DM_E_INVALID. reason NULL: none was asked for. */
typedef struct dm_operator_new {
    const char *name, *email, *encoded, *reason;
    bool only_first;
} dm_operator_new;
int dm_operator_add(dm_pg *c, const char *who, const dm_operator_new *n, bool *made, dm_err *err) DM_NODISCARD;

/* His sessions end. To disable or enable once more is no other act, and leaves no line. DM_OPERATOR_NONE; and
 * DM_OPERATOR_LAST: nobody else may sign in. */
int dm_operator_disable(dm_pg *c, const char *who, const char *reason, const char *name, dm_err *err) DM_NODISCARD;
int dm_operator_enable(dm_pg *c, const char *who, const char *reason, const char *name, dm_err *err) DM_NODISCARD;
/* Another one-time password, and no second factor until he has made a new one; his sessions end. DM_OPERATOR_NONE. */
int dm_operator_reset(
        dm_pg *c, const char *who, const char *reason, const char *name, const char *encoded, dm_err *err) DM_NODISCARD;

/* --- read --------------------------------------------------------------------------------------------------- */

/* Strings are borrowed of the rows. */
typedef struct dm_operator_row {
    dm_str id, name, email;
    dm_str state; /* "active"; "new": his first sign-in is not through; "disabled" */
    bool second_factor;
    int64_t created_us, disabled_us, seen_us; /* 0: never */
} dm_operator_row;

enum { DM_OPERATORS_SHOWN = 1000 };
/* By name, at most DM_OPERATORS_SHOWN. The caller frees rows. */
int dm_operator_list(dm_pg *c, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_operator_row_read(const dm_pg_rows *rows, size_t i, dm_operator_row *out);
/* Its members, into an object that is open. */
void dm_operator_row_write(dm_jw *w, const dm_operator_row *o);

#endif
