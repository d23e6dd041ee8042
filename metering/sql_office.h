/* metering/sql_office.h: statements of metering/office.h. Each runs inside a transaction of role dm_meter. */
#ifndef DM_METERING_SQL_OFFICE_H
#define DM_METERING_SQL_OFFICE_H

#include "base/pg.h"

typedef struct dm_office_who {
    const char *name, *owner, *version; /* owner: this life of it, a uuid */
    bool reaches;                       /* the broker */
} dm_office_who;

/* That it is there, now. */
int dm_sql_office_here(dm_pg *c, const dm_office_who *who, dm_err *err) DM_NODISCARD;
/* It is not there any more. */
int dm_sql_office_gone(dm_pg *c, const char *owner, dm_err *err) DM_NODISCARD;
/* What the sessions of a life are called. */
enum { DM_OFFICE_SESSION = 64 };
void dm_office_session(const char *owner, char out[DM_OFFICE_SESSION]);
/* Whether the office is free: nobody's, given up, of the same name, or of one that has not been heard for so long. It
 * waits for no lock. Where it is, the sessions of who held it are ended: one that is frozen within a transaction would
 * hold its locks for as long. */
int dm_sql_office_free(dm_pg *c, const dm_office_who *who, int64_t silent_s, bool *free, dm_err *err) DM_NODISCARD;
/* The office, where it is free. */
int dm_sql_office_take(dm_pg *c, const dm_office_who *who, int64_t silent_s, bool *taken, dm_err *err) DM_NODISCARD;
/* Gives it up, where it is this one's. */
int dm_sql_office_leave(dm_pg *c, const char *owner, dm_err *err) DM_NODISCARD;
/* Whether another has been heard lately that reaches the broker. */
int dm_sql_office_other(dm_pg *c, const char *owner, int64_t silent_s, bool *other, dm_err *err) DM_NODISCARD;

#endif
