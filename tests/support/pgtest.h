/* tests/support/pgtest.h: a PostgreSQL of its own for a test: made in a folder under /tmp, or what DM_TEST_DIR says,
 * without TCP, as user postgres when the test is root, and gone with it. */
#ifndef DM_TESTS_SUPPORT_PGTEST_H
#define DM_TESTS_SUPPORT_PGTEST_H

#include "base/err.h"

typedef struct dm_pgtest dm_pgtest;

/* With DM_TEST_FSYNC in the environment it waits for the disk, as in production. Takes a second or two. DM_E_NOTFOUND
 * when PostgreSQL is not installed. */
int dm_pgtest_start(dm_pgtest **out, dm_err *err) DM_NODISCARD;
void dm_pgtest_free(dm_pgtest *t);
DM_DEFINE_FREEP(dm_pgtest)

/* The connection string of a role; "postgres" is the superuser. Into the caller's array. */
void dm_pgtest_conninfo(const dm_pgtest *t, const char *role, char out[256]);
/* A folder that goes with it, for whatever else the test needs. */
const char *dm_pgtest_dir(const dm_pgtest *t);

#endif
