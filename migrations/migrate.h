/* migrations/migrate.h: the only way the schema changes. Files NNNN_words.sql, numbered from 1 without a gap, each in
 * one transaction as role dm_migrate, recorded with its SHA-256 in public.dm_migration. A file that was applied and has
 * been edited since is refused; there is no way back. One runs at a time: the rest wait for an advisory lock. */
#ifndef DM_MIGRATIONS_MIGRATE_H
#define DM_MIGRATIONS_MIGRATE_H

#include "base/clock.h"
#include "base/pg.h"

typedef struct dm_migrate_result {
    unsigned known;   /* files in the folder */
    unsigned applied; /* of them, now */
} dm_migrate_result;

/* Called once a file, after it was applied. */
typedef void (*dm_migrate_said)(const char *name, int64_t us, void *arg);

/* conninfo is a superuser's, since roles and the database's grants are made first. said may be NULL. */
int dm_migrate_run(const char *conninfo, const char *dir, const dm_clock *clock, dm_migrate_said said, void *arg,
        dm_migrate_result *out, dm_err *err) DM_NODISCARD;

#endif
