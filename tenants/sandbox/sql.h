/* tenants/sandbox/sql.h: the statements of this room that its other files call. Whoever calls has opened the
 * transaction and set its scope. */
#ifndef DM_TENANTS_SANDBOX_SQL_H
#define DM_TENANTS_SANDBOX_SQL_H

#include "tenants/sandbox/quota.h"
#include "tenants/sandbox/row.h"
#include "tenants/sandbox/sandbox.h"

/* Each instance of the API holds an advisory lock for as long as it lives: of this class, by its number. What is
 * ordered by nobody, or by an instance that is neither $1 nor alive, is nobody's. by: a column. */
#define DM_SQL_INSTANCE_CLASS "68"
#define DM_SQL_NOBODYS(by)                                                                                             \
    "(" by " = 0 OR (" by " <> $1 AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory'"                \
    " AND l.classid = " DM_SQL_INSTANCE_CLASS " AND l.objid = " by "::oid AND l.objsubid = 2 AND l.granted)))"

/* Whose limit a charge met, and what is counted there: how many run, their vCPUs, their memory. */
typedef enum dm_sql_whose { DM_SQL_TAKEN, DM_SQL_FULL, DM_SQL_ACCOUNT_FULL } dm_sql_whose;
typedef struct dm_sql_met {
    dm_sql_whose whose; /* DM_SQL_TAKEN: none, it is charged; else nothing is */
    int64_t used[3];
} dm_sql_met;

/* One charge of both rows, the project's and the account's: a function of the database (dm.quota_take), for a statement
 * more would hold the first row by a round trip longer. Its arguments, in their order, and its answer "met" as columns.
 */
enum { DM_SQL_QUOTA_ARGS = 10 };
#define DM_SQL_QUOTA_MET "coalesce(q.met[1], 0), q.met[2], q.met[3], q.met[4]"
void dm_sql_quota_args(dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_pg_arg out[DM_SQL_QUOTA_ARGS]);
void dm_sql_quota_met(const dm_pg_rows *rows, size_t row, unsigned first, dm_sql_met *out);
int dm_sql_quota_take(dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_sql_met *met,
        dm_err *err) DM_NODISCARD;
/* What that means (quota.c): 0 or DM_QUOTA_OVER, which says by which limit. Pure. */
int dm_quota_judge(const dm_sql_met *met, const dm_quota_size *size, const dm_limits *limits, dm_quota_over *over);
int dm_sql_quota_give(
        dm_pg *c, dm_owner owner, const dm_quota_size *size, int64_t asleep_mib, dm_err *err) DM_NODISCARD;
int dm_sql_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err) DM_NODISCARD;
int dm_sql_quota_asleep_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err) DM_NODISCARD;

/* How the statement that makes several goes about it. */
typedef struct dm_sql_round {
    unsigned patience_ms; /* a row that another holds is waited for so long, then nothing is done; 0: as long as it
                             takes */
    bool last;            /* the commit goes with it */
} dm_sql_round;

/* All that makes a sandbox: a place is found, it is charged, and row and event are written; or, where there is no place
 * or no room, nothing is. Of whatever projects (dm.start_all), in whatever scope. */
typedef struct dm_sql_start {
    const dm_sandbox *s;
    const dm_quota_size *size;
    const dm_limits *limits;
    const char *who;
    char why[64];
    dm_worker_no on;
    dm_worker_no worker; /* out: where; 0: there is no place */
    dm_sql_met met;      /* out */
} dm_sql_start;
int dm_sql_sandbox_start(
        dm_pg *c, dm_sql_start *all, size_t n, int64_t lease_s, const dm_sql_round *round, dm_err *err) DM_NODISCARD;

/* DM_E_CONFLICT when the row is not in old's state and epoch. */
int dm_sql_sandbox_write(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, dm_err *err) DM_NODISCARD;

typedef struct dm_sql_step {
    const dm_sandbox *old, *next;
    int64_t at_us;
    const char *why, *who;
    bool moved; /* out: false: the row is not in old's state and epoch, and nothing was written */
} dm_sql_step;
/* The same, and the event with it. */
int dm_sql_sandbox_step(dm_pg *c, dm_sql_step *step, dm_err *err) DM_NODISCARD;
/* The same of several, of whatever projects, in whatever scope (dm.step_all), and the commit with it. A row that
 * another holds is waited for as in a round. */
int dm_sql_sandbox_steps(dm_pg *c, dm_sql_step *all, size_t n, unsigned patience_ms, dm_err *err) DM_NODISCARD;

#endif
