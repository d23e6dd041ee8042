/* tests/support/tenantrig.h: a throw-away PostgreSQL with the real schema and the demo tenant. What a test wants to
 * know it asks as superuser; what it tries goes through the roles of the product. Whatever cannot be made or asked
 * stops the test. */
#ifndef DM_TESTS_SUPPORT_TENANTRIG_H
#define DM_TESTS_SUPPORT_TENANTRIG_H

#include "base/pg.h"

#include "tenants/admin/demo.h"
#include "tests/support/pgtest.h"

typedef struct dm_tenantrig {
    dm_pgtest *pg;
    dm_pg *ops, *api;   /* roles dm_ops, dm_api */
    dm_pg *who;         /* dm_who */
    dm_demo_made demo;  /* made by operator:test */
    char key_file[256]; /* where its key is kept */
} dm_tenantrig;

void dm_tenantrig_start(dm_tenantrig *r);
void dm_tenantrig_stop(dm_tenantrig *r);

/* dm_demo_make once more. */
int dm_tenantrig_demo(dm_tenantrig *r, dm_err *err) DM_NODISCARD;

/* A transaction of role dm_ops without scope, or of role dm_api in the scope of owner. */
int dm_tenantrig_as_ops(dm_tenantrig *r, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
int dm_tenantrig_as_api(dm_tenantrig *r, dm_owner owner, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;
/* Of role dm_who in the scope of a person; 0: nobody's. */
int dm_tenantrig_as_who(dm_tenantrig *r, dm_person_no person, dm_pg_fn fn, void *arg, dm_err *err) DM_NODISCARD;

/* A person (as superuser, like what is below), confirmed; with a role in the demo account, or in its project alone.
 * role
 * "": none. */
typedef struct dm_tenantrig_person {
    dm_person_no no;
    char id[DM_UUID_TEXT];
    char who[64]; /* as the audit has him */
} dm_tenantrig_person;
dm_tenantrig_person dm_tenantrig_add_person(dm_tenantrig *r, const char *email, const char *role, bool whole_account);

/* --- as superuser ------------------------------------------------------------------------------------------- */

dm_pg *dm_tenantrig_open(dm_tenantrig *r); /* a connection of its own */
void dm_tenantrig_sql(dm_tenantrig *r, const char *sql);
/* The first column of the only row, in a text or as a number. */
void dm_tenantrig_text(dm_tenantrig *r, const char *sql, char out[256]);
int64_t dm_tenantrig_number(dm_tenantrig *r, const char *sql);

/* The last line of the audit is this one. */
bool dm_tenantrig_audited(dm_tenantrig *r, dm_owner owner, const char *who, const char *verb, const char *object);
int64_t dm_tenantrig_audits(dm_tenantrig *r); /* how many there are */

#endif
